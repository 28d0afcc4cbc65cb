package influx

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/trackseal/trackseal/internal/stored"
)

// What follows is for those who look at a store as a whole, and mend it.

const (
	pageHeads   = 5_000
	deletesOnce = 200 // statements in one request
)

// HeadsOf calls fn for the heads in a heads log in the order of their numbers. fn's error stops it.
func (c *Client) HeadsOf(ctx context.Context, heads string, fn func(stored.Head) error) error {
	of := anyOf("heads", []string{heads})
	index, err := gather(ctx, c, fmt.Sprintf(`SELECT "index" FROM head WHERE %s AND %s`, of, within(minNS, maxNS)), func(r *row) leafTime {
		return leafTime{uint64(r.int("index")), r.ns()}
	})
	if err != nil {
		return err
	}
	slices.SortFunc(index, func(a, b leafTime) int { return cmp.Or(cmp.Compare(a.leaf, b.leaf), cmp.Compare(a.ns, b.ns)) })
	for part := range slices.Chunk(index, pageHeads) {
		first, last := part[0].ns, part[0].ns
		for _, l := range part {
			first, last = min(first, l.ns), max(last, l.ns)
		}
		page, err := c.headsWhere(ctx, fmt.Sprintf(`%s AND %s AND "index" >= %d AND "index" <= %d`, of, within(first, last+1), part[0].leaf, part[len(part)-1].leaf))
		if err != nil {
			return err
		}
		if err := inTurn(page, fn); err != nil {
			return err
		}
	}
	return nil
}

// Logs lists the logs of which there are messages or readings, in their order.
func (c *Client) Logs(ctx context.Context) ([]stored.LogTags, error) {
	logs, err := gather(ctx, c, fmt.Sprintf("SELECT count(leaf) AS n FROM message WHERE %s GROUP BY %s", within(minNS, maxNS), idents("log", "shipment", "tracker")), func(r *row) stored.LogTags {
		return stored.LogTags{Log: r.tags["log"], Shipment: r.tags["shipment"], Tracker: r.tags["tracker"], Messages: uint64(r.int("n"))}
	})
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, l := range logs {
		known[l.Log] = true
	}
	readings, err := gather(ctx, c, fmt.Sprintf("SELECT first(leaf) FROM reading WHERE %s GROUP BY %s", within(minNS, maxNS), idents("log", "tracker")), func(r *row) stored.LogTags {
		return stored.LogTags{Log: r.tags["log"], Tracker: r.tags["tracker"]}
	})
	for _, l := range readings {
		if !known[l.Log] {
			logs = append(logs, l)
		}
	}
	slices.SortFunc(logs, func(a, b stored.LogTags) int {
		return cmp.Or(cmp.Compare(a.Log, b.Log), cmp.Compare(a.Shipment, b.Shipment), cmp.Compare(a.Tracker, b.Tracker))
	})
	return logs, err
}

// Places calls fn for the boot and seq of each signed message of a tracker.
func (c *Client) Places(ctx context.Context, tracker string, fn func(boot, seq uint64)) error {
	return c.query(ctx, fmt.Sprintf("SELECT boot, seq FROM message WHERE tracker = %s AND trust = %s AND %s", quote(tracker), quote(stored.Signed), within(minNS, maxNS)), func(r *row) {
		fn(uint64(r.int("boot")), uint64(r.int("seq")))
	})
}

// Delete takes points away, by InfluxQL, which asks for tags and time alone. It is not one step: after a failure some may be gone.
func (c *Client) Delete(ctx context.Context, points []stored.Place) error {
	for part := range slices.Chunk(points, deletesOnce) {
		statements := make([]string, len(part))
		for i, p := range part {
			where := []string{fmt.Sprintf("time = %d", p.NS)}
			for _, tag := range slices.Sorted(maps.Keys(p.Tags)) {
				where = append(where, idents(tag)+" = "+quote(p.Tags[tag]))
			}
			statements[i] = "DELETE FROM " + idents(p.Measurement) + " WHERE " + strings.Join(where, " AND ")
		}
		if err := c.query(ctx, strings.Join(statements, ";"), func(*row) {}); err != nil {
			return err
		}
	}
	return nil
}
