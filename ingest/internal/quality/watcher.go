// Package quality flags odd readings as they are stored, and counts them by tracker and hour. It stands beside the way of a
// message: nothing waits for it, and it never changes or drops a reading. What it finds goes to InfluxDB as `anomaly` and
// `quality` points.
//
// Every count can be computed again from the readings in InfluxDB, and that is how errors are repaired: a reading that comes
// late, or one that did not fit into the queue, makes its hour be scored again from there. Only drift, which needs the other
// trackers of that time, is counted once.
//
// What a crash leaves: the hours of the last 10 s are short of what was scored then, until the tracker is heard again: an hour
// that was begun before a start is scored again from InfluxDB. Hours that waited for that because of late readings stay as
// they were.
package quality

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/trackseal/trackseal/ingest/internal/journal"
	"github.com/trackseal/trackseal/ingest/internal/store"
	"github.com/trackseal/trackseal/internal/quality"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// Database is InfluxDB. Errors mean: later.
type Database interface {
	store.Database
	Readings(ctx context.Context, q stored.ReadingsQuery, fn func(stored.Reading, time.Time) error) error
	QualityHours(ctx context.Context, tracker string, fromMS, toMS int64, fn func(stored.QualityHour) error) error
}

// Config of the watcher.
type Config struct {
	Database Database
	Log      *slog.Logger
	Now      func() time.Time
	// Assigned tells whether a tracker was on a shipment at a time, and what was stated of its sensors; nil = it was, and nothing. A message
	// of two shipments is heard twice: each reading counts where it belongs.
	Assigned func(shipment, tracker string, ms int64) (*telemetry.Sensors, bool)
	// Every is how often points are written; 0 = 10 s.
	Every time.Duration
	// MaxTrackers is how many trackers are kept in memory (about 2 KiB each); 0 = 20,000. Others are scored again from
	// InfluxDB when they are heard.
	MaxTrackers int
	// MaxQueue is how many messages wait for being scored; 0 = 65,536 (at most 16 MiB).
	MaxQueue int
}

const maxQueueBytes = 16 << 20

// Watcher scores all trackers of one instance.
type Watcher struct {
	cfg Config

	mu     sync.Mutex
	queue  []journal.Message
	bytes  int
	missed map[string]bool // trackers of which readings did not fit into the queue
	wake   chan struct{}

	state // of Run's goroutine alone

	counts [quality.Reasons]atomic.Uint64
	lost   atomic.Uint64
	tooOld atomic.Uint64
}

// New makes a watcher; Run works.
func New(cfg Config) *Watcher {
	if cfg.Assigned == nil {
		cfg.Assigned = func(string, string, int64) (*telemetry.Sensors, bool) { return telemetry.NoSensors, true }
	}
	cfg.Every = cmp.Or(cfg.Every, 10*time.Second)
	cfg.MaxTrackers, cfg.MaxQueue = cmp.Or(cfg.MaxTrackers, 20_000), cmp.Or(cfg.MaxQueue, 65_536)
	return &Watcher{cfg: cfg, wake: make(chan struct{}, 1), missed: map[string]bool{}, state: newState(cfg.Database.NewBatch())}
}

// Observe takes messages that are in InfluxDB now. It neither waits nor does I/O: what does not fit into the queue is scored
// later, from InfluxDB.
func (w *Watcher) Observe(stored []journal.Message) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, st := range stored {
		if len(w.queue) >= w.cfg.MaxQueue || w.bytes+len(st.Readings) > maxQueueBytes {
			w.lost.Add(1)
			if len(w.missed) < w.cfg.MaxTrackers {
				w.missed[st.Tracker] = true
			}
			continue
		}
		st.Readings, st.Entry, st.Raw = slices.Clone(st.Readings), nil, nil // they are of the batch
		w.queue = append(w.queue, st)
		w.bytes += len(st.Readings)
	}
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// take empties the queue.
func (w *Watcher) take() (queue []journal.Message, missed map[string]bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	queue, w.queue, w.bytes = w.queue, nil, 0
	missed, w.missed = w.missed, map[string]bool{}
	return queue, missed
}

// Counts are the flags since the start, by reason.
func (w *Watcher) Counts() map[string]uint64 {
	flags := make(map[string]uint64, quality.Reasons)
	for r := range quality.Reasons {
		flags[r.String()] = w.counts[r].Load()
	}
	return flags
}

// Missed counts messages that did not fit into the queue and are scored later, TooOld the late readings that are not scored.
func (w *Watcher) Missed() uint64 { return w.lost.Load() }
func (w *Watcher) TooOld() uint64 { return w.tooOld.Load() }

// Run scores until ctx ends.
func (w *Watcher) Run(ctx context.Context) error {
	tick := time.NewTicker(w.cfg.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			// What is not written now is missing until the tracker is heard again.
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
			defer cancel()
			w.write(last)
			return nil
		case <-w.wake:
			w.work(ctx)
		case <-tick.C:
			w.work(ctx)
			w.rescore(ctx)
			w.write(ctx)
			w.evict()
		}
	}
}

// work scores what is in the queue.
func (w *Watcher) work(ctx context.Context) {
	if !w.listed && !w.list(ctx) {
		return // InfluxDB is away again: the queue waits, or overflows into missed
	}
	queue, missed := w.take()
	for i := range queue {
		w.score(&queue[i])
	}
	for id := range missed {
		if t := w.trackers[id]; t != nil {
			// Nobody knows what it was: all that InfluxDB has since the hours that the tracker was in.
			t.missed = true
			w.askAgain(hourKey{id, t.scorer.Since()})
		} else if len(w.recent) < maxAgain {
			w.recent[id] = true
		}
	}
}
