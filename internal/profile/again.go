package profile

import (
	"bytes"
	"errors"
	"fmt"

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
	case !bytes.Equal(made, e.Decoded):
		return fmt.Errorf("%w: its codec makes %s", ErrDiffers, cut(string(made)))
	}
	return nil
}
