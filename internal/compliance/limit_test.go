package compliance

import (
	"math"
	"slices"
	"testing"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

const t0 = int64(1_700_000_000_000)

const minute = 60_000

func set(rules ...Rule) RuleSet {
	return RuleSet{Schema: Schema, ID: "test", Version: 1, MaxGapS: 600, Rules: rules}
}

func limit(id, metric, op, value, mode string, seconds int) Rule {
	return Rule{ID: id, Severity: "major", Limit: &Limit{Metric: metric, Op: op, Value: value, Mode: mode, DurationS: seconds}}
}

func warm(mode string, seconds int) Rule {
	return limit("warm", "temperature", ">", "8", mode, seconds)
}

// oneTracker is a shipment with tracker T from t0 on.
func oneTracker() detect.Journey {
	return detect.Journey{FromMS: t0, Trackers: []detect.Tracker{{ID: "T", Windows: []detect.Window{{FromMS: t0}}}}}
}

func reading(tracker string, ms int64, values map[string]float64) Reading {
	return Reading{Tracker: tracker, Point: detect.NewPoint(ms, [32]byte{}, values)}
}

// temps is one reading a minute from t0; NaN is none.
func temps(values ...float64) []Reading {
	var out []Reading
	for i, v := range values {
		if !math.IsNaN(v) {
			out = append(out, reading("T", t0+int64(i)*minute, map[string]float64{"temperature": v}))
		}
	}
	return out
}

func judge(t testing.TB, rs RuleSet, c detect.Journey, readings []Reading, to int64) Result {
	t.Helper()
	r, err := Judge(rs, c, slices.Clone(readings), to)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (r Result) metric(name string) MetricTime {
	for _, m := range r.Metrics {
		if m.Metric == name {
			return m
		}
	}
	return MetricTime{Metric: name}
}

var gap = math.NaN()

func many(n int, v float64) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = v
	}
	return out
}

func at(ms int64, v float64) Reading { return reading("T", ms, map[string]float64{"temperature": v}) }

func TestVerdicts(t *testing.T) {
	cases := map[string]struct {
		rules      RuleSet
		readings   []Reading
		verdict    string
		excursions int
		unknownS   int64
	}{
		"in range":                             {set(warm(Consecutive, 120)), temps(5, 6, 7, 8), Compliant, 0, 0},
		"exactly the limit is inside":          {set(warm(Instant, 0)), temps(8, 8, 8), Compliant, 0, 0},
		"instant":                              {set(warm(Instant, 0)), temps(5, 8.1, 5), NonCompliant, 1, 0},
		"too short":                            {set(warm(Consecutive, 120)), temps(5, 9, 5, 9, 5), Compliant, 0, 0},
		"long enough":                          {set(warm(Consecutive, 120)), temps(5, 9, 9, 5), NonCompliant, 1, 0},
		"still open":                           {set(warm(Consecutive, 120)), temps(5, 9, 9, 9), NonCompliant, 1, 0},
		"two short ones sum":                   {set(warm(Cumulative, 120)), temps(5, 9, 5, 9, 5), NonCompliant, 1, 0},
		"a gap is unknown":                     {set(warm(Consecutive, 120)), append(temps(5), at(t0+30*minute, 5)), Inconclusive, 0, 20 * 60},
		"a gap does not count as out":          {set(warm(Consecutive, 1200)), append(temps(9), at(t0+30*minute, 9)), Inconclusive, 0, 20 * 60},
		"nothing heard":                        {set(warm(Instant, 0)), nil, Inconclusive, 0, 0},
		"broken and unknown is broken":         {set(warm(Instant, 0)), append(temps(9), at(t0+30*minute, 5)), NonCompliant, 1, 20 * 60},
		"before the assignment does not count": {set(warm(Instant, 0)), append(temps(5), at(t0-1, 99)), Compliant, 0, 0},
		"ten minutes at the limit of the gap":  {set(warm(Consecutive, 120)), temps(append(append([]float64{5}, many(9, gap)...), 5)...), Compliant, 0, 0},
		"late to begin":                        {set(warm(Instant, 0)), []Reading{at(t0+11*minute, 5)}, Inconclusive, 0, 60},
		"begins within the gap":                {set(warm(Instant, 0)), []Reading{at(t0+10*minute, 5)}, Compliant, 0, 0},
		"other metrics say nothing":            {set(warm(Instant, 0)), []Reading{reading("T", t0, map[string]float64{"humidity": 5})}, Inconclusive, 0, 0},
	}
	for name, tc := range cases {
		r := judge(t, tc.rules, oneTracker(), tc.readings, 0)
		if r.Verdict != tc.verdict || len(r.Excursions) != tc.excursions || r.metric("temperature").UnknownMS != tc.unknownS*1000 {
			t.Errorf("%s: %s", name, r.Encode())
		}
		if (r.Verdict == Compliant) != (len(r.Reasons) == 0) {
			t.Errorf("%s: %s for %q", name, r.Verdict, r.Reasons)
		}
	}
}

// Silence after the last reading is unknown time, also when that reading was good.
func TestSilenceAtTheEnd(t *testing.T) {
	r := judge(t, set(warm(Instant, 0)), oneTracker(), temps(5, 5), t0+60*minute)
	if r.Verdict != Inconclusive || r.metric("temperature").UnknownMS != (60-1-10)*minute {
		t.Errorf("%s", r.Encode())
	}
}

func TestExcursionDetail(t *testing.T) {
	message := func(b byte) [32]byte { return [32]byte{b} }
	var readings []Reading
	for i, v := range []float64{5, 9, 11.25, 10, 5} {
		readings = append(readings, Reading{Tracker: "T", Point: detect.NewPoint(t0+int64(i)*minute, message(byte(i)), map[string]float64{"temperature": v})})
	}
	r := judge(t, set(warm(Consecutive, 120)), oneTracker(), readings, 0)
	if len(r.Excursions) != 1 {
		t.Fatalf("%s", r.Encode())
	}
	x := r.Excursions[0]
	if x.ID != "warm/T/1700000060000" || x.Rule != "warm" || x.Metric != "temperature" || x.Kind != "limit" || x.Tracker != "T" || x.Severity != "major" ||
		x.StartMS != t0+minute || x.EndMS != t0+4*minute || x.Open || x.Peak != "11.25" || x.Limit != "8" || x.OutMS != 3*minute || len(x.Messages) != 3 ||
		x.Messages[0][:2] != "01" || x.Messages[1][:2] != "02" || x.Messages[2][:2] != "03" {
		t.Errorf("got %+v, want warm of T from minute 1 to 4, major, peak 11.25 of 8, decided by messages 01, 02 and 03", x)
	}
	if m := r.metric("temperature"); m.InMS != minute || m.OutMS != 3*minute {
		t.Errorf("got %d ms inside and %d ms outside, want 1 and 3 minutes", m.InMS, m.OutMS)
	}
}

func TestAcceleration(t *testing.T) {
	rs, _ := Lookup("fragile-goods@1")
	r := judge(t, rs, oneTracker(), []Reading{reading("T", t0, map[string]float64{"accel_x": 200, "accel_y": 200, "accel_z": 100})}, 0)
	if r.Verdict != NonCompliant || len(r.Excursions) != 2 || r.Excursions[0].Peak != "300" {
		t.Errorf("%s", r.Encode())
	}
}

func TestHysteresisAndClearDelay(t *testing.T) {
	rule := func(hysteresis string, clear int, mode string, seconds int) RuleSet {
		r := warm(mode, seconds)
		r.Limit.Hysteresis, r.Limit.ClearS = hysteresis, clear
		return set(r)
	}
	for name, tc := range map[string]struct {
		rules RuleSet
		temps []float64
		want  []string // ids and lengths
		ends  []int64  // minutes
	}{
		"without":                              {rule("", 0, Instant, 0), []float64{9, 7.8, 9, 7.8}, []string{"0", "2"}, []int64{1, 3}},
		"a dip within the hysteresis goes on":  {rule("0.5", 0, Instant, 0), []float64{9, 7.8, 9, 7.5}, []string{"0"}, []int64{3}},
		"a short return goes on":               {rule("", 120, Instant, 0), []float64{9, 5, 9, 5, 5, 5}, []string{"0"}, []int64{3}},
		"both: within the band nothing clears": {rule("0.5", 60, Instant, 0), []float64{9, 7.6, 7.6, 7.6, 7.5, 5}, []string{"0"}, []int64{4}},
		"the dip is not time out":              {rule("0.5", 0, Consecutive, 180), []float64{9, 7.8, 9, 7.5, 5}, nil, nil},
		"the stays count together":             {rule("0.5", 0, Consecutive, 120), []float64{9, 7.8, 9, 7.5, 5}, []string{"0"}, []int64{3}},
	} {
		r := judge(t, tc.rules, oneTracker(), temps(tc.temps...), 0)
		if len(r.Excursions) != len(tc.want) {
			t.Errorf("%s: %s", name, r.Encode())
			continue
		}
		for i, x := range r.Excursions {
			if x.EndMS != t0+tc.ends[i]*minute {
				t.Errorf("%s: %+v ends after %d min", name, x, (x.EndMS-t0)/minute)
			}
		}
	}
}

// A stay is as long as it takes, whatever the batches; a rolling window forgets.
func TestRollingWindow(t *testing.T) {
	r := warm(Cumulative, 600)
	r.Limit.WindowS = 3600
	day := func(outAt ...int) []float64 {
		v := many(200, 5)
		for _, i := range outAt {
			v[i] = 9
		}
		return v
	}
	span := func(from, n int) (out []int) {
		for i := range n {
			out = append(out, from+i)
		}
		return out
	}
	for name, tc := range map[string]struct {
		out  []int
		want int
	}{
		"ten minutes in an hour":            {append(span(10, 5), span(60, 5)...), 1},
		"nine minutes":                      {append(span(10, 5), span(60, 4)...), 0},
		"the window has moved on":           {append(span(10, 5), span(66, 5)...), 0},
		"at the edge":                       {append(span(10, 5), span(65, 5)...), 1},
		"one stay":                          {span(20, 10), 1},
		"two times, apart":                  {append(span(10, 10), span(150, 10)...), 2},
		"again while the sum is still high": {append(span(10, 10), span(30, 3)...), 1},
	} {
		v := day(tc.out...)
		res := judge(t, set(r), oneTracker(), temps(v...), 0)
		if len(res.Excursions) != tc.want || (res.Verdict == NonCompliant) != (tc.want > 0) {
			t.Errorf("%s: %s", name, res.Encode())
		}
	}
}

func TestSameTimeReadings(t *testing.T) {
	both := []Reading{at(t0, 5), at(t0, 1), at(t0+minute, 5), at(t0+minute, 1), at(t0+2*minute, 5), at(t0+2*minute, 1)}
	cold := set(limit("cold", "temperature", "<", "2", Consecutive, 120))
	if r := judge(t, cold, oneTracker(), both, 0); r.Verdict != NonCompliant {
		t.Errorf("%s", r.Encode())
	}
	both = []Reading{at(t0, 5), at(t0, 9), at(t0+minute, 5), at(t0+minute, 9), at(t0+2*minute, 5), at(t0+2*minute, 9)}
	if r := judge(t, set(warm(Consecutive, 120)), oneTracker(), both, 0); r.Verdict != NonCompliant {
		t.Errorf("%s", r.Encode())
	}
}
