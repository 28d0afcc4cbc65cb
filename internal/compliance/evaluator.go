package compliance

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"strconv"
)

// Sample is one reading of one tracker.
type Sample struct {
	Tracker string
	TimeMS  int64
	Values  map[string]float64
	Message [32]byte // hash of the message that carried it
}

// Excursion is one time that a rule was broken. EndMS 0 = not over at the last reading.
type Excursion struct {
	ID             string // rule/tracker/start in ms: the same whenever it is computed from the same readings
	Rule, Metric   string
	Tracker        string
	Severity       string
	StartMS, EndMS int64
	Peak, Limit    string // decimals
	OutMS          int64
}

// Result of an evaluation up to ToMS.
type Result struct {
	Verdict      string // Compliant, NonCompliant or Inconclusive
	Reasons      []string
	Excursions   []Excursion // by start, then id
	FromMS, ToMS int64
	// Tracker-time by metric, in milliseconds: with two trackers an hour of the trip counts two.
	InMS, OutMS, UnknownMS map[string]int64
}

// Verdicts.
const (
	Compliant    = "compliant"
	NonCompliant = "non_compliant"
	Inconclusive = "inconclusive"
)

// Evaluator absorbs samples in any order, with repeats, and gives the same Result for the same set of samples. In-order
// samples cost the same however many came before; a late one makes the next Result judge its series again. Not safe for
// concurrent use.
type Evaluator struct {
	rules  RuleSet
	limits []float64 // by rule
	judged []string  // the metrics that a rule names, each once, in the order of the rules
	from   int64
	series map[seriesKey]*series
	latest int64
}

type seriesKey struct{ tracker, metric string }

type point struct {
	ms int64
	v  float64
}

// series is one metric of one tracker. points is sorted by time; fold has judged the first folded of them.
type series struct {
	points []point
	folded int
	fold   fold
}

// New judges from fromMS (the assignment's start) on.
func New(rs RuleSet, fromMS int64) *Evaluator {
	e := &Evaluator{rules: rs, from: fromMS, series: map[seriesKey]*series{}, latest: fromMS}
	for _, r := range rs.Rules {
		v, _ := strconv.ParseFloat(r.Limit, 64) // Validate has checked it
		e.limits = append(e.limits, v)
		if !slices.Contains(e.judged, r.Metric) {
			e.judged = append(e.judged, r.Metric)
		}
	}
	return e
}

// Add takes one reading. Two different values of one metric at one time: the one further from zero counts, so that the
// order of arrival does not decide.
func (e *Evaluator) Add(s Sample) {
	if s.TimeMS < e.from {
		return
	}
	e.latest = max(e.latest, s.TimeMS)
	for _, metric := range e.judged {
		if v, ok := value(s.Values, metric); ok {
			e.add(seriesKey{s.Tracker, metric}, point{s.TimeMS, v})
		}
	}
}

// value reads a metric. The conversions keep the compiler from fusing multiplication and addition, which would make the
// result differ between processors.
func value(values map[string]float64, metric string) (float64, bool) {
	if metric != Acceleration {
		v, ok := values[metric]
		return v, ok
	}
	x, okX := values["accel_x"]
	y, okY := values["accel_y"]
	z, okZ := values["accel_z"]
	return math.Sqrt(float64(float64(x*x)+float64(y*y)) + float64(z*z)), okX && okY && okZ
}

func (e *Evaluator) add(key seriesKey, p point) {
	s := e.series[key]
	if s == nil {
		s = &series{}
		e.series[key] = s
	}
	n := len(s.points)
	if n == 0 || s.points[n-1].ms < p.ms {
		s.points = append(s.points, p)
		return
	}
	i := sort.Search(n, func(i int) bool { return s.points[i].ms >= p.ms })
	if s.points[i].ms == p.ms {
		a, b := math.Abs(s.points[i].v), math.Abs(p.v)
		if b < a || b == a && p.v <= s.points[i].v {
			return
		}
		s.points[i].v = p.v
	} else {
		s.points = slices.Insert(s.points, i, p)
	}
	if i < s.folded {
		s.folded, s.fold = 0, fold{}
	}
}

// Result judges up to toMS; 0 means up to the newest sample.
func (e *Evaluator) Result(toMS int64) Result {
	if toMS == 0 {
		toMS = e.latest
	}
	res := Result{FromMS: e.from, ToMS: toMS, InMS: map[string]int64{}, OutMS: map[string]int64{}, UnknownMS: map[string]int64{}}
	keys := make([]seriesKey, 0, len(e.series))
	for k := range e.series {
		keys = append(keys, k)
	}
	sort.Slice(keys, func(i, j int) bool {
		return keys[i].tracker < keys[j].tracker || keys[i].tracker == keys[j].tracker && keys[i].metric < keys[j].metric
	})
	heard := map[string]bool{}
	for _, k := range keys {
		heard[k.metric] = true
		e.judge(k, e.series[k], toMS, &res)
	}
	sort.Slice(res.Excursions, func(i, j int) bool {
		a, b := res.Excursions[i], res.Excursions[j]
		return a.StartMS < b.StartMS || a.StartMS == b.StartMS && a.ID < b.ID
	})
	e.verdict(&res, heard)
	return res
}

func (e *Evaluator) verdict(res *Result, heard map[string]bool) {
	res.Verdict = Compliant
	for _, metric := range e.judged {
		switch {
		case !heard[metric] && !e.optional(metric):
			res.Verdict = Inconclusive
			res.Reasons = append(res.Reasons, "no reading of "+metric)
		case res.UnknownMS[metric] > 0:
			res.Verdict = Inconclusive
			res.Reasons = append(res.Reasons, fmt.Sprintf("%s unknown for %d s", metric, res.UnknownMS[metric]/1000))
		}
	}
	for _, x := range res.Excursions {
		res.Verdict = NonCompliant
		res.Reasons = append(res.Reasons, fmt.Sprintf("%s: %s %s, limit %s", x.Rule, x.Metric, x.Peak, x.Limit))
	}
}

// optional metrics are reported only when something happened, or are two ways to measure one thing: their absence is no
// gap as long as another judged metric of the same kind was heard.
func (e *Evaluator) optional(metric string) bool {
	switch metric {
	case "shock", "shock_ms", "door", "light", "tilt", Acceleration:
		return len(e.judged) > 1
	}
	return false
}
