package fabric

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hyperledger/fabric-protos-go/common"
	"github.com/hyperledger/fabric-protos-go/orderer"
)

// receipt is what is known of a transaction after an orderer was given it.
type receipt int

const (
	notSent  receipt = iota // this orderer does not have it
	maybe                   // it may have it
	accepted                // it has it
)

// broadcast hands a transaction to the orderers. The error says why none accepts it, and is not a nodeError only when an
// orderer read the transaction and refused it.
//
// BFT orderers all get it at once, and order it once. One that has it alone is no good: only those that hold a transaction
// notice that the leader does not order it, so it cannot vote a dead leader out; and it passes a transaction on to the leader
// once, by a stream that it does not know to be broken until it has lost something there, as every follower's is when the
// leader was restarted. Others (Raft) would order every copy; they get it one after the other, from the offset-th working one
// on, until one accepts. A second copy on the ledger is harmless in any case: peers let a transaction id count once.
func (c *Client) broadcast(ctx context.Context, envelope *common.Envelope, offset int) (receipt, error) {
	nodes := c.health.order(c.orderers, orderPart)
	var all receipts
	if c.channel.isBFT() {
		results := make(chan receiptOf, len(nodes))
		begun := make(chan struct{})
		asked := 0
		for _, n := range nodes {
			if c.spawn(func() { c.sendUntilTaken(ctx, n, envelope, results, begun) }) {
				asked++
			}
		}
		for range asked {
			if all.add(c, <-results) == accepted {
				break // the others go on until the caller is done
			}
		}
		if all.best != notSent {
			close(begun) // or else the caller hears that nothing was sent, and that has to stay true
		}
		if all.best == accepted {
			return accepted, nil
		}
	} else {
		for i := range nodes {
			if all.add(c, c.broadcastTo(ctx, nodes[(i+offset)%len(nodes)], envelope)) == accepted {
				return accepted, nil
			}
			if ctx.Err() != nil {
				break
			}
		}
	}
	return all.best, all.err()
}

// receiptOf is one orderer's.
type receiptOf struct {
	node *node
	receipt
	err error
}

// receipts sums up several orderers.
type receipts struct {
	best     receipt
	failures []error
	refusal  error
}

func (r *receipts) add(c *Client, one receiptOf) receipt {
	r.best = max(r.best, one.receipt)
	switch {
	case one.err == nil:
	case isNodeError(one.err):
		r.failures = append(r.failures, one.err)
		if !errors.Is(one.err, errBusy) {
			c.health.failed(one.node, orderPart, one.err)
		}
	default:
		r.refusal = one.err
	}
	return one.receipt
}

func (r *receipts) err() error {
	if r.refusal != nil {
		return r.refusal
	}
	return errors.Join(append(r.failures, errNoReceipt)...)
}

// errNoReceipt: no orderer accepted the transaction.
var errNoReceipt = errors.New("no orderer accepted the transaction")

// errBusy: the orderer is there but cannot take the transaction now.
var errBusy = errors.New("does not take transactions now")

// sendUntilTaken gives one of several orderers a transaction, and tries again until it has it once begun is closed: the one that was
// just restarted may be the leader, and nobody else hands it what it missed.
func (c *Client) sendUntilTaken(ctx context.Context, n *node, envelope *common.Envelope, first chan<- receiptOf, begun <-chan struct{}) {
	r := c.broadcastTo(ctx, n, envelope)
	first <- r
	if r.receipt == accepted || !isNodeError(r.err) {
		return
	}
	select {
	case <-ctx.Done():
		return
	case <-begun:
	}
	for wait := probeFirst; r.receipt != accepted && isNodeError(r.err) && pause(ctx, wait); wait = min(2*wait, probeMax) {
		r = c.broadcastTo(ctx, n, envelope)
	}
}

func (c *Client) broadcastTo(ctx context.Context, n *node, envelope *common.Envelope) receiptOf {
	r, err := c.deposit(ctx, n, envelope)
	return receiptOf{n, r, err}
}

// deposit makes the call. What it answers beside an error is whether the orderer may have the transaction all the same.
func (c *Client) deposit(ctx context.Context, n *node, envelope *common.Envelope) (receipt, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeouts.Broadcast)
	defer cancel()
	conn, err := n.dial(ctx, c.cfg.Timeouts.Connect)
	if err != nil {
		return notSent, &nodeError{n, err}
	}
	stream, err := orderer.NewAtomicBroadcastClient(conn).Broadcast(ctx)
	if err != nil {
		return notSent, streamError(n, err)
	}
	// From here on the orderer may have the transaction whatever the connection does.
	if err := stream.Send(envelope); err != nil {
		return maybe, streamError(n, err)
	}
	response, err := stream.Recv()
	if err != nil {
		return maybe, streamError(n, err)
	}
	switch {
	case response.Status == common.Status_SUCCESS:
		return accepted, nil
	case strings.Contains(response.Info, "request already exists"), strings.Contains(response.Info, "request already processed"):
		return accepted, nil // another orderer passed it on already
	case response.Status >= 500, response.Status == common.Status_NOT_FOUND:
		return notSent, &nodeError{n, fmt.Errorf("%w: %s: %s", errBusy, response.Status, response.Info)}
	}
	return notSent, fmt.Errorf("%s: %s: %s", n, response.Status, response.Info)
}
