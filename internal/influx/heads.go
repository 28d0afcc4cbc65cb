package influx

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/trackseal/trackseal/internal/stored"
)

// Heads returns the heads of a log, oldest first.
func (c *Client) Heads(ctx context.Context, log string) ([]stored.Head, error) {
	return c.headsWhere(ctx, anyOf("log", []string{log})+" AND "+within(minNS, maxNS))
}

// HeadsFrom returns the heads in a heads log from an index on that are not older than sinceMS, in their order.
func (c *Client) HeadsFrom(ctx context.Context, heads string, index uint64, sinceMS int64) ([]stored.Head, error) {
	return c.headsWhere(ctx, fmt.Sprintf("%s AND %s AND %s >= %d", anyOf("heads", []string{heads}), within(max(minNS, sinceMS*1_000_000), maxNS), idents("index"), index))
}

func (c *Client) headsWhere(ctx context.Context, where string) ([]stored.Head, error) {
	var heads []stored.Head
	err := c.query(ctx, fmt.Sprintf("SELECT %s FROM head WHERE %s",
		idents("heads", "log", "index", "size", "root", "prev", "closed", "entry", "heads_size", "heads_root", "tx", "block", "proof"), where), func(r row) error {
		h, err := readHead(r)
		if err != nil {
			return fmt.Errorf("head of log %s: %w", h.Log, err)
		}
		heads = append(heads, h)
		return nil
	})
	slices.SortFunc(heads, func(a, b stored.Head) int {
		return cmp.Or(cmp.Compare(a.Heads, b.Heads), cmp.Compare(a.Index, b.Index))
	})
	return heads, err
}

func readHead(r row) (stored.Head, error) {
	h := stored.Head{Heads: r.text("heads"), Log: r.text("log"), Root: r.text("root"), HeadsRoot: r.text("heads_root"), Tx: r.text("tx"), Closed: r.bool("closed"), Entry: r.bytes("entry")}
	for column, to := range map[string]*uint64{"index": &h.Index, "size": &h.Size, "heads_size": &h.HeadsSize, "block": &h.Block} {
		v, err := r.int(column)
		if err != nil {
			return h, err
		}
		*to = uint64(v)
	}
	var err error
	if h.Prev, err = r.int("prev"); err != nil {
		return h, err
	}
	ns, err := r.ns()
	h.TimeMS = ns / 1e6
	for p := range slices.Chunk(r.bytes("proof"), 32) {
		if len(p) == 32 {
			h.Proof = append(h.Proof, [32]byte(p))
		}
	}
	return h, err
}
