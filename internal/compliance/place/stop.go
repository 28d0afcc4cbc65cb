package place

import (
	"fmt"
	"math"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

// Stop forbids to stay within radius_m of one position for longer than max_s, other than in an allowed fence. A stay begins
// with its first fix, from which its radius counts; two fixes in a row beyond the radius end it, from the first on, and so
// does one in an allowed fence.
type Stop struct {
	MaxS      int     `json:"max_s"`
	RadiusM   int     `json:"radius_m"`
	AllowedIn []Fence `json:"allowed_in,omitempty"`
}

type stopRule struct {
	maxMS, radius int64
	allowed       Fences
	text          string
}

// Detector of this rule on one tracker.
func (s Stop) Detector(_ *detect.Journey, _ string, maxGapMS int64) (detect.Detector, error) {
	var bad detect.Problems
	bad.Within("max_s", s.MaxS, 1, math.MaxInt)
	bad.Within("radius_m", s.RadiusM, 1, MaxRadiusM)
	fences, err := Compile("allowed_in", s.AllowedIn)
	bad.Add(err)
	text := fmt.Sprintf("within %d m for more than %s", s.RadiusM, detect.Seconds(s.MaxS))
	if len(s.AllowedIn) > 0 {
		text += " outside the allowed fences"
	}
	r := &stopRule{maxMS: int64(s.MaxS) * 1000, radius: int64(s.RadiusM) * 10, allowed: fences, text: text}
	return &stops{cfg: r, time: detect.Clock{GapMS: maxGapMS}}, bad.Err()
}

// Need implements detect.Kind.
func (s Stop) Need() detect.Need { return detect.Need{Metrics: []detect.Metric{detect.Latitude}} }

// Asks implements detect.Kind.
func (s Stop) Asks() string {
	return fmt.Sprintf("No stop longer than %s within %d m%s", detect.Seconds(s.MaxS), s.RadiusM, Except(s.AllowedIn))
}

// stops is a stop's detector.
type stops struct {
	cfg   *stopRule
	time  detect.Clock
	last  seen
	lastV vec

	stay   detect.Episode // its OutMS is all the time that fixes speak for
	over   bool           // the stay is seen to be too long
	away   bool           // the last fix was beyond the radius
	anchor vec
	lead   int64 // unknown time just before the stay
	gap    int64 // unknown time just before the last fix, or up to now

	found detect.Excursions
	maybe int
}

// Step takes the next reading.
func (d *stops) Step(p *detect.Point) {
	f, ok := position(p)
	if !ok {
		return
	}
	now := seen{ms: p.MS, message: p.Message}
	allowed := false
	for _, r := range d.cfg.allowed.regions {
		allowed = allowed || r.distance(&f) <= 0
	}
	beyond := d.stay.On && d.anchor.distance(&f.v) > d.cfg.radius
	if beyond && d.away && !allowed { // left with the last fix, and a new stay may have begun there
		d.end(d.last.ms, false)
		if f.v.distance(&d.lastV) <= d.cfg.radius {
			d.begin(&d.last, d.lastV)
			d.lead = d.gap
		}
	}
	unknown := d.pass(now.ms)
	if !d.time.On { // it was told before
		unknown = d.gap
	}
	if allowed {
		d.end(now.ms, false)
	}
	switch {
	case allowed:
	case !d.stay.On:
		d.begin(&now, f.v)
		d.lead, beyond = unknown, false
	default:
		d.stay.Meet(now.ms, 0, now.message, !d.over) // the worst is the one that first shows the stay to be too long, or the newest
		d.over = d.over || d.stay.OutMS > d.cfg.maxMS
		beyond = d.anchor.distance(&f.v) > d.cfg.radius
	}
	d.time.Read(now.ms, true)
	d.last, d.lastV, d.away, d.gap = now, f.v, beyond, unknown
}

func (d *stops) begin(s *seen, v vec) {
	d.stay, d.over, d.anchor = detect.Episode{}, false, v
	d.stay.Meet(s.ms, 0, s.message, true)
}

// pass accounts the time from the last fix until ms.
func (d *stops) pass(ms int64) (unknown int64) {
	known, unknown := d.time.Pass(ms, false)
	d.stay.OutMS += known
	if !d.stay.On && unknown > d.cfg.maxMS {
		d.maybe++
	}
	return unknown
}

// Lose ends what the last fix says.
func (d *stops) Lose(p *detect.Point) { d.time.Lose(p.MS) }

// Unknown is told of time before the first fix.
func (d *stops) Unknown(from, to int64) {
	d.Cut(from, false)
	d.time.UnknownMS += to - from
	if d.gap = to - from; d.gap > d.cfg.maxMS {
		d.maybe++
	}
}

// end closes a stay. Its time counts as out of range from max_s on.
func (d *stops) end(ms int64, open bool) {
	stay, known, lead := d.stay, d.stay.OutMS, d.lead
	d.stay, d.lead = detect.Episode{}, 0
	switch {
	case !stay.On:
	case known > d.cfg.maxMS:
		stay.OutMS = known - d.cfg.maxMS
		d.time.InMS, d.time.OutMS = d.time.InMS-stay.OutMS, d.time.OutMS+stay.OutMS
		stay.Peak = detect.Decimal(known * 1000)
		d.found.Add(stay.Excursion(ms, open, detect.Decimal(d.cfg.maxMS*1000), "stood still for "+detect.Span(known)))
	case ms-stay.StartMS+lead > d.cfg.maxMS:
		d.maybe++
	}
}

// Cut ends judging at ms.
func (d *stops) Cut(ms int64, open bool) {
	d.pass(ms)
	d.end(ms, open)
	d.time.Stop(ms, false)
	d.away, d.gap = false, 0
}

// Clone gives an independent copy.
func (d *stops) Clone() detect.Detector {
	c := *d
	c.found = d.found.Clone()
	return &c
}

// Finding tells what was found.
func (d *stops) Finding() detect.Finding {
	f := d.time.Finding(&d.found)
	if n := d.found.Count(); n > 0 {
		f.Because(detect.Broken, "stood still %s %s", d.cfg.text, detect.Times(n))
	}
	if !d.time.Seen {
		d.time.Doubt(&f, "position")
	} else if d.maybe > 0 {
		f.Because(detect.Unknown, "position unknown for %s: may have stood still %s %s", detect.Span(f.UnknownMS), d.cfg.text, detect.Times(d.maybe))
	}
	return f
}
