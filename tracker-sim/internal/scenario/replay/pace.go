package replay

import (
	"time"

	"github.com/trackseal/trackseal/internal/telemetry"
)

// Batch is what one message carries.
type Batch struct {
	Readings []telemetry.Reading
	At       time.Duration // since the first reading of the recording, in recorded time
}

// messageRoom is how many bytes of a message a pack may fill: the rest is for the signed part.
const messageRoom = telemetry.MaxMessage - 1024

// recordRoom is more than one record takes in a pack or as JSON.
const recordRoom = 48

// MaxBatch is how many readings of so many quantities fit one message for certain.
func MaxBatch(quantities int) int {
	return max(1, min(telemetry.MaxRecords, messageRoom/recordRoom)/quantities)
}

// batches cuts a recording into messages. A reading with the time of an earlier one starts a new message, since times are
// unique in a message.
func batches(readings []telemetry.Reading, size int) (out []Batch) {
	seen := make(map[int64]bool, size)
	for from, to := 0, 0; from < len(readings); from = to {
		clear(seen)
		for to < len(readings) && to-from < size && !seen[readings[to].TimeMS] {
			seen[readings[to].TimeMS] = true
			to++
		}
		at := time.Duration(readings[to-1].TimeMS-readings[0].TimeMS) * time.Millisecond
		out = append(out, Batch{Readings: readings[from:to], At: at})
	}
	return out
}

// shift gives readings times around now: from now on with intervals that shrink by the speed, or up to now when they are not paced.
func shift(readings []telemetry.Reading, now time.Time, speed float64) []telemetry.Reading {
	first, last := span(readings)
	from, start := readings[0].TimeMS, now.UnixMilli()
	if speed == 0 {
		speed, start = 1, now.Add(-last.Sub(first)).UnixMilli()
	}
	out := make([]telemetry.Reading, len(readings))
	for i, r := range readings {
		out[i] = telemetry.Reading{TimeMS: start + int64(float64(r.TimeMS-from)/speed), Values: r.Values}
	}
	return out
}
