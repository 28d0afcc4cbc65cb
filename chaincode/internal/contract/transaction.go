package contract

import (
	"encoding/json"
	"fmt"

	"github.com/hyperledger/fabric-chaincode-go/v2/pkg/cid"
	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-contract-api-go/v2/contractapi"

	"github.com/trackseal/trackseal/internal/ledger"
)

// roleAttribute is the certificate attribute that says what a client identity may do for its organisation.
const roleAttribute = "trackseal.role"

const (
	operator = "operator" // acts for the organisation: trackers and shipments
	ingest   = "ingest"   // the organisation's ingest instance: anchors and compliance
	either   = "operator or ingest"
)

// Context is the contract API's context of one transaction.
type Context struct{ contractapi.TransactionContext }

// transaction is one call: who calls, when, and the state as committed before it. Reads never see this transaction's own
// writes.
type transaction struct {
	stub   shim.ChaincodeStubInterface
	client cid.ClientIdentity
	caller string // MSP id, from the certificate
	role   string // attribute of the certificate, "" when it has none
	nowMS  int64  // the transaction's time
	id     string
	writes int
}

// change runs a transaction that may write: decode, check shape, check role, act, emit the event. One place, so that every
// changing transaction emits exactly one event, and one that wrote nothing emits none.
func change[A, R any](ctx *Context, role, event, arg string, validate func(A) error, act func(*transaction, A) (*R, error)) (string, error) {
	t, err := begin(ctx)
	if err != nil {
		return "", err
	}
	if t.role != role && (role != either || t.role != operator && t.role != ingest) {
		return "", ledger.Refuse(ledger.Forbidden, "the caller's certificate needs the attribute %s=%s", roleAttribute, role)
	}
	a, err := decode(arg, validate)
	if err != nil {
		return "", err
	}
	r, err := act(t, a)
	if err != nil {
		return "", err
	}
	out, err := ledger.Encode(r)
	if err != nil {
		return "", fmt.Errorf("encode the answer: %w", err)
	}
	if t.writes > 0 {
		if err := t.stub.SetEvent(event, out); err != nil {
			return "", fmt.Errorf("emit event %s: %w", event, err)
		}
	}
	return string(out), nil
}

// read runs a transaction that only reads. Any member of the channel may call it.
func read[A, R any](ctx *Context, arg string, validate func(A) error, look func(*transaction, A) (*R, error)) (string, error) {
	t, err := begin(ctx)
	if err != nil {
		return "", err
	}
	a, err := decode(arg, validate)
	if err != nil {
		return "", err
	}
	r, err := look(t, a)
	if err != nil {
		return "", err
	}
	out, err := ledger.Encode(r)
	if err != nil {
		return "", fmt.Errorf("encode the answer: %w", err)
	}
	return string(out), nil
}

func begin(ctx *Context) (*transaction, error) {
	stub := ctx.GetStub()
	// Not ctx.GetClientIdentity: the contract API drops the error of reading it and leaves a nil behind the interface.
	caller, err := cid.New(stub)
	if err != nil {
		return nil, ledger.Refuse(ledger.Forbidden, "the caller's identity cannot be read: %v", err)
	}
	msp, err := caller.GetMSPID()
	if err != nil {
		return nil, ledger.Refuse(ledger.Forbidden, "the caller's organisation cannot be read: %v", err)
	}
	role, _, err := caller.GetAttributeValue(roleAttribute)
	if err != nil {
		return nil, ledger.Refuse(ledger.Forbidden, "the caller's certificate attributes cannot be read: %v", err)
	}
	ts, err := stub.GetTxTimestamp()
	if err != nil {
		return nil, fmt.Errorf("read the transaction's time: %w", err)
	}
	nowMS := ts.AsTime().UnixMilli()
	// The client sets this time. A year beyond 9999 or before 1970 could not be written in REST's form.
	if ts.CheckValid() != nil || nowMS <= 0 {
		return nil, ledger.Refuse(ledger.Invalid, "the transaction's time is out of range")
	}
	return &transaction{stub: stub, client: caller, caller: msp, role: role, nowMS: nowMS, id: stub.GetTxID()}, nil
}

func decode[A any](arg string, validate func(A) error) (A, error) {
	var a A
	if err := ledger.Decode([]byte(arg), &a); err != nil {
		return a, ledger.Refuse(ledger.Invalid, "argument: %v", err)
	}
	return a, validate(a)
}

// get reads a record; nil when there is none.
func get[R any](t *transaction, key string) (*R, error) {
	data, err := t.stub.GetState(key)
	if err != nil {
		return nil, fmt.Errorf("read state %q: %w", key, err)
	}
	if data == nil {
		return nil, nil
	}
	r := new(R)
	if err := json.Unmarshal(data, r); err != nil {
		return nil, fmt.Errorf("state %q is damaged: %w", key, err)
	}
	return r, nil
}

// put writes a record. The order of calls is the order of the write set before Fabric sorts it: keep it fixed.
func (t *transaction) put(key string, record any) error {
	data, err := ledger.Encode(record)
	if err != nil {
		return fmt.Errorf("encode state %q: %w", key, err)
	}
	if err := t.stub.PutState(key, data); err != nil {
		return fmt.Errorf("write state %q: %w", key, err)
	}
	t.writes++
	return nil
}

// free refuses with taken when the key holds a record. Two transactions that create the same key at once both read it as
// free: the second then fails validation, since the first changed what it read.
func (t *transaction) free(key string, taken error) error {
	data, err := t.stub.GetState(key)
	if err != nil {
		return fmt.Errorf("read state %q: %w", key, err)
	}
	if data != nil {
		return taken
	}
	return nil
}

// create writes a record whose key must be free.
func (t *transaction) create(key string, record any, taken error) error {
	if err := t.free(key, taken); err != nil {
		return err
	}
	return t.put(key, record)
}
