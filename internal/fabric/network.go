package fabric

import (
	"context"
	"errors"
	"fmt"

	"github.com/hyperledger/fabric-protos-go/orderer"
	"golang.org/x/sync/errgroup"
)

// Network asks every peer and orderer for its height. A node that does not answer is an entry with its error, not an error of
// the call. One that answers may yet have stopped working, as SmartBFT's orderers can: its height tells.
func (c *Client) Network(ctx context.Context) ([]Node, error) {
	ctx, cancel := c.with(ctx)
	defer cancel()
	nodes := c.nodes()
	answers := make([]Node, len(nodes))
	var group errgroup.Group
	for i, n := range nodes {
		group.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, 2*c.cfg.Timeouts.Hedge)
			defer cancel()
			answer := Node{Org: n.org, Role: n.role, Address: n.address}
			var err error
			if n.role == "peer" {
				answer.Height, err = c.height(ctx, n)
			} else {
				answer.Height, err = c.ordererHeight(ctx, n)
			}
			if answer.Up = err == nil; err != nil {
				answer.Error = err.Error()
			}
			answers[i] = answer
			return nil
		})
	}
	_ = group.Wait() // no task fails: each writes its own entry
	return answers, ctx.Err()
}

// ordererHeight is one more than the number of the newest block that the orderer delivers.
func (c *Client) ordererHeight(ctx context.Context, n *node) (uint64, error) {
	conn, err := n.dial(ctx, c.cfg.Timeouts.Connect)
	if err != nil {
		return 0, &nodeError{n, err}
	}
	request, err := c.seek(n, newest)
	if err != nil {
		return 0, err
	}
	stream, err := orderer.NewAtomicBroadcastClient(conn).Deliver(ctx) // ends with ctx, which is the caller's to end
	if err != nil {
		return 0, rpcError(n, err)
	}
	if err := stream.Send(request); err != nil {
		return 0, &nodeError{n, err}
	}
	response, err := stream.Recv()
	if err != nil {
		return 0, rpcError(n, err)
	}
	switch r := response.Type.(type) {
	case *orderer.DeliverResponse_Block:
		if r.Block == nil || r.Block.Header == nil {
			return 0, &nodeError{n, errors.New("delivered a block without header")}
		}
		return r.Block.Header.Number + 1, nil
	case *orderer.DeliverResponse_Status:
		return 0, &nodeError{n, fmt.Errorf("ended the stream: %s", r.Status)}
	}
	return 0, &nodeError{n, errors.New("delivered an unknown message")}
}
