package transfer

import (
	"context"
	"errors"
	"slices"

	"github.com/trackseal/trackseal/internal/stored"
)

// Store is what pages are made from.
type Store interface {
	Messages(ctx context.Context, log string, from, to uint64, fn func(stored.Message) error) error
	QualityHours(ctx context.Context, tracker string, fromMS, toMS int64, fn func(stored.QualityHour) error) error
	QualityFlags(ctx context.Context, trackers []string, fromMS, toMS int64, fn func(stored.QualityFlag) error) error
}

// PageOfHeads takes those in [from, end) that the caller may have, as many as fit. They are in the order of their numbers.
func PageOfHeads(heads []stored.Head, from, end uint64, may func(*stored.Head) bool) Heads {
	page, size := Heads{Items: []Head{}, Next: end}, 0
	for i := range heads {
		h := &heads[i]
		if h.Index < from || h.Index >= end || !may(h) {
			continue
		}
		if len(page.Items) == MaxHeads || size >= MaxBytes {
			page.Next = h.Index
			break
		}
		page.Items = append(page.Items, HeadOf(h))
		size += len(h.Entry) + 40*len(h.Proof) + 200
	}
	return page
}

var errPage = errors.New("the page is full")

// PageOfMessages takes the leaves [from, to) of a log as far as they fit, bare without what stands behind them. It ends before a leaf that
// the store does not hold.
func PageOfMessages(ctx context.Context, store Store, log string, from, to uint64, bare bool) (Messages, error) {
	page, size, next := Messages{Items: []Message{}}, 0, from
	err := store.Messages(ctx, log, from, min(to, from+MaxMessages), func(m stored.Message) error {
		if m.Leaf != next || size >= MaxBytes {
			return errPage
		}
		t := Message{Entry: m.Entry, Flags: []string{}}
		if !bare {
			t.Raw, t.Flags = m.Raw, append(t.Flags, m.Flags...)
		}
		page.Items = append(page.Items, t)
		next++
		size += len(t.Entry) + len(t.Raw) + 100
		return nil
	})
	if errors.Is(err, errPage) {
		err = nil
	}
	return page, err
}

// PageOfQuality takes a tracker's hours, if the caller may have them, and the odd readings of the shipments that the caller may read.
func PageOfQuality(ctx context.Context, store Store, tracker string, fromMS, toMS int64, hours bool, shipments []string) (Quality, error) {
	q := Quality{Hours: []Hour{}, Flags: []Flag{}}
	if hours {
		err := store.QualityHours(ctx, tracker, fromMS, toMS, func(h stored.QualityHour) error {
			q.Hours = append(q.Hours, Hour{StartMS: h.StartMS, Readings: h.Readings, Minutes: h.Minutes, Expected: h.Expected, Flags: h.Flags})
			return nil
		})
		if err != nil {
			return q, err
		}
	}
	err := store.QualityFlags(ctx, []string{tracker}, fromMS, toMS, func(f stored.QualityFlag) error {
		if !slices.Contains(shipments, f.Shipment) {
			return nil
		}
		if len(q.Flags) == MaxFlags {
			return errPage
		}
		q.Flags = append(q.Flags, Flag{Shipment: f.Shipment, Reason: f.Reason, Metric: f.Metric, TimeMS: f.TimeMS, Value: f.Value, Against: f.Against})
		return nil
	})
	if errors.Is(err, errPage) {
		err = nil
	}
	return q, err
}
