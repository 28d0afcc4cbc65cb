package fabric

import (
	"context"
	"errors"
)

// errNoTx: the transaction is not on the ledger that was asked.
var errNoTx = errors.New("transaction is not on the ledger")

// lookup asks all peers for a transaction at once and answers its block and verdict as soon as one holds it. errNoTx needs
// two organisations (or all there are) that do not hold it, since a single one may lag.
func (c *Client) lookup(ctx context.Context, txID string) ([]byte, txStatus, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*c.cfg.Timeouts.Hedge)
	defer cancel()
	type found struct {
		node   *node
		raw    []byte
		status txStatus
		err    error
	}
	results := make(chan found, len(c.peers))
	asked, working := 0, 0 // working: asked, not known to be down, and silent so far
	for _, n := range c.peers {
		if c.spawn(func() {
			raw, err := c.blockAt(ctx, n, txID)
			var status txStatus
			if err == nil {
				status, err = statusIn(n, raw, txID)
			}
			results <- found{n, raw, status, err}
		}) {
			asked++
			if !c.health.isDown(n, ledgerPart) {
				working++
			}
		}
	}
	absent := map[string]bool{}
	failure := errClosed
	for range asked {
		r := <-results // each call ends with ctx at the latest
		if !c.health.isDown(r.node, ledgerPart) {
			working--
		}
		switch {
		case r.err == nil:
			r.node.reach(r.status.block + 1)
			c.saw(r.status.block)
			return r.raw, r.status, nil
		case errors.Is(r.err, errNoTx):
			if absent[r.node.msp] = true; len(absent) >= 2 && working <= 0 {
				return nil, txStatus{}, errNoTx // no need to wait for one that is known to be frozen
			}
		default:
			failure = r.err
			if isNodeError(r.err) {
				c.health.failed(r.node, ledgerPart, r.err)
			}
		}
	}
	if len(absent) >= min(2, len(c.peers)) {
		return nil, txStatus{}, errNoTx
	}
	return nil, txStatus{}, failure
}
