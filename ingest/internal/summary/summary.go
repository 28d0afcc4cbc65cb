// Package summary sums up the hours of the trackers of shipments, beside the way of a message, so that windows of a long trip are
// read from thousands of hours instead of millions of readings.
//
// Nobody relies on a summary: the store uses it where it is of as many readings as there are, and computes other windows from the
// readings. So an hour that is forgotten here, by a crash or because there were too many, costs time and not truth. After a start
// the hours just before the first message of a log are summed up again.
package summary

import (
	"cmp"
	"context"
	"encoding/hex"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/trackseal/trackseal/ingest/internal/journal"
	"github.com/trackseal/trackseal/ingest/internal/store"
	"github.com/trackseal/trackseal/internal/stored"
)

// Database is InfluxDB. Errors mean: later.
type Database interface {
	store.Database
	Windows(ctx context.Context, q stored.ReadingsQuery, every time.Duration, fn func(stored.Window) error) error
}

// Config of the writer.
type Config struct {
	Database Database
	Log      *slog.Logger
	Now      func() time.Time
}

const (
	hourMS     = 3_600_000
	maxHours   = 100_000 // that wait
	backHours  = 3       // before the first message of a log
	batchHours = 500     // of one write
	round      = 10 * time.Second
	// quiet is how long an hour is left alone after it ended, and after its last reading was stored.
	quiet = 2 * time.Minute
)

type hour struct {
	log     [32]byte
	startMS int64
}

// Writer sums up the hours of one instance's logs.
type Writer struct {
	cfg Config

	mu    sync.Mutex
	hours map[hour]time.Time // when a reading of it was stored last
	logs  map[[32]byte]bool  // heard since the start
}

// New makes a writer; Run works.
func New(cfg Config) *Writer {
	return &Writer{cfg: cfg, hours: map[hour]time.Time{}, logs: map[[32]byte]bool{}}
}

// Observe takes messages that are in InfluxDB now. It does no I/O.
func (s *Writer) Observe(messages []journal.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.cfg.Now()
	for _, m := range messages {
		// A damaged record is told of by whoever scores it.
		_ = m.Readings.Each(func(ms int64, _ []journal.Value) {
			h := hour{m.Log, ms - ms%hourMS}
			if s.touch(h, now); s.logs[m.Log] {
				return
			}
			if len(s.logs) >= maxHours {
				clear(s.logs)
			}
			s.logs[m.Log] = true
			for back := int64(1); back <= backHours; back++ {
				s.touch(hour{m.Log, h.startMS - back*hourMS}, now)
			}
		})
	}
}

func (s *Writer) touch(h hour, now time.Time) {
	if _, waits := s.hours[h]; (waits || len(s.hours) < maxHours) && h.startMS >= 0 {
		s.hours[h] = now
	}
}

// Run sums up until ctx ends.
func (s *Writer) Run(ctx context.Context) error {
	tick := time.NewTicker(round)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := s.work(ctx); err != nil && ctx.Err() == nil {
				s.cfg.Log.Debug("hours not summed up, later again", "err", err)
			}
		}
	}
}

// due are the hours that are over and quiet, in order.
func (s *Writer) due() []hour {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.cfg.Now().Add(-quiet)
	var due []hour
	for h, touched := range s.hours {
		if touched.Before(before) && h.startMS+hourMS <= before.UnixMilli() {
			due = append(due, h)
		}
	}
	slices.SortFunc(due, func(a, b hour) int {
		return cmp.Or(slices.Compare(a.log[:], b.log[:]), cmp.Compare(a.startMS, b.startMS))
	})
	return due
}

// work sums up what is due, as many hours in a row of one log at once as a write takes.
func (s *Writer) work(ctx context.Context) error {
	due := s.due()
	for len(due) > 0 {
		n := 1
		for n < min(len(due), batchHours) && due[n] == (hour{due[0].log, due[n-1].startMS + hourMS}) {
			n++
		}
		if err := s.sum(ctx, due[:n]); err != nil {
			return err
		}
		due = due[n:]
	}
	return nil
}

// sum writes the summaries of consecutive hours. What is stored meanwhile touches its hour again.
func (s *Writer) sum(ctx context.Context, hours []hour) error {
	began := s.cfg.Now()
	log := hex.EncodeToString(hours[0].log[:])
	batch := s.cfg.Database.NewBatch()
	q := stored.ReadingsQuery{Logs: []string{log}, FromMS: hours[0].startMS, ToMS: hours[len(hours)-1].startMS + hourMS}
	err := s.cfg.Database.Windows(ctx, q, time.Hour, func(w stored.Window) error {
		if batch.Summary(log, &w); batch.Points() < 10*batchHours {
			return nil
		}
		defer batch.Reset()
		return batch.Write(ctx)
	})
	if err != nil {
		return err
	}
	if err := batch.Write(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range hours {
		if !s.hours[h].After(began) {
			delete(s.hours, h)
		}
	}
	return nil
}
