package audit

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/trackseal/trackseal/api/internal/state"
)

// Anybody can be refused, as fast as they like: what comes faster than this is counted and not written one by one. Those who
// have a valid token and those who have none do not take each other's share.
const (
	refusalsPerSecond = 1
	refusalsBurst     = 100
)

// Log is safe for concurrent use by one process.
type Log struct {
	kept *state.Tenant
	now  func() time.Time

	mu      sync.Mutex
	n       uint64             // of the newest record
	head    string             // its hash
	refused map[bool]*refusals // by whether a principal was known
}

type refusals struct {
	limit *rate.Limiter
	more  int // not written since the last one that was
}

// Keys: "b" and 16 random bytes for a change that was begun, "r" and the number for a record.
const (
	begun    = 'b'
	recorded = 'r'
)

func recordKey(n uint64) []byte { return binary.BigEndian.AppendUint64([]byte{recorded}, n) }

// Open goes on where the log ends. Changes that an earlier process left without an outcome are recorded as interrupted.
func Open(kept *state.Tenant, now func() time.Time) (*Log, error) {
	l := &Log{kept: kept, now: now, head: zero, refused: map[bool]*refusals{}}
	for _, known := range []bool{false, true} {
		l.refused[known] = &refusals{limit: rate.NewLimiter(refusalsPerSecond, refusalsBurst)}
	}
	key, line, err := kept.Last()
	if err != nil {
		return nil, fmt.Errorf("audit log: %w", err)
	}
	if len(key) > 0 && key[0] == recorded {
		l.n, l.head = binary.BigEndian.Uint64(key[1:]), hash(line)
	}
	left := map[string]Record{}
	err = kept.From([]byte{begun}, func(key, value []byte) error {
		if key[0] != begun {
			return errDone
		}
		var r Record
		err := json.Unmarshal(value, &r)
		left[string(key)] = r
		return err
	})
	if err != nil && !errors.Is(err, errDone) {
		return nil, fmt.Errorf("audit log: %w", err)
	}
	for key, r := range left {
		r.Kind, r.Began = Interrupted, r.Time
		if _, err := l.add(r, []byte(key)); err != nil {
			return nil, fmt.Errorf("audit log: %w", err)
		}
	}
	return l, nil
}

var errDone = errors.New("done")

// Entry is a change that was begun. End must be called once.
type Entry struct {
	l   *Log
	key []byte
}

// Begin returns when it is on disk that somebody is about to change something: a process that ends in between leaves a trace.
func (l *Log) Begin(r Record) (*Entry, error) {
	key := make([]byte, 17)
	key[0] = begun
	rand.Read(key[1:])
	r.Time = l.time()
	line, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	return &Entry{l, key}, l.kept.Set(key, line)
}

// End records what came of it, and returns the record's number when it is on disk.
func (e *Entry) End(r Record) (uint64, error) {
	r.Kind = Change
	return e.l.add(r, e.key)
}

// Refuse records that somebody was not let in. 0 stands for one of those that came too fast.
func (l *Log) Refuse(r Record) (uint64, error) {
	l.mu.Lock()
	of := l.refused[r.Subject != ""]
	if !of.limit.AllowN(l.now(), 1) {
		of.more++
		l.mu.Unlock()
		return 0, nil
	}
	r.Kind, r.More, of.more = Refusal, of.more, 0
	l.mu.Unlock()
	return l.add(r, nil)
}

// add appends a record, and forgets that it was begun, both or neither.
func (l *Log) add(r Record, begun []byte) (uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r.N, r.Prev, r.Time = l.n+1, l.head, l.time()
	line, err := json.Marshal(r)
	if err != nil {
		return 0, err
	}
	if err := l.kept.Replace(begun, recordKey(r.N), line); err != nil {
		return 0, err
	}
	l.n, l.head = r.N, hash(line)
	return r.N, nil
}

func (l *Log) time() string { return l.now().UTC().Format("2006-01-02T15:04:05.000Z") }

// From calls fn for each line from record n on, as they were when it began. The line is fn's only while it runs.
func (l *Log) From(n uint64, fn func(line []byte) error) error {
	return l.kept.From(recordKey(n), func(_, line []byte) error { return fn(line) })
}

// Page returns up to limit records from n on.
func (l *Log) Page(n uint64, limit int) ([]Record, error) {
	out := []Record{}
	err := l.From(n, func(line []byte) error {
		if len(out) == limit {
			return errDone
		}
		var r Record
		err := json.Unmarshal(line, &r)
		out = append(out, r)
		return err
	})
	if errors.Is(err, errDone) {
		err = nil
	}
	return out, err
}
