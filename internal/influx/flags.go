package influx

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/trackseal/trackseal/internal/stored"
)

// QualityFlags calls fn for the odd readings of these trackers with times in [fromMS, toMS), in the order of (time, tracker, reason,
// metric). Flags of a whole hour are left out.
func (c *Client) QualityFlags(ctx context.Context, trackers []string, fromMS, toMS int64, fn func(stored.QualityFlag) error) error {
	start, stop := span(fromMS, toMS)
	if len(trackers) == 0 || start >= stop {
		return nil
	}
	var flags []stored.QualityFlag
	// A flag of an hour has no metric.
	err := c.query(ctx, fmt.Sprintf("SELECT %s FROM anomaly WHERE metric != '' AND %s AND %s",
		idents("value", "against", "shipment", "reason", "metric", "tracker"), anyOf("tracker", trackers), within(start, stop)), func(r row) error {
		ns, err := r.ns()
		if err != nil {
			return err
		}
		f := stored.QualityFlag{Tracker: r.text("tracker"), Shipment: r.text("shipment"), Reason: r.text("reason"), Metric: r.text("metric"), TimeMS: ns / 1e6}
		for column, to := range map[string]*float64{"value": &f.Value, "against": &f.Against} {
			if *to, err = r.float(column); err != nil {
				return err
			}
		}
		flags = append(flags, f)
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortFunc(flags, func(a, b stored.QualityFlag) int {
		return cmp.Or(cmp.Compare(a.TimeMS, b.TimeMS), cmp.Compare(a.Tracker, b.Tracker), cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Metric, b.Metric))
	})
	for _, f := range flags {
		if err := fn(f); err != nil {
			return err
		}
	}
	return nil
}
