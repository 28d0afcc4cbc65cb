package influx

import (
	"context"
	"errors"
)

// Write stores all points or says why not: ErrUnavailable or *RejectedError. Writing the same points twice changes nothing.
func (c *Client) Write(ctx context.Context, points []Point) error {
	var b Batch
	for _, p := range points {
		if err := b.Add(p); err != nil {
			return &RejectedError{Detail: err.Error()}
		}
	}
	return c.WriteBatch(ctx, &b)
}

// WriteBatch is Write for points that are line protocol already. b may be reused afterwards.
func (c *Client) WriteBatch(ctx context.Context, b *Batch) error {
	if b.points == 0 {
		return nil
	}
	wctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	err := writeError(c.write.WriteRecord(wctx, string(b.buf)))
	if err != nil && ctx.Err() != nil {
		return errors.Join(ErrUnavailable, ctx.Err())
	}
	return err
}
