package fsck

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/canon"
	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/merkle"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/stored/audit"
)

// source is an evidence bundle that holds a log: all leaves up to a head that the ledger has anchored.
type source struct {
	path  string
	log   int // number in the bundle
	size  uint64
	heads []stored.Head
}

// ErrEvidence: a bundle cannot be used.
var ErrEvidence = errors.New("the evidence cannot be used")

// evidence reads the bundles to repair from. A log counts when its leaves have the root of a head that stands in a heads log with the root
// of one of the ledger's anchors: who made the bundle does not matter.
func (c *check) evidence(ctx context.Context) error {
	c.sources = map[string]*source{}
	for _, path := range c.From {
		used := false
		for _, l := range c.lives {
			c.turn(l)
			err := c.anchors.load(ctx)
			if err != nil {
				return err
			}
			some, err := c.bundle(ctx, path)
			if err != nil {
				return fmt.Errorf("%w: %s: %w", ErrEvidence, path, err)
			}
			used = used || some
		}
		if !used {
			return fmt.Errorf("%w: %s: it has no log of %s", ErrEvidence, path, c.ID)
		}
	}
	return nil
}

// bundle takes the logs of the present life.
func (c *check) bundle(ctx context.Context, path string) (used bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	r, err := evidence.NewReader(f)
	if err != nil {
		return false, err
	}
	if r.Kind != evidence.WholeShipment {
		return false, errors.New("it is not of a whole shipment")
	}
	trees := make([]merkle.Log, len(r.Manifest.Logs))
	for {
		log, _, leaf, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return false, err
		}
		trees[log].Append(merkle.LeafHash(leaf.Entry), nil)
	}
	for n, l := range r.Manifest.Logs {
		if r.Manifest.Instances[l.Instance].Ingest != c.id {
			continue
		}
		last, err := anchor.DecodeHeadLeaf(l.Heads[len(l.Heads)-1].Entry)
		if err != nil {
			return false, err
		}
		s := &source{path: path, log: n, size: last.Size}
		for _, h := range l.Heads {
			x, ok, err := c.head(ctx, h.Index, h.Entry, h.Path)
			if err != nil {
				return false, err
			}
			if ok {
				s.heads = append(s.heads, x)
			}
		}
		if len(s.heads) == 0 || s.heads[len(s.heads)-1].Size != last.Size {
			return false, fmt.Errorf("its head of log %x is in no anchor that the ledger has", last.Log)
		}
		if trees[n].Size() != last.Size || trees[n].Root() != last.Root {
			return false, fmt.Errorf("its leaves of log %x do not have the anchored root", last.Log)
		}
		id := audit.Text(last.Log)
		if known := c.sources[id]; known == nil || known.size < s.size {
			c.sources[id] = s
		}
		used = true
	}
	return used, nil
}

// head is a head as the store keeps it, when its path leads to the root of one of the ledger's anchors.
func (c *check) head(ctx context.Context, index uint64, entry []byte, path []anchor.Hash) (h stored.Head, ok bool, err error) {
	leaf, err := anchor.DecodeHeadLeaf(entry)
	if err != nil {
		return h, false, nil
	}
	for size, a := range c.anchors.all {
		root, err := rootOf(a.Root)
		if size <= index || err != nil || merkle.VerifyInclusion(index, size, merkle.LeafHash(entry), path, root) != nil {
			continue
		}
		h = stored.Head{Heads: c.anchors.heads, Log: audit.Text(leaf.Log), Index: index, Size: leaf.Size, Root: audit.Text(leaf.Root), Prev: -1, Closed: leaf.Closed, Entry: entry,
			HeadsSize: size, HeadsRoot: a.Root, Tx: a.Tx, Proof: path, TimeMS: a.TimeMS}
		if leaf.Prev != nil {
			h.Prev = int64(*leaf.Prev)
		}
		h.Block, err = c.anchors.block(ctx, a.Tx)
		return h, err == nil, err
	}
	return h, false, nil
}

// leaves calls fn for those leaves of the log that are wanted, with the message as it was published; nil where it is withheld.
func (s *source) leaves(want func(uint64) bool, fn func(leaf uint64, entry, raw []byte) error) error {
	f, err := os.Open(s.path)
	if err != nil {
		return err
	}
	defer f.Close()
	r, err := evidence.NewReader(f)
	if err != nil {
		return err
	}
	for {
		log, index, leaf, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if log != s.log || !want(index) {
			continue
		}
		raw := leaf.Plain
		if leaf.COSE != nil && leaf.Pack != nil {
			if raw, err = canon.MarshalCBOR([][]byte{leaf.COSE, leaf.Pack}); err != nil {
				return err
			}
		}
		if err := fn(index, leaf.Entry, raw); err != nil {
			return err
		}
	}
}
