package audit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/trackseal/trackseal/internal/merkle"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// Log is one log to look at.
type Log struct {
	ID       string // hex
	Ingest   string // "" when not known
	Shipment string // "" for a tracker's own log
	Tracker  string // whose own log it is; "" for a shipment's
}

func (l *Log) subject() string { return l.Shipment + l.Tracker } // one of them

// Walk is the way through one log: leaf by leaf, and window by window of readings.
type Walk struct {
	Store Store
	Log   Log
	Sizes []uint64 // at which the root is wanted
	// Earlier instances that the log may be of, instead: its first entry says which.
	Earlier []string
	// Live: leaves are added meanwhile, so a reading beyond the last message that was seen is none of ours.
	Live bool
	// Signed, if set, is called for each signed message whose bytes are those that were logged.
	Signed func(ctx context.Context, m stored.Message, leaf telemetry.Leaf, said *telemetry.Message) error
	Say    func(Finding)
	// Room, if set, says whether more findings of a kind are of interest.
	Room func(what string) bool

	// What was found.
	Size  uint64            // leaves in the store
	Next  uint64            // behind the last leaf
	Whole bool              // no leaf is missing, so roots can be computed
	Roots map[uint64]string // hex, by size
	Tree  *merkle.Log
	// Doubts are leaves whose entry and bytes contradict each other, with the entry that the bytes would have. Rebuilt are the roots of
	// the log with these.
	Doubts  []Doubt
	Rebuilt map[uint64]string

	rebuilt *merkle.Log
	expect  *expected
	gaps    [][2]uint64      // leaves that are missing
	group   []stored.Message // of one leaf
}

// Doubt is a leaf whose bytes are not those that its entry names: one of the two is damaged.
type Doubt struct {
	Leaf    uint64
	Entry   []byte // that the bytes would have; nil when they are no message either
	Message stored.Message
}

// maxDoubts are kept of one log.
const maxDoubts = 10_000

// errWindow ends one pass over the messages; the readings of that window are compared before the next.
var errWindow = errors.New("window is full")

// Run walks the log. Its error is that the store could not be asked.
func (w *Walk) Run(ctx context.Context) error {
	w.Whole, w.Roots, w.Tree, w.Rebuilt = true, map[uint64]string{}, new(merkle.Log), map[uint64]string{}
	slices.Sort(w.Sizes)
	w.mark()
	for {
		w.expect = newExpected(w.Next)
		err := w.Store.Messages(ctx, w.Log.ID, w.Next, 0, func(m stored.Message) error {
			if len(w.group) > 0 && w.group[0].Leaf == m.Leaf {
				w.group = append(w.group, m)
				return nil
			}
			if err := w.flush(ctx); err != nil {
				return err
			}
			if w.expect.full() {
				return errWindow
			}
			w.group = append(w.group, m)
			return nil
		})
		last := !errors.Is(err, errWindow)
		if last && err == nil {
			err = w.flush(ctx)
		}
		if err != nil && last {
			return err
		}
		if err := w.readings(ctx, last); err != nil {
			return err
		}
		if last {
			return nil
		}
	}
}

func (w *Walk) say(what string, m *stored.Message, hash *telemetry.Hash, mend Mend, format string, args ...any) {
	f := Finding{What: what, Log: w.Log.ID, Subject: w.Log.subject(), Leaf: number(m.Leaf), Tracker: m.Tracker, Detail: fmt.Sprintf(format, args...), Mend: mend}
	if hash != nil {
		f.Message = hex.EncodeToString(hash[:])
	}
	w.Say(f)
}

func (w *Walk) room(what string) bool { return w.Room == nil || w.Room(what) }

// flush looks at all points of one leaf. Of several one is right, if any: the one whose bytes are those that its entry names.
func (w *Walk) flush(ctx context.Context) error {
	group := w.group
	w.group = nil
	if len(group) == 0 {
		return nil
	}
	best := slices.IndexFunc(group, func(m stored.Message) bool { return consistent(&m) && m.Shipment == w.Log.Shipment })
	if best < 0 {
		best = max(0, slices.IndexFunc(group, func(m stored.Message) bool { return consistent(&m) }))
	}
	for i := range group {
		if i != best {
			wrong := group[i].Place()
			w.say(Leaf, &group[i], nil, Mend{Rewrite: true, Wrong: &wrong}, "leaf %d is in the store twice", group[i].Leaf)
		}
	}
	return w.message(ctx, group[best])
}

// consistent reports whether a message's bytes are those that its entry names, and stand where the entry says.
func consistent(m *stored.Message) bool {
	leaf, err := telemetry.DecodeLeaf(m.Entry)
	if err != nil || leaf.ReceivedMS != m.ReceivedMS || leaf.Kind == telemetry.LeafNote {
		return false
	}
	o, err := telemetry.Open(leaf.Kind, m.Raw, leaf.ReceivedMS)
	return err == nil && o.Hash == leaf.Hash && o.Tracker == m.Tracker
}

// message checks one stored message and takes it into the tree.
func (w *Walk) message(ctx context.Context, m stored.Message) error {
	w.Missing(w.Next, m.Leaf)
	w.Next, w.Size = m.Leaf+1, w.Size+1
	leaf, err := telemetry.DecodeLeaf(m.Entry)
	if err != nil {
		w.say(Entry, &m, nil, Mend{Replace: true}, "the stored leaf entry is not one: %v", err)
		w.doubt(&m)
		w.expect.skip(m.Leaf)
		return nil
	}
	if slices.Contains(w.Earlier, leaf.Ingest) {
		w.Log.Ingest = leaf.Ingest
	}
	w.Earlier = nil
	if w.Log.Ingest != "" && leaf.Ingest != w.Log.Ingest {
		w.say(Entry, &m, &leaf.Hash, Mend{Replace: true}, "the entry is of ingest %s, the log of %s", leaf.Ingest, w.Log.Ingest)
	}
	if leaf.Kind == telemetry.LeafNote { // the server's own remark, no tracker's message
		if sha256.Sum256(m.Raw) != leaf.Hash {
			w.say(Hash, &m, &leaf.Hash, Mend{Replace: true}, "the stored bytes are not those that were logged")
		}
		w.append(&m)
		return nil
	}
	o, err := telemetry.Open(leaf.Kind, m.Raw, leaf.ReceivedMS)
	if err == nil && o.Hash == leaf.Hash {
		w.append(&m)
		return w.opened(ctx, m, leaf, &o)
	}
	switch {
	case leaf.Kind == telemetry.LeafUnsigned && sha256.Sum256(m.Raw) == leaf.Hash:
		w.say(Entry, &m, &leaf.Hash, Mend{}, "the logged bytes are no envelope that can be read: %v", err)
	case leaf.Kind == telemetry.LeafSigned && err != nil:
		w.say(Hash, &m, &leaf.Hash, Mend{Replace: true}, "the stored bytes are not a signed message any more: %v", err)
	default:
		w.say(Hash, &m, &leaf.Hash, Mend{Replace: true}, "the stored bytes are not those that were logged")
	}
	w.doubt(&m)
	w.expect.skip(m.Leaf)
	return nil
}

// append takes a sound leaf into the tree.
func (w *Walk) append(m *stored.Message) { w.grow(m.Entry, m.Entry) }

// doubt takes a leaf into the tree as it is, and beside that with the entry that its bytes would have.
func (w *Walk) doubt(m *stored.Message) {
	d := Doubt{Leaf: m.Leaf, Message: *m}
	kind := uint8(telemetry.LeafUnsigned)
	if m.Trust == stored.Signed {
		kind = telemetry.LeafSigned
	}
	ingest := w.Log.Ingest
	if leaf, err := telemetry.DecodeLeaf(m.Entry); err == nil && ingest == "" {
		ingest = leaf.Ingest
	}
	if o, err := telemetry.Open(kind, m.Raw, m.ReceivedMS); err == nil && ingest != "" {
		d.Entry = telemetry.Leaf{Kind: kind, Hash: o.Hash, ReceivedMS: m.ReceivedMS, Ingest: ingest}.Encode()
	}
	if len(w.Doubts) < maxDoubts {
		w.Doubts = append(w.Doubts, d)
	}
	if w.rebuilt == nil {
		w.rebuilt = w.Tree.Clone()
	}
	other := d.Entry
	if other == nil {
		other = m.Entry
	}
	w.grow(m.Entry, other)
}

func (w *Walk) grow(entry, rebuilt []byte) {
	if !w.Whole {
		return
	}
	w.Tree.Append(merkle.LeafHash(entry), nil)
	if w.rebuilt != nil {
		w.rebuilt.Append(merkle.LeafHash(rebuilt), nil)
	}
	w.mark()
}

// Extend takes the leaf behind the last one, which is not in the store yet.
func (w *Walk) Extend(entry []byte) {
	w.Next++
	w.grow(entry, entry)
}

// Missing reports leaves [from, to) that the store does not hold. Roots beyond them cannot be computed.
func (w *Walk) Missing(from, to uint64) {
	if from >= to {
		return
	}
	w.Whole = false
	w.Next = to
	w.gaps = append(w.gaps, [2]uint64{from, to})
	w.Say(Finding{What: Leaf, Log: w.Log.ID, Subject: w.Log.subject(), Leaf: number(from), To: to, Mend: Mend{Replace: true},
		Detail: "missing: the message was deleted from the store, or its leaf number was changed"})
}

// mark remembers the root where a head will want it.
func (w *Walk) mark() {
	size := w.Tree.Size()
	if _, want := slices.BinarySearch(w.Sizes, size); want {
		w.Roots[size] = Text(w.Tree.Root())
		if w.rebuilt != nil {
			w.Rebuilt[size] = Text(w.rebuilt.Root())
		}
	}
}

// Text of a root.
func Text(h merkle.Hash) string { return hex.EncodeToString(h[:]) }

// opened compares the columns of a message with its bytes.
func (w *Walk) opened(ctx context.Context, m stored.Message, leaf telemetry.Leaf, o *telemetry.Opened) error {
	trust := stored.Unsigned
	c := columns{w, &m, leaf}
	if s := o.Signed; s != nil {
		if w.Signed != nil {
			if err := w.Signed(ctx, m, leaf, s); err != nil {
				return err
			}
		}
		trust = stored.Signed
		c.compare("boot", m.Boot, s.Boot)
		c.compare("seq", m.Seq, s.Seq)
		c.compare("kind", m.Kind, int(s.Kind))
	}
	c.compare("tracker", m.Tracker, o.Tracker)
	c.compare("time_ms", m.TimeMS, o.TimeMS)
	c.compare("trust", m.Trust, trust)
	c.compare("readings", m.Readings, len(o.Readings))
	flags := o.Flags(leaf.ReceivedMS)
	for _, f := range telemetry.AsideFlags { // judging finds values that do not count by these
		c.compare("flag "+string(f), slices.Contains(m.Flags, string(f)), slices.Contains(flags, f))
	}
	c.compare("received_ms", m.ReceivedMS, leaf.ReceivedMS)
	c.compare("shipment", m.Shipment, w.Log.Shipment)
	if at := stored.PointNS(leaf.ReceivedMS, m.Leaf); m.PointNS != 0 && m.ReceivedMS == leaf.ReceivedMS {
		c.compare("time", m.PointNS, at)
	}
	w.expect.add(m.Leaf, leaf.Hash, o.Tracker, o.Readings, leaf.ReceivedMS)
	return nil
}

// columns compares stored index columns, which listings rely on, with the bytes, which decide.
type columns struct {
	w    *Walk
	m    *stored.Message
	leaf telemetry.Leaf
}

func (c *columns) compare(name string, got, want any) {
	if got != want {
		wrong := c.m.Place()
		c.w.say(Fields, c.m, &c.leaf.Hash, Mend{Rewrite: true, Wrong: &wrong}, "message column %s is %v in the store, the message says %v", name, got, want)
	}
}

// readings compares the store's readings of this window with those in the messages.
func (w *Walk) readings(ctx context.Context, last bool) error {
	err := w.Store.Readings(ctx, stored.ReadingsQuery{Logs: []string{w.Log.ID}}, func(r stored.Reading, at time.Time) error {
		inWindow := r.Leaf >= w.expect.from && r.Leaf < w.Next
		beyond := r.Leaf >= w.Next && last && !w.Live // of no message at all
		if inWindow || beyond {
			w.reading(r, at)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return w.unmatched(ctx)
}

func (w *Walk) reading(r stored.Reading, at time.Time) {
	say := func(hash *telemetry.Hash, format string, args ...any) {
		wrong := stored.Place{Measurement: stored.ReadingPoint, Tags: map[string]string{"log": r.Log, "tracker": r.Tracker}, NS: at.UnixNano()}
		w.say(Fields, &stored.Message{Leaf: r.Leaf, Tracker: r.Tracker}, hash, Mend{Rewrite: true, Wrong: &wrong, Reading: true}, format, args...)
	}
	if w.expect.skipped(r.Leaf) || slices.ContainsFunc(w.gaps, func(g [2]uint64) bool { return g[0] <= r.Leaf && r.Leaf < g[1] }) {
		return // its message is a finding already
	}
	want := w.expect.take(r.Leaf, r.TimeMS)
	if want == nil {
		say(w.expect.hash(r.Leaf), "a reading at %s is in the store, but the message has none at that time", stamp(r.TimeMS))
		return
	}
	if want.digest != digest(r.Tracker, r.Values) {
		want.differs = true // named later, when the message is read again
	}
	if at.UnixNano() != stored.PointNS(r.TimeMS, r.Leaf) {
		say(w.expect.hash(r.Leaf), "the point of the reading at %s stands at another time", stamp(r.TimeMS))
	}
}

func stamp(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }
