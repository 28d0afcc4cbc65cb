package codec

import (
	"cmp"
	"context"

	"github.com/trackseal/trackseal/internal/profile"
)

// Decode runs the codec of a profile, as Run.
func (p *Pool) Decode(ctx context.Context, c *profile.Codec, bytes []byte, port int, receivedMS int64) ([]byte, error) {
	return p.Run(ctx, cmp.Or(c.Kind, Auto), []byte(c.Script), Input{Bytes: bytes, FPort: port, RecvMS: receivedMS, Variables: c.Variables})
}
