package compliance

import (
	"strings"
	"testing"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

// Cold treatment: at or below 1.11 °C for 14 days in a row; an hour above begins it anew.
func TestColdTreatment(t *testing.T) {
	rs := set(limit("ct", "temperature", "<=", "1.11", AtLeast, 14*86_400))
	rs.MaxGapS = 3600
	if err := rs.Validate(); err != nil {
		t.Fatal(err)
	}
	days := func(before, after int64) (all []Reading) {
		for h := int64(0); h <= (before+after)*24+1; h++ {
			v := 0.8
			if h == before*24 {
				v = 1.6
			}
			all = append(all, at(t0+h*60*minute, v))
		}
		return all
	}
	over := oneTracker()
	over.EndMS = t0 + 100*86_400_000
	for name, tc := range map[string]struct {
		journey detect.Journey
		all     []Reading
		want    string
		reason  string
	}{
		"5 and 15 days":               {oneTracker(), days(5, 15), "met", ""},
		"10 and 13 days, under way":   {oneTracker(), days(10, 13), "unknown", "temperature at or below 1.11 °C for 13 d in a row at most, 14 d is asked for"},
		"10 and 13 days, delivered":   {delivered((23*24 + 1) * 60 * minute), days(10, 13), "broken", "13 d"},
		"10 and 13 days, then silent": {over, days(10, 13), "unknown", "unknown for"},
		"14 days to the hour":         {delivered(14*24*60*minute + 60*minute), days(0, 14), "met", ""},
		"an hour less":                {delivered(14 * 24 * 60 * minute), days(0, 14), "broken", "13 d 23 h"},
	} {
		r := judge(t, rs, tc.journey, tc.all, 0)
		if got := r.rule("ct"); got.State != tc.want || !strings.Contains(strings.Join(got.Reasons, ";"), tc.reason) || (len(r.Excursions) > 0) != (tc.want == "broken") {
			t.Errorf("%s: %s", name, r.Encode())
		}
	}
	// A tracker that was not on for long enough leaves it to the one that was.
	two := delivered(15 * 24 * 60 * minute)
	two.Trackers[0].ID = "A"
	two.Trackers = append(two.Trackers, detect.Tracker{ID: "T", Windows: []detect.Window{{FromMS: t0}}})
	two.Trackers[0].Windows = []detect.Window{{FromMS: t0, ToMS: t0 + 86_400_000}}
	all := append(days(0, 14), reading("A", t0, map[string]float64{"temperature": 20}))
	if r := judge(t, rs, two, all, 0); r.rule("ct").State != "met" {
		t.Errorf("%s", r.Encode())
	}
	nest := set(Rule{ID: "x", Severity: "minor", Any: []Rule{limit("a", "temperature", ">", "1", AtLeast, 5), limit("b", "temperature", ">", "1", Instant, 0)}})
	nest.Rules[0].Any[0].Severity, nest.Rules[0].Any[1].Severity = "", ""
	if err := nest.Validate(); err == nil || !strings.Contains(err.Error(), "at_least stands alone") {
		t.Errorf("%v", err)
	}
}

// Once thawed, never frozen again; frozen before is nothing.
func TestNeverFrozenAgain(t *testing.T) {
	r := limit("again", "temperature", "<=", "-15", Instant, 0)
	r.Limit.After = &After{Op: ">=", Value: "0"}
	for name, tc := range map[string]struct {
		temps []float64
		want  string
	}{
		"never thawed":             {[]float64{-70, -70, -20}, "met"},
		"thawed":                   {[]float64{-70, 5, 5}, "met"},
		"frozen again":             {[]float64{-70, 5, -20, 5}, "broken"},
		"thawed at the limit":      {[]float64{-70, 0, -15, 5}, "broken"},
		"perhaps thawed in a gap":  {append(append([]float64{-70}, many(20, gap)...), -20), "unknown"},
		"frozen again after a gap": {append(append([]float64{5}, many(20, gap)...), -20, 5), "broken"},
	} {
		res := judge(t, set(r), oneTracker(), temps(tc.temps...), 0)
		if got := res.rule("again"); got.State != tc.want {
			t.Errorf("%s: %s, want %s: %s", name, got.State, tc.want, res.Encode())
		}
		if m := res.metric("temperature"); m.OutMS != 0 {
			t.Errorf("%s: frozen goods are out of range for %d ms", name, m.OutMS)
		}
	}
}

// The number of stays: three of ten minutes are one too many.
func TestNumberOfStays(t *testing.T) {
	r := warm(Consecutive, 600)
	r.Limit.MaxStays = 2
	trip := func(lengths ...int) (all []float64) {
		for _, n := range lengths {
			all = append(append(all, 5), many(n, 9)...)
		}
		return append(all, 5)
	}
	for name, tc := range map[string]struct {
		temps []float64
		want  string
		n     int
	}{
		"two":                          {trip(10, 20), "met", 0},
		"three":                        {trip(10, 20, 10), "broken", 3},
		"one is too short":             {trip(10, 9, 10), "met", 0},
		"two, and a gap hides another": {append(trip(10, 10), append(many(25, gap), 5)...), "unknown", 0},
		"two, and a gap hides none":    {append(trip(10, 10), append(many(18, gap), 5)...), "met", 0},
	} {
		res := judge(t, set(r), oneTracker(), temps(tc.temps...), 0)
		if got := res.rule("warm"); got.State != tc.want || len(res.Excursions) != tc.n {
			t.Errorf("%s: %s, want %s: %s", name, got.State, tc.want, res.Encode())
		}
	}
	pulse := limit("pulse", "shock", ">", "100", Instant, 0)
	pulse.Limit.MaxStays = 1
	for n, want := range map[int]string{1: "met", 2: "broken"} {
		var all []Reading
		for i := range n {
			all = append(all, reading("T", t0+int64(i)*minute, map[string]float64{"shock": 150}))
		}
		if res := judge(t, set(pulse), oneTracker(), all, 0); res.rule("pulse").State != want {
			t.Errorf("%d pulses: %s", n, res.Encode())
		}
	}
}
