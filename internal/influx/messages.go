package influx

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/trackseal/trackseal/internal/stored"
)

// pageMessages bounds what one query holds in memory on both sides (a message is below 20 KiB, usually below 1 KiB).
const pageMessages = 5_000

// Messages calls fn for the leaves [from, to) of a log in leaf order; to 0 means all. fn's error stops it.
func (c *Client) Messages(ctx context.Context, log string, from, to uint64, fn func(stored.Message) error) error {
	filter := `r._measurement == "message" and r.log == ` + quote(log)
	// The leaf numbers alone are small: they say which times to ask for, page by page.
	index, err := c.leafTimes(ctx, filter, minTime, maxTime, from, to)
	if err != nil {
		return err
	}
	for len(index) > 0 {
		n := min(pageMessages, len(index))
		page, err := c.messagePage(ctx, filter, index[:n])
		if err != nil {
			return err
		}
		for _, m := range page {
			m.Log = log
			if err := fn(m); err != nil {
				return err
			}
		}
		index = index[n:]
	}
	return nil
}

type leafTime struct {
	leaf uint64
	at   time.Time
}

// leafTimes lists the leaves [from, to) that were received in [start, stop).
func (c *Client) leafTimes(ctx context.Context, filter string, start, stop time.Time, from, to uint64) ([]leafTime, error) {
	cond := fmt.Sprintf("r._value >= %d", from)
	if to > 0 {
		cond += fmt.Sprintf(" and r._value < %d", to)
	}
	var index []leafTime
	err := c.query(ctx, fmt.Sprintf(`from(bucket: %s) |> range(start: %s, stop: %s) |> filter(fn: (r) => %s and r._field == "leaf")
  |> filter(fn: (r) => %s) |> keep(columns: ["_time", "_value"])`,
		quote(c.cfg.Bucket), fluxTime(start), fluxTime(stop), filter, cond), func(r row) error {
		leaf, err := r.int("_value")
		if err != nil {
			return err
		}
		at, err := r.time("_time")
		if err != nil {
			return err
		}
		if !at.Before(stop) {
			return nil // InfluxDB 1.8 answers a point that stands exactly at the range's stop, 2.x does not
		}
		index = append(index, leafTime{uint64(leaf), at})
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(index, func(a, b leafTime) int {
		if d := cmp.Compare(a.leaf, b.leaf); d != 0 {
			return d
		}
		return a.at.Compare(b.at)
	})
	return index, nil
}

// span is the earliest and the latest time of some leaves.
func span(index []leafTime) (first, last time.Time) {
	first, last = index[0].at, index[0].at
	for _, l := range index {
		if l.at.Before(first) {
			first = l.at
		}
		if l.at.After(last) {
			last = l.at
		}
	}
	return first, last
}

// messagePage reads the messages of some leaves. What lies between them in time but has another leaf number (a point that
// somebody edited or added) is answered with the page that its number belongs to.
func (c *Client) messagePage(ctx context.Context, filter string, index []leafTime) ([]stored.Message, error) {
	first, last := span(index)
	page := make([]stored.Message, 0, len(index))
	low, high := index[0].leaf, index[len(index)-1].leaf
	err := c.query(ctx, fmt.Sprintf(`from(bucket: %s) |> range(start: %s, stop: %s) |> filter(fn: (r) => %s)
  |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")
  |> drop(columns: ["_start", "_stop", "_measurement", "era", "log"])`,
		quote(c.cfg.Bucket), fluxTime(first), fluxTime(last.Add(1)), filter), func(r row) error {
		leaf, err := r.int("leaf")
		if err != nil {
			return err
		}
		if uint64(leaf) < low || uint64(leaf) > high || !r.has("leaf") {
			return nil
		}
		m, err := readMessage(r)
		if err != nil {
			return fmt.Errorf("message at leaf %d: %w", leaf, err)
		}
		page = append(page, m)
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(page, func(a, b stored.Message) int { return cmp.Compare(a.Leaf, b.Leaf) })
	return page, nil
}

func readMessage(r row) (stored.Message, error) {
	var m stored.Message
	var err error
	num := func(column string) int64 {
		v, e := r.int(column)
		if e != nil && err == nil {
			err = e
		}
		return v
	}
	m.Leaf, m.Boot, m.Seq = uint64(num("leaf")), uint64(num("boot")), uint64(num("seq"))
	m.Kind, m.Readings = int(num("kind")), 1
	if r.has("readings") {
		m.Readings = int(num("readings"))
	}
	m.TimeMS = num("time_ms")
	if err != nil {
		return m, err
	}
	at, err := r.time("_time")
	if err != nil {
		return m, err
	}
	m.ReceivedMS = at.UnixMilli()
	m.Tracker, m.Shipment, m.Trust = strings.Clone(r.text("tracker")), strings.Clone(r.text("shipment")), strings.Clone(r.text("trust"))
	if f := r.text("flags"); f != "" {
		m.Flags = strings.Split(strings.Clone(f), ",")
	}
	// Bytes that somebody replaced by something else than base64 are reported as missing bytes: the caller compares hashes.
	m.Entry, _ = base64.StdEncoding.DecodeString(r.text("entry"))
	m.Raw, _ = base64.StdEncoding.DecodeString(r.text("raw"))
	return m, nil
}
