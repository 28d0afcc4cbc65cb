package cli

import (
	"context"
	"errors"

	"github.com/trackseal/trackseal/internal/codec"
	"github.com/trackseal/trackseal/internal/profile"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// runner runs the codecs of a bundle's profiles once more. A script that fails refuses the message; one that breaks a limit here may have kept
// it where the message came in, so that says nothing, as where codecs cannot run at all.
func runner(ctx context.Context, pool *codec.Pool) profile.Runner {
	return func(c *profile.Codec, input []byte, port int, receivedMS int64) ([]byte, error) {
		decoded, err := pool.Decode(ctx, c, input, port, receivedMS)
		if errors.Is(err, codec.ErrScript) {
			return nil, &telemetry.Reject{Reason: telemetry.CodecFailed, Detail: err.Error()}
		}
		return decoded, err
	}
}
