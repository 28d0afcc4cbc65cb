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
	maxGap  int64
	event   string
	place   string
}

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
	any     bool // had a fix since the last cut
	fixes   bool // had a fix ever

	run   run
	found detect.Excursions
	maybe int // runs that lasted long enough only if the goods stayed there while nothing was known

	inMS, outMS, unknownMS int64
	foundMS                int64 // of outMS: in excursions
}

// standing is one region's state. A state other than in is left at once; in is left by two fixes beyond the margin.
type standing struct {
	where where
	away  bool // the last fix was one of the two
}

// seen is a fix as far as it matters later.
type seen struct {
	ms       int64
	message  [32]byte
	distance int64 // from the nearest region, below 0 inside
	where    where
}

// run is a stay in the forbidden place.
type run struct {
	on                 bool
	fromMS             int64
	known              int64
	worst              int64
	first, peak, final [32]byte
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
	now := seen{ms: p.MS, message: p.Message}
	var since where // all regions together from the last fix until now, as known by now
	since, now.where, now.distance = d.move(&f)
	if d.any {
		d.pass(now.ms, since)
	}
	d.visited = d.visited || now.where == in
	d.any, d.fixes, d.last = true, true, now
	if d.bad(now.where) {
		d.begin(&now)
	} else if d.run.on {
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
	known := min(ms-d.last.ms, d.cfg.maxGap)
	d.unknownMS += ms - d.last.ms - known
	switch {
	case d.bad(w):
		d.begin(&d.last) // where two fixes were needed, it began with the first
		d.run.known += known
		d.outMS += known
	case w == unsure:
		d.leave()
		d.unknownMS += known
	default:
		d.leave()
		d.inMS += known
	}
}

// leave ends a run with the last fix: gone since then, as the new one confirms.
func (d *presence) leave() {
	if d.run.on {
		d.end(d.last.ms, false)
	}
}

// begin starts a run at a fix, or takes it into the running one.
func (d *presence) begin(s *seen) {
	r := &d.run
	if !r.on {
		*r = run{on: true, fromMS: s.ms, worst: s.distance, first: s.message, peak: s.message}
	}
	if (d.cfg.kind == inside) == (s.distance < r.worst) && s.distance != r.worst {
		r.worst, r.peak = s.distance, s.message
	}
	r.final = s.message
}

func (d *presence) end(ms int64, open bool) {
	r := d.run
	d.run = run{}
	switch {
	case r.known >= d.cfg.minMS:
		d.foundMS += r.known
		d.found.Add(detect.Excursion{
			StartMS: r.fromMS, EndMS: ms, Open: open, OutMS: r.known,
			Peak: metres(max(r.worst, -r.worst)), Limit: 0,
			Messages: detect.Messages(r.first, r.peak, r.final),
			Note:     fmt.Sprintf("%s: up to %s m %s", d.cfg.event, metres(max(r.worst, -r.worst)), d.beyond()),
		})
	case ms-r.fromMS >= d.cfg.minMS:
		d.maybe++
	}
}

func (d *presence) beyond() string {
	if d.cfg.kind == inside {
		return "inside the boundary"
	}
	return "outside the boundary"
}

// Cut ends judging at ms.
func (d *presence) Cut(ms int64) { d.stop(ms, false) }

func (d *presence) stop(ms int64, open bool) {
	if !d.any {
		return
	}
	d.pass(ms, d.last.where)
	if d.run.on {
		d.end(ms, open)
	}
	d.any, d.visited, d.regions = false, false, nil
}

// Clone gives an independent copy.
func (d *presence) Clone() detect.Detector { return d.clone() }

func (d *presence) clone() *presence {
	c := *d
	c.regions = slices.Clone(d.regions)
	c.found = d.found.Clone()
	return &c
}

// Finish tells what was found up to toMS.
func (d *presence) Finish(toMS int64) detect.Finding {
	c := d.clone()
	c.stop(toMS, true)
	f := detect.Finding{InMS: c.inMS, OutMS: c.outMS, UnknownMS: c.unknownMS}
	c.found.Into(&f)
	if n := c.found.Count(); n > 0 {
		f.State = detect.Broken
		f.Reasons = append(f.Reasons, fmt.Sprintf("%s %s, %s in all", c.cfg.event, detect.Times(n), detect.Span(c.foundMS)))
	}
	f.Reasons = append(f.Reasons, unknown(c.fixes, c.unknownMS)...)
	if c.maybe > 0 {
		f.Reasons = append(f.Reasons, fmt.Sprintf("may have %s %s for %s or more while the position was unknown", c.cfg.event, detect.Times(c.maybe), detect.Span(c.cfg.minMS)))
	}
	if f.State == detect.Met && len(f.Reasons) > 0 {
		f.State = detect.Unknown
	}
	return f
}

// unknown gives the reasons why a place is not known all the time.
func unknown(fixes bool, unknownMS int64) []string {
	switch {
	case !fixes:
		return []string{"no position at all"}
	case unknownMS > 0:
		return []string{"position unknown for " + detect.Span(unknownMS)}
	}
	return nil
}

// metres of decimetres.
func metres(dm int64) detect.Decimal { return detect.Decimal(dm * (detect.Micro / 10)) }
