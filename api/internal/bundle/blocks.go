package bundle

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
	"github.com/trackseal/trackseal/internal/ledger"
)

// enrolTx of a tracker, out of its record in the collected transactions: its assignment wrote it.
func (c *collector) enrolTx(id string) (string, error) {
	for _, p := range c.manifest.Records {
		peek, err := c.blocks[p.Block].Peek(int(p.Tx), c.Chaincode)
		if err != nil {
			return "", err
		}
		for _, w := range peek.Writes {
			var r ledger.Tracker
			if w.Key == ledger.TrackerKeyOf(id) && json.Unmarshal(w.Value, &r) == nil {
				return r.EnrolTx, nil
			}
		}
	}
	return "", fmt.Errorf("no collected transaction wrote the record of tracker %s", id)
}

// finish orders the blocks and adds the configurations that they were made under. Who answered and was no member then, because it joined
// later, says nothing to an auditor.
func (c *collector) finish(ctx context.Context) error {
	for _, n := range slices.Sorted(maps.Keys(c.used)) {
		b := *c.blocks[n]
		b.Filter, b.CommitHash = nil, nil
		c.manifest.Blocks = append(c.manifest.Blocks, b)
	}
	if len(c.manifest.Blocks) == 0 {
		return nil
	}
	newest := &c.manifest.Blocks[len(c.manifest.Blocks)-1]
	at, err := newest.LastConfig()
	if err != nil {
		return err
	}
	var configs []fabricproof.Block
	for {
		b, err := c.block(ctx, at)
		if err != nil {
			return err
		}
		configs = append(configs, *b)
		if at == 0 {
			break
		}
		// A configuration block names itself; the block before it names the configuration before.
		before, err := c.block(ctx, at-1)
		if err != nil {
			return err
		}
		if at-1 == 0 {
			at = 0
			continue
		}
		if at, err = before.LastConfig(); err != nil {
			return err
		}
	}
	slices.Reverse(configs)
	c.manifest.Configs = configs
	config, err := fabricproof.DecodeConfig(&configs[len(configs)-1])
	if err != nil {
		return err
	}
	c.manifest.Attestations = slices.DeleteFunc(c.manifest.Attestations, func(a evidence.Attestation) bool { return !config.IsMember(a.Endorser) })
	// Auditors pin block 0, whose signatures then mean nothing; what means nothing stays out.
	configs[0].Signatures = nil
	if config.Consensus == fabricproof.Raft {
		return c.raft(ctx)
	}
	return nil
}

// raft replaces each block's single signature by those of all organisations' orderers: each signs its own copy.
func (c *collector) raft(ctx context.Context) error {
	for _, list := range [][]fabricproof.Block{c.manifest.Configs[1:], c.manifest.Blocks} {
		for i := range list {
			var sets [][]byte
			for _, org := range c.Ledger.OrdererOrganisations() {
				raw, err := c.Ledger.OrdererBlock(ctx, org, list[i].Number)
				if err != nil {
					if ctx.Err() != nil {
						return ctx.Err()
					}
					c.Log.WarnContext(ctx, "evidence without this organisation's orderer", "org", org, "block", list[i].Number, "error", err)
					continue
				}
				b, err := fabricproof.DecodeBlock(raw)
				if err != nil {
					return err
				}
				set := b.Signatures[0]
				// A node that caught up keeps the signature of the one that it copied from.
				if !slices.ContainsFunc(sets, func(s []byte) bool { return bytes.Equal(s, set) }) && !fabricproof.SameSigner(sets, set) {
					sets = append(sets, set)
				}
			}
			list[i].Signatures = sets
		}
	}
	return nil
}

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
