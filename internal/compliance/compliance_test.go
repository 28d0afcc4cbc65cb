package compliance

import (
	"math"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

const t0 = int64(1_700_000_000_000)

func set(rules ...Rule) RuleSet {
	return RuleSet{ID: "test", Version: 1, MaxGapS: 600, Rules: rules}
}

func warm(mode string, seconds int) Rule {
	return Rule{ID: "warm", Metric: "temperature", Op: ">", Limit: "8", Mode: mode, DurationS: seconds, Severity: "major"}
}

// temps is one reading a minute from t0.
func temps(values ...float64) []Sample {
	var out []Sample
	for i, v := range values {
		if !math.IsNaN(v) {
			out = append(out, Sample{Tracker: "T", TimeMS: t0 + int64(i)*60_000, Values: map[string]float64{"temperature": v}})
		}
	}
	return out
}

func judge(rs RuleSet, samples []Sample, to int64) Result {
	e := New(rs, t0)
	for _, s := range samples {
		e.Add(s)
	}
	return e.Result(to)
}

var gap = math.NaN()

func TestVerdicts(t *testing.T) {
	long := func(n int, v float64) []float64 {
		out := make([]float64, n)
		for i := range out {
			out[i] = v
		}
		return out
	}
	cases := map[string]struct {
		rules      RuleSet
		samples    []Sample
		verdict    string
		excursions int
		unknownS   int64
	}{
		"in range":                             {set(warm("consecutive", 120)), temps(5, 6, 7, 8), Compliant, 0, 0},
		"exactly the limit is inside":          {set(warm("instant", 0)), temps(8, 8, 8), Compliant, 0, 0},
		"instant":                              {set(warm("instant", 0)), temps(5, 8.1, 5), NonCompliant, 1, 0},
		"too short":                            {set(warm("consecutive", 120)), temps(5, 9, 5, 9, 5), Compliant, 0, 0},
		"long enough":                          {set(warm("consecutive", 120)), temps(5, 9, 9, 5), NonCompliant, 1, 0},
		"still open":                           {set(warm("consecutive", 120)), temps(5, 9, 9, 9), NonCompliant, 1, 0},
		"two short ones sum":                   {set(warm("cumulative", 120)), temps(5, 9, 5, 9, 5), NonCompliant, 1, 0},
		"a gap is unknown":                     {set(warm("consecutive", 120)), append(temps(5), Sample{"T", t0 + 30*60_000, map[string]float64{"temperature": 5}, [32]byte{}}), Inconclusive, 0, 20 * 60},
		"a gap does not count as out":          {set(warm("consecutive", 1200)), append(temps(9), Sample{"T", t0 + 30*60_000, map[string]float64{"temperature": 9}, [32]byte{}}), Inconclusive, 0, 20 * 60},
		"nothing heard":                        {set(warm("instant", 0)), nil, Inconclusive, 0, 0},
		"broken and unknown is broken":         {set(warm("instant", 0)), append(temps(9), Sample{"T", t0 + 30*60_000, map[string]float64{"temperature": 5}, [32]byte{}}), NonCompliant, 1, 20 * 60},
		"before the assignment does not count": {set(warm("instant", 0)), append([]Sample{{"T", t0 - 1, map[string]float64{"temperature": 99}, [32]byte{}}}, temps(5)...), Compliant, 0, 0},
		"ten minutes at the limit of the gap":  {set(warm("consecutive", 120)), temps(append(append([]float64{5}, long(9, gap)...), 5)...), Compliant, 0, 0},
	}
	for name, tc := range cases {
		r := judge(tc.rules, tc.samples, 0)
		if r.Verdict != tc.verdict || len(r.Excursions) != tc.excursions || r.UnknownMS["temperature"] != tc.unknownS*1000 {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// Silence after the last reading is unknown time, also when that reading was good.
func TestSilenceAtTheEnd(t *testing.T) {
	r := judge(set(warm("instant", 0)), temps(5, 5), t0+3_600_000)
	if r.Verdict != Inconclusive || r.UnknownMS["temperature"] != 3_600_000-60_000-600_000 {
		t.Errorf("%+v", r)
	}
}

func TestExcursionDetail(t *testing.T) {
	r := judge(set(warm("consecutive", 120)), temps(5, 9, 11.25, 10, 5), 0)
	want := Excursion{ID: "warm/T/1700000060000", Rule: "warm", Metric: "temperature", Tracker: "T", Severity: "major", StartMS: t0 + 60_000, EndMS: t0 + 240_000, Peak: "11.25", Limit: "8", OutMS: 180_000}
	if len(r.Excursions) != 1 || r.Excursions[0] != want {
		t.Errorf("%+v", r.Excursions)
	}
	if r.InMS["temperature"] != 60_000 || r.OutMS["temperature"] != 180_000 {
		t.Errorf("in %v out %v", r.InMS, r.OutMS)
	}
}

func TestAcceleration(t *testing.T) {
	rs, _ := Lookup("fragile-goods@1")
	r := judge(rs, []Sample{{"T", t0, map[string]float64{"accel_x": 20, "accel_y": 20, "accel_z": 10}, [32]byte{}}}, 0)
	if r.Verdict != NonCompliant || len(r.Excursions) != 2 || r.Excursions[0].Peak != "30" {
		t.Errorf("%+v", r)
	}
}

// The same readings give the same result in whatever order, in whatever batches and however often they arrive, also when
// results are asked for in between.
func TestOrderDoesNotMatter(t *testing.T) {
	rs := set(warm("consecutive", 180), Rule{ID: "sum", Metric: "temperature", Op: ">=", Limit: "8", Mode: "cumulative", DurationS: 300, Severity: "minor"},
		Rule{ID: "cold", Metric: "temperature", Op: "<", Limit: "2", Mode: "instant", Severity: "minor"},
		Rule{ID: "damp", Metric: "humidity", Op: ">", Limit: "60", Mode: "consecutive", DurationS: 60, Severity: "minor"})
	rapid.Check(t, func(t *rapid.T) {
		var samples []Sample
		at := t0
		for range rapid.IntRange(0, 40).Draw(t, "n") {
			at += rapid.SampledFrom([]int64{0, 1000, 60_000, 120_000, 900_000}).Draw(t, "dt")
			v := map[string]float64{"temperature": float64(rapid.IntRange(0, 12).Draw(t, "temp"))}
			if rapid.Bool().Draw(t, "h") {
				v["humidity"] = float64(rapid.IntRange(50, 70).Draw(t, "rh"))
			}
			samples = append(samples, Sample{rapid.SampledFrom([]string{"A", "B"}).Draw(t, "tracker"), at, v, [32]byte{}})
		}
		want := judge(rs, samples, 0)
		shuffled := rapid.Permutation(append(samples, samples...)).Draw(t, "order")
		e := New(rs, t0)
		for _, s := range shuffled {
			e.Add(s)
			if rapid.Bool().Draw(t, "ask") {
				e.Result(rapid.SampledFrom([]int64{0, at, t0 + 600_000}).Draw(t, "to"))
			}
		}
		if got := e.Result(0); !reflect.DeepEqual(got, want) {
			t.Fatalf("in order %+v\nshuffled %+v", want, got)
		}
	})
}

func TestBuiltin(t *testing.T) {
	for _, r := range Builtin() {
		if err := r.Validate(); err != nil {
			t.Errorf("%s: %v", r.Ref(), err)
		}
		back, err := Parse(r.Canonical())
		if err != nil || back.Hash() != r.Hash() {
			t.Errorf("%s does not survive its canonical form: %v", r.Ref(), err)
		}
	}
}

func TestParseNamesAllProblems(t *testing.T) {
	_, err := Parse([]byte(`{"id":"X","version":0,"title":"","max_gap_s":0,"rules":[{"id":"a","metric":"taste","op":"!","limit":"x","mode":"often","duration_s":0,"severity":"bad"}]}`))
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{"id", "version", "max_gap_s", "metric", "op", "limit", "mode", "severity"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not named in: %v", want, err)
		}
	}
	if _, err := Parse([]byte(`{"id":"x","versions":1}`)); err == nil {
		t.Error("unknown member accepted")
	}
}

func FuzzParse(f *testing.F) {
	f.Add(builtin[0].Canonical())
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := Parse(raw)
		if err != nil {
			return
		}
		again, err := Parse(r.Canonical())
		if err != nil || again.Hash() != r.Hash() {
			t.Fatal("the canonical form is not stable")
		}
	})
}

func BenchmarkAdd(b *testing.B) {
	rs, _ := Lookup("general-2-8@1")
	e := New(rs, t0)
	at := t0
	for b.Loop() {
		at += 1000
		e.Add(Sample{"T", at, map[string]float64{"temperature": 5}, [32]byte{}})
		if at%64_000 == 0 {
			e.Result(0)
		}
	}
}
