package reports

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/trackseal/trackseal/api/internal/judging"
	"github.com/trackseal/trackseal/api/internal/report"
	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/compliance/detect"
	"github.com/trackseal/trackseal/internal/stored"
)

// survey gathers from the readings, in the order of time, what pictures and tables show beside the judgement. Its memory is bounded by
// trackers and metrics, whatever the trip's length.
type survey struct {
	gapMS       int64
	activation  float64 // of the mean kinetic temperature, in kelvin
	step        int     // place in steps
	first, last int64
	any         bool
	seen        map[sight]*seen
	ways        map[string]*way
	known       map[string]int64 // metric -> until when some tracker's last value holds
	gaps        map[string][]report.Span
}

type sight struct{ tracker, metric string }

const (
	chartPoints = 600 // of one curve
	maxCharts   = 6
	maxGaps     = 2000
	maxFixes    = 1000 // of one way, up to twice as many
)

// steps are the widths of a curve's points in seconds; each divides the next, so points can be put together as the trip grows.
var steps = []int64{1, 5, 10, 30, 60, 300, 600, 1800, 3600, 7200, 21_600, 43_200, 86_400, 7 * 86_400, 28 * 86_400, 364 * 86_400}

func newSurvey(rules compliance.RuleSet) *survey {
	return &survey{gapMS: int64(rules.MaxGapS) * 1000, activation: activationOf(rules.Rules), seen: map[sight]*seen{}, ways: map[string]*way{}, known: map[string]int64{}, gaps: map[string][]report.Span{}}
}

// activationOf is the rules' own, else the usual one.
func activationOf(rules []compliance.Rule) float64 {
	for i := range rules {
		if m := rules[i].MKT; m != nil {
			if v, err := strconv.ParseFloat(m.ActivationK, 64); err == nil && v > 0 {
				return v
			}
		}
	}
	return 10_000
}

// seen is what one tracker said of one metric.
type seen struct {
	points []point
	// Of judged readings alone:
	count         int
	min, max, sum float64
	places        int // of the values
	lastMS        int64
	last          float64
	gaps          int
	weight, time  float64 // of the mean kinetic temperature
}

// point is an interval of a curve.
type point struct {
	at            int64 // number of the interval
	min, max, sum float64
	n             int
}

// take is a judging.Observer.
func (s *survey) take(x stored.Reading, judged bool) {
	if !s.any {
		s.any, s.first = true, x.TimeMS
	}
	s.last = max(s.last, x.TimeMS)
	for s.step < len(steps)-1 && (s.last-s.first)/1000 > chartPoints*steps[s.step] {
		s.widen()
	}
	for name, v := range x.Values {
		if !parts[name] {
			s.value(x, name, v, judged)
		}
	}
	if lat, lon, ok := both(x.Values, detect.Latitude, detect.Longitude); ok {
		s.fix(x.Tracker, report.Fix{MS: x.TimeMS, Lat: lat, Lon: lon})
	}
	ax, ay, ok := both(x.Values, detect.AccelX, detect.AccelY)
	if az, there := x.Values[detect.AccelZ.String()]; ok && there {
		s.value(x, detect.Acceleration.String(), math.Sqrt(ax*ax+ay*ay+az*az), judged)
	}
}

// parts are metrics that say nothing by themselves: they are shown as way, magnitude or pulse.
var parts = map[string]bool{detect.Latitude.String(): true, detect.Longitude.String(): true, detect.AccelX.String(): true, detect.AccelY.String(): true, detect.AccelZ.String(): true, detect.ShockMS.String(): true}

func both(values map[string]float64, a, b detect.Metric) (x, y float64, ok bool) {
	x, okx := values[a.String()]
	y, oky := values[b.String()]
	return x, y, okx && oky
}

// ofMoment tells a metric whose value is of a moment and does not hold.
func ofMoment(name string) bool { return name == detect.Shock.String() }

func (s *survey) value(x stored.Reading, name string, v float64, judged bool) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return
	}
	s.hold(name, x.TimeMS)
	k := sight{x.Tracker, name}
	st := s.seen[k]
	if st == nil {
		st = &seen{min: math.Inf(1), max: math.Inf(-1)}
		s.seen[k] = st
	}
	st.draw(floor(x.TimeMS, steps[s.step]*1000), v)
	if judged {
		st.judged(x.TimeMS, v, s.gapMS, s.activation, ofMoment(name))
	}
}

func floor(ms, step int64) int64 {
	n := ms / step
	if ms%step < 0 {
		n--
	}
	return n
}

func (st *seen) draw(at int64, v float64) {
	if n := len(st.points); n > 0 && st.points[n-1].at == at {
		p := &st.points[n-1]
		p.min, p.max, p.sum, p.n = min(p.min, v), max(p.max, v), p.sum+v, p.n+1
		return
	}
	st.points = append(st.points, point{at, v, v, v, 1})
}

func (st *seen) judged(ms int64, v float64, gap int64, activation float64, moment bool) {
	if st.count > 0 && !moment {
		if ms-st.lastMS > gap {
			st.gaps++
		}
		st.weigh(min(ms-st.lastMS, gap), activation)
	}
	st.count++
	st.min, st.max, st.sum = min(st.min, v), max(st.max, v), st.sum+v
	st.lastMS, st.last = ms, v
	if st.places < exact {
		text := strconv.FormatFloat(math.Round(v*1e6)/1e6, 'f', -1, 64)
		if i := strings.IndexByte(text, '.'); i >= 0 {
			st.places = max(st.places, len(text)-i-1)
		}
	}
}

const zeroC = 273.15

// weigh charges the time for which the last value held.
func (st *seen) weigh(ms int64, activation float64) {
	st.time += float64(ms)
	st.weight += float64(ms) * math.Exp(-activation/(st.last+zeroC))
}

// hold notes for how long a value of some tracker is known, and what lay between.
func (s *survey) hold(metric string, ms int64) {
	until, ok := s.known[metric]
	if ok && ms > until && len(s.gaps[metric]) < maxGaps {
		s.gaps[metric] = append(s.gaps[metric], report.Span{FromMS: until, ToMS: ms})
	}
	s.known[metric] = max(until, ms+s.gapMS)
}

// widen puts points together.
func (s *survey) widen() {
	by := steps[s.step+1] / steps[s.step]
	s.step++
	for _, st := range s.seen {
		var out []point
		for _, p := range st.points {
			p.at = floor(p.at, by)
			if n := len(out); n > 0 && out[n-1].at == p.at {
				q := &out[n-1]
				q.min, q.max, q.sum, q.n = min(q.min, p.min), max(q.max, p.max), q.sum+p.sum, q.n+p.n
				continue
			}
			out = append(out, p)
		}
		st.points = out
	}
}

// way is where a tracker was, every so many fixes.
type way struct {
	fixes []report.Fix
	every int
	count int
}

func (s *survey) fix(tracker string, f report.Fix) {
	if math.Abs(f.Lat) > 90 || math.Abs(f.Lon) > 180 || f.Lat == 0 && f.Lon == 0 { // 0/0 is what receivers say that know nothing
		return
	}
	w := s.ways[tracker]
	if w == nil {
		w = &way{every: 1}
		s.ways[tracker] = w
	}
	if w.count++; w.count%w.every != 0 {
		return
	}
	w.fixes = append(w.fixes, f)
	if len(w.fixes) >= 2*maxFixes {
		for i := range maxFixes {
			w.fixes[i] = w.fixes[2*i]
		}
		w.fixes, w.every = w.fixes[:maxFixes], w.every*2
	}
}

// into fills the tables and pictures of a report.
func (s *survey) into(m *report.Report, j *judging.Judged) {
	totals := map[string]compliance.MetricTime{}
	for _, x := range j.Result.Metrics {
		totals[x.Metric] = x
	}
	for _, name := range s.order(totals) {
		total, judged := totals[name]
		all := seen{min: math.Inf(1), max: math.Inf(-1)}
		for _, t := range j.Result.Trackers {
			st := s.seen[sight{t.ID, name}]
			i := slices.IndexFunc(t.Metrics, func(x compliance.MetricTime) bool { return x.Metric == name })
			if (st == nil || st.count == 0) && i < 0 {
				continue
			}
			row := report.Summary{Tracker: t.ID}
			if st != nil && st.count > 0 {
				all.min, all.max, all.sum, all.count, all.places = min(all.min, st.min), max(all.max, st.max), all.sum+st.sum, all.count+st.count, max(all.places, st.places)
				row.Gaps = st.gaps
				if name == detect.Temperature.String() {
					row.MKT = st.mkt(s.activation, j.Result.ToMS, s.gapMS)
				}
			}
			of := compliance.MetricTime{}
			if i >= 0 {
				of = t.Metrics[i]
			}
			row.Metric = st.show(name, of, judged)
			m.Summary = append(m.Summary, row)
		}
		m.Metrics = append(m.Metrics, all.show(name, total, judged))
		if x, ok := s.series(name, j); ok && len(m.Series) < maxCharts && (judged || x.Stems || name == detect.Temperature.String() || name == detect.Humidity.String()) {
			m.Series = append(m.Series, x)
		}
	}
	for _, t := range j.Result.Trackers {
		if w := s.ways[t.ID]; w != nil {
			m.Map.Tracks = append(m.Map.Tracks, report.Track{Tracker: t.ID, GapMS: max(s.gapMS, s.gapMS*int64(w.every)), Fixes: w.fixes})
		}
	}
	m.Map.Areas = areasOf(j.Rules.Rules)
}

// mkt is the mean kinetic temperature of what is known up to toMS; none for frozen goods, of which such a mean says nothing.
func (st *seen) mkt(activation float64, toMS, gap int64) string {
	last := *st
	last.weigh(min(max(toMS-st.lastMS, 0), gap), activation)
	if last.time <= 0 || st.sum < 0 {
		return ""
	}
	return rounded(activation/-math.Log(last.weight/last.time)-zeroC, max(st.places, 1))
}

func (st *seen) show(name string, t compliance.MetricTime, judged bool) report.Metric {
	x := report.Metric{Name: name, Unit: report.Unit(name), InMS: t.InMS, OutMS: t.OutMS, BelowMS: t.BelowMS, UnknownMS: t.UnknownMS, Unjudged: !judged}
	if st != nil && st.count > 0 {
		x.Readings, x.Min, x.Max, x.Mean = st.count, outwards(math.Floor, st.min, st.places), outwards(math.Ceil, st.max, st.places), rounded(st.sum/float64(st.count), max(st.places, 1))
	}
	return x
}

// exact is how many places extremes are shown with.
const exact = 3

// rounded shows a mean as precisely as the sensor's values are.
func rounded(v float64, places int) string {
	text := strconv.FormatFloat(v, 'f', min(places, exact), 64)
	if strings.Trim(text, "-0.") == "" {
		return strings.TrimPrefix(text, "-")
	}
	return text
}

// outwards shows an extreme with the sensor's places, rounded so that no rounding hides a limit that was broken.
func outwards(round func(float64) float64, v float64, places int) string {
	if places > exact {
		v = round(math.Round(v*1e6)/1e3) / 1e3
	}
	return strconv.FormatFloat(v+0, 'f', min(places, exact), 64)
}

// order: temperature first, then the judged ones, then the others, by name.
func (s *survey) order(judged map[string]compliance.MetricTime) []string {
	names := map[string]bool{}
	for k := range s.seen {
		names[k.metric] = true
	}
	for n := range judged {
		names[n] = true
	}
	rank := func(n string) int {
		_, ok := judged[n]
		switch {
		case n == detect.Temperature.String():
			return 0
		case ok:
			return 1
		}
		return 2
	}
	var out []string
	for n := range names {
		out = append(out, n)
	}
	slices.SortFunc(out, func(a, b string) int { return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a, b)) })
	return out
}

// series is a metric's picture.
func (s *survey) series(name string, j *judging.Judged) (report.Series, bool) {
	step := steps[s.step] * 1000
	x := report.Series{Metric: name, Unit: report.Unit(name), Stems: ofMoment(name), Limits: linesOf(j.Rules.Rules, name)}
	if !x.Stems {
		x.Unknown = s.unknown(name, j.Result.ToMS)
	}
	highest := math.Inf(-1)
	for _, t := range j.Result.Trackers { // in the order of their ids
		st := s.seen[sight{t.ID, name}]
		if st == nil {
			continue
		}
		c := report.Curve{Tracker: t.ID, GapMS: max(s.gapMS, step)}
		for _, p := range st.points {
			if x.Stems && p.max <= 0 { // "no shock" is no shock
				continue
			}
			c.Points = append(c.Points, report.Point{MS: p.at * step, WidthMS: step, Min: p.min, Max: p.max, Mean: p.sum / float64(p.n)})
			highest = max(highest, p.max)
		}
		if len(c.Points) > 0 {
			x.Curves = append(x.Curves, c)
			x.Out = append(x.Out, outOf(j, name, &c)...)
		}
	}
	return x, len(x.Curves) > 0
}

// unknown are the times at which no tracker knew a metric.
func (s *survey) unknown(metric string, toMS int64) []report.Span {
	out := s.gaps[metric]
	if until, ok := s.known[metric]; ok && toMS > until {
		out = append(out[:len(out):len(out)], report.Span{FromMS: until, ToMS: toMS})
	}
	return out
}

// outOf are the times to shade of one tracker: its excursions, and of one that is not out of range all the time (a cumulative one spans its
// stays) only where its values are beyond the limit. A window's figure, such as a mean kinetic temperature, has no moment in the curve.
func outOf(j *judging.Judged, metric string, c *report.Curve) (out []report.Span) {
	for _, e := range j.Result.Excursions {
		if e.Metric != metric || e.Tracker != c.Tracker || e.Kind != "limit" || e.Severity == "info" {
			continue
		}
		r := ruleOf(j.Rules.Rules, e.Rule)
		if r == nil || r.Limit == nil || r.Limit.Mode == compliance.AtLeast {
			continue
		}
		if e.OutMS == 0 || e.OutMS >= e.EndMS-e.StartMS {
			out = append(out, report.Span{FromMS: e.StartMS, ToMS: max(e.EndMS, e.StartMS)})
			continue
		}
		out = append(out, beyondIn(c, r.Limit, e.StartMS, e.EndMS)...)
	}
	return out
}

// beyondIn are the parts of [from, to) in which a curve is beyond a limit; a value holds until the next point, at most as long as values hold.
func beyondIn(c *report.Curve, l *compliance.Limit, from, to int64) (out []report.Span) {
	value, err := detect.ParseDecimal(l.Value)
	if err != nil {
		return nil
	}
	bound := detect.Bound{Op: l.Op, Value: value}
	for i, p := range c.Points {
		worst := p.Min
		if bound.Upper() {
			worst = p.Max
		}
		v, ok := detect.FromFloat(worst)
		if !ok || !bound.Breaks(v) {
			continue
		}
		end := p.MS + p.WidthMS + c.GapMS
		if i+1 < len(c.Points) {
			end = min(end, c.Points[i+1].MS)
		}
		a, b := max(p.MS, from), min(end, to)
		if n := len(out); n > 0 && out[n-1].ToMS >= a {
			out[n-1].ToMS = max(out[n-1].ToMS, b)
		} else if b > a {
			out = append(out, report.Span{FromMS: a, ToMS: b})
		}
	}
	return out
}
