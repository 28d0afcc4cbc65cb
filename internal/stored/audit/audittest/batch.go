package audittest

import (
	"context"
	"maps"
	"slices"

	"github.com/trackseal/trackseal/internal/stored"
)

type batch struct {
	s    *Store
	puts []func()
}

// NewBatch is empty. As in InfluxDB a point takes the place of the one with the same tags and time, field by field.
func (s *Store) NewBatch() stored.Batch { return &batch{s: s} }

func (b *batch) Message(m *stored.Message) {
	one := *m
	one.PointNS = stored.PointNS(m.ReceivedMS, m.Leaf)
	b.puts = append(b.puts, func() {
		if i := slices.IndexFunc(b.s.Stored, func(o stored.Message) bool {
			return o.PointNS == one.PointNS && maps.Equal(o.Place().Tags, one.Place().Tags)
		}); i >= 0 {
			b.s.Stored[i] = one
			return
		}
		b.s.Stored = append(b.s.Stored, one)
	})
}

func (b *batch) Overwrite(m *stored.Message) { b.Message(m) }

func (b *batch) Reading(log, tracker string, leaf uint64, timeMS int64, n int, value func(i int) (string, float64)) {
	one := Point{stored.Reading{Log: log, Tracker: tracker, Leaf: leaf, Values: map[string]float64{}}, stored.PointNS(timeMS, leaf)}
	for i := range n {
		name, v := value(i)
		one.Values[name] = v
	}
	b.puts = append(b.puts, func() {
		for i, o := range b.s.Points {
			if o.Log == log && o.Tracker == tracker && o.NS == one.NS {
				all := maps.Clone(o.Values)
				maps.Copy(all, one.Values)
				one.Values, b.s.Points[i] = all, one
				b.s.Points[i].Values = all
				return
			}
		}
		b.s.Points = append(b.s.Points, one)
	})
}

func (b *batch) Head(h *stored.Head) {
	one := *h
	b.puts = append(b.puts, func() {
		if i := slices.IndexFunc(b.s.HeadList, func(o stored.Head) bool {
			return o.Heads == one.Heads && o.Log == one.Log && o.TimeMS == one.TimeMS && o.Index%1e6 == one.Index%1e6
		}); i >= 0 {
			b.s.HeadList[i] = one
			return
		}
		b.s.HeadList = append(b.s.HeadList, one)
	})
}

func (b *batch) Rejected(*stored.Rejected, uint64) {}
func (b *batch) QualityHour(*stored.QualityHour)   {}
func (b *batch) QualityFlag(*stored.QualityFlag)   {}
func (b *batch) Summary(string, *stored.Window)    {}
func (b *batch) Points() int                       { return len(b.puts) }
func (b *batch) Bytes() int                        { return 200 * len(b.puts) }
func (b *batch) Reset()                            { b.puts = nil }
func (b *batch) Write(ctx context.Context) error {
	for _, put := range b.puts {
		put()
	}
	return ctx.Err()
}

// Places of a tracker's signed messages.
func (s *Store) Places(_ context.Context, tracker string, fn func(boot, seq uint64)) error {
	for i := range s.Stored {
		if m := &s.Stored[i]; m.Tracker == tracker && m.Trust == stored.Signed {
			fn(m.Boot, m.Seq)
		}
	}
	return nil
}

// Delete takes points away.
func (s *Store) Delete(_ context.Context, points []stored.Place) error {
	for _, p := range points {
		named := func(tags map[string]string) bool {
			for k, v := range p.Tags {
				if tags[k] != v {
					return false
				}
			}
			return true
		}
		switch p.Measurement {
		case stored.MessagePoint:
			s.Stored = slices.DeleteFunc(s.Stored, func(m stored.Message) bool { return m.PointNS == p.NS && named(m.Place().Tags) })
		case stored.ReadingPoint:
			s.Points = slices.DeleteFunc(s.Points, func(r Point) bool {
				return r.NS == p.NS && named(map[string]string{"log": r.Log, "tracker": r.Tracker})
			})
		case stored.HeadPoint:
			s.HeadList = slices.DeleteFunc(s.HeadList, func(h stored.Head) bool {
				return stored.PointNS(h.TimeMS, h.Index) == p.NS && named(map[string]string{"heads": h.Heads, "log": h.Log})
			})
		}
	}
	return nil
}
