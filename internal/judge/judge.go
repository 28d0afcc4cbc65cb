// Package judge judges live shipments by their rule sets while they travel, each over all its logs, whichever instance wrote
// them, and records excursions and verdict revisions on the ledger. It reads the store and the ledger and nothing else, so any
// node that has a copy of both can run it, and several may: what the ledger has been told is asked of the ledger, so a judge that
// dies leaves nothing behind, and the next one goes on from there.
//
// The operator's judge runs in ingest and sees messages as they are stored. That of a party whose node takes no messages
// (Config.Opinion) judges over the party's own copy, and records verdict revisions only: its opinion.
package judge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/stored"
)

// Store is where messages are read. Errors mean: later.
type Store interface {
	// Messages gives the leaves [from, to) of a log in their order; to 0 means all.
	Messages(ctx context.Context, log string, from, to uint64, fn func(stored.Message) error) error
	Readings(ctx context.Context, q stored.ReadingsQuery, fn func(stored.Reading, time.Time) error) error
	// HeadsFrom gives the anchored heads of a heads log from an index on that are not older than sinceMS, in their order.
	HeadsFrom(ctx context.Context, heads string, index uint64, sinceMS int64) ([]stored.Head, error)
}

// Ledger takes the transactions and answers what it holds. Errors are those of package ledger.
type Ledger interface {
	Submit(ctx context.Context, fn string, arg any) (ledger.Result, error)
	Evaluate(ctx context.Context, fn string, arg any) ([]byte, error)
	MSP() string
}

// Shipments are the ledger's records of shipments, as far as their events have come.
type Shipments interface {
	Shipment(id string) (*ledger.Shipment, bool)
	Live() []*ledger.Shipment
}

// Config of a judge.
type Config struct {
	Channel  string
	Instance string // the ingest instance in whose process it runs, "" for none: its log is known before its first anchor
	// Own reports whether that instance has messages of a shipment. It judges these at once, and others later where another instance of its
	// organisation may have them. Nil: all are its own.
	Own func(shipment string) bool
	// Opinion is for a party's copy: verdict revisions alone are recorded, once the copy has what the ledger names. Whoever copies says
	// so by Meet and Copied.
	Opinion bool
	// Final, if set, is told that the own opinion of a closed shipment is of all its logs: nothing comes after it.
	Final func(shipment string)
	// Rules finds the rules that a shipment pinned, nil where nobody can judge by them. Nil: those that are built in or on the ledger.
	Rules     func(ctx context.Context, s *ledger.Shipment) (*compliance.RuleSet, error)
	Store     Store
	Shipments Shipments
	Ledger    Ledger
	Log       *slog.Logger
	Now       func() time.Time
	// Every is how often shipments with new readings are judged; 0 = 2 s.
	Every time.Duration
	// MaxPoints bounds the readings kept in memory over all shipments; 0 = 400,000 (about 100 MB with what they found).
	MaxPoints int
}

// Bounds.
const (
	parallel   = 8 // shipments under way at once
	firstRetry = 500 * time.Millisecond
	lastRetry  = 30 * time.Second
	perTry     = time.Minute
)

// errBehind: later readings are judged later.
var errBehind = errors.New("the store does not have all leaves yet that are known of")

// Judge judges all shipments that its organisation takes part in. Safe for concurrent use.
type Judge struct {
	cfg    Config
	others others // owned by the goroutine that follows the other instances

	mu     sync.Mutex // guards what follows, and the cases with their evaluators
	cases  map[string]*shipmentCase
	points int // readings in memory
	dirty  map[string]bool
	busy   map[string]bool // one judgement of a shipment at a time
	retry  map[string]retry
	rules  map[string]*compliance.RuleSet // by id@version, published ones
	known  map[string]bool                // ingest instances
	// siblings: others of them are the own organisation's, and judge as well.
	siblings bool

	refused atomic.Uint64
}

// retry is when a shipment is judged again, after a failure or after another instance's messages.
type retry struct {
	at   time.Time
	wait time.Duration // after the newest failure; 0 = none
	left bool          // to the instance that has its messages
	lack bool          // of leaves: what comes of them ends the wait
}

// New makes a judge; Run works.
func New(cfg Config) *Judge {
	if cfg.Every == 0 {
		cfg.Every = 2 * time.Second
	}
	if cfg.MaxPoints == 0 {
		cfg.MaxPoints = 400_000
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Final == nil {
		cfg.Final = func(string) {}
	}
	j := &Judge{cfg: cfg, cases: map[string]*shipmentCase{}, dirty: map[string]bool{}, busy: map[string]bool{}, retry: map[string]retry{},
		rules: map[string]*compliance.RuleSet{}, known: map[string]bool{}}
	if cfg.Rules == nil {
		j.cfg.Rules = j.ruleSet
	}
	if cfg.Instance != "" {
		j.known[cfg.Instance] = true
	}
	return j
}

// Depth is how many shipments are not judged yet, or their judgement is not on the ledger, without those that are left to
// another instance.
func (j *Judge) Depth() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	n := len(j.busy)
	for id := range j.dirty {
		if !j.busy[id] && !j.retry[id].left {
			n++
		}
	}
	return n
}

// Refused counts the records that the ledger refused for good.
func (j *Judge) Refused() uint64 { return j.refused.Load() }

// Mark asks for a shipment to be judged again, its record or one of its logs has changed: now, or later where only another instance
// has its messages.
func (j *Judge) Mark(id string) {
	own := j.cfg.Own == nil || j.cfg.Own(id)
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case own || !j.siblings:
		j.mark(id)
	case !j.dirty[id]:
		j.dirty[id] = true
		j.retry[id] = retry{at: j.cfg.Now().Add(patience * j.cfg.Every), left: true}
	}
}

// mark has a shipment judged now, under mu; a failure's wait stays.
func (j *Judge) mark(id string) {
	j.dirty[id] = true
	if j.retry[id].left {
		delete(j.retry, id)
	}
}

// markAll is Mark for every live shipment that may have messages.
func (j *Judge) markAll() {
	for _, s := range j.cfg.Shipments.Live() {
		if len(s.Assignments) > 0 {
			j.Mark(s.ID)
		}
	}
}

// Run judges until ctx ends.
func (j *Judge) Run(ctx context.Context) error {
	// What was stored before the start, by whomever, and not judged.
	j.markAll()
	var wg sync.WaitGroup
	defer wg.Wait()
	if !j.cfg.Opinion {
		wg.Go(func() { j.followOthers(ctx) })
	}
	slots := make(chan struct{}, parallel)
	tick := time.NewTicker(j.cfg.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		for _, id := range j.due() {
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return nil
			}
			if !j.begin(id) {
				<-slots
				continue
			}
			wg.Go(func() {
				defer func() { <-slots }()
				tctx, cancel := context.WithTimeout(ctx, perTry)
				defer cancel()
				j.end(id, j.judge(tctx, id, false))
			})
		}
		j.evict()
	}
}

// due are the shipments to judge now.
func (j *Judge) due() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	now := j.cfg.Now()
	var ids []string
	for _, id := range slices.Sorted(maps.Keys(j.dirty)) {
		if !j.busy[id] && !now.Before(j.retry[id].at) {
			ids = append(ids, id)
		}
	}
	return ids
}

// begin takes a shipment; false when somebody else has it.
func (j *Judge) begin(id string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.busy[id] {
		return false
	}
	j.busy[id] = true
	delete(j.dirty, id)
	return true
}

// end gives it back, and has it judged again after a failure.
func (j *Judge) end(id string, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.busy, id)
	if err == nil {
		delete(j.retry, id)
		return
	}
	j.dirty[id] = true
	r := j.retry[id]
	r.wait = min(max(2*r.wait, firstRetry), lastRetry)
	r.at, r.lack = j.cfg.Now().Add(r.wait), errors.Is(err, errBehind)
	j.retry[id] = r
	j.cfg.Log.Debug("shipment not judged to the end, later again", "shipment", id, "wait", r.wait, "err", err)
}

// Finish judges a delivered shipment over all that the store has of its logs, and returns when the ledger has what follows
// from it, or ctx ends.
func (j *Judge) Finish(ctx context.Context, id string) error {
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		err := fmt.Errorf("shipment %s is being judged", id)
		if j.begin(id) {
			err = j.judge(ctx, id, true)
			j.end(id, err)
			if err == nil {
				return nil
			}
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return err
		}
	}
}

// judge compares what the rules say with what the ledger holds, and submits the difference. The shipment is the caller's.
//
// A crash anywhere leaves what the ledger has: the next judgement submits the rest.
func (j *Judge) judge(ctx context.Context, id string, final bool) error {
	s, ok := j.cfg.Shipments.Shipment(id)
	if !ok || s.State == ledger.Closed && !j.cfg.Opinion {
		j.drop(id)
		return nil
	}
	record := *s
	if j.cfg.Opinion {
		return j.opine(ctx, &record)
	}
	if final {
		// The delivery ends the judging. Its event may not have come here yet, so the ledger is asked.
		var err error
		if record, err = j.delivered(ctx, record); err != nil {
			return err
		}
	}
	g, c, err := j.compute(ctx, &record, final)
	if err != nil || g == nil {
		return err
	}
	return j.record(ctx, g, c, final)
}

// record submits what the ledger lacks of a judgement.
func (j *Judge) record(ctx context.Context, g *judgement, c *shipmentCase, final bool) error {
	steps := j.steps(g, c.ledger)
	if len(steps) > 0 && !final {
		// Two judges must not take back from each other what only one of them has heard: what is written rests on the newest record.
		newest, err := ledger.ShipmentGet.Ask(ctx, j.cfg.Ledger, ledger.IDArgs{ID: g.shipment.ID})
		if err != nil {
			return err
		}
		if !reflect.DeepEqual(newest, *g.shipment) {
			if g, c, err = j.compute(ctx, &newest, final); err != nil || g == nil {
				return err
			}
			steps = j.steps(g, c.ledger)
		}
	}
	if err := j.submit(ctx, g, c, steps); err != nil {
		return err
	}
	if g.lag {
		return errBehind
	}
	return nil
}

// compute judges by a record; nil when there is nothing to judge, or nobody can.
func (j *Judge) compute(ctx context.Context, record *ledger.Shipment, final bool) (*judgement, *shipmentCase, error) {
	c, err := j.openCase(ctx, record, final)
	if err != nil || c == nil {
		return nil, nil, err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	g := &judgement{shipment: record, rules: c.rules, heads: c.heads(), final: final}
	if len(g.heads) == 0 {
		return nil, nil, errBehind
	}
	if g.result, err = c.eval.Result(0); err != nil {
		return nil, nil, err
	}
	c.used = j.cfg.Now()
	j.count(c)
	for _, l := range c.logs {
		g.lag = g.lag || l.behind()
	}
	return g, c, nil
}
