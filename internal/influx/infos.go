package influx

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/trackseal/trackseal/internal/stored"
)

// pageInfos bounds what one query holds in memory on both sides; an info is a few numbers.
const pageInfos = 50_000

// MessageInfos calls fn for the infos of a query in leaf order. It reads numbers only: a log's worth of them is a hundredth of its
// messages. fn's error stops it.
func (c *Client) MessageInfos(ctx context.Context, q stored.MessageInfoQuery, fn func(stored.MessageInfo) error) error {
	start, stop := span(q.FromMS, q.ToMS)
	if start >= stop {
		return nil
	}
	index, err := c.leafTimes(ctx, q.Log, start, stop, 0, q.Leaves)
	if err != nil {
		return err
	}
	for part := range slices.Chunk(index, pageInfos) {
		page, err := c.infoPage(ctx, q, part)
		if err != nil {
			return err
		}
		for _, p := range page {
			if err := fn(p); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *Client) infoPage(ctx context.Context, q stored.MessageInfoQuery, index []leafTime) ([]stored.MessageInfo, error) {
	where := anyOf("log", []string{q.Log}) + " AND trust = " + quote(stored.Signed)
	if q.Tracker != "" {
		where += " AND tracker = " + quote(q.Tracker)
	}
	var page []stored.MessageInfo
	err := c.query(ctx, fmt.Sprintf("SELECT %s FROM message WHERE %s AND %s", idents("leaf", "boot", "seq", "time_ms", "tracker"), where, leavesWithin(index)), func(r row) error {
		m, err := readMessage(r)
		page = append(page, stored.MessageInfo{Log: q.Log, Tracker: m.Tracker, Leaf: m.Leaf, Boot: m.Boot, Seq: m.Seq, TimeMS: m.TimeMS, ReceivedMS: m.ReceivedMS})
		return err
	})
	slices.SortStableFunc(page, func(a, b stored.MessageInfo) int { return cmp.Compare(a.Leaf, b.Leaf) })
	return page, err
}

// Message reads the message of an info; ok is false when it is not there any more.
func (c *Client) Message(ctx context.Context, p stored.MessageInfo) (m stored.Message, ok bool, err error) {
	page, err := c.messagePage(ctx, p.Log, []leafTime{{p.Leaf, pointTime(p.ReceivedMS, p.Leaf)}})
	if err != nil || len(page) == 0 {
		return stored.Message{}, false, err
	}
	return page[0], true, nil
}

// LogsOf lists the logs with readings of a tracker in the time range [fromMS, toMS), by the readings' own times; toMS 0 = no
// end. It looks into the index of the tag `tracker` and reads one value of each log.
func (c *Client) LogsOf(ctx context.Context, tracker string, fromMS, toMS int64) ([]string, error) {
	start, stop := span(fromMS, toMS)
	if start >= stop {
		return nil, nil
	}
	var logs []string
	err := c.query(ctx, fmt.Sprintf("SELECT first(leaf) FROM reading WHERE tracker = %s AND %s GROUP BY %s", quote(tracker), within(start, stop), idents("log")), func(r row) error {
		logs = append(logs, r.tags["log"])
		return nil
	})
	slices.Sort(logs)
	return slices.Compact(logs), err
}
