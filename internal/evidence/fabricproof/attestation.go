package fabricproof

import (
	"bytes"
	"encoding/hex"
	"fmt"
)

// Attestation is a peer's signed answer to qscc GetBlockByTxID(channel, txid, nonce): the whole block with its validity
// filter. The parts are exactly as they went over the wire.
type Attestation struct {
	ChannelHeader   []byte
	SignatureHeader []byte
	Proposal        []byte // ChaincodeProposalPayload
	Response        []byte // ProposalResponsePayload, which the peer signed
	Endorser        []byte
	Signature       []byte
}

// Attested is what a peer said.
type Attested struct {
	Signer *Signer
	TxID   string
	Nonce  []byte
	Block  *Block
}

// Attestation verifies a signed answer under the configuration in force after block, the block that it is about.
func (c *Chain) Attestation(a Attestation, block uint64) (*Attested, error) {
	at, err := c.attestation(a, block)
	return at, At(as(Attest, err), "attestation for block %d", block)
}

func (c *Chain) attestation(a Attestation, block uint64) (*Attested, error) {
	// Answers are given after the block, so the newest configuration that the evidence knows of applies.
	cfg := c.Newest()
	p, err := decodeProposal(c.Channel, a.ChannelHeader, a.SignatureHeader, a.Proposal)
	if err != nil {
		return nil, err
	}
	if p.chaincode != "qscc" || len(p.args) != 4 || string(p.args[0]) != "GetBlockByTxID" || string(p.args[1]) != c.Channel {
		return nil, fault(Attest, "the question qscc GetBlockByTxID(channel, txid, nonce)", "%s with %d arguments", p.chaincode, len(p.args))
	}
	s, err := cfg.peer(endorsement{a.Endorser, a.Signature}, a.Response, Attest, p.header.timeMS)
	if err != nil {
		return nil, err
	}
	answer, err := decodeAnswer(a.Response)
	if err != nil {
		return nil, err
	}
	switch {
	case !bytes.Equal(answer.proposalHash, p.hash[:]):
		return nil, fault(ProposalHash, hex.EncodeToString(p.hash[:]), "%x", answer.proposalHash)
	case answer.chaincode != "qscc" || answer.status != 200:
		return nil, fault(Attest, "an answer of qscc with status 200", "%s, %d", answer.chaincode, answer.status)
	}
	b, err := DecodeBlock(answer.payload)
	if err != nil {
		return nil, err
	}
	if b.Number != block {
		return nil, fault(Attest, fmt.Sprintf("block %d", block), "block %d", b.Number)
	}
	if err := b.CheckData(); err != nil {
		return nil, err
	}
	if len(b.Filter) != len(b.Envelopes) {
		return nil, fault(Attest, fmt.Sprintf("%d validation codes", len(b.Envelopes)), "%d", len(b.Filter))
	}
	return &Attested{Signer: s, TxID: string(p.args[2]), Nonce: p.args[3], Block: b}, nil
}
