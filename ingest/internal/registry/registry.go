// Package registry knows what the ledger says about trackers and shipments: keys, revocations, assignments. It keeps a copy
// in the journal, so that messages are verified while the ledger is away, and follows the chaincode's events from the
// block it has seen. In memory are the trackers that spoke last and the shipments that are not closed.
package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"
	"golang.org/x/time/rate"

	"github.com/trackseal/trackseal/ingest/internal/journal"
	"github.com/trackseal/trackseal/ingest/internal/recent"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/profile"
	"github.com/trackseal/trackseal/internal/service"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/internal/trackerchain"
)

// Ledger is what the registry asks. Errors are those of package ledger.
type Ledger interface {
	// Evaluate reads; it orders nothing.
	Evaluate(ctx context.Context, fn string, arg any) ([]byte, error)
	// Events delivers from a block on until ctx ends or handle fails; an event may come twice.
	Events(ctx context.Context, from uint64, handle func(ledger.Event) error, atHead func(height uint64)) error
	// Network tells the peers' heights.
	Network(ctx context.Context) ([]ledger.Node, error)
	// MSP is the own organisation.
	MSP() string
}

// Config of the registry.
type Config struct {
	Ledger Ledger
	DB     *journal.DB
	Log    *slog.Logger
	// OnRevoked, if set, is called when a tracker has been revoked, or its secret replaced: what it is connected with opens
	// no door any more.
	OnRevoked func(tracker string)
	// OnShipment, if set, is called after a shipment changed.
	OnShipment func(*ledger.Shipment)
}

// Registry is safe for concurrent use.
type Registry struct {
	cfg     Config
	lookup  *rate.Limiter
	skipped atomic.Uint64 // events that could not be read

	writing sync.Mutex // held by store: the journal and memory change in the same order

	mu       sync.RWMutex
	trackers *recent.Cache[string, *Tracker]
	live     map[string]*ledger.Shipment // not closed; the records as the ledger has them, never changed once they are here
	changes  uint64                      // how often store has changed something
	known    struct{ trackers, shipments int }
	members  map[string]ledger.Member                // by MSP id, as far as the ledger was asked
	tried    map[string]time.Time                    // tracker, or profile's hash -> last look-up
	profiles *recent.Cache[string, *profile.Profile] // by hash

	asking   singleflight.Group // for profiles, by hash
	caughtUp chan struct{}
	once     sync.Once
	block    uint64 // newest block seen, owned by follow
}

// Tracker is what ingest has to know of one. Values handed out are never changed.
type Tracker struct {
	ID         string
	Owner      string // MSP id
	EnrolTx    string
	Keys       []Key
	SecretHash string
	Revoked    bool
	// Elsewhere is the MSP id of the other operator that serves it, "" when its messages are taken here.
	Elsewhere string
	// Profile is the pin by which its messages are read, nil for the plain JSON of docs/formats.md.
	Profile *ledger.ProfilePin
	// Gateway speaks for it and calls it Device; "" when none does.
	Gateway, Device string
	// Windows are its assignments, in no order.
	Windows []Window
}

// Key is one key and when it was in force.
type Key struct {
	KID    [32]byte
	Public telemetry.PublicKey
	Term   trackerchain.Term
}

// Window is one assignment [FromMS, ToMS), ToMS 0 = open.
type Window struct {
	Shipment, CreateTx string
	FromMS, ToMS       int64
}

// lookups bounds what unknown trackers can make us ask the ledger.
const (
	lookupsPerSecond = 20
	lookupAgain      = 5 * time.Second
	lookupTimeout    = 3 * time.Second
	maxTried         = 50_000
)

// keep is how many trackers are in memory, in each of two generations: about 10 MB in all.
const keep = 1 << 14

// Open reads the copy in the journal.
func Open(cfg Config) (*Registry, error) {
	r := &Registry{
		cfg: cfg, lookup: rate.NewLimiter(lookupsPerSecond, lookupsPerSecond), trackers: recent.New[string, *Tracker](keep),
		live: map[string]*ledger.Shipment{}, members: map[string]ledger.Member{}, tried: map[string]time.Time{}, profiles: recent.New[string, *profile.Profile](keepProfiles), caughtUp: make(chan struct{}),
	}
	if err := cfg.DB.Scan(journal.TrackersPrefix, func(_, _ []byte) error { r.known.trackers++; return nil }); err != nil {
		return nil, err
	}
	return r, cfg.DB.Scan(journal.ShipmentPrefix, func(_, v []byte) error {
		var s ledger.Shipment
		if err := json.Unmarshal(v, &s); err != nil {
			return fmt.Errorf("registry: %w", err)
		}
		r.known.shipments++
		if s.State != ledger.Closed {
			r.live[s.ID] = &s
		}
		return nil
	})
}

// Tracker returns a tracker, asking the ledger about an unknown one: it may have been enrolled a moment ago. At most one
// question per tracker in 5 s, 20 per second in all.
func (r *Registry) Tracker(ctx context.Context, id string) (*Tracker, bool) {
	if t := r.find(ctx, id); t != nil {
		return t, true
	}
	return r.Refresh(ctx, id)
}

// Refresh asks the ledger about a tracker that no assignment covers: one may have been made a moment ago. The same bounds
// as Tracker.
func (r *Registry) Refresh(ctx context.Context, id string) (*Tracker, bool) {
	r.ask(ctx, id)
	t := r.find(ctx, id)
	return t, t != nil
}

// Known reports whether a tracker is known here, without asking the ledger.
func (r *Registry) Known(id string) bool {
	t, err := r.get(id)
	return err == nil && t != nil
}

// find returns a tracker without asking the ledger, nil when it is not known. A journal that cannot be read is no reason to call a
// tracker unknown: find tries again until ctx ends.
func (r *Registry) find(ctx context.Context, id string) *Tracker {
	for {
		t, err := r.get(id)
		if err == nil {
			return t
		}
		r.cfg.Log.Error("tracker cannot be read from the journal, trying again", "tracker", id, "err", err)
		if !service.Pause(ctx, time.Second) {
			return nil
		}
	}
}

// get looks in memory, then in the journal.
func (r *Registry) get(id string) (*Tracker, error) {
	r.mu.RLock()
	t, ok := r.trackers.Peek(id)
	r.mu.RUnlock()
	if ok {
		return t, nil
	}
	r.mu.Lock()
	t, ok = r.trackers.Get(id)
	changes := r.changes
	r.mu.Unlock()
	if ok {
		return t, nil
	}
	t, err := r.read(id)
	if t == nil || err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.changes == changes { // else it may be from before a change, and is good for this once
		r.trackers.Put(id, t)
		r.trackers.Turn()
	}
	return t, nil
}

// may reports whether the ledger may be asked about something now, by the bounds of Tracker.
func (r *Registry) may(what string) bool {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.Sub(r.tried[what]) < lookupAgain || !r.lookup.AllowN(now, 1) {
		return false
	}
	if len(r.tried) >= maxTried {
		clear(r.tried)
	}
	r.tried[what] = now
	return true
}

func (r *Registry) ask(ctx context.Context, id string) {
	if !r.may(id) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	t, err := ledger.TrackerGet.Ask(ctx, r.cfg.Ledger, ledger.TrackerArgs{ID: id})
	if err == nil && t.Assigned != "" {
		var s ledger.Shipment
		if s, err = ledger.ShipmentGet.Ask(ctx, r.cfg.Ledger, ledger.IDArgs{ID: t.Assigned}); err == nil {
			err = r.store(nil, []ledger.Shipment{s})
		}
	}
	if err == nil {
		err = r.store([]ledger.Tracker{t}, nil)
	}
	if err != nil && ledger.CodeOf(err) != ledger.NotFound {
		r.cfg.Log.Debug("ledger look-up failed", "tracker", id, "err", err)
	}
}

// Shipment returns the record of a shipment that is known. Values handed out are never changed.
func (r *Registry) Shipment(id string) (*ledger.Shipment, bool) {
	r.mu.RLock()
	s, ok := r.live[id]
	r.mu.RUnlock()
	if ok {
		return s, true
	}
	s, err := r.record(id)
	if err != nil {
		r.cfg.Log.Error("shipment cannot be read from the journal", "shipment", id, "err", err)
	}
	return s, s != nil
}

// Live lists the shipments that are not closed.
func (r *Registry) Live() []*ledger.Shipment {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return slices.Collect(maps.Values(r.live))
}

// Size is how many trackers and shipments are known.
func (r *Registry) Size() (trackers, shipments int) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.known.trackers, r.known.shipments
}

// Operator names the operator with an MSP id, and where its trackers publish when it has announced that.
func (r *Registry) Operator(msp string) string {
	r.mu.RLock()
	m := r.members[msp]
	r.mu.RUnlock()
	switch {
	case m.Name == "":
		return msp
	case !m.InForce():
		return m.Name + ", which is no member any more: its owner has to move it"
	case m.Endpoints == nil || m.Endpoints.MQTT == "":
		return m.Name
	}
	return m.Name + " at " + m.Endpoints.MQTT
}

// Skipped counts the ledger's events that could not be read.
func (r *Registry) Skipped() uint64 { return r.skipped.Load() }

// At returns the window that a time lies in, nil when there is none. Windows do not overlap.
func (t *Tracker) At(ms int64) *Window {
	for i := range t.Windows {
		if w := &t.Windows[i]; w.FromMS <= ms && (w.ToMS == 0 || ms < w.ToMS) {
			return w
		}
	}
	return nil
}

// Current is the key in force; ok is false for a tracker that cannot sign.
func (t *Tracker) Current() (Key, bool) {
	if len(t.Keys) == 0 {
		return Key{}, false
	}
	k := t.Keys[len(t.Keys)-1]
	return k, k.Term.ToMS == 0
}

// Ready says that the ledger's events have not been read up to its head yet, or nil.
func (r *Registry) Ready(context.Context) error {
	select {
	case <-r.caughtUp:
		return nil
	default:
		return errors.New("the ledger's trackers and shipments have not been read yet")
	}
}
