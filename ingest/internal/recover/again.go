package recover

import (
	"context"
	"fmt"

	"github.com/trackseal/trackseal/ingest/internal/journal"
	"github.com/trackseal/trackseal/ingest/internal/sequence"
	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// again gives another place to what has none: leaves beyond a hole, and those that a journal wrote which had begun at 0 again.
func (b *rebuilding) again(ctx context.Context) error {
	for _, l := range b.order {
		if l.ragged {
			if err := b.strays(ctx, l); err != nil {
				return err
			}
		}
	}
	return b.oldQueue(func(kind journal.RecordKind, body []byte) error {
		if kind != journal.MessageRecord {
			return nil
		}
		m, err := journal.DecodeMessage(body)
		l := b.logs[sequence.HexLog(m.Log)]
		if err != nil || l == nil {
			return err
		}
		return b.move(ctx, l, m)
	})
}

// strays are the stored leaves of a log that are not in their place. Their points go.
func (b *rebuilding) strays(ctx context.Context, l *log) error {
	size, next := l.whole, uint64(0)
	var last telemetry.Hash // of the leaf in place before
	return b.Store.Messages(ctx, l.hex, 0, 0, func(m stored.Message) error {
		leaf, err := telemetry.DecodeLeaf(m.Entry)
		if err != nil {
			return fmt.Errorf("%w: leaf %d of log %s: %w", ErrDiffers, m.Leaf, l.hex, err)
		}
		if m.Leaf >= next && m.Leaf < size { // the first of its number; those between came from the old journal's queue
			next, last = m.Leaf+1, leaf.Hash
			return nil
		}
		o, err := m.Open()
		if err != nil {
			return fmt.Errorf("%w: leaf %d of log %s: %w", ErrDiffers, m.Leaf, l.hex, err)
		}
		b.delete = append(b.delete, m.Place())
		if m.Leaf >= size || leaf.Hash != last { // else its readings' points are also those of the message in place
			for _, r := range o.Readings {
				if r.Counts(m.ReceivedMS) {
					b.delete = append(b.delete, stored.Place{Measurement: stored.ReadingPoint, Tags: map[string]string{"log": l.hex, "tracker": m.Tracker}, NS: stored.PointNS(r.TimeMS, m.Leaf)})
				}
			}
		}
		j := message(l, &m)
		j.Readings = journal.EncodeReadings(o.Readings, m.ReceivedMS)
		return b.move(ctx, l, j)
	})
}

// move logs a message in another place, unless one of the subject's logs has it.
func (b *rebuilding) move(ctx context.Context, l *log, m journal.Message) error {
	leaf, err := telemetry.DecodeLeaf(m.Entry)
	if err != nil {
		return err
	}
	kind, id, openTx := l.kind, l.subject.id, l.openTx
	if kind == anchor.Shipment && b.sealed[id] {
		kind, id, openTx = anchor.Tracker, m.Tracker, b.trackers[m.Tracker]
		m.Flags |= journal.Flag(telemetry.AfterClose)
	}
	held, err := b.hashes(ctx, kind, id)
	if err != nil {
		return err
	}
	own, err := b.hashes(ctx, l.kind, l.subject.id)
	if err != nil || held[leaf.Hash] || own[leaf.Hash] {
		return err
	}
	held[leaf.Hash] = true
	b.a.Again++
	return b.made.Again(kind, id, openTx, &m)
}

// hashes of the messages that have a place in a subject's logs.
func (b *rebuilding) hashes(ctx context.Context, kind, id string) (map[telemetry.Hash]bool, error) {
	key := kind + "/" + id
	if held := b.held[key]; held != nil {
		return held, nil
	}
	held := map[telemetry.Hash]bool{}
	for _, l := range b.order {
		if l.key() != key || l.whole == 0 { // to 0 would be all
			continue
		}
		next, size := uint64(0), l.whole
		err := b.Store.Messages(ctx, l.hex, 0, size, func(m stored.Message) error {
			if m.Leaf < next {
				return nil
			}
			next = m.Leaf + 1
			leaf, err := telemetry.DecodeLeaf(m.Entry)
			held[leaf.Hash] = true
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	for _, h := range b.queued[key] {
		held[h] = true
	}
	b.held[key] = held
	return held, nil
}
