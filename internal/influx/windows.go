package influx

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/trackseal/trackseal/internal/stored"
)

// What one query makes the server compute: so many windows of each tracker where readings are dense, or windows of so many
// readings where they are not.
const (
	denseWindows   = 600
	sparseReadings = 2_000
)

// Windows calls fn for the windows of every in (time, tracker) order, aligned with 1970. Windows without readings are left out. It
// computes about as many as q.Limit asks for, some at a time, from the next reading on.
func (c *Client) Windows(ctx context.Context, q stored.ReadingsQuery, every time.Duration, fn func(stored.Window) error) error {
	if every < time.Second || every%time.Millisecond != 0 {
		return fmt.Errorf("window of %s: want at least 1s, whole milliseconds", every)
	}
	if len(q.Logs) == 0 {
		return nil
	}
	start, stop := span(q.FromMS, q.ToMS)
	if !q.AfterTime.IsZero() {
		start = max(start, q.AfterTime.UnixNano())
	}
	for given := 0; start < stop; {
		from, end, err := c.nextWindows(ctx, q, every, start, stop)
		if err != nil || from == end {
			return err
		}
		windows, err := c.windowsIn(ctx, q, every, from, end)
		if err != nil {
			return err
		}
		for _, w := range windows {
			if !q.AfterTime.IsZero() && w.FromMS == q.AfterTime.UnixMilli() && w.Tracker <= q.AfterTracker {
				continue
			}
			if err := fn(w); err != nil {
				return err
			}
			if given++; given == q.Limit {
				return nil
			}
		}
		start = end
	}
	return nil
}

// nextWindows finds the part of [start, stop) to compute next: it begins with the window of the first reading and ends with a
// window. Without readings it is empty.
func (c *Client) nextWindows(ctx context.Context, q stored.ReadingsQuery, every time.Duration, start, stop int64) (from, end int64, err error) {
	dense, sparse := int64(denseWindows), sparseReadings
	if q.Limit > 0 {
		dense, sparse = min(dense, int64(q.Limit)), min(sparse, q.Limit+1)
	}
	times, err := gather(ctx, c, fmt.Sprintf("SELECT leaf FROM reading WHERE %s LIMIT %d", readingsWhere(q, start, stop), sparse), (*row).ns)
	if err != nil || len(times) == 0 {
		return 0, 0, err
	}
	from, end = times[0]-times[0]%int64(every), stop
	if n := len(times); n == sparse { // more follows
		end = times[n-1] - times[n-1]%int64(every)
		if (stop-from)/int64(every) <= dense {
			end = stop
		} else {
			end = max(end, from+dense*int64(every))
		}
	}
	return max(start, from), end, nil
}

// windowsIn answers the windows of [start, stop), the first and the last cut there.
func (c *Client) windowsIn(ctx context.Context, q stored.ReadingsQuery, every time.Duration, start, stop int64) ([]stored.Window, error) {
	from := c.computed
	if every%time.Hour == 0 {
		from = c.summarised
	}
	windows, err := from(ctx, q, every, start, stop)
	slices.SortFunc(windows, func(a, b stored.Window) int {
		return cmp.Or(cmp.Compare(a.FromMS, b.FromMS), cmp.Compare(a.Tracker, b.Tracker))
	})
	return windows, err
}

// computed lets the database compute windows from the readings: about a second for 60,000 readings of all quantities.
func (c *Client) computed(ctx context.Context, q stored.ReadingsQuery, every time.Duration, start, stop int64) ([]stored.Window, error) {
	fields := quantities(q.Fields)
	columns := []string{"count(leaf) AS readings"}
	for _, f := range fields {
		for _, aggregate := range []string{"min", "max", "mean", "count"} {
			columns = append(columns, fmt.Sprintf(`%s("%s") AS "%[1]s %[2]s"`, aggregate, f))
		}
	}
	q.Fields = nil
	var windows []stored.Window
	err := c.query(ctx, fmt.Sprintf("SELECT %s FROM reading WHERE %s GROUP BY time(%dms), tracker fill(none)",
		strings.Join(columns, ", "), readingsWhere(q, start, stop), every.Milliseconds()), func(r *row) {
		w := newWindow(windowKey{r.ns(), r.tags["tracker"]}, every)
		w.Readings = r.int("readings")
		for _, f := range fields {
			if n := r.int("count " + f); n > 0 {
				add(w, f, r.float("min "+f), r.float("max "+f), r.float("mean "+f), n)
			}
		}
		if len(w.Count) > 0 {
			windows = append(windows, *w)
		}
	})
	return windows, err
}
