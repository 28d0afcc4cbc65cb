package influx

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/trackseal/trackseal/internal/stored"
)

// pageInfos bounds what one query holds in memory on both sides; an info is a few numbers.
const pageInfos = 50_000

// MessageInfos calls fn for the infos of a query in leaf order. It reads numbers only: a log's worth of them is a hundredth of its
// messages. fn's error stops it.
func (c *Client) MessageInfos(ctx context.Context, q stored.MessageInfoQuery, fn func(stored.MessageInfo) error) error {
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
	for part := range slices.Chunk(index, pageInfos) {
		page, err := c.infoPage(ctx, filter, part)
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

func (c *Client) infoPage(ctx context.Context, filter string, index []leafTime) ([]stored.MessageInfo, error) {
	first, last := span(index)
	low, high := index[0].leaf, index[len(index)-1].leaf
	var page []stored.MessageInfo
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
			page = append(page, stored.MessageInfo{Tracker: m.Tracker, Leaf: m.Leaf, Boot: m.Boot, Seq: m.Seq, TimeMS: m.TimeMS, ReceivedMS: m.ReceivedMS})
		}
		return nil
	})
	slices.SortStableFunc(page, func(a, b stored.MessageInfo) int { return cmp.Compare(a.Leaf, b.Leaf) })
	return page, err
}

// Message reads the message of an info; ok is false when it is not there any more.
func (c *Client) Message(ctx context.Context, p stored.MessageInfo) (m stored.Message, ok bool, err error) {
	filter := `r._measurement == "message" and r.log == ` + quote(p.Log)
	page, err := c.messagePage(ctx, filter, []leafTime{{p.Leaf, pointTime(p.ReceivedMS, p.Leaf)}})
	if err != nil || len(page) == 0 {
		return stored.Message{}, false, err
	}
	page[0].Log = p.Log
	return page[0], true, nil
}

// LogsOf lists the logs with readings of a tracker in the time range [fromMS, toMS), by the readings' own times; toMS 0 = no
// end. It looks into the index of the tag `tracker` and reads one value of each log.
func (c *Client) LogsOf(ctx context.Context, tracker string, fromMS, toMS int64) ([]string, error) {
	start, stop := window(max(fromMS, 0), toMS)
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
