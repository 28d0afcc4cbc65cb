package verification

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

// walk is the way through one log.
type walk struct {
	*run
	log    Log
	tree   *merkle.Log
	whole  bool   // no leaf was missing so far, so roots can be computed
	next   uint64 // leaf expected next
	size   uint64 // leaves found
	wanted []uint64
	roots  map[uint64]string // by size, where wanted
	expect *expected
}

// errWindow ends one pass over the messages; the readings of that window are compared before the next.
var errWindow = errors.New("window is full")

// all walks the log in windows, each followed by one pass over the stored readings.
func (c *walk) all(ctx context.Context) error {
	c.mark()
	for {
		c.expect = newExpected(c.next)
		err := c.Store.Messages(ctx, c.log.ID, c.next, 0, func(m stored.Message) error {
			if c.expect.full() && m.Leaf >= c.next {
				return errWindow
			}
			return c.message(ctx, m)
		})
		last := !errors.Is(err, errWindow)
		if err != nil && last {
			return err
		}
		if err := c.readings(ctx, last); err != nil {
			return err
		}
		if last {
			return nil
		}
	}
}

func (c *walk) finding(check string, m stored.Message, hash *telemetry.Hash, format string, args ...any) {
	f := Finding{Log: c.log.ID, Leaf: m.Leaf, Tracker: m.Tracker, Check: check, Detail: fmt.Sprintf(format, args...)}
	if hash != nil {
		f.Message = hex.EncodeToString(hash[:])
	}
	c.found.add(f)
}

// message checks one stored message and takes it into the tree.
func (c *walk) message(ctx context.Context, m stored.Message) error {
	if m.Leaf < c.next {
		c.finding(Leaf, m, nil, "leaf %d is in the store twice", m.Leaf)
		return nil
	}
	c.missing(c.next, m.Leaf)
	c.next, c.size = m.Leaf+1, c.size+1
	if c.whole {
		c.tree.Append(merkle.LeafHash(m.Entry), nil)
		c.mark()
	}
	leaf, err := telemetry.DecodeLeaf(m.Entry)
	if err != nil {
		c.finding(Entry, m, nil, "the stored leaf entry is not one: %v", err)
		c.expect.skip(m.Leaf)
		return nil
	}
	if c.log.Ingest != "" && leaf.Ingest != c.log.Ingest {
		c.finding(Entry, m, &leaf.Hash, "the entry is of ingest %s, the log of %s", leaf.Ingest, c.log.Ingest)
	}
	switch leaf.Kind {
	case telemetry.LeafSigned:
		return c.signed(ctx, m, leaf)
	case telemetry.LeafUnsigned:
		c.plain(m, leaf)
	case telemetry.LeafNote: // the server's own remark, no tracker's message
		if sha256.Sum256(m.Raw) != leaf.Hash {
			c.finding(Hash, m, &leaf.Hash, "the stored bytes are not those that were logged")
		}
	}
	return nil
}

// missing reports leaves [from, to) that the store does not hold. Roots beyond them cannot be computed.
func (c *walk) missing(from, to uint64) {
	if from >= to {
		return
	}
	c.whole = false
	c.next = to
	for leaf := from; leaf < to; leaf++ {
		if !c.found.room(Leaf) { // count the rest at once
			c.found.by[Leaf].Count += to - leaf
			return
		}
		c.found.add(Finding{Log: c.log.ID, Leaf: leaf, Check: Leaf, Detail: fmt.Sprintf("leaf %d is missing: the message was deleted from the store, or its leaf number was changed", leaf)})
	}
}

// mark remembers the root where a head will want it.
func (c *walk) mark() {
	size := c.tree.Size()
	if _, want := slices.BinarySearch(c.wanted, size); want {
		root := c.tree.Root()
		c.roots[size] = hex.EncodeToString(root[:])
	}
}

func (c *walk) signed(ctx context.Context, m stored.Message, leaf telemetry.Leaf) error {
	o, err := telemetry.Open(leaf.Kind, "", m.Raw, leaf.ReceivedMS)
	if err != nil {
		c.finding(Hash, m, &leaf.Hash, "the stored bytes are not a signed message any more: %v", err)
		c.expect.skip(m.Leaf)
		return nil
	}
	got := o.Signed
	if got.COSEHash != leaf.Hash {
		c.finding(Hash, m, &leaf.Hash, "the stored bytes are not those that were logged")
		c.expect.skip(m.Leaf)
		return nil
	}
	t, err := c.tracker(ctx, got.Tracker)
	if err != nil {
		return err
	}
	if key, why := t.key(got, leaf.ReceivedMS); why != "" {
		c.finding(Signature, m, &leaf.Hash, "%s", why)
	} else if err := got.Verify(key); err != nil {
		c.finding(Signature, m, &leaf.Hash, "%v", err)
	}
	c.column(m, leaf, "tracker", m.Tracker, got.Tracker)
	c.column(m, leaf, "boot", m.Boot, got.Boot)
	c.column(m, leaf, "seq", m.Seq, got.Seq)
	c.column(m, leaf, "kind", m.Kind, int(got.Kind))
	c.column(m, leaf, "time_ms", m.TimeMS, got.TimeMS)
	c.columns(m, leaf, stored.Signed, &o)
	c.expect.add(m.Leaf, leaf.Hash, got.Tracker, got.Readings, leaf.ReceivedMS)
	c.chain(m.Leaf, got)
	return nil
}

func (c *walk) plain(m stored.Message, leaf telemetry.Leaf) {
	if sha256.Sum256(m.Raw) != leaf.Hash {
		c.finding(Hash, m, &leaf.Hash, "the stored bytes are not those that were logged")
		c.expect.skip(m.Leaf)
		return
	}
	o, err := telemetry.Open(leaf.Kind, "", m.Raw, leaf.ReceivedMS)
	if err != nil {
		c.finding(Entry, m, &leaf.Hash, "the logged bytes are not a plain message: %v", err)
		c.expect.skip(m.Leaf)
		return
	}
	c.column(m, leaf, "time_ms", m.TimeMS, o.TimeMS)
	c.columns(m, leaf, stored.Unsigned, &o)
	// The bytes do not name the tracker: the stored one is all there is, and the readings must agree with it.
	c.expect.add(m.Leaf, leaf.Hash, m.Tracker, o.Readings, leaf.ReceivedMS)
}

// columns are those that both kinds of message have.
func (c *walk) columns(m stored.Message, leaf telemetry.Leaf, trust string, o *telemetry.Opened) {
	c.column(m, leaf, "trust", m.Trust, trust)
	c.column(m, leaf, "readings", m.Readings, len(o.Readings))
	flags := o.Flags(leaf.ReceivedMS)
	for _, f := range telemetry.AsideFlags { // judging finds values that do not count by these
		c.column(m, leaf, "flag "+string(f), slices.Contains(m.Flags, string(f)), slices.Contains(flags, f))
	}
	c.column(m, leaf, "received_ms", m.ReceivedMS, leaf.ReceivedMS)
	c.column(m, leaf, "shipment", m.Shipment, c.Shipment.ID)
}

// column compares a stored index column, which listings rely on, with the bytes, which decide.
func (c *walk) column(m stored.Message, leaf telemetry.Leaf, name string, stored, want any) {
	if stored != want {
		c.finding(Fields, m, &leaf.Hash, "message column %s is %v in the store, the message says %v", name, stored, want)
	}
}

// readings compares the store's readings of this window with those in the messages.
func (c *walk) readings(ctx context.Context, last bool) error {
	err := c.Store.Readings(ctx, stored.ReadingsQuery{Logs: []string{c.log.ID}}, func(r stored.Reading, at time.Time) error {
		inWindow := r.Leaf >= c.expect.from && r.Leaf < c.next
		beyond := r.Leaf >= c.next && last // of no message at all
		if inWindow || beyond {
			c.reading(r, at)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return c.unmatched(ctx)
}

func (c *walk) reading(r stored.Reading, at time.Time) {
	say := func(hash *telemetry.Hash, format string, args ...any) {
		c.finding(Fields, stored.Message{Leaf: r.Leaf, Tracker: r.Tracker}, hash, format, args...)
	}
	if c.expect.skipped(r.Leaf) {
		return // its message is a finding already
	}
	want := c.expect.take(r.Leaf, r.TimeMS)
	if want == nil {
		say(c.expect.hash(r.Leaf), "a reading at %s is in the store, but the message has none at that time", stamp(r.TimeMS))
		return
	}
	if want.digest != digest(r.Tracker, r.Values) {
		want.differs = true // named later, when the message is read again
	}
	if ns := at.UnixNano() - r.TimeMS*1e6; ns != int64(r.Leaf%1_000_000) {
		say(c.expect.hash(r.Leaf), "the point of the reading at %s stands at another time", stamp(r.TimeMS))
	}
}

func stamp(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }

// unmatched names what did not agree, by reading the few messages concerned again.
func (c *walk) unmatched(ctx context.Context) error {
	bad := c.expect.bad()
	for i, leaf := range bad {
		if !c.found.room(Fields) {
			c.found.by[Fields].Count += uint64(len(bad) - i)
			return nil
		}
		if err := c.compare(ctx, leaf); err != nil {
			return err
		}
	}
	return nil
}

// compare reads one message and its readings again and says which values differ.
func (c *walk) compare(ctx context.Context, leaf uint64) error {
	var m stored.Message
	err := c.Store.Messages(ctx, c.log.ID, leaf, leaf+1, func(x stored.Message) error {
		m = x
		return nil
	})
	if err != nil {
		return err
	}
	want, tracker, hash, received := c.decodeAgain(m)
	for _, w := range want {
		if !w.Counts(received) {
			continue
		}
		var got *stored.Reading
		err := c.Store.Readings(ctx, stored.ReadingsQuery{Logs: []string{c.log.ID}, FromMS: w.TimeMS, ToMS: w.TimeMS + 1}, func(r stored.Reading, _ time.Time) error {
			if r.Leaf == leaf && r.TimeMS == w.TimeMS {
				got = &r
			}
			return nil
		})
		if err != nil {
			return err
		}
		if got == nil {
			c.finding(Fields, m, &hash, "the reading at %s is missing from the store", stamp(w.TimeMS))
			continue
		}
		for _, d := range differences(tracker, w.Said(), got) {
			c.finding(Fields, m, &hash, "at %s %s", stamp(w.TimeMS), d)
		}
	}
	return nil
}

func (c *walk) decodeAgain(m stored.Message) (readings []telemetry.Reading, tracker string, hash telemetry.Hash, receivedMS int64) {
	leaf, err := telemetry.DecodeLeaf(m.Entry)
	if err != nil {
		return nil, "", hash, 0 // reported before
	}
	o, err := telemetry.Open(leaf.Kind, "", m.Raw, leaf.ReceivedMS)
	switch {
	case err != nil:
		return nil, "", leaf.Hash, 0
	case o.Signed != nil:
		return o.Readings, o.Signed.Tracker, leaf.Hash, leaf.ReceivedMS
	}
	return o.Readings, m.Tracker, leaf.Hash, leaf.ReceivedMS
}

func differences(tracker string, want map[string]float64, got *stored.Reading) []string {
	var d []string
	for _, q := range telemetry.Quantities {
		w, inMessage := want[q.Name]
		s, inStore := got.Values[q.Name]
		switch {
		case inMessage && !inStore:
			d = append(d, fmt.Sprintf("%s is missing from the store, the message says %v", q.Name, w))
		case !inMessage && inStore:
			d = append(d, fmt.Sprintf("%s is %v in the store, the message does not have it", q.Name, s))
		case inMessage && w != s:
			d = append(d, fmt.Sprintf("%s is %v in the store, the message says %v", q.Name, s, w))
		}
	}
	if tracker != got.Tracker {
		d = append(d, fmt.Sprintf("the tracker is %s in the store, the message is of %s", got.Tracker, tracker))
	}
	return d
}
