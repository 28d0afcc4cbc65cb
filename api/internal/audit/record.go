// Package audit keeps who did what at this node: every change, and every refusal by authorisation. Records are lines of JSON in
// the order of their numbers. Each holds the SHA-256 of the line before it, so a line that is changed, taken out or put in
// contradicts the next one. Nothing in this package changes or deletes a record.
//
// What the chain alone cannot show is an end that was cut off. Whoever keeps the last line of an export sees it: the next
// export must go on from there.
package audit

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"sync"
)

// Kinds of records.
const (
	Change  = "change"  // somebody tried to change something; status says what came of it
	Refusal = "refusal" // somebody was not let in
	// Interrupted: a change was begun, and the process ended before its outcome was known. The ledger knows it.
	Interrupted = "interrupted"
)

// Record is one line. Empty members are left out.
type Record struct {
	N         uint64   `json:"n"`               // 1, 2, …
	Prev      string   `json:"prev"`            // SHA-256 of the line before without its line end, hex; zeros for the first
	Time      string   `json:"time"`            // RFC 3339, UTC, of this node's clock
	Began     string   `json:"began,omitempty"` // of an interrupted change
	Kind      string   `json:"kind" enum:"change,refusal,interrupted"`
	Request   string   `json:"request"`   // Trace-Id of the answer
	Operation string   `json:"operation"` // of the OpenAPI document
	Method    string   `json:"method"`
	Path      string   `json:"path"`               // with the resource's id, without the query
	Status    int      `json:"status,omitempty"`   // of the answer
	Code      string   `json:"code,omitempty"`     // of the problem, when there was one
	Tx        []string `json:"tx,omitempty"`       // ledger transactions, also one whose outcome is not known (status 504)
	Replayed  bool     `json:"replayed,omitempty"` // the answer to an earlier request with the same Idempotency-Key
	Org       string   `json:"org,omitempty"`
	Issuer    string   `json:"issuer,omitempty"`
	Subject   string   `json:"subject,omitempty"`
	Name      string   `json:"name,omitempty"` // of a person
	Client    string   `json:"client,omitempty"`
	Token     string   `json:"token,omitempty"`  // id of the access token
	Remote    string   `json:"remote,omitempty"` // address of the other end
	// More refusals like this one came too fast to be written one by one.
	More int `json:"more,omitempty"`
}

const zero = "0000000000000000000000000000000000000000000000000000000000000000"

// hash is what the next line has as prev.
func hash(line []byte) string {
	sum := sha256.Sum256(line)
	return hex.EncodeToString(sum[:])
}

// Check reads lines and says what is wrong with the first that does not follow from the one before it. after is the hash that
// the first line must have as prev, "" when it is the log's first.
func Check(lines io.Reader, after string) (last Record, end string, err error) {
	if end = after; end == "" {
		end = zero
	}
	s := bufio.NewScanner(lines)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		var r Record
		if err := json.Unmarshal(s.Bytes(), &r); err != nil {
			return last, end, fmt.Errorf("the line after record %d: %w", last.N, err)
		}
		if r.Prev != end || last.N != 0 && r.N != last.N+1 {
			return last, end, fmt.Errorf("record %d does not follow the line before it", r.N)
		}
		last, end = r, hash(s.Bytes())
	}
	return last, end, s.Err()
}

// Note gathers what is known of a request while it is answered.
type Note struct {
	mu sync.Mutex
	r  Record
}

// With changes the note's record.
func (n *Note) With(change func(*Record)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	change(&n.r)
}

// Record is a copy.
func (n *Note) Record() Record {
	n.mu.Lock()
	defer n.mu.Unlock()
	r := n.r
	r.Tx = append([]string(nil), n.r.Tx...)
	return r
}

type noteKey struct{}

// WithNote gives a request its note.
func WithNote(ctx context.Context, n *Note) context.Context {
	return context.WithValue(ctx, noteKey{}, n)
}

// NoteOf never returns nil.
func NoteOf(ctx context.Context) *Note {
	if n, ok := ctx.Value(noteKey{}).(*Note); ok {
		return n
	}
	return new(Note)
}
