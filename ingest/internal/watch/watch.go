// Package watch judges live shipments by their rule sets while they travel, and records excursions and verdict revisions on
// the ledger. It reads what is in InfluxDB, so that a judgement never rests on a message that could still be lost.
package watch

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/trackseal/trackseal/ingest/internal/journal"
	"github.com/trackseal/trackseal/ingest/internal/sequence"
	"github.com/trackseal/trackseal/ingest/internal/store"
	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/compliance/course"
	"github.com/trackseal/trackseal/internal/compliance/detect"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// Readings is where a shipment's readings are read again after a restart, and the message that broke a limit. Errors mean:
// later.
type Readings interface {
	Readings(ctx context.Context, q stored.ReadingsQuery, fn func(stored.Reading, time.Time) error) error
	Messages(ctx context.Context, log string, from, to uint64, fn func(stored.Message) error) error
}

// Shipments is the registry.
type Shipments interface {
	Shipment(id string) (*ledger.Shipment, bool)
	Live() []*ledger.Shipment
}

// Logs is the sequencer.
type Logs interface {
	Logs(kind, subject string) ([]sequence.LogInfo, error)
	Head(shipment string) (ledger.LogHead, bool, error)
}

// Config of the watcher.
type Config struct {
	DB        *journal.DB
	Database  Readings
	Shipments Shipments
	Logs      Logs
	Ledger    Ledger
	Log       *slog.Logger
	// Every is how often shipments with new readings are judged; 0 = 2 s.
	Every time.Duration
	// MaxPoints bounds the readings kept in memory over all shipments; 0 = 400,000 (about 100 MB with what they found).
	MaxPoints int
}

// Watcher judges all shipments of one instance.
type Watcher struct {
	cfg    Config
	outbox *outbox

	// judging is held while one shipment is judged: the tick and Finish must not both record the same difference.
	judging sync.Mutex

	mu     sync.Mutex
	cases  map[string]*shipmentCase
	fresh  freshLogs
	points int
	dirty  map[string]bool
	judged atomic.Uint64
	rules  map[string]*compliance.RuleSet // by id@version, published ones; used by the one judge
}

// shipmentCase is a shipment's evaluator. loaded is false until what InfluxDB holds has been added; late holds what came
// meanwhile (adding a reading twice changes nothing).
type shipmentCase struct {
	rules     *compliance.RuleSet
	handovers []ledger.Handover // the ended ones
	eval      *compliance.Evaluator
	loaded    bool
	late      []compliance.Reading
	points    int
	used      time.Time
}

// New makes a watcher; Run works.
func New(cfg Config) *Watcher {
	if cfg.Every == 0 {
		cfg.Every = 2 * time.Second
	}
	if cfg.MaxPoints == 0 {
		cfg.MaxPoints = 400_000
	}
	w := &Watcher{cfg: cfg, outbox: newOutbox(cfg.DB, cfg.Ledger, cfg.Log), cases: map[string]*shipmentCase{}, fresh: newFreshLogs(), dirty: map[string]bool{}, rules: map[string]*compliance.RuleSet{}}
	w.outbox.claim = w.claim
	return w
}

// Observe takes messages that are in InfluxDB now. It does no I/O.
func (w *Watcher) Observe(stored []store.Stored) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range stored {
		st := &stored[i]
		w.dirty[st.Shipment] = true
		c := w.cases[st.Shipment]
		if c == nil {
			if err := w.fresh.add(st); err != nil {
				w.cfg.Log.Error("readings cannot be judged", "shipment", st.Shipment, "err", err)
			}
			continue // what fresh does not have, loading it will find
		}
		var due uint32
		if st.Signed && c.rules.Promised() {
			due = promise(telemetry.Open(telemetry.LeafSigned, "", st.Raw, 0))
		}
		err := points(st, due, func(r compliance.Reading) {
			if !c.loaded {
				c.late = append(c.late, r)
				return
			}
			c.eval.Add(r.Tracker, r.Point)
		})
		if err != nil {
			w.cfg.Log.Error("readings cannot be judged", "shipment", st.Shipment, "err", err)
		}
	}
}

// points makes what is judged of a message.
func points(st *store.Stored, due uint32, fn func(compliance.Reading)) error {
	return st.Readings.Each(func(ms int64, values []journal.Value) {
		measured := make(map[string]float64, len(values))
		for _, v := range values {
			measured[telemetry.Quantities[v.Quantity].Name] = v.Value
		}
		r := compliance.Reading{Tracker: st.Tracker, Point: detect.NewPoint(ms, [32]byte{}, measured)}
		r.Point.NextDueS = due
		fn(r)
	})
}

// count notes what a case keeps in memory. The caller holds mu.
func (w *Watcher) count(c *shipmentCase) {
	w.points += c.eval.Size() - c.points
	c.points = c.eval.Size()
}

// Run judges until ctx ends.
func (w *Watcher) Run(ctx context.Context) error {
	if err := w.outbox.load(); err != nil {
		return err
	}
	// A crash may have come between storing and judging.
	w.markLive()
	var wg sync.WaitGroup
	wg.Go(func() { w.outbox.run(ctx) })
	defer wg.Wait()
	tick := time.NewTicker(w.cfg.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		for _, id := range w.takeDirty() {
			if ctx.Err() != nil {
				return nil
			}
			if err := w.judge(ctx, id, false); err != nil {
				w.mark(id)
				w.cfg.Log.Debug("shipment not judged, later again", "shipment", id, "err", err)
			}
		}
		w.evict()
	}
}

func (w *Watcher) markLive() {
	for _, s := range w.cfg.Shipments.Live() {
		if len(s.Assignments) > 0 {
			w.mark(s.ID)
		}
	}
}

// mark asks for a shipment to be judged again.
func (w *Watcher) mark(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dirty[id] = true
}

func (w *Watcher) takeDirty() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	ids := slices.Sorted(maps.Keys(w.dirty))
	clear(w.dirty)
	return ids
}

// Finish judges a sealed shipment for the last time and waits until the ledger has what follows from it, or ctx ends.
func (w *Watcher) Finish(ctx context.Context, shipment string) error {
	if err := w.judge(ctx, shipment, true); err != nil {
		return err
	}
	return w.outbox.wait(ctx, shipment)
}

// judge compares what the rules say now with what the ledger was told, and queues the difference.
func (w *Watcher) judge(ctx context.Context, id string, final bool) error {
	w.judging.Lock()
	defer w.judging.Unlock()
	s, ok := w.cfg.Shipments.Shipment(id)
	if !ok || s.State == ledger.Closed {
		w.drop(id)
		return nil
	}
	head, ok, err := w.cfg.Logs.Head(id)
	if err != nil || !ok {
		return err
	}
	facts := *s
	if final {
		// The delivery ends the judging. Its event may not have come here yet, so the ledger is asked.
		if facts, err = w.delivered(ctx, facts); err != nil {
			return err
		}
	}
	c, err := w.open(ctx, s, facts)
	if err != nil || c == nil {
		return err
	}
	w.mu.Lock()
	result, err := c.eval.Result(0)
	c.used = time.Now()
	w.count(c)
	w.mu.Unlock()
	if err != nil {
		return err
	}
	w.judged.Add(1)
	return w.record(s, c.rules, head, result, final)
}

// open returns the shipment's evaluator, rebuilt from InfluxDB when it is not in memory; nil when nobody can judge by its
// rule set.
func (w *Watcher) open(ctx context.Context, s *ledger.Shipment, record ledger.Shipment) (*shipmentCase, error) {
	w.mu.Lock()
	c := w.cases[s.ID]
	w.mu.Unlock()
	var handovers []ledger.Handover
	if c != nil {
		handovers = c.handovers
	}
	if len(handovers) != record.Handovers {
		var err error
		if handovers, err = w.handovers(ctx, s.ID); err != nil {
			return nil, err
		}
	}
	facts := course.Of(record, handovers, nil)
	if c != nil && c.loaded {
		c.handovers = handovers
		w.mu.Lock()
		err := c.eval.SetCourse(facts)
		stale := c.eval.Stale()
		w.mu.Unlock()
		if err != nil {
			return nil, err
		}
		if !stale {
			return c, nil
		}
		w.drop(s.ID)
	}
	rules, err := w.ruleSet(ctx, s)
	if err != nil || rules == nil {
		if err == nil {
			w.drop(s.ID) // nobody will ask for its readings
		}
		return nil, err // without rules the API and the verifier say so; there is nothing to record
	}
	logs, err := w.cfg.Logs.Logs(anchor.Shipment, s.ID)
	if err != nil {
		return nil, err
	}
	q := stored.ReadingsQuery{}
	for _, l := range logs {
		q.Logs = append(q.Logs, l.Log)
	}
	eval, err := compliance.New(*rules, facts)
	if err != nil {
		return nil, err
	}
	c = &shipmentCase{rules: rules, handovers: handovers, eval: eval, used: time.Now()}
	w.mu.Lock()
	w.cases[s.ID] = c
	if all, ok := w.fresh.take(s.ID); ok && len(logs) == 1 {
		defer w.mu.Unlock()
		if !rules.Promised() {
			for i := range all {
				all[i].Point.NextDueS = 0 // as every other way leaves it: else the same reading would be two
			}
		}
		c.eval.Load(all)
		c.loaded = true
		w.count(c)
		return c, nil
	}
	w.mu.Unlock()
	var readings []compliance.Reading
	due, err := w.promises(ctx, rules, q.Logs)
	if err != nil {
		w.drop(s.ID)
		return nil, err
	}
	err = w.cfg.Database.Readings(ctx, q, func(r stored.Reading, _ time.Time) error {
		p := detect.NewPoint(r.TimeMS, [32]byte{}, r.Values)
		p.NextDueS = due[leaf{r.Log, r.Leaf}]
		readings = append(readings, compliance.Reading{Tracker: r.Tracker, Point: p})
		return nil
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		delete(w.cases, s.ID)
		return nil, err
	}
	c.eval.Load(append(readings, c.late...))
	c.loaded, c.late = true, nil
	w.count(c)
	return c, nil
}

func (w *Watcher) drop(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fresh.take(id)
	if c := w.cases[id]; c != nil {
		w.points -= c.points
		delete(w.cases, id)
	}
}

// evict forgets the evaluators that were used longest ago; they are rebuilt when they are needed.
func (w *Watcher) evict() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.points > w.cfg.MaxPoints {
		oldest := ""
		for id, c := range w.cases {
			if c.loaded && (oldest == "" || c.used.Before(w.cases[oldest].used)) {
				oldest = id
			}
		}
		if oldest == "" {
			return
		}
		w.points -= w.cases[oldest].points
		delete(w.cases, oldest)
	}
}
