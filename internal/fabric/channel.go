package fabric

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/golang/protobuf/proto"
	"github.com/hyperledger/fabric-protos-go/common"
	"github.com/hyperledger/fabric-protos-go/orderer"
)

// The peer's own chaincode for the channel's configuration.
const (
	cscc            = "cscc"
	csccConfigBlock = "GetConfigBlock"
)

// channel remembers what the channel's newest configuration says that a client goes by. It is learnt anew whenever a configuration
// block comes, so a client need not be restarted when organisations join or leave.
type channel struct {
	once      sync.Once
	bft       chan struct{} // closed when the orderers are known to be BFT. They may become so while a client lives, and stay so
	endorsers atomic.Int64  // of how many organisations a transaction needs endorsements
	learning  sync.Mutex    // one question at a time
}

// fewestEndorsers is what a client collects as long as it knows of no policy that says otherwise: an organisation besides its own.
const fewestEndorsers = 2

func newChannel() *channel {
	c := &channel{bft: make(chan struct{})}
	c.endorsers.Store(fewestEndorsers)
	return c
}

func (ch *channel) isBFT() bool {
	select {
	case <-ch.bft:
		return true
	default:
		return false
	}
}

// learnChannel asks the peers for the channel's configuration until one gives it.
func (c *Client) learnChannel() { _ = c.learnWithin(c.ctx) }

func (c *Client) learnWithin(ctx context.Context) error {
	c.channel.learning.Lock()
	defer c.channel.learning.Unlock()
	wait := probeFirst
	for {
		var failures []error
		for _, n := range c.health.order(c.peers, ledgerPart) {
			kind, endorsers, err := c.configuration(ctx, n)
			if err != nil {
				failures = append(failures, err)
				c.log.Debug("the channel's configuration is not known", "node", n.String(), "err", err)
				continue
			}
			if kind == "BFT" {
				c.channel.once.Do(func() { close(c.channel.bft) })
			}
			if was := c.channel.endorsers.Swap(int64(endorsers)); was != int64(endorsers) {
				c.log.Info("the channel asks for other endorsements", "organisations", endorsers, "before", was)
			}
			return nil
		}
		if !pause(ctx, wait) {
			return errors.Join(append(failures, ctx.Err())...)
		}
		wait = min(2*wait, probeMax)
	}
}

// configuration is what one peer says of the channel.
func (c *Client) configuration(ctx context.Context, n *node) (consensus string, endorsers int, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*c.cfg.Timeouts.Hedge)
	defer cancel()
	p, err := c.proposeTo(cscc, csccConfigBlock, []byte(c.cfg.Channel))
	if err != nil {
		return "", 0, err
	}
	response, err := c.send(ctx, n, p)
	if err != nil {
		return "", 0, err
	}
	block, envelope, payload, config := &common.Block{}, &common.Envelope{}, &common.Payload{}, &common.ConfigEnvelope{}
	if err := proto.Unmarshal(response.Response.Payload, block); err != nil {
		return "", 0, err
	}
	if len(block.GetData().GetData()) != 1 {
		return "", 0, errors.New("not a configuration block")
	}
	if err := proto.Unmarshal(block.Data.Data[0], envelope); err != nil {
		return "", 0, err
	}
	if err := proto.Unmarshal(envelope.Payload, payload); err != nil {
		return "", 0, err
	}
	if err := proto.Unmarshal(payload.Data, config); err != nil {
		return "", 0, err
	}
	groups := config.GetConfig().GetChannelGroup().GetGroups()
	kind := &orderer.ConsensusType{}
	if err := proto.Unmarshal(groups["Orderer"].GetValues()["ConsensusType"].GetValue(), kind); err != nil {
		return "", 0, err
	}
	endorsers, err = endorsersOf(groups["Application"])
	return kind.Type, endorsers, err
}

// endorsersOf reads the number of organisations out of the policy that the chaincode's definition refers to. A channel whose policy is
// of another kind has definitions with policies of their own.
func endorsersOf(application *common.ConfigGroup) (int, error) {
	policy := application.GetPolicies()["Endorsement"].GetPolicy()
	if policy.GetType() != int32(common.Policy_SIGNATURE) {
		return fewestEndorsers, nil
	}
	rule := &common.SignaturePolicyEnvelope{}
	if err := proto.Unmarshal(policy.GetValue(), rule); err != nil {
		return 0, err
	}
	return max(1, int(rule.GetRule().GetNOutOf().GetN())), nil
}
