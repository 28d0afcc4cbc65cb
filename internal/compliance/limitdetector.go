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
	gap        int64
	duration   int64
	window     int64 // 0 = the whole time
	clearMS    int64
}

// limitDetector judges a metric whose value holds until the next reading.
type limitDetector struct {
	*limitRule
	clock
	found detect.Excursions

	next   sample // not judged yet: another one of the same time may be worse
	known  bool   // there is a last reading, and judging was not cut since
	lastMS int64
	beyond bool // the last value breaks the limit

	open       bool // in a stay
	stay       stay
	clearing   bool // the value is back, but not for clear_s yet
	clearSince int64

	sum     stay // cumulative without a window: all stays so far
	summed  bool
	sumEnd  int64
	rolling rolling
	longest int64 // consecutive: the longest time out, for the reason
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
	if d.known {
		d.spend(s.ms)
	}
	broken := d.bound.Breaks(s.v)
	d.known, d.lastMS, d.beyond = true, s.ms, broken
	switch {
	case broken && !d.open:
		d.open, d.clearing, d.stay = true, false, newStay(s.ms, s.v, s.message)
	case broken:
		d.clearing = false
		d.stay.meet(d.bound, s.v, s.message)
	case d.open && d.bound.Clear(s.v, d.hysteresis):
		if !d.clearing {
			d.clearing, d.clearSince = true, s.ms
		}
		if d.clearMS == 0 {
			d.end(d.clearSince)
		}
	case d.open:
		d.clearing = false
	}
}

// spend charges the time since the last reading. A gap ends a stay where the known time ends.
func (d *limitDetector) spend(to int64) {
	known, gap := split(d.lastMS, to, d.gap)
	until := d.lastMS + known
	if d.beyond {
		d.out += known
		d.stay.out += known
		if d.window > 0 {
			d.rolling.spent(d, d.lastMS, until)
		}
	} else {
		d.in += known
	}
	d.unknown += gap
	switch {
	case !d.open:
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
	d.open, d.clearing = false, false
	d.longest = max(d.longest, d.stay.out)
	switch {
	case d.config.Mode == Instant, d.config.Mode == Consecutive && d.stay.out >= d.duration:
		d.found.Add(d.stay.excursion(d.bound, at, false))
	case d.config.Mode != Cumulative:
	case d.window > 0:
		d.rolling.stayed(d, at)
	case !d.summed:
		d.sum, d.summed, d.sumEnd = d.stay, true, at
	default:
		d.sum.join(d.bound, d.stay)
		d.sumEnd = at
	}
}

// Cut implements detect.Detector.
func (d *limitDetector) Cut(ms int64) {
	d.flush()
	if !d.known {
		return
	}
	d.spend(ms)
	switch {
	case d.open && d.clearing:
		d.end(d.clearSince)
	case d.open:
		d.end(ms)
	}
	d.known = false
}

// Clone implements detect.Detector.
func (d *limitDetector) Clone() detect.Detector {
	c := *d
	c.found = d.found.Clone()
	c.rolling = d.rolling.clone()
	return &c
}

// Finish implements detect.Detector.
func (d *limitDetector) Finish(toMS int64) detect.Finding {
	c := d.Clone().(*limitDetector)
	c.flush()
	if c.known {
		c.spend(toMS)
	}
	c.pending(toMS)
	f := detect.Finding{InMS: c.in, OutMS: c.out, UnknownMS: c.unknown}
	c.found.Into(&f)
	switch {
	case len(f.Excursions) > 0:
		f.State, f.Reasons = detect.Broken, []string{d.reason(f)}
	case c.unknown > 0:
		f.State, f.Reasons = detect.Unknown, []string{unknownFor(d.metric.String(), c.unknown)}
	}
	return f
}

// pending lists the stay that is open, and the sum over stays.
func (d *limitDetector) pending(toMS int64) {
	switch {
	case d.config.Mode == Cumulative && d.window > 0:
		d.rolling.finish(d, toMS)
	case d.config.Mode == Cumulative:
		open := d.open && !d.clearing
		end := d.sumEnd
		if d.open {
			if end = toMS; d.clearing {
				end = d.clearSince
			}
			if d.summed {
				d.sum.join(d.bound, d.stay)
			} else {
				d.sum, d.summed = d.stay, true
			}
		}
		if d.summed && d.sum.out >= d.duration {
			d.found.Add(d.sum.excursion(d.bound, end, open))
		}
	case d.open && (d.config.Mode == Instant || d.stay.out >= d.duration):
		d.longest = max(d.longest, d.stay.out)
		d.found.Add(d.stay.excursion(d.bound, toMS, true))
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
