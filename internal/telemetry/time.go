package telemetry

import (
	"math"
	"time"
)

// ClockTolerance is how far a tracker's clock may be ahead of the receipt. One number for ingest, the API, browsers and verify.
const ClockTolerance = 120_000 // ms

// A time before 2015 comes from a clock that was never set.
var earliestMS = time.Date(2015, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()

// Undated reports why a tracker's time says nothing: clock_behind before 2015, clock_ahead when it is later than the receipt by more than
// ClockTolerance. "" = it counts. An undated reading is kept, and is no forgery: it has no reading point, and nothing is judged by its time.
func Undated(ms, receivedMS int64) Reason {
	switch {
	case ms < earliestMS:
		return ClockBehind
	case ms > receivedMS+ClockTolerance:
		return ClockAhead
	}
	return ""
}

// EpochMS reads a number as a time: seconds since 1970 below 100,000,000,000, milliseconds from there on. As seconds that is the year 5138,
// as milliseconds 1973, so no tracker means the other one.
func EpochMS(n float64) int64 {
	if math.Abs(n) < 1e11 {
		n *= 1000
	}
	return clampMS(n)
}

// clampMS keeps a time within what can be stored. No time beyond the bounds is dated, so nothing is lost by it.
func clampMS(ms float64) int64 {
	return int64(math.Round(min(max(ms, 0), maxTimeMS-1)))
}
