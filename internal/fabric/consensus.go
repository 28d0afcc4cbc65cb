package fabric

import (
	"context"
	"errors"

	"github.com/golang/protobuf/proto"
	"github.com/hyperledger/fabric-protos-go/common"
	"github.com/hyperledger/fabric-protos-go/orderer"
)

// The peer's own chaincode for the channel's configuration.
const (
	cscc            = "cscc"
	csccConfigBlock = "GetConfigBlock"
)

// learnConsensus asks a peer how the channel's orderers agree. Until it is known, a transaction goes to one orderer at a
// time, which is right for every kind.
func (c *Client) learnConsensus(ctx context.Context, n *node) {
	kind, err := c.consensusType(ctx, n)
	if err != nil {
		c.log.Debug("consensus type is not known", "node", n.String(), "err", err)
		return
	}
	c.everywhere.Store(kind == "BFT")
}

func (c *Client) consensusType(ctx context.Context, n *node) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeouts.Evaluate)
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
