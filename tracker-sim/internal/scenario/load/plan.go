package load

import (
	"fmt"
	"math"
	"time"

	"github.com/trackseal/trackseal/internal/telemetry"
)

// Plan is the open-loop schedule: which message is due when, whatever the system does meanwhile.
type Plan struct {
	Name     string // prefix of tracker and shipment ids
	Seed     uint64 // of keys and values
	Trackers int
	Rate     float64       // messages per second, all trackers together; 0 = as fast as possible
	Duration time.Duration // with Rate
	Count    int           // messages, with Rate 0
	Readings int           // per message
}

// Messages is how many the plan holds.
func (p Plan) Messages() int {
	if p.Rate == 0 {
		return p.Count
	}
	return int(math.Ceil(p.Rate * p.Duration.Seconds()))
}

// Due is when message i is due after the start.
func (p Plan) Due(i int) time.Duration {
	if p.Rate == 0 {
		return 0
	}
	return time.Duration(float64(i) / p.Rate * float64(time.Second))
}

// signedAt is the time that message i carries. At full speed everything is due at once; there the messages of a tracker are
// spread over the window before the start, so that their readings can be told apart.
func (p Plan) signedAt(i int, start time.Time, window time.Duration) time.Time {
	if p.Rate > 0 {
		return start.Add(p.Due(i))
	}
	rounds := p.Messages()/p.Trackers + 1
	return start.Add(-window * time.Duration(rounds-i/p.Trackers) / time.Duration(rounds))
}

// Tracker names tracker n of the plan.
func (p Plan) Tracker(n int) string { return fmt.Sprintf("%s-%05d", p.Name, n) }

// readings of the k-th message of tracker n. The same plan gives the same values, which is how they are checked when they are
// read back.
func (p Plan) readings(n, k int, at time.Time) []telemetry.Reading {
	out := make([]telemetry.Reading, p.Readings)
	for r := range out {
		// Odd multipliers spread neighbouring trackers and messages; the values need no more randomness than that.
		x := p.Seed + uint64(n)*0x9E3779B97F4A7C15 + uint64(k)*0xBF58476D1CE4E5B9 + uint64(r)*0x94D049BB133111EB
		x ^= x >> 29
		x *= 0xBF58476D1CE4E5B9
		x ^= x >> 32
		out[r] = telemetry.Reading{
			TimeMS: at.UnixMilli() - int64(p.Readings-1-r), // one millisecond apart, back from the message's time
			Values: map[string]float64{"temperature": 2 + float64(x%600)/100, "humidity": 40 + float64(x>>16%300)/10},
		}
	}
	return out
}

// maxSigned is how many messages may be signed beforehand: ten readings in each take some 4 GB.
const maxSigned = 5_000_000

// Validate says what is wrong, in terms of the flags.
func (p Plan) Validate() error {
	switch {
	case p.Trackers < 1 || p.Trackers > 100_000:
		return fmt.Errorf("--trackers %d: must be 1 to 100000", p.Trackers)
	case p.Readings < 1 || p.Readings*2 > telemetry.MaxRecords:
		return fmt.Errorf("--readings-per-message %d: must be 1 to %d", p.Readings, telemetry.MaxRecords/2)
	case p.Rate < 0 || p.Rate > 1e6:
		return fmt.Errorf("--rate %g: must be above 0 and at most 1000000 messages per second", p.Rate)
	case p.Rate > 0 && (p.Duration <= 0 || p.Duration > 7*24*time.Hour):
		return fmt.Errorf("--duration %s: must be above 0 and at most 168h", p.Duration)
	case p.Rate == 0 && (p.Count < 1 || p.Count > maxSigned):
		return fmt.Errorf("--count %d: must be 1 to %d, since all are encoded beforehand", p.Count, maxSigned)
	case p.Messages() < p.Trackers:
		return fmt.Errorf("%d messages for %d trackers: raise --rate or --duration, or lower --trackers", p.Messages(), p.Trackers)
	case !telemetry.ValidID(p.Tracker(p.Trackers)):
		return fmt.Errorf("--name %q: must match [A-Za-z0-9][A-Za-z0-9._-]* and leave room for -NNNNN", p.Name)
	}
	return nil
}
