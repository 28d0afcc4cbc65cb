package bundle

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/evidence/evidencetest"
	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
	"github.com/trackseal/trackseal/internal/ledger"
)

// headsLedger answers as the nodes of a made-up channel do.
type headsLedger struct {
	*evidencetest.Consortium
	down string // organisation whose nodes do not answer
}

var errHeadsDown = errors.New("down")

// asPeer is a block as a peer holds it: one signature set, and the validity filter.
func (c headsLedger) asPeer(number uint64) ([]byte, error) {
	b := *c.Blocks[number]
	b.Filter = c.Filters[number]
	if number == 0 {
		b.Signatures = [][]byte{{}}
	}
	b.Signatures = b.Signatures[:1]
	return evidencetest.EncodeBlock(&b), nil
}

func (c headsLedger) blockOf(txID string) (uint64, error) {
	for number, b := range c.Blocks {
		for i := range b.Envelopes {
			if p, err := b.Peek(i, ledger.Chaincode); err == nil && p.ID == txID && txID != "" {
				return number, nil
			}
		}
	}
	return 0, errors.New("no such transaction")
}

func (c headsLedger) BlockByTx(_ context.Context, txID string) ([]byte, error) {
	n, err := c.blockOf(txID)
	if err != nil {
		return nil, err
	}
	return c.asPeer(n)
}

func (c headsLedger) BlockByNumber(_ context.Context, number uint64) ([]byte, error) {
	return c.asPeer(number)
}

func (c headsLedger) SignedBlockByTx(_ context.Context, org, txID string, nonce []byte) (ledger.SignedAnswer, error) {
	if org == c.down {
		return ledger.SignedAnswer{}, errHeadsDown
	}
	n, err := c.blockOf(txID)
	if err != nil {
		return ledger.SignedAnswer{}, err
	}
	a := c.Answer(c.Org(org), n, nonce, nil)
	return ledger.SignedAnswer{Org: org, ChannelHeader: a.ChannelHeader, SignatureHeader: a.SignatureHeader, Proposal: a.Proposal, Response: a.Response, Endorser: a.Endorser, Signature: a.Signature}, nil
}

func (c headsLedger) OrdererBlock(_ context.Context, org string, number uint64) ([]byte, error) {
	if org == c.down {
		return nil, errHeadsDown
	}
	b := *c.Blocks[number]
	for i, o := range c.Orgs[:len(b.Signatures)] {
		if o.Name == org {
			b.Signatures = b.Signatures[i : i+1]
			return evidencetest.EncodeBlock(&b), nil
		}
	}
	return evidencetest.EncodeBlock(&b), nil // it copied the first one's
}

func (c headsLedger) PeerOrganisations() []string    { return c.names() }
func (c headsLedger) OrdererOrganisations() []string { return c.names() }

func (c headsLedger) names() (out []string) {
	for _, o := range c.Orgs {
		out = append(out, o.Name)
	}
	return out
}

// What is collected of anchors convinces the verifier, also while an organisation is down and across configurations.
func TestCollectHeads(t *testing.T) {
	for _, consensus := range []string{fabricproof.BFT, fabricproof.Raft} {
		for _, down := range []string{"", "auditor"} {
			trip := evidencetest.NewTrip(evidencetest.New(consensus))
			var anchors []ledger.Head
			for i := range evidence.MaxAnchors + 3 {
				trip.Anchor(false)
				if i == 1 {
					trip.C.Configure()
				}
				h, _ := trip.Head(i)
				anchors = append(anchors, h)
			}
			source := &Source{Channel: ledger.Channel, Chaincode: ledger.Chaincode, Ledger: headsLedger{trip.C, down}, Log: slog.New(slog.DiscardHandler)}
			nonce := []byte("mine")
			b, err := source.CollectHeads(t.Context(), anchors[1:], nonce)
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			if err := b.Write(&out); err != nil {
				t.Fatal(err)
			}
			p, err := evidence.VerifyHeadsLog(&out, trip.C.Policy(), evidence.Options{Nonce: nonce})
			if err != nil || !p.Report.Passed || len(p.Anchors) != evidence.MaxAnchors || p.Anchors[0].Head != anchors[1] {
				t.Fatalf("%s, down: %q: %v, %d anchors, %v", consensus, down, err, len(p.Anchors), p.Report.Findings)
			}
			if _, err := source.CollectHeads(t.Context(), nil, nonce); err == nil {
				t.Error("no anchors were collected")
			}
			if _, err := source.CollectHeads(t.Context(), []ledger.Head{{Tx: "none"}}, nonce); err == nil {
				t.Error("an anchor that is not on the ledger was collected")
			}
		}
	}
}
