package influx

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// What one query holds in memory on both sides: a message is below 450 KiB, usually below 1 KiB, an info is a few numbers.
const (
	pageMessages = 1_000
	pageInfos    = 50_000
)

// Messages calls fn for the leaves [from, to) of a log in leaf order; to 0 means all. fn's error stops it.
func (c *Client) Messages(ctx context.Context, log string, from, to uint64, fn func(stored.Message) error) error {
	return c.messages(ctx, log, from, to, "", fn)
}

// Flagged calls fn for the messages of a log that have one of the flags.
func (c *Client) Flagged(ctx context.Context, log string, flags []telemetry.Reason, fn func(stored.Message) error) error {
	var any []string
	for _, f := range flags { // letters and underscores: nothing to quote
		any = append(any, string(f))
	}
	return c.messages(ctx, log, 0, 0, fmt.Sprintf(" AND flags =~ /(^|,)(%s)(,|$)/", strings.Join(any, "|")), fn)
}

func (c *Client) messages(ctx context.Context, log string, from, to uint64, and string, fn func(stored.Message) error) error {
	index, err := c.leafTimes(ctx, log, minNS, maxNS, from, to, and)
	if err != nil {
		return err
	}
	return inPages(index, pageMessages, func(part []leafTime) ([]stored.Message, error) { return c.messagePage(ctx, log, part) }, fn)
}

// MessageInfos calls fn for the infos of a query in leaf order. It reads numbers only: a log's worth of them is a hundredth of its
// messages. fn's error stops it.
func (c *Client) MessageInfos(ctx context.Context, q stored.MessageInfoQuery, fn func(stored.MessageInfo) error) error {
	start, stop := span(q.FromMS, q.ToMS)
	if start >= stop {
		return nil
	}
	index, err := c.leafTimes(ctx, q.Log, start, stop, 0, q.Leaves, "")
	if err != nil {
		return err
	}
	return inPages(index, pageInfos, func(part []leafTime) ([]stored.MessageInfo, error) { return c.infoPage(ctx, q, part) }, fn)
}

// Message reads the message of an info; ok is false when it is not there any more.
func (c *Client) Message(ctx context.Context, p stored.MessageInfo) (m stored.Message, ok bool, err error) {
	page, err := c.messagePage(ctx, p.Log, []leafTime{{p.Leaf, stored.PointNS(p.ReceivedMS, p.Leaf)}})
	if err != nil || len(page) == 0 {
		return stored.Message{}, false, err
	}
	return page[0], true, nil
}

type leafTime struct {
	leaf uint64
	ns   int64
}

// leafTimes lists the leaves [from, to) of a log that were received in [start, stop). The leaf numbers alone are small: they say
// which times to ask for, page by page.
func (c *Client) leafTimes(ctx context.Context, log string, start, stop int64, from, to uint64, and string) ([]leafTime, error) {
	q := fmt.Sprintf(`SELECT leaf FROM message WHERE %s AND %s AND leaf >= %d`, anyOf("log", []string{log}), within(start, stop), from)
	if to > 0 {
		q += fmt.Sprintf(" AND leaf < %d", to)
	}
	index, err := gather(ctx, c, q+and, func(r *row) leafTime { return leafTime{uint64(r.int("leaf")), r.ns()} })
	slices.SortFunc(index, func(a, b leafTime) int { return cmp.Or(cmp.Compare(a.leaf, b.leaf), cmp.Compare(a.ns, b.ns)) })
	return index, err
}

// inPages reads so many leaves at once and calls fn for what they hold.
func inPages[T any](index []leafTime, size int, read func([]leafTime) ([]T, error), fn func(T) error) error {
	for part := range slices.Chunk(index, size) {
		page, err := read(part)
		if err != nil {
			return err
		}
		if err := inTurn(page, fn); err != nil {
			return err
		}
	}
	return nil
}

// leavesWithin is the condition that a point is one of some leaves, or looks like one: what lies between them in time but has
// another leaf number (a point that somebody edited or added) belongs to the page of its number.
func leavesWithin(index []leafTime) string {
	first, last := index[0].ns, index[0].ns
	for _, l := range index {
		first, last = min(first, l.ns), max(last, l.ns)
	}
	return fmt.Sprintf("%s AND leaf >= %d AND leaf <= %d", within(first, last+1), index[0].leaf, index[len(index)-1].leaf)
}

func (c *Client) messagePage(ctx context.Context, log string, index []leafTime) ([]stored.Message, error) {
	page, err := gather(ctx, c, fmt.Sprintf("SELECT %s FROM message WHERE %s AND %s",
		idents("leaf", "boot", "seq", "kind", "readings", "time_ms", "entry", "raw", "flags", "tracker", "shipment", "trust"),
		anyOf("log", []string{log}), leavesWithin(index)), func(r *row) stored.Message {
		m := readMessage(r)
		m.Log = log
		if r.err != nil {
			r.err = fmt.Errorf("message at leaf %d of log %s: %w", m.Leaf, log, r.err)
		}
		return m
	})
	slices.SortStableFunc(page, func(a, b stored.Message) int { return cmp.Compare(a.Leaf, b.Leaf) })
	return page, err
}

func (c *Client) infoPage(ctx context.Context, q stored.MessageInfoQuery, index []leafTime) ([]stored.MessageInfo, error) {
	where := anyOf("log", []string{q.Log}) + " AND trust = " + quote(stored.Signed)
	if q.Tracker != "" {
		where += " AND tracker = " + quote(q.Tracker)
	}
	page, err := gather(ctx, c, fmt.Sprintf("SELECT %s FROM message WHERE %s AND %s", idents("leaf", "boot", "seq", "time_ms", "tracker"), where, leavesWithin(index)), func(r *row) stored.MessageInfo {
		m := readMessage(r)
		return stored.MessageInfo{Log: q.Log, Tracker: m.Tracker, Leaf: m.Leaf, Boot: m.Boot, Seq: m.Seq, TimeMS: m.TimeMS, ReceivedMS: m.ReceivedMS}
	})
	slices.SortStableFunc(page, func(a, b stored.MessageInfo) int { return cmp.Compare(a.Leaf, b.Leaf) })
	return page, err
}

func readMessage(r *row) stored.Message {
	m := stored.Message{
		Tracker: r.text("tracker"), Shipment: r.text("shipment"), Trust: r.text("trust"), Entry: r.bytes("entry"), Raw: r.bytes("raw"),
		Leaf: uint64(r.int("leaf")), Boot: uint64(r.int("boot")), Seq: uint64(r.int("seq")),
		Kind: int(r.int("kind")), TimeMS: r.int("time_ms"), ReceivedMS: r.ns() / 1e6, Readings: 1, PointNS: r.ns(),
	}
	if r.has("readings") {
		m.Readings = int(r.int("readings"))
	}
	if f := r.text("flags"); f != "" {
		m.Flags = strings.Split(f, ",")
	}
	return m
}

// MessagesOf calls fn for a tracker's messages in some logs, newest first by (time of receipt, log). fn's error stops it.
func (c *Client) MessagesOf(ctx context.Context, q stored.MessagesQuery, fn func(stored.Message, time.Time) error) error {
	stop := int64(maxNS)
	if !q.Before.IsZero() {
		stop = q.Before.UnixNano() + 1
	}
	if len(q.Logs) == 0 {
		return nil
	}
	type timed struct {
		stored.Message
		ns int64
	}
	page, err := gather(ctx, c, fmt.Sprintf("SELECT %s FROM message WHERE %s AND tracker = %s AND %s ORDER BY time DESC LIMIT %d",
		idents("leaf", "boot", "seq", "kind", "readings", "time_ms", "entry", "raw", "flags", "tracker", "shipment", "trust", "log"),
		anyOf("log", q.Logs), quote(q.Tracker), within(minNS, stop), q.Limit+sameTime), func(r *row) timed {
		t := timed{readMessage(r), r.ns()}
		t.Log = r.text("log")
		return t
	})
	slices.SortStableFunc(page, func(a, b timed) int { return cmp.Or(cmp.Compare(b.ns, a.ns), cmp.Compare(a.Log, b.Log)) })
	given := 0
	for _, m := range page {
		if m.ns == stop-1 && !q.Before.IsZero() && m.Log <= q.BeforeLog {
			continue
		}
		if given++; err != nil || given > q.Limit {
			break
		}
		err = fn(m.Message, time.Unix(0, m.ns))
	}
	return err
}

// sameTime is how many messages of a tracker may have one time: each is of another log.
const sameTime = 16

// ShipmentsOf lists the logs with messages of a tracker.
func (c *Client) ShipmentsOf(ctx context.Context, tracker string) ([]stored.LogOf, error) {
	all, err := gather(ctx, c, fmt.Sprintf("SELECT first(leaf) FROM message WHERE tracker = %s AND %s GROUP BY %s", quote(tracker), within(minNS, maxNS), idents("log", "shipment")),
		func(r *row) stored.LogOf { return stored.LogOf{Log: r.tags["log"], Shipment: r.tags["shipment"]} })
	slices.SortFunc(all, func(a, b stored.LogOf) int {
		return cmp.Or(cmp.Compare(a.Log, b.Log), cmp.Compare(a.Shipment, b.Shipment))
	})
	return all, err
}
