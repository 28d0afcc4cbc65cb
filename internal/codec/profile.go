package codec

import (
	"cmp"
	"context"
	"errors"

	"github.com/trackseal/trackseal/internal/profile"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// Decode runs the codec of a profile, as Run.
func (p *Pool) Decode(ctx context.Context, c *profile.Codec, bytes []byte, port int, receivedMS int64) ([]byte, error) {
	return p.Run(ctx, cmp.Or(c.Kind, Auto), []byte(c.Script), Input{Bytes: bytes, FPort: port, RecvMS: receivedMS, Variables: c.Variables})
}

// Runner runs the codecs of profiles once more, to check what they are said to have made. A script that fails refuses the message; one that
// breaks a limit here may have kept it where the message came in, so that says nothing, as where codecs cannot run at all.
func (p *Pool) Runner(ctx context.Context) profile.Runner {
	return func(c *profile.Codec, input []byte, port int, receivedMS int64) ([]byte, error) {
		decoded, err := p.Decode(ctx, c, input, port, receivedMS)
		if errors.Is(err, ErrScript) {
			return nil, &telemetry.Reject{Reason: telemetry.CodecFailed, Detail: err.Error()}
		}
		return decoded, err
	}
}
