package fabric

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/trackseal/trackseal/internal/ledger"

	"github.com/golang/protobuf/proto"
	"github.com/golang/protobuf/ptypes"
	"github.com/hyperledger/fabric-protos-go/common"
	"github.com/hyperledger/fabric-protos-go/orderer"
	"github.com/hyperledger/fabric-protos-go/peer"
	"github.com/hyperledger/fabric-sdk-go/pkg/fab/txn"
	"google.golang.org/grpc"
)

// newest starts a stream at the newest block that the peer holds.
const newest = math.MaxUint64

// errHome ends a stream from another organisation's peer because the own one works again.
var errHome = errors.New("own peer works again")

// errGivenUp ends a stream from a peer that was found not to work by other means.
var errGivenUp = errors.New("peer does not work")

// delivery is one message of a stream: a block, or a filtered block.
type delivery struct {
	number   uint64
	block    *common.Block
	filtered *peer.FilteredBlock
}

// follow streams blocks from number from on out of one peer, in order and without a gap, and hands each to handle, until ctx
// ends, handle fails or the peer does. started is called when the peer has accepted the request.
func (c *Client) follow(ctx context.Context, n *node, from uint64, filtered bool, started func(), handle func(delivery) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := streamOf(ctx, c, n, from, func(conn *grpc.ClientConn) (deliverStream, error) {
		if filtered {
			return peer.NewDeliverClient(conn).DeliverFiltered(ctx)
		}
		return peer.NewDeliverClient(conn).Deliver(ctx)
	})
	if err != nil {
		return err
	}
	started()
	type message struct {
		response *peer.DeliverResponse
		err      error
	}
	messages := make(chan message, 1)
	if !c.spawn(func() {
		for {
			response, err := stream.Recv()
			select {
			case messages <- message{response, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}) {
		return errClosed
	}
	next := from
	stalled := false
	idle := time.NewTimer(c.cfg.Timeouts.Idle)
	defer idle.Stop()
	for {
		news := c.health.changed()
		if n != c.peers[0] && !c.health.isDown(c.peers[0], ledgerPart) {
			return errHome
		}
		if c.health.isDown(n, ledgerPart) && c.health.order(c.peers, ledgerPart)[0] != n {
			return errGivenUp
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case m := <-messages:
			if m.err != nil {
				return rpcError(n, m.err)
			}
			d, err := received(m.response)
			if err != nil {
				return &nodeError{n, err}
			}
			if next != newest && d.number != next {
				return &nodeError{n, fmt.Errorf("delivered block %d instead of %d", d.number, next)}
			}
			next, stalled = d.number+1, false
			n.reach(d.number + 1) // before it counts as seen, or the peer would be asked for its height
			c.saw(d.number)
			if err := handle(d); err != nil {
				return err
			}
		case <-news:
			// A peer that fails at something else may be frozen as a whole.
			if c.health.isDown(n, chaincodePart) {
				if _, err := c.heightSoon(ctx, n); err != nil {
					return err
				}
			}
		case <-idle.C:
			// A frozen peer keeps its connections: only a question tells a quiet channel from a dead one.
			height, err := c.heightSoon(ctx, n)
			if err != nil {
				return err
			}
			if behind := next != newest && height > next; behind && stalled {
				return &nodeError{n, fmt.Errorf("holds block %d and does not deliver it", next)}
			} else {
				stalled = behind
			}
		}
		idle.Reset(c.cfg.Timeouts.Idle)
	}
}

func (c *Client) heightSoon(ctx context.Context, n *node) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*c.cfg.Timeouts.Hedge)
	defer cancel()
	return c.height(ctx, n)
}

// deliverStream is a peer's stream of blocks or of filtered blocks.
type deliverStream interface {
	Send(*common.Envelope) error
	Recv() (*peer.DeliverResponse, error)
}

// streamOf opens a stream of a node's blocks from one on.
func streamOf[S interface{ Send(*common.Envelope) error }](ctx context.Context, c *Client, n *node, from uint64, open func(*grpc.ClientConn) (S, error)) (stream S, err error) {
	conn, err := n.dial(ctx, c.cfg.Timeouts.Connect)
	if err != nil {
		return stream, &nodeError{n, err}
	}
	request, err := c.seek(n, from)
	if err != nil {
		return stream, err
	}
	if stream, err = open(conn); err != nil {
		return stream, rpcError(n, err)
	}
	if err := stream.Send(request); err != nil {
		return stream, &nodeError{n, err}
	}
	return stream, nil
}

// ordererBlock is one block of an orderer, its last one for newest.
func (c *Client) ordererBlock(ctx context.Context, n *node, number uint64) (*common.Block, error) {
	stream, err := streamOf(ctx, c, n, number, func(conn *grpc.ClientConn) (orderer.AtomicBroadcast_DeliverClient, error) {
		return orderer.NewAtomicBroadcastClient(conn).Deliver(ctx) // ends with ctx, which is the caller's to end
	})
	if err != nil {
		return nil, err
	}
	response, err := stream.Recv()
	if err != nil {
		return nil, rpcError(n, err)
	}
	switch r := response.Type.(type) {
	case *orderer.DeliverResponse_Block:
		switch {
		case r.Block == nil || r.Block.Header == nil:
			return nil, &nodeError{n, errors.New("delivered a block without header")}
		case number != newest && r.Block.Header.Number != number:
			return nil, &nodeError{n, fmt.Errorf("delivered block %d instead of %d", r.Block.Header.Number, number)}
		}
		return r.Block, nil
	case *orderer.DeliverResponse_Status:
		return nil, &nodeError{n, fmt.Errorf("ended the stream: %s", r.Status)}
	}
	return nil, &nodeError{n, errors.New("delivered an unknown message")}
}

// seek is the signed request for all blocks from one on.
func (c *Client) seek(n *node, from uint64) (*common.Envelope, error) {
	start := &orderer.SeekPosition{Type: &orderer.SeekPosition_Specified{Specified: &orderer.SeekSpecified{Number: from}}}
	if from == newest {
		start = &orderer.SeekPosition{Type: &orderer.SeekPosition_Newest{Newest: &orderer.SeekNewest{}}}
	}
	data, err := proto.Marshal(&orderer.SeekInfo{
		Start:    start,
		Stop:     &orderer.SeekPosition{Type: &orderer.SeekPosition_Specified{Specified: &orderer.SeekSpecified{Number: math.MaxUint64}}},
		Behavior: orderer.SeekInfo_BLOCK_UNTIL_READY,
	})
	if err != nil {
		return nil, err
	}
	header, err := txn.NewHeader(c.identity, c.cfg.Channel)
	if err != nil {
		return nil, err
	}
	payload, err := txn.CreatePayload(header, &common.ChannelHeader{
		Type: int32(common.HeaderType_DELIVER_SEEK_INFO), ChannelId: c.cfg.Channel, Timestamp: ptypes.TimestampNow(),
		TlsCertHash: n.certHash(),
	}, data)
	if err != nil {
		return nil, err
	}
	return c.signed(payload)
}

func received(response *peer.DeliverResponse) (delivery, error) {
	switch r := response.Type.(type) {
	case *peer.DeliverResponse_Block:
		if r.Block == nil || r.Block.Header == nil {
			return delivery{}, errors.New("delivered a block without header")
		}
		return delivery{number: r.Block.Header.Number, block: r.Block}, nil
	case *peer.DeliverResponse_FilteredBlock:
		if r.FilteredBlock == nil {
			return delivery{}, errors.New("delivered an empty message")
		}
		return delivery{number: r.FilteredBlock.Number, filtered: r.FilteredBlock}, nil
	case *peer.DeliverResponse_Status:
		return delivery{}, fmt.Errorf("ended the stream: %s", r.Status)
	}
	return delivery{}, errors.New("delivered an unknown message")
}

const (
	reconnectFirst = 100 * time.Millisecond
	reconnectMax   = 2 * time.Second
)

// Events delivers every event of the chaincode from block from on, in order, until ctx ends or handle fails. It reconnects by
// itself. An event may be delivered again after a reconnect: handle by (Block, TxID). atHead, if not nil, is called each
// time that the stream has caught up with the ledger.
func (c *Client) Events(ctx context.Context, from uint64, handle func(ledger.Event) error, atHead func(height uint64)) error {
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
		if !pause(ctx, wait) {
			return context.Cause(ctx)
		}
		wait = min(2*wait, reconnectMax)
	}
}
