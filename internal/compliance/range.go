package compliance

import (
	"fmt"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

// rangeDetector counts the time of one metric in range of all the limits that apply, out of one of them, and unknown.
type rangeDetector struct {
	metric detect.Metric
	limits []timed
	gap    int64

	on     bool
	lastMS int64
	lostMS int64  // until then the value holds at most
	above  uint64 // limits that the value is above, by place in limits
	below  uint64
	tally  detect.Tally
}

// timed is what one rule takes as out of range, in its hours.
type timed struct {
	bounds []detect.Bound
	hours  *clock // nil = all day
}

func (l *timed) at(ms int64) (within bool, until int64) {
	if l.hours == nil {
		return true, forever
	}
	return l.hours.at(ms)
}

// Step implements detect.Detector.
func (d *rangeDetector) Step(p *detect.Point) {
	v, ok := p.Get(d.metric)
	if !ok {
		return
	}
	if !d.on || p.MS != d.lastMS { // of readings with the same time the worst one counts
		d.pass(p.MS)
		d.above, d.below = 0, 0
	}
	d.on, d.lastMS, d.lostMS = true, p.MS, forever
	for i := range d.limits {
		for _, b := range d.limits[i].bounds {
			switch {
			case !b.Breaks(v):
			case b.Upper():
				d.above |= 1 << i
			default:
				d.below |= 1 << i
			}
		}
	}
}

// pass counts the time since the last reading.
func (d *rangeDetector) pass(to int64) {
	if !d.on {
		return
	}
	known := min(to, d.lastMS+d.gap, d.lostMS)
	d.count(d.lastMS, known, true)
	d.count(known, to, false)
	d.on = false
}

// count cuts the time where the hours of a limit begin or end. What is in the hours of none is not judged.
func (d *rangeDetector) count(from, to int64, known bool) {
	for from < to {
		until, judged, above, below := to, false, false, false
		for i := range d.limits {
			within, u := d.limits[i].at(from)
			until, judged = min(until, u), judged || within
			above, below = above || within && d.above&(1<<i) != 0, below || within && d.below&(1<<i) != 0
		}
		switch n := until - from; {
		case !judged:
		case !known:
			d.tally.UnknownMS += n
		case above:
			d.tally.OutMS += n
		case below:
			d.tally.OutMS, d.tally.BelowMS = d.tally.OutMS+n, d.tally.BelowMS+n
		default:
			d.tally.InMS += n
		}
		from = until
	}
}

// Lose implements detect.Loser.
func (d *rangeDetector) Lose(p *detect.Point) {
	if p.Lost(d.metric) {
		d.lostMS = min(d.lostMS, p.MS)
	}
}

// Unknown implements bounded.
func (d *rangeDetector) Unknown(from, to int64) {
	d.pass(from)
	d.count(from, to, false)
}

// Cut implements detect.Detector.
func (d *rangeDetector) Cut(ms int64, _ bool) { d.pass(ms) }

// Clone implements detect.Detector.
func (d *rangeDetector) Clone() detect.Detector {
	c := *d
	return &c
}

// Finding implements detect.Detector.
func (d *rangeDetector) Finding() detect.Finding { return detect.Finding{Tally: d.tally} }

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
		var limits []timed
		key := fmt.Sprint(leg)
		for n, r := range rules {
			b, ok := r.bounds[m]
			if !ok || len(clip(r.spans, []span{s})) == 0 {
				continue
			}
			limits, key = append(limits, timed{b, r.hours}), fmt.Sprint(key, " ", n)
		}
		if limits == nil {
			continue
		}
		n, ok := index[key]
		if !ok {
			n = len(out)
			index[key] = n
			mk := func() detect.Detector {
				return &rangeDetector{metric: m, limits: limits, gap: gap}
			}
			out = append(out, task{rule: -1, metric: m, leg: leg, demand: &demand{need: detect.Need{Metrics: []detect.Metric{m}}, make: mk}})
		}
		out[n].spans.all = append(out[n].spans.all, s)
	}
	for i := range out {
		out[i].spans.all = join(out[i].spans.all)
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
