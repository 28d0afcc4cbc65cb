package fabric

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/trackseal/trackseal/internal/ledger"

	"github.com/golang/protobuf/proto"
	"github.com/hyperledger/fabric-protos-go/common"
	"github.com/hyperledger/fabric-protos-go/peer"
	"github.com/hyperledger/fabric-sdk-go/pkg/common/providers/fab"
	"github.com/hyperledger/fabric-sdk-go/pkg/fab/txn"
)

// proposal is a signed request to run a function, under one transaction id however often and to whomever it is sent.
type proposal struct {
	txID   string
	raw    *fab.TransactionProposal
	signed *peer.SignedProposal
}

// propose makes a proposal for one of the chaincode's transactions, which take one JSON argument.
func (c *Client) propose(fn string, arg any) (*proposal, error) {
	body, err := json.Marshal(arg)
	if err != nil {
		return nil, fmt.Errorf("%s: argument: %w", fn, err)
	}
	request := fab.ChaincodeInvokeRequest{ChaincodeID: c.cfg.Chaincode, Fcn: fn, Args: [][]byte{body}}
	private, err := ledger.PrivateOf(arg)
	if err != nil {
		return nil, fmt.Errorf("%s: private part of the argument: %w", fn, err)
	}
	if private != nil {
		request.TransientMap = map[string][]byte{ledger.PrivateKey: private}
	}
	return c.newProposal(request)
}

// proposeTo makes one for another chaincode, of Fabric's own.
func (c *Client) proposeTo(chaincode, fn string, args ...[]byte) (*proposal, error) {
	return c.newProposal(fab.ChaincodeInvokeRequest{ChaincodeID: chaincode, Fcn: fn, Args: args})
}

func (c *Client) newProposal(request fab.ChaincodeInvokeRequest) (*proposal, error) {
	fn := request.Fcn
	request.Lang = peer.ChaincodeSpec_GOLANG
	header, err := txn.NewHeader(c.identity, c.cfg.Channel)
	if err != nil {
		return nil, fmt.Errorf("%s: proposal header: %w", fn, err)
	}
	raw, err := txn.CreateChaincodeInvokeProposal(header, request)
	if err != nil {
		return nil, fmt.Errorf("%s: proposal: %w", fn, err)
	}
	bytes, err := proto.Marshal(raw.Proposal)
	if err != nil {
		return nil, fmt.Errorf("%s: proposal: %w", fn, err)
	}
	signature, err := c.Sign(bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: proposal: %w", fn, err)
	}
	return &proposal{txID: string(raw.TxnID), raw: raw, signed: &peer.SignedProposal{ProposalBytes: bytes, Signature: signature}}, nil
}

// shift moves a proposal's time, which the SDK takes from its own clock.
func (c *Client) shift(p *proposal, ahead time.Duration) error {
	header, channel := &common.Header{}, &common.ChannelHeader{}
	if err := errors.Join(proto.Unmarshal(p.raw.Header, header), proto.Unmarshal(header.ChannelHeader, channel)); err != nil {
		return err
	}
	channel.Timestamp.Seconds += int64(ahead / time.Second)
	var err error
	if header.ChannelHeader, err = proto.Marshal(channel); err != nil {
		return err
	}
	if p.raw.Header, err = proto.Marshal(header); err != nil {
		return err
	}
	if p.signed.ProposalBytes, err = proto.Marshal(p.raw.Proposal); err != nil {
		return err
	}
	p.signed.Signature, err = c.Sign(p.signed.ProposalBytes)
	return err
}

// Sign is the identity's signature: ECDSA over SHA-256, in DER.
func (c *Client) Sign(bytes []byte) ([]byte, error) {
	return c.identity.SigningManager().Sign(bytes, c.identity.PrivateKey())
}

// envelope is the transaction as orderers take it: the proposal with what its endorsers signed.
func (c *Client) envelope(p *proposal, endorsed []*peer.ProposalResponse) (*common.Envelope, error) {
	request := fab.TransactionRequest{Proposal: p.raw}
	for _, response := range endorsed {
		request.ProposalResponses = append(request.ProposalResponses, &fab.TransactionProposalResponse{ProposalResponse: response})
	}
	tx, err := txn.New(request)
	if err != nil {
		return nil, err
	}
	data, err := proto.Marshal(tx.Transaction)
	if err != nil {
		return nil, err
	}
	header := &common.Header{}
	if err := proto.Unmarshal(p.raw.Header, header); err != nil {
		return nil, err
	}
	return c.signed(&common.Payload{Header: header, Data: data})
}

func (c *Client) signed(payload *common.Payload) (*common.Envelope, error) {
	raw, err := proto.Marshal(payload)
	if err != nil {
		return nil, err
	}
	signature, err := c.Sign(raw)
	if err != nil {
		return nil, err
	}
	return &common.Envelope{Payload: raw, Signature: signature}, nil
}

// send has one peer run a proposal. Errors: *ledger.Error (the chaincode refuses), *nodeError (this peer cannot; another
// may), any other error (the proposal cannot be run by anybody).
func (c *Client) send(ctx context.Context, n *node, p *proposal) (*peer.ProposalResponse, error) {
	conn, err := n.dial(ctx, c.cfg.Timeouts.Connect)
	if err != nil {
		return nil, &nodeError{n, err}
	}
	response, err := peer.NewEndorserClient(conn).ProcessProposal(ctx, p.signed)
	if err != nil {
		return nil, rpcError(n, err)
	}
	if response.Response == nil {
		return nil, &nodeError{n, fmt.Errorf("empty answer")}
	}
	// Below 200 nothing is defined, from 400 on it is an error: Fabric's own reading.
	if status := response.Response.Status; status < 200 || status >= 400 {
		return nil, answerError(n, response.Response.Message)
	}
	return response, nil
}
