package compliance

import (
	"fmt"
	"maps"
	"slices"

	"github.com/trackseal/trackseal/internal/compliance/detect"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// aside is what a tracker reported and what does not count: at a time that no clock can have shown, or contradicted.
// Nothing is judged by it, and nothing is met by leaving it out: a rule that one such reading would break, whenever it was measured, is
// not known to be kept. Rules on how long something lasted need no more than the gap that it leaves.
type aside struct {
	undated bool
	breaks  map[int]asideBreak // by rule
}

// asideBreak is the reading furthest from zero that would break a rule.
type asideBreak struct {
	why  telemetry.Reason
	peak detect.Decimal
	what string // metric, or kind
}

func (b asideBreak) worse(than asideBreak) bool {
	x, y := max(b.peak, -b.peak), max(than.peak, -than.peak)
	switch {
	case x != y:
		return x > y
	case b.peak != than.peak:
		return b.peak > than.peak
	}
	return b.why < than.why
}

// words by reason.
var asideWords = map[telemetry.Reason]string{
	telemetry.ClockBehind: "was measured at an unknown time: its clock said before 2015",
	telemetry.ClockAhead:  "was measured at an unknown time: its clock was ahead of the receipt",
	telemetry.Repeated:    "was reported beside another value of the same time",
}

// AddAside takes values that were reported at once and do not count. Their order and repeats change nothing.
func (e *Evaluator) AddAside(tracker string, a telemetry.Aside) {
	s := e.series[tracker]
	if s == nil {
		e.passed = true
		return
	}
	was := e.aside[tracker]
	if was == nil {
		was = &aside{breaks: map[int]asideBreak{}}
		e.aside[tracker] = was
	}
	was.undated = was.undated || a.Why == telemetry.ClockBehind || a.Why == telemetry.ClockAhead
	plan := s.now.plan
	from := e.journey.FromMS
	p := detect.NewPoint(from, [32]byte{}, a.Values).Observed(plan.sensorsAt(forever))
	for _, t := range plan.tasks {
		if t.rule < 0 || e.rules.Rules[t.rule].demands() {
			continue
		}
		u, heard := newUnit(t.demand, spans{all: []span{{from, forever}}}, plan.gap), heardOf{}
		u.step(&p, new(held))
		heard.take(&p)
		f, ok := u.finish(from, new(held), &heard)
		if !ok || f.State != detect.Broken {
			continue
		}
		b := asideBreak{why: a.Why, what: t.demand.about}
		if len(f.Excursions) > 0 {
			b.peak = f.Excursions[0].Peak
		}
		if old, there := was.breaks[t.rule]; !there || b.worse(old) {
			was.breaks[t.rule] = b
		}
	}
}

// setAside makes a rule unknown that no reading in its time broke, and one without would.
func (a *assembly) setAside(i int, out *RuleResult) (unknown bool) {
	for _, id := range slices.Sorted(maps.Keys(a.aside)) {
		if b, there := a.aside[id].breaks[i]; there {
			value := b.peak.String()
			if m, ok := detect.MetricOf(b.what); ok {
				value = m.With(value)
			}
			out.Reasons = append(out.Reasons, fmt.Sprintf("%s of %s %s (%s)", b.what, value, asideWords[b.why], id))
			unknown = true
		}
	}
	return unknown
}
