package bundle

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
	"github.com/trackseal/trackseal/internal/ledger"
)

// maxHeadsBytes is when a heads-log bundle takes no further block; its asker goes on from the last anchor that it got.
const maxHeadsBytes = 16 << 20

// CollectHeads gathers the evidence of consecutive anchors of one heads log, given in ascending order. Only the newest is
// asked of the peers: each anchor read the one before it, which shows that that was valid.
func (s *Source) CollectHeads(ctx context.Context, anchors []ledger.Head, nonce []byte) (*Heads, error) {
	if len(anchors) == 0 {
		return nil, errors.New("no anchor asked for")
	}
	c := &collector{Source: s, request: Request{Nonce: nonce}, blocks: map[uint64]*fabricproof.Block{}, used: map[uint64]string{}}
	m := &c.manifest
	m.Channel, m.Chaincode = s.Channel, s.Chaincode
	i := evidence.Instance{Ingest: anchors[0].Ingest}
	size := 0
	for _, a := range anchors {
		if len(i.Anchors) == evidence.MaxAnchors || size > maxHeadsBytes {
			break
		}
		p, err := c.find(ctx, a.Tx)
		if err != nil {
			return nil, fmt.Errorf("anchor %d: %w", a.N, err)
		}
		if c.used[p.Block] == "" {
			for _, e := range c.blocks[p.Block].Envelopes {
				size += len(e)
			}
		}
		c.used[p.Block] = a.Tx
		c.attested = []uint64{p.Block}
		i.Anchors = append(i.Anchors, evidence.Anchor{Position: p})
	}
	m.Instances = []evidence.Instance{i}
	if err := c.attest(ctx); err != nil {
		return nil, fmt.Errorf("signed answers: %w", err)
	}
	if err := c.finish(ctx); err != nil {
		return nil, fmt.Errorf("blocks: %w", err)
	}
	return &Heads{c.manifest}, nil
}

// Heads is the evidence of a heads log's anchors, ready to be written.
type Heads struct{ manifest evidence.Manifest }

// Write writes the bundle.
func (h *Heads) Write(w io.Writer) error { return evidence.WriteHeadsLog(w, &h.manifest) }
