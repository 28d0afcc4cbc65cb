package fakestore

import (
	"cmp"
	"context"
	"slices"

	"github.com/trackseal/trackseal/internal/stored"
)

// Seen are the newest messages of each tracker.
func (s *Store) Seen(ctx context.Context, q stored.SeenQuery, fn func(stored.Seen) error) error {
	all, _, _, err := s.snapshot()
	if err != nil {
		return err
	}
	s.count()
	slices.SortStableFunc(all, func(a, b stored.Message) int {
		return cmp.Or(cmp.Compare(a.Tracker, b.Tracker), cmp.Compare(ns(&b), ns(&a)))
	})
	given := map[string]int{}
	for _, m := range all {
		if q.Tracker != "" && m.Tracker != q.Tracker || q.Logs != nil && !slices.Contains(q.Logs, m.Log) || m.ReceivedMS < q.FromMS || given[m.Tracker] == q.Each {
			continue
		}
		given[m.Tracker]++
		one := stored.Seen{Tracker: m.Tracker, Trust: m.Trust, Leaf: m.Leaf, TimeMS: m.TimeMS, ReceivedMS: m.ReceivedMS}
		if q.Raw {
			one.Raw = m.Raw
		}
		if err := cmp.Or(ctx.Err(), fn(one)); err != nil {
			return err
		}
	}
	return nil
}

// LastValues of each tracker.
func (s *Store) LastValues(ctx context.Context, quantities []string, fromMS int64, fn func(stored.Reading) error) error {
	_, all, _, err := s.snapshot()
	if err != nil {
		return err
	}
	s.count()
	type key struct{ tracker, quantity string }
	newest := map[key]stored.Reading{}
	for _, p := range all {
		for _, q := range quantities {
			v, ok := p.Values[q]
			if was, known := newest[key{p.Tracker, q}]; ok && p.TimeMS >= fromMS && (!known || was.TimeMS <= p.TimeMS) {
				newest[key{p.Tracker, q}] = stored.Reading{Log: p.Log, Tracker: p.Tracker, Leaf: p.Leaf, TimeMS: p.TimeMS, Values: map[string]float64{q: v}}
			}
		}
	}
	for _, r := range newest {
		if err := cmp.Or(ctx.Err(), fn(r)); err != nil {
			return err
		}
	}
	return nil
}

// count notes a query about all trackers.
func (s *Store) count() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Queries++
}
