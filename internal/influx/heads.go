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
	heads, err := gather(ctx, c, fmt.Sprintf("SELECT %s FROM head WHERE %s",
		idents("heads", "log", "index", "size", "root", "prev", "closed", "entry", "heads_size", "heads_root", "tx", "block", "proof"), where), func(r *row) stored.Head {
		h := readHead(r)
		if r.err != nil {
			r.err = fmt.Errorf("head of log %s: %w", h.Log, r.err)
		}
		return h
	})
	slices.SortFunc(heads, func(a, b stored.Head) int {
		// Indexes tell the order in one heads log; a later life of an instance has another one.
		return cmp.Or(cmp.Compare(a.TimeMS, b.TimeMS), cmp.Compare(a.Heads, b.Heads), cmp.Compare(a.Index, b.Index))
	})
	return heads, err
}

func readHead(r *row) stored.Head {
	h := stored.Head{
		Heads: r.text("heads"), Log: r.text("log"), Root: r.text("root"), HeadsRoot: r.text("heads_root"), Tx: r.text("tx"), Closed: r.bool("closed"), Entry: r.bytes("entry"),
		Index: uint64(r.int("index")), Size: uint64(r.int("size")), HeadsSize: uint64(r.int("heads_size")), Block: uint64(r.int("block")),
		Prev: r.int("prev"), TimeMS: r.ns() / 1e6,
	}
	for p := range slices.Chunk(r.bytes("proof"), 32) {
		if len(p) == 32 {
			h.Proof = append(h.Proof, [32]byte(p))
		}
	}
	return h
}
