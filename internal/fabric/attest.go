package fabric

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/trackseal/trackseal/internal/ledger"

	"github.com/golang/protobuf/proto"
	"github.com/hyperledger/fabric-protos-go/common"
	"github.com/hyperledger/fabric-protos-go/orderer"
	"github.com/hyperledger/fabric-protos-go/peer"
)

// SignedAnswer is a peer's answer about a block with its signature.
type SignedAnswer = ledger.SignedAnswer

const qsccBlockByNumber = "GetBlockByNumber"

// PeerOrganisations are the names of the organisations that have a peer in the profile.
func (c *Client) PeerOrganisations() []string { return organisations(c.peers) }

// OrdererOrganisations are the names of the organisations that have an orderer in the profile.
func (c *Client) OrdererOrganisations() []string { return organisations(c.orderers) }

func organisations(nodes []*node) []string {
	var out []string
	seen := map[string]bool{}
	for _, n := range nodes {
		if !seen[n.org] {
			seen[n.org] = true
			out = append(out, n.org)
		}
	}
	return out
}

// SignedBlockByTx asks a named organisation's peer for the block with a transaction and keeps the peer's signature. The peer
// signs nonce along with the question, so the answer cannot be older than the nonce.
func (c *Client) SignedBlockByTx(ctx context.Context, org, txID string, nonce []byte) (SignedAnswer, error) {
	p, err := c.proposeTo(qscc, qsccBlockByTxID, []byte(c.cfg.Channel), []byte(txID), nonce)
	if err != nil {
		return SignedAnswer{}, err
	}
	ctx, cancel := c.within(ctx, c.cfg.Timeouts.Evaluate)
	defer cancel()
	err = fmt.Errorf("organisation %q has no peer", org)
	for _, n := range c.peers {
		if n.org != org {
			continue
		}
		var response *peer.ProposalResponse
		if response, err = c.send(ctx, n, p); err != nil {
			if noSuchTx.MatchString(err.Error()) {
				err = errNoTx
			}
			continue
		}
		header := &common.Header{}
		if err := proto.Unmarshal(p.raw.Header, header); err != nil {
			return SignedAnswer{}, err
		}
		if response.Endorsement == nil {
			return SignedAnswer{}, &nodeError{n, errors.New("answered without a signature")}
		}
		return SignedAnswer{
			Org: org, ChannelHeader: header.ChannelHeader, SignatureHeader: header.SignatureHeader, Proposal: p.raw.Payload,
			Response: response.Payload, Endorser: response.Endorsement.Endorser, Signature: response.Endorsement.Signature,
		}, nil
	}
	return SignedAnswer{}, endorseError("", err)
}

// BlockByNumber returns a serialised common.Block from the own peer, or another organisation's when it is down.
func (c *Client) BlockByNumber(ctx context.Context, number uint64) ([]byte, error) {
	p, err := c.proposeTo(qscc, qsccBlockByNumber, []byte(c.cfg.Channel), []byte(strconv.FormatUint(number, 10)))
	if err != nil {
		return nil, err
	}
	ctx, cancel := c.within(ctx, c.cfg.Timeouts.Evaluate)
	defer cancel()
	response, err := c.ask(ctx, ledgerPart, p)
	if err != nil {
		return nil, endorseError("", err)
	}
	return response.Response.Payload, nil
}

// OrdererBlock returns a serialised common.Block from a named organisation's orderer, with that orderer's own signature on a
// Raft channel.
func (c *Client) OrdererBlock(ctx context.Context, org string, number uint64) ([]byte, error) {
	ctx, cancel := c.within(ctx, c.cfg.Timeouts.Evaluate)
	defer cancel()
	err := fmt.Errorf("organisation %q has no orderer", org)
	for _, n := range c.orderers {
		if n.org != org {
			continue
		}
		var raw []byte
		if raw, err = c.ordererBlock(ctx, n, number); err == nil {
			return raw, nil
		}
	}
	return nil, err
}

func (c *Client) ordererBlock(ctx context.Context, n *node, number uint64) ([]byte, error) {
	conn, err := n.dial(ctx, c.cfg.Timeouts.Connect)
	if err != nil {
		return nil, &nodeError{n, err}
	}
	request, err := c.seek(n, number)
	if err != nil {
		return nil, err
	}
	stream, err := orderer.NewAtomicBroadcastClient(conn).Deliver(ctx)
	if err != nil {
		return nil, rpcError(n, err)
	}
	if err := stream.Send(request); err != nil {
		return nil, &nodeError{n, err}
	}
	response, err := stream.Recv()
	if err != nil {
		return nil, rpcError(n, err)
	}
	block := response.GetBlock()
	if block == nil || block.Header == nil || block.Header.Number != number {
		return nil, &nodeError{n, fmt.Errorf("did not deliver block %d: %v", number, response.GetStatus())}
	}
	return proto.Marshal(block)
}
