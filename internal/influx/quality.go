package influx

import (
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
	b.buf = append(b.buf, " expected="...)
	b.int(h.Expected)
	for _, reason := range slices.Sorted(maps.Keys(h.Flags)) {
		b.buf = append(b.buf, ",flag_"...)
		b.buf = append(b.buf, reason...)
		b.buf = append(b.buf, '=')
		b.int(h.Flags[reason])
	}
	b.buf = append(b.buf, ",minutes="...)
	b.int(h.Minutes)
	b.buf = append(b.buf, ",readings="...)
	b.int(h.Readings)
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
	b.buf = append(b.buf, " against="...)
	b.float(f.Against)
	b.buf = append(b.buf, ",shipment="...)
	b.string(f.Shipment)
	b.buf = append(b.buf, ",value="...)
	b.float(f.Value)
	b.end(f.TimeMS * 1e6)
}

// QualityHours calls fn for the hours that start in [fromMS, toMS), in the order of (time, tracker); toMS 0 = no end, tracker
// "" = all.
func (c *Client) QualityHours(ctx context.Context, tracker string, fromMS, toMS int64, fn func(stored.QualityHour) error) error {
	start, stop := window(fromMS, toMS)
	if !start.Before(stop) {
		return nil
	}
	filter := ""
	if tracker != "" {
		filter = " and r.tracker == " + quote(tracker)
	}
	var hours []stored.QualityHour
	err := c.query(ctx, fmt.Sprintf(`from(bucket: %s) |> range(start: %s, stop: %s) |> filter(fn: (r) => r._measurement == "quality"%s)
  |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value") |> drop(columns: ["_start", "_stop", "_measurement"])`,
		quote(c.cfg.Bucket), fluxTime(start), fluxTime(stop), filter), func(r row) error {
		at, err := r.time("_time")
		if err != nil {
			return err
		}
		if !at.Before(stop) {
			return nil // see readingPage
		}
		h := stored.QualityHour{Tracker: strings.Clone(r.text("tracker")), StartMS: at.UnixMilli(), Flags: map[string]int64{}}
		for column, to := range map[string]*int64{"readings": &h.Readings, "minutes": &h.Minutes, "expected": &h.Expected} {
			if *to, err = r.int(column); err != nil {
				return err
			}
		}
		for column := range r.columns {
			reason, ok := strings.CutPrefix(column, "flag_")
			if !ok || !r.has(column) {
				continue
			}
			if h.Flags[reason], err = r.int(column); err != nil {
				return err
			}
		}
		hours = append(hours, h)
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortFunc(hours, func(a, b stored.QualityHour) int {
		if a.StartMS != b.StartMS {
			return int(min(max(a.StartMS-b.StartMS, -1), 1))
		}
		return strings.Compare(a.Tracker, b.Tracker)
	})
	for _, h := range hours {
		if err := fn(h); err != nil {
			return err
		}
	}
	return nil
}
