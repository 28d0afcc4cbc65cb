// Package alarms looks at all trackers every half a minute and tells which are silent, which have an empty battery, and whose clock is off.
// It keeps nothing on disk: what lasts is found again after a start.
package alarms

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/trackseal/trackseal/api/internal/feed"
	"github.com/trackseal/trackseal/api/internal/pulse"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/api/internal/shapes"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/stored"
)

// Store is asked about all trackers at once.
type Store interface {
	Seen(ctx context.Context, q stored.SeenQuery, fn func(stored.Seen) error) error
	LastValues(ctx context.Context, quantities []string, fromMS int64, fn func(stored.Reading) error) error
}

// Config of a watch. All members must be set.
type Config struct {
	MSP     string // whose trackers and shipments it watches
	Ledger  ledger.Evaluator
	Store   Store
	Tell    func(feed.Event)
	Metrics *prometheus.Registry
	Log     *slog.Logger
	Now     func() time.Time
}

const (
	every     = 30 * time.Second
	listEvery = 10 * time.Minute    // own trackers, and shipments whose events did not come
	memory    = 31 * 24 * time.Hour // a tracker that was not heard for longer is not looked for
	overlap   = 15 * time.Minute    // a copy of what another operator stores comes late
	keepOver  = 24 * time.Hour
	maxOver   = 1000
)

// Watch of one node. Create it with New, run Run once.
type Watch struct {
	Config
	active *prometheus.GaugeVec

	looking sync.Mutex // one look at a time; guards what only looks use
	listed  time.Time
	asked   int64 // from when on the store was asked last
	pulses  map[string]*pulse.Pulse

	mu    sync.Mutex
	own   map[string]bool // trackers that are not revoked
	live  map[string]ledger.Shipment
	now   map[key]shapes.Alarm
	ended []shapes.Alarm // oldest first
}

// key is what there is one alarm of.
type key struct{ kind, shipment, tracker string }

// New does no I/O.
func New(cfg Config) *Watch {
	w := &Watch{Config: cfg, pulses: map[string]*pulse.Pulse{}, own: map[string]bool{}, live: map[string]ledger.Shipment{}, now: map[key]shapes.Alarm{},
		active: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "trackseal_alarms", Help: "Alarms that last, by kind."}, []string{"kind"})}
	cfg.Metrics.MustRegister(w.active)
	w.count()
	return w
}

// Run looks until ctx ends.
func (w *Watch) Run(ctx context.Context) error {
	t := time.NewTicker(every)
	defer t.Stop()
	failing := false
	for {
		err := w.Look(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if failed := err != nil; failed != failing { // once, not twice a minute
			failing = failed
			if failed {
				w.Log.WarnContext(ctx, "alarms are not kept up just now", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

// Shipment takes the record of one of our shipments as it is now.
func (w *Watch) Shipment(r ledger.Shipment) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if (r.State == ledger.Created || r.State == ledger.InTransit) && r.IsParty(w.MSP) {
		w.live[r.ID] = r
	} else {
		delete(w.live, r.ID)
	}
}

// Look reads the store once and brings the alarms up to date.
func (w *Watch) Look(ctx context.Context) error {
	w.looking.Lock()
	defer w.looking.Unlock()
	now := w.Now()
	if now.Sub(w.listed) >= listEvery {
		if err := w.list(ctx); err != nil {
			return err
		}
		w.listed = now
	}
	if err := w.read(ctx, now); err != nil {
		return err
	}
	battery := map[string]stored.Reading{}
	err := w.Store.LastValues(ctx, []string{"battery"}, now.Add(-memory).UnixMilli(), func(r stored.Reading) error {
		battery[r.Tracker] = r
		return nil
	})
	if err != nil {
		return err
	}
	w.settle(w.find(now.UnixMilli(), battery), now)
	return nil
}

// list asks the ledger which trackers are ours, and which shipments are under way.
func (w *Watch) list(ctx context.Context) error {
	own, live := map[string]bool{}, map[string]ledger.Shipment{}
	for r, err := range ledger.TrackerList.Each(ctx, w.Ledger, "") {
		if err != nil {
			return err
		}
		if r.Owner == w.MSP && r.RevokedMS == 0 { // an operator's list has all
			own[r.ID] = true
		}
	}
	for r, err := range ledger.ShipmentList.Each(ctx, w.Ledger, "") {
		if err != nil {
			return err
		}
		if (r.State == ledger.Created || r.State == ledger.InTransit) && r.IsParty(w.MSP) {
			live[r.ID] = r
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.own, w.live = own, live
	return nil
}

// read takes what is new in the store: all that is remembered at the start, then what came since.
func (w *Watch) read(ctx context.Context, now time.Time) error {
	from := now.Add(-memory).UnixMilli()
	if w.asked > 0 {
		from = max(from, w.asked-overlap.Milliseconds())
	}
	err := w.Store.Seen(ctx, stored.SeenQuery{FromMS: from, Each: pulse.Keep}, func(s stored.Seen) error {
		w.of(s.Tracker).Add(pulse.Beat{TimeMS: s.TimeMS, ReceivedMS: s.ReceivedMS, Signed: s.Trust == stored.Signed, Leaf: s.Leaf})
		return nil
	})
	err = errors.Join(err, w.Store.Seen(ctx, stored.SeenQuery{FromMS: from, Each: 1, Raw: true}, func(s stored.Seen) error {
		if s.Trust == stored.Signed {
			w.of(s.Tracker).Promise(s.Raw, s.ReceivedMS)
		}
		return nil
	}))
	if err == nil {
		w.asked = now.UnixMilli()
	}
	return err
}

func (w *Watch) of(tracker string) *pulse.Pulse {
	p := w.pulses[tracker]
	if p == nil {
		p = new(pulse.Pulse)
		w.pulses[tracker] = p
	}
	return p
}

// settle tells what began and what is over.
func (w *Watch) settle(found map[key]shapes.Alarm, now time.Time) {
	w.mu.Lock()
	var news []shapes.Alarm
	for k, a := range found {
		if was, lasts := w.now[k]; lasts {
			if k.kind == shapes.BatteryLow || k.kind == shapes.ClockOff {
				a.Since = was.Since
			}
		} else {
			news = append(news, a)
		}
		w.now[k] = a
	}
	for k, a := range w.now {
		if _, lasts := found[k]; lasts {
			continue
		}
		delete(w.now, k)
		a.Over = rest.Some(rest.Instant(now.UnixMilli()))
		news, w.ended = append(news, a), append(w.ended, a)
	}
	w.ended = slices.DeleteFunc(w.ended, func(a shapes.Alarm) bool { return int64(*a.Over.V) < now.Add(-keepOver).UnixMilli() })
	w.ended = w.ended[max(0, len(w.ended)-maxOver):]
	w.count()
	w.mu.Unlock()
	slices.SortFunc(news, compare)
	for _, a := range news {
		e := feed.Event{Name: feed.Alarm, Data: a}
		if a.Shipment.V != nil {
			e.ShipID = *a.Shipment.V
		}
		w.Tell(e)
	}
}

func (w *Watch) count() {
	n := map[string]int{}
	for k := range w.now {
		n[k.kind]++
	}
	for _, kind := range shapes.AlarmKinds {
		w.active.WithLabelValues(kind).Set(float64(n[kind]))
	}
}

// Alarms that last, the newest first, then those that are over.
func (w *Watch) Alarms() []shapes.Alarm {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := slices.SortedFunc(maps.Values(w.now), compare)
	ended := slices.Clone(w.ended)
	slices.Reverse(ended)
	return append(all, ended...)
}

func compare(a, b shapes.Alarm) int {
	text := func(a shapes.Alarm) string {
		t := a.Kind
		for _, s := range []*string{a.Shipment.V, a.Tracker.V} {
			if t += "\x00"; s != nil {
				t += *s
			}
		}
		return t
	}
	if a.Since != b.Since {
		return int(min(1, max(-1, b.Since-a.Since)))
	}
	return strings.Compare(text(a), text(b))
}
