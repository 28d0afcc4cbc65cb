package fabric

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"github.com/trackseal/trackseal/internal/ledger"

	"github.com/golang/protobuf/proto"
	"github.com/hyperledger/fabric-protos-go/common"
	"github.com/hyperledger/fabric-protos-go/peer"
)

// The peer's own chaincode for blocks.
const (
	qscc            = "qscc"
	qsccBlockByTxID = "GetBlockByTxID"
	qsccChainInfo   = "GetChainInfo"
)

// noSuchTx is how a peer says that a transaction is not on its ledger; everything else is a failure.
var noSuchTx = regexp.MustCompile(`no such transaction ID`)

// BlockByTx returns the serialised common.Block that holds the transaction, from the own peer (another organisation's when
// it is down), with its metadata. Error *ledger.Error NotFound when there is none.
func (c *Client) BlockByTx(ctx context.Context, txID string) ([]byte, error) {
	ctx, cancel := c.within(ctx, c.cfg.Timeouts.Evaluate)
	defer cancel()
	raw, err := race(ctx, c, ledgerPart, c.health.order(c.peers, ledgerPart), func(ctx context.Context, n *node) ([]byte, error) {
		return c.blockAt(ctx, n, txID)
	})
	if errors.Is(err, errNoTx) {
		raw, _, err = c.lookup(ctx, txID) // that peer may lag
	}
	if errors.Is(err, errNoTx) {
		return nil, &ledger.Error{Code: ledger.NotFound, Message: "transaction " + txID + " is not on the ledger"}
	}
	if err != nil {
		return nil, endorseError("", err)
	}
	return raw, nil
}

// TxStatus looks a transaction up: found and its validation code (0 = valid). It asks all peers, for any of them may lag.
// Not found means not on the ledger now; an orderer that froze with the transaction in hand may still order it when it wakes.
func (c *Client) TxStatus(ctx context.Context, txID string) (found bool, code int32, block uint64, err error) {
	ctx, cancel := c.with(ctx)
	defer cancel()
	_, status, err := c.lookup(ctx, txID)
	switch {
	case errors.Is(err, errNoTx):
		return false, 0, 0, nil
	case err != nil:
		return false, 0, 0, endorseError("", err)
	}
	return true, status.code, status.block, nil
}

// txStatus is what a block says of a transaction.
type txStatus struct {
	code  int32
	block uint64
}

// statusIn finds a transaction in the block that n gave for it.
func statusIn(n *node, raw []byte, txID string) (txStatus, error) {
	block := &common.Block{}
	if err := proto.Unmarshal(raw, block); err != nil {
		return txStatus{}, &nodeError{n, err}
	}
	txs, err := transactions(block)
	if err != nil {
		return txStatus{}, &nodeError{n, err}
	}
	for _, tx := range txs {
		if tx.id == txID {
			return txStatus{tx.code, block.Header.Number}, nil
		}
	}
	return txStatus{}, &nodeError{n, fmt.Errorf("block %d does not hold the transaction that it was asked for", block.Header.Number)}
}

func (c *Client) blockAt(ctx context.Context, n *node, txID string) ([]byte, error) {
	p, err := c.proposeTo(qscc, qsccBlockByTxID, []byte(c.cfg.Channel), []byte(txID))
	if err != nil {
		return nil, err
	}
	response, err := c.send(ctx, n, p)
	if err != nil {
		if noSuchTx.MatchString(err.Error()) {
			return nil, errNoTx
		}
		return nil, err
	}
	return response.Response.Payload, nil
}

// height is the number of blocks that a peer holds.
func (c *Client) height(ctx context.Context, n *node) (uint64, error) {
	p, err := c.proposeTo(qscc, qsccChainInfo, []byte(c.cfg.Channel))
	if err != nil {
		return 0, err
	}
	response, err := c.send(ctx, n, p)
	if err != nil {
		return 0, err
	}
	info := &common.BlockchainInfo{}
	if err := proto.Unmarshal(response.Response.Payload, info); err != nil {
		return 0, &nodeError{n, err}
	}
	n.reach(info.Height)
	return info.Height, nil
}

// transaction is one entry of a block.
type transaction struct {
	id   string
	code int32
	// body is the serialised peer.Transaction of an endorsed transaction, nil for others.
	body []byte
}

// transactions reads a block's entries with the peer's verdict on each.
func transactions(block *common.Block) ([]transaction, error) {
	if block.Header == nil || block.Data == nil || block.Metadata == nil ||
		len(block.Metadata.Metadata) <= int(common.BlockMetadataIndex_TRANSACTIONS_FILTER) {
		return nil, errors.New("block is incomplete")
	}
	filter := block.Metadata.Metadata[common.BlockMetadataIndex_TRANSACTIONS_FILTER]
	if len(filter) != len(block.Data.Data) {
		return nil, fmt.Errorf("block %d has %d transactions and verdicts on %d", block.Header.Number, len(block.Data.Data), len(filter))
	}
	txs := make([]transaction, 0, len(filter))
	for i, raw := range block.Data.Data {
		tx := transaction{code: int32(filter[i])}
		// An entry that cannot be read was not valid either; the peer has said so in the filter.
		if err := tx.read(raw); err != nil && tx.code == int32(peer.TxValidationCode_VALID) {
			return nil, fmt.Errorf("block %d, entry %d: %w", block.Header.Number, i, err)
		}
		txs = append(txs, tx)
	}
	return txs, nil
}

func (t *transaction) read(raw []byte) error {
	envelope, payload, header := &common.Envelope{}, &common.Payload{}, &common.ChannelHeader{}
	if err := proto.Unmarshal(raw, envelope); err != nil {
		return err
	}
	if err := proto.Unmarshal(envelope.Payload, payload); err != nil {
		return err
	}
	if err := proto.Unmarshal(payload.GetHeader().GetChannelHeader(), header); err != nil {
		return err
	}
	t.id = header.TxId
	if header.Type == int32(common.HeaderType_ENDORSER_TRANSACTION) {
		t.body = payload.Data
	}
	return nil
}

// events are the chaincode events of a block's valid transactions, in their order.
func events(block *common.Block, chaincode string) ([]ledger.Event, error) {
	txs, err := transactions(block)
	if err != nil {
		return nil, err
	}
	var found []ledger.Event
	for _, tx := range txs {
		if tx.code != int32(peer.TxValidationCode_VALID) || tx.body == nil {
			continue
		}
		body := &peer.Transaction{}
		if err := proto.Unmarshal(tx.body, body); err != nil {
			return nil, fmt.Errorf("transaction %s: %w", tx.id, err)
		}
		for _, action := range body.Actions {
			event, err := eventOf(action)
			if err != nil {
				return nil, fmt.Errorf("transaction %s: %w", tx.id, err)
			}
			if event.EventName != "" && event.ChaincodeId == chaincode {
				found = append(found, ledger.Event{Block: block.Header.Number, TxID: tx.id, Name: event.EventName, Payload: event.Payload})
			}
		}
	}
	return found, nil
}

func eventOf(action *peer.TransactionAction) (*peer.ChaincodeEvent, error) {
	payload, response := &peer.ChaincodeActionPayload{}, &peer.ProposalResponsePayload{}
	result, event := &peer.ChaincodeAction{}, &peer.ChaincodeEvent{}
	if err := proto.Unmarshal(action.Payload, payload); err != nil {
		return nil, err
	}
	if err := proto.Unmarshal(payload.GetAction().GetProposalResponsePayload(), response); err != nil {
		return nil, err
	}
	if err := proto.Unmarshal(response.Extension, result); err != nil {
		return nil, err
	}
	return event, proto.Unmarshal(result.Events, event)
}

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
