// Package pulse says how a tracker is, by when its messages were measured and received. Pure: no clock, no I/O.
package pulse

import (
	"cmp"
	"slices"

	"github.com/trackseal/trackseal/internal/telemetry"
)

// Beat is when a message was measured and received.
type Beat struct {
	TimeMS, ReceivedMS int64
	Signed             bool
	Leaf               uint64 // tells two of one millisecond apart
}

// Keep is how many of its newest messages tell how a tracker is.
const Keep = 100

// Pulse is what the newest messages of one tracker tell. The zero value has heard nothing.
type Pulse struct {
	beats []Beat // by receipt, oldest first
	// promised is how long after promisedMS, when it was received, the next message was promised; 0 = no promise.
	promised, promisedMS int64
}

// Add takes a message, in any order and as often as it comes.
func (p *Pulse) Add(b Beat) {
	i, there := slices.BinarySearchFunc(p.beats, b, order)
	if there {
		return
	}
	p.beats = slices.Insert(p.beats, i, b)
	if len(p.beats) > Keep {
		p.beats = slices.Delete(p.beats, 0, len(p.beats)-Keep)
	}
}

func order(a, b Beat) int {
	return cmp.Or(cmp.Compare(a.ReceivedMS, b.ReceivedMS), cmp.Compare(a.Leaf, b.Leaf))
}

// Promise takes what a signed message says of the next one. It counts from the receipt: the tracker's clock may be wrong.
func (p *Pulse) Promise(raw []byte, receivedMS int64) {
	if receivedMS < p.promisedMS {
		return
	}
	m, err := telemetry.Decode(raw)
	if err != nil {
		return // what is stored and is no message, verification names
	}
	p.promised, p.promisedMS = int64(m.NextDueS)*1000, receivedMS
	if m.Sleep != nil {
		p.promised = max(p.promised, m.Sleep.UntilMS-m.TimeMS)
	}
}

// Last is the newest message; ok is false when there is none.
func (p *Pulse) Last() (b Beat, ok bool) {
	if len(p.beats) == 0 {
		return Beat{}, false
	}
	return p.beats[len(p.beats)-1], true
}

const (
	second = int64(1000)
	minute = 60 * second
	hour   = 60 * minute

	burst      = 5 * second  // messages that follow faster are one delivery: a buffer that is emptied
	leastGaps  = 3           // of which a usual interval is made
	leastQuiet = 10 * minute // nobody is silent earlier, unless it promised to speak
	leastGrace = 2 * minute  // after a promised time
	unknown    = 6 * hour    // silence of a tracker whose interval nobody knows
)

// UsualMS is the usual interval between its messages, 0 when it is not known: the median of the times between two deliveries, or, of a tracker
// that never paused, between what it measured.
func (p *Pulse) UsualMS() int64 {
	var received, measured []float64
	for i := 1; i < len(p.beats); i++ {
		if gap := p.beats[i].ReceivedMS - p.beats[i-1].ReceivedMS; gap >= burst {
			received = append(received, float64(gap))
		}
	}
	if len(received) >= leastGaps {
		return int64(Median(received))
	}
	times := make([]int64, len(p.beats))
	for i, b := range p.beats {
		times[i] = b.TimeMS
	}
	slices.Sort(times)
	for i := 1; i < len(times); i++ {
		if gap := times[i] - times[i-1]; gap > 0 {
			measured = append(measured, float64(gap))
		}
	}
	if len(measured) >= leastGaps {
		return int64(Median(measured))
	}
	return 0
}

// Due is when the next message is to be expected, 0 when nobody knows; promised tells whether the tracker said so. From quietMS on it is
// silent. fromMS is since when it is to be heard: its assignment.
func (p *Pulse) Due(fromMS int64) (dueMS int64, promised bool, quietMS int64) {
	last, heard := p.Last()
	since := max(last.ReceivedMS, fromMS)
	usual := p.UsualMS()
	switch {
	case heard && p.promised > 0 && p.promisedMS >= last.ReceivedMS:
		dueMS = p.promisedMS + p.promised
		return dueMS, true, max(dueMS, fromMS) + max(leastGrace, p.promised/2)
	case usual > 0:
		return last.ReceivedMS + usual, false, since + max(3*usual, leastQuiet)
	}
	return 0, false, since + unknown
}

// clockSpan is how far back the fastest message is looked for.
const clockSpan = 6 * hour

// Clock is how far a tracker's clock is off.
type Clock struct {
	// OffsetMS is its time less that of the receipt, of the message that came fastest: what waited in a buffer does not count. The way here is in it.
	OffsetMS int64
	// Unset: the clock shows a time before 2015.
	Unset bool
	// Sure tells that it is the clock: without a signature the time is that of the first reading, which may be older than its message.
	Sure bool
}

// Clock is that of the last hours; ok is false when nothing tells.
func (p *Pulse) Clock() (c Clock, ok bool) {
	last, heard := p.Last()
	if !heard {
		return c, false
	}
	if telemetry.Undated(last.TimeMS, last.ReceivedMS) == telemetry.ClockBehind {
		return Clock{OffsetMS: last.TimeMS - last.ReceivedMS, Unset: true, Sure: true}, true
	}
	c.OffsetMS = last.TimeMS - last.ReceivedMS
	for _, b := range p.beats {
		if b.ReceivedMS < last.ReceivedMS-clockSpan || telemetry.Undated(b.TimeMS, b.ReceivedMS) == telemetry.ClockBehind {
			continue
		}
		c.OffsetMS = max(c.OffsetMS, b.TimeMS-b.ReceivedMS)
	}
	c.Sure = last.Signed || c.OffsetMS > 0
	return c, true
}

// Off reports whether values are lost, or judged at a wrong time, by a clock.
func (c Clock) Off() bool {
	return c.Unset || c.OffsetMS > telemetry.ClockTolerance || c.Sure && c.OffsetMS < -telemetry.ClockTolerance
}
