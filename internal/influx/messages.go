package influx

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/trackseal/trackseal/internal/stored"
)

// pageMessages bounds what one query holds in memory on both sides (a message is below 20 KiB, usually below 1 KiB).
const pageMessages = 5_000

// Messages calls fn for the leaves [from, to) of a log in leaf order; to 0 means all. fn's error stops it.
func (c *Client) Messages(ctx context.Context, log string, from, to uint64, fn func(stored.Message) error) error {
	// The leaf numbers alone are small: they say which times to ask for, page by page.
	index, err := c.leafTimes(ctx, log, minNS, maxNS, from, to)
	if err != nil {
		return err
	}
	for part := range slices.Chunk(index, pageMessages) {
		page, err := c.messagePage(ctx, log, part)
		if err != nil {
			return err
		}
		for _, m := range page {
			if err := fn(m); err != nil {
				return err
			}
		}
	}
	return nil
}

type leafTime struct {
	leaf uint64
	ns   int64
}

// leafTimes lists the leaves [from, to) of a log that were received in [start, stop).
func (c *Client) leafTimes(ctx context.Context, log string, start, stop int64, from, to uint64) ([]leafTime, error) {
	q := fmt.Sprintf(`SELECT leaf FROM message WHERE %s AND %s AND leaf >= %d`, anyOf("log", []string{log}), within(start, stop), from)
	if to > 0 {
		q += fmt.Sprintf(" AND leaf < %d", to)
	}
	var index []leafTime
	err := c.query(ctx, q, func(r row) error {
		leaf, err := r.int("leaf")
		if err != nil {
			return err
		}
		ns, err := r.ns()
		index = append(index, leafTime{uint64(leaf), ns})
		return err
	})
	slices.SortFunc(index, func(a, b leafTime) int { return cmp.Or(cmp.Compare(a.leaf, b.leaf), cmp.Compare(a.ns, b.ns)) })
	return index, err
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
	page := make([]stored.Message, 0, len(index))
	err := c.query(ctx, fmt.Sprintf("SELECT %s FROM message WHERE %s AND %s",
		idents("leaf", "boot", "seq", "kind", "readings", "time_ms", "entry", "raw", "flags", "tracker", "shipment", "trust"),
		anyOf("log", []string{log}), leavesWithin(index)), func(r row) error {
		m, err := readMessage(r)
		if err != nil {
			return fmt.Errorf("message at leaf %d of log %s: %w", m.Leaf, log, err)
		}
		m.Log = log
		page = append(page, m)
		return nil
	})
	slices.SortStableFunc(page, func(a, b stored.Message) int { return cmp.Compare(a.Leaf, b.Leaf) })
	return page, err
}

func readMessage(r row) (stored.Message, error) {
	m := stored.Message{Readings: 1, Tracker: r.text("tracker"), Shipment: r.text("shipment"), Trust: r.text("trust"), Entry: r.bytes("entry"), Raw: r.bytes("raw")}
	var err error
	num := func(column string) int64 {
		v, e := r.int(column)
		err = cmp.Or(err, e)
		return v
	}
	m.Leaf, m.Boot, m.Seq = uint64(num("leaf")), uint64(num("boot")), uint64(num("seq"))
	m.Kind, m.TimeMS, m.ReceivedMS = int(num("kind")), num("time_ms"), num("time")/1e6
	if r.has("readings") {
		m.Readings = int(num("readings"))
	}
	if f := r.text("flags"); f != "" {
		m.Flags = strings.Split(f, ",")
	}
	return m, err
}
