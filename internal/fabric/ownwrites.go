package fabric

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hyperledger/fabric-protos-go/peer"

	"github.com/trackseal/trackseal/internal/ledger"
)

// A caller reads its own writes: what this client has seen committed (Client.seen) may not be unknown to the peer that
// answers the next question, be it another one because the own peer keeps silent. A peer's height tells, since Fabric gives
// its height and its blocks out only when their state is committed as well (kvledger's blockAPIsRWLock).

const (
	catchUpFirst = 10 * time.Millisecond
	catchUpMax   = 200 * time.Millisecond
)

// sendCaughtUp has a peer run a proposal once it holds height known, for which it gets twice the hedge time; a nodeError with
// errBehind when it does not.
func (c *Client) sendCaughtUp(ctx context.Context, n *node, p *proposal, known uint64) (*peer.ProposalResponse, error) {
	if err := c.caughtUp(ctx, n, known); err != nil {
		return nil, err
	}
	return c.send(ctx, n, p)
}

// opinion is what a peer says of a transaction. An endorsement may come from one that lags, for the ledger itself finds out
// what was read too early. A refusal ends the matter, so it only counts from a peer that held height known when it was asked.
func (c *Client) opinion(ctx context.Context, n *node, p *proposal, known uint64) (*peer.ProposalResponse, error) {
	held := n.holds(known)
	response, err := c.send(ctx, n, p)
	var refusal *ledger.Error
	if held || !errors.As(err, &refusal) {
		return response, err
	}
	return c.sendCaughtUp(ctx, n, p, known)
}

// caughtUp waits until a peer holds height known.
func (c *Client) caughtUp(ctx context.Context, n *node, known uint64) error {
	if n.holds(known) {
		return nil
	}
	deadline := time.Now().Add(2 * c.cfg.Timeouts.Hedge)
	for wait := catchUpFirst; ; wait = min(2*wait, catchUpMax) {
		height, err := c.height(ctx, n)
		if err != nil {
			return err
		}
		if height >= known {
			return nil
		}
		if time.Now().After(deadline) {
			return &nodeError{n, fmt.Errorf("%w: height %d of %d", errBehind, height, known)}
		}
		select {
		case <-ctx.Done():
			return &nodeError{n, context.Cause(ctx)}
		case <-time.After(wait):
		}
	}
}
