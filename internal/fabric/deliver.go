package fabric

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/golang/protobuf/proto"
	"github.com/golang/protobuf/ptypes"
	"github.com/hyperledger/fabric-protos-go/common"
	"github.com/hyperledger/fabric-protos-go/orderer"
	"github.com/hyperledger/fabric-protos-go/peer"
	"github.com/hyperledger/fabric-sdk-go/pkg/fab/txn"
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
	stream, err := c.openStream(ctx, n, from, filtered)
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

type deliverStream interface {
	Send(*common.Envelope) error
	Recv() (*peer.DeliverResponse, error)
	CloseSend() error
}

func (c *Client) openStream(ctx context.Context, n *node, from uint64, filtered bool) (deliverStream, error) {
	conn, err := n.dial(ctx, c.cfg.Timeouts.Connect)
	if err != nil {
		return nil, &nodeError{n, err}
	}
	request, err := c.seek(n, from)
	if err != nil {
		return nil, err
	}
	var stream deliverStream
	if filtered {
		stream, err = peer.NewDeliverClient(conn).DeliverFiltered(ctx)
	} else {
		stream, err = peer.NewDeliverClient(conn).Deliver(ctx)
	}
	if err != nil {
		return nil, rpcError(n, err)
	}
	if err := stream.Send(request); err != nil {
		return nil, &nodeError{n, err}
	}
	return stream, nil
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
	channelHeader, err := proto.Marshal(&common.ChannelHeader{
		Type: int32(common.HeaderType_DELIVER_SEEK_INFO), ChannelId: c.cfg.Channel, Timestamp: ptypes.TimestampNow(),
		TlsCertHash: n.certHash(),
	})
	if err != nil {
		return nil, err
	}
	signatureHeader, err := proto.Marshal(&common.SignatureHeader{Creator: header.Creator(), Nonce: header.Nonce()})
	if err != nil {
		return nil, err
	}
	payload, err := proto.Marshal(&common.Payload{
		Header: &common.Header{ChannelHeader: channelHeader, SignatureHeader: signatureHeader},
		Data:   data,
	})
	if err != nil {
		return nil, err
	}
	signature, err := c.sign(payload)
	if err != nil {
		return nil, err
	}
	return &common.Envelope{Payload: payload, Signature: signature}, nil
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
