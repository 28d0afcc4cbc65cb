package compliance

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

func two(c detect.Journey) detect.Journey {
	c.Trackers = []detect.Tracker{{ID: "A", Windows: []detect.Window{{FromMS: t0}}}, {ID: "B", Windows: []detect.Window{{FromMS: t0}}}}
	return c
}

func temperature(tracker string, values ...float64) []Reading {
	var out []Reading
	for i, v := range values {
		out = append(out, reading(tracker, t0+int64(i)*minute, map[string]float64{"temperature": v}))
	}
	return out
}

func humidity(tracker string, values ...float64) []Reading {
	var out []Reading
	for i, v := range values {
		out = append(out, reading(tracker, t0+int64(i)*minute, map[string]float64{"humidity": v}))
	}
	return out
}

// The worst tracker decides; a tracker without a sensor leaves its metric to the others, one that never reports hides something.
func TestSeveralTrackers(t *testing.T) {
	rs := set(warm(Instant, 0), limit("damp", "humidity", ">", "60", Instant, 0))
	good, damp := temperature("A", 5, 5, 5), humidity("B", 50, 50, 50)
	for name, tc := range map[string]struct {
		readings []Reading
		want     string
		reason   string
	}{
		"each measures its own":    {slices.Concat(good, damp), Compliant, ""},
		"one of them breaks":       {slices.Concat(good, humidity("B", 50, 61, 50)), NonCompliant, "damp: humidity above 60 %RH: 61 %RH (B)"},
		"one never reports":        {slices.Concat(good, humidity("A", 50, 50, 50)), Inconclusive, "tracker B never reported"},
		"nobody measures humidity": {slices.Concat(good, temperature("B", 5, 5, 5)), Inconclusive, "damp: no reading of humidity (A)"},
		"one is silent for long":   {slices.Concat(temperature("A", many(60, 5)...), damp), Inconclusive, "damp: humidity unknown for"},
		"both are bad":             {slices.Concat(temperature("A", 9), temperature("B", 10), damp), NonCompliant, "warm: temperature above 8 °C: 10 °C (B)"},
	} {
		r := judge(t, rs, two(detect.Journey{FromMS: t0}), tc.readings, 0)
		if r.Verdict != tc.want || !strings.Contains(strings.Join(r.Reasons, "; "), tc.reason) {
			t.Errorf("%s: %s %q", name, r.Verdict, r.Reasons)
		}
	}
}

func TestOptionalRules(t *testing.T) {
	rs := set(warm(Instant, 0), limit("damp", "humidity", ">", "60", Instant, 0))
	rs.Rules[1].Optional = true
	good := temperature("T", 5, 5, 5)
	if r := judge(t, rs, oneTracker(), good, 0); r.Verdict != Compliant || r.rule("damp").State != NotJudged || len(r.Metrics) != 1 {
		t.Errorf("%s", r.Encode())
	}
	if r := judge(t, rs, oneTracker(), append(good, humidity("T", 61)...), 0); r.Verdict != NonCompliant {
		t.Errorf("%s", r.Encode())
	}
	only := set(rs.Rules[1])
	if r := judge(t, only, oneTracker(), good, 0); r.Verdict != Inconclusive || !slices.Contains(r.Reasons, "no rule could be judged") {
		t.Errorf("nothing is left to judge by: %s", r.Encode())
	}
	if r := judge(t, only, detect.Journey{FromMS: t0}, nil, 0); r.Verdict != Inconclusive || !slices.Contains(r.Reasons, "no tracker was assigned") {
		t.Errorf("no tracker: %s", r.Encode())
	}
}

// What breaks an info rule is listed and does not touch the verdict.
func TestInfoRules(t *testing.T) {
	rs := set(warm(Instant, 0), limit("note", "temperature", ">", "4", Instant, 0))
	rs.Rules[1].Severity = "info"
	r := judge(t, rs, oneTracker(), temperature("T", 5, 5), 0)
	if r.Verdict != Compliant || len(r.Excursions) != 1 || r.rule("note").State != "broken" || len(r.Reasons) != 0 || r.metric("temperature").OutMS != 0 {
		t.Errorf("%s", r.Encode())
	}
}

// Three values: what is known may decide, else it is unknown.
func TestAllAndAny(t *testing.T) {
	part := func(id, metric, value string) Rule {
		return Rule{ID: id, Limit: &Limit{Metric: metric, Op: ">", Value: value, Mode: Instant}}
	}
	all := set(Rule{ID: "all", Severity: "major", All: []Rule{part("a", "temperature", "8"), part("b", "humidity", "60")}})
	some := set(Rule{ID: "any", Severity: "major", Any: []Rule{part("a", "temperature", "8"), part("b", "humidity", "60")}})
	both := func(temps, rhs []float64) []Reading {
		return slices.Concat(temperature("T", temps...), humidity("T", rhs...))
	}
	ok, bad, late := []float64{5, 5, 5, 5}, []float64{5, 9, 9, 5}, []float64{5, 5, 5, 9}
	dry, damp := []float64{50, 50, 50, 50}, []float64{50, 50, 61, 50}
	for _, tc := range []struct {
		name     string
		readings []Reading
		all, any string
		allN     int
		anyN     int
	}{
		{"neither", both(ok, dry), Compliant, Compliant, 0, 0},
		{"one", both(bad, dry), Compliant, NonCompliant, 0, 1},
		{"both at once", both(bad, damp), NonCompliant, NonCompliant, 1, 1},
		{"both, one after the other", both(late, damp), Compliant, NonCompliant, 0, 1},
		{"one broken, one unknown", both(bad, nil), Inconclusive, NonCompliant, 0, 1},
		{"one met, one unknown", both(ok, nil), Compliant, Inconclusive, 0, 0},
	} {
		if r := judge(t, all, oneTracker(), tc.readings, 0); r.Verdict != tc.all || len(r.Excursions) != tc.allN {
			t.Errorf("all, %s: %s", tc.name, r.Encode())
		}
		if r := judge(t, some, oneTracker(), tc.readings, 0); r.Verdict != tc.any || len(r.Excursions) != tc.anyN {
			t.Errorf("any, %s: %s", tc.name, r.Encode())
		}
	}
	r := judge(t, all, oneTracker(), both(bad, damp), 0)
	if x := r.Excursions[0]; x.StartMS != t0+2*minute || x.EndMS != t0+3*minute || x.Kind != "all" || x.OutMS != minute || x.ID != "all/T/1700000120000" {
		t.Errorf("got %+v, want all/T/1700000120000 of the third minute, of kind all", x)
	}
	// Broken, each at another time, with a gap in one of them: it may have been at once.
	gap := both(late, nil)
	gap = append(gap, reading("T", t0, map[string]float64{"humidity": 61}), reading("T", t0+minute, map[string]float64{"humidity": 50}))
	if r := judge(t, all, oneTracker(), gap, t0+30*minute); r.Verdict != Inconclusive {
		t.Errorf("a gap: %s", r.Encode())
	}
}

func TestSilence(t *testing.T) {
	rs := func(promise bool) RuleSet {
		return set(Rule{ID: "silence", Severity: "minor", Silence: &Silence{MaxS: 300, Promise: promise}})
	}
	said := func(ms int64, due uint32) Reading {
		r := reading("T", ms, map[string]float64{"battery": 50})
		r.Point.NextDueS = due
		return r
	}
	for name, tc := range map[string]struct {
		rules    RuleSet
		readings []Reading
		to       int64
		want     string
		starts   []int64
	}{
		"in time":                      {rs(false), []Reading{said(t0+5*minute, 0), said(t0+10*minute, 0)}, 0, Compliant, nil},
		"too late":                     {rs(false), []Reading{said(t0+5*minute, 0), said(t0+10*minute+1, 0)}, 0, Inconclusive, []int64{t0 + 10*minute}},
		"late to begin":                {rs(false), []Reading{said(t0+6*minute, 0)}, 0, Inconclusive, []int64{t0 + 5*minute}},
		"never again":                  {rs(false), []Reading{said(t0, 0)}, t0 + 60*minute, Inconclusive, []int64{t0 + 5*minute}},
		"a promise that was kept":      {rs(true), []Reading{said(t0, 60), said(t0+minute, 60)}, 0, Compliant, nil},
		"a promise that was not kept":  {rs(true), []Reading{said(t0, 60), said(t0+minute+1, 60)}, 0, Inconclusive, []int64{t0 + minute}},
		"a promise excuses no more":    {rs(true), []Reading{said(t0, 3600), said(t0+6*minute, 0)}, 0, Inconclusive, []int64{t0 + 5*minute}},
		"promises that nobody asks of": {rs(false), []Reading{said(t0, 60), said(t0+4*minute, 0)}, 0, Compliant, nil},
	} {
		r := judge(t, tc.rules, oneTracker(), tc.readings, tc.to)
		var starts []int64
		for _, x := range r.Excursions {
			starts = append(starts, x.StartMS)
		}
		if r.Verdict != tc.want || !slices.Equal(starts, tc.starts) {
			t.Errorf("%s: %s", name, r.Encode())
		}
	}
	r := judge(t, rs(false), oneTracker(), []Reading{said(t0, 0), said(t0+30*minute, 0)}, 0)
	if x := r.Excursions[0]; x.EndMS != t0+30*minute || x.Peak != "1800" || x.Limit != "300" || x.Open || r.rule("silence").UnknownMS != 25*minute {
		t.Errorf("got %+v with %d ms unknown, want the end at 30 minutes, peak 1800 of 300, closed, 25 minutes unknown", x, r.rule("silence").UnknownMS)
	}
}

// Per leg: who held the goods when what began, and rules that begin anew with each custodian.
func TestLegs(t *testing.T) {
	c := oneTracker()
	c.DepartMS = t0 + 10*minute
	c.Legs = []detect.Leg{{Custodian: "ShipperMSP", FromMS: t0, ToMS: c.DepartMS}, {Custodian: "CarrierMSP", FromMS: c.DepartMS}}
	v := many(20, 5)
	for i := 7; i < 13; i++ { // three minutes on each side of the handover
		v[i] = 9
	}
	sum := limit("sum", "temperature", ">", "8", Cumulative, 240)
	each := sum
	each.ID, each.Per = "sum-leg", "leg"
	short := each
	short.ID, short.Limit = "short-leg", &Limit{Metric: "temperature", Op: ">", Value: "8", Mode: Consecutive, DurationS: 180}
	short.Escalation = []Escalation{{180, "critical"}}
	r := judge(t, set(sum, each, short), c, temperature("T", v...), 0)
	if r.rule("sum").State != "broken" || r.rule("sum-leg").State != "met" || r.rule("short-leg").State != "broken" || r.rule("short-leg").Excursions != 2 {
		t.Fatalf("%s", r.Encode())
	}
	if len(r.Legs) != 2 || r.Legs[0].Custodian != "ShipperMSP" || r.Legs[1].Custodian != "CarrierMSP" {
		t.Fatalf("got legs %+v, want one of ShipperMSP and one of CarrierMSP", r.Legs)
	}
	for i, want := range [][]string{{"short-leg/T/1700000420000", "sum/T/1700000420000"}, {"short-leg/T/1700000600000"}} {
		l := r.Legs[i]
		if !slices.Equal(l.Excursions, want) || l.Metrics[0].OutMS != 3*minute || l.Severity != "critical" {
			t.Errorf("leg %d: %+v", i, l)
		}
	}
	if m := r.metric("temperature"); m.OutMS != 6*minute || m.InMS != 13*minute {
		t.Errorf("got %d ms outside and %d ms inside, want 6 and 13 minutes", m.OutMS, m.InMS)
	}
}

func TestEscalation(t *testing.T) {
	rule := warm(Instant, 0)
	rule.Severity, rule.Escalation = "minor", []Escalation{{120, "major"}, {240, "critical"}}
	v := []float64{9, 5, 9, 9, 5, 9, 9, 9, 9, 5}
	r := judge(t, set(rule), oneTracker(), temperature("T", v...), 0)
	var got []string
	for _, x := range r.Excursions {
		got = append(got, x.Severity)
	}
	if !slices.Equal(got, []string{"minor", "major", "critical"}) {
		t.Errorf("got severities %q, want minor, major, critical", got)
	}
}

// Two excursions of one rule, tracker and moment have ids of their own.
func TestExcursionIDsAreUnique(t *testing.T) {
	r := judge(t, set(limit("hit", "shock", ">", "100", Instant, 0)), oneTracker(), []Reading{
		reading("T", t0, map[string]float64{"shock": 150}), reading("T", t0, map[string]float64{"shock": 160})}, 0)
	if len(r.Excursions) != 2 || r.Excursions[0].ID != "hit/T/1700000000000" || r.Excursions[1].ID != "hit/T/1700000000000/2" {
		t.Errorf("got %+v, want hit/T/1700000000000 and the same with /2", r.Excursions)
	}
}

// A moment before what is held in memory is refused, not guessed.
func TestTooLongAgo(t *testing.T) {
	e, err := New(set(warm(Instant, 0)), oneTracker())
	if err != nil {
		t.Fatal(err)
	}
	for i := range int64(2000) {
		e.Add("T", at(t0+i*minute, 5).Point)
	}
	if _, err := e.Result(t0 + minute); !errors.Is(err, ErrStale) || e.Stale() {
		t.Errorf("got %v and stale = %v, want ErrStale for this question alone", err, e.Stale())
	}
	if r, err := e.Result(0); err != nil || r.Verdict != Compliant {
		t.Errorf("%s %v", r.Encode(), err)
	}
	e.Add("T", at(t0+(2000-Window-Checkpoint-1)*minute, 5).Point)
	if !e.Stale() {
		t.Error("not stale")
	}
}

// Very many stays within one window are remembered roughly, and never counted for less.
func TestRollingWindowIsBounded(t *testing.T) {
	r := limit("sum", "temperature", ">", "8", Cumulative, 7200)
	r.Limit.WindowS = 86_400
	rs := set(r)
	e, err := New(rs, oneTracker())
	if err != nil {
		t.Fatal(err)
	}
	for i := range int64(20_000) { // one second of ten
		v := 5.0
		if i%2 == 0 {
			v = 9
		}
		e.Add("T", detect.NewPoint(t0+i/2*10_000+i%2*1000, [32]byte{}, map[string]float64{"temperature": v}))
	}
	got, err := e.Result(0)
	if err != nil || len(got.Excursions) != 1 {
		t.Fatalf("%s %v", got.Encode(), err)
	}
	if sum := got.Excursions[0].OutMS; sum < 8640_000 || sum > 10_000_000 {
		t.Errorf("%d ms", sum)
	}
}

// Two loggers in one box: an hour that both saw is one hour of the leg, each logger's times add up to those of the whole, and what was too
// cold is told apart from what was too warm.
func TestTimesOfEachTracker(t *testing.T) {
	c := oneTracker()
	c.Trackers = []detect.Tracker{{ID: "A", Windows: []detect.Window{{FromMS: t0}}}, {ID: "B", Windows: []detect.Window{{FromMS: t0}}}}
	c.Legs = []detect.Leg{{Custodian: "ShipperMSP", FromMS: t0}}
	readings := append(temperature("A", 9, 9, 9, 1, 5, 5), temperature("B", 5, 9, 9, 5, 5, 5)...)
	r := judge(t, set(warm(Instant, 0), limit("cold", "temperature", "<", "2", Instant, 0)), c, readings, 0)
	want := []MetricTime{{Metric: "temperature", InMS: minute, OutMS: 4 * minute, BelowMS: minute}, {Metric: "temperature", InMS: 3 * minute, OutMS: 2 * minute}}
	for i, x := range r.Trackers {
		if len(x.Metrics) != 1 || x.Metrics[0] != want[i] {
			t.Errorf("tracker %s: got %+v, want %+v", x.ID, x.Metrics, want[i])
		}
	}
	if got, want := r.metric("temperature"), (MetricTime{Metric: "temperature", InMS: 4 * minute, OutMS: 6 * minute, BelowMS: minute}); got != want {
		t.Errorf("in all: got %+v, want %+v", got, want)
	}
	if got := r.Legs[0].Metrics[0]; got != want[0] {
		t.Errorf("leg: got %+v, want the times of tracker A, which was out the longest: %+v", got, want[0])
	}
}
