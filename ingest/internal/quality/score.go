package quality

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/trackseal/trackseal/ingest/internal/journal"
	"github.com/trackseal/trackseal/internal/compliance/detect"
	"github.com/trackseal/trackseal/internal/quality"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/telemetry"
)

const (
	maxShipments = 4096
	maxUnwritten = 10_000 // anomaly points between two writes; more are counted only
	trackerFlags = 100    // of them, of one tracker
)

// state is what the scoring goroutine remembers.
type state struct {
	trackers  map[string]*tracker
	groups    map[string]*group
	changed   map[string]bool // trackers with hours to write
	evicted   bool            // some tracker was forgotten
	listed    bool            // recent and drift are there
	listedMS  int64           // from when on recent is known
	recent    map[string]bool
	drift     map[hourKey]int64 // drift that was counted before the start
	again     map[hourKey]bool  // hours to score again
	replayed  int               // readings, at this time
	unwritten map[hourKey]stored.QualityHour
	odd       []stored.QualityFlag
	batch     stored.Batch
}

func newState(batch stored.Batch) state {
	return state{batch: batch, trackers: map[string]*tracker{}, groups: map[string]*group{}, changed: map[string]bool{}, recent: map[string]bool{},
		drift: map[hourKey]int64{}, again: map[hourKey]bool{}, unwritten: map[hourKey]stored.QualityHour{}}
}

// hourKey is an hour of a tracker.
type hourKey struct {
	tracker string
	startMS int64
}

type tracker struct {
	scorer   quality.Scorer
	shipment string
	used     time.Time
	flags    int // anomaly points since the last write
	back     int // readings in a row from long before the newest
	latest   int64
	missed   bool
}

type group struct {
	quality.Group
	used time.Time
}

// list finds out which trackers have hours of before the start: these must not be overwritten with less.
func (w *Watcher) list(ctx context.Context) bool {
	w.listedMS = quality.HourOf(w.cfg.Now().UnixMilli()) - 2*quality.HourMS
	err := w.cfg.Database.QualityHours(ctx, "", w.listedMS, 0, func(h stored.QualityHour) error {
		w.recent[h.Tracker] = true
		if n := h.Flags[quality.Drift.String()]; n > 0 {
			w.drift[hourKey{h.Tracker, h.StartMS}] = n
		}
		return nil
	})
	if err != nil {
		w.cfg.Log.Debug("hours of data quality not read, later again", "err", err)
		return false
	}
	w.listed = true
	return true
}

// score takes one message.
func (w *Watcher) score(st *journal.Message) {
	if !w.any(st) {
		return
	}
	t, known := w.trackers[st.Tracker]
	if !known {
		t = &tracker{shipment: st.Shipment}
		w.trackers[st.Tracker] = t
	}
	if t.used = w.cfg.Now(); t.shipment != st.Shipment {
		t.scorer.Pause()
		t.shipment = st.Shipment
	}
	g := w.groups[st.Shipment]
	if g == nil {
		g = &group{}
		w.groups[st.Shipment] = g
	}
	g.used = t.used
	w.changed[st.Tracker] = true
	err := st.Readings.Each(func(ms int64, values []journal.Value) {
		sensors, assigned := w.cfg.Assigned(st.Shipment, st.Tracker, ms)
		if !assigned {
			return
		}
		if newest, ok := t.scorer.NewestMS(); ok && newest < t.latest && quality.HourOf(ms) > quality.HourOf(newest) {
			// The scorer had gone back: what lies between, and this hour, has been scored before.
			t.scorer.Pause()
			w.askAgain(hourKey{st.Tracker, quality.HourOf(ms)})
		}
		t.latest = max(t.latest, ms)
		if !known && (w.evicted || w.recent[st.Tracker] || ms < w.listedMS) {
			w.askAgain(hourKey{st.Tracker, quality.HourOf(ms)}) // InfluxDB may hold more of this hour
		}
		r := quality.NewReading(ms, named(values), sensors)
		if !t.scorer.Add(r, func(f quality.Flag) { w.flag(st.Tracker, t, f) }) {
			w.late(st.Tracker, t, r)
			return
		}
		t.back = 0
		g.Add(st.Tracker, &r, func(f quality.Flag) {
			t.scorer.Count(f)
			w.flag(st.Tracker, t, f)
		})
	})
	if err != nil {
		w.cfg.Log.Error("readings cannot be scored", "tracker", st.Tracker, "err", err)
	}
}

// any reports whether a message has a reading of its shipment. A damaged one is told of when it is scored.
func (w *Watcher) any(st *journal.Message) (any bool) {
	err := st.Readings.Each(func(ms int64, _ []journal.Value) {
		_, assigned := w.cfg.Assigned(st.Shipment, st.Tracker, ms)
		any = any || assigned
	})
	return any || err != nil
}

// flag counts a flag and keeps it to be written.
func (w *Watcher) flag(id string, t *tracker, f quality.Flag) {
	w.counts[f.Reason].Add(1)
	w.keep(id, t, f)
}

func (w *Watcher) keep(id string, t *tracker, f quality.Flag) {
	if t.flags++; t.flags > trackerFlags || len(w.odd) >= maxUnwritten {
		return
	}
	odd := stored.QualityFlag{Tracker: id, Shipment: t.shipment, Reason: f.Reason.String(), TimeMS: f.MS, Value: f.Value.Float(), Against: f.Against.Float()}
	if f.Metric < detect.Metrics {
		odd.Metric = f.Metric.String()
	}
	w.odd = append(w.odd, odd)
}

func named(values []journal.Value) map[string]float64 {
	out := make(map[string]float64, len(values))
	for _, v := range values {
		out[telemetry.Quantities[v.Quantity].Name] = v.Value
	}
	return out
}

// evict forgets the trackers and shipments that were heard longest ago.
func (w *Watcher) evict() {
	w.evicted = forget(w.trackers, w.cfg.MaxTrackers, func(t *tracker) time.Time { return t.used }) || w.evicted
	forget(w.groups, maxShipments, func(g *group) time.Time { return g.used })
}

// forget makes room for a tenth more when m has more than limit.
func forget[V any](m map[string]V, limit int, used func(V) time.Time) bool {
	if len(m) <= limit {
		return false
	}
	ids := slices.SortedFunc(maps.Keys(m), func(a, b string) int { return used(m[a]).Compare(used(m[b])) })
	for _, id := range ids[:len(m)-limit*9/10] {
		delete(m, id)
	}
	return true
}
