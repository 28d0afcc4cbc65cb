package influx

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/trackseal/trackseal/internal/stored"
)

// QualityFlags calls fn for the odd readings of these trackers with times in [fromMS, toMS), in the order of (time, tracker, reason,
// metric). Flags of a whole hour are left out.
func (c *Client) QualityFlags(ctx context.Context, trackers []string, fromMS, toMS int64, fn func(stored.QualityFlag) error) error {
	start, stop := window(fromMS, toMS)
	if len(trackers) == 0 || !start.Before(stop) {
		return nil
	}
	var flags []stored.QualityFlag
	// A flag of an hour has no metric: exists is false for it.
	err := c.query(ctx, fmt.Sprintf(`from(bucket: %s) |> range(start: %s, stop: %s) |> filter(fn: (r) => r._measurement == "anomaly" and exists r.metric and %s)
  |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value") |> drop(columns: ["_start", "_stop", "_measurement"])`,
		quote(c.cfg.Bucket), fluxTime(start), fluxTime(stop), anyOf("tracker", trackers)), func(r row) error {
		at, err := r.time("_time")
		if err != nil {
			return err
		}
		if !at.Before(stop) || r.text("metric") == "" {
			return nil // see readingPage
		}
		f := stored.QualityFlag{Tracker: strings.Clone(r.text("tracker")), Shipment: strings.Clone(r.text("shipment")), Reason: strings.Clone(r.text("reason")),
			Metric: strings.Clone(r.text("metric")), TimeMS: at.UnixMilli()}
		for column, to := range map[string]*float64{"value": &f.Value, "against": &f.Against} {
			if *to, err = strconv.ParseFloat(r.text(column), 64); err != nil {
				return fmt.Errorf("column %s: %w", column, err)
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
