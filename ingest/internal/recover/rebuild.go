package recover

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/trackseal/trackseal/ingest/internal/journal"
	"github.com/trackseal/trackseal/ingest/internal/sequence"
	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// subject is whose log it is, and which life wrote it.
type subject struct{ kind, id, openTx, life string }

// log is one of the instance's logs while it is rebuilt.
type log struct {
	subject
	id     [32]byte
	hex    string
	heads  []stored.Head
	roots  map[uint64]string // of heads, by size
	ragged bool              // the store has leaves that have no place in it
	whole  uint64            // leaves that have their place
}

// rebuilding is the making of one journal.
type rebuilding struct {
	*run
	made     *sequence.Rebuild
	logs     map[string]*log
	order    []*log
	trackers map[string]string // id -> transaction that enrolled it
	sealed   map[string]bool   // shipments
	delete   []stored.Place
	held     map[string]map[telemetry.Hash]bool // by subject: hashes of the messages that have a place in its logs, where it was asked
	queued   map[string][]telemetry.Hash        // by subject: of these, not in the store
}

func (l *log) key() string { return l.kind + "/" + l.subject.id }

func (r *run) rebuild(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, closed(r.old)) }()
	if err := os.RemoveAll(r.fresh); err != nil {
		return err
	}
	db, err := journal.Open(r.fresh, r.Journal)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	b := &rebuilding{run: r, made: sequence.NewRebuild(db, sequence.Config{Channel: r.Channel, Ingest: r.life}), logs: map[string]*log{}, delete: []stored.Place{},
		held: map[string]map[telemetry.Hash]bool{}, queued: map[string][]telemetry.Hash{}}
	for _, step := range []func(context.Context) error{b.list, b.inPlace, b.ends, b.again} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	left, err := json.Marshal(b.delete)
	if err != nil {
		return err
	}
	if err := b.made.Finish(r.a.Life, left); err != nil {
		return err
	}
	if err := r.step("built"); err != nil {
		return err
	}
	if err := r.nameLost(db); err != nil {
		return err
	}
	return r.step("lost named")
}

// known are the logs that this instance may have, by id: they follow from what is on the ledger.
func (r *run) known(ctx context.Context) (map[string]subject, error) {
	known := map[string]subject{}
	add := func(kind, id, openTx string) {
		for _, life := range r.lives {
			known[sequence.HexLog(anchor.LogID(r.Channel, kind, id, openTx, life))] = subject{kind, id, openTx, life}
		}
	}
	for t, err := range ledger.TrackerList.Each(ctx, r.Ledger, "") {
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrLedger, err)
		}
		add(anchor.Tracker, t.ID, t.EnrolTx)
	}
	for s, err := range ledger.ShipmentList.Each(ctx, r.Ledger, "") {
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrLedger, err)
		}
		add(anchor.Shipment, s.ID, s.CreateTx)
	}
	return known, nil
}

// list finds the logs that are stored, or queued in the old journal, and what is known of their ends.
func (b *rebuilding) list(ctx context.Context) error {
	known, err := b.known(ctx)
	if err != nil {
		return err
	}
	b.trackers, b.sealed = map[string]string{}, map[string]bool{}
	for _, s := range known {
		if s.kind == anchor.Tracker {
			b.trackers[s.id] = s.openTx
		}
	}
	if err := b.findSealed(ctx); err != nil {
		return err
	}
	tags, err := b.Store.Logs(ctx)
	if err != nil {
		return err
	}
	for _, t := range tags {
		b.found(known, t.Log)
	}
	heads := map[string][]stored.Head{}
	err = b.oldQueue(func(kind journal.RecordKind, body []byte) error {
		switch kind {
		case journal.MessageRecord:
			id, _, err := journal.MessagePlace(body)
			b.found(known, sequence.HexLog(id))
			return err
		case journal.HeadRecord:
			h, err := journal.DecodeHead(body)
			if err != nil {
				return err
			}
			heads[h.Log] = append(heads[h.Log], stored.Head{Heads: h.Heads, Log: h.Log, Index: h.Index, Size: h.Size, Root: h.Root, Closed: h.Closed, TimeMS: h.TimeMS})
			return b.made.Head(&h)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, l := range b.logs {
		if l.heads, err = b.Store.Heads(ctx, l.hex); err != nil {
			return err
		}
		l.heads = append(l.heads, heads[l.hex]...)
		for _, h := range l.heads {
			if root, twice := l.roots[h.Size]; twice && root != h.Root {
				return fmt.Errorf("%w: log %s of %s has two heads of size %d", ErrDiffers, l.hex, l.subject.id, h.Size)
			}
			l.roots[h.Size] = h.Root
		}
		b.order = append(b.order, l)
	}
	// Earlier lives first: what is logged again comes behind what came before it.
	slices.SortFunc(b.order, func(x, y *log) int {
		_, n := ledger.LifeOf(x.life)
		_, m := ledger.LifeOf(y.life)
		return cmp.Or(cmp.Compare(n, m), cmp.Compare(x.hex, y.hex))
	})
	b.a.Logs = len(b.order)
	return nil
}

func (b *rebuilding) found(known map[string]subject, id string) {
	s, ok := known[id]
	if !ok || b.logs[id] != nil {
		return
	}
	l := &log{subject: s, hex: id, roots: map[uint64]string{}}
	l.id = b.made.Log(s.kind, s.id, s.openTx, s.life)
	b.logs[id] = l
}

// findSealed asks which shipments this instance has sealed, or that are closed.
func (b *rebuilding) findSealed(ctx context.Context) error {
	for s, err := range ledger.ShipmentList.Each(ctx, b.Ledger, "") {
		switch {
		case err != nil:
			return fmt.Errorf("%w: %w", ErrLedger, err)
		case s.State == ledger.Closed:
			b.sealed[s.ID] = true
		case s.State == ledger.Delivered:
			for seal, err := range ledger.ShipmentSeals.Each(ctx, b.Ledger, s.ID) {
				if err != nil {
					return fmt.Errorf("%w: %w", ErrLedger, err)
				}
				if slices.Contains(b.lives, seal.Ingest) {
					b.sealed[s.ID] = true
				}
			}
		}
	}
	return nil
}

func (b *rebuilding) oldQueue(fn func(kind journal.RecordKind, body []byte) error) error {
	if b.old == nil {
		return nil
	}
	return b.old.Queued(0, func(_ uint64, kind journal.RecordKind, body []byte) (bool, error) { return true, fn(kind, body) })
}

// inPlace rebuilds each log as far as its leaves are there, from InfluxDB and from the old journal's queue.
func (b *rebuilding) inPlace(ctx context.Context) error {
	for _, l := range b.order {
		if err := b.extend(ctx, l); err != nil {
			return err
		}
	}
	for more := true; more && b.old != nil; {
		more = false
		err := b.oldQueue(func(kind journal.RecordKind, body []byte) error {
			if kind != journal.MessageRecord {
				return nil
			}
			m, err := journal.DecodeMessage(body)
			l := b.logs[sequence.HexLog(m.Log)]
			if err != nil || l == nil || m.Leaf != b.made.Size(l.id) {
				return err
			}
			leaf, err := telemetry.DecodeLeaf(m.Entry)
			if err != nil {
				return err
			}
			if err := b.made.Queue(l.id, &m); err != nil {
				return err
			}
			b.queued[l.key()] = append(b.queued[l.key()], leaf.Hash)
			b.a.Queued++
			more = true
			return b.compare(l)
		})
		if err != nil {
			return err
		}
		for _, l := range b.order {
			if l.ragged && more {
				if err := b.extend(ctx, l); err != nil {
					return err
				}
			}
		}
	}
	for _, l := range b.order {
		l.whole = b.made.Size(l.id)
		b.a.Kept += l.whole
	}
	return nil
}

// extend takes the leaves that InfluxDB has from the end of the log on.
func (b *rebuilding) extend(ctx context.Context, l *log) error {
	from := b.made.Size(l.id)
	return b.Store.Messages(ctx, l.hex, from, 0, func(m stored.Message) error {
		if m.Leaf != b.made.Size(l.id) {
			l.ragged = true // beyond a hole, or a second one of its number
			return nil
		}
		j := message(l, &m)
		if err := b.made.Add(l.id, &j); err != nil {
			return fmt.Errorf("%w: leaf %d of log %s: %w", ErrDiffers, m.Leaf, l.hex, err)
		}
		return b.compare(l)
	})
}

// compare checks the root where a head names one.
func (b *rebuilding) compare(l *log) error {
	size := b.made.Size(l.id)
	if root, ok := l.roots[size]; ok && root != b.made.Root(l.id) {
		return fmt.Errorf("%w: the first %d leaves of log %s, of %s %s, do not have the root of their head. Find out with ingest fsck what is wrong, and repair it", ErrDiffers, size, l.hex, l.kind, l.subject.id)
	}
	return nil
}

// message is a stored one as the journal has it, without its readings.
func message(l *log, m *stored.Message) journal.Message {
	j := journal.Message{Log: l.id, Leaf: m.Leaf, Entry: m.Entry, Raw: m.Raw, Tracker: m.Tracker, Shipment: m.Shipment, Signed: m.Trust == stored.Signed,
		Boot: m.Boot, Seq: m.Seq, Kind: uint8(m.Kind), TimeMS: m.TimeMS, ReceivedMS: m.ReceivedMS, Flags: journal.FlagsOf(m.Flags)}
	return j
}

// ends says how far each log is anchored, and whether it has ended. Leaves that were anchored and are lost need consent: a copy may have them.
func (b *rebuilding) ends(context.Context) error {
	for _, l := range b.order {
		size, anchored, most, closed := b.made.Size(l.id), uint64(0), uint64(0), false
		for _, h := range l.heads {
			if most = max(most, h.Size); h.Size <= size {
				anchored, closed = max(anchored, h.Size), closed || h.Closed
				continue
			}
			b.delete = append(b.delete, stored.Place{Measurement: stored.HeadPoint, Tags: map[string]string{"heads": h.Heads, "log": h.Log}, NS: stored.PointNS(h.TimeMS, h.Index)})
		}
		if l.kind == anchor.Shipment && (closed || b.sealed[l.subject.id]) {
			b.sealed[l.subject.id], closed = true, true
		}
		b.made.Anchored(l.id, anchored, closed)
		if most > size {
			b.a.Cut = append(b.a.Cut, Cut{l.hex, l.subject.id, size, most})
		}
	}
	for id, sealed := range b.sealed {
		if sealed {
			b.made.Sealed(id)
		}
	}
	if n := len(b.a.Cut); n > 0 && !b.AcceptLoss {
		c := b.a.Cut[0]
		return fmt.Errorf("%w: of %d logs, such as that of %s (%d of %d leaves, log %s). Repair InfluxDB from a copy first (ingest fsck --repair), or give --accept-loss to end these logs where they are", ErrAnchoredLost, n, c.Subject, c.Stored, c.Anchored, c.Log)
	}
	return nil
}
