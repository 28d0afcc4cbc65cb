package influx

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
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
	start, stop := window(q.FromMS, q.ToMS)
	if q.AfterTime.After(start) {
		start = q.AfterTime
	}
	size, given := pageReadings, 0
	if q.Limit > 0 {
		size = min(size, q.Limit+16)
	}
	for start.Before(stop) {
		// The end of a page is the time of its last reading; all readings of that very time belong to it.
		last, full, err := c.pageEnd(ctx, q, start, stop, size)
		if err != nil {
			return err
		}
		if last.IsZero() {
			return nil
		}
		page, err := c.readingPage(ctx, q, start, last.Add(1))
		if err != nil {
			return err
		}
		for _, r := range page {
			if !q.AfterTime.IsZero() && (r.at.Before(q.AfterTime) || r.at.Equal(q.AfterTime) && r.Tracker <= q.AfterTracker) {
				continue
			}
			if err := fn(r.Reading, r.at); err != nil {
				return err
			}
			if given++; given == q.Limit {
				return nil
			}
		}
		if !full {
			return nil
		}
		start = last.Add(1)
	}
	return nil
}

// window is [fromMS, toMS) as InfluxDB can say it; toMS 0 = no end.
func window(fromMS, toMS int64) (start, stop time.Time) {
	start, stop = time.UnixMilli(fromMS), maxTime
	if start.Before(minTime) {
		start = minTime
	}
	if toMS > 0 {
		stop = time.UnixMilli(toMS)
	}
	return start, stop
}

func readingFilter(q stored.ReadingsQuery) string {
	f := `r._measurement == "reading"`
	if len(q.Logs) > 0 {
		f += " and " + anyOf("log", q.Logs)
	}
	if q.Tracker != "" {
		f += " and r.tracker == " + quote(q.Tracker)
	}
	return f
}

func (c *Client) pageEnd(ctx context.Context, q stored.ReadingsQuery, start, stop time.Time, size int) (last time.Time, full bool, err error) {
	field := "leaf"
	if len(q.Fields) == 1 {
		field = q.Fields[0]
	}
	n := 0
	err = c.query(ctx, fmt.Sprintf(`from(bucket: %s) |> range(start: %s, stop: %s) |> filter(fn: (r) => %s and r._field == %s)
  |> limit(n: %d) |> keep(columns: ["_time"]) |> group() |> sort(columns: ["_time"]) |> limit(n: %d)`,
		quote(c.cfg.Bucket), fluxTime(start), fluxTime(stop), readingFilter(q), quote(field), size, size), func(r row) error {
		at, err := r.time("_time")
		if err != nil {
			return err
		}
		n++
		if at.After(last) {
			last = at
		}
		return nil
	})
	return last, n >= size, err
}

type timedReading struct {
	stored.Reading
	at time.Time
}

func (c *Client) readingPage(ctx context.Context, q stored.ReadingsQuery, start, stop time.Time) ([]timedReading, error) {
	fields := ""
	if q.Fields != nil {
		fields = " and " + anyOf("_field", append([]string{"leaf"}, q.Fields...))
	}
	var page []timedReading
	err := c.query(ctx, fmt.Sprintf(`from(bucket: %s) |> range(start: %s, stop: %s) |> filter(fn: (r) => %s%s)
  |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")
  |> drop(columns: ["_start", "_stop", "_measurement", "era", "shipment"])`,
		quote(c.cfg.Bucket), fluxTime(start), fluxTime(stop), readingFilter(q), fields), func(r row) error {
		at, err := r.time("_time")
		if err != nil {
			return err
		}
		if !at.Before(stop) {
			return nil // InfluxDB 1.8 answers a point that stands exactly at the range's stop, 2.x does not
		}
		leaf, err := r.int("leaf")
		if err != nil {
			return err
		}
		t := timedReading{at: at, Reading: stored.Reading{
			Log: strings.Clone(r.text("log")), Tracker: strings.Clone(r.text("tracker")), Leaf: uint64(leaf),
			TimeMS: at.UnixMilli(), Values: make(map[string]float64, 4),
		}}
		for _, quantity := range telemetry.Quantities {
			s := r.text(quantity.Name)
			if s == "" {
				continue
			}
			v, err := strconv.ParseFloat(s, 64)
			if err != nil {
				return fmt.Errorf("reading field %s: %w", quantity.Name, err)
			}
			t.Values[quantity.Name] = v
		}
		if len(t.Values) > 0 {
			page = append(page, t)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(page, func(a, b timedReading) int {
		if d := a.at.Compare(b.at); d != 0 {
			return d
		}
		return strings.Compare(a.Tracker+a.Log, b.Tracker+b.Log)
	})
	return page, nil
}

// Windows answers windows of every in (time, tracker) order. Windows without readings are left out.
func (c *Client) Windows(ctx context.Context, q stored.ReadingsQuery, every time.Duration, fn func(stored.Window) error) error {
	if every < time.Second || every%time.Millisecond != 0 {
		return fmt.Errorf("window of %s: want at least 1s, whole milliseconds", every)
	}
	if len(q.Logs) == 0 {
		return nil
	}
	fields := q.Fields
	if fields == nil {
		for _, quantity := range telemetry.Quantities {
			fields = append(fields, quantity.Name)
		}
	}
	start, stop := window(q.FromMS, q.ToMS)
	script := fmt.Sprintf(`data = from(bucket: %s) |> range(start: %s, stop: %s) |> filter(fn: (r) => %s and %s)
  |> group(columns: ["tracker", "_field"])
`, quote(c.cfg.Bucket), fluxTime(start), fluxTime(stop), readingFilter(q), anyOf("_field", fields))
	for _, f := range []string{"min", "max", "mean", "count"} {
		script += fmt.Sprintf("data |> aggregateWindow(every: %dms, fn: %s, createEmpty: false, timeSrc: \"_start\") |> keep(columns: [\"_time\", \"_value\", \"_field\", \"tracker\"]) |> yield(name: %q)\n",
			every.Milliseconds(), f, f)
	}
	type key struct {
		fromMS  int64
		tracker string
	}
	windows := map[key]*stored.Window{}
	// The result's name stands in the #default annotation, not in the rows; the order of the yields is not promised.
	err := c.queryNamed(ctx, script, func(result string, r row) error {
		at, err := r.time("_time")
		if err != nil {
			return err
		}
		v, err := strconv.ParseFloat(r.text("_value"), 64)
		if err != nil {
			return err
		}
		from := at.UnixMilli() - mod(at.UnixMilli(), every.Milliseconds()) // the first window is cut at the range's start
		k := key{from, strings.Clone(r.text("tracker"))}
		w := windows[k]
		if w == nil {
			w = &stored.Window{Tracker: k.tracker, FromMS: from, ToMS: from + every.Milliseconds(), Min: map[string]float64{}, Max: map[string]float64{}, Mean: map[string]float64{}, Count: map[string]int64{}}
			windows[k] = w
		}
		field := strings.Clone(r.text("_field"))
		switch result {
		case "min":
			w.Min[field] = v
		case "max":
			w.Max[field] = v
		case "mean":
			w.Mean[field] = v
		case "count":
			w.Count[field] = int64(v)
		}
		return nil
	})
	if err != nil {
		return err
	}
	order := slices.SortedFunc(maps.Keys(windows), func(a, b key) int {
		if a.fromMS != b.fromMS {
			if a.fromMS < b.fromMS {
				return -1
			}
			return 1
		}
		return strings.Compare(a.tracker, b.tracker)
	})
	given := 0
	for _, k := range order {
		if !q.AfterTime.IsZero() && (k.fromMS < q.AfterTime.UnixMilli() || k.fromMS == q.AfterTime.UnixMilli() && k.tracker <= q.AfterTracker) {
			continue
		}
		if err := fn(*windows[k]); err != nil {
			return err
		}
		if given++; given == q.Limit {
			return nil
		}
	}
	return nil
}

func mod(a, b int64) int64 { return ((a % b) + b) % b }
