package profile

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/trackseal/trackseal/internal/telemetry"
)

// Runner runs a codec on what CodecInput gives. A *telemetry.Reject says what is wrong with the message or the script; any other error that
// the codec could not be run here, which proves nothing.
type Runner func(c *Codec, input []byte, port int, receivedMS int64) (decoded []byte, err error)

// ErrNotRun is CheckDecoded's: nobody ran the codec again.
var ErrNotRun = errors.New("the codec was not run again")

// CheckDecoded lets the profile's codec decode again what an envelope holds, and compares. Without a codec there is nothing to check. Errors
// are ErrDiffers and, also for a nil run, ErrNotRun.
func (p *Profile) CheckDecoded(e *telemetry.Envelope, run Runner, receivedMS int64) error {
	c := p.document.Codec
	if c == nil {
		return nil
	}
	if run == nil {
		return ErrNotRun
	}
	input, port, err := p.CodecInput(e.Topic, e.Payload)
	var made []byte
	if err == nil {
		made, err = run(c, input, port, receivedMS)
	}
	_, refused := errors.AsType[*telemetry.Reject](err)
	switch {
	case refused:
		return fmt.Errorf("%w: its codec refuses the message: %w", ErrDiffers, err)
	case err != nil:
		return fmt.Errorf("%w: %w", ErrNotRun, err)
	case !bytes.Equal(made, e.Decoded) && !alike(made, e.Decoded):
		return fmt.Errorf("%w: its codec makes %s", ErrDiffers, cut(string(made)))
	}
	return nil
}

// lastDigits is how far two numbers may be apart, relative to the larger: engines and processors differ in the last digits of powers and
// logarithms, and no operator is a liar by that.
const lastDigits = 1e-12

// alike reports whether two outputs are the same bytes, up to the last digits of their numbers.
func alike(a, b []byte) bool {
	restA, numbersA, errA := apart(string(a))
	restB, numbersB, errB := apart(string(b))
	return errA == nil && errB == nil && restA == restB && slices.EqualFunc(numbersA, numbersB, near)
}

// apart takes the numbers out of a JSON text.
func apart(src string) (rest string, numbers []string, err error) {
	t, err := parse(src)
	if err != nil {
		return "", nil, err
	}
	var b strings.Builder
	from := 0
	for _, n := range t.nodes {
		if n.kind == number {
			b.WriteString(src[from:n.start] + "#")
			numbers, from = append(numbers, n.text), int(n.end)
		}
	}
	return b.String() + src[from:], numbers, nil
}

func near(a, b string) bool {
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	return errX == nil && errY == nil && math.Abs(x-y) <= lastDigits*max(math.Abs(x), math.Abs(y))
}
