package compliance

import (
	"fmt"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

// limitRule is what all detectors of one limit share.
type limitRule struct {
	config     *Limit
	metric     detect.Metric
	bound      detect.Bound
	hysteresis detect.Decimal
	duration   int64
	window     int64 // 0 = the whole time
	clearMS    int64
}

// limitDetector judges a metric whose value holds until the next reading.
type limitDetector struct {
	*limitRule
	time  detect.Clock
	found detect.Excursions

	next   sample // not judged yet: another one of the same time may be worse
	beyond bool   // the last value breaks the limit

	stay       detect.Episode
	clearing   bool // the value is back, but not for clear_s yet
	clearSince int64

	sum     detect.Episode // cumulative without a window: all stays so far
	sumEnd  int64
	rolling rolling
}

// sample is the metric's value in one reading.
type sample struct {
	there   bool
	ms      int64
	v       detect.Decimal
	message [32]byte
}

// Step implements detect.Detector. Of readings with the same time the worst one counts.
func (d *limitDetector) Step(p *detect.Point) {
	v, ok := p.Get(d.metric)
	switch {
	case !ok:
		return
	case !d.next.there || d.next.ms != p.MS:
		d.flush()
	case !d.bound.Worse(v, d.next.v):
		return
	}
	d.next = sample{true, p.MS, v, p.Message}
}

// flush judges the sample that waits.
func (d *limitDetector) flush() {
	s := d.next
	if !s.there {
		return
	}
	d.next.there = false
	d.spend(s.ms)
	d.time.Read(s.ms, true)
	d.beyond = d.bound.Breaks(s.v)
	switch {
	case d.beyond:
		d.clearing = false
		d.stay.Meet(s.ms, s.v, s.message, d.bound.Worse(s.v, d.stay.Peak))
	case d.stay.On && d.bound.Clear(s.v, d.hysteresis):
		if !d.clearing {
			d.clearing, d.clearSince = true, s.ms
		}
		if d.clearMS == 0 {
			d.end(d.clearSince)
		}
	case d.stay.On:
		d.clearing = false
	}
}

// spend charges the time since the last reading. A gap ends a stay where the known time ends.
func (d *limitDetector) spend(to int64) {
	if !d.time.On {
		return
	}
	from := d.time.LastMS
	known, gap := d.time.Pass(to, d.beyond)
	until := to - gap
	if d.beyond {
		d.stay.OutMS += known
		if d.window > 0 {
			d.rolling.spent(d, from, until)
		}
	}
	switch {
	case !d.stay.On:
	case d.clearing && until-d.clearSince >= d.clearMS:
		d.end(d.clearSince)
	case gap > 0 && d.clearing:
		d.end(d.clearSince)
	case gap > 0:
		d.end(until)
	}
}

// end closes the stay.
func (d *limitDetector) end(at int64) {
	stay := d.stay
	switch {
	case d.config.Mode == Instant, d.config.Mode == Consecutive && stay.OutMS >= d.duration:
		d.found.Add(stay.Excursion(at, false, d.bound.Value, ""))
	case d.config.Mode != Cumulative:
	case d.window > 0:
		d.rolling.stayed(d, at)
	default:
		d.sum.Join(stay, d.bound.Worse(stay.Peak, d.sum.Peak))
		d.sumEnd = at
	}
	d.stay, d.clearing = detect.Episode{}, false
}

// Cut implements detect.Detector.
func (d *limitDetector) Cut(ms int64, open bool) {
	d.flush()
	d.spend(ms)
	d.time.On = false
	switch {
	case open:
		d.pending(ms)
	case d.stay.On && d.clearing:
		d.end(d.clearSince)
	case d.stay.On:
		d.end(ms)
	}
}

// Clone implements detect.Detector.
func (d *limitDetector) Clone() detect.Detector {
	c := *d
	c.found = d.found.Clone()
	c.rolling = d.rolling.clone()
	return &c
}

// Finding implements detect.Detector.
func (d *limitDetector) Finding() detect.Finding {
	f := d.time.Finding(&d.found)
	switch {
	case len(f.Excursions) > 0:
		f.Because(detect.Broken, "%s", d.reason(f))
	case f.UnknownMS > 0:
		f.Because(detect.Unknown, "%s", unknownFor(d.metric.String(), f.UnknownMS))
	}
	return f
}

// pending lists the stay that is open, and the sum over stays.
func (d *limitDetector) pending(toMS int64) {
	on := d.stay.On && !d.clearing
	switch {
	case d.config.Mode == Cumulative && d.window > 0:
		d.rolling.finish(d, toMS)
	case d.config.Mode == Cumulative:
		end := d.sumEnd
		if d.stay.On {
			if end = toMS; d.clearing {
				end = d.clearSince
			}
			d.sum.Join(d.stay, d.bound.Worse(d.stay.Peak, d.sum.Peak))
		}
		if d.sum.On && d.sum.OutMS >= d.duration {
			d.found.Add(d.sum.Excursion(end, on, d.bound.Value, ""))
		}
	case d.stay.On && (d.config.Mode == Instant || d.stay.OutMS >= d.duration):
		d.found.Add(d.stay.Excursion(toMS, true, d.bound.Value, ""))
	}
}

func (d *limitDetector) reason(f detect.Finding) string {
	peak, out := f.Excursions[0].Peak, int64(0)
	for _, x := range f.Excursions {
		if d.bound.Worse(x.Peak, peak) {
			peak = x.Peak
		}
		out = max(out, x.OutMS)
	}
	text, worst := beyond(d.metric, d.bound), d.metric.With(peak.String())
	if d.config.Mode == Instant {
		return fmt.Sprintf("%s: %s", text, worst)
	}
	how := "in total"
	switch {
	case d.config.Mode == Consecutive:
		how = "in a row"
	case d.window > 0:
		how = "within " + detect.Span(d.window)
	}
	return fmt.Sprintf("%s for %s %s, less than %s is allowed; worst %s", text, detect.Span(out), how, detect.Span(d.duration), worst)
}

// beyond says where a metric was: "temperature above 8 °C".
func beyond(m detect.Metric, b detect.Bound) string {
	return fmt.Sprintf("%s %s %s", m, b.Where(), m.With(b.Value.String()))
}

func unknownFor(what string, ms int64) string {
	return fmt.Sprintf("%s unknown for %s", what, detect.Span(ms))
}
