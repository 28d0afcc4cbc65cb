package profile

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

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

// alike reports whether two outputs say the same, up to the last digits of their numbers. An output has one form, so members stand in one order.
func alike(a, b []byte) bool {
	x, errX := parse(string(a))
	y, errY := parse(string(b))
	return errX == nil && errY == nil && slices.EqualFunc(x.nodes, y.nodes, func(v, w node) bool {
		if v.kind != w.kind || v.name != w.name || v.parent != w.parent || v.children != w.children {
			return false
		}
		return v.text == w.text || v.kind == number && near(v.text, w.text)
	})
}

func near(a, b string) bool {
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	return errX == nil && errY == nil && math.Abs(x-y) <= lastDigits*max(math.Abs(x), math.Abs(y))
}
