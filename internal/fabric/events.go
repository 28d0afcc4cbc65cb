package fabric

import (
	"context"
	"errors"
	"time"
)

const (
	reconnectFirst = 100 * time.Millisecond
	reconnectMax   = 2 * time.Second
)

// Events delivers every event of the chaincode from block from on, in order, until ctx ends or handle fails. It reconnects by
// itself. An event may be delivered again after a reconnect: handle by (Block, TxID). atHead, if not nil, is called each
// time that the stream has caught up with the ledger.
func (c *Client) Events(ctx context.Context, from uint64, handle func(Event) error, atHead func(height uint64)) error {
	ctx, cancel := c.with(ctx)
	defer cancel()
	next := from
	return c.keepFollowing(ctx, false, func() uint64 { return next }, func(n *node) func(delivery) error {
		// The head as it was when the stream began; from there on every new block is the head.
		head, known := uint64(0), false
		if height, err := c.heightSoon(ctx, n); err == nil {
			head, known = height, true
			if next >= head && atHead != nil {
				atHead(head)
			}
		}
		return func(d delivery) error {
			found, err := events(d.block, c.cfg.Chaincode)
			if err != nil {
				return &nodeError{n, err}
			}
			for _, e := range found {
				if err := handle(e); err != nil {
					return &handlerError{err}
				}
			}
			next = d.number + 1
			if known && next >= head && atHead != nil {
				atHead(next)
			}
			return nil
		}
	})
}

// handlerError is the consumer's own: it ends the stream for good.
type handlerError struct{ err error }

func (e *handlerError) Error() string { return e.err.Error() }

// keepFollowing streams from the best peer and goes on at another, or at the same one again, when it fails. started is called
// at each begin and returns what to do with each block.
func (c *Client) keepFollowing(ctx context.Context, filtered bool, from func() uint64, started func(*node) func(delivery) error) error {
	wait := reconnectFirst
	for {
		n := c.health.order(c.peers, ledgerPart)[0]
		var handle func(delivery) error
		err := c.follow(ctx, n, from(), filtered,
			func() { handle = started(n) },
			func(d delivery) error {
				wait = reconnectFirst
				return handle(d)
			})
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		var own *handlerError
		if errors.As(err, &own) {
			return own.err
		}
		if !errors.Is(err, errHome) && !errors.Is(err, errGivenUp) {
			c.log.Debug("block stream ended, reconnecting", "node", n.String(), "filtered", filtered, "err", err)
			c.health.failed(n, ledgerPart, err)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(wait):
		}
		wait = min(2*wait, reconnectMax)
	}
}
