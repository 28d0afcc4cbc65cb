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

// pageReadings bounds what one query holds in memory on both sides.
const pageReadings = 10_000

// Readings calls fn in (time, tracker) order.
func (c *Client) Readings(ctx context.Context, q stored.ReadingsQuery, fn func(stored.Reading, time.Time) error) error {
	if len(q.Logs) == 0 && q.Tracker == "" {
		return nil
	}
	start, stop := span(q.FromMS, q.ToMS)
	if !q.AfterTime.IsZero() {
		start = max(start, q.AfterTime.UnixNano())
	}
	size, given := pageReadings, 0
	if q.Limit > 0 {
		size = min(size, q.Limit+16) // some stand at the cursor's time, or share the time of the last
	}
	for start < stop {
		page, full, err := c.readingPage(ctx, q, start, stop, size)
		if err != nil {
			return err
		}
		start = stop
		if full {
			// What follows may share the last one's time: that time belongs to the next page, as a whole.
			start = page[len(page)-1].ns
			i, _ := slices.BinarySearchFunc(page, start, func(r timedReading, ns int64) int { return cmp.Compare(r.ns, ns) })
			if page = page[:i]; i == 0 {
				size *= 2
			}
		}
		for _, r := range page {
			if len(r.Values) == 0 || !q.AfterTime.IsZero() && r.ns == q.AfterTime.UnixNano() && r.Tracker <= q.AfterTracker {
				continue
			}
			if err := fn(r.Reading, time.Unix(0, r.ns)); err != nil {
				return err
			}
			if given++; given == q.Limit {
				return nil
			}
		}
	}
	return nil
}

// readingsWhere is the condition of a query for one with a value, in [start, stop).
func readingsWhere(q stored.ReadingsQuery, start, stop int64) string {
	where := within(start, stop)
	if len(q.Logs) > 0 {
		where += " AND " + anyOf("log", q.Logs)
	}
	if q.Tracker != "" {
		where += " AND tracker = " + quote(q.Tracker)
	}
	if q.Fields != nil {
		// There is no word for "has": each value of a quantity is far above this.
		where += " AND (" + idents(strings.Join(q.Fields, `" > -1000000000 OR "`)) + " > -1000000000)"
	}
	return where
}

// quantities are the fields, or all that there are.
func quantities(fields []string) []string {
	if fields != nil {
		return fields
	}
	for _, quantity := range telemetry.Quantities {
		fields = append(fields, quantity.Name)
	}
	return fields
}

type timedReading struct {
	stored.Reading
	ns int64
}

// readingPage answers the first readings of [start, stop); full when there may be more.
func (c *Client) readingPage(ctx context.Context, q stored.ReadingsQuery, start, stop int64, size int) (page []timedReading, full bool, err error) {
	columns := append([]string{"leaf", "log", "tracker"}, quantities(q.Fields)...)
	page, err = gather(ctx, c, fmt.Sprintf("SELECT %s FROM reading WHERE %s LIMIT %d", idents(columns...), readingsWhere(q, start, stop), size), func(r *row) timedReading {
		t := timedReading{ns: r.ns(), Reading: stored.Reading{Log: r.text("log"), Tracker: r.text("tracker"), Leaf: uint64(r.int("leaf")), Values: make(map[string]float64, 4)}}
		t.TimeMS = t.ns / 1e6
		readValues(r, t.Values)
		return t
	})
	slices.SortStableFunc(page, func(a, b timedReading) int {
		return cmp.Or(cmp.Compare(a.ns, b.ns), cmp.Compare(a.Tracker, b.Tracker), cmp.Compare(a.Log, b.Log))
	})
	return page, len(page) >= size, err
}

// readValues adds the quantities of a row.
func readValues(r *row, to map[string]float64) {
	for _, quantity := range telemetry.Quantities {
		if r.has(quantity.Name) {
			to[quantity.Name] = r.float(quantity.Name)
		}
	}
}

// Latest answers the newest value of each quantity of a log, with the time, tracker and leaf of the newest reading among
// them; ok is false for a log without readings.
func (c *Client) Latest(ctx context.Context, log string) (r stored.Reading, ok bool, err error) {
	where := anyOf("log", []string{log}) + " AND " + within(minNS, maxNS)
	var newest []string
	for _, name := range quantities(nil) {
		newest = append(newest, fmt.Sprintf(`last(%[1]s) AS %[1]s`, idents(name)))
	}
	r = stored.Reading{Log: log, Values: map[string]float64{}}
	err = c.query(ctx, fmt.Sprintf("SELECT last(leaf) AS leaf, tracker FROM reading WHERE %s; SELECT %s FROM reading WHERE %s", where, strings.Join(newest, ", "), where), func(x *row) {
		if x.statement > 0 {
			readValues(x, r.Values)
			return
		}
		ok, r.Leaf, r.Tracker, r.TimeMS = true, uint64(x.int("leaf")), x.text("tracker"), x.ns()/1e6
	})
	return r, ok, err
}

// LogsOf lists the logs with readings of a tracker in the time range [fromMS, toMS), by the readings' own times; toMS 0 = no
// end. It looks into the index of the tag `tracker` and reads one value of each log.
func (c *Client) LogsOf(ctx context.Context, tracker string, fromMS, toMS int64) ([]string, error) {
	start, stop := span(fromMS, toMS)
	if start >= stop {
		return nil, nil
	}
	logs, err := gather(ctx, c, fmt.Sprintf("SELECT first(leaf) FROM reading WHERE tracker = %s AND %s GROUP BY %s", quote(tracker), within(start, stop), idents("log")),
		func(r *row) string { return r.tags["log"] })
	slices.Sort(logs)
	return slices.Compact(logs), err
}
