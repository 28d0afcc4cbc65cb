package replica

import (
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/service"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/stored/copying"
	"github.com/trackseal/trackseal/internal/stored/outside"
	"github.com/trackseal/trackseal/internal/stored/transfer"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// aside is what is copied beside the logs: how good readings were, which stands on the operator's word, and the signed messages around a
// shipment, which an evidence bundle needs when the operator is gone.
type aside struct {
	s *source

	mu    sync.Mutex
	dirty map[span]int      // with new readings; asked for so many more times: ingest scores some seconds after it stores
	next  map[string]*visit // shipments whose surroundings are asked for again
}

// span is as much of a tracker's time as is asked for at once, by its number since 1970.
type span struct {
	tracker string
	n       int64
}

// visit is when a shipment's surroundings are asked for next, and how long after that again.
type visit struct {
	at    time.Time
	again time.Duration
}

const (
	asideEvery = 10 * time.Second
	// looks is how often the quality of new readings is asked for.
	looks      = 3
	maxPoints  = 5000 // of one write
	maxSpans   = 50_000
	maxVisits  = 50_000
	lastVisit  = 24 * time.Hour
	askOutside = 5 * time.Second
	askParties = 2 * time.Second // all of them
)

func newAside(s *source) *aside {
	return &aside{s: s, dirty: map[span]int{}, next: map[string]*visit{}}
}

// measured notes a message's readings. Those of a time that says nothing have no quality.
func (a *aside) measured(tracker string, readings []telemetry.Reading, receivedMS int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range readings {
		if !readings[i].Counts(receivedMS) {
			continue
		}
		x := span{tracker, readings[i].TimeMS / transfer.MaxQualityMS}
		if _, noted := a.dirty[x]; noted || len(a.dirty) < maxSpans {
			a.dirty[x] = looks
		}
	}
}

// runAside copies until ctx ends.
func (s *source) runAside(ctx context.Context) {
	for service.Pause(ctx, asideEvery) {
		a := s.aside
		for _, err := range []error{a.quality(ctx), a.surroundings(ctx)} {
			if err != nil && ctx.Err() == nil {
				s.cfg.Log.DebugContext(ctx, "what stands beside an operator's logs is not copied; trying again", "ingest", s.id, "error", err)
			}
		}
	}
}

// quality copies hours and odd readings of the spans with new readings.
func (a *aside) quality(ctx context.Context) error {
	a.mu.Lock()
	now := slices.Collect(maps.Keys(a.dirty))
	a.mu.Unlock()
	node, err := a.s.node()
	if err != nil || len(now) == 0 {
		return err
	}
	b := a.s.cfg.Store.NewBatch()
	for _, x := range now {
		q, err := node.Quality(ctx, x.tracker, x.n*transfer.MaxQualityMS, (x.n+1)*transfer.MaxQualityMS)
		if err != nil {
			return fmt.Errorf("quality of %s: %w", x.tracker, err)
		}
		addQuality(b, x.tracker, q)
		if b.Points() >= maxPoints {
			if err := copying.Write(ctx, b); err != nil {
				return err
			}
		}
		a.looked(x)
	}
	return copying.Write(ctx, b)
}

func (a *aside) looked(x span) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.dirty[x]--; a.dirty[x] <= 0 {
		delete(a.dirty, x)
	}
}

// addQuality takes what has names that may stand in a point.
func addQuality(b stored.Batch, tracker string, q transfer.Quality) {
	for _, h := range q.Hours {
		named := true
		for reason := range h.Flags {
			named = named && copying.FlagName.MatchString(reason)
		}
		if named && h.StartMS >= 0 {
			b.QualityHour(&stored.QualityHour{Tracker: tracker, StartMS: h.StartMS, Readings: h.Readings, Minutes: h.Minutes, Expected: h.Expected, Flags: h.Flags})
		}
	}
	for _, f := range q.Flags {
		_, known := telemetry.FindQuantity(f.Metric)
		if (known || copying.FlagName.MatchString(f.Metric)) && copying.FlagName.MatchString(f.Reason) && telemetry.ValidID(f.Shipment) && f.TimeMS >= 0 {
			b.QualityFlag(&stored.QualityFlag{Tracker: tracker, Shipment: f.Shipment, Reason: f.Reason, Metric: f.Metric, TimeMS: f.TimeMS, Value: f.Value, Against: f.Against})
		}
	}
}

// surroundings asks for what lies around the shipments of which something was written: at once, and again with growing patience, since
// the message after the last one comes when the tracker is used again.
func (a *aside) surroundings(ctx context.Context) error {
	a.mu.Lock()
	now := a.s.cfg.Now()
	for _, id := range a.s.subjects.takeMoved(a.s.id) {
		if len(a.next) >= maxVisits {
			break
		}
		a.next[id] = &visit{at: now, again: asideEvery}
	}
	var due []string
	for id, v := range a.next {
		if !now.Before(v.at) {
			due = append(due, id)
		}
	}
	a.mu.Unlock()
	for _, id := range due {
		r, err := ledger.ShipmentGet.Ask(ctx, a.s.cfg.Ledger, ledger.IDArgs{ID: id})
		if ledger.CodeOf(err) != "" || err == nil && !r.IsParty(a.s.cfg.Ledger.MSP()) {
			a.forget(id)
			continue
		}
		if err != nil {
			return err
		}
		size, here := uint64(0), false // of the log of the instance's present life: those of earlier ones count whole
		for _, log := range a.logs(&r) {
			heads, err := a.s.cfg.Store.Heads(ctx, log)
			if err != nil {
				return err
			}
			size, here = 0, here || len(heads) > 0
			for _, h := range heads {
				size = max(size, h.Size)
			}
		}
		if here {
			if _, err := a.outside(ctx, id, size); err != nil {
				return err
			}
		}
		a.visited(id)
	}
	return nil
}

// logs of a shipment at the instance, that of its present life last.
func (a *aside) logs(r *ledger.Shipment) (ids []string) {
	for _, life := range ledger.Lives(a.s.present()) {
		id := anchor.LogID(a.s.cfg.Channel, anchor.Shipment, r.ID, r.CreateTx, life)
		ids = append(ids, hex.EncodeToString(id[:]))
	}
	return ids
}

func (a *aside) forget(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.next, id)
}

func (a *aside) visited(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	v := a.next[id]
	if v == nil {
		return
	}
	if v.again > lastVisit {
		delete(a.next, id)
		return
	}
	v.at, v.again = a.s.cfg.Now().Add(v.again), 2*v.again
}

// outside asks for the messages around a shipment, and keeps those that their trackers have signed.
func (a *aside) outside(ctx context.Context, shipment string, size uint64) ([][]byte, error) {
	page, err := a.ask(ctx, shipment, size)
	if err != nil {
		return nil, err
	}
	// What was given once stays: an operator that lost it gives less.
	good := transfer.Outside{Items: append([][]byte{}, a.kept(shipment)...)}
	for _, cose := range page.Items[:min(len(page.Items), transfer.MaxOutside)] {
		if len(good.Items) == transfer.MaxOutside || slices.ContainsFunc(good.Items, func(o []byte) bool { return string(o) == string(cose) }) {
			continue
		}
		ok, err := a.s.signed(ctx, shipment, cose)
		if err != nil {
			return nil, err
		}
		if ok {
			good.Items = append(good.Items, cose)
		}
	}
	return good.Items, a.s.cfg.Kept.Set(a.key(shipment), good.Encode())
}

// ask asks the operator, and where that fails the other parties, who keep what they were given.
func (a *aside) ask(ctx context.Context, shipment string, size uint64) (page transfer.Outside, err error) {
	node, err := a.s.node()
	if err == nil {
		page, err = node.Outside(ctx, shipment, size)
	}
	if err == nil {
		return page, nil
	}
	for _, party := range a.s.partiesOf(shipment) {
		if page, e := party.Outside(ctx, shipment, size); e == nil && len(page.Items) > 0 {
			return page, nil
		}
	}
	return page, err
}

func (a *aside) key(shipment string) []byte { return []byte("outside/" + shipment + "/" + a.s.id) }

// signed reports whether a tracker of the shipment signed a message with a key of its own. When the key was in force is for who judges
// the evidence: without the leaf nothing shows when the message was received.
func (r *Replica) signed(ctx context.Context, shipment string, cose []byte) (bool, error) {
	m, err := telemetry.DecodeCOSE(cose)
	if err != nil {
		return false, nil
	}
	t, err := r.trackers.Get(ctx, copying.Subject{Kind: anchor.Shipment, ID: shipment}, m.Tracker, false)
	if err != nil || t == nil {
		return false, err
	}
	key, err := t.KeyOf(m, 0)
	return err == nil && m.Verify(key) == nil, nil
}

// Outside gives the signed messages around a shipment: as the operators give them now, else as they were kept. Where the member is itself an
// operator, its own store has them, unless it was lost and made again: so the parties are asked as well, who kept what it gave them.
func (r *Replica) Outside(ctx context.Context, shipment string, logs []outside.Log) ([][]byte, error) {
	var all [][]byte
	if len(r.cfg.Own) > 0 {
		all = r.fromParties(ctx, shipment)
	}
	for _, s := range r.all() {
		s.aside.gather(ctx, shipment, logs, func(cose []byte) {
			if !slices.ContainsFunc(all, func(o []byte) bool { return string(o) == string(cose) }) {
				all = append(all, cose)
			}
		})
	}
	return all, ctx.Err()
}

// fromParties asks the parties for the messages around a shipment. One that does not answer is left out.
func (r *Replica) fromParties(ctx context.Context, shipment string) (all [][]byte) {
	record, err := ledger.ShipmentGet.Ask(ctx, r.cfg.Ledger, ledger.IDArgs{ID: shipment})
	if err != nil {
		return nil
	}
	asking, cancel := context.WithTimeout(ctx, askParties)
	defer cancel()
	for _, party := range r.nodesOf(record.Parties.MSPs()) {
		page, err := party.Outside(asking, shipment, 0)
		if err != nil {
			r.cfg.Log.DebugContext(ctx, "a party does not give the messages around a shipment", "party", party.Name(), "shipment", shipment, "error", err)
			continue
		}
		for _, cose := range page.Items[:min(len(page.Items), transfer.MaxOutside)] {
			if ok, err := r.signed(ctx, shipment, cose); ok && err == nil && !slices.ContainsFunc(all, func(o []byte) bool { return string(o) == string(cose) }) {
				all = append(all, cose)
			}
		}
	}
	return all
}

func (a *aside) gather(ctx context.Context, shipment string, logs []outside.Log, add func([]byte)) {
	size, here := uint64(0), false
	if r, err := ledger.ShipmentGet.Ask(ctx, a.s.cfg.Ledger, ledger.IDArgs{ID: shipment}); err == nil {
		for _, id := range a.logs(&r) {
			size = 0
			for _, l := range logs {
				if l.ID == id {
					size, here = l.Leaves, true
				}
			}
		}
	}
	asking, cancel := context.WithTimeout(ctx, askOutside)
	defer cancel()
	if here {
		items, err := a.outside(asking, shipment, size)
		if err == nil {
			for _, cose := range items {
				add(cose)
			}
			return
		}
		a.s.cfg.Log.DebugContext(ctx, "an operator does not give the messages around a shipment; taking what is kept", "ingest", a.s.id, "shipment", shipment, "error", err)
	}
	for _, cose := range a.kept(shipment) {
		add(cose)
	}
}

// kept are the messages around a shipment as they were given last.
func (a *aside) kept(shipment string) [][]byte {
	raw, err := a.s.cfg.Kept.Get(a.key(shipment))
	if err != nil || raw == nil {
		return nil
	}
	kept, err := transfer.DecodeOutside(raw)
	if err != nil {
		return nil
	}
	return kept.Items
}

// KeptOutside gives the signed messages around a shipment as they are kept here, and asks nobody.
func (r *Replica) KeptOutside(shipment string) (all [][]byte) {
	for _, s := range r.all() {
		for _, cose := range s.aside.kept(shipment) {
			if !slices.ContainsFunc(all, func(o []byte) bool { return string(o) == string(cose) }) {
				all = append(all, cose)
			}
		}
	}
	return all
}
