package influx

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/trackseal/trackseal/internal/stored"
)

// Heads returns the heads of a log, oldest first.
func (c *Client) Heads(ctx context.Context, log string) ([]stored.Head, error) {
	var heads []stored.Head
	err := c.query(ctx, fmt.Sprintf(`from(bucket: %s) |> range(start: %s, stop: %s) |> filter(fn: (r) => r._measurement == "head" and r.log == %s)
  |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value") |> drop(columns: ["_start", "_stop", "_measurement"])`,
		quote(c.cfg.Bucket), fluxTime(minTime), fluxTime(maxTime), quote(log)), func(r row) error {
		h, err := readHead(r)
		if err != nil {
			return fmt.Errorf("head of log %s: %w", log, err)
		}
		heads = append(heads, h)
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(heads, func(a, b stored.Head) int {
		if d := strings.Compare(a.Heads, b.Heads); d != 0 {
			return d
		}
		return int(int64(a.Index) - int64(b.Index))
	})
	return heads, nil
}

func readHead(r row) (stored.Head, error) {
	at, err := r.time("_time")
	if err != nil {
		return stored.Head{}, err
	}
	h := stored.Head{
		Heads: strings.Clone(r.text("heads")), Log: strings.Clone(r.text("log")), Root: strings.Clone(r.text("root")),
		HeadsRoot: strings.Clone(r.text("heads_root")), Tx: strings.Clone(r.text("tx")), Closed: r.text("closed") == "true",
		TimeMS: at.UnixMilli(),
	}
	for column, to := range map[string]*uint64{"index": &h.Index, "size": &h.Size, "heads_size": &h.HeadsSize, "block": &h.Block} {
		v, err := r.int(column)
		if err != nil {
			return h, err
		}
		*to = uint64(v)
	}
	if h.Prev, err = r.int("prev"); err != nil {
		return h, err
	}
	// As with messages: bytes that are not base64 any more are answered as missing, and the caller's proof fails.
	h.Entry, _ = base64.StdEncoding.DecodeString(r.text("entry"))
	proof, _ := base64.StdEncoding.DecodeString(r.text("proof"))
	for p := range slices.Chunk(proof, 32) {
		if len(p) == 32 {
			h.Proof = append(h.Proof, [32]byte(p))
		}
	}
	return h, nil
}

// RejectedSince returns at most limit, newest first.
func (c *Client) RejectedSince(ctx context.Context, fromMS int64, limit int) ([]stored.Rejected, error) {
	var out []stored.Rejected
	err := c.query(ctx, fmt.Sprintf(`from(bucket: %s) |> range(start: %s, stop: %s) |> filter(fn: (r) => r._measurement == "rejected")
  |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value") |> group()
  |> sort(columns: ["_time"], desc: true) |> limit(n: %d)`,
		quote(c.cfg.Bucket), fluxTime(time.UnixMilli(fromMS)), fluxTime(maxTime), limit), func(r row) error {
		ms, err := r.int("received_ms")
		if err != nil {
			return err
		}
		raw, _ := base64.StdEncoding.DecodeString(r.text("raw"))
		out = append(out, stored.Rejected{
			Reason: strings.Clone(r.text("reason")), Topic: strings.Clone(r.text("topic")), Detail: strings.Clone(r.text("detail")),
			Raw: raw, ReceivedMS: ms,
		})
		return nil
	})
	return out, err
}
