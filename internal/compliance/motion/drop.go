package motion

import (
	"errors"
	"fmt"

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
// With slower samples the rule is never Met: the finding says that the recorder is inadequate. What such samples do show
// counts all the same: a sample in free fall is a drop, since goods that lie, ride or are carried do not weigh nothing; and
// a sample of impact_alone or more, if that is given, is one too. The impact of a fall is asked for only where it could be
// seen: with samples at most 10 ms apart, or from a tracker that reports shock.
//
// With restitution, the tracker's own pulses (shock and shock_ms) are turned into the drop height that they come from, and
// those of min_height count: then slow samples are adequate, because the tracker itself watched all the time.
type Drop struct {
	FreeFallBelow string `json:"free_fall_below"`        // m/s2
	ImpactAbove   string `json:"impact_above"`           // m/s2
	ImpactAlone   string `json:"impact_alone,omitempty"` // m/s2
	MinHeight     string `json:"min_height"`             // m
	Restitution   string `json:"restitution,omitempty"`  // 0 to 1
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
	freeFall, impact, alone, height, restitution detect.Decimal
	pulses                                       bool // the tracker's pulses count
	needMS, within, maxGap                       int64
	fallMS                                       int64
	maxEvents                                    int
}

func (c Drop) compile() (*dropRule, error) {
	var r dropRule
	var problems []error
	bad := func(err error) { problems = append(problems, err) }
	required := func(member, text string) {
		if text == "" {
			bad(fmt.Errorf("%s: is missing", member))
		}
	}
	var err error
	required("free_fall_below", c.FreeFallBelow)
	r.freeFall, err = amount("free_fall_below", c.FreeFallBelow, 1, Gravity-1)
	bad(err)
	required("impact_above", c.ImpactAbove)
	r.impact, err = amount("impact_above", c.ImpactAbove, Gravity+1, 50_000*detect.Micro)
	bad(err)
	r.alone, err = amount("impact_alone", c.ImpactAlone, Gravity+1, 50_000*detect.Micro)
	bad(err)
	if r.alone > 0 && r.alone < r.impact {
		bad(errors.New("impact_alone: must not be below impact_above"))
	}
	required("min_height", c.MinHeight)
	r.height, err = amount("min_height", c.MinHeight, 10_000, 100*detect.Micro)
	bad(err)
	r.restitution, err = amount("restitution", c.Restitution, 0, detect.Micro)
	bad(err)
	r.fallMS = FallTime(r.height)
	switch { // FallTime of what does not parse is 0
	case c.MaxSampleMS < 0:
		bad(errors.New("max_sample_ms: must be 0 or more"))
	case c.MaxSampleMS > 0 && int64(c.MaxSampleMS) > r.fallMS:
		bad(fmt.Errorf("max_sample_ms: a fall from %s m lasts %d ms and would go unseen; at most that", r.height, r.fallMS))
	}
	if c.WithinMS < 0 || c.WithinMS > 60_000 {
		bad(errors.New("within_ms: must be 0 to 60000"))
	}
	if c.MaxEvents < 0 {
		bad(errors.New("max_events: must be 0 or more"))
	}
	r.pulses = c.Restitution != ""
	r.needMS, r.within, r.maxEvents = int64(c.MaxSampleMS), int64(c.WithinMS), c.MaxEvents
	if r.needMS == 0 {
		r.needMS = r.fallMS / 2
	}
	if r.within == 0 {
		r.within = 1000
	}
	return &r, detect.Problems(problems...)
}

// Validate names everything that is wrong.
func (c Drop) Validate() error {
	_, err := c.compile()
	return err
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

// Detector of this rule on one tracker.
func (c Drop) Detector(_ *detect.Journey, _ string, maxGapMS int64) (detect.Detector, error) {
	r, err := c.compile()
	if err != nil {
		return nil, err
	}
	r.maxGap = maxGapMS
	return &drops{cfg: r, samples: sampling{cfg: r}, pulses: watch{maxGap: maxGapMS}}, nil
}
