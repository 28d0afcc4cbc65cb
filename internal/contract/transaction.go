package contract

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/trackseal/trackseal/internal/ledger"
)

// RoleAttribute is the certificate attribute that says what a client identity may do for its organisation.
const RoleAttribute = "trackseal.role"

// Roles of a client identity.
const (
	Operator = "operator" // acts for the organisation: trackers and shipments
	Ingest   = "ingest"   // the organisation's ingest instance: anchors, its partitions and compliance
)

var (
	operator = []string{Operator}
	ingest   = []string{Ingest}
	either   = []string{Operator, Ingest}
)

// transaction is one call under way: the state as committed before it, and what it is to write.
type transaction struct {
	Call
	state  State
	writes []Record
}

// function is one transaction, as the contract does it.
type function struct {
	name  string
	arg   any      // zero value of its argument
	roles []string // one of which the caller needs; none for a read
	run   func(t *transaction, arg []byte) (Answer, error)

	forEnded bool // also for members that have left or were evicted
}

// change is a transaction that may write: check role, decode, check shape, act, name the event. One place, so that every
// changing transaction emits exactly one event, and one that wrote nothing emits none.
func change[A ledger.Argument, R any](fn ledger.Change[A, R], roles []string, event string, act func(*transaction, A) (*R, error)) function {
	return function{name: fn.Name(), arg: *new(A), roles: roles, run: func(t *transaction, arg []byte) (Answer, error) {
		if !slices.Contains(roles, t.Role) {
			return Answer{}, ledger.Refuse(ledger.Forbidden, "the caller's certificate needs the attribute %s=%s", RoleAttribute, strings.Join(roles, " or "))
		}
		payload, err := execute(t, arg, act)
		if err != nil || len(t.writes) == 0 {
			return Answer{Payload: payload}, err
		}
		return Answer{Payload: payload, Writes: t.writes, Event: event}, nil
	}}
}

// read is a transaction that only reads. Any member of the channel may call it.
func read[A ledger.Argument, R any](fn ledger.Query[A, R], look func(*transaction, A) (*R, error)) function {
	return function{name: fn.Name(), arg: *new(A), run: func(t *transaction, arg []byte) (Answer, error) {
		payload, err := execute(t, arg, look)
		return Answer{Payload: payload}, err
	}}
}

func execute[A ledger.Argument, R any](t *transaction, arg []byte, act func(*transaction, A) (*R, error)) ([]byte, error) {
	var a A
	if err := ledger.Decode(arg, &a); err != nil {
		return nil, ledger.Refuse(ledger.Invalid, "argument: %v", err)
	}
	if p, ok := any(&a).(interface{ SetPrivate([]byte) error }); ok {
		if err := p.SetPrivate([]byte(t.Private)); err != nil {
			return nil, err
		}
	}
	if err := a.Validate(); err != nil {
		return nil, err
	}
	r, err := act(t, a)
	if err != nil {
		return nil, err
	}
	out, err := ledger.Encode(r)
	if err != nil {
		return nil, fmt.Errorf("encode the answer: %w", err)
	}
	return out, nil
}

// get reads a record; nil when there is none.
func get[R any](t *transaction, key string) (*R, error) {
	data, err := t.state.Get(key)
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

// existing reads a record; none is refused as not found, in the words of format.
func existing[R any](t *transaction, key, format string, args ...any) (*R, error) {
	r, err := get[R](t, key)
	if err == nil && r == nil {
		return nil, ledger.Refuse(ledger.NotFound, format, args...)
	}
	return r, err
}

// put writes a record. The order of calls is the order of the write set before Fabric sorts it: keep it fixed.
func (t *transaction) put(key string, record any) error {
	data, err := ledger.Encode(record)
	if err != nil {
		return fmt.Errorf("encode state %q: %w", key, err)
	}
	t.writes = append(t.writes, Record{key, data})
	return nil
}

// remove deletes a record.
func (t *transaction) remove(key string) { t.writes = append(t.writes, Record{Key: key}) }

// free refuses with taken when the key holds a record. Two transactions that create the same key at once both read it as
// free: the second then fails validation, since the first changed what it read.
func (t *transaction) free(key string, taken error) error {
	data, err := t.state.Get(key)
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
