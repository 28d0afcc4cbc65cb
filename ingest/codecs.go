package main

import (
	"context"
	"errors"

	"github.com/trackseal/trackseal/ingest/internal/attach"
	"github.com/trackseal/trackseal/internal/codec"
	"github.com/trackseal/trackseal/internal/profile"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// codecs runs profiles' codecs in the pool's children.
type codecs struct{ pool *codec.Pool }

var _ attach.Runner = codecs{}

// Decode gives what a codec is to blame for as a refusal, and all else, such as a system that has no sandbox, as it is.
func (c codecs) Decode(ctx context.Context, p *profile.Profile, bytes []byte, port int, receivedMS int64) ([]byte, error) {
	decoded, err := c.pool.Decode(ctx, p.Document().Codec, bytes, port, receivedMS)
	switch {
	case errors.Is(err, codec.ErrScript):
		return nil, &telemetry.Reject{Reason: telemetry.CodecFailed, Detail: err.Error()}
	case errors.Is(err, codec.ErrLimit), errors.Is(err, codec.ErrDisabled):
		return nil, &telemetry.Reject{Reason: telemetry.CodecLimit, Detail: err.Error()}
	}
	return decoded, err
}
