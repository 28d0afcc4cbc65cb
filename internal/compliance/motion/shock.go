package motion

import (
	"errors"
	"fmt"
	"strings"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

// Shock counts the pulses that the tracker itself caught (the metrics shock and shock_ms): those at or above min that last
// min_ms or longer, and those whose velocity change (half-sine, from peak and duration) is min_velocity or more. It needs one
// of the two, and with both either counts. More than max_events break the rule.
//
// A tracker may leave shock out of a reading when there was none; one that never reports it is unknown.
type Shock struct {
	Min         string `json:"min,omitempty"`          // m/s2
	MinMS       string `json:"min_ms,omitempty"`       // ms
	MinVelocity string `json:"min_velocity,omitempty"` // m/s
	// Restitution of the equivalent drop height that the notes give: 0 (all of the fall's speed is lost) to 1 (it bounces back).
	Restitution string `json:"restitution,omitempty"`
	MaxEvents   int    `json:"max_events,omitempty"`
}

type shockRule struct {
	min, minMS, minVelocity, restitution detect.Decimal
	maxEvents                            int
}

func (s Shock) compile() (*shockRule, error) {
	var r shockRule
	var problems [5]error
	r.min, problems[0] = amount("min", s.Min, 1, 50_000*detect.Micro)
	r.minMS, problems[1] = amount("min_ms", s.MinMS, 1, 60_000*detect.Micro)
	r.minVelocity, problems[2] = amount("min_velocity", s.MinVelocity, 1, 1000*detect.Micro)
	r.restitution, problems[3] = amount("restitution", s.Restitution, 0, detect.Micro)
	switch {
	case s.Min == "" && s.MinVelocity == "":
		problems[4] = errors.New("min: give min or min_velocity")
	case s.Min == "" && s.MinMS != "":
		problems[4] = errors.New("min_ms: goes with min")
	case s.MaxEvents < 0:
		problems[4] = errors.New("max_events: must be 0 or more")
	}
	r.maxEvents = s.MaxEvents
	return &r, detect.Problems(problems[:]...)
}

// Validate names everything that is wrong.
func (s Shock) Validate() error {
	_, err := s.compile()
	return err
}

// Need implements detect.Kind.
func (s Shock) Need() detect.Need {
	return detect.Need{Metrics: []detect.Metric{detect.Shock}, Event: true}
}

// Asks implements detect.Kind.
func (s Shock) Asks() string {
	var which []string
	if s.Min != "" {
		text := "of " + detect.Shock.With(s.Min) + " or more"
		if s.MinMS != "" {
			text += " that lasts " + detect.ShockMS.With(s.MinMS) + " or longer"
		}
		which = append(which, text)
	}
	if s.MinVelocity != "" {
		which = append(which, "with a velocity change of "+s.MinVelocity+" m/s or more")
	}
	return detect.AtMost(s.MaxEvents, "shock") + " " + strings.Join(which, " or ")
}

// Detector of this rule on one tracker.
func (s Shock) Detector(_ *detect.Journey, _ string, maxGapMS int64) (detect.Detector, error) {
	r, err := s.compile()
	if err != nil {
		return nil, err
	}
	return &shocks{cfg: r, time: watch{maxGap: maxGapMS}}, nil
}

type shocks struct {
	cfg   *shockRule
	time  watch
	found detect.Excursions
	vague int            // pulses that could not be judged without their duration
	peak  detect.Decimal // of all pulses
}

// Step takes the next reading.
func (d *shocks) Step(p *detect.Point) {
	peak, ok := p.Get(detect.Shock)
	d.time.reading(p.MS, ok)
	if !ok {
		return
	}
	d.peak = max(d.peak, peak)
	if peak <= 0 {
		return
	}
	ms, timed := p.Get(detect.ShockMS)
	strong := d.cfg.min > 0 && peak >= d.cfg.min
	if !timed {
		switch {
		case strong && d.cfg.minMS == 0:
			d.add(p, peak, d.cfg.min, peak.String()+" m/s²")
		case strong || d.cfg.minVelocity > 0:
			d.vague++
		}
		return
	}
	var velocity detect.Decimal
	if ms > 0 {
		velocity = VelocityChange(peak, ms)
	}
	note := fmt.Sprintf("%s m/s² for %s ms: velocity change %s m/s, as from a drop of %s m", peak, ms, brief(velocity), brief(EquivalentHeight(velocity, d.cfg.restitution)))
	switch {
	case strong && ms >= d.cfg.minMS:
		d.add(p, peak, d.cfg.min, note)
	case d.cfg.minVelocity > 0 && velocity >= d.cfg.minVelocity:
		d.add(p, velocity, d.cfg.minVelocity, note)
	}
}

// Measures tells that the tracker reports shocks, at another time of the trip: so their absence means that there were none.
func (d *shocks) Measures() { d.time.seen = true }

func (d *shocks) add(p *detect.Point, peak, limit detect.Decimal, note string) {
	d.found.Add(detect.Excursion{StartMS: p.MS, EndMS: p.MS, Peak: peak, Limit: limit, Messages: detect.Messages(p.Message), Note: note})
}

// Cut ends judging at ms.
func (d *shocks) Cut(ms int64) { d.time.cut(ms) }

// Clone gives an independent copy.
func (d *shocks) Clone() detect.Detector {
	c := *d
	c.found = d.found.Clone()
	return &c
}

// Finish tells what was found up to toMS.
func (d *shocks) Finish(toMS int64) detect.Finding {
	t := d.time
	t.cut(toMS)
	n := d.found.Count()
	f := detect.Finding{InMS: t.inMS, UnknownMS: t.unknownMS}
	if !t.seen {
		f.InMS, f.UnknownMS = 0, t.inMS+t.unknownMS
	} else {
		f.Figures = []detect.Figure{{Name: "shocks", Value: fmt.Sprint(n)}, {Name: "strongest_shock", Value: d.peak.String(), Unit: "m/s2"}}
	}
	if n > d.cfg.maxEvents {
		d.found.Into(&f)
		f.State = detect.Broken
		f.Reasons = append(f.Reasons, fmt.Sprintf("%s, at most %d allowed", detect.Plural(n, "shock"), d.cfg.maxEvents))
	}
	f.Reasons = append(f.Reasons, t.unknown("shock")...)
	if d.vague > 0 {
		f.Reasons = append(f.Reasons, detect.Plural(d.vague, "pulse")+" without a duration")
	}
	if f.State == detect.Met && len(f.Reasons) > 0 {
		f.State = detect.Unknown
	}
	return f
}
