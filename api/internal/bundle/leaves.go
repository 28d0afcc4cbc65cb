package bundle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/merkle"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// What a request may withhold.
const (
	WithholdAll      = "all"
	WithholdLocation = "location"
)

// leaf is a stored message as the bundle holds it. Bytes that cannot be read go in as they are: the verifier says so.
func leaf(m stored.Message, withhold string) evidence.Leaf {
	l := evidence.Leaf{Entry: m.Entry}
	o, err := m.Open()
	withheld := withhold == WithholdAll || withhold == WithholdLocation && (err != nil || slices.ContainsFunc(o.Readings, placed))
	switch {
	case m.Trust != stored.Signed:
		// Its leaf is the hash of the whole message, so withholding its readings withholds all of it.
		if !withheld {
			l.Plain = m.Raw
		}
	case err != nil:
		l.COSE = m.Raw
	default:
		l.COSE = o.Signed.COSE
		if !withheld {
			l.Pack = o.Signed.Pack
		}
	}
	return l
}

func placed(r telemetry.Reading) bool {
	_, lat := r.Values["lat"]
	_, lon := r.Values["lon"]
	return lat || lon
}

// instances of ingest that hold the shipment's logs.
func (c *collector) instances() []string {
	var out []string
	for _, l := range c.request.Logs {
		if l.Ingest != "" && !slices.Contains(out, l.Ingest) {
			out = append(out, l.Ingest)
		}
	}
	return out
}

// ErrLeaves: the store does not hold the leaves that were anchored.
var ErrLeaves = errors.New("leaves are missing or doubled")

// Write streams the bundle.
func (b *Bundle) Write(ctx context.Context, w io.Writer) error {
	out, err := evidence.NewWriter(w, &b.Manifest)
	if err != nil {
		return err
	}
	for i, log := range b.logs {
		if b.sizes[i] == 0 {
			continue
		}
		next := uint64(0)
		err := b.source.Store.Messages(ctx, log, 0, b.sizes[i], func(m stored.Message) error {
			if m.Leaf != next {
				return fmt.Errorf("log %s: %w: the store holds leaf %d where %d should be", log, ErrLeaves, m.Leaf, next)
			}
			next++
			return out.Leaf(leaf(m, b.request.Withhold))
		})
		if err != nil {
			return err
		}
		if next != b.sizes[i] {
			return fmt.Errorf("log %s: %w: the store holds %d of %d leaves", log, ErrLeaves, next, b.sizes[i])
		}
	}
	return out.Close()
}

// WriteProof writes the proof of one leaf.
func (b *Bundle) WriteProof(ctx context.Context, w io.Writer, log string, index uint64) error {
	n := slices.Index(b.logs, log)
	if n < 0 || index >= b.sizes[n] {
		return ErrNotReady
	}
	p, err := b.proof(ctx, n, index)
	if err != nil {
		return err
	}
	return evidence.WriteProof(w, &b.Manifest, p)
}

// proof builds the inclusion proof of one leaf from all leaf entries of its log.
func (b *Bundle) proof(ctx context.Context, n int, index uint64) (evidence.Proof, error) {
	var tree merkle.Tree
	p := evidence.Proof{Log: n, Index: index}
	err := b.source.Store.Messages(ctx, b.logs[n], 0, b.sizes[n], func(m stored.Message) error {
		if m.Leaf != tree.Size() {
			return fmt.Errorf("log %s: the store holds leaf %d where %d should be", b.logs[n], m.Leaf, tree.Size())
		}
		tree.Append(merkle.LeafHash(m.Entry))
		if m.Leaf == index {
			p.Leaf = leaf(m, b.request.Withhold)
		}
		return nil
	})
	if err != nil {
		return p, err
	}
	p.Path, err = merkle.Inclusion(&tree, index, b.sizes[n])
	return p, err
}
