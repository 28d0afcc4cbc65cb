package compliance

import "github.com/trackseal/trackseal/internal/compliance/detect"

// pulseDetector judges a metric that a tracker reports for a moment: each breaking reading is an excursion without length.
// A reading without the metric says that nothing happened, so time is known as long as the tracker reads anything.
type pulseDetector struct {
	metric detect.Metric
	bound  detect.Bound
	most   int // pulses that break nothing
	time   detect.Clock
	peak   detect.Decimal
	blind  int // readings that gave no measurement
	found  detect.Excursions
}

// Lose implements detect.Loser.
func (d *pulseDetector) Lose(p *detect.Point) {
	if p.Lost(d.metric) {
		d.blind++
	}
}

// Step implements detect.Detector.
func (d *pulseDetector) Step(p *detect.Point) {
	v, ok := p.Get(d.metric)
	d.time.Read(p.MS, ok)
	if ok && d.bound.Breaks(v) {
		if d.found.Count() == 0 || d.bound.Worse(v, d.peak) {
			d.peak = v
		}
		d.found.Add(detect.Excursion{StartMS: p.MS, EndMS: p.MS, Peak: v, Limit: d.bound.Value, Messages: detect.Messages(p.Message)})
	}
}

// Cut implements detect.Detector.
func (d *pulseDetector) Cut(ms int64, _ bool) { d.time.Stop(ms, false) }

// Clone implements detect.Detector.
func (d *pulseDetector) Clone() detect.Detector {
	c := *d
	c.found = d.found.Clone()
	return &c
}

// Finding implements detect.Detector.
func (d *pulseDetector) Finding() detect.Finding {
	f := detect.Finding{Tally: d.time.Tally}
	switch {
	case d.found.Count() > d.most:
		d.found.Into(&f)
		f.Because(detect.Broken, "%s %s, worst %s", beyond(d.metric, d.bound), detect.Times(d.found.Count()), d.metric.With(d.peak.String()))
	case d.blind > 0:
		f.Because(detect.Unknown, "%s of %s without a measurement", detect.Plural(d.blind, "reading"), d.metric)
	case f.UnknownMS > 0:
		f.Because(detect.Unknown, "%s", unknownFor(d.metric.String(), f.UnknownMS))
	}
	return f
}
