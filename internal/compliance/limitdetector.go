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
	after      *detect.Bound // nil = none
}

// limitDetector judges a metric whose value holds until the next reading.
//
// What was unknown is taken both ways: as back within the limit, which is the least that can have been, and as beyond it, which
// is the most. The rule is broken when the least breaks it, met when the most does not, and unknown between.
type limitDetector struct {
	*limitRule
	time detect.Clock
	next sample // not judged yet: another one of the same time may be worse

	least stays
	most  *stays // nil while nothing was unknown: then there is one way only
	miss  detect.Episode
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
	case d.bound.Worse(v, d.next.v) == d.demands(): // what is asked for is shown by all of them
		return
	}
	d.next = sample{true, p.MS, v, p.Message}
}

func (d *limitDetector) demands() bool { return d.config.Mode == AtLeast }

// demands tells a rule that asks for something to have been.
func (r *Rule) demands() bool { return r.Limit != nil && r.Limit.Mode == AtLeast }

// flush judges the sample that waits.
func (d *limitDetector) flush() {
	s := d.next
	if !s.there {
		return
	}
	d.next.there = false
	d.spend(s.ms)
	d.time.Read(s.ms, true)
	d.least.read(s)
	if d.most != nil {
		d.most.read(s)
	}
	if d.demands() && !d.bound.Breaks(s.v) {
		d.miss.Meet(s.ms, s.v, s.message, !d.bound.Worse(s.v, d.miss.Peak))
	}
}

// spend charges the time since the last reading.
func (d *limitDetector) spend(to int64) {
	if !d.time.On {
		return
	}
	from := d.time.LastMS
	_, gap := d.time.Pass(to, d.least.beyond != d.demands())
	d.least.known(from, to-gap)
	if d.most != nil {
		d.most.known(from, to-gap)
	}
	if gap > 0 {
		d.unknown(to-gap, to)
	}
}

// Lose implements detect.Loser.
func (d *limitDetector) Lose(p *detect.Point) {
	if p.Lost(d.metric) {
		d.flush()
		d.time.Lose(p.MS)
	}
}

// Unknown implements bounded.
func (d *limitDetector) Unknown(from, to int64) {
	if from >= to {
		return
	}
	d.flush()
	d.spend(from)
	d.time.On = false
	d.time.UnknownMS += to - from
	d.unknown(from, to)
}

func (d *limitDetector) unknown(from, to int64) {
	if d.most == nil {
		most := d.least.clone()
		d.most = &most
	}
	d.least.back(from, to)
	d.most.fill(from, to)
}

// Cut implements detect.Detector.
func (d *limitDetector) Cut(ms int64, open bool) {
	d.flush()
	d.spend(ms)
	d.time.On = false
	d.least.cut(ms, open)
	if d.most != nil {
		d.most.cut(ms, open)
	}
}

// Clone implements detect.Detector.
func (d *limitDetector) Clone() detect.Detector {
	c := *d
	c.least = d.least.clone()
	if d.most != nil {
		most := d.most.clone()
		c.most = &most
	}
	return &c
}

// Finding implements detect.Detector.
func (d *limitDetector) Finding() detect.Finding {
	surely := d.least.count() > d.config.MaxStays
	maybe := surely || d.most != nil && d.most.count() > d.config.MaxStays
	if d.demands() {
		return d.demanded(surely, maybe)
	}
	f := detect.Finding{Tally: d.time.Tally}
	switch {
	case surely:
		d.least.found.Into(&f)
		f.Because(detect.Broken, "%s", d.reason(f))
	case maybe:
		f.Because(detect.Unknown, "%s", unknownFor(d.metric.String(), f.UnknownMS))
	}
	switch {
	case !d.config.ListAllowed || surely && d.config.Mode == Cumulative: // all of them together broke it
	case surely:
		f.Allowed = d.least.allowed
	default:
		f.Allowed = d.least.found.With(d.least.allowed)
	}
	return f
}

// demanded says whether something held for as long as was asked. That it did not is final only when the goods are delivered,
// which the detector does not know.
func (d *limitDetector) demanded(surely, maybe bool) detect.Finding {
	f := detect.Finding{Tally: d.time.Tally}
	if surely {
		return f
	}
	asked := fmt.Sprintf("%s %s for %s in a row at most, %s is asked for", d.metric, whereOf(d.metric, d.bound), detect.Span(d.least.longest), detect.Span(d.duration))
	if maybe {
		f.Because(detect.Unknown, "%s; unknown for %s", asked, detect.Span(f.UnknownMS))
		return f
	}
	f.Because(detect.Broken, "%s", asked)
	if d.miss.On {
		d.miss.OutMS = d.time.OutMS
		f.Excursions = []detect.Excursion{d.miss.Excursion(d.time.LastMS, false, d.bound.Value, asked)}
	}
	return f
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
	if d.after != nil {
		text += " after it was " + whereOf(d.metric, *d.after)
	}
	if d.config.MaxStays > 0 {
		text += fmt.Sprintf(" %s, at most %d allowed", detect.Times(d.least.count()), d.config.MaxStays)
	}
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
func beyond(m detect.Metric, b detect.Bound) string { return m.String() + " " + whereOf(m, b) }

func whereOf(m detect.Metric, b detect.Bound) string {
	return b.Where() + " " + m.With(b.Value.String())
}

func unknownFor(what string, ms int64) string {
	return fmt.Sprintf("%s unknown for %s", what, detect.Span(ms))
}
