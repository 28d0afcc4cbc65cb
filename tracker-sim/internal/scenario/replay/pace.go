package replay

import (
	"fmt"
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

// Batches cuts a recording into messages. A reading with the time of the one before starts a new message, since times are
// unique in a message.
func Batches(readings []telemetry.Reading, size, quantities int) ([]Batch, error) {
	if most := MaxBatch(quantities); size < 1 || size > most {
		return nil, fmt.Errorf("--batch %d: must be 1 to %d for %d quantities", size, most, quantities)
	}
	var out []Batch
	from := 0
	seen := make(map[int64]bool, size)
	flush := func(to int) {
		if to > from {
			last := readings[to-1]
			out = append(out, Batch{Readings: readings[from:to], At: time.Duration(last.TimeMS-readings[0].TimeMS) * time.Millisecond})
		}
		from = to
		clear(seen)
	}
	for i, r := range readings {
		if i-from == size || seen[r.TimeMS] {
			flush(i)
		}
		seen[r.TimeMS] = true
	}
	flush(len(readings))
	return out, nil
}

// Shift gives readings new times: the recording's first time becomes start, and intervals shrink by speed.
func Shift(readings []telemetry.Reading, start time.Time, speed float64) []telemetry.Reading {
	out := make([]telemetry.Reading, len(readings))
	first := readings[0].TimeMS
	for i, r := range readings {
		out[i] = telemetry.Reading{TimeMS: start.UnixMilli() + int64(float64(r.TimeMS-first)/speed), Values: r.Values}
	}
	return out
}
