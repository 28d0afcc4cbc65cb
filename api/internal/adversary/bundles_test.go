package adversary

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"

	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/telemetry"
)

func trackerLog(id, enrolTx, ingest string) anchor.Hash {
	return anchor.LogID(ledger.Channel, anchor.Tracker, id, enrolTx, ingest)
}

// opened is a bundle taken apart.
type opened struct {
	evidence.Manifest
	leaves []evidence.Leaf // of the one log
}

func open(raw []byte) (*opened, error) {
	r, err := evidence.NewReader(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	b := &opened{Manifest: r.Manifest}
	for {
		_, _, l, err := r.Next()
		if errors.Is(err, io.EOF) {
			return b, nil
		}
		if err != nil {
			return nil, err
		}
		b.leaves = append(b.leaves, l)
	}
}

func (b *opened) write() ([]byte, error) {
	var out bytes.Buffer
	w, err := evidence.NewWriter(&out, &b.Manifest)
	if err != nil {
		return nil, err
	}
	for _, l := range b.leaves {
		if err := w.Leaf(l); err != nil {
			return nil, err
		}
	}
	err = w.Close()
	return out.Bytes(), err
}

func (b *opened) has(cose []byte) bool {
	return slices.ContainsFunc(b.leaves, func(l evidence.Leaf) bool { return bytes.Equal(l.COSE, cose) })
}

// hears reports whether a later message of a tracker is there.
func (b *opened) hears(tracker string, ms int64) bool {
	later := func(cose []byte) bool {
		m, err := telemetry.DecodeCOSE(cose)
		return err == nil && m.Tracker == tracker && m.TimeMS > ms
	}
	return slices.ContainsFunc(b.Outside, later) || slices.ContainsFunc(b.leaves, func(l evidence.Leaf) bool { return later(l.COSE) })
}

// records are the ids of the record transactions.
func (b *opened) records() []string {
	var out []string
	for _, p := range b.Records {
		for i := range b.Blocks {
			if x := &b.Blocks[i]; x.Number == p.Block && p.Tx < uint64(len(x.Envelopes)) {
				if peek, err := x.Peek(int(p.Tx), ledger.Chaincode); err == nil {
					out = append(out, peek.ID)
				}
			}
		}
	}
	return out
}

// dropRecord takes a record out, with its block unless something else needs it.
func (b *opened) dropRecord(i int) {
	block := b.Records[i].Block
	b.Records = slices.Delete(b.Records, i, i+1)
	if slices.ContainsFunc(b.Records, func(p evidence.Position) bool { return p.Block == block }) {
		return
	}
	for _, i := range b.Instances {
		if slices.ContainsFunc(i.Anchors, func(a evidence.Anchor) bool { return a.Block == block }) {
			return
		}
	}
	b.Blocks = slices.DeleteFunc(b.Blocks, func(x fabricproof.Block) bool { return x.Number == block })
	b.Attestations = slices.DeleteFunc(b.Attestations, func(a evidence.Attestation) bool { return a.Block == block })
}

// bend is one way in which whoever hands a bundle over can change it: leaving out, exchanging, mixing. It says what it did.
func (t *trip) bend(r *rand.Rand, b *opened) string {
	leaf := func() *evidence.Leaf { return &b.leaves[r.IntN(len(b.leaves))] }
	if len(b.leaves) == 0 {
		return ""
	}
	switch way := r.IntN(12); way {
	case 0:
		i := r.IntN(len(b.Records) + 1)
		if i == len(b.Records) {
			return ""
		}
		b.dropRecord(i)
		return fmt.Sprintf("without record %d", i)
	case 1:
		n := 1 + r.IntN(len(b.Records))
		for len(b.Records) > n {
			b.dropRecord(len(b.Records) - 1)
		}
		return fmt.Sprintf("the first %d records only", n)
	case 2:
		if len(b.Outside) > 0 {
			b.Outside = slices.Delete(b.Outside, 0, 1+r.IntN(len(b.Outside)))
			return "without messages from outside"
		}
	case 3: // others from outside than those beside
		m := pick(r, t.messages...)
		b.Outside = append(b.Outside, m.cose())
		if n := len(b.Outside); n > 1 && r.IntN(2) == 0 {
			b.Outside = slices.Delete(b.Outside, 0, n-1)
		}
		return fmt.Sprintf("with tick %d from outside", m.tick)
	case 4:
		for i := range b.leaves {
			if r.IntN(2) == 0 {
				b.leaves[i].Pack = nil
			}
		}
		return "readings withheld"
	case 5:
		l := leaf()
		l.COSE, l.Pack = nil, nil
		return "a message withheld"
	case 6:
		leaf().Pack = leaf().Pack
		return "readings of another message"
	case 7:
		*leaf() = *leaf()
		return "a leaf twice, another not"
	case 8:
		x, y := leaf(), leaf()
		x.COSE, x.Pack = y.COSE, y.Pack
		return "another message under the same leaf"
	case 9:
		if len(b.Attestations) > 0 {
			b.Attestations = slices.Delete(b.Attestations, 0, 1+r.IntN(len(b.Attestations)))
			return "without peers' answers"
		}
	case 10: // an older state of the log
		for i := range b.Logs {
			if h := b.Logs[i].Heads; len(h) > 1 {
				b.Logs[i].Heads = h[:1+r.IntN(len(h)-1)]
				last, err := anchor.DecodeHeadLeaf(b.Logs[i].Heads[len(b.Logs[i].Heads)-1].Entry)
				if err == nil && last.Size <= uint64(len(b.leaves)) {
					b.leaves = b.leaves[:last.Size]
				}
				return "an older head"
			}
		}
	case 11:
		b.RuleSet = nil
		return "without the rules"
	}
	return ""
}
