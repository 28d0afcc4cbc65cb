package fabric

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/golang/protobuf/proto"
	"github.com/hyperledger/fabric-protos-go/common"
	"github.com/hyperledger/fabric-protos-go/orderer"
)

// The peer's own chaincode for the channel's configuration.
const (
	cscc            = "cscc"
	csccConfigBlock = "GetConfigBlock"
)

// consensus remembers whether the channel's orderers are BFT. They may become so while a client lives, and stay so.
type consensus struct {
	once     sync.Once
	known    chan struct{} // closed when they are
	learning atomic.Bool
}

func newConsensus() *consensus { return &consensus{known: make(chan struct{})} }

func (b *consensus) isKnown() bool {
	select {
	case <-b.known:
		return true
	default:
		return false
	}
}

// learnConsensus asks the peers how the channel's orderers agree until one says it.
func (c *Client) learnConsensus() {
	if !c.bft.learning.CompareAndSwap(false, true) {
		return
	}
	defer c.bft.learning.Store(false)
	wait := probeFirst
	for !c.bft.isKnown() {
		for _, n := range c.health.order(c.peers, ledgerPart) {
			kind, err := c.consensusType(c.ctx, n)
			if err == nil {
				if kind == "BFT" {
					c.bft.once.Do(func() { close(c.bft.known) })
				}
				return
			}
			c.log.Debug("consensus type is not known", "node", n.String(), "err", err)
		}
		select {
		case <-c.ctx.Done():
			return
		case <-time.After(wait):
		}
		wait = min(2*wait, probeMax)
	}
}

func (c *Client) consensusType(ctx context.Context, n *node) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*c.cfg.Timeouts.Hedge)
	defer cancel()
	p, err := c.proposeTo(cscc, csccConfigBlock, []byte(c.cfg.Channel))
	if err != nil {
		return "", err
	}
	response, err := c.send(ctx, n, p)
	if err != nil {
		return "", err
	}
	block, envelope, payload, config := &common.Block{}, &common.Envelope{}, &common.Payload{}, &common.ConfigEnvelope{}
	if err := proto.Unmarshal(response.Response.Payload, block); err != nil {
		return "", err
	}
	if len(block.GetData().GetData()) != 1 {
		return "", errors.New("not a configuration block")
	}
	if err := proto.Unmarshal(block.Data.Data[0], envelope); err != nil {
		return "", err
	}
	if err := proto.Unmarshal(envelope.Payload, payload); err != nil {
		return "", err
	}
	if err := proto.Unmarshal(payload.Data, config); err != nil {
		return "", err
	}
	value := config.GetConfig().GetChannelGroup().GetGroups()["Orderer"].GetValues()["ConsensusType"].GetValue()
	consensus := &orderer.ConsensusType{}
	if err := proto.Unmarshal(value, consensus); err != nil {
		return "", err
	}
	return consensus.Type, nil
}
