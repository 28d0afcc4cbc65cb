// Package fakestore is the telemetry store and an ingest instance in memory, for tests: what is stored can be tampered with.
package fakestore

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/trackseal/trackseal/internal/influx"
)

// Point is a stored reading and where it stands.
type Point struct {
	influx.Reading
	At time.Time
}

// Store answers like internal/influx. The exported fields may be changed between calls.
type Store struct {
	mu       sync.Mutex
	Stored   []influx.Message
	Points   []Point
	HeadList []influx.Head
	Hours    []influx.QualityHour
	Flags    []influx.QualityFlag // in the order of time
	Down     bool
}

func (s *Store) snapshot() ([]influx.Message, []Point, []influx.Head, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Down {
		return nil, nil, nil, influx.ErrUnavailable
	}
	return slices.Clone(s.Stored), slices.Clone(s.Points), slices.Clone(s.HeadList), nil
}

// SetDown makes every call fail, or ends that.
func (s *Store) SetDown(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Down = down
}

// Ping answers whether the store is up.
func (s *Store) Ping(context.Context) error {
	_, _, _, err := s.snapshot()
	return err
}

// Messages in leaf order.
func (s *Store) Messages(ctx context.Context, log string, from, to uint64, fn func(influx.Message) error) error {
	all, _, _, err := s.snapshot()
	if err != nil {
		return err
	}
	slices.SortStableFunc(all, func(a, b influx.Message) int { return cmp.Compare(a.Leaf, b.Leaf) })
	for _, m := range all {
		if m.Log != log || m.Leaf < from || to > 0 && m.Leaf >= to {
			continue
		}
		if err := cmp.Or(ctx.Err(), fn(m)); err != nil {
			return err
		}
	}
	return nil
}

// Readings in (time, tracker) order.
func (s *Store) Readings(ctx context.Context, q influx.ReadingsQuery, fn func(influx.Reading, time.Time) error) error {
	_, all, _, err := s.snapshot()
	if err != nil {
		return err
	}
	slices.SortStableFunc(all, func(a, b Point) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Tracker, b.Tracker))
	})
	given := 0
	for _, p := range all {
		if !slices.Contains(q.Logs, p.Log) || q.Tracker != "" && p.Tracker != q.Tracker || p.TimeMS < q.FromMS || q.ToMS > 0 && p.TimeMS >= q.ToMS {
			continue
		}
		if !q.AfterTime.IsZero() && (p.At.Before(q.AfterTime) || p.At.Equal(q.AfterTime) && p.Tracker <= q.AfterTracker) {
			continue
		}
		r := p.Reading
		r.Values = maps.Clone(r.Values)
		if q.Fields != nil {
			maps.DeleteFunc(r.Values, func(name string, _ float64) bool { return !slices.Contains(q.Fields, name) })
			if len(r.Values) == 0 {
				continue
			}
		}
		if err := cmp.Or(ctx.Err(), fn(r, p.At)); err != nil {
			return err
		}
		if given++; given == q.Limit {
			return nil
		}
	}
	return nil
}

// Downsample by whole windows since 1970.
func (s *Store) Downsample(ctx context.Context, q influx.ReadingsQuery, every time.Duration, fn func(influx.Bucketed) error) error {
	type key struct {
		from    int64
		tracker string
	}
	windows := map[key]*influx.Bucketed{}
	inner := q
	inner.Limit, inner.AfterTime = 0, time.Time{}
	err := s.Readings(ctx, inner, func(r influx.Reading, _ time.Time) error {
		k := key{r.TimeMS - r.TimeMS%every.Milliseconds(), r.Tracker}
		w := windows[k]
		if w == nil {
			w = &influx.Bucketed{Tracker: r.Tracker, FromMS: k.from, ToMS: k.from + every.Milliseconds(), Min: map[string]float64{}, Max: map[string]float64{}, Mean: map[string]float64{}, Count: map[string]int64{}}
			windows[k] = w
		}
		for name, v := range r.Values {
			if n := w.Count[name]; n == 0 {
				w.Min[name], w.Max[name], w.Mean[name] = v, v, v
			} else {
				w.Min[name], w.Max[name] = min(w.Min[name], v), max(w.Max[name], v)
				w.Mean[name] += (v - w.Mean[name]) / float64(n+1)
			}
			w.Count[name]++
		}
		return nil
	})
	if err != nil {
		return err
	}
	order := slices.SortedFunc(maps.Keys(windows), func(a, b key) int {
		return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.tracker, b.tracker))
	})
	given := 0
	for _, k := range order {
		if !q.AfterTime.IsZero() && (k.from < q.AfterTime.UnixMilli() || k.from == q.AfterTime.UnixMilli() && k.tracker <= q.AfterTracker) {
			continue
		}
		if err := fn(*windows[k]); err != nil {
			return err
		}
		if given++; given == q.Limit {
			return nil
		}
	}
	return nil
}

// Latest value of each quantity.
func (s *Store) Latest(_ context.Context, log string) (r influx.Reading, ok bool, err error) {
	_, all, _, err := s.snapshot()
	r = influx.Reading{Log: log, Values: map[string]float64{}}
	slices.SortStableFunc(all, func(a, b Point) int { return a.At.Compare(b.At) })
	for _, p := range all {
		if p.Log != log {
			continue
		}
		ok, r.Tracker, r.TimeMS, r.Leaf = true, p.Tracker, p.TimeMS, p.Leaf
		maps.Copy(r.Values, p.Values)
	}
	return r, ok, err
}

// Heads of a log, oldest first.
func (s *Store) Heads(_ context.Context, log string) ([]influx.Head, error) {
	_, _, all, err := s.snapshot()
	return slices.DeleteFunc(all, func(h influx.Head) bool { return h.Log != log }), err
}

// Places of signed messages in leaf order.
func (s *Store) Places(ctx context.Context, q influx.PlacesQuery, fn func(influx.Place) error) error {
	return s.Messages(ctx, q.Log, 0, q.Leaves, func(m influx.Message) error {
		if m.Trust != influx.Signed || q.Tracker != "" && m.Tracker != q.Tracker || m.ReceivedMS < q.FromMS || q.ToMS > 0 && m.ReceivedMS >= q.ToMS {
			return nil
		}
		return fn(influx.Place{Log: m.Log, Tracker: m.Tracker, Leaf: m.Leaf, Boot: m.Boot, Seq: m.Seq, TimeMS: m.TimeMS, ReceivedMS: m.ReceivedMS})
	})
}

// MessageAt reads the message of a place.
func (s *Store) MessageAt(ctx context.Context, p influx.Place) (found influx.Message, ok bool, err error) {
	err = s.Messages(ctx, p.Log, p.Leaf, p.Leaf+1, func(m influx.Message) error {
		found, ok = m, m.ReceivedMS == p.ReceivedMS
		return nil
	})
	return found, ok, err
}

// LogsOf lists the logs with readings of a tracker in a time range.
func (s *Store) LogsOf(_ context.Context, tracker string, fromMS, toMS int64) ([]string, error) {
	_, all, _, err := s.snapshot()
	var logs []string
	for _, p := range all {
		if p.Tracker == tracker && p.TimeMS >= fromMS && (toMS == 0 || p.TimeMS < toMS) {
			logs = append(logs, p.Log)
		}
	}
	slices.Sort(logs)
	return slices.Compact(logs), err
}

// QualityHours of a tracker.
func (s *Store) QualityHours(_ context.Context, tracker string, fromMS, toMS int64, fn func(influx.QualityHour) error) error {
	if _, _, _, err := s.snapshot(); err != nil {
		return err
	}
	for _, h := range s.Hours {
		if h.Tracker != tracker || h.StartMS < fromMS || h.StartMS >= toMS {
			continue
		}
		if err := fn(h); err != nil {
			return err
		}
	}
	return nil
}

// QualityFlags of trackers.
func (s *Store) QualityFlags(_ context.Context, trackers []string, fromMS, toMS int64, fn func(influx.QualityFlag) error) error {
	if _, _, _, err := s.snapshot(); err != nil {
		return err
	}
	for _, f := range s.Flags {
		if f.Metric == "" || !slices.Contains(trackers, f.Tracker) || f.TimeMS < fromMS || f.TimeMS >= toMS {
			continue
		}
		if err := fn(f); err != nil {
			return err
		}
	}
	return nil
}
