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

	"github.com/trackseal/trackseal/api/internal/state"
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

type phase string

const (
	started phase = "started"
	done    phase = "done"
)

type record struct {
	State       phase    `json:"state"`
	Fingerprint [32]byte `json:"fingerprint"`
	TimeMS      int64    `json:"time_ms"`
	// Again marks an attempt after one with an unknown outcome.
	Again  bool    `json:"again"`
	Answer *Answer `json:"answer,omitempty"` // nil when done: the answer is made again, it must not be kept
}

// Store is safe for concurrent use by one process.
type Store struct {
	records *state.Tenant
	now     func() time.Time
	log     *slog.Logger

	mu     sync.Mutex
	flying map[[32]byte]bool
}

// New keeps the records in a tenant of the API's state.
func New(records *state.Tenant, now func() time.Time, log *slog.Logger) *Store {
	return &Store{records: records, now: now, log: log, flying: map[[32]byte]bool{}}
}

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
	return a.end(func() error { return a.s.records.Delete(a.id[:]) })
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
	v, err := s.records.Get(id[:])
	if v == nil || err != nil {
		return nil, err
	}
	r := new(record)
	return r, json.Unmarshal(v, r)
}

func (s *Store) put(id [32]byte, r record) error {
	v, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return s.records.Set(id[:], v)
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
	limit := s.now().Add(-Keep).UnixMilli()
	return s.records.Each(func(key, value []byte) error {
		var r record
		if json.Unmarshal(value, &r) == nil && r.TimeMS >= limit {
			return nil
		}
		return s.forget([32]byte(key), limit)
	})
}

// forget removes a record that is as old now as when the sweep saw it: the key may have been used anew in between.
func (s *Store) forget(id [32]byte, limit int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r, err := s.get(id); s.flying[id] || err == nil && r != nil && r.TimeMS >= limit {
		return nil
	}
	return s.records.Forget(id[:]) // one that comes back after a crash is as old, and swept again
}
