package compliance

import (
	"strings"
	"testing"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

// delivered is a shipment with the calibrated tracker T from t0 on, that was delivered after ms.
func delivered(ms int64) detect.Journey {
	c := oneTracker()
	c.EndMS = t0 + ms
	c.Trackers[0].Calibrations = []detect.Window{{FromMS: t0 - 1, ToMS: t0 + ms + 1}}
	return c
}

// phase is a time with one value.
type phase struct {
	hours float64
	value string
}

// hold gives readings every two minutes, and one at the start of each phase, of a journey that ends with the last phase.
func hold(t testing.TB, phases ...phase) (detect.Journey, []Reading) {
	t.Helper()
	at, ms := int64(0), int64(0)
	var out []Reading
	for _, p := range phases {
		v, err := detect.ParseDecimal(p.value)
		if err != nil {
			t.Fatal(err)
		}
		ms = int64(p.hours*3_600_000 + 0.5)
		for x := int64(0); x < ms; x += 2 * minute {
			out = append(out, reading("T", t0+at+x, map[string]float64{"temperature": v.Float()}))
		}
		at += ms
	}
	return delivered(at), out
}

func builtinSet(t testing.TB, ref string) RuleSet {
	t.Helper()
	rs, ok := Lookup(ref)
	if !ok {
		t.Fatalf("no rule set %s", ref)
	}
	return rs
}

// figure finds a number beside the verdict.
func (r Result) figure(name string) string {
	for _, f := range r.Figures {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

func (r Result) rule(id string) RuleResult {
	for _, x := range r.Rules {
		if x.ID == id {
			return x
		}
	}
	return RuleResult{}
}

// The five worked examples of a mean kinetic temperature, through the built-in rule sets.
func TestMKTVectors(t *testing.T) {
	for _, tc := range []struct {
		ref    string
		phases []phase
		want   string
		state  string
	}{
		{"refrigerated-2-8-us@1", []phase{{18, "5"}, {6, "14"}}, "8.285", "broken"},
		{"refrigerated-2-8-us@1", []phase{{20, "5"}, {4, "12"}}, "6.65", "met"},
		{"refrigerated-2-8-us@1", []phase{{22, "5"}, {2, "15"}}, "6.462", "met"},
		{"crt-us@1", []phase{{360, "20"}, {360, "28"}}, "24.825", "met"},
		{"crt-us@1", []phase{{696, "24"}, {24, "40"}}, "25.26", "broken"},
	} {
		c, all := hold(t, tc.phases...)
		r := judge(t, builtinSet(t, tc.ref), c, all, 0)
		got, err := detect.ParseDecimal(r.figure("mean_kinetic_temperature"))
		want, _ := detect.ParseDecimal(tc.want)
		if err != nil || got != want || r.rule("mkt").State != tc.state || (r.Verdict == NonCompliant) != (tc.state == "broken") {
			t.Errorf("%v: mkt %q, %s, verdict %s %q, want %s %s", tc.phases, r.figure("mean_kinetic_temperature"), r.rule("mkt").State, r.Verdict, r.Reasons, tc.want, tc.state)
		}
	}
}

// One jurisdiction admits the mean, another does not: the same trip, two verdicts.
func TestMKTByJurisdiction(t *testing.T) {
	c, all := hold(t, phase{20, "5"}, phase{4, "12"})
	if r := judge(t, builtinSet(t, "refrigerated-2-8-us@1"), c, all, 0); r.Verdict != Compliant {
		t.Errorf("US: %s %q", r.Verdict, r.Reasons)
	}
	r := judge(t, builtinSet(t, "refrigerated-2-8-de@1"), c, all, 0)
	if m := r.rule("mkt"); r.Verdict != NonCompliant || m.State != NotJudged || len(m.Reasons) != 1 || !strings.Contains(m.Reasons[0], "DE") {
		t.Errorf("DE: %s %+v", r.Verdict, m)
	}
}

// LogTag's PQS devices trip at the limit itself.
func TestInclusivityLogTag(t *testing.T) {
	for v, want := range map[string]string{"44.9": Compliant, "45": NonCompliant, "45.1": NonCompliant} {
		c, all := hold(t, phase{1, "20"}, phase{1, v}, phase{1, "20"})
		if r := judge(t, builtinSet(t, "who-pqs-shipping-1@1"), c, all, 0); r.Verdict != want {
			t.Errorf("%s: %s %q", v, r.Verdict, r.Reasons)
		}
	}
}

// mSupply's defaults: exactly 8.0 is hot and 2.0 is cold. Other sets have 2 to 8 inclusive.
func TestInclusivityMSupply(t *testing.T) {
	for _, tc := range []struct {
		v           string
		minutes     float64
		store, open string
	}{
		{"8", 30, NonCompliant, Compliant}, {"8", 29, Compliant, Compliant}, {"7.999999", 60, Compliant, Compliant}, {"8.000001", 30, NonCompliant, NonCompliant},
		{"2", 20, NonCompliant, Compliant}, {"2", 19, Compliant, Compliant}, {"2.000001", 60, Compliant, Compliant}, {"1.999999", 20, NonCompliant, NonCompliant},
	} {
		c, all := hold(t, phase{1, "5"}, phase{tc.minutes / 60, tc.v}, phase{1, "5"})
		if r := judge(t, builtinSet(t, "vaccine-store@1"), c, all, 0); r.Verdict != tc.store {
			t.Errorf("store: %s for %g min: %s %q", tc.v, tc.minutes, r.Verdict, r.Reasons)
		}
		if r := judge(t, builtinSet(t, "general-2-8@1"), c, all, 0); r.Verdict != tc.open {
			t.Errorf("general: %s for %g min: %s %q", tc.v, tc.minutes, r.Verdict, r.Reasons)
		}
	}
	// The sums: hot 60 min and cold 40 min in stays that are each too short.
	for v, n := range map[string]int{"8": 3, "2": 3} {
		each := map[string]float64{"8": 25, "2": 15}[v]
		var phases []phase
		for range n {
			phases = append(phases, phase{each / 60, v}, phase{1, "5"})
		}
		c, all := hold(t, phases...)
		r := judge(t, builtinSet(t, "vaccine-store@1"), c, all, 0)
		if len(r.Excursions) != 1 || !strings.HasSuffix(r.Excursions[0].Rule, "-in-all") {
			t.Errorf("%s: %s", v, r.Encode())
		}
	}
}

// A Berlinger device stayed silent over 3.5 h below the limit, because no event lasted an hour: only a sum sees that.
func TestBerlingerConsecutiveIsSilentCumulativeAlarms(t *testing.T) {
	phases := []phase{{2, "5"}}
	for range 4 {
		phases = append(phases, phase{52.5 / 60, "-1"}, phase{1, "5"})
	}
	c, all := hold(t, phases...)
	if r := judge(t, set(limit("freeze", "temperature", "<=", "-0.5", Consecutive, 3600)), c, all, 0); r.Verdict != Compliant {
		t.Errorf("consecutive: %s %q", r.Verdict, r.Reasons)
	}
	r := judge(t, set(limit("freeze", "temperature", "<=", "-0.5", Cumulative, 3600)), c, all, 0)
	if r.Verdict != NonCompliant || r.Excursions[0].OutMS != 4*52.5*minute {
		t.Errorf("cumulative: %s", r.Encode())
	}
}

// Each limit of the PQS shipping indicators, at, just below and just above it, for its duration and just less.
func TestPQSLimits(t *testing.T) {
	const second = 1.0 / 3600
	for _, tc := range []struct {
		ref, rule, in, at, beyond string
		hours                     float64
		sum                       bool
	}{
		{"who-pqs-shipping-1@1", "heat-45", "44.999999", "45", "45.000001", 1, false},
		{"who-pqs-shipping-1@1", "heat-30", "29.999999", "30", "30.000001", 10, true},
		{"who-pqs-shipping-1@1", "freeze", "-0.499999", "-0.5", "-0.500001", 1, false},
		{"who-pqs-shipping-2@1", "heat-45", "44.999999", "45", "45.000001", 1, false},
		{"who-pqs-shipping-2@1", "heat-30", "29.999999", "30", "30.000001", 10, true},
		{"who-pqs-shipping-2@1", "heat-10", "9.999999", "10", "10.000001", 20, true},
	} {
		judge := func(name, v string, hours float64, split int, want string) {
			phases := []phase{{1, "5"}}
			for range split {
				phases = append(phases, phase{hours / float64(split), v}, phase{1, "5"})
			}
			c, all := hold(t, phases...)
			r := judge(t, builtinSet(t, tc.ref), c, all, 0)
			if got := r.rule(tc.rule).State; got != want {
				t.Errorf("%s %s %s: %s %s", tc.ref, tc.rule, name, got, r.Encode())
			}
		}
		judge("inside", tc.in, tc.hours+1, 1, "met")
		judge("at the limit", tc.at, tc.hours, 1, "broken")
		judge("beyond", tc.beyond, tc.hours, 1, "broken")
		judge("at, a second less", tc.at, tc.hours-second, 1, "met")
		judge("at, a second more", tc.at, tc.hours+second, 1, "broken")
		inParts := map[bool]string{true: "broken", false: "met"}[tc.sum]
		judge("in two parts", tc.at, tc.hours, 2, inParts)
	}
}

// Type 2 does not know frost, type 1 does not mind 10 °C.
func TestPQSTypesDiffer(t *testing.T) {
	c, all := hold(t, phase{30, "10"})
	cold, frozen := hold(t, phase{30, "-20"})
	for _, tc := range []struct {
		ref  string
		c    detect.Journey
		all  []Reading
		want string
	}{
		{"who-pqs-shipping-1@1", c, all, Compliant}, {"who-pqs-shipping-2@1", c, all, NonCompliant},
		{"who-pqs-shipping-1@1", cold, frozen, NonCompliant}, {"who-pqs-shipping-2@1", cold, frozen, Compliant},
	} {
		if r := judge(t, builtinSet(t, tc.ref), tc.c, tc.all, 0); r.Verdict != tc.want {
			t.Errorf("%s: %s %q", tc.ref, r.Verdict, r.Reasons)
		}
	}
}

func TestFridge30DayLimits(t *testing.T) {
	for _, tc := range []struct {
		v     string
		hours float64
		want  string
	}{{"8", 20, Compliant}, {"8.1", 10, NonCompliant}, {"8.1", 9.9, Compliant}, {"-0.5", 5, Compliant}, {"-0.6", 1, NonCompliant}, {"-0.6", 0.9, Compliant}} {
		c, all := hold(t, phase{1, "5"}, phase{tc.hours, tc.v}, phase{1, "5"})
		if r := judge(t, builtinSet(t, "fridge-30-day@1"), c, all, 0); r.Verdict != tc.want {
			t.Errorf("%+v: %s %q", tc, r.Verdict, r.Reasons)
		}
	}
}

// EN 12830: at most 5 min between readings on trips below 24 h, 15 min below 7 days, 60 min on longer ones.
func TestEN12830Intervals(t *testing.T) {
	rs := set(Rule{ID: "recorder", Severity: "minor", Recorder: &Recorder{Standard: "EN12830"}})
	rs.MaxGapS = 7200
	for _, tc := range []struct {
		tripS, everyS int64
		want          string
	}{
		{3600, 300, Compliant}, {3600, 301, Inconclusive},
		{86_399, 300, Compliant}, {86_399, 301, Inconclusive},
		{86_400, 900, Compliant}, {86_400, 901, Inconclusive},
		{7*86_400 - 1, 900, Compliant}, {7*86_400 - 1, 901, Inconclusive},
		{7 * 86_400, 3600, Compliant}, {7 * 86_400, 3601, Inconclusive},
		{30 * 86_400, 3600, Compliant}, {30 * 86_400, 3601, Inconclusive},
	} {
		var all []Reading
		for s := int64(0); s < tc.tripS; s += tc.everyS {
			all = append(all, at(t0+s*1000+s%7, 5)) // with some jitter
		}
		r := judge(t, rs, delivered(tc.tripS*1000), all, 0)
		if r.Verdict != tc.want || len(r.Recorders) != 1 || r.Recorders[0].Adequate != (tc.want == Compliant) {
			t.Errorf("every %d s on %d s: %s", tc.everyS, tc.tripS, r.Encode())
		}
		if r.Verdict == Inconclusive && !strings.Contains(r.Reasons[0], "recorder inadequate: ") {
			t.Errorf("%q", r.Reasons)
		}
	}
}

func TestRecorderAdequacy(t *testing.T) {
	calibrated := func(windows ...detect.Window) detect.Journey {
		c := delivered(60 * minute)
		c.Trackers[0].Calibrations = windows
		return c
	}
	from, to := t0, t0+60*minute
	every := temps(many(60, 5)...)
	for name, tc := range map[string]struct {
		recorder Recorder
		c        detect.Journey
		readings []Reading
		want     string // of the reason; "" = adequate
	}{
		"calibrated":                    {Recorder{Calibration: true}, calibrated(detect.Window{FromMS: from, ToMS: to}), every, ""},
		"calibrated for good":           {Recorder{Calibration: true}, calibrated(detect.Window{FromMS: from - 5}), every, ""},
		"two certificates":              {Recorder{Calibration: true}, calibrated(detect.Window{FromMS: from + 30*minute, ToMS: to}, detect.Window{FromMS: from - 1, ToMS: from + 30*minute}), every, ""},
		"ends too early":                {Recorder{Calibration: true}, calibrated(detect.Window{FromMS: from, ToMS: to - 1}), every, "covers 0.001 s"},
		"begins too late":               {Recorder{Calibration: true}, calibrated(detect.Window{FromMS: from + 2000, ToMS: to}), every, "covers 2 s"},
		"none":                          {Recorder{Calibration: true}, calibrated(), every, "no calibration"},
		"in range":                      {Recorder{Min: "5", Max: "5.000001"}, calibrated(), every, ""},
		"beyond the sensor":             {Recorder{Min: "-30", Max: "4.9"}, calibrated(), every, "60 readings of temperature lie outside"},
		"measures":                      {Recorder{Measures: []string{"shock", "temperature"}}, calibrated(), every, ""},
		"does not measure":              {Recorder{Measures: []string{"shock", "acceleration"}}, calibrated(), every, "none of shock, acceleration"},
		"a hole":                        {Recorder{Standard: "EN12830"}, calibrated(), append(temps(many(30, 5)...), at(t0+59*minute, 5)), "the longest time between two readings was 30 min"},
		"a hole that is small enough":   {Recorder{Standard: "EN12830", Coverage: "0.5"}, calibrated(), append(temps(many(30, 5)...), at(t0+59*minute, 5)), ""},
		"own interval":                  {Recorder{Intervals: []Interval{{0, 60}}}, calibrated(), every, ""},
		"own interval, too long for it": {Recorder{Intervals: []Interval{{0, 59}}}, calibrated(), every, "needs a reading every 59 s"},
	} {
		rs := set(Rule{ID: "recorder", Severity: "minor", Recorder: &tc.recorder})
		r := judge(t, rs, tc.c, tc.readings, 0)
		if (r.Verdict == Compliant) != (tc.want == "") || !strings.Contains(strings.Join(r.Reasons, ";"), tc.want) || r.Recorders[0].Adequate != (tc.want == "") {
			t.Errorf("%s: %s", name, r.Encode())
		}
	}
}

// Every built-in rule set calls a trip at its label's middle compliant and one far outside of it not.
func TestBuiltinSetsJudge(t *testing.T) {
	for ref, v := range map[string]struct{ good, bad string }{
		"general-2-8@1": {"5", "30"}, "demo-2-8@1": {"5", "9"}, "room-15-25@1": {"20", "45"}, "frozen-20@1": {"-20", "-5"},
		"refrigerated-2-8-us@1": {"5", "15.1"}, "refrigerated-2-8-de@1": {"5", "8.1"}, "crt-us@1": {"22", "14.9"}, "crt-eu@1": {"20", "26"}, "cool-8-15@1": {"12", "16"},
		"deep-frozen-70@1": {"-70", "-59"}, "deep-frozen-70-thaw@1": {"-70", "9"}, "quick-frozen-18@1": {"-20", "-14"}, "who-pqs-shipping-1@1": {"5", "-1"},
		"who-pqs-shipping-2@1": {"5", "31"}, "fridge-30-day@1": {"5", "9"}, "vaccine-store@1": {"5", "8"},
	} {
		for _, x := range []struct{ value, want string }{{v.good, Compliant}, {v.bad, NonCompliant}} {
			c, all := hold(t, phase{24, x.value})
			for i := range all {
				all[i].Point = detect.NewPoint(all[i].Point.MS, [32]byte{}, map[string]float64{"temperature": mustFloat(x.value), "humidity": 50})
			}
			if r := judge(t, builtinSet(t, ref), c, all, 0); r.Verdict != x.want {
				t.Errorf("%s at %s: %s %q", ref, x.value, r.Verdict, r.Reasons)
			}
		}
	}
	for humidity, want := range map[float64]string{60: Compliant, 66: NonCompliant, 91: NonCompliant} {
		var all []Reading
		for m := int64(0); m < 25*60; m += 30 {
			all = append(all, reading("T", t0+m*minute, map[string]float64{"humidity": humidity}))
		}
		if r := judge(t, builtinSet(t, "dry-goods@1"), delivered(25*60*minute), all, 0); r.Verdict != want {
			t.Errorf("dry goods at %g %%: %s %q", humidity, r.Verdict, r.Reasons)
		}
	}
	seen := map[string]bool{}
	for _, r := range Builtin() {
		if seen[r.Hash()] {
			t.Errorf("%s is there twice", r.Ref())
		}
		seen[r.Hash()] = true
	}
}

func mustFloat(s string) float64 {
	d, err := detect.ParseDecimal(s)
	if err != nil {
		panic(err)
	}
	return d.Float()
}
