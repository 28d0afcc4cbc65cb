// Package stub runs the ledger's rules, internal/contract, on what Fabric's shim gives a chaincode: the peer's state, the client's
// identity and the transaction's time. It decides nothing.
package stub

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/hyperledger/fabric-chaincode-go/v2/pkg/cid"
	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"

	"github.com/trackseal/trackseal/internal/contract"
	"github.com/trackseal/trackseal/internal/ledger"
)

// Chaincode answers a peer's calls.
type Chaincode struct{}

// Init is what Invoke would be without a function: there is nothing to set up.
func (Chaincode) Init(shim.ChaincodeStubInterface) *peer.Response { return shim.Success(nil) }

// Invoke runs one transaction. Every call takes exactly one argument, a JSON object.
func (Chaincode) Invoke(stub shim.ChaincodeStubInterface) *peer.Response {
	fn, args := stub.GetFunctionAndParameters()
	if len(args) != 1 {
		return shim.Error(ledger.Refuse(ledger.Invalid, "%.100q takes one JSON object, not %d arguments", fn, len(args)).Error())
	}
	call, err := callOf(stub)
	if err != nil {
		return shim.Error(err.Error())
	}
	answer, err := contract.Run(state{stub}, call, fn, []byte(args[0]))
	if err != nil {
		return shim.Error(err.Error())
	}
	for _, w := range answer.Writes {
		write := func() error { return stub.PutState(w.Key, w.Value) }
		if w.Value == nil {
			write = func() error { return stub.DelState(w.Key) }
		}
		if err := write(); err != nil {
			return shim.Error(fmt.Sprintf("write state %q: %v", w.Key, err))
		}
	}
	if answer.Event != "" {
		if err := stub.SetEvent(answer.Event, answer.Payload); err != nil {
			return shim.Error(fmt.Sprintf("emit event %s: %v", answer.Event, err))
		}
	}
	return shim.Success(answer.Payload)
}

// callOf reads who calls, and when by the transaction's own word.
func callOf(stub shim.ChaincodeStubInterface) (contract.Call, error) {
	call := contract.Call{Channel: stub.GetChannelID(), Tx: stub.GetTxID()}
	caller, err := cid.New(stub)
	if err != nil {
		return call, ledger.Refuse(ledger.Forbidden, "the caller's identity cannot be read: %v", err)
	}
	if call.MSP, err = caller.GetMSPID(); err != nil {
		return call, ledger.Refuse(ledger.Forbidden, "the caller's organisation cannot be read: %v", err)
	}
	if call.Role, _, err = caller.GetAttributeValue(contract.RoleAttribute); err != nil {
		return call, ledger.Refuse(ledger.Forbidden, "the caller's certificate attributes cannot be read: %v", err)
	}
	cert, err := caller.GetX509Certificate()
	if err != nil {
		return call, ledger.Refuse(ledger.Forbidden, "the caller's certificate cannot be read: %v", err)
	}
	if cert != nil {
		hash := sha256.Sum256(cert.Raw)
		call.Subject, call.Issuer, call.Cert = cert.Subject.String(), cert.Issuer.String(), hex.EncodeToString(hash[:])
	}
	private, err := stub.GetTransient()
	if err != nil {
		return call, fmt.Errorf("read the private part of the argument: %w", err)
	}
	call.Private = string(private[ledger.PrivateKey])
	ts, err := stub.GetTxTimestamp()
	if err != nil {
		return call, fmt.Errorf("read the transaction's time: %w", err)
	}
	if ts.CheckValid() == nil {
		call.TimeMS = ts.AsTime().UnixMilli()
	}
	return call, nil
}

// state is the peer's, as committed before the transaction: Fabric never shows a simulation its own writes.
type state struct{ stub shim.ChaincodeStubInterface }

func (s state) Get(key string) ([]byte, error) { return s.stub.GetState(key) }

// Page scans composite keys. Fabric does not check such a scan again when it commits, and a transaction that pages cannot write.
func (s state) Page(prefix, start string, limit int) ([]contract.Record, string, error) {
	object, attributes, err := s.stub.SplitCompositeKey(prefix)
	if err != nil {
		return nil, "", err
	}
	it, meta, err := s.stub.GetStateByPartialCompositeKeyWithPagination(object, attributes, int32(limit), start)
	if err != nil {
		return nil, "", err
	}
	defer it.Close()
	var records []contract.Record
	for it.HasNext() {
		kv, err := it.Next()
		if err != nil {
			return nil, "", err
		}
		records = append(records, contract.Record{Key: kv.Key, Value: kv.Value})
	}
	return records, meta.GetBookmark(), nil
}
