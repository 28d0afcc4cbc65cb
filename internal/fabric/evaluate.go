package fabric

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/trackseal/trackseal/internal/ledger"

	"github.com/hyperledger/fabric-protos-go/peer"
)

// Evaluate asks the own peer (another organisation's when it is down) and orders nothing. The answer holds what this client
// has seen committed before the call, whoever gives it. Errors: *ledger.Error, or *StageError at StageEndorse, which wraps
// ErrUnavailable when trying again can help.
func (c *Client) Evaluate(ctx context.Context, fn string, arg any) ([]byte, error) {
	p, err := c.propose(fn, arg)
	if err != nil {
		return nil, err
	}
	ctx, cancel := c.within(ctx, c.cfg.Timeouts.Evaluate)
	defer cancel()
	response, err := c.ask(ctx, chaincodePart, p)
	if err != nil {
		return nil, endorseError(p.txID, err)
	}
	return response.Response.Payload, nil
}

// ask has the first peer run a proposal that can answer and holds what this client has seen.
func (c *Client) ask(ctx context.Context, at part, p *proposal) (*peer.ProposalResponse, error) {
	known := c.seen.Load()
	return race(ctx, c, at, c.health.order(c.peers, at), func(ctx context.Context, n *node) (*peer.ProposalResponse, error) {
		return c.sendCaughtUp(ctx, n, p, known)
	})
}

type raced[T any] struct {
	node  *node
	value T
	err   error
}

// race asks nodes one after the other: the next when one fails, or as well when one keeps silent for the hedge time. The
// first answer that is not a node's own failure counts.
func race[T any](ctx context.Context, c *Client, at part, nodes []*node, call func(context.Context, *node) (T, error)) (T, error) {
	var zero T
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make(chan raced[T], len(nodes))
	silent := map[*node]time.Time{}
	var failures []error
	started := 0
	start := func() {
		if started < len(nodes) {
			n := nodes[started]
			started++
			silent[n] = time.Now()
			c.spawn(func() {
				value, err := call(ctx, n)
				results <- raced[T]{n, value, err}
			})
		}
	}
	start()
	hedge := time.NewTimer(c.cfg.Timeouts.Hedge)
	defer hedge.Stop()
	for {
		select {
		case r := <-results:
			delete(silent, r.node)
			if isNodeError(r.err) {
				failures = append(failures, r.err)
				c.health.failed(r.node, at, r.err)
				if len(failures) == len(nodes) {
					return zero, errors.Join(failures...)
				}
				start()
				hedge.Reset(c.cfg.Timeouts.Hedge)
				continue
			}
			c.blameSilent(silent, at)
			return r.value, r.err
		case <-hedge.C:
			start()
			hedge.Reset(c.cfg.Timeouts.Hedge)
		case <-ctx.Done():
			c.blameSilent(silent, at)
			return zero, errors.Join(append(failures, context.Cause(ctx))...)
		}
	}
}

// errSlow: no answer within the hedge time, while others answered or the caller's time ran out.
var errSlow = errors.New("keeps silent")

// blameSilent notes the nodes that were asked at least the hedge time ago and have not answered.
func (c *Client) blameSilent(silent map[*node]time.Time, at part) {
	for n, since := range silent {
		if time.Since(since) >= c.cfg.Timeouts.Hedge {
			c.health.failed(n, at, errSlow)
		}
	}
}

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
		if !pause(ctx, wait) {
			return &nodeError{n, context.Cause(ctx)}
		}
	}
}
