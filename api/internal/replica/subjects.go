package replica

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/service"
	"github.com/trackseal/trackseal/internal/stored/copying"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// subject is a shipment of which the member is a party, or a tracker that it owns: its logs are wanted.
type subject struct {
	copying.Subject
	parties []string // MSP ids of those who may have the same logs, sorted
}

// named is a log as a record on the ledger has it: at least that much must be given.
type named struct {
	head ledger.LogHead
	by   string // which record
	at   time.Time
}

// subjects follows the ledger: whose logs are wanted, and what the ledger says of them.
type subjects struct {
	cfg     *Config
	tracker func(id string) // changed
	wake    func()

	mu     sync.Mutex
	all    map[string]subject  // by kind and id
	alive  map[string]bool     // instances whose logs are copied; false: retired
	news   int                 // how often all has changed
	named  map[string]named    // by log; the largest size
	moved  map[string][]string // shipments that were written about, by instance
	loaded bool
}

const (
	maxNamed     = 10_000 // bounds what waits to be copied as the ledger names it
	maxInstances = 1000
)

func newSubjects(cfg *Config, tracker func(string), wake func()) *subjects {
	return &subjects{cfg: cfg, tracker: tracker, wake: wake, all: map[string]subject{}, alive: map[string]bool{}, named: map[string]named{}, moved: map[string][]string{}}
}

// run lists what is there and follows the events, again and again, until ctx ends.
func (s *subjects) run(ctx context.Context) {
	for wait := time.Second; ; wait = min(2*wait, 30*time.Second) {
		from, err := s.list(ctx)
		if err == nil {
			wait = time.Second
			err = s.cfg.Ledger.Events(ctx, from, s.take, nil)
		}
		if ctx.Err() != nil {
			return
		}
		s.cfg.Log.WarnContext(ctx, "the replica cannot follow the ledger; trying again", "error", err)
		if !service.Pause(ctx, wait) {
			return
		}
	}
}

// list reads all, and gives the block from which the events go on. The height is taken before: what changes meanwhile is among the events.
func (s *subjects) list(ctx context.Context) (from uint64, err error) {
	nodes, err := s.cfg.Ledger.Network(ctx)
	if err != nil {
		return 0, err
	}
	for _, n := range nodes {
		if n.Role == "peer" && n.Up && n.Height > 0 && (from == 0 || n.Height < from) {
			from = n.Height
		}
	}
	if err := pages(ctx, s.cfg.Ledger, ledger.TrackerList, s.owned); err != nil {
		return 0, err
	}
	if err := pages(ctx, s.cfg.Ledger, ledger.AnchorHeads, s.anchored); err != nil {
		return 0, err
	}
	var open []string
	err = pages(ctx, s.cfg.Ledger, ledger.ShipmentList, func(r ledger.Shipment) {
		s.shipment(r, false)
		if r.State != ledger.Closed && r.IsParty(s.cfg.Ledger.MSP()) {
			open = append(open, r.ID)
		}
	})
	if err != nil {
		return 0, err
	}
	for _, id := range open {
		now, err := ledger.ComplianceNow.Ask(ctx, s.cfg.Ledger, ledger.IDArgs{ID: id})
		if ledger.CodeOf(err) == "" && err != nil {
			return 0, err
		}
		for _, o := range now.Opinions {
			s.names(o.Logs, "the verdict of "+o.By)
		}
	}
	s.mu.Lock()
	s.loaded = true
	s.mu.Unlock()
	s.wake()
	return max(from, 1) - 1, nil
}

// take reads one event. What cannot be read is none of ours: any two organisations can endorse events of any shape.
func (s *subjects) take(e ledger.Event) error {
	switch e.Name {
	case ledger.EventTracker:
		event(e, func(t ledger.Tracker) {
			s.tracker(t.ID)
			s.owned(t)
		})
	case ledger.EventShipment:
		event(e, func(r ledger.Shipment) { s.shipment(r, true) })
	case ledger.EventClosed:
		event(e, func(c ledger.Close) {
			s.names(c.Heads, "the closing record")
			s.hint(c.Shipment)
		})
	case ledger.EventVerdict:
		event(e, func(v ledger.Verdict) { s.names(v.Logs, "the verdict of "+v.By) })
	case ledger.EventExcursion:
		event(e, func(x ledger.Excursion) { s.names(x.Logs, "an excursion that "+x.By+" recorded") })
	case ledger.EventAnchor:
		event(e, s.anchored)
	default:
		return nil
	}
	s.wake()
	return nil
}

func event[T any](e ledger.Event, take func(T)) {
	var record T
	if json.Unmarshal(e.Payload, &record) == nil {
		take(record)
	}
}

// anchored notes which instances there are: one that is not announced any more still owes what it has anchored.
func (s *subjects) anchored(h ledger.Head) {
	instance, _ := ledger.LifeOf(h.Ingest)
	s.instance(instance)
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, noted := s.alive[instance]; noted && h.Retired {
		s.alive[instance] = false
	}
}

// instance notes one whose logs are copied.
func (s *subjects) instance(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, noted := s.alive[id]; !noted && len(s.alive) < maxInstances && telemetry.ValidID(id) && !slices.Contains(s.cfg.Own, id) {
		s.alive[id] = true
	}
}

// instances that have anchored something, or are announced.
func (s *subjects) instances() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.alive))
}

// retired reports whether an instance was taken out of service.
func (s *subjects) retired(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	serves, noted := s.alive[id]
	return noted && !serves
}

func (s *subjects) owned(t ledger.Tracker) {
	if t.Owner == s.cfg.Ledger.MSP() {
		s.set(subject{copying.Subject{Kind: anchor.Tracker, ID: t.ID, OpenTx: t.EnrolTx}, nil}, true)
	}
}

func (s *subjects) shipment(r ledger.Shipment, changed bool) {
	mine := r.IsParty(s.cfg.Ledger.MSP())
	s.set(subject{copying.Subject{Kind: anchor.Shipment, ID: r.ID, OpenTx: r.CreateTx}, slices.Sorted(slices.Values(r.Parties.MSPs()))}, mine)
	if !mine {
		return
	}
	for _, a := range r.Assignments {
		s.tracker(a.Tracker) // as a party it may see more of it now
	}
	if changed || r.State != ledger.Closed {
		s.hint(r.ID)
	}
	if r.Pending != nil {
		s.names(r.Pending.Heads, "the handover that "+r.Pending.From+" proposes")
	}
}

// set adds a subject, or takes it away.
func (s *subjects) set(of subject, wanted bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := of.Kind + "/" + of.ID
	if was, there := s.all[key]; there == wanted && (!there || slices.Equal(was.parties, of.parties)) {
		return
	}
	s.news++
	if wanted {
		s.all[key] = of
	} else {
		delete(s.all, key)
	}
}

// partiesOf a subject, by their MSP ids.
func (s *subjects) partiesOf(kind, id string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all[kind+"/"+id].parties
}

// names remembers what a record says of logs, the most of each. Logs of others are never looked up.
func (s *subjects) names(heads []ledger.LogHead, by string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range heads {
		if was, ok := s.named[h.Log]; ok && was.head.Size >= h.Size {
			continue
		}
		if len(s.named) >= maxNamed {
			clear(s.named)
		}
		s.named[h.Log] = named{h, by, s.cfg.Now()}
	}
}

// nameOf is what the ledger says of a log.
func (s *subjects) nameOf(log string) (named, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, ok := s.named[log]
	return n, ok
}

// overdue are the sizes of logs that the ledger has named for long enough to be here.
func (s *subjects) overdue() map[string]uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	sizes := map[string]uint64{}
	for log, n := range s.named {
		if s.cfg.Now().Sub(n.at) >= patience {
			sizes[log] = n.head.Size
		}
	}
	return sizes
}

// takeMoved gives the shipments of which something was written since the last time.
func (s *subjects) takeMoved(source string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	moved := s.moved[source]
	delete(s.moved, source)
	return moved
}

// hint notes that something was written about a shipment: what lies around it may have changed.
func (s *subjects) hint(shipment string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for instance := range s.alive {
		s.moved[instance] = append(s.moved[instance], shipment)
	}
}

// since gives the subjects, and their state, when they are not as they were at news. listed is false before the ledger was.
func (s *subjects) since(news int) (all []subject, now int, listed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.loaded || news == s.news {
		return nil, s.news, s.loaded
	}
	for _, of := range s.all {
		all = append(all, of)
	}
	return all, s.news, true
}
