package motion

import (
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

// Detector of this rule on one tracker.
func (s Shock) Detector(_ *detect.Journey, _ string, maxGapMS int64) (detect.Detector, error) {
	var bad detect.Problems
	r := shockRule{
		min:         amount(&bad, "min", s.Min, 1, 50_000*detect.Micro),
		minMS:       amount(&bad, "min_ms", s.MinMS, 1, 60_000*detect.Micro),
		minVelocity: amount(&bad, "min_velocity", s.MinVelocity, 1, 1000*detect.Micro),
		restitution: amount(&bad, "restitution", s.Restitution, 0, detect.Micro),
		maxEvents:   s.MaxEvents,
	}
	switch {
	case s.Min == "" && s.MinVelocity == "":
		bad.Bad("min: give min or min_velocity")
	case s.Min == "" && s.MinMS != "":
		bad.Bad("min_ms: goes with min")
	case s.MaxEvents < 0:
		bad.Bad("max_events: must be 0 or more")
	}
	return &shocks{cfg: &r, time: detect.Clock{GapMS: maxGapMS}}, bad.Err()
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

type shocks struct {
	cfg   *shockRule
	time  detect.Clock
	found detect.Excursions
	vague int            // pulses that could not be judged without their duration
	blind int            // readings that gave no measurement
	peak  detect.Decimal // of all pulses
}

// Step takes the next reading.
func (d *shocks) Step(p *detect.Point) {
	peak, ok := p.Get(detect.Shock)
	d.time.Read(p.MS, ok)
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

// Lose counts a pulse of which nothing is known.
func (d *shocks) Lose(p *detect.Point) {
	if p.Lost(detect.Shock) {
		d.blind++
	}
}

// Measures tells that the tracker reports shocks, at another time of the trip: so their absence means that there were none.
func (d *shocks) Measures() { d.time.Seen = true }

func (d *shocks) add(p *detect.Point, peak, limit detect.Decimal, note string) {
	d.found.Add(detect.Excursion{StartMS: p.MS, EndMS: p.MS, Peak: peak, Limit: limit, Messages: detect.Messages(p.Message), Note: note})
}

// Cut ends judging at ms.
func (d *shocks) Cut(ms int64, _ bool) { d.time.Stop(ms, false) }

// Clone gives an independent copy.
func (d *shocks) Clone() detect.Detector {
	c := *d
	c.found = d.found.Clone()
	return &c
}

// Finding tells what was found.
func (d *shocks) Finding() detect.Finding {
	n := d.found.Count()
	f := detect.Finding{Tally: d.time.Tally}
	if !d.time.Seen {
		f.InMS, f.UnknownMS = 0, f.InMS+f.UnknownMS
	} else {
		f.Figure("shocks", fmt.Sprint(n), "")
		f.Figure("strongest_shock", d.peak.String(), "m/s2")
	}
	if n > d.cfg.maxEvents {
		d.found.Into(&f)
		f.Because(detect.Broken, "%s, at most %d allowed", detect.Plural(n, "shock"), d.cfg.maxEvents)
	}
	d.time.Doubt(&f, "shock")
	if d.vague > 0 {
		f.Because(detect.Unknown, "%s without a duration", detect.Plural(d.vague, "pulse"))
	}
	if d.blind > 0 {
		f.Because(detect.Unknown, "%s of shock without a measurement", detect.Plural(d.blind, "reading"))
	}
	return f
}
