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

// QualityHour appends a `quality` point. Reasons that it lacks keep the count that InfluxDB has.
func (b *batch) QualityHour(h *stored.QualityHour) {
	b.buf = append(b.buf, "quality"...)
	b.tag("tracker", h.Tracker)
	b.int(" expected=", h.Expected)
	for _, reason := range slices.Sorted(maps.Keys(h.Flags)) {
		b.int(",flag_"+reason+"=", h.Flags[reason])
	}
	b.int(",minutes=", h.Minutes)
	b.int(",readings=", h.Readings)
	b.end(h.StartMS * 1e6)
}

// QualityFlag appends an `anomaly` point.
func (b *batch) QualityFlag(f *stored.QualityFlag) {
	b.buf = append(b.buf, "anomaly"...)
	if f.Metric != "" {
		b.tag("metric", f.Metric)
	}
	b.tag("reason", f.Reason)
	b.tag("tracker", f.Tracker)
	b.float(" against=", f.Against)
	b.string(",shipment=", f.Shipment)
	b.float(",value=", f.Value)
	b.end(f.TimeMS * 1e6)
}

// QualityHours calls fn for the hours that start in [fromMS, toMS), in the order of (time, tracker); toMS 0 = no end, tracker
// "" = all.
func (c *Client) QualityHours(ctx context.Context, tracker string, fromMS, toMS int64, fn func(stored.QualityHour) error) error {
	start, stop := span(fromMS, toMS)
	if start >= stop {
		return nil
	}
	where := within(start, stop)
	if tracker != "" {
		where += " AND tracker = " + quote(tracker)
	}
	// All fields: which reasons there are is not known here.
	hours, err := gather(ctx, c, "SELECT * FROM quality WHERE "+where, func(r *row) stored.QualityHour {
		h := stored.QualityHour{
			Tracker: r.text("tracker"), StartMS: r.ns() / 1e6, Readings: r.int("readings"), Minutes: r.int("minutes"), Expected: r.int("expected"),
			Flags: map[string]int64{},
		}
		for column := range r.columns {
			if reason, ok := strings.CutPrefix(column, "flag_"); ok && r.has(column) {
				h.Flags[reason] = r.int(column)
			}
		}
		return h
	})
	if err != nil {
		return err
	}
	slices.SortFunc(hours, func(a, b stored.QualityHour) int {
		return cmp.Or(cmp.Compare(a.StartMS, b.StartMS), cmp.Compare(a.Tracker, b.Tracker))
	})
	return inTurn(hours, fn)
}

// QualityFlags calls fn for the odd readings of these trackers with times in [fromMS, toMS), in the order of (time, tracker, reason,
// metric). Flags of a whole hour are left out.
func (c *Client) QualityFlags(ctx context.Context, trackers []string, fromMS, toMS int64, fn func(stored.QualityFlag) error) error {
	start, stop := span(fromMS, toMS)
	if len(trackers) == 0 || start >= stop {
		return nil
	}
	// A flag of an hour has no metric.
	flags, err := gather(ctx, c, fmt.Sprintf("SELECT %s FROM anomaly WHERE metric != '' AND %s AND %s",
		idents("value", "against", "shipment", "reason", "metric", "tracker"), anyOf("tracker", trackers), within(start, stop)), func(r *row) stored.QualityFlag {
		return stored.QualityFlag{
			Tracker: r.text("tracker"), Shipment: r.text("shipment"), Reason: r.text("reason"), Metric: r.text("metric"), TimeMS: r.ns() / 1e6,
			Value: r.float("value"), Against: r.float("against"),
		}
	})
	if err != nil {
		return err
	}
	slices.SortFunc(flags, func(a, b stored.QualityFlag) int {
		return cmp.Or(cmp.Compare(a.TimeMS, b.TimeMS), cmp.Compare(a.Tracker, b.Tracker), cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Metric, b.Metric))
	})
	return inTurn(flags, fn)
}
