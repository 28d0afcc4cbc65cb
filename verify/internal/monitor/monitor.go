// Package monitor follows the heads logs of all ingest instances through organisations' APIs and believes none of them:
// every anchor is proven final by the auditor's policy, every step proven to extend the one before, every API's view
// compared with what was proven. It reports forks, with evidence that anybody can check, and stalls.
package monitor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/trackseal/trackseal/internal/evidence"
)

// Config of a monitor. APIs, Policy, StateFile, EvidenceDir, Now, Wait and Rand must be set.
type Config struct {
	APIs        []API
	Policy      *evidence.Policy
	StateFile   string
	EvidenceDir string // where evidence of forks is written
	// Every is the pause between rounds. Stall is how long leaves may wait, an API may lag or be away, or an anchor may
	// stay unproven, before it is reported.
	Every, Stall time.Duration
	// AtLeast, unless 0, is how often an anchor must come whatever the instances say of themselves.
	AtLeast time.Duration
	// All proves a heads log that is new to the monitor from its first anchor on, instead of from the last few.
	All  bool
	Now  func() time.Time
	Wait func(context.Context, time.Duration) error
	Rand io.Reader
	// Report is told every event, in order.
	Report func(Event)
}

// Monitor is not safe for concurrent use.
type Monitor struct {
	cfg    Config
	state  *state
	active map[string]Event // lasting conditions that were reported
	lied   bool             // an API was caught in this run
	saved  []byte           // what the state file holds
	once   bool
}

const (
	nonceSize = 32
	startBack = 16 // anchors before the newest from which a new heads log is followed, so that lagging APIs can be compared
	maxLogs   = 256
	saveEvery = 16 // steps of a long way
	onceTries = 3
	oncePause = 2 * time.Second
)

// New reads the state; its errors say what to do.
func New(cfg Config) (*Monitor, error) {
	s, err := openState(cfg.StateFile, cfg.Policy)
	if err != nil {
		return nil, err
	}
	return &Monitor{cfg: cfg, state: s, active: map[string]Event{}}, nil
}

// Once looks once, and again shortly after while an anchor is claimed but not final: it may be just being made. It returns
// the exit code.
func (m *Monitor) Once(ctx context.Context) (int, error) {
	m.once = true
	m.known()
	for try := range onceTries {
		r, err := m.round(ctx)
		if err != nil || ctx.Err() != nil {
			return m.exit(), errors.Join(err, ctx.Err())
		}
		again := try < onceTries-1 && r.drop(Unproven)
		m.tell(r)
		if !again {
			break
		}
		if err := m.cfg.Wait(ctx, oncePause); err != nil {
			return m.exit(), err
		}
	}
	return m.exit(), nil
}

// Run follows until ctx ends, which is no error. It returns the exit code of what it has seen.
func (m *Monitor) Run(ctx context.Context) (int, error) {
	m.known()
	for {
		r, err := m.round(ctx)
		if ctx.Err() != nil {
			return m.exit(), nil
		}
		m.tell(r)
		if err != nil {
			return m.exit(), err // what it sees cannot be remembered: going on would look like watching
		}
		if m.cfg.Wait(ctx, m.cfg.Every) != nil {
			return m.exit(), nil
		}
	}
}

// known repeats forks of earlier runs.
func (m *Monitor) known() {
	for _, f := range m.state.Forks {
		n := f.N
		m.cfg.Report(Event{Time: m.cfg.Now(), Kind: Fork, API: f.API, Ingest: f.Ingest, Heads: f.Heads, N: &n, File: f.File,
			Detail: fmt.Sprintf("known since %s: %s", stamp(f.FoundMS), f.Contradiction)})
	}
}

// exit is 1 when somebody lied, else 2 when something is missing now, else 0.
func (m *Monitor) exit() int {
	code := evidence.ExitPass
	if len(m.state.Forks) > 0 || m.lied {
		return evidence.ExitFail
	}
	for _, e := range m.active {
		if c := e.Kind.exit(); c == evidence.ExitFail || code == evidence.ExitPass {
			code = c
		}
	}
	return code
}

// view is what one API claims in one round.
type view struct {
	api     API
	err     error
	claims  []Claim
	waiting []Waiting
}

func (v *view) claim(heads string) *Claim {
	for i := range v.claims {
		if v.claims[i].Heads == heads {
			return &v.claims[i]
		}
	}
	return nil
}

// round is one look at all APIs. conditions last from round to round; by key.
type round struct {
	now        time.Time
	views      []*view
	conditions map[string]Event
	advanced   map[string]bool // heads logs with new anchors
	contested  map[string]bool // <api> <heads log>: claims what contradicts the state
	steps      int
}

// drop removes the conditions of a kind and says whether there were any.
func (r *round) drop(k Kind) bool {
	n := len(r.conditions)
	maps.DeleteFunc(r.conditions, func(_ string, e Event) bool { return e.Kind == k })
	return len(r.conditions) < n
}

func (m *Monitor) round(ctx context.Context) (*round, error) {
	r := &round{now: m.cfg.Now(), conditions: map[string]Event{}, advanced: map[string]bool{}, contested: map[string]bool{}}
	r.views = m.look(ctx)
	var saved error
	for _, v := range r.views {
		if v.err != nil {
			r.add(Event{Kind: Unreachable, API: v.api.Name(), Detail: v.err.Error()})
			continue
		}
		if err := m.checkClaims(v); err != nil {
			r.add(Event{Kind: Rejected, API: v.api.Name(), Detail: err.Error()})
			v.claims = nil
			v.err = err
			continue
		}
		for _, c := range v.claims {
			if err := m.follow(ctx, r, v.api, c); err != nil {
				saved = err
			}
			if ctx.Err() != nil {
				return r, errors.Join(saved, m.save())
			}
		}
	}
	m.compare(r)
	m.stalls(r)
	m.ripen(r)
	if saved == nil {
		saved = m.save()
	}
	return r, saved
}

// save writes the state if it has changed.
func (m *Monitor) save() error {
	raw, err := json.Marshal(m.state)
	if err != nil || bytes.Equal(raw, m.saved) {
		return err
	}
	if err := replace(m.cfg.StateFile, raw); err != nil {
		return fmt.Errorf("state: %w", err)
	}
	m.saved = raw
	return nil
}

// look asks every API at the same time.
func (m *Monitor) look(ctx context.Context) []*view {
	views := make([]*view, len(m.cfg.APIs))
	var all sync.WaitGroup
	for i, api := range m.cfg.APIs {
		views[i] = &view{api: api}
		all.Go(func() {
			v := views[i]
			if v.claims, v.err = api.Heads(ctx); v.err != nil {
				return
			}
			// Without the instances' reports stalls cannot be told, and everything else can.
			v.waiting, _ = api.Waiting(ctx)
		})
	}
	all.Wait()
	return views
}

func (r *round) add(e Event) {
	e.Time = r.now
	r.conditions[e.key()] = e
}

// ripen drops what has not lasted long enough to be told. A single look has no time to wait and tells at once.
func (m *Monitor) ripen(r *round) {
	begun := map[string]bool{}
	for key, e := range r.conditions {
		if e.Kind != Unreachable && e.Kind != Unproven {
			continue
		}
		begun[key] = true
		if since := m.since(r, key); !m.once && r.now.Sub(since) <= m.cfg.Stall {
			delete(r.conditions, key)
		}
	}
	for key := range m.state.Since {
		if !begun[key] && !strings.HasPrefix(key, waitingKey) { // stalls looks after those
			delete(m.state.Since, key)
		}
	}
}

// tell reports what began and what is over.
func (m *Monitor) tell(r *round) {
	for _, key := range sorted(r.conditions) {
		e := r.conditions[key]
		if e.Kind.exit() == evidence.ExitFail {
			m.lied = true
		}
		if _, ok := m.active[key]; !ok {
			m.cfg.Report(e)
		}
	}
	for _, key := range sorted(m.active) {
		if _, ok := r.conditions[key]; !ok {
			e := m.active[key]
			m.cfg.Report(Event{Time: r.now, Kind: Recovered, API: e.API, Ingest: e.Ingest, Heads: e.Heads, Detail: string(e.Kind) + " is over"})
		}
	}
	m.active = r.conditions
}

func sorted(m map[string]Event) []string { return slices.Sorted(maps.Keys(m)) }

func stamp(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05Z") }
