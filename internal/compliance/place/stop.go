package place

import (
	"errors"
	"fmt"

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
	maxMS, radius, maxGap int64
	allowed               Fences
	text                  string
}

func (s Stop) compile() (*stopRule, error) {
	var problems []error
	if s.MaxS < 1 {
		problems = append(problems, errors.New("max_s: must be 1 or more"))
	}
	if s.RadiusM < 1 || s.RadiusM > MaxRadiusM {
		problems = append(problems, fmt.Errorf("radius_m: must be 1 to %d", MaxRadiusM))
	}
	fences, err := Compile("allowed_in", s.AllowedIn)
	problems = append(problems, err)
	text := fmt.Sprintf("within %d m for more than %s", s.RadiusM, detect.Seconds(s.MaxS))
	if len(s.AllowedIn) > 0 {
		text += " outside the allowed fences"
	}
	return &stopRule{maxMS: int64(s.MaxS) * 1000, radius: int64(s.RadiusM) * 10, allowed: fences, text: text}, detect.Problems(problems...)
}

// Validate names everything that is wrong.
func (s Stop) Validate() error {
	_, err := s.compile()
	return err
}

// Need implements detect.Kind.
func (s Stop) Need() detect.Need { return detect.Need{Metrics: []detect.Metric{detect.Latitude}} }

// Asks implements detect.Kind.
func (s Stop) Asks() string {
	return fmt.Sprintf("No stop longer than %s within %d m%s", detect.Seconds(s.MaxS), s.RadiusM, Except(s.AllowedIn))
}

// Detector of this rule on one tracker.
func (s Stop) Detector(_ *detect.Journey, _ string, maxGapMS int64) (detect.Detector, error) {
	r, err := s.compile()
	if err != nil {
		return nil, err
	}
	r.maxGap = maxGapMS
	return &stops{cfg: r}, nil
}

// stops is a stop's detector.
type stops struct {
	cfg   *stopRule
	any   bool // had a fix since the last cut
	fixes bool
	last  seen
	lastV vec

	on          bool // a stay runs
	over        bool // the stay is seen to be too long
	away        bool // the last fix was beyond the radius
	fromMS      int64
	known       int64 // time of the stay that fixes speak for
	anchor      vec
	first, peak [32]byte
	final       [32]byte

	found            detect.Excursions
	maybe            int
	inMS             int64
	outMS, unknownMS int64
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
	beyond := d.on && d.anchor.distance(&f.v) > d.cfg.radius
	if d.any {
		switch {
		case beyond && d.away && !allowed: // left with the last fix, and a new stay may have begun there
			d.end(d.last.ms, false)
			if f.v.distance(&d.lastV) <= d.cfg.radius {
				d.begin(&d.last, d.lastV)
			}
			d.pass(now.ms)
		case allowed:
			d.pass(now.ms)
			d.end(now.ms, false)
		default:
			d.pass(now.ms)
		}
	}
	switch {
	case allowed:
	case !d.on:
		d.begin(&now, f.v)
		beyond = false
	default:
		d.final = now.message
		if !d.over { // the one that first shows the stay to be too long, or the newest
			d.peak, d.over = now.message, d.known > d.cfg.maxMS
		}
		beyond = d.anchor.distance(&f.v) > d.cfg.radius
	}
	d.any, d.fixes, d.last, d.lastV, d.away = true, true, now, f.v, beyond
}

func (d *stops) begin(s *seen, v vec) {
	d.on, d.over, d.away, d.known, d.fromMS, d.anchor = true, false, false, 0, s.ms, v
	d.first, d.peak, d.final = s.message, s.message, s.message
}

// pass accounts the time from the last fix until ms.
func (d *stops) pass(ms int64) {
	known := min(ms-d.last.ms, d.cfg.maxGap)
	d.unknownMS += ms - d.last.ms - known
	d.inMS += known
	if d.on {
		d.known += known
	}
}

// end closes a stay. Its time counts as out of range from max_s on.
func (d *stops) end(ms int64, open bool) {
	if !d.on {
		return
	}
	d.on = false
	switch {
	case d.known > d.cfg.maxMS:
		over := d.known - d.cfg.maxMS
		d.inMS, d.outMS = d.inMS-over, d.outMS+over
		d.found.Add(detect.Excursion{
			StartMS: d.fromMS, EndMS: ms, Open: open, OutMS: over,
			Peak: detect.Decimal(d.known * 1000), Limit: detect.Decimal(d.cfg.maxMS * 1000),
			Messages: detect.Messages(d.first, d.peak, d.final),
			Note:     "stood still for " + detect.Span(d.known),
		})
	case ms-d.fromMS > d.cfg.maxMS:
		d.maybe++
	}
}

// Cut ends judging at ms.
func (d *stops) Cut(ms int64) { d.stop(ms, false) }

func (d *stops) stop(ms int64, open bool) {
	if !d.any {
		return
	}
	d.pass(ms)
	d.end(ms, open)
	d.any, d.away = false, false
}

// Clone gives an independent copy.
func (d *stops) Clone() detect.Detector { return d.clone() }

func (d *stops) clone() *stops {
	c := *d
	c.found = d.found.Clone()
	return &c
}

// Finish tells what was found up to toMS.
func (d *stops) Finish(toMS int64) detect.Finding {
	c := d.clone()
	c.stop(toMS, true)
	f := detect.Finding{InMS: c.inMS, OutMS: c.outMS, UnknownMS: c.unknownMS}
	c.found.Into(&f)
	if n := c.found.Count(); n > 0 {
		f.State = detect.Broken
		f.Reasons = append(f.Reasons, fmt.Sprintf("stood still %s %s", c.cfg.text, detect.Times(n)))
	}
	f.Reasons = append(f.Reasons, unknown(c.fixes, c.unknownMS)...)
	if c.maybe > 0 {
		f.Reasons = append(f.Reasons, fmt.Sprintf("may have stood still %s %s while the position was unknown", c.cfg.text, detect.Times(c.maybe)))
	}
	if f.State == detect.Met && len(f.Reasons) > 0 {
		f.State = detect.Unknown
	}
	return f
}
