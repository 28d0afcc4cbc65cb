package fakestore

import (
	"context"
	"maps"
	"slices"

	"github.com/trackseal/trackseal/internal/stored"
)

// batch is written point by point; like InfluxDB, the store has one point of a key.
type batch struct {
	store *Store
	puts  []func(*Store)
}

// NewBatch is empty.
func (s *Store) NewBatch() stored.Batch { return &batch{store: s} }

func (b *batch) add(put func(*Store)) { b.puts = append(b.puts, put) }

// put replaces the point of the same key, or adds one.
func put[T any](all []T, one T, same func(T) bool) []T {
	if i := slices.IndexFunc(all, same); i >= 0 {
		all[i] = one
		return all
	}
	return append(all, one)
}

func (b *batch) Message(m *stored.Message) {
	one := *m
	b.add(func(s *Store) {
		s.Stored = put(s.Stored, one, func(o stored.Message) bool {
			return o.Log == one.Log && o.Leaf == one.Leaf && o.ReceivedMS == one.ReceivedMS && o.Tracker == one.Tracker
		})
	})
}

func (b *batch) Overwrite(m *stored.Message) { b.Message(m) }

func (b *batch) Reading(log, tracker string, leaf uint64, timeMS int64, n int, value func(i int) (string, float64)) {
	one := Point{stored.Reading{Log: log, Tracker: tracker, Leaf: leaf, TimeMS: timeMS, Values: map[string]float64{}}, instant(timeMS).Add(nanos(leaf))}
	for i := range n {
		name, v := value(i)
		one.Values[name] = v
	}
	b.add(func(s *Store) {
		s.Points = put(s.Points, one, func(o Point) bool {
			return o.Log == log && o.Tracker == tracker && o.Leaf == leaf && o.TimeMS == timeMS
		})
	})
}

func (b *batch) Head(h *stored.Head) {
	one := *h
	b.add(func(s *Store) {
		s.HeadList = put(s.HeadList, one, func(o stored.Head) bool { return o.Heads == one.Heads && o.Index == one.Index })
	})
}

func (b *batch) Rejected(*stored.Rejected, uint64) {}

func (b *batch) QualityHour(h *stored.QualityHour) {
	one := *h
	one.Flags = maps.Clone(h.Flags)
	b.add(func(s *Store) {
		s.Hours = put(s.Hours, one, func(o stored.QualityHour) bool { return o.Tracker == one.Tracker && o.StartMS == one.StartMS })
	})
}

func (b *batch) QualityFlag(f *stored.QualityFlag) {
	one := *f
	b.add(func(s *Store) {
		s.Flags = put(s.Flags, one, func(o stored.QualityFlag) bool {
			return o.Tracker == one.Tracker && o.TimeMS == one.TimeMS && o.Reason == one.Reason && o.Metric == one.Metric
		})
	})
}

func (b *batch) Summary(string, *stored.Window) {}
func (b *batch) Points() int                    { return len(b.puts) }
func (b *batch) Bytes() int                     { return 200 * len(b.puts) }
func (b *batch) Reset()                         { b.puts = nil }

// Write stores all points, or none while the store is down.
func (b *batch) Write(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	b.store.mu.Lock()
	defer b.store.mu.Unlock()
	if b.store.Down {
		return stored.ErrUnavailable
	}
	b.store.Writes++
	for _, put := range b.puts {
		put(b.store)
	}
	return nil
}
