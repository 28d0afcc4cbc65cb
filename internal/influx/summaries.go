package influx

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/trackseal/trackseal/internal/stored"
)

// Summary appends a `summary` point. All quantities are one text: a year's hours are a few megabytes then, and one field.
func (b *batch) Summary(log string, w *stored.Window) {
	b.buf = append(b.buf, "summary"...)
	b.tag("log", log)
	b.tag("tracker", w.Tracker)
	b.int(" readings=", w.Readings)
	b.buf = append(b.buf, ",values=\""...)
	for i, name := range slices.Sorted(maps.Keys(w.Count)) {
		if i > 0 {
			b.buf = append(b.buf, ',')
		}
		b.buf = append(b.buf, name...)
		for _, v := range []float64{w.Min[name], w.Max[name], w.Mean[name], float64(w.Count[name])} {
			b.float(" ", v)
		}
	}
	b.buf = append(b.buf, '"')
	b.end(w.FromMS * 1e6)
}

// windowKey is a tracker's window that begins at a time.
type windowKey struct {
	ns      int64
	tracker string
}

// summarised answers the windows of [start, stop), which are whole hours wide, from the summaries of their hours. A summary may be
// missing or of fewer readings than there are by now: the windows whose readings are not all summed up are computed from the
// readings.
func (c *Client) summarised(ctx context.Context, q stored.ReadingsQuery, every time.Duration, start, stop int64) ([]stored.Window, error) {
	var there map[windowKey]int64
	var windows map[windowKey]*stored.Window
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) { there, err = c.readingsIn(gctx, q, every, start, stop); return err })
	g.Go(func() (err error) { windows, err = c.sumUp(gctx, q, every, start, stop); return err })
	if err := g.Wait(); err != nil {
		return nil, err
	}
	var all []stored.Window
	again := map[int64]bool{} // where windows begin
	for k, n := range there {
		if w := windows[k]; w == nil || w.Readings != n {
			again[k.ns] = true
		}
	}
	for k, w := range windows {
		if !again[k.ns] && len(w.Count) > 0 {
			all = append(all, *w)
		}
	}
	begins := slices.Sorted(maps.Keys(again))
	for i := 0; i < len(begins); {
		end := i + 1
		for end < len(begins) && begins[end] == begins[end-1]+int64(every) {
			end++
		}
		computed, err := c.computed(ctx, q, every, max(start, begins[i]), min(stop, begins[end-1]+int64(every)))
		if err != nil {
			return nil, err
		}
		all, i = append(all, computed...), end
	}
	return all, nil
}

// readingsIn counts the readings of each window.
func (c *Client) readingsIn(ctx context.Context, q stored.ReadingsQuery, every time.Duration, start, stop int64) (map[windowKey]int64, error) {
	q.Fields = nil
	counts := map[windowKey]int64{}
	err := c.query(ctx, fmt.Sprintf("SELECT count(leaf) AS readings FROM reading WHERE %s GROUP BY time(%dms), tracker fill(none)",
		readingsWhere(q, start, stop), every.Milliseconds()), func(r *row) {
		if n := r.int("readings"); n > 0 {
			counts[windowKey{r.ns(), r.tags["tracker"]}] = n
		}
	})
	return counts, err
}

// sumUp adds the summaries of the hours that lie in [start, stop).
func (c *Client) sumUp(ctx context.Context, q stored.ReadingsQuery, every time.Duration, start, stop int64) (map[windowKey]*stored.Window, error) {
	fields := q.Fields
	q.Fields = nil
	windows := map[windowKey]*stored.Window{}
	err := c.query(ctx, fmt.Sprintf("SELECT readings, %s FROM summary WHERE %s", idents("values", "tracker"), readingsWhere(q, start, stop-int64(time.Hour)+1)), func(r *row) {
		ns := r.ns()
		k := windowKey{ns - ns%int64(every), r.text("tracker")}
		w := windows[k]
		if w == nil {
			w = newWindow(k, every)
			windows[k] = w
		}
		w.Readings += r.int("readings")
		for part := range strings.SplitSeq(r.text("values"), ",") {
			name, values, _ := strings.Cut(part, " ")
			if fields != nil && !slices.Contains(fields, name) || name == "" {
				continue
			}
			var v [4]float64 // minimum, maximum, mean, count
			for i := range v {
				var text string
				var err error
				text, values, _ = strings.Cut(values, " ")
				if v[i], err = strconv.ParseFloat(text, 64); err != nil {
					r.err = fmt.Errorf("summary of %s: %w", k.tracker, err)
					return
				}
			}
			add(w, name, v[0], v[1], v[2], int64(v[3]))
		}
	})
	return windows, err
}

func newWindow(k windowKey, every time.Duration) *stored.Window {
	return &stored.Window{Tracker: k.tracker, FromMS: k.ns / 1e6, ToMS: k.ns/1e6 + every.Milliseconds(),
		Min: map[string]float64{}, Max: map[string]float64{}, Mean: map[string]float64{}, Count: map[string]int64{}}
}

// add puts n more values of a quantity into a window.
func add(w *stored.Window, name string, low, high, mean float64, n int64) {
	was := w.Count[name]
	if was == 0 {
		w.Min[name], w.Max[name] = math.Inf(1), math.Inf(-1)
	}
	w.Min[name], w.Max[name] = min(w.Min[name], low), max(w.Max[name], high)
	w.Mean[name] += (mean - w.Mean[name]) * float64(n) / float64(was+n)
	w.Count[name] = was + n
}
