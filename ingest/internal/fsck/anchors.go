package fsck

import (
	"context"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/merkle"
	"github.com/trackseal/trackseal/internal/stored/audit"
)

// anchors of one heads log, as the ledger has them.
type anchors struct {
	ledger Ledger
	heads  string
	before int64 // Newest is older, in ms; 0 = the newest of all
	all    map[uint64]ledger.Head
	loaded bool
	blocks map[string]uint64
}

// newest anchor; size 0 = there is none.
func (a *anchors) newest(ctx context.Context) (ledger.Head, error) {
	h, err := ledger.AnchorHead.Ask(ctx, a.ledger, ledger.IDArgs{ID: a.heads})
	if ledger.CodeOf(err) == ledger.NotFound {
		return ledger.Head{}, nil
	}
	return h, err
}

func (a *anchors) load(ctx context.Context) error {
	if a.loaded {
		return nil
	}
	a.all = map[uint64]ledger.Head{}
	for h, err := range ledger.AnchorList.Each(ctx, a.ledger, a.heads) {
		if err != nil {
			return err
		}
		a.all[h.Size] = h
	}
	a.loaded = true
	return nil
}

// Root of the anchor of a size.
func (a *anchors) Root(ctx context.Context, size uint64) (string, error) {
	err := a.load(ctx)
	return a.all[size].Root, err
}

// Newest that counts.
func (a *anchors) Newest(ctx context.Context) (size uint64, root string, err error) {
	if err := a.load(ctx); err != nil {
		return 0, "", err
	}
	for s, h := range a.all {
		if s > size && (a.before == 0 || h.TimeMS < a.before) {
			size, root = s, h.Root
		}
	}
	return size, root, nil
}

// of is the anchor that a head came with: the first one that covers it.
func (a *anchors) of(index uint64) (h ledger.Head, ok bool) {
	for size, x := range a.all {
		if size > index && (!ok || size < h.Size) {
			h, ok = x, true
		}
	}
	return h, ok
}

func (a *anchors) block(ctx context.Context, tx string) (uint64, error) {
	if b, ok := a.blocks[tx]; ok {
		return b, nil
	}
	_, _, block, err := a.ledger.TxStatus(ctx, tx)
	if err != nil {
		return 0, err
	}
	if a.blocks == nil {
		a.blocks = map[string]uint64{}
	}
	a.blocks[tx] = block
	return block, nil
}

func (c *check) rootAt(size uint64) (string, error) {
	root, err := merkle.RootAt(c.state, size, c.state.HeadsSize)
	return audit.Text(root), err
}
