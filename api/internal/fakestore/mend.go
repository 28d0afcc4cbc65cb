package fakestore

import (
	"cmp"
	"context"
	"slices"

	"github.com/trackseal/trackseal/internal/stored"
)

// HeadsOf a heads log in the order of their numbers.
func (s *Store) HeadsOf(ctx context.Context, heads string, fn func(stored.Head) error) error {
	_, _, all, err := s.snapshot()
	if err != nil {
		return err
	}
	slices.SortStableFunc(all, func(a, b stored.Head) int { return cmp.Compare(a.Index, b.Index) })
	for _, h := range all {
		if h.Heads != heads {
			continue
		}
		if err := cmp.Or(ctx.Err(), fn(h)); err != nil {
			return err
		}
	}
	return nil
}

// Logs of messages and readings.
func (s *Store) Logs(context.Context) ([]stored.LogTags, error) {
	messages, points, _, err := s.snapshot()
	if err != nil {
		return nil, err
	}
	count := map[stored.LogTags]uint64{}
	known := map[string]bool{}
	for _, m := range messages {
		count[stored.LogTags{Log: m.Log, Shipment: m.Shipment, Tracker: m.Tracker}]++
		known[m.Log] = true
	}
	for _, p := range points {
		if !known[p.Log] {
			count[stored.LogTags{Log: p.Log, Tracker: p.Tracker}] = 0
		}
	}
	var all []stored.LogTags
	for tags, n := range count {
		tags.Messages = n
		all = append(all, tags)
	}
	slices.SortFunc(all, func(a, b stored.LogTags) int {
		return cmp.Or(cmp.Compare(a.Log, b.Log), cmp.Compare(a.Shipment, b.Shipment), cmp.Compare(a.Tracker, b.Tracker))
	})
	return all, nil
}

// Places of a tracker's signed messages.
func (s *Store) Places(_ context.Context, tracker string, fn func(boot, seq uint64)) error {
	messages, _, _, err := s.snapshot()
	for _, m := range messages {
		if m.Tracker == tracker && m.Trust == stored.Signed {
			fn(m.Boot, m.Seq)
		}
	}
	return err
}

// Delete takes points away.
func (s *Store) Delete(_ context.Context, points []stored.Place) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Down {
		return stored.ErrUnavailable
	}
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
			s.Stored = slices.DeleteFunc(s.Stored, func(m stored.Message) bool { return ns(&m) == p.NS && named(m.Place().Tags) })
		case stored.ReadingPoint:
			s.Points = slices.DeleteFunc(s.Points, func(r Point) bool {
				return r.At.UnixNano() == p.NS && named(map[string]string{"log": r.Log, "tracker": r.Tracker})
			})
		case stored.HeadPoint:
			s.HeadList = slices.DeleteFunc(s.HeadList, func(h stored.Head) bool {
				return stored.PointNS(h.TimeMS, h.Index) == p.NS && named(map[string]string{"heads": h.Heads, "log": h.Log})
			})
		}
	}
	return nil
}

// ns is where a message's point stands.
func ns(m *stored.Message) int64 {
	if m.PointNS != 0 {
		return m.PointNS
	}
	return stored.PointNS(m.ReceivedMS, m.Leaf)
}
