package compliance

import (
	"fmt"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

// pulseDetector judges a metric that a tracker reports for a moment: each breaking reading is an excursion without length.
// A reading without the metric says that nothing happened, so time is known as long as the tracker reads anything.
type pulseDetector struct {
	config *Limit
	metric detect.Metric
	bound  detect.Bound
	gap    int64
	clock
	known  bool
	lastMS int64
	peak   detect.Decimal
	found  detect.Excursions
}

// Step implements detect.Detector.
func (d *pulseDetector) Step(p *detect.Point) {
	if d.known {
		d.spend(p.MS)
	}
	d.known, d.lastMS = true, p.MS
	if v, ok := p.Get(d.metric); ok && d.bound.Breaks(v) {
		if d.found.Count() == 0 || d.bound.Worse(v, d.peak) {
			d.peak = v
		}
		d.found.Add(detect.Excursion{StartMS: p.MS, EndMS: p.MS, Peak: v, Limit: d.bound.Value, Messages: detect.Messages(p.Message)})
	}
}

func (d *pulseDetector) spend(to int64) {
	known, gap := split(d.lastMS, to, d.gap)
	d.in, d.unknown = d.in+known, d.unknown+gap
}

// Cut implements detect.Detector.
func (d *pulseDetector) Cut(ms int64) {
	if d.known {
		d.spend(ms)
	}
	d.known = false
}

// Clone implements detect.Detector.
func (d *pulseDetector) Clone() detect.Detector {
	c := *d
	c.found = d.found.Clone()
	return &c
}

// Finish implements detect.Detector.
func (d *pulseDetector) Finish(toMS int64) detect.Finding {
	c := *d
	if c.known {
		c.spend(toMS)
	}
	f := detect.Finding{InMS: c.in, UnknownMS: c.unknown}
	c.found.Into(&f)
	switch {
	case len(f.Excursions) > 0:
		f.State, f.Reasons = detect.Broken, []string{fmt.Sprintf("%s %s, worst %s", beyond(d.metric, d.bound), detect.Times(d.found.Count()), d.metric.With(d.peak.String()))}
	case c.unknown > 0:
		f.State, f.Reasons = detect.Unknown, []string{unknownFor(d.metric.String(), c.unknown)}
	}
	return f
}
