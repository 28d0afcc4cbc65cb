package motion

import (
	"math"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

// Drop counts falls onto something: free fall (the magnitude of the acceleration, which is that of gravity at rest, sinks
// below free_fall_below) and then an impact (impact_above or more) at most within_ms later. What falls and impacts follow
// within that time is the same drop's bouncing.
//
// A fall's duration is known to one sampling interval on each side, and so is its height, g t²/2. One that may have been of
// min_height counts. To see every such fall, two samples must lie within it: the interval must be at most half the fall's
// time, or max_sample_ms.
//
// With slower samples the rule is never Met: the finding says that the recorder is inadequate. A sample in free fall counts all the
// same, since goods that lie, ride or are carried do not weigh nothing. An impact alone does not: a bump in the road looks like it, and
// the finding counts them and says so. The impact of a fall is asked for only where it could be seen: with samples at most
// 10 ms apart, or from a tracker that reports shock.
//
// With restitution, the tracker's own pulses (shock and shock_ms) are turned into the drop height that they come from, and
// those of min_height count: then slow samples are adequate, because the tracker itself watched all the time.
type Drop struct {
	FreeFallBelow string `json:"free_fall_below"`       // m/s2
	ImpactAbove   string `json:"impact_above"`          // m/s2
	MinHeight     string `json:"min_height"`            // m
	Restitution   string `json:"restitution,omitempty"` // 0 to 1
	MaxSampleMS   int    `json:"max_sample_ms,omitempty"`
	WithinMS      int    `json:"within_ms,omitempty"` // 1000 where it is absent
	MaxEvents     int    `json:"max_events,omitempty"`
}

// Limits that are no rule's choice.
const (
	maxFallMS  = 5_000  // no goods fall for longer (120 m): such a sensor is broken
	maxBoundMS = 10_000 // a fall between samples further apart has no height worth telling
)

// impactMS is the longest sampling interval at which the impact of a packed box, 10 ms and longer, shows.
const impactMS = 10

type dropRule struct {
	freeFall, impact, height, restitution detect.Decimal
	pulses                                bool // the tracker's pulses count
	needMS, within, maxGap                int64
	fallMS                                int64
	maxEvents                             int
}

// Detector of this rule on one tracker.
func (c Drop) Detector(_ *detect.Journey, _ string, maxGapMS int64) (detect.Detector, error) {
	var bad detect.Problems
	r := dropRule{
		freeFall: required(&bad, "free_fall_below", c.FreeFallBelow, 1, Gravity-1),
		impact:   required(&bad, "impact_above", c.ImpactAbove, Gravity+1, 50_000*detect.Micro),
		pulses:   c.Restitution != "",
		needMS:   int64(c.MaxSampleMS), within: int64(c.WithinMS), maxGap: maxGapMS, maxEvents: c.MaxEvents,
	}
	r.height = required(&bad, "min_height", c.MinHeight, 10_000, 100*detect.Micro)
	r.restitution = amount(&bad, "restitution", c.Restitution, 0, detect.Micro)
	r.fallMS = FallTime(r.height)
	switch { // FallTime of what does not parse is 0
	case c.MaxSampleMS < 0:
		bad.Bad("max_sample_ms: must be 0 or more")
	case c.MaxSampleMS > 0 && r.needMS > r.fallMS:
		bad.Bad("max_sample_ms: a fall from %s m lasts %d ms and would go unseen; at most that", r.height, r.fallMS)
	}
	bad.Within("within_ms", c.WithinMS, 0, 60_000)
	bad.Within("max_events", c.MaxEvents, 0, math.MaxInt)
	if r.needMS == 0 {
		r.needMS = r.fallMS / 2
	}
	if r.within == 0 {
		r.within = 1000
	}
	return &drops{cfg: &r, samples: sampling{cfg: &r}, pulses: detect.Clock{GapMS: maxGapMS}}, bad.Err()
}

// Need implements detect.Kind. With restitution, the tracker's own pulses count.
func (c Drop) Need() detect.Need {
	if c.Restitution == "" {
		return detect.Need{Metrics: []detect.Metric{detect.Acceleration}}
	}
	return detect.Need{Metrics: []detect.Metric{detect.Acceleration, detect.Shock}, Event: true}
}

// Asks implements detect.Kind.
func (c Drop) Asks() string {
	return detect.AtMost(c.MaxEvents, "drop") + " from " + c.MinHeight + " m or higher"
}
