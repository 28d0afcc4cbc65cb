package place

import (
	"fmt"
	"slices"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

// rule is what a presence detector judges by; clones share it.
type rule struct {
	kind    kind
	regions []region
	minMS   int64
	bridge  int64 // a straight way through the forbidden place counts between fixes that are not further apart; noBridge = nobody looks
	event   string
}

const noBridge = -1

// kind is where the goods must not be.
type kind uint8

const (
	inside  kind = iota // in any region
	outside             // out of all
	gone                // out of all, after having been in one
)

// where the goods are as far as one region goes, and all of them together.
type where uint8

const (
	unsure where = iota
	in
	out
)

// presence judges in which regions the goods are. It is the detector of geofences and corridors.
type presence struct {
	cfg *rule

	regions []standing
	visited bool // was in a region since the last cut
	last    seen
	time    detect.Clock

	run   detect.Episode // a stay in the forbidden place; its peak is in decimetres
	found detect.Excursions
	could could
	ways  int // straight ways through the forbidden place between fixes that are too far apart to tell

	foundMS int64 // of the time out: in excursions
}

func newPresence(r *rule, maxGapMS int64) *presence {
	return &presence{cfg: r, time: detect.Clock{GapMS: maxGapMS}}
}

// standing is one region's state. A state other than in is left at once; in is left by two fixes beyond the margin.
type standing struct {
	where where
	away  bool // the last fix was one of the two
}

// could is a time in which the goods can have been in the forbidden place without a break, as far as is known.
type could struct {
	on        bool
	from, to  int64
	found     int // excursions before it
	longTimes int // such times that were long enough, and are no excursion
}

// seen is a fix as far as it matters later.
type seen struct {
	fix      fix
	ms       int64
	message  [32]byte
	distance int64 // from the nearest region, below 0 inside
	where    where
}

// Step takes the next reading.
func (d *presence) Step(p *detect.Point) {
	f, ok := position(p)
	if !ok {
		return
	}
	if d.regions == nil {
		d.regions = make([]standing, len(d.cfg.regions))
	}
	now := seen{fix: f, ms: p.MS, message: p.Message}
	var since where // all regions together from the last fix until now, as known by now
	since, now.where, now.distance = d.move(&f)
	d.pass(now.ms, since)
	d.through(&now)
	d.visited = d.visited || now.where == in
	d.time.Read(now.ms, true)
	d.last = now
	if d.bad(now.where) {
		d.begin(&now)
	} else {
		d.end(now.ms, false)
	}
}

// move brings the regions' states up to a fix.
func (d *presence) move(f *fix) (since, now where, distance int64) {
	since, now = out, out
	distance = 1 << 62
	for i, r := range d.cfg.regions {
		s := &d.regions[i]
		away := r.distance(f)
		distance = min(distance, away)
		before := s.where
		switch {
		case away <= 0:
			*s = standing{where: in}
		case s.where == out:
		case s.where == in && away <= r.margin():
			s.away = false
		case s.away: // the second in a row: gone since the first
			*s, before = standing{where: out}, out
		default:
			s.away = true
		}
		since, now = together(since, before), together(now, s.where)
	}
	return since, now, distance
}

// together: in one is in, out of all is out.
func together(a, b where) where {
	switch {
	case a == in || b == in:
		return in
	case a == unsure || b == unsure:
		return unsure
	}
	return out
}

func (d *presence) bad(w where) bool {
	switch d.cfg.kind {
	case inside:
		return w == in
	case outside:
		return w == out
	default:
		return w == out && d.visited
	}
}

// pass accounts the time from the last fix until ms, during which the goods were at w.
func (d *presence) pass(ms int64, w where) {
	bad := d.bad(w)
	switch {
	case !d.time.On:
		return
	case bad:
		d.begin(&d.last) // where two fixes were needed, it began with the first
	default:
		d.end(d.last.ms, false) // gone since then, as the new fix confirms
	}
	from := d.time.LastMS
	known, unknown := d.time.Pass(ms, bad)
	switch {
	case bad:
		d.run.OutMS += known
	case w == unsure:
		d.time.InMS, d.time.UnknownMS = d.time.InMS-known, d.time.UnknownMS+known
	}
	d.can(from, from+known, bad || w == unsure)
	d.can(ms-unknown, ms, true)
}

// can takes a time in which the goods can have been in the forbidden place, or cannot.
func (d *presence) can(from, to int64, be bool) {
	c := &d.could
	switch {
	case from >= to:
		return
	case c.on && from != c.to: // judging stood still between them
		d.cannot()
	}
	switch {
	case !be:
		d.cannot()
	case !c.on:
		*c = could{true, from, to, d.found.Count(), c.longTimes}
	default:
		c.to = to
	}
}

func (d *presence) cannot() {
	c := &d.could
	if c.on && c.to-c.from >= d.cfg.minMS && c.found == d.found.Count() {
		c.longTimes++
	}
	c.on = false
}

// Lose ends what the last fix says: a receiver that has none says nothing of where the goods are.
func (d *presence) Lose(p *detect.Point) { d.time.Lose(p.MS) }

// Unknown is told of time before the first fix.
func (d *presence) Unknown(from, to int64) {
	d.Cut(from, false)
	d.time.UnknownMS += to - from
	d.can(from, to, true)
}

// through looks at the straight way from the last fix, when both are not in the forbidden place and the time between them is known.
func (d *presence) through(now *seen) {
	since := now.ms - d.last.ms
	enter := d.cfg.kind == inside
	if d.cfg.bridge == noBridge || !d.time.On || since <= 0 || since > d.time.GapMS || since < d.cfg.minMS ||
		enter != (d.last.distance > 0) || enter != (now.distance > 0) || d.bad(d.last.where) || d.bad(now.where) || d.cfg.kind == gone && !d.visited {
		return
	}
	switch w := d.cfg.between(&d.last, now, enter); {
	case w == never:
	case w == somewhere && since <= d.cfg.bridge && d.cfg.minMS == 0:
		d.found.Add(detect.Excursion{StartMS: d.last.ms, EndMS: now.ms, Messages: detect.Messages(d.last.message, now.message),
			Note: d.cfg.event + " on the straight way between two fixes, " + detect.Span(since) + " apart"})
	default:
		d.ways++
	}
}

// begin starts a run at a fix, or takes it into the running one.
func (d *presence) begin(s *seen) {
	away := detect.Decimal(s.distance)
	worse := away > d.run.Peak
	if d.cfg.kind == inside {
		worse = away < d.run.Peak
	}
	d.run.Meet(s.ms, away, s.message, worse)
}

// end closes the run, if there is one.
func (d *presence) end(ms int64, open bool) {
	r := d.run
	d.run = detect.Episode{}
	switch {
	case !r.On:
	case r.OutMS >= d.cfg.minMS:
		d.foundMS += r.OutMS
		r.Peak = metres(max(r.Peak, -r.Peak))
		d.found.Add(r.Excursion(ms, open, 0, fmt.Sprintf("%s: up to %s m %s", d.cfg.event, r.Peak, d.beyond())))
	}
}

func (d *presence) beyond() string {
	if d.cfg.kind == inside {
		return "inside the boundary"
	}
	return "outside the boundary"
}

// Cut ends judging at ms.
func (d *presence) Cut(ms int64, open bool) {
	d.pass(ms, d.last.where)
	d.end(ms, open)
	d.time.Stop(ms, false)
	if d.visited, d.regions = false, nil; open {
		d.cannot()
	}
}

// Clone gives an independent copy.
func (d *presence) Clone() detect.Detector {
	c := *d
	c.regions = slices.Clone(d.regions)
	c.found = d.found.Clone()
	return &c
}

// Finding tells what was found.
func (d *presence) Finding() detect.Finding {
	f := d.time.Finding(&d.found)
	if n := d.found.Count(); n > 0 {
		f.Because(detect.Broken, "%s %s, %s in all", d.cfg.event, detect.Times(n), detect.Span(d.foundMS))
	}
	if d.cfg.minMS == 0 || !d.time.Seen {
		d.time.Doubt(&f, "position")
	} else if n := d.could.longTimes; n > 0 {
		f.Because(detect.Unknown, "position unknown for %s: may have %s %s for %s or more", detect.Span(f.UnknownMS), d.cfg.event, detect.Times(n), detect.Span(d.cfg.minMS))
	}
	if d.ways > 0 {
		f.Because(detect.Unknown, "may have %s %s between two fixes: the straight way goes there", d.cfg.event, detect.Times(d.ways))
	}
	return f
}

// metres of decimetres.
func metres(dm detect.Decimal) detect.Decimal { return dm * (detect.Micro / 10) }
