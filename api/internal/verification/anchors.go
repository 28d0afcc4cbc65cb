package verification

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/stored/audit"
)

// agreeing is how many organisations' peers must hold an anchor. One more than the operator of ingest.
const agreeing = 2

// heads checks every stored head of a log, and the newest sound one at every organisation's peer.
func (r *run) heads(ctx context.Context, c *walk, heads []stored.Head, rep *LogReport) error {
	var newest *stored.Head
	for i := range heads {
		h := &heads[i]
		if !r.head(c, h) {
			continue
		}
		root, err := r.anchors.own(ctx, h.Heads, h.HeadsSize)
		if err != nil {
			return err
		}
		if root != h.HeadsRoot {
			r.anchorFinding(c, h, "the ledger holds no anchor of size %d with root %s of this heads log", h.HeadsSize, h.HeadsRoot)
			continue
		}
		if newest == nil || h.Size >= newest.Size {
			newest = h
		}
	}
	if newest == nil {
		return nil
	}
	rep.Anchored.Tx, rep.Anchored.Block = newest.Tx, newest.Block
	rep.Anchored.Peers = r.anchors.everywhere(ctx, newest.Heads, newest.HeadsSize, newest.HeadsRoot)
	good := 0
	for _, p := range rep.Anchored.Peers {
		switch {
		case p.OK:
			good++
		case p.Detail == otherRoot:
			r.anchorFinding(c, newest, "the peer of %s holds another root for this anchor", p.Org)
		}
	}
	if good < min(agreeing, len(rep.Anchored.Peers)) {
		r.anchorFinding(c, newest, "only %d organisations' peers confirm this anchor, %d are needed", good, agreeing)
		return nil
	}
	// The size counts only when its root is the one that was anchored, see head.
	rep.Anchored.Size = newest.Size
	return nil
}

func (r *run) anchorFinding(c *walk, h *stored.Head, format string, args ...any) {
	r.found.add(Finding{Log: c.log.ID, Leaf: max(h.Size, 1) - 1, Check: Anchor, Detail: fmt.Sprintf("head %d: ", h.Index) + fmt.Sprintf(format, args...)})
}

// head checks one stored head without the ledger: its bytes, its place in the heads log, and the log's root at its size.
func (r *run) head(c *walk, h *stored.Head) bool {
	leaf, faults, _, ok := audit.CheckHead(h)
	for _, f := range faults {
		r.anchorFinding(c, h, "%s", f)
	}
	if !ok {
		return false
	}
	sound := len(faults) == 0
	switch {
	case h.Log != c.log.ID:
		r.anchorFinding(c, h, "it is of another log")
		sound = false
	case len(c.log.Heads) > 0 && !slices.Contains(c.log.Heads, h.Heads):
		r.anchorFinding(c, h, "it is in another heads log than its ingest instance's")
		sound = false
	}
	if got := c.Roots[leaf.Size]; got != audit.Text(leaf.Root) {
		detail := fmt.Sprintf("the root at size %d is %s, the anchored head says %x", leaf.Size, got, leaf.Root)
		if got == "" {
			detail = fmt.Sprintf("the root at size %d cannot be recomputed, because a leaf before it is missing", leaf.Size)
		}
		r.found.add(Finding{Log: c.log.ID, Leaf: max(leaf.Size, 1) - 1, Check: Root, Detail: detail})
		sound = false
	}
	return sound
}

// anchorBook looks anchors up by size. A listing is newest first, so it is read as far back as somebody asks.
type anchorBook struct {
	ledger Ledger
	peers  Peers
	orgs   []string
	pages  map[string]*anchorPages
}

type anchorPages struct {
	roots    map[uint64]string // by size
	oldest   uint64
	bookmark string
	begun    bool
}

func newAnchorBook(l Ledger, p Peers, orgs []string) *anchorBook {
	return &anchorBook{ledger: l, peers: p, orgs: orgs, pages: map[string]*anchorPages{}}
}

// own is the root that the own organisation's peer holds for a size, "" when none.
func (b *anchorBook) own(ctx context.Context, heads string, size uint64) (string, error) {
	p := b.pages[heads]
	if p == nil {
		p = &anchorPages{roots: map[uint64]string{}}
		b.pages[heads] = p
	}
	for {
		if root, ok := p.roots[size]; ok {
			return root, nil
		}
		if p.begun && (p.bookmark == "" || p.oldest < size) {
			return "", nil
		}
		page, err := ledger.AnchorList.Page(ctx, b.ledger, ledger.ListArgs{ID: heads, Limit: ledger.MaxLimit, Bookmark: p.bookmark})
		if err != nil {
			return "", err
		}
		p.begun, p.bookmark = true, page.Bookmark
		for _, h := range page.Items {
			p.roots[h.Size], p.oldest = h.Root, h.Size
		}
	}
}

const otherRoot = "holds another root"

// everywhere asks every organisation's peer for the anchor of a size.
func (b *anchorBook) everywhere(ctx context.Context, heads string, size uint64, root string) []Peer {
	peers := make([]Peer, len(b.orgs))
	var g errgroup.Group
	for i, org := range b.orgs {
		g.Go(func() error {
			peers[i] = b.at(ctx, org, heads, size, root)
			return nil
		})
	}
	_ = g.Wait() // each answer is in its Peer
	return peers
}

// at asks one organisation's peer. One that is behind does not hold the anchor yet, which is no other past.
func (b *anchorBook) at(ctx context.Context, org, heads string, size uint64, root string) Peer {
	newer := false
	for h, err := range ledger.AnchorList.Each(ctx, ledger.At(b.peers, org), heads) {
		switch {
		case err != nil:
			return Peer{Org: org, Detail: "could not be asked"}
		case h.Size == size && h.Root == root:
			return Peer{Org: org, OK: true}
		case h.Size == size:
			return Peer{Org: org, Detail: otherRoot}
		case h.Size < size && newer: // it has newer and older anchors but not this one
			return Peer{Org: org, Detail: otherRoot}
		case h.Size < size:
			return Peer{Org: org, Detail: "does not hold it"}
		}
		newer = true
	}
	return Peer{Org: org, Detail: "does not hold it"}
}
