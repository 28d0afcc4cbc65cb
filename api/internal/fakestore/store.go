// Package fakestore is the telemetry store and an ingest instance in memory, for tests: what is stored can be tampered with.
package fakestore

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// Point is a stored reading and where it stands.
type Point struct {
	stored.Reading
	At time.Time
}

// Store answers like internal/influx. The exported fields may be changed between calls.
type Store struct {
	mu       sync.Mutex
	Stored   []stored.Message
	Points   []Point
	HeadList []stored.Head
	Hours    []stored.QualityHour
	Flags    []stored.QualityFlag // in the order of time
	Down     bool
	Writes   int // of batches
	Queries  int // by Seen and LastValues
}

func (s *Store) snapshot() ([]stored.Message, []Point, []stored.Head, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Down {
		return nil, nil, nil, stored.ErrUnavailable
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
func (s *Store) Messages(ctx context.Context, log string, from, to uint64, fn func(stored.Message) error) error {
	all, _, _, err := s.snapshot()
	if err != nil {
		return err
	}
	slices.SortStableFunc(all, func(a, b stored.Message) int { return cmp.Compare(a.Leaf, b.Leaf) })
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

// Flagged gives the messages with one of the flags.
func (s *Store) Flagged(ctx context.Context, log string, flags []telemetry.Reason, fn func(stored.Message) error) error {
	return s.Messages(ctx, log, 0, 0, func(m stored.Message) error {
		if slices.ContainsFunc(flags, func(f telemetry.Reason) bool { return slices.Contains(m.Flags, string(f)) }) {
			return fn(m)
		}
		return nil
	})
}

// Readings in (time, tracker) order.
func (s *Store) Readings(ctx context.Context, q stored.ReadingsQuery, fn func(stored.Reading, time.Time) error) error {
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

// Windows by whole windows since 1970.
func (s *Store) Windows(ctx context.Context, q stored.ReadingsQuery, every time.Duration, fn func(stored.Window) error) error {
	type key struct {
		from    int64
		tracker string
	}
	windows := map[key]*stored.Window{}
	inner := q
	inner.Limit, inner.AfterTime = 0, time.Time{}
	err := s.Readings(ctx, inner, func(r stored.Reading, _ time.Time) error {
		k := key{r.TimeMS - r.TimeMS%every.Milliseconds(), r.Tracker}
		w := windows[k]
		if w == nil {
			w = &stored.Window{Tracker: r.Tracker, FromMS: k.from, ToMS: k.from + every.Milliseconds(), Min: map[string]float64{}, Max: map[string]float64{}, Mean: map[string]float64{}, Count: map[string]int64{}}
			windows[k] = w
		}
		w.Readings++
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
func (s *Store) Latest(_ context.Context, log string) (r stored.Reading, ok bool, err error) {
	_, all, _, err := s.snapshot()
	r = stored.Reading{Log: log, Values: map[string]float64{}}
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
func (s *Store) Heads(_ context.Context, log string) ([]stored.Head, error) {
	_, _, all, err := s.snapshot()
	return slices.DeleteFunc(all, func(h stored.Head) bool { return h.Log != log }), err
}

// HeadsFrom gives the heads of a heads log from an index on that are not older than sinceMS, in their order.
func (s *Store) HeadsFrom(_ context.Context, heads string, index uint64, sinceMS int64) ([]stored.Head, error) {
	_, _, all, err := s.snapshot()
	all = slices.DeleteFunc(slices.Clone(all), func(h stored.Head) bool { return h.Heads != heads || h.Index < index || h.TimeMS < sinceMS })
	slices.SortFunc(all, func(a, b stored.Head) int { return cmp.Compare(a.Index, b.Index) })
	return all, err
}

// MessageInfos of signed messages in leaf order.
func (s *Store) MessageInfos(ctx context.Context, q stored.MessageInfoQuery, fn func(stored.MessageInfo) error) error {
	return s.Messages(ctx, q.Log, 0, q.Leaves, func(m stored.Message) error {
		if m.Trust != stored.Signed || q.Tracker != "" && m.Tracker != q.Tracker || m.ReceivedMS < q.FromMS || q.ToMS > 0 && m.ReceivedMS >= q.ToMS {
			return nil
		}
		return fn(stored.MessageInfo{Log: m.Log, Tracker: m.Tracker, Leaf: m.Leaf, Boot: m.Boot, Seq: m.Seq, TimeMS: m.TimeMS, ReceivedMS: m.ReceivedMS})
	})
}

// Message reads the message of an info.
func (s *Store) Message(ctx context.Context, p stored.MessageInfo) (found stored.Message, ok bool, err error) {
	err = s.Messages(ctx, p.Log, p.Leaf, p.Leaf+1, func(m stored.Message) error {
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

// MessagesOf a tracker in some logs.
func (s *Store) MessagesOf(ctx context.Context, q stored.MessagesQuery, fn func(stored.Message, time.Time) error) error {
	all, _, _, err := s.snapshot()
	if err != nil {
		return err
	}
	at := func(m stored.Message) time.Time { return instant(m.ReceivedMS).Add(nanos(m.Leaf)) }
	slices.SortStableFunc(all, func(a, b stored.Message) int { return cmp.Or(at(b).Compare(at(a)), cmp.Compare(a.Log, b.Log)) })
	given := 0
	for _, m := range all {
		if m.Tracker != q.Tracker || !slices.Contains(q.Logs, m.Log) || !q.Before.IsZero() && (at(m).After(q.Before) || at(m).Equal(q.Before) && m.Log <= q.BeforeLog) {
			continue
		}
		if given++; given > q.Limit {
			break
		}
		if err := cmp.Or(ctx.Err(), fn(m, at(m))); err != nil {
			return err
		}
	}
	return nil
}

// ShipmentsOf lists the logs with messages of a tracker.
func (s *Store) ShipmentsOf(_ context.Context, tracker string) ([]stored.LogOf, error) {
	all, _, _, err := s.snapshot()
	var logs []stored.LogOf
	for _, m := range all {
		if l := (stored.LogOf{Log: m.Log, Shipment: m.Shipment}); m.Tracker == tracker && !slices.Contains(logs, l) {
			logs = append(logs, l)
		}
	}
	return logs, err
}

// QualityHours of a tracker.
func (s *Store) QualityHours(_ context.Context, tracker string, fromMS, toMS int64, fn func(stored.QualityHour) error) error {
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
func (s *Store) QualityFlags(_ context.Context, trackers []string, fromMS, toMS int64, fn func(stored.QualityFlag) error) error {
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
