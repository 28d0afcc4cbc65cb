// Package contract is the ledger's rules as a pure machine: what each transaction of package ledger reads, refuses, writes and
// answers. Peers run it inside the chaincode, tests run it on a map.
//
// Every endorsing peer runs this code on its own and the results must be equal byte for byte. So nothing here reads a
// clock (the transaction's time counts), draws random numbers or lets the order of a map show; floating point is only what a tracker signed,
// compared with a limit. Who calls is taken from the certificate, never from an argument.
//
// State is not private: every organisation's peer holds all of it. What the evaluate transactions hide from those who are
// no party keeps clients honest and listings short; it is not secrecy from the organisations that run peers.
package contract

import (
	"maps"
	"slices"
	"strings"

	"github.com/trackseal/trackseal/internal/ledger"
)

// State is what is committed before the call. Keys are those of ledger.Key. An error fails the call; it is never a refusal.
type State interface {
	// Get is the value of a key, nil when it has none.
	Get(key string) ([]byte, error)
	// Page gives up to limit records whose keys begin with prefix, in the order of the keys, from key start on ("" from the
	// first). next is the key where the following page starts, "" when there is none.
	Page(prefix, start string, limit int) (records []Record, next string, err error)
}

// Record is a key of the state with its value. In what a call writes, no value means that the record is deleted.
type Record struct {
	Key   string
	Value []byte
}

// Map is a state in memory.
type Map map[string][]byte

// Get implements State.
func (m Map) Get(key string) ([]byte, error) { return m[key], nil }

// Page implements State.
func (m Map) Page(prefix, start string, limit int) ([]Record, string, error) {
	var keys []string
	for key := range m { // sorted below
		if strings.HasPrefix(key, prefix) && key >= start {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	next := ""
	if len(keys) > limit {
		next, keys = keys[limit], keys[:limit]
	}
	records := make([]Record, len(keys))
	for i, key := range keys {
		records[i] = Record{key, m[key]}
	}
	return records, next, nil
}

// Commit writes down what a call answered.
func (m Map) Commit(a Answer) {
	for _, w := range a.Writes {
		if w.Value == nil {
			delete(m, w.Key)
			continue
		}
		m[w.Key] = w.Value
	}
}

// Call is the transaction and who sent it: all members but Private come from what the client signed, none from the argument.
type Call struct {
	Channel string
	Tx      string // transaction id
	TimeMS  int64  // the transaction's time; 0 when it cannot be read

	MSP     string // the caller's organisation
	Role    string // attribute RoleAttribute of its certificate, "" when it has none
	Subject string // of its certificate, RFC 2253
	Issuer  string
	Cert    string // SHA-256 of the certificate, hex; "" when the caller has none

	Private string // what the client gave to the endorsing peers only, see ledger.Private; "" when nothing
}

// Answer is what an accepted call does. Nothing has happened until the caller has written it down: a call never sees its own
// writes, and one that is refused leaves none.
type Answer struct {
	Payload []byte   // JSON
	Writes  []Record // in the order in which they are to be made, no key twice
	Event   string   // name of the event that carries the payload; "" exactly when nothing is written
}

// functions by name.
var functions = func() map[string]function {
	all := map[string]function{}
	for _, f := range slices.Concat(members, partitions, beats, trackers, shipments, anchors, judgements, ruleSets, profiles) {
		all[f.name] = f
	}
	return all
}()

// Run runs the transaction fn with its argument, a JSON object. The error is an *ledger.Error when the ledger says no, and any
// other when the state failed.
func Run(s State, c Call, fn string, arg []byte) (Answer, error) {
	f, ok := functions[fn]
	if !ok {
		return Answer{}, ledger.Refuse(ledger.Invalid, "there is no transaction %.100q", fn)
	}
	// The client sets this time. One out of this range could not be written in REST's form.
	if c.TimeMS <= 0 || c.TimeMS > ledger.MaxTimeMS {
		return Answer{}, ledger.Refuse(ledger.Invalid, "the transaction's time is out of range")
	}
	t := &transaction{Call: c, state: s}
	if !f.forEnded {
		if err := t.notEnded(); err != nil {
			return Answer{}, err
		}
	}
	return f.run(t, arg)
}

// Roles are those of which the caller of a transaction needs one; none for a read.
func Roles(fn string) []string { return functions[fn].roles }

// Names of all transactions, sorted.
func Names() []string { return slices.Sorted(maps.Keys(functions)) }
