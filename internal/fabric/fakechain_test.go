package fabric

import (
	"encoding/json"
	"slices"

	"github.com/golang/protobuf/proto"
	"github.com/hyperledger/fabric-protos-go/common"
	"github.com/hyperledger/fabric-protos-go/peer"
)

// The chain.

func (f *fakeNetwork) wake() {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.changed)
	f.changed = make(chan struct{})
}

// rwset is what the fake chaincode's transactions say in ChaincodeAction.Results.
type rwset struct {
	Key     string
	Version int // as read
	Value   string
}

// cut makes a block of one transaction and judges it as a committing peer does; without one, a configuration block.
func (f *fakeNetwork) cut(envelope []byte, code peer.TxValidationCode) {
	f.mu.Lock()
	defer f.mu.Unlock()
	block := &common.Block{
		Header:   &common.BlockHeader{Number: uint64(len(f.blocks))},
		Data:     &common.BlockData{},
		Metadata: &common.BlockMetadata{Metadata: make([][]byte, 5)},
	}
	if envelope != nil {
		if code == 0 && f.conflicts > 0 {
			f.conflicts--
			code = peer.TxValidationCode_MVCC_READ_CONFLICT
		}
		if code == 0 && endorsersIn(envelope) < int(f.endorsers.Load()) {
			code = peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE
		}
		if code == 0 {
			code = judge(f.blocks, envelope)
		}
		block.Data.Data = [][]byte{envelope}
		block.Metadata.Metadata[common.BlockMetadataIndex_TRANSACTIONS_FILTER] = []byte{byte(code)}
	}
	f.blocks = append(f.blocks, block)
	close(f.changed)
	f.changed = make(chan struct{})
}

// cutOnce is what BFT orderers do with a transaction that reaches several of them; false when it is ordered already.
func (f *fakeNetwork) cutOnce(envelope []byte) bool {
	f.once.Lock()
	defer f.once.Unlock()
	id, _ := readEnvelope(envelope)
	f.mu.Lock()
	known := findTx(f.blocks, id) != nil
	f.mu.Unlock()
	if !known {
		f.cut(envelope, 0)
	}
	return !known
}

func judge(blocks []*common.Block, envelope []byte) peer.TxValidationCode {
	id, set := readEnvelope(envelope)
	if findTx(blocks, id) != nil {
		return peer.TxValidationCode_DUPLICATE_TXID
	}
	if version, _ := state(blocks, set.Key); version != set.Version {
		return peer.TxValidationCode_MVCC_READ_CONFLICT
	}
	return peer.TxValidationCode_VALID
}

// endorsersIn counts the organisations that endorsed a transaction.
func endorsersIn(raw []byte) int {
	var tx transaction
	must(tx.read(raw))
	body, payload := &peer.Transaction{}, &peer.ChaincodeActionPayload{}
	must(proto.Unmarshal(tx.body, body))
	must(proto.Unmarshal(body.Actions[0].Payload, payload))
	orgs := map[string]bool{}
	for _, e := range payload.Action.Endorsements {
		orgs[string(e.Endorser)] = true
	}
	return len(orgs)
}

func readEnvelope(raw []byte) (string, rwset) {
	var tx transaction
	must(tx.read(raw))
	body, payload, response, action := &peer.Transaction{}, &peer.ChaincodeActionPayload{}, &peer.ProposalResponsePayload{}, &peer.ChaincodeAction{}
	must(proto.Unmarshal(tx.body, body))
	must(proto.Unmarshal(body.Actions[0].Payload, payload))
	must(proto.Unmarshal(payload.Action.ProposalResponsePayload, response))
	must(proto.Unmarshal(response.Extension, action))
	var set rwset
	must(json.Unmarshal(action.Results, &set))
	return tx.id, set
}

func findTx(blocks []*common.Block, id string) *common.Block {
	for _, b := range blocks {
		for _, raw := range b.Data.Data {
			if got, _ := readEnvelope(raw); got == id {
				return b
			}
		}
	}
	return nil
}

func state(blocks []*common.Block, key string) (version int, value string) {
	for _, b := range blocks {
		for i, raw := range b.Data.Data {
			if _, set := readEnvelope(raw); set.Key == key && b.Metadata.Metadata[common.BlockMetadataIndex_TRANSACTIONS_FILTER][i] == 0 {
				version, value = version+1, set.Value
			}
		}
	}
	return version, value
}

// visible are the blocks that a node holds.
func (n *fakeNode) visible() ([]*common.Block, <-chan struct{}) {
	n.mu.Lock()
	lag := n.lag
	n.mu.Unlock()
	n.net.mu.Lock()
	defer n.net.mu.Unlock()
	return slices.Clone(n.net.blocks[:max(1, len(n.net.blocks)-lag)]), n.net.changed
}

// valid counts the valid transactions that wrote a key.
func (f *fakeNetwork) valid(key string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	version, _ := state(f.blocks, key)
	return version
}
