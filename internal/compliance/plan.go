package compliance

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/trackseal/trackseal/internal/compliance/detect"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// ready is one rule made ready for one tracker.
type ready struct {
	spans []span // where it applies, over all legs
	hours *clock // and in these; nil = all day
	// bounds are what counts as out of range, by metric; a metric without bounds is still a judged one.
	bounds map[detect.Metric][]detect.Bound
}

// task is a demand with its spans: what a unit is made of.
type task struct {
	rule   int // place in the rule set, -1 for a ranged one
	leg    int // -1 = all legs
	metric detect.Metric
	demand *demand
	spans  spans
}

// plan is all that one tracker is judged by. It does not change.
type plan struct {
	tracker string
	windows []span
	tasks   []task // rules first, then ranges
	gap     int64
	sensors []stated // in order; none: nothing is stated
}

// stated is what is known of the tracker's sensors from a time on, the first one also before.
type stated struct {
	from    int64
	sensors *telemetry.Sensors
}

func (p *plan) sensorsAt(ms int64) *telemetry.Sensors {
	out := telemetry.NoSensors
	for i, s := range p.sensors {
		if i == 0 || s.from <= ms {
			out = s.sensors
		}
	}
	return out
}

func sorted(ms []int64) []int64 {
	slices.Sort(ms)
	return slices.Compact(ms)
}

// newPlan makes a tracker's plan.
func newPlan(rs *RuleSet, c *detect.Journey, t *detect.Tracker) (*plan, error) {
	p := &plan{tracker: t.ID, windows: windowsOf(c, t), gap: int64(rs.MaxGapS) * 1000}
	for _, s := range t.Sensors {
		p.sensors = append(p.sensors, stated{s.FromMS, telemetry.SensorsOf(s.Sensors)})
	}
	slices.SortStableFunc(p.sensors, func(a, b stated) int { return cmp.Compare(a.from, b.from) })
	legs := legsOf(c)
	var all []ready
	for i := range rs.Rules {
		r := &rs.Rules[i]
		if excluded(rs, r) != "" || r.Deadline != nil {
			continue
		}
		where, hours := applies(c, p.windows, r), clockOf(rs, r.Hours)
		all = append(all, ready{where, hours, boundsOf(r)})
		parts := []task{{rule: i, leg: -1, spans: spans{where, hours}}}
		if r.Per == "leg" {
			parts = nil
			for n, l := range legs {
				parts = append(parts, task{rule: i, leg: n, spans: spans{clip(where, []span{spanOfLeg(l)}), hours}})
			}
		}
		for _, x := range parts {
			var err error
			if x.demand, err = newDemand(rs, r, until(c, x.spans.all), t.ID, p.gap); err != nil {
				return nil, fmt.Errorf("rules[%d]: %w", i, err)
			}
			p.tasks = append(p.tasks, x)
		}
	}
	p.tasks = append(p.tasks, rangesOf(all, legs, p.gap)...)
	return p, nil
}

// until is the journey as far as a rule follows it: detectors see no more of it than where they apply.
func until(c *detect.Journey, spans []span) *detect.Journey {
	if len(spans) == 0 || spans[len(spans)-1].to == forever {
		return c
	}
	x := *c
	x.EndMS = spans[len(spans)-1].to
	return &x
}

// newDemand makes a rule ready. Its detectors have been made once, so that making one later cannot fail.
func newDemand(rs *RuleSet, r *Rule, c *detect.Journey, tracker string, gap int64) (*demand, error) {
	d := &demand{id: r.ID, all: r.All != nil, name: kindOf(r), about: kindOf(r)}
	nested := slices.Concat(r.All, r.Any)
	for i := range nested {
		if excluded(rs, &nested[i]) != "" {
			continue
		}
		k, err := newDemand(rs, &nested[i], c, tracker, gap)
		if err != nil {
			return nil, err
		}
		d.kids = append(d.kids, k)
	}
	own := *c
	own.Carried = slices.DeleteFunc(slices.Clone(c.Carried), func(x detect.Carried) bool { return x.Rule != r.ID })
	for _, k := range kindsOf(r) {
		first, err := k.Detector(&own, tracker, gap)
		if err != nil {
			return nil, err
		}
		d.about, d.need = k.about(), k.Need()
		d.make = func() detect.Detector { return first.Clone() }
	}
	return d, nil
}

// boundsOf is what a rule takes as in range. Rules without weight in the verdict and nested ones say nothing about it.
func boundsOf(r *Rule) map[detect.Metric][]detect.Bound {
	out := map[detect.Metric][]detect.Bound{}
	if r.Severity == severities[0] {
		return out
	}
	for _, k := range kindsOf(r) {
		if x, ok := k.Kind.(detect.Ranged); ok {
			m, bounds := x.Range()
			out[m] = bounds
		}
	}
	return out
}

// excluded says why a rule is not applied at all, "" when it is. A nested rule that is not applied is left out of its group.
func excluded(rs *RuleSet, r *Rule) string {
	for _, k := range kindsOf(r) {
		if x, ok := k.Kind.(detect.Regional); ok {
			return x.Barred(rs.Jurisdiction)
		}
	}
	nested := slices.Concat(r.All, r.Any)
	why := ""
	for i := range nested {
		if why = excluded(rs, &nested[i]); why == "" {
			return ""
		}
	}
	return why
}

// state is how far a tracker has been judged.
type state struct {
	*plan
	window   int // current, -1 before the first
	held     held
	heard    heardOf
	readings int
	firstMS  int64
	lastMS   int64
	faults   faults
	units    []*unit // by task
}

func newState(p *plan) *state {
	s := &state{plan: p, window: -1}
	for _, t := range p.tasks {
		s.units = append(s.units, newUnit(t.demand, t.spans, p.gap))
	}
	return s
}

func (s *state) clone() *state {
	c := *s
	c.faults = slices.Clone(s.faults)
	c.units = make([]*unit, len(s.units))
	for i, u := range s.units {
		c.units[i] = u.clone()
	}
	return &c
}

// moveTo enters the windows that begin at or before ms.
func (s *state) moveTo(ms int64) {
	for s.window+1 < len(s.windows) && s.windows[s.window+1].from <= ms {
		s.window++
		from := s.windows[s.window].from
		for _, u := range s.units {
			u.leave(from, &s.held)
		}
		s.held.enter(from)
	}
}

func (s *state) step(p *detect.Point) {
	s.moveTo(p.MS)
	for _, u := range s.units {
		u.step(p, &s.held)
	}
	s.held.take(p)
	s.heard.take(p)
	s.faults.take(p)
	if s.readings++; s.readings == 1 {
		s.firstMS = p.MS
	}
	s.lastMS = p.MS
}

// within reports whether ms lies in one of the tracker's windows.
func (p *plan) within(ms int64) bool {
	return slices.ContainsFunc(p.windows, func(s span) bool { return s.from <= ms && ms < s.to })
}

// keys of a map in order.
func keys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
