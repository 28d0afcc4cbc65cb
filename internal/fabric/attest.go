package fabric

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/trackseal/trackseal/internal/ledger"

	"github.com/golang/protobuf/proto"
	"github.com/hyperledger/fabric-protos-go/common"
	"github.com/hyperledger/fabric-protos-go/peer"
)

const qsccBlockByNumber = "GetBlockByNumber"

// PeerOrganisations are the names of the organisations that have a peer in the profile.
func (c *Client) PeerOrganisations() []string { return organisations(c.peers) }

// OrdererOrganisations are the names of the organisations that have an orderer in the profile.
func (c *Client) OrdererOrganisations() []string { return organisations(c.orderers) }

func organisations(nodes []*node) []string {
	orgs := make([]string, len(nodes))
	for i, n := range nodes {
		orgs[i] = n.org
	}
	return slices.Compact(orgs) // those of one organisation lie side by side
}

// PeerOrgs are PeerOrganisations, sorted.
func (c *Client) PeerOrgs() []string { return slices.Sorted(slices.Values(c.PeerOrganisations())) }

// atOrg asks the nodes of one organisation one after the other until one answers; role is theirs.
func atOrg[T any](nodes []*node, org, role string, ask func(*node) (T, error)) (answer T, err error) {
	err = fmt.Errorf("organisation %q has no %s", org, role)
	for _, n := range nodes {
		if n.org != org {
			continue
		}
		if answer, err = ask(n); err == nil {
			return answer, nil
		}
	}
	return answer, err
}

// EvaluateAt asks one named organisation's peer; for comparing what peers hold.
func (c *Client) EvaluateAt(ctx context.Context, org, fn string, arg any) ([]byte, error) {
	p, err := c.propose(fn, arg)
	if err != nil {
		return nil, err
	}
	ctx, cancel := c.within(ctx, c.cfg.Timeouts.Evaluate)
	defer cancel()
	response, err := atOrg(c.peers, org, "peer", func(n *node) (*peer.ProposalResponse, error) { return c.send(ctx, n, p) })
	if err != nil {
		return nil, endorseError(p.txID, err)
	}
	return response.Response.Payload, nil
}

// ConfigBlock is the channel's newest configuration block as a named organisation's peer has it, a serialised common.Block.
func (c *Client) ConfigBlock(ctx context.Context, org string) ([]byte, error) {
	p, err := c.proposeTo(cscc, csccConfigBlock, []byte(c.cfg.Channel))
	if err != nil {
		return nil, err
	}
	ctx, cancel := c.within(ctx, c.cfg.Timeouts.Evaluate)
	defer cancel()
	response, err := atOrg(c.peers, org, "peer", func(n *node) (*peer.ProposalResponse, error) { return c.send(ctx, n, p) })
	if err != nil {
		return nil, endorseError("", err)
	}
	return response.Response.Payload, nil
}

// SignedBlockByTx asks a named organisation's peer for the block with a transaction and keeps the peer's signature. The peer
// signs nonce along with the question, so the answer cannot be older than the nonce. A peer that lags gets twice the hedge
// time to catch up. Errors: *ledger.Error NotFound when a peer that has caught up does not hold the transaction.
func (c *Client) SignedBlockByTx(ctx context.Context, org, txID string, nonce []byte) (ledger.SignedAnswer, error) {
	p, err := c.proposeTo(qscc, qsccBlockByTxID, []byte(c.cfg.Channel), []byte(txID), nonce)
	if err != nil {
		return ledger.SignedAnswer{}, err
	}
	ctx, cancel := c.within(ctx, c.cfg.Timeouts.Evaluate)
	defer cancel()
	answer, err := atOrg(c.peers, org, "peer", func(n *node) (ledger.SignedAnswer, error) {
		response, err := c.send(ctx, n, p)
		if known := c.seen.Load(); err != nil && noSuchTx.MatchString(err.Error()) && !n.holds(known) {
			response, err = c.sendCaughtUp(ctx, n, p, known)
		}
		if err != nil {
			if noSuchTx.MatchString(err.Error()) {
				err = &ledger.Error{Code: ledger.NotFound, Message: "transaction " + txID + " is not on the ledger of " + org}
			}
			return ledger.SignedAnswer{}, err
		}
		header := &common.Header{}
		if err := proto.Unmarshal(p.raw.Header, header); err != nil {
			return ledger.SignedAnswer{}, err
		}
		if response.Endorsement == nil {
			return ledger.SignedAnswer{}, &nodeError{n, errors.New("answered without a signature")}
		}
		return ledger.SignedAnswer{
			Org: org, ChannelHeader: header.ChannelHeader, SignatureHeader: header.SignatureHeader, Proposal: p.raw.Payload,
			Response: response.Payload, Endorser: response.Endorsement.Endorser, Signature: response.Endorsement.Signature,
		}, nil
	})
	if err != nil {
		return answer, endorseError("", err)
	}
	return answer, nil
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
	block, err := atOrg(c.orderers, org, "orderer", func(n *node) (*common.Block, error) { return c.ordererBlock(ctx, n, number) })
	if err != nil {
		return nil, err
	}
	return proto.Marshal(block)
}
