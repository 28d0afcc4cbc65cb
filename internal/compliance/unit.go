package compliance

import (
	"slices"
	"strings"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

// demand is a rule made ready for one tracker: a detector's maker, or nested demands. It is shared by all clones.
type demand struct {
	id    string
	name  string // of the kind
	need  detect.Need
	about string // what excursions are about: a metric or the kind
	make  func() detect.Detector
	all   bool // of kids: all, else any
	kids  []*demand
}

// unit judges one demand on one tracker within its spans. It cuts the time line for the detector and accounts for what a
// detector cannot see: the time between the start of a span and the first reading in it.
type unit struct {
	*demand
	spans spans
	gap   int64
	now   span // current, or the next one
	more  bool // there is one
	in    bool // it was entered
	begun bool // one was

	d       detect.Detector
	pending *detect.Point // the value that held when the span began; given to the detector when time goes on
	until   int64         // it holds until then, unless a reading comes; 0 = nothing is held
	wait    int64         // unknown from here until a reading comes; noWait = not waiting
	unknown int64
	kids    []*unit
}

const noWait = forever

func newUnit(d *demand, spans spans, gap int64) *unit {
	u := &unit{demand: d, spans: spans, gap: gap, wait: noWait}
	u.now, u.more = spans.after(-forever)
	for _, k := range d.kids {
		u.kids = append(u.kids, newUnit(k, spans, gap))
	}
	if d.make != nil {
		u.d = d.make()
	}
	return u
}

func (u *unit) clone() *unit {
	c := *u
	if u.d != nil {
		c.d = u.d.Clone()
	}
	c.kids = make([]*unit, len(u.kids))
	for i, k := range u.kids {
		c.kids[i] = k.clone()
	}
	return &c
}

// step judges a reading. h is what was measured before it.
func (u *unit) step(p *detect.Point, h *held) {
	for _, k := range u.kids {
		k.step(p, h)
	}
	if u.d == nil {
		return
	}
	u.leave(p.MS, h)
	if !u.more || p.MS < u.now.from {
		return
	}
	if !u.in {
		u.enter(h)
	}
	met, lost := u.meets(p), u.loses(p)
	if u.pending != nil {
		if p.MS == u.now.from {
			switch {
			case met: // measured anew at the very start
				u.pending, u.until = nil, 0
			case lost:
				u.pending, u.until, u.wait = nil, 0, p.MS
			}
			u.d.Step(p)
			return
		}
		u.d.Step(u.pending)
		u.pending = nil
	}
	if u.until != 0 {
		if p.MS > u.until {
			u.expire()
			u.wait, u.until = u.until, 0
		} else if met {
			u.until = 0
		}
	}
	if met {
		u.waited(p.MS)
		u.wait = noWait
	}
	u.d.Step(p)
	if lost {
		u.lose(p, met)
	}
}

// loses reports whether a reading gives no measurement of what the demand needs.
func (u *unit) loses(p *detect.Point) bool {
	return slices.ContainsFunc(u.need.Metrics, p.Lost)
}

// lose ends what was measured before: it is unknown until the next measurement.
func (u *unit) lose(p *detect.Point, met bool) {
	if d, ok := u.d.(detect.Loser); ok {
		d.Lose(p)
	}
	if met {
		return
	}
	u.until = 0 // the detector knows that its value holds no longer
	if u.wait != noWait {
		u.wait = min(u.wait, p.MS) // no longer time to begin in
	}
}

// meets reports whether a reading tells what the demand needs.
func (u *unit) meets(p *detect.Point) bool {
	if u.need.Event {
		return true
	}
	for _, m := range u.need.Metrics {
		if _, ok := p.Get(m); ok {
			return true
		}
	}
	return len(u.need.Metrics) == 0
}

func (u *unit) enter(h *held) {
	u.in, u.begun = true, true
	from := u.now.from
	if b, ok := u.d.(beginner); ok {
		b.begin(from, h.since())
		return
	}
	if !u.need.Event {
		if p, until, ok := h.point(u.need, from, u.gap); ok {
			u.pending, u.until = &p, until
			return
		}
	}
	if len(u.need.Metrics) > 0 {
		u.wait = max(from, h.knownUntil(u.need, u.gap))
	}
}

// leave ends the spans that are over at ms.
func (u *unit) leave(ms int64, h *held) {
	for _, k := range u.kids {
		k.leave(ms, h)
	}
	if u.d == nil {
		return
	}
	for u.more && u.now.to <= ms {
		if !u.in {
			u.enter(h)
		}
		to := u.now.to
		if !u.settle(to) {
			u.d.Cut(to, false)
		}
		u.in, u.wait, u.until = false, noWait, 0
		u.now, u.more = u.spans.after(to)
	}
}

// settle accounts up to ms for what the detector does not see; cut tells that judging has been cut before.
func (u *unit) settle(ms int64) (cut bool) {
	if u.pending != nil {
		u.d.Step(u.pending)
		u.pending = nil
	}
	if u.until != 0 && u.until < ms {
		cut = u.expire()
		u.wait = u.until
	}
	if u.waited(ms); u.wait != noWait {
		u.wait = ms
	}
	return cut
}

// bounded is a detector that reasons about what unknown time can have been: it is told of all of it, [from, to), in order.
type bounded interface{ Unknown(from, to int64) }

// expire ends judging where the value that held at the start is too old; a bounded detector hears that it is unknown from there on.
func (u *unit) expire() (cut bool) {
	if _, ok := u.d.(bounded); ok {
		return false
	}
	u.d.Cut(u.until, false)
	return true
}

// waited accounts the unknown time until ms.
func (u *unit) waited(ms int64) {
	if u.wait == noWait || ms <= u.wait {
		return
	}
	if b, ok := u.d.(bounded); ok {
		b.Unknown(u.wait, ms)
	} else {
		u.unknown += ms - u.wait
	}
}

// heardOf says what a tracker has reported.
type heardOf struct {
	any     bool
	metrics [detect.Metrics]bool
}

func (h *heardOf) take(p *detect.Point) {
	h.any = true
	for m := range detect.Metrics {
		if !h.metrics[m] {
			_, h.metrics[m] = p.Get(m)
		}
	}
}

// measures reports whether anything was heard that a demand, or one within it, needs.
func (h *heardOf) measures(d *demand) bool {
	for _, k := range d.kids {
		if h.measures(k) {
			return true
		}
	}
	for _, m := range d.need.Metrics {
		if h.metrics[m] {
			return true
		}
	}
	return len(d.kids) == 0 && len(d.need.Metrics) == 0
}

// finish tells what was found up to toMS; judged is false when the demand did not apply yet. The unit is used up.
func (u *unit) finish(toMS int64, h *held, heard *heardOf) (f detect.Finding, judged bool) {
	if len(u.kids) > 0 {
		return u.compose(toMS, h, heard)
	}
	u.leave(toMS, h)
	if u.more && (u.in || u.now.from < toMS) {
		if !u.in {
			u.enter(h)
		}
		u.settle(toMS)
	}
	if !u.begun {
		return f, false
	}
	if m, ok := u.d.(interface{ Measures() }); ok && u.need.Event && heard.measures(u.demand) {
		m.Measures()
	}
	f = detect.Finish(u.d, toMS)
	if !heard.any || !heard.measures(u.demand) {
		f.UnknownMS, f.State = u.spans.until(toMS), detect.Unknown
		f.Reasons = []string{"no reading of " + u.needs()}
		if !heard.any {
			f.Reasons = []string{"the tracker never reported"}
		}
		return f, true
	}
	if f.UnknownMS += u.unknown; u.unknown > 0 && f.State == detect.Met {
		f.State = detect.Unknown
	}
	if u.unknown > 0 && f.State == detect.Unknown {
		f.Reasons = append(f.Reasons, unknownFor(u.needs(), u.unknown)+" before the first reading")
	}
	return f, true
}

// needs names what the demand needs.
func (u *unit) needs() string {
	var names []string
	for _, m := range u.need.Metrics {
		names = append(names, m.String())
	}
	return strings.Join(names, " or ")
}
