package reports

import (
	"math"
	"reflect"
	"slices"
	"strconv"
	"testing"

	"github.com/trackseal/trackseal/api/internal/judging"
	"github.com/trackseal/trackseal/api/internal/report"
	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/compliance/detect"
	"github.com/trackseal/trackseal/internal/stored"
)

const (
	t0     = int64(1_700_000_000_000)
	minute = int64(60_000)
)

func temperatureRules(rules ...compliance.Rule) compliance.RuleSet {
	return compliance.RuleSet{Schema: compliance.Schema, ID: "test", Version: 1, MaxGapS: 900, Rules: rules}
}

// surveyed judges readings of tracker T, one a step, and surveys them. A NaN is none.
func surveyed(t *testing.T, rules compliance.RuleSet, step int64, values ...float64) *report.Report {
	t.Helper()
	s := newSurvey(rules)
	e, err := compliance.New(rules, detect.Journey{FromMS: t0, Trackers: []detect.Tracker{{ID: "T", Windows: []detect.Window{{FromMS: t0}}}}})
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range values {
		if math.IsNaN(v) {
			continue
		}
		x := stored.Reading{Tracker: "T", TimeMS: t0 + int64(i)*step, Values: map[string]float64{"temperature": v}}
		e.Add("T", detect.NewPoint(x.TimeMS, [32]byte{byte(i)}, x.Values))
		s.take(x, true)
	}
	j := &judging.Judged{Rules: judging.RuleSetInfo{RuleSet: rules}}
	if j.Result, err = e.Result(0); err != nil {
		t.Fatal(err)
	}
	m := &report.Report{}
	s.into(m, j)
	return m
}

func repeat(n int, v float64) []float64 { return slices.Repeat([]float64{v}, n) }

// Of a cumulative breach only its stays are shaded, not the good hours between them.
func TestShadingOfACumulativeBreach(t *testing.T) {
	warm := compliance.Rule{ID: "warm", Severity: "major", Limit: &compliance.Limit{Metric: "temperature", Op: ">=", Value: "10", Mode: compliance.Cumulative, DurationS: 3600}}
	values := slices.Concat(repeat(6, 5), repeat(9, 12), repeat(36, 5), repeat(9, 11), repeat(6, 5))
	m := surveyed(t, temperatureRules(warm), 5*minute, values...)
	want := []report.Span{{FromMS: t0 + 30*minute, ToMS: t0 + 75*minute}, {FromMS: t0 + 255*minute, ToMS: t0 + 300*minute}}
	got := m.Series[0].Out
	for i := range got { // a point begins at a whole interval
		got[i].FromMS, got[i].ToMS = got[i].FromMS/minute*minute, got[i].ToMS/minute*minute
	}
	for i := range want {
		want[i].FromMS, want[i].ToMS = want[i].FromMS/minute*minute, want[i].ToMS/minute*minute
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("shaded %v, want the two stays %v", got, want)
	}
	if lines := m.Series[0].Limits; len(lines) != 1 || lines[0].Label != "at or above 10 °C: warm" {
		t.Errorf("limits: %+v", lines)
	}
}

// The summary's mean kinetic temperature is the one that a rule over the whole trip finds.
func TestSummaryMKTIsTheRules(t *testing.T) {
	rule := compliance.Rule{ID: "mkt", Severity: "major"}
	rules, ok := compliance.Lookup("crt-us@1")
	if !ok {
		t.Fatal("no crt-us@1")
	}
	for i := range rules.Rules {
		if rules.Rules[i].MKT != nil {
			rule.MKT = rules.Rules[i].MKT
		}
	}
	one := temperatureRules(rule)
	var values []float64
	for i := range 200 {
		values = append(values, math.Round(10*(21+6*math.Sin(float64(i)/9)))/10)
	}
	m := surveyed(t, one, 5*minute, values...)
	e, err := compliance.New(one, detect.Journey{FromMS: t0, Trackers: []detect.Tracker{{ID: "T", Windows: []detect.Window{{FromMS: t0}}}}})
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range values {
		e.Add("T", detect.NewPoint(t0+int64(i)*5*minute, [32]byte{byte(i)}, map[string]float64{"temperature": v}))
	}
	r, err := e.Result(0)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(r.Figures, func(f compliance.Figure) bool { return f.Name == "mean_kinetic_temperature" })
	if i < 0 {
		t.Fatalf("no figure: %+v", r.Figures)
	}
	want, err := strconv.ParseFloat(r.Figures[i].Value, 64)
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Summary[0].MKT; got != strconv.FormatFloat(want, 'f', 1, 64) {
		t.Errorf("mean kinetic temperature %s in the summary, %s by the rule", got, r.Figures[i].Value)
	}
}

func TestSummary(t *testing.T) {
	warm := compliance.Rule{ID: "warm", Severity: "major", Limit: &compliance.Limit{Metric: "temperature", Op: ">", Value: "8", Mode: compliance.Instant}}
	nan := math.NaN()
	values := []float64{4.25, 5, 8.0004, nan, nan, nan, nan, nan, 6, 5}
	m := surveyed(t, temperatureRules(warm), 5*minute, values...)
	s := m.Summary[0]
	if s.Readings != 5 || s.Min != "4.250" || s.Max != "8.001" || s.Gaps != 1 || s.UnknownMS != 15*minute {
		t.Errorf("got %+v, want 5 readings from 4.250 to 8.001 (rounded away from the limit), one gap, 15 minutes unknown", s)
	}
	if m = surveyed(t, temperatureRules(warm), 5*minute, -20, -20.5, -21); m.Summary[0].MKT != "" || m.Summary[0].Mean != "-20.5" || m.Summary[0].Max != "-20.0" {
		t.Errorf("frozen goods: %+v, want no mean kinetic temperature and a mean of -20.5", m.Summary[0])
	}
}

// However long the trip, a curve has a bounded number of points, which say all extremes.
func TestCurvesAreBounded(t *testing.T) {
	s := newSurvey(temperatureRules())
	const n = 60_000
	for i := range int64(n) {
		v := 5.0
		if i == 31_111 {
			v = 40
		}
		s.take(stored.Reading{Tracker: "T", TimeMS: t0 + i*minute, Values: map[string]float64{"temperature": v, "lat": 50 + float64(i)/n, "lon": 8}}, true)
	}
	points := s.seen[sight{"T", "temperature"}].points
	count, top := 0, 0.0
	for _, p := range points {
		count, top = count+p.n, max(top, p.max)
	}
	if len(points) > chartPoints+2 || count != n || top != 40 {
		t.Errorf("%d points of %d readings, highest %v, want at most %d of %d, 40", len(points), count, top, chartPoints+2, n)
	}
	if f := s.ways["T"].fixes; len(f) < maxFixes || len(f) > 2*maxFixes || f[0].MS >= f[len(f)-1].MS {
		t.Errorf("%d fixes", len(f))
	}
}
