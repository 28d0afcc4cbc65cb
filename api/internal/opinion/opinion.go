// Package opinion has a party's node judge for itself. It follows the ledger for what concerns the member's own shipments, and has the
// judge look at them over the member's own copy. What comes of it is the member's opinion: verdict revisions under its own identity.
//
// Nothing else depends on it: a judgement that waits, for the copy or for the ledger, makes no part of the node unready.
package opinion

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/judge"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/service"
)

// Ledger is the own organisation's. Errors are those of package ledger.
type Ledger interface {
	judge.Ledger
	Events(ctx context.Context, from uint64, handle func(ledger.Event) error, atHead func(height uint64)) error
	Network(ctx context.Context) ([]ledger.Node, error)
}

// Config of the opinions of a member.
type Config struct {
	Channel string
	Ledger  Ledger
	Store   judge.Store // the member's own copy
	Metrics prometheus.Registerer
	Log     *slog.Logger
	Now     func() time.Time
	// Every is how often shipments that changed are judged; 0 = 2 s.
	Every time.Duration
}

// Opinions of a member. Safe for concurrent use.
type Opinions struct {
	cfg   Config
	judge *judge.Judge
	met   map[string]bool // ingest instances; owned by the goroutine that follows the ledger

	listed atomic.Bool // all that the ledger has was looked at once

	mu  sync.Mutex
	own map[string]*ledger.Shipment // of which the member is a party, and on which its last opinion may not be recorded
}

// Bounds.
const (
	// maxPoints are the readings in memory: some 25 MB. A shipment that was let go is read again when it changes.
	maxPoints = 100_000
	// lateMS is how long after its closing a shipment is still judged by a node that was away.
	lateMS = 30 * 24 * 3600 * 1000
)

// New makes the opinions; Run works.
func New(cfg Config) *Opinions {
	o := &Opinions{cfg: cfg, own: map[string]*ledger.Shipment{}, met: map[string]bool{}}
	o.judge = judge.New(judge.Config{
		Channel: cfg.Channel, Opinion: true, Store: cfg.Store, Shipments: o, Ledger: cfg.Ledger, Log: cfg.Log, Now: cfg.Now, Every: cfg.Every, MaxPoints: maxPoints, Final: o.final,
	})
	if cfg.Metrics != nil {
		o.measure(cfg.Metrics)
	}
	return o
}

func (o *Opinions) measure(to prometheus.Registerer) {
	gauge := func(name, help string, value func() int) {
		to.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(value()) }))
	}
	gauge("trackseal_opinions_pending", "Shipments that are to be judged here, or whose judgement is not on the ledger yet.", o.judge.Depth)
	gauge("trackseal_opinions_waiting", "Of these, shipments of which the own copy lacks what the ledger names.", o.judge.Waiting)
	to.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "trackseal_opinions_refused_total", Help: "Opinions that the ledger refused for good."},
		func() float64 { return float64(o.judge.Refused()) }))
}

// Copied says how much of a shipment's log the own store has now.
func (o *Opinions) Copied(shipment string, head ledger.LogHead) { o.judge.Copied(shipment, head) }

// Run follows the ledger and judges until ctx ends.
func (o *Opinions) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	wg.Go(func() { o.follow(ctx) })
	err := o.judge.Run(ctx)
	wg.Wait()
	return err
}

// Shipment is the record as it was told last.
func (o *Opinions) Shipment(id string) (*ledger.Shipment, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	s, ok := o.own[id]
	return s, ok
}

// Live are all that are judged.
func (o *Opinions) Live() []*ledger.Shipment {
	o.mu.Lock()
	defer o.mu.Unlock()
	all := make([]*ledger.Shipment, 0, len(o.own))
	for _, s := range o.own {
		all = append(all, s)
	}
	return all
}

func (o *Opinions) final(id string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.own, id)
}

// follow lists what is there and follows the events, again and again, until ctx ends.
func (o *Opinions) follow(ctx context.Context) {
	for wait := time.Second; ; wait = min(2*wait, 30*time.Second) {
		from, err := o.list(ctx)
		if err == nil {
			wait = time.Second
			err = o.cfg.Ledger.Events(ctx, from, func(e ledger.Event) error { return o.take(ctx, e) }, nil)
		}
		if ctx.Err() != nil {
			return
		}
		o.cfg.Log.WarnContext(ctx, "opinions cannot follow the ledger; trying again", "error", err)
		if !service.Pause(ctx, wait) {
			return
		}
	}
}

// list reads all, and gives the block from which the events go on. The height is taken before: what changes meanwhile is among the events.
func (o *Opinions) list(ctx context.Context) (from uint64, err error) {
	nodes, err := o.cfg.Ledger.Network(ctx)
	if err != nil {
		return 0, err
	}
	for _, n := range nodes {
		if n.Role == "peer" && n.Up && n.Height > 0 && (from == 0 || n.Height < from) {
			from = n.Height
		}
	}
	for h, err := range ledger.AnchorHeads.Each(ctx, o.cfg.Ledger, "") {
		if err != nil {
			return 0, err
		}
		o.met[h.Ingest] = true
		o.judge.Meet(h.Ingest)
	}
	now := o.cfg.Now().UnixMilli()
	for s, err := range ledger.ShipmentList.Each(ctx, o.cfg.Ledger, "") {
		if err != nil {
			return 0, err
		}
		if s.State != ledger.Closed || now-s.ClosedMS < lateMS {
			o.keep(s)
		}
	}
	o.listed.Store(true)
	return max(from, 1) - 1, nil
}

// take reads one event. What cannot be read is none of ours: any two organisations can endorse events of any shape.
func (o *Opinions) take(ctx context.Context, e ledger.Event) error {
	switch e.Name {
	case ledger.EventShipment:
		if s, ok := read[ledger.Shipment](e); ok && s.ID != "" {
			if _, was := o.Shipment(s.ID); was && !s.IsParty(o.cfg.Ledger.MSP()) {
				return o.ask(ctx, s.ID) // nobody else's word ends the judging
			}
			o.keep(s)
		}
	case ledger.EventClosed:
		if c, ok := read[ledger.Close](e); ok {
			if _, own := o.Shipment(c.Shipment); own {
				return o.ask(ctx, c.Shipment) // the record as the closing left it
			}
		}
	case ledger.EventSealed:
		if x, ok := read[ledger.Seal](e); ok && x.Log != nil {
			o.named(x.Shipment, []ledger.LogHead{*x.Log})
		}
	case ledger.EventVerdict:
		if v, ok := read[ledger.Verdict](e); ok && v.By != o.cfg.Ledger.MSP() {
			o.named(v.Shipment, v.Logs)
		}
	case ledger.EventAnchor:
		if h, ok := read[ledger.Head](e); ok && !o.met[h.Ingest] {
			return o.meet(ctx, h.Ingest)
		}
	}
	return nil
}

func read[T any](e ledger.Event) (record T, ok bool) {
	err := json.Unmarshal(e.Payload, &record)
	return record, err == nil
}

// keep takes a shipment's record and has it judged, while the member is a party.
func (o *Opinions) keep(s ledger.Shipment) {
	o.mu.Lock()
	mine := s.IsParty(o.cfg.Ledger.MSP())
	if mine {
		o.own[s.ID] = &s
	} else {
		delete(o.own, s.ID)
	}
	o.mu.Unlock()
	if mine && len(s.Assignments) > 0 {
		o.judge.Mark(s.ID)
	}
}

// named has an own shipment judged from as much as a record names.
func (o *Opinions) named(id string, logs []ledger.LogHead) {
	if _, ok := o.Shipment(id); ok {
		o.judge.Named(id, logs)
	}
}

// ask reads a shipment's record anew. The error has it listed again.
func (o *Opinions) ask(ctx context.Context, id string) error {
	s, err := ledger.ShipmentGet.Ask(ctx, o.cfg.Ledger, ledger.IDArgs{ID: id})
	switch ledger.CodeOf(err) {
	case ledger.NotFound, ledger.Forbidden:
		o.final(id)
		return nil
	}
	if err != nil {
		return err
	}
	o.keep(s)
	return nil
}

// meet notes an instance that an event names, if the ledger has it.
func (o *Opinions) meet(ctx context.Context, ingest string) error {
	id := anchor.HeadsID(o.cfg.Channel, ingest)
	_, err := ledger.AnchorHead.Ask(ctx, o.cfg.Ledger, ledger.IDArgs{ID: hex.EncodeToString(id[:])})
	switch {
	case ledger.CodeOf(err) != "":
		return nil
	case err != nil:
		return err
	}
	o.met[ingest] = true
	o.judge.Meet(ingest)
	return nil
}
