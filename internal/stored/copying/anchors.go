package copying

import (
	"context"

	"github.com/trackseal/trackseal/internal/ledger"
)

// Anchors looks up what the ledger has of one heads log. Not safe for concurrent use.
type Anchors struct {
	ledger Ledger
	heads  string
	known  map[uint64]ledger.Head // by size
	blocks map[string]uint64      // by transaction
}

// maxAnchors are kept; others are asked for again.
const maxAnchors = 4096

// AnchorsOf the heads log with an id.
func AnchorsOf(l Ledger, heads string) *Anchors {
	return &Anchors{ledger: l, heads: heads, known: map[uint64]ledger.Head{}, blocks: map[string]uint64{}}
}

// Heads is the id of the heads log, hex.
func (a *Anchors) Heads() string { return a.heads }

// Newest of the heads log; its size is 0 when there is none.
func (a *Anchors) Newest(ctx context.Context) (ledger.Head, error) {
	h, err := ledger.AnchorHead.Ask(ctx, a.ledger, ledger.IDArgs{ID: a.heads})
	if ledger.CodeOf(err) == ledger.NotFound {
		return ledger.Head{}, nil
	}
	return h, err
}

// find gives the anchors of some sizes, as far as the ledger has them. A listing is newest first: it is read back to the smallest.
func (a *Anchors) find(ctx context.Context, sizes []uint64) (map[uint64]ledger.Head, error) {
	found, least := map[uint64]ledger.Head{}, uint64(0)
	wanted := map[uint64]bool{}
	for _, size := range sizes {
		if h, ok := a.known[size]; ok {
			found[size] = h
			continue
		}
		if wanted[size] = true; least == 0 || size < least {
			least = size
		}
	}
	if len(wanted) == 0 {
		return found, nil
	}
	for h, err := range ledger.AnchorList.Each(ctx, a.ledger, a.heads) {
		if err != nil {
			return nil, err
		}
		if len(a.known) >= maxAnchors {
			clear(a.known)
		}
		a.known[h.Size] = h
		if wanted[h.Size] {
			found[h.Size] = h
		}
		if h.Size <= least {
			break
		}
	}
	return found, nil
}

// block is the number of the block with a transaction, 0 when it is not known.
func (a *Anchors) block(ctx context.Context, tx string) (uint64, error) {
	if b, ok := a.blocks[tx]; ok {
		return b, nil
	}
	_, _, block, err := a.ledger.TxStatus(ctx, tx)
	if err != nil {
		return 0, err
	}
	if len(a.blocks) >= maxAnchors {
		clear(a.blocks)
	}
	a.blocks[tx] = block
	return block, nil
}
