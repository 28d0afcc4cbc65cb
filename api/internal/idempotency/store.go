// Package idempotency remembers writes by the client's key, so that a repeated request has one effect.
//
// The order that makes a crash safe: (1) Begin writes "started" and syncs, (2) the effect happens, (3) the outcome is
// recorded. A key found "started" by a later process, or whose outcome was not known, is handed out again with Again
// set: the effect may already be there, and whoever runs it must look before it acts.
package idempotency

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// Keep is how long an outcome is remembered.
const Keep = 24 * time.Hour

var (
	// ErrInProgress: the same key is being worked on right now.
	ErrInProgress = errors.New("a request with this key is in progress")
	// ErrReused: the key was used with another request.
	ErrReused = errors.New("this key was used with another request")
)

// Answer is a stored response.
type Answer struct {
	Status int               `json:"status"`
	Header map[string]string `json:"header"`
	Body   []byte            `json:"body"`
}

type state string

const (
	started state = "started"
	done    state = "done"
)

type record struct {
	State       state    `json:"state"`
	Fingerprint [32]byte `json:"fingerprint"`
	TimeMS      int64    `json:"time_ms"`
	// Again marks an attempt after one with an unknown outcome.
	Again  bool    `json:"again"`
	Answer *Answer `json:"answer,omitempty"` // nil when done: the answer is made again, it must not be kept
}

// Store is safe for concurrent use by one process.
type Store struct {
	db  *pebble.DB
	now func() time.Time
	log *slog.Logger

	mu     sync.Mutex
	flying map[[32]byte]bool
}

// Open opens or makes the store in dir.
func Open(dir string, now func() time.Time, log *slog.Logger) (*Store, error) {
	db, err := pebble.Open(dir, &pebble.Options{Logger: quiet{}, MemTableSize: 4 << 20, MaxOpenFiles: 64})
	if err != nil {
		return nil, fmt.Errorf("idempotency records in %s: %w (is another api running on this folder?)", dir, err)
	}
	return &Store{db: db, now: now, log: log, flying: map[[32]byte]bool{}}, nil
}

// Close flushes and closes.
func (s *Store) Close() error { return s.db.Close() }

// Request identifies one write.
type Request struct {
	Who         string // the same for all requests of one principal
	Key         string
	Fingerprint [32]byte // over method, path, query and body
}

func (r Request) id() [32]byte {
	return sha256.Sum256(fmt.Appendf(nil, "%q %q", r.Who, r.Key))
}

// Attempt is the right to run a request once. Exactly one of Done, Undone and Unknown must be called.
type Attempt struct {
	s   *Store
	id  [32]byte
	rec record
	// Again: an earlier attempt may have had its effect.
	Again bool
}

// Begin returns the stored answer, or an attempt. The record is on disk when it returns. Errors: ErrInProgress,
// ErrReused, or the disk's.
func (s *Store) Begin(r Request) (*Answer, *Attempt, error) {
	id := r.id()
	s.mu.Lock()
	defer s.mu.Unlock()
	old, err := s.get(id)
	if err != nil {
		return nil, nil, err
	}
	if old != nil && s.now().UnixMilli()-old.TimeMS > Keep.Milliseconds() && !s.flying[id] {
		old = nil
	}
	if old != nil && old.Fingerprint != r.Fingerprint {
		return nil, nil, ErrReused
	}
	if s.flying[id] {
		return nil, nil, ErrInProgress
	}
	if old != nil && old.State == done && old.Answer != nil {
		return old.Answer, nil, nil
	}
	a := &Attempt{s: s, id: id, Again: old != nil, rec: record{State: started, Fingerprint: r.Fingerprint, TimeMS: s.now().UnixMilli(), Again: old != nil}}
	if err := s.put(id, a.rec); err != nil {
		return nil, nil, err
	}
	s.flying[id] = true
	return nil, a, nil
}

// Done records the outcome; nil means that the answer must not be kept and is made again on a repeat.
func (a *Attempt) Done(answer *Answer) error {
	a.rec.State, a.rec.Answer = done, answer
	return a.end(func() error { return a.s.put(a.id, a.rec) })
}

// Undone forgets the attempt: it had no effect. If an earlier one may have had, the record stays.
func (a *Attempt) Undone() error {
	if a.rec.Again {
		return a.Unknown()
	}
	return a.end(func() error { return a.s.db.Delete(a.id[:], pebble.Sync) })
}

// Unknown leaves the record as started: the next attempt is told.
func (a *Attempt) Unknown() error { return a.end(func() error { return nil }) }

func (a *Attempt) end(record func() error) error {
	a.s.mu.Lock()
	defer a.s.mu.Unlock()
	delete(a.s.flying, a.id)
	return record()
}

func (s *Store) get(id [32]byte) (*record, error) {
	v, closer, err := s.db.Get(id[:])
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer closer.Close()
	r := new(record)
	return r, json.Unmarshal(v, r)
}

func (s *Store) put(id [32]byte, r record) error {
	v, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return s.db.Set(id[:], v, pebble.Sync)
}

// Run removes what is older than Keep, once an hour, until ctx ends.
func (s *Store) Run(ctx context.Context) error {
	t := time.NewTicker(time.Hour)
	defer t.Stop()
	for {
		if err := s.sweep(); err != nil {
			s.log.WarnContext(ctx, "sweeping idempotency records failed", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

func (s *Store) sweep() error {
	it, err := s.db.NewIter(nil)
	if err != nil {
		return err
	}
	defer it.Close()
	limit := s.now().Add(-Keep).UnixMilli()
	for it.First(); it.Valid(); it.Next() {
		var r record
		if json.Unmarshal(it.Value(), &r) == nil && r.TimeMS >= limit {
			continue
		}
		if err := s.forget([32]byte(it.Key()), limit); err != nil {
			return err
		}
	}
	return it.Error()
}

// forget removes a record that is as old now as when the sweep saw it: the key may have been used anew in between.
func (s *Store) forget(id [32]byte, limit int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r, err := s.get(id); s.flying[id] || err == nil && r != nil && r.TimeMS >= limit {
		return nil
	}
	return s.db.Delete(id[:], pebble.NoSync)
}

// quiet keeps Pebble's own lines out of the log; its errors come back from the calls.
type quiet struct{}

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}
func (quiet) Fatalf(format string, args ...any) {
	panic(fmt.Sprintf(format, args...))
}
