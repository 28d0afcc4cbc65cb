package compliance

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

// assembly puts together what the trackers' units found.
type assembly struct {
	rules    *RuleSet
	journey  *detect.Journey
	legs     []detect.Leg
	toMS     int64
	trackers []*state // by id; to be used up
	metrics  tallies
	byLeg    []tallies // of the tracker with the most time out of range
	res      Result
	aside    map[string]*aside
	silent   []string // trackers that never reported
	adequate map[string]*Adequacy
	worst    detect.State // of the rules together, once judged
	judged   bool
}

func newAssembly(rs *RuleSet, c *detect.Journey, toMS int64) *assembly {
	return &assembly{rules: rs, journey: c, legs: legsOf(c), toMS: toMS, adequate: map[string]*Adequacy{}, res: Result{
		Algorithm: Algorithm, RuleSet: rs.Ref(), RuleSetHash: rs.Hash(), FromMS: c.FromMS, ToMS: toMS,
		Final: c.EndMS != 0 && toMS >= c.EndMS, Reasons: []string{}, Metrics: []MetricTime{}, Excursions: []Excursion{}, Allowed: Allowed{Stays: []Excursion{}}, Rules: []RuleResult{},
		Legs: []LegResult{}, Trackers: []TrackerResult{}, Figures: []Figure{}, Budget: []BudgetUse{}, Recorders: []Adequacy{},
		Faults: []FaultCount{},
	}}
}

// weigh takes a state into the verdict.
func (a *assembly) weigh(s detect.State) { a.worst, a.judged = max(a.worst, s), true }

func (a *assembly) result() Result {
	a.byLeg = make([]tallies, len(a.legs))
	for _, st := range a.trackers {
		a.res.Trackers = append(a.res.Trackers, TrackerResult{ID: st.tracker, Readings: st.readings, FirstMS: st.firstMS, LastMS: st.lastMS})
		if !st.heard.any {
			a.silent = append(a.silent, st.tracker)
		}
	}
	for _, id := range a.silent {
		words := "never reported"
		if x := a.aside[id]; x != nil && x.undated {
			words = "reported only at times that no clock can have shown"
		}
		a.res.Reasons = append(a.res.Reasons, fmt.Sprintf("tracker %s %s", id, words))
	}
	if ms := a.uncovered(); ms > 0 {
		a.res.Reasons = append(a.res.Reasons, "no tracker was assigned for "+detect.Span(ms))
		a.weigh(detect.Unknown)
	}
	for i := range a.rules.Rules {
		a.rule(i)
	}
	a.ranges()
	if len(a.silent) > 0 {
		a.weigh(detect.Unknown)
	}
	a.faults()
	a.finish()
	return a.res
}

// uncovered is for how long no tracker was assigned, between the first assignment and the end of judging: taking the tracker
// off must not make a shipment look better than keeping it on. Changing one tracker for another may take the rule set's gap.
func (a *assembly) uncovered() int64 {
	var all []span
	for i := range a.journey.Trackers {
		all = append(all, windowsOf(a.journey, &a.journey.Trackers[i])...)
	}
	var sum int64
	at := a.journey.FromMS
	for _, s := range append(join(all), span{a.toMS, a.toMS}) {
		if gap := min(s.from, a.toMS) - at; gap > int64(a.rules.MaxGapS)*1000 {
			sum += gap
		}
		at = max(at, s.to)
	}
	return sum
}

// rule joins one rule's findings.
func (a *assembly) rule(i int) {
	r := &a.rules.Rules[i]
	out := RuleResult{ID: r.ID, Title: r.Title, Severity: r.Severity, Kind: kindOf(r), State: NotJudged, Reasons: []string{}}
	if why := excluded(a.rules, r); why != "" {
		out.Reasons = append(out.Reasons, why)
		a.res.Rules = append(a.res.Rules, out)
		return
	}
	if r.Deadline != nil {
		a.deadline(r, &out)
	} else {
		a.tracked(i, r, &out)
	}
	a.res.Rules = append(a.res.Rules, out)
	if r.Severity != severities[0] {
		for _, s := range out.Reasons {
			a.res.Reasons = append(a.res.Reasons, r.ID+": "+s)
		}
	}
}

// tracked joins what a rule's units found on the trackers.
func (a *assembly) tracked(i int, r *Rule, out *RuleResult) {
	measured := a.measured(i)
	worst, judged := detect.Met, false
	all := a.found(i, measured || !r.Optional, measured)
	for _, x := range all {
		if a.short(r, x.f, all) {
			continue
		}
		if r.demands() && x.f.State == detect.Broken && !a.res.Final { // it may still come
			x.f.State, x.f.Excursions = detect.Unknown, nil
		}
		judged, worst = true, max(worst, x.f.State)
		a.finding(r, x.task, x.st, x.f, out)
	}
	if judged && worst == detect.Met && a.setAside(i, out) {
		worst = detect.Unknown
	}
	if judged {
		out.State = worst.String()
		if r.Severity != severities[0] {
			a.weigh(worst)
		}
	}
}

// found is what one unit found.
type found struct {
	st   *state
	task task
	f    detect.Finding
}

// found finishes a rule's units.
func (a *assembly) found(i int, any, measured bool) (out []found) {
	for _, st := range a.trackers {
		for n, t := range st.tasks {
			if t.rule != i || !any || measured && st.heard.any && !st.heard.measures(t.demand) {
				continue
			}
			if f, ok := st.units[n].finish(a.toMS, &st.held, &st.heard); ok {
				out = append(out, found{st, t, f})
			}
		}
	}
	return out
}

// short tells a tracker that was not on for as long as something had to be, where another one saw it.
func (a *assembly) short(r *Rule, f detect.Finding, all []found) bool {
	return r.demands() && f.InMS+f.OutMS+f.UnknownMS < int64(r.Limit.DurationS)*1000 &&
		slices.ContainsFunc(all, func(x found) bool { return x.f.State == detect.Met })
}

// measured reports whether any tracker measures what a rule is about.
func (a *assembly) measured(i int) bool {
	for _, st := range a.trackers {
		for _, t := range st.tasks {
			if t.rule == i && st.heard.any && st.heard.measures(t.demand) {
				return true
			}
		}
	}
	return false
}

// finding adds what one unit found.
func (a *assembly) finding(r *Rule, t task, st *state, f detect.Finding, out *RuleResult) {
	out.InMS, out.OutMS, out.UnknownMS = out.InMS+f.InMS, out.OutMS+f.OutMS, out.UnknownMS+f.UnknownMS
	out.Excursions += len(f.Excursions) + f.More
	a.res.More += f.More
	where := st.tracker
	if t.leg >= 0 {
		where += fmt.Sprintf(", leg %d", t.leg+1)
	}
	if st.heard.any { // else it is said once, for all rules
		for _, s := range f.Reasons {
			out.Reasons = append(out.Reasons, fmt.Sprintf("%s (%s)", s, where))
		}
	}
	a.recorder(r, st.tracker, f)
	for _, x := range f.Excursions {
		a.res.Excursions = append(a.res.Excursions, a.excursion(r, t, st.tracker, x))
	}
	for _, x := range f.Allowed.List() {
		stay := a.excursion(r, t, st.tracker, x)
		stay.Severity = severities[0]
		a.res.Allowed.Stays = append(a.res.Allowed.Stays, stay)
	}
	a.res.Allowed.Count, a.res.Allowed.OutMS = a.res.Allowed.Count+f.Allowed.Count(), a.res.Allowed.OutMS+f.Allowed.OutMS()
	for _, g := range f.Figures {
		a.res.Figures = append(a.res.Figures, Figure{r.ID, st.tracker, g.Name, g.Value, g.Unit})
	}
	for _, s := range f.Spent {
		a.spent(r.ID, st.tracker, s)
	}
}

// recorder notes whether a tracker was fit.
func (a *assembly) recorder(r *Rule, tracker string, f detect.Finding) {
	var reasons []string
	for _, s := range f.Reasons {
		if strings.Contains(s, detect.Inadequate) {
			reasons = append(reasons, r.ID+": "+s)
		}
	}
	if !f.Fitness && len(reasons) == 0 {
		return
	}
	x := a.adequate[tracker]
	if x == nil {
		x = &Adequacy{Tracker: tracker, Adequate: true, Reasons: []string{}}
		a.adequate[tracker] = x
	}
	x.Adequate = x.Adequate && len(reasons) == 0 && (!f.Fitness || f.State == detect.Met)
	x.Reasons = append(x.Reasons, reasons...)
}

func (a *assembly) excursion(r *Rule, t task, tracker string, x detect.Excursion) Excursion {
	out := Excursion{Rule: r.ID, Kind: t.demand.name, Metric: t.demand.about, Tracker: tracker, Severity: r.Severity, Leg: legAt(a.legs, x.StartMS),
		StartMS: x.StartMS, EndMS: x.EndMS, Open: x.Open, Peak: x.Peak.String(), Limit: x.Limit.String(), OutMS: x.OutMS, Messages: []string{}, Note: x.Note}
	lasted := x.OutMS
	if lasted == 0 {
		lasted = x.EndMS - x.StartMS
	}
	for _, e := range r.Escalation {
		if lasted >= int64(e.AfterS)*1000 {
			out.Severity = e.Severity
		}
	}
	for _, m := range x.Messages {
		out.Messages = append(out.Messages, hex.EncodeToString(m[:]))
	}
	return out
}

// spent keeps the tracker that shows most of a band.
func (a *assembly) spent(rule, tracker string, s detect.Spent) {
	use := BudgetUse{Rule: rule, Band: s.Band, Tracker: tracker, SpentMS: s.SpentMS, MaxMS: s.MaxMS, LongestMS: s.LongestMS, MaxSingleMS: s.MaxSingleMS,
		ChargedMS: s.ChargedMS, CarriedMS: s.CarriedMS, Level: max(detect.LevelOf(s.SpentMS, s.MaxMS), detect.LevelOf(s.LongestMS, s.MaxSingleMS)).String()}
	for i := range a.res.Budget {
		if b := &a.res.Budget[i]; b.Rule == rule && b.Band == s.Band {
			if b.SpentMS < use.SpentMS || b.SpentMS == use.SpentMS && b.LongestMS < use.LongestMS {
				*b = use
			}
			return
		}
	}
	a.res.Budget = append(a.res.Budget, use)
}

// tallies are the metrics' times; nil for a metric that was not judged.
type tallies [detect.Metrics]*detect.Tally

func (t *tallies) add(m detect.Metric, o detect.Tally) {
	if t[m] == nil {
		t[m] = new(detect.Tally)
	}
	t[m].Add(o)
}

func (t *tallies) show() []MetricTime {
	out := []MetricTime{}
	for m, x := range t {
		if x != nil {
			out = append(out, MetricTime{Metric: detect.Metric(m).String(), InMS: x.InMS, OutMS: x.OutMS, BelowMS: x.BelowMS, UnknownMS: x.UnknownMS})
		}
	}
	return out
}

// worse keeps each metric's time of the tracker that shows more of it out of range, then unknown: what two trackers saw of one hour is one hour.
func (t *tallies) worse(o *tallies) {
	for m, x := range o {
		if x != nil && (t[m] == nil || cmp.Or(cmp.Compare(x.OutMS, t[m].OutMS), cmp.Compare(x.UnknownMS, t[m].UnknownMS)) > 0) {
			t[m] = x
		}
	}
}

// ranges sums the metrics' times.
func (a *assembly) ranges() {
	var measured [detect.Metrics]bool
	for _, st := range a.trackers {
		for m := range detect.Metrics {
			measured[m] = measured[m] || st.heard.metrics[m]
		}
	}
	for i, st := range a.trackers {
		var own tallies
		legs := make([]tallies, len(a.legs))
		for n, t := range st.tasks {
			if t.rule >= 0 || measured[t.metric] && st.heard.any && !st.heard.metrics[t.metric] || !measured[t.metric] && !a.demanded(t.metric) {
				continue
			}
			f, ok := st.units[n].finish(a.toMS, &st.held, &st.heard)
			if !ok {
				continue
			}
			a.metrics.add(t.metric, f.Tally)
			own.add(t.metric, f.Tally)
			if t.leg >= 0 {
				legs[t.leg].add(t.metric, f.Tally)
			}
		}
		a.res.Trackers[i].Metrics = own.show()
		for n := range legs {
			a.byLeg[n].worse(&legs[n])
		}
	}
}

// demanded reports whether a rule that is not optional is about a metric.
func (a *assembly) demanded(m detect.Metric) bool {
	for i := range a.rules.Rules {
		if r := &a.rules.Rules[i]; !r.Optional && excluded(a.rules, r) == "" {
			if _, ok := boundsOf(r)[m]; ok {
				return true
			}
		}
	}
	return false
}

// finish orders, names and sums up.
func (a *assembly) finish() {
	a.res.Metrics = a.metrics.show()
	name(a.res.Excursions)
	name(a.res.Allowed.Stays)
	a.split()
	for _, id := range keys(a.adequate) {
		a.res.Recorders = append(a.res.Recorders, *a.adequate[id])
	}
	switch {
	case len(a.trackers) == 0:
		a.res.Verdict, a.res.Reasons = Inconclusive, append(a.res.Reasons, "no tracker was assigned")
	case a.worst == detect.Broken:
		a.res.Verdict = NonCompliant
	case a.worst == detect.Unknown:
		a.res.Verdict = Inconclusive
	case !a.judged:
		a.res.Verdict, a.res.Reasons = Inconclusive, append(a.res.Reasons, "no rule could be judged")
	default:
		a.res.Verdict = Compliant
	}
}

// name orders the excursions and gives each its id; those of one rule, tracker and moment are numbered.
func name(all []Excursion) {
	slices.SortStableFunc(all, func(x, y Excursion) int {
		return cmp.Or(cmp.Compare(x.StartMS, y.StartMS), cmp.Compare(x.Rule, y.Rule), cmp.Compare(x.Tracker, y.Tracker), cmp.Compare(x.EndMS, y.EndMS))
	})
	used := map[string]int{}
	for i := range all {
		x := &all[i]
		x.ID = x.Rule + "/" + x.Tracker + "/" + strconv.FormatInt(x.StartMS, 10)
		if used[x.ID]++; used[x.ID] > 1 {
			x.ID += "/" + strconv.Itoa(used[x.ID])
		}
	}
}

// split says who held the goods when what began.
func (a *assembly) split() {
	for i, l := range a.legs {
		if l.FromMS > a.toMS {
			break
		}
		out := LegResult{Custodian: l.Custodian, FromMS: l.FromMS, ToMS: l.ToMS, Metrics: a.byLeg[i].show(), Excursions: []string{}}
		for _, x := range a.res.Excursions {
			if x.Leg != i {
				continue
			}
			out.Excursions = append(out.Excursions, x.ID)
			if slices.Index(severities, x.Severity) > slices.Index(severities, out.Severity) {
				out.Severity = x.Severity
			}
		}
		a.res.Legs = append(a.res.Legs, out)
	}
}
