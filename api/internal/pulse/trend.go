package pulse

import (
	"cmp"
	"math"
	"slices"

	"github.com/trackseal/trackseal/internal/telemetry"
)

// Point is a value at a time.
type Point struct {
	MS int64
	V  float64
}

// Median of some values; it sorts them. 0 for none.
func Median(values []float64) float64 {
	slices.Sort(values)
	switch n := len(values); {
	case n == 0:
		return 0
	case n%2 == 1:
		return values[n/2]
	default:
		return values[n/2-1]/2 + values[n/2]/2
	}
}

// Slope is the change a day: the median of the slopes between any two points, which a third of wrong ones does not move (Theil and Sen). ok is
// false for fewer than three points.
func Slope(points []Point) (perDay float64, ok bool) {
	if len(points) < 3 {
		return 0, false
	}
	var slopes []float64
	for i, a := range points {
		for _, b := range points[i+1:] {
			if days := float64(b.MS-a.MS) / float64(24*hour); days != 0 {
				slopes = append(slopes, (b.V-a.V)/days)
			}
		}
	}
	return Median(slopes), len(slopes) > 0
}

// Recharged is what a battery's points are since it was last charged or changed: since the last rise by more than 15 percent.
func Recharged(points []Point) []Point {
	for i := len(points) - 1; i > 0; i-- {
		if points[i].V-points[i-1].V > 15 {
			return points[i:]
		}
	}
	return points
}

// DaysLeft is how long a battery lasts that falls like this; ok is false when it does not fall by as much as it could be told.
func DaysLeft(percent, perDay float64) (days float64, ok bool) {
	if perDay > -0.01 {
		return 0, false
	}
	return math.Max(0, percent/-perDay), true
}

const (
	driftWindow = 6 * hour
	leastBeats  = 3 // of a window: one message alone may have waited
	leastSpan   = 24 * hour
)

// Drift is by how many milliseconds a day a clock runs ahead: the slope of the offsets of the fastest message in each six hours. ok is
// false without a day of such windows.
func Drift(beats []Beat) (perDay float64, ok bool) {
	type window struct {
		fastest Point
		n       int
	}
	windows := map[int64]window{}
	for _, b := range beats {
		if telemetry.Undated(b.TimeMS, b.ReceivedMS) == telemetry.ClockBehind {
			continue
		}
		w, offset := windows[b.ReceivedMS/driftWindow], float64(b.TimeMS-b.ReceivedMS)
		if w.n == 0 || offset > w.fastest.V {
			w.fastest = Point{b.ReceivedMS, offset}
		}
		w.n++
		windows[b.ReceivedMS/driftWindow] = w
	}
	var points []Point
	for _, w := range windows {
		if w.n >= leastBeats {
			points = append(points, w.fastest)
		}
	}
	slices.SortFunc(points, func(a, b Point) int { return cmp.Compare(a.MS, b.MS) })
	if len(points) < 3 || points[len(points)-1].MS-points[0].MS < leastSpan {
		return 0, false
	}
	return Slope(points)
}
