// Package registry knows what the ledger says about trackers and shipments: keys, revocations, assignments. It keeps a copy
// in the journal, so that messages are verified while the ledger is away, and follows the chaincode's events from the
// block it has seen.
package registry

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/trackseal/trackseal/ingest/internal/journal"
	"github.com/trackseal/trackseal/internal/ledger"
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
	cfg    Config
	lookup *rate.Limiter

	mu        sync.RWMutex
	trackers  map[string]*Tracker
	shipments map[string]*ledger.Shipment   // records as the ledger has them; never changed once they are here
	assigned  map[string][]*ledger.Shipment // tracker -> shipments that name it
	tried     map[string]time.Time          // tracker -> last look-up

	caughtUp chan struct{}
	once     sync.Once
	block    uint64 // newest block seen, owned by follow
}

// Tracker is what ingest has to know of one. Values handed out are never changed.
type Tracker struct {
	ID         string
	EnrolTx    string
	Keys       []Key
	SecretHash string
	Revoked    bool
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
	Shipment     *ledger.Shipment
	FromMS, ToMS int64
}

// lookups bounds what unknown trackers can make us ask the ledger.
const (
	lookupsPerSecond = 20
	lookupAgain      = 5 * time.Second
	lookupTimeout    = 3 * time.Second
	maxTried         = 50_000
)

// Open reads the copy in the journal.
func Open(cfg Config) (*Registry, error) {
	r := &Registry{
		cfg: cfg, lookup: rate.NewLimiter(lookupsPerSecond, lookupsPerSecond), trackers: map[string]*Tracker{},
		shipments: map[string]*ledger.Shipment{}, assigned: map[string][]*ledger.Shipment{}, tried: map[string]time.Time{}, caughtUp: make(chan struct{}),
	}
	if err := scan(cfg.DB, journal.TrackersPrefix, r.putTracker); err != nil {
		return nil, err
	}
	return r, scan(cfg.DB, journal.ShipmentPrefix, func(s ledger.Shipment) { r.putShipment(s) })
}

func scan[T any](db *journal.DB, prefix []byte, put func(T)) error {
	return db.Scan(prefix, func(_, v []byte) error {
		var record T
		if err := json.Unmarshal(v, &record); err != nil {
			return fmt.Errorf("registry: %w", err)
		}
		put(record)
		return nil
	})
}

// Tracker returns a tracker, asking the ledger about an unknown one: it may have been enrolled a moment ago. At most one
// question per tracker in 5 s, 20 per second in all.
func (r *Registry) Tracker(ctx context.Context, id string) (*Tracker, bool) {
	if t, ok := r.Cached(id); ok {
		return t, true
	}
	return r.Refresh(ctx, id)
}

// Cached returns a tracker without asking anybody.
func (r *Registry) Cached(id string) (*Tracker, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	t, ok := r.trackers[id]
	return t, ok
}

// Refresh asks the ledger about a tracker that no assignment covers: one may have been made a moment ago. The same bounds
// as Tracker.
func (r *Registry) Refresh(ctx context.Context, id string) (*Tracker, bool) {
	r.ask(ctx, id)
	return r.Cached(id)
}

func (r *Registry) ask(ctx context.Context, id string) {
	now := time.Now()
	r.mu.Lock()
	if now.Sub(r.tried[id]) < lookupAgain || !r.lookup.AllowN(now, 1) {
		r.mu.Unlock()
		return
	}
	if len(r.tried) >= maxTried {
		clear(r.tried)
	}
	r.tried[id] = now
	r.mu.Unlock()

	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	t, err := ledger.TrackerGet.Ask(ctx, r.cfg.Ledger, ledger.IDArgs{ID: id})
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
	defer r.mu.RUnlock()
	s, ok := r.shipments[id]
	return s, ok
}

// Live lists the shipments that are not closed.
func (r *Registry) Live() []*ledger.Shipment {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var live []*ledger.Shipment
	for _, s := range r.shipments {
		if s.State != ledger.Closed {
			live = append(live, s)
		}
	}
	return live
}

// Size is how many trackers and shipments are known.
func (r *Registry) Size() (trackers, shipments int) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.trackers), len(r.shipments)
}

// At returns the shipment that a tracker was assigned to at a time, nil when none. Windows do not overlap.
func (t *Tracker) At(ms int64) *ledger.Shipment {
	for _, w := range t.Windows {
		if w.FromMS <= ms && (w.ToMS == 0 || ms < w.ToMS) {
			return w.Shipment
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

// putTracker replaces a tracker's record. The caller holds mu or is alone.
func (r *Registry) putTracker(rec ledger.Tracker) {
	t := &Tracker{ID: rec.ID, EnrolTx: rec.EnrolTx, SecretHash: rec.SecretHash, Revoked: rec.RevokedMS != 0}
	for i, k := range rec.Keys {
		raw, err := hex.DecodeString(k.Public)
		if err != nil {
			r.cfg.Log.Error("ledger holds a key that cannot be read", "tracker", rec.ID, "err", err)
			continue
		}
		public := telemetry.PublicKey{Alg: telemetry.Alg(k.Alg), Raw: raw}
		t.Keys = append(t.Keys, Key{KID: public.KID(), Public: public, Term: rec.Term(i)})
	}
	for _, s := range r.assigned[rec.ID] { // they may be known before their trackers
		t.Windows = append(t.Windows, windows(s, rec.ID)...)
	}
	r.trackers[rec.ID] = t
}

// putShipment replaces a shipment's record and its trackers' windows. The caller holds mu or is alone.
func (r *Registry) putShipment(rec ledger.Shipment) *ledger.Shipment {
	s := &rec
	affected := map[string]bool{}
	for _, a := range rec.Assignments {
		affected[a.Tracker] = true
	}
	if old := r.shipments[rec.ID]; old != nil {
		for _, a := range old.Assignments {
			affected[a.Tracker] = true
		}
	}
	r.shipments[rec.ID] = s
	for id := range affected {
		w := windows(s, id)
		others := slices.DeleteFunc(slices.Clone(r.assigned[id]), func(o *ledger.Shipment) bool { return o.ID == s.ID })
		if len(w) > 0 {
			others = append(others, s)
		}
		r.assigned[id] = others
		old := r.trackers[id]
		if old == nil {
			continue
		}
		t := *old
		t.Windows = w
		for _, w := range old.Windows {
			if w.Shipment.ID != s.ID {
				t.Windows = append(t.Windows, w)
			}
		}
		r.trackers[id] = &t
	}
	return s
}

func windows(s *ledger.Shipment, tracker string) []Window {
	var w []Window
	for _, a := range s.Assignments {
		if a.Tracker == tracker {
			w = append(w, Window{s, a.FromMS, a.ToMS})
		}
	}
	return w
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
