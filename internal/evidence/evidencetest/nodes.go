package evidencetest

import (
	"context"
	"errors"
	"slices"

	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
	"github.com/trackseal/trackseal/internal/ledger"
)

// Nodes asks the peers and orderers of a consortium, as package bundle does.
type Nodes struct {
	*Consortium
	// Shows, if not nil, falsifies the block in an organisation's signed answer.
	Shows func(org string, b *fabricproof.Block)
}

// ErrNone: there is no such block or transaction.
var ErrNone = errors.New("no such block or transaction")

// serialized gives the block as nodes send it.
func serialized(b fabricproof.Block) []byte {
	if len(b.Signatures) == 0 {
		b.Signatures = [][]byte{nil}
	}
	return EncodeBlock(&b)
}

// holder finds the oldest block with a transaction.
func (n Nodes) holder(id string) (*fabricproof.Block, error) {
	for number := uint64(0); number < n.next; number++ {
		b := n.Blocks[number]
		for i := range b.Envelopes {
			if p, err := b.Peek(i, ledger.Chaincode); err == nil && p.ID == id {
				return b, nil
			}
		}
	}
	return nil, ErrNone
}

// BlockByTx is the block that holds a transaction.
func (n Nodes) BlockByTx(_ context.Context, id string) ([]byte, error) {
	b, err := n.holder(id)
	if err != nil {
		return nil, err
	}
	return serialized(*b), nil
}

// BlockByNumber is a block.
func (n Nodes) BlockByNumber(_ context.Context, number uint64) ([]byte, error) {
	if b := n.Blocks[number]; b != nil {
		return serialized(*b), nil
	}
	return nil, ErrNone
}

// SignedBlockByTx is a peer's signed answer.
func (n Nodes) SignedBlockByTx(_ context.Context, org, id string, nonce []byte) (ledger.SignedAnswer, error) {
	b, err := n.holder(id)
	if err != nil {
		return ledger.SignedAnswer{}, err
	}
	a := n.Answer(n.Org(org), b.Number, nonce, func(b *fabricproof.Block) {
		if n.Shows != nil {
			n.Shows(org, b)
		}
	})
	return ledger.SignedAnswer{Org: org, ChannelHeader: a.ChannelHeader, SignatureHeader: a.SignatureHeader, Proposal: a.Proposal, Response: a.Response, Endorser: a.Endorser, Signature: a.Signature}, nil
}

// OrdererBlock: three of the four orderers signed; the fourth caught up and keeps the copy of the first.
func (n Nodes) OrdererBlock(_ context.Context, org string, number uint64) ([]byte, error) {
	b := *n.Blocks[number]
	if len(b.Signatures) > 0 {
		i := slices.IndexFunc(n.Orgs, func(o *Org) bool { return o.Name == org })
		b.Signatures = [][]byte{b.Signatures[i%len(b.Signatures)]}
	}
	return serialized(b), nil
}

// PeerOrganisations are those of the channel.
func (n Nodes) PeerOrganisations() []string {
	var out []string
	for _, o := range n.Members() {
		out = append(out, o.Name)
	}
	return out
}

// OrdererOrganisations are those that made the channel.
func (n Nodes) OrdererOrganisations() []string {
	var out []string
	for _, o := range n.Orgs {
		if !o.Joined() {
			out = append(out, o.Name)
		}
	}
	return out
}
