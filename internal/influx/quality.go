package influx

import (
	"cmp"
	"context"
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
	start, stop := span(fromMS, toMS)
	if start >= stop {
		return nil
	}
	where := within(start, stop)
	if tracker != "" {
		where += " AND tracker = " + quote(tracker)
	}
	var hours []stored.QualityHour
	// All fields: which reasons there are is not known here.
	err := c.query(ctx, "SELECT * FROM quality WHERE "+where, func(r row) error {
		ns, err := r.ns()
		if err != nil {
			return err
		}
		h := stored.QualityHour{Tracker: r.text("tracker"), StartMS: ns / 1e6, Flags: map[string]int64{}}
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
		return cmp.Or(cmp.Compare(a.StartMS, b.StartMS), cmp.Compare(a.Tracker, b.Tracker))
	})
	for _, h := range hours {
		if err := fn(h); err != nil {
			return err
		}
	}
	return nil
}
