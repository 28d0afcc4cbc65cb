package fleet

import "time"

// Pace maps a trip's time to real time. The trip is compressed, the timestamps are not: readings carry the real time at
// which they are sent, because ingest compares a tracker's clock with its own and would rightly flag messages from
// tomorrow. So at speed 60 a ten-hour trip is a ten-minute shipment, and rule sets with short durations fit it.
type Pace struct {
	Speed float64
	// PerMessage is how many readings a message carries.
	PerMessage int
}

const (
	// realInterval is the least real time between two readings of a tracker.
	realInterval = 250 * time.Millisecond
	tripInterval = time.Minute
)

// Step is the trip's time between two readings: a minute, or more when the trip runs so fast that a minute of it is
// shorter than realInterval.
func (p Pace) Step() time.Duration {
	least := time.Duration(p.Speed * float64(realInterval))
	return max(tripInterval, (least+tripInterval-1)/tripInterval*tripInterval)
}

// Real is how long a piece of the trip takes.
func (p Pace) Real(trip time.Duration) time.Duration {
	return time.Duration(float64(trip) / p.Speed)
}

// Trip is how much of the trip passes in real time.
func (p Pace) Trip(real time.Duration) time.Duration {
	return time.Duration(float64(real) * p.Speed).Round(time.Second)
}

// NextDue is the promise in a message: when the next one is due, with some slack.
func (p Pace) NextDue() time.Duration {
	return p.Real(p.Step()*time.Duration(p.PerMessage))*3/2 + 2*time.Second
}

// RuleSet is the one whose durations fit.
func (p Pace) RuleSet() string {
	if p.Speed >= 10 {
		return "demo-2-8@1"
	}
	return "general-2-8@1"
}
