package fsck

import (
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	"github.com/trackseal/trackseal/ingest/internal/journal"
	"github.com/trackseal/trackseal/ingest/internal/store"
	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/merkle"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/stored/audit"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// todo is what there is to mend of the log that is looked at.
type todo struct {
	rewrite map[uint64]bool // from its own bytes
	replace []span          // from elsewhere
	gone    []wrong
	more    bool
}

type span struct{ from, to uint64 }

// wrong is a point that must go.
type wrong struct {
	stored.Place
	leaf    uint64
	reading bool
}

// maxTodo of one log is mended in one run.
const maxTodo = 200_000

func (c *check) note(f audit.Finding) {
	m, t := f.Mend, c.todo
	if m.Head && f.Head != nil {
		for i := *f.Head; i < max(f.To, *f.Head+1) && len(c.heads) < maxTodo; i++ {
			c.heads[i] = true
		}
		if m.Wrong != nil {
			c.gone = append(c.gone, *m.Wrong)
		}
		return
	}
	if f.Leaf == nil {
		return
	}
	if len(t.rewrite) >= maxTodo || len(t.gone) >= maxTodo || len(t.replace) >= maxTodo {
		t.more = true
		return
	}
	if m.Rewrite {
		if t.rewrite == nil {
			t.rewrite = map[uint64]bool{}
		}
		t.rewrite[*f.Leaf] = true
	}
	if m.Replace {
		t.replace = append(t.replace, span{*f.Leaf, max(f.To, *f.Leaf+1)})
	}
	if m.Wrong != nil {
		t.gone = append(t.gone, wrong{*m.Wrong, *f.Leaf, m.Reading})
	}
}

func (t *todo) replaces(leaf uint64) bool {
	return slices.ContainsFunc(t.replace, func(s span) bool { return s.from <= leaf && leaf < s.to })
}

// writer gathers points of messages.
type writer struct {
	c    *check
	b    stored.Batch
	gone []stored.Place // once the batch is written
	log  *audit.Walk
	todo *todo
	done map[uint64]bool
	from map[string]int
}

// mendLog mends one log after it was looked at.
//
// Crash order: readings that are wrong go first, since their message has them; then messages and their readings are written, over what
// stands there; then wrong messages go that stand elsewhere. So what is the only source of something never goes before that is written. A
// crash anywhere leaves findings for the next run.
func (c *check) mendLog(ctx context.Context, w *audit.Walk, r audit.Resolved) error {
	t := c.todo
	c.todo = &todo{}
	c.newest(w)
	if len(t.rewrite) == 0 && len(t.replace) == 0 && len(t.gone) == 0 {
		return nil
	}
	x := &writer{c: c, b: c.Store.NewBatch(), log: w, todo: t, done: map[uint64]bool{}, from: map[string]int{}}
	for _, step := range []func(context.Context, audit.Resolved) error{x.readings, x.queued, x.doubts, x.bundle, x.own} {
		if err := step(ctx, r); err != nil {
			return err
		}
	}
	for _, from := range slices.Sorted(maps.Keys(x.from)) {
		c.Did(fmt.Sprintf("log %.12s of %s%s: %d messages %s", w.Log.ID, w.Log.Shipment, w.Log.Tracker, x.from[from], from))
	}
	if t.more {
		c.Did(fmt.Sprintf("log %.12s has more to repair: run this again", w.Log.ID))
	}
	return nil
}

// readings takes wrong readings away, of leaves whose message is there or can be had.
func (x *writer) readings(ctx context.Context, _ audit.Resolved) error {
	var places []stored.Place
	for _, g := range x.todo.gone {
		if g.reading && (!x.todo.replaces(g.leaf) || g.leaf >= x.log.Next) {
			places = append(places, g.Place)
		}
	}
	return x.delete(ctx, places)
}

func (x *writer) delete(ctx context.Context, places []stored.Place) error {
	if len(places) == 0 {
		return nil
	}
	if err := x.c.Store.Delete(ctx, places); err != nil {
		return err
	}
	x.c.mended += len(places)
	return nil
}

// queued takes what the journal still has.
func (x *writer) queued(ctx context.Context, _ audit.Resolved) error {
	if len(x.todo.replace) == 0 || !x.c.fits {
		return nil
	}
	take := func(m *journal.Message) error {
		if !x.todo.replaces(m.Leaf) || x.done[m.Leaf] {
			return nil
		}
		point := store.Message(m)
		return x.put(ctx, &point, "from the journal")
	}
	var failed error
	err := x.c.waiting(x.log.Log.ID, func(m *journal.Message) {
		if failed == nil {
			failed = take(m)
		}
	})
	if err != nil || failed != nil {
		return firstOf(err, failed)
	}
	id, _ := hex.DecodeString(x.log.Log.ID)
	if len(id) != 32 {
		return nil
	}
	for _, body := range x.c.state.Aside[[32]byte(id)] {
		if m, err := journal.DecodeMessage(body); err == nil {
			if err := take(&m); err != nil {
				return err
			}
		}
	}
	return x.flush(ctx)
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// doubts are leaves whose bytes turned out to be those that were anchored: their entry follows from them.
func (x *writer) doubts(ctx context.Context, r audit.Resolved) error {
	if !r.Entries {
		return nil
	}
	for _, d := range x.log.Doubts {
		if d.Entry == nil || x.done[d.Leaf] || d.Leaf >= r.Proven {
			continue
		}
		m := d.Message
		m.Entry = d.Entry
		if err := x.restore(ctx, &m, "by the entry that their bytes have"); err != nil {
			return err
		}
	}
	return x.flush(ctx)
}

// bundle takes what a party's evidence has.
func (x *writer) bundle(ctx context.Context, _ audit.Resolved) error {
	s := x.c.sources[x.log.Log.ID]
	if s == nil {
		return nil
	}
	want := func(leaf uint64) bool { return leaf < s.size && x.todo.replaces(leaf) && !x.done[leaf] }
	err := s.leaves(want, func(leaf uint64, entry, raw []byte) error {
		if raw == nil {
			return nil // withheld
		}
		m := stored.Message{Log: x.log.Log.ID, Leaf: leaf, Entry: entry, Raw: raw}
		// Flags that only ingest could tell, and whose a message is that nobody signed, are as the point says that stands there.
		err := x.c.Store.Messages(ctx, m.Log, leaf, leaf+1, func(was stored.Message) error {
			m.Flags, m.Tracker = was.Flags, was.Tracker
			return nil
		})
		if err != nil {
			return err
		}
		return x.restore(ctx, &m, "from "+s.path)
	})
	return firstOf(err, x.flush(ctx))
}

// own writes the points of a message again from its own bytes.
func (x *writer) own(ctx context.Context, _ audit.Resolved) error {
	for _, leaf := range slices.Sorted(maps.Keys(x.todo.rewrite)) {
		if x.done[leaf] || x.todo.replaces(leaf) {
			continue
		}
		var all []stored.Message
		err := x.c.Store.Messages(ctx, x.log.Log.ID, leaf, leaf+1, func(m stored.Message) error {
			all = append(all, m)
			return nil
		})
		if err != nil {
			return err
		}
		for i := range all {
			if sound(&all[i]) && (i == len(all)-1 || all[i].Shipment == x.log.Log.Shipment) {
				if err := x.restore(ctx, &all[i], "from their own bytes"); err != nil {
					return err
				}
				break
			}
		}
	}
	return x.flush(ctx)
}

func sound(m *stored.Message) bool {
	leaf, err := telemetry.DecodeLeaf(m.Entry)
	if err != nil {
		return false
	}
	o, err := telemetry.Open(leaf.Kind, m.Raw, leaf.ReceivedMS)
	return err == nil && o.Hash == leaf.Hash
}

// restore makes a message's points from its entry and bytes, which must belong together.
func (x *writer) restore(ctx context.Context, m *stored.Message, from string) error {
	leaf, err := telemetry.DecodeLeaf(m.Entry)
	if err != nil || leaf.Ingest != x.c.id {
		return nil
	}
	o, err := telemetry.Open(leaf.Kind, m.Raw, leaf.ReceivedMS)
	if err != nil || o.Hash != leaf.Hash {
		return nil
	}
	point := stored.NewMessage(m.Log, m.Leaf, m.Entry, leaf, &o)
	point.Raw, point.Tracker, point.Shipment = m.Raw, o.Tracker, x.log.Log.Shipment
	for _, f := range m.Flags {
		if !slices.Contains(telemetry.AsideFlags, telemetry.Reason(f)) {
			point.Flags = append(point.Flags, f)
		}
	}
	return x.put(ctx, &point, from)
}

const maxPoints = 4000

// put writes a message with its readings over what stands there.
func (x *writer) put(ctx context.Context, m *stored.Message, from string) error {
	o, err := m.Open()
	if err != nil {
		return nil
	}
	if err := stored.Restore(x.b, m, &o); err != nil {
		return err
	}
	m.PointNS = stored.PointNS(m.ReceivedMS, m.Leaf)
	good := m.Place()
	for _, g := range x.todo.gone {
		if g.leaf == m.Leaf && !g.reading && (g.NS != good.NS || !maps.Equal(g.Tags, good.Tags)) {
			x.gone = append(x.gone, g.Place)
		}
	}
	x.done[m.Leaf] = true
	x.from[from]++
	if x.b.Points() >= maxPoints || x.b.Bytes() > 4<<20 {
		return x.flush(ctx)
	}
	return nil
}

func (x *writer) flush(ctx context.Context) error {
	n := x.b.Points()
	if n == 0 {
		return nil
	}
	if err := x.b.Write(ctx); err != nil {
		return err
	}
	x.b.Reset()
	x.c.mended += n
	gone := x.gone
	x.gone = nil
	return x.delete(ctx, gone)
}

// mendHeads writes heads again: from the queue, from a party's evidence, or by what the journal knows of their log. Their proofs are made of
// the heads log's nodes, so no proof that was stored is needed.
func (c *check) mendHeads(ctx context.Context) error {
	if len(c.heads) == 0 {
		return nil
	}
	if err := c.anchors.load(ctx); err != nil {
		return err
	}
	known := map[uint64]stored.Head{}
	for _, s := range c.sources {
		for _, h := range s.heads {
			if h.Heads == c.anchors.heads {
				known[h.Index] = h
			}
		}
	}
	entries := c.entries
	if c.fits {
		for _, h := range c.state.Heads {
			known[h.Index] = h
		}
		err := c.Store.HeadsOf(ctx, c.anchors.heads, func(h stored.Head) error {
			if c.heads[h.Index] {
				if node, err := c.state.Node(0, h.Index); err == nil && node == merkle.LeafHash(h.Entry) {
					entries[h.Index] = h.Entry // only its columns or its proof differ
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	b := c.Store.NewBatch()
	n := 0
	for _, index := range slices.Sorted(maps.Keys(c.heads)) {
		h, ok := known[index]
		if entry := entries[index]; !ok && entry != nil {
			var err error
			if h, ok, err = c.rebuilt(ctx, index, entry); err != nil {
				return err
			}
		}
		if !ok {
			continue
		}
		b.Head(&h)
		n++
		if b.Points() >= maxPoints {
			if err := b.Write(ctx); err != nil {
				return err
			}
			b.Reset()
		}
	}
	if n == 0 {
		return nil
	}
	if err := b.Write(ctx); err != nil {
		return err
	}
	c.Did(fmt.Sprintf("%d heads written again", n))
	c.mended += n
	if len(c.gone) == 0 {
		return nil
	}
	return c.Store.Delete(ctx, c.gone)
}

// newest notes a log's newest head, which follows from its leaves and the journal.
func (c *check) newest(w *audit.Walk) {
	if !c.fits {
		return
	}
	id, err := rootOf(w.Log.ID)
	if err != nil {
		return
	}
	l := c.state.Logs[id]
	root := l.Root
	if l.HeadSize != l.Size {
		if root, err = rootOf(w.Roots[l.HeadSize]); err != nil {
			return
		}
	}
	if index, entry, ok := c.state.Newest(id, root); ok {
		c.entries[index] = entry
	}
}

// rebuilt makes a head of its entry, in the anchor that it came with.
func (c *check) rebuilt(ctx context.Context, index uint64, entry []byte) (h stored.Head, ok bool, err error) {
	a, ok := c.anchors.of(index)
	if !ok {
		return h, false, nil
	}
	path, err := merkle.Inclusion(c.state, index, a.Size)
	if err != nil {
		return h, false, nil
	}
	return c.head(ctx, index, entry, path)
}

func rootOf(text string) (root anchor.Hash, err error) {
	raw, err := hex.DecodeString(text)
	if err == nil && len(raw) != 32 {
		err = fmt.Errorf("a root of %d bytes", len(raw))
	}
	if err == nil {
		root = anchor.Hash(raw)
	}
	return root, err
}
