package compliance

import (
	"fmt"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

// rangeDetector counts the time of one metric in range of all the limits that apply, out of one of them, and unknown.
type rangeDetector struct {
	metric detect.Metric
	bounds []detect.Bound
	gap    int64
	clock
	known  bool
	lastMS int64
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
	if d.known && p.MS == d.lastMS {
		d.beyond = d.beyond || beyond // of readings with the same time the worst one counts
		return
	}
	if d.known {
		d.spend(p.MS)
	}
	d.known, d.lastMS, d.beyond = true, p.MS, beyond
}

func (d *rangeDetector) spend(to int64) {
	known, gap := split(d.lastMS, to, d.gap)
	if d.unknown += gap; d.beyond {
		d.out += known
	} else {
		d.in += known
	}
}

// Cut implements detect.Detector.
func (d *rangeDetector) Cut(ms int64) {
	if d.known {
		d.spend(ms)
	}
	d.known = false
}

// Clone implements detect.Detector.
func (d *rangeDetector) Clone() detect.Detector {
	c := *d
	return &c
}

// Finish implements detect.Detector.
func (d *rangeDetector) Finish(toMS int64) detect.Finding {
	c := *d
	if c.known {
		c.spend(toMS)
	}
	return detect.Finding{InMS: c.in, OutMS: c.out, UnknownMS: c.unknown}
}

// ranged is the time of one metric in one leg in which the same rules apply.
type ranged struct {
	metric detect.Metric
	leg    int
	demand *demand
	spans  []span
}

// rangesOf cuts a tracker's time wherever another leg begins or another set of rules applies, so that each moment is counted
// once, by all the limits that apply then.
func rangesOf(rules []ready, legs []detect.Leg, gap int64) []ranged {
	var out []ranged
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

func rangesOfMetric(m detect.Metric, rules []ready, legs []detect.Leg, edges []int64, gap int64) []ranged {
	var out []ranged
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
			mk := func() detect.Detector { return &rangeDetector{metric: m, bounds: bounds, gap: gap} }
			out = append(out, ranged{metric: m, leg: leg, demand: &demand{need: detect.Need{Metrics: []detect.Metric{m}}, make: mk}})
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
