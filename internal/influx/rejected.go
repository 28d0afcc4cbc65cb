package influx

import (
	"context"
	"fmt"
	"time"

	"github.com/trackseal/trackseal/internal/stored"
)

// maxQuarantined keeps the base64 of a quarantined message inside InfluxDB's 64 KiB for one string.
const maxQuarantined = 49_149

// Rejected appends a `rejected` point; n tells two of one millisecond apart.
func (b *batch) Rejected(r *stored.Rejected, n uint64) {
	b.buf = append(b.buf, "rejected"...)
	b.tag("reason", r.Reason)
	if r.Tracker != "" {
		b.tag("tracker", r.Tracker)
	}
	b.int(" bytes=", int64(r.Bytes))
	b.int(",count=", int64(r.Count))
	b.string(",detail=", clip(r.Detail, 1024))
	b.string(",hash=", r.Hash)
	b.base64(",raw=", r.Raw[:min(len(r.Raw), maxQuarantined)])
	b.int(",received_ms=", r.ReceivedMS)
	b.string(",topic=", clip(r.Topic, 1024))
	b.end(stored.PointNS(r.ReceivedMS, n))
}

// RejectedOf calls fn for what was refused of a tracker, newest first. fn's error stops it.
func (c *Client) RejectedOf(ctx context.Context, q stored.RejectedQuery, fn func(stored.Rejected, time.Time) error) error {
	stop := int64(maxNS)
	if !q.Before.IsZero() {
		stop = q.Before.UnixNano()
	}
	columns := []string{"reason", "tracker", "topic", "detail", "count", "bytes", "hash", "received_ms"}
	if q.Raw {
		columns = append(columns, "raw")
	}
	type timed struct {
		stored.Rejected
		ns int64
	}
	page, err := gather(ctx, c, fmt.Sprintf("SELECT %s FROM rejected WHERE tracker = %s AND %s ORDER BY time DESC LIMIT %d",
		idents(columns...), quote(q.Tracker), within(minNS, stop), q.Limit), func(r *row) timed {
		t := timed{ns: r.ns(), Rejected: stored.Rejected{Reason: r.text("reason"), Tracker: r.text("tracker"), Topic: r.text("topic"), Detail: r.text("detail"),
			Count: uint64(r.int("count")), Bytes: int(r.int("bytes")), Hash: r.text("hash"), ReceivedMS: r.int("received_ms")}}
		if q.Raw {
			t.Raw = r.bytes("raw")
		}
		return t
	})
	if err != nil {
		return err
	}
	return inTurn(page, func(t timed) error { return fn(t.Rejected, time.Unix(0, t.ns)) })
}
