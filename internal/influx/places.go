package influx

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Place is where a signed message stands: its numbers without its bytes.
type Place struct {
	Log, Tracker       string
	Leaf               uint64
	Boot, Seq          uint64
	TimeMS, ReceivedMS int64
}

// PlacesQuery selects signed messages of one log.
type PlacesQuery struct {
	Log          string
	Tracker      string // "" = every tracker's
	Leaves       uint64 // only leaves below; 0 = all
	FromMS, ToMS int64  // received in [FromMS, ToMS); ToMS 0 = no end
}

// pagePlaces bounds what one query holds in memory on both sides; a place is a few numbers.
const pagePlaces = 50_000

// Places calls fn for the places of a query in leaf order. It reads numbers only: a log's worth of them is a hundredth of its
// messages. fn's error stops it.
func (c *Client) Places(ctx context.Context, q PlacesQuery, fn func(Place) error) error {
	start, stop := minTime, maxTime
	if q.FromMS > 0 {
		start = time.UnixMilli(q.FromMS)
	}
	if q.ToMS > 0 {
		stop = time.UnixMilli(q.ToMS)
	}
	if !start.Before(stop) {
		return nil
	}
	filter := `r._measurement == "message" and r.log == ` + quote(q.Log)
	index, err := c.leafTimes(ctx, filter, start, stop, 0, q.Leaves)
	if err != nil {
		return err
	}
	for part := range slices.Chunk(index, pagePlaces) {
		page, err := c.placePage(ctx, filter, part)
		if err != nil {
			return err
		}
		for _, p := range page {
			p.Log = q.Log
			if q.Tracker != "" && p.Tracker != q.Tracker {
				continue
			}
			if err := fn(p); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *Client) placePage(ctx context.Context, filter string, index []leafTime) ([]Place, error) {
	first, last := span(index)
	low, high := index[0].leaf, index[len(index)-1].leaf
	var page []Place
	err := c.query(ctx, fmt.Sprintf(`from(bucket: %s) |> range(start: %s, stop: %s) |> filter(fn: (r) => %s and %s)
  |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")
  |> drop(columns: ["_start", "_stop", "_measurement", "era", "log"])`,
		quote(c.cfg.Bucket), fluxTime(first), fluxTime(last.Add(1)), filter, anyOf("_field", []string{"leaf", "boot", "seq", "time_ms", "tracker"})), func(r row) error { // tracker: a field of earlier versions
		if !r.has("leaf") || !r.has("boot") { // only signed messages have a boot
			return nil
		}
		m, err := readMessage(r)
		if err != nil {
			return err
		}
		if m.Leaf >= low && m.Leaf <= high {
			page = append(page, Place{Tracker: m.Tracker, Leaf: m.Leaf, Boot: m.Boot, Seq: m.Seq, TimeMS: m.TimeMS, ReceivedMS: m.ReceivedMS})
		}
		return nil
	})
	slices.SortStableFunc(page, func(a, b Place) int { return cmp.Compare(a.Leaf, b.Leaf) })
	return page, err
}

// MessageAt reads the message of a place; ok is false when it is not there any more.
func (c *Client) MessageAt(ctx context.Context, p Place) (m Message, ok bool, err error) {
	filter := `r._measurement == "message" and r.log == ` + quote(p.Log)
	page, err := c.messagePage(ctx, filter, []leafTime{{p.Leaf, PointTime(p.ReceivedMS, p.Leaf)}})
	if err != nil || len(page) == 0 {
		return Message{}, false, err
	}
	page[0].Log = p.Log
	return page[0], true, nil
}

// LogsOf lists the logs with readings of a tracker in the time range [fromMS, toMS), by the readings' own times; toMS 0 = no
// end. It looks into the index of the tag `tracker` and reads one value of each log.
func (c *Client) LogsOf(ctx context.Context, tracker string, fromMS, toMS int64) ([]string, error) {
	start, stop := ReadingsQuery{FromMS: max(fromMS, 0), ToMS: toMS}.window()
	if !start.Before(stop) {
		return nil, nil
	}
	var logs []string
	err := c.query(ctx, fmt.Sprintf(`from(bucket: %s) |> range(start: %s, stop: %s) |> filter(fn: (r) => r._measurement == "reading" and r.tracker == %s and r._field == "leaf")
  |> first() |> keep(columns: ["log"])`, quote(c.cfg.Bucket), fluxTime(start), fluxTime(stop), quote(tracker)), func(r row) error {
		logs = append(logs, strings.Clone(r.text("log")))
		return nil
	})
	slices.Sort(logs)
	return slices.Compact(logs), err
}
