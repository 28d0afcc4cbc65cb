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

// broadcast gives a transaction to one orderer after the other, from the offset-th working one on, until one accepts it.
// Giving the same envelope to several is harmless: peers let a transaction id count once. The error says why it is not
// accepted, and is not a nodeError only when an orderer read the transaction and refused it.
func (c *Client) broadcast(ctx context.Context, envelope *common.Envelope, offset int) (receipt, error) {
	nodes := c.health.order(c.orderers, orderPart)
	best := notSent
	var failures []error
	var refusal error
	for i := range nodes {
		n := nodes[(i+offset)%len(nodes)]
		r, err := c.broadcastTo(ctx, n, envelope)
		best = max(best, r)
		if r == accepted {
			return accepted, nil
		}
		var own *nodeError
		if errors.As(err, &own) {
			failures = append(failures, err)
			if !errors.Is(err, errBusy) {
				c.health.failed(n, orderPart, err)
			}
		} else {
			refusal = err
		}
		if ctx.Err() != nil {
			break
		}
	}
	if refusal != nil {
		return best, refusal
	}
	return best, errors.Join(failures...)
}

// errBusy: the orderer is there but cannot take the transaction now.
var errBusy = errors.New("does not take transactions now")

func (c *Client) broadcastTo(ctx context.Context, n *node, envelope *common.Envelope) (receipt, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeouts.Broadcast)
	defer cancel()
	conn, err := n.dial(ctx, c.cfg.Timeouts.Connect)
	if err != nil {
		return notSent, &nodeError{n, err}
	}
	stream, err := orderer.NewAtomicBroadcastClient(conn).Broadcast(ctx)
	if err != nil {
		return notSent, &nodeError{n, err}
	}
	// From here on the orderer may have the transaction whatever the connection does.
	if err := stream.Send(envelope); err != nil {
		return maybe, &nodeError{n, err}
	}
	response, err := stream.Recv()
	if err != nil {
		return maybe, &nodeError{n, err}
	}
	switch {
	case response.Status == common.Status_SUCCESS:
		return accepted, nil
	case strings.Contains(response.Info, "request already exists"):
		return accepted, nil // another orderer passed it on already
	case response.Status >= 500, response.Status == common.Status_NOT_FOUND:
		return notSent, &nodeError{n, fmt.Errorf("%w: %s: %s", errBusy, response.Status, response.Info)}
	}
	return notSent, fmt.Errorf("%s: %s: %s", n, response.Status, response.Info)
}
