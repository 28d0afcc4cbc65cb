package compliance

import (
	"fmt"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

// rangeDetector counts the time of one metric in range of all the limits that apply, out of one of them, and unknown.
type rangeDetector struct {
	metric detect.Metric
	bounds []detect.Bound
	time   detect.Clock
	beyond bool
}

// Step implements detect.Detector.
func (d *rangeDetector) Step(p *detect.Point) {
	v, ok := p.Get(d.metric)
	if !ok {
		return
	}
	beyond := false
	for _, b := range d.bounds {
		beyond = beyond || b.Breaks(v)
	}
	same := d.time.On && p.MS == d.time.LastMS // of readings with the same time the worst one counts
	d.time.Pass(p.MS, d.beyond)
	d.time.Read(p.MS, true)
	d.beyond = beyond || same && d.beyond
}

// Cut implements detect.Detector.
func (d *rangeDetector) Cut(ms int64, _ bool) { d.time.Stop(ms, d.beyond) }

// Clone implements detect.Detector.
func (d *rangeDetector) Clone() detect.Detector {
	c := *d
	return &c
}

// Finding implements detect.Detector.
func (d *rangeDetector) Finding() detect.Finding { return detect.Finding{Tally: d.time.Tally} }

// rangesOf cuts a tracker's time wherever another leg begins or another set of rules applies, so that each moment is counted
// once, by all the limits that apply then. Each task is of one metric in one leg in which the same rules apply.
func rangesOf(rules []ready, legs []detect.Leg, gap int64) []task {
	var out []task
	for m := range detect.Metrics {
		if isEvent(m) {
			continue
		}
		var edges []int64
		judged := false
		for _, r := range rules {
			if _, ok := r.bounds[m]; ok && len(r.spans) > 0 {
				judged = true
				for _, s := range r.spans {
					edges = append(edges, s.from, s.to)
				}
			}
		}
		if !judged {
			continue
		}
		for _, l := range legs {
			edges = append(edges, spanOfLeg(l).from, spanOfLeg(l).to)
		}
		out = append(out, rangesOfMetric(m, rules, legs, sorted(edges), gap)...)
	}
	return out
}

func rangesOfMetric(m detect.Metric, rules []ready, legs []detect.Leg, edges []int64, gap int64) []task {
	var out []task
	index := map[string]int{} // what applies -> place in out
	for i := 0; i+1 < len(edges); i++ {
		s := span{edges[i], edges[i+1]}
		leg := legAt(legs, s.from)
		var bounds []detect.Bound
		applies, key := false, fmt.Sprint(leg)
		for n, r := range rules {
			b, ok := r.bounds[m]
			if !ok || len(clip(r.spans, []span{s})) == 0 {
				continue
			}
			applies, bounds, key = true, append(bounds, b...), fmt.Sprint(key, " ", n)
		}
		if !applies {
			continue
		}
		n, ok := index[key]
		if !ok {
			n = len(out)
			index[key] = n
			mk := func() detect.Detector {
				return &rangeDetector{metric: m, bounds: bounds, time: detect.Clock{GapMS: gap}}
			}
			out = append(out, task{rule: -1, metric: m, leg: leg, demand: &demand{need: detect.Need{Metrics: []detect.Metric{m}}, make: mk}})
		}
		out[n].spans = append(out[n].spans, s)
	}
	for i := range out {
		out[i].spans = join(out[i].spans)
	}
	return out
}

// legAt is the leg that holds ms, or -1.
func legAt(legs []detect.Leg, ms int64) int {
	for i, l := range legs {
		if s := spanOfLeg(l); s.from <= ms && ms < s.to {
			return i
		}
	}
	return -1
}
