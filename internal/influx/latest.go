package influx

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// Latest answers the newest value of each quantity of a log, with the time, tracker and leaf of the newest reading among
// them; ok is false for a log without readings.
func (c *Client) Latest(ctx context.Context, log string) (r stored.Reading, ok bool, err error) {
	fields := make([]string, 0, len(telemetry.Quantities)+1)
	for _, quantity := range telemetry.Quantities {
		fields = append(fields, quantity.Name)
	}
	r = stored.Reading{Log: log, Values: map[string]float64{}}
	// last() works per series, that is per tracker and era: the newest of a quantity's series is its newest value. The leaf
	// is an integer and its last() a table of its own type, so it cannot share a group with the quantities.
	err = c.query(ctx, fmt.Sprintf(`from(bucket: %s) |> range(start: %s, stop: %s) |> filter(fn: (r) => r._measurement == "reading" and r.log == %s and %s)
  |> last() |> keep(columns: ["_time", "_field", "_value", "tracker"])`,
		quote(c.cfg.Bucket), fluxTime(minTime), fluxTime(maxTime), quote(log), anyOf("_field", append(fields, "leaf"))), newest(&r, &ok))
	return r, ok, err
}

// newest folds rows into r.
func newest(r *stored.Reading, ok *bool) func(row) error {
	at := map[string]int64{} // nanoseconds of each field's newest value
	return func(x row) error {
		t, err := x.time("_time")
		if err != nil {
			return err
		}
		field := strings.Clone(x.text("_field"))
		ns, seen := at[field]
		if field == "leaf" {
			leaf, err := strconv.ParseUint(x.text("_value"), 10, 64)
			if err != nil {
				return fmt.Errorf("reading field leaf: %w", err)
			}
			if !seen || t.UnixNano() >= ns {
				at[field] = t.UnixNano()
				r.Leaf, r.Tracker, r.TimeMS = leaf, strings.Clone(x.text("tracker")), t.UnixMilli()
			}
			*ok = true
			return nil
		}
		v, err := strconv.ParseFloat(x.text("_value"), 64)
		if err != nil {
			return fmt.Errorf("reading field %s: %w", field, err)
		}
		if !seen || t.UnixNano() >= ns {
			at[field], r.Values[field] = t.UnixNano(), v
		}
		return nil
	}
}
