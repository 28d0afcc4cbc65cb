package motion

import (
	"fmt"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

// drops is the detector of Drop.
type drops struct {
	cfg     *dropRule
	samples sampling
	pulses  detect.Clock // of the tracker's own pulses, where they count

	fall    fall
	shockMS int64 // the last shock value since the cut
	shocked bool
	quietMS int64 // until then, everything belongs to the last drop
	quiet   bool

	found           detect.Excursions
	byFall, byPulse int
	impacts         int // without a fall that could be seen
	strongest       detect.Decimal
	soft            int // falls whose impact would have shown and did not
	vague           int // strong pulses without a duration
	blind           int // readings of a shock that gave no measurement
	faultMS         int64
	faulty          bool
}

// fall is a free fall that is going on, or over and waiting for its impact.
type fall struct {
	on, over        bool
	beforeMS        int64 // the last sample before it
	firstMS, lastMS int64
	overMS          int64 // the first sample after it
	slow            bool  // an interval at it or in it was too long
	impactShows     bool
	lowest          detect.Decimal
	first, deepest  [32]byte
}

// impact is what ended a fall.
type impact struct {
	value   detect.Decimal
	ms      int64
	message [32]byte
	note    string
}

// Step takes the next reading.
func (d *drops) Step(p *detect.Point) {
	if d.fall.over && p.MS > d.fall.overMS+d.cfg.within {
		d.resolve(nil)
	}
	shock, shocked := p.Get(detect.Shock)
	if shocked {
		d.shockMS, d.shocked = p.MS, true
	}
	if d.cfg.pulses {
		_, timed := p.Get(detect.ShockMS)
		d.pulses.Read(p.MS, shocked && (timed || shock <= 0))
	}
	if a, ok := p.Get(detect.Acceleration); ok {
		d.sample(p, a)
	}
	if shocked {
		d.shock(p, shock)
	}
}

func (d *drops) sample(p *detect.Point, a detect.Decimal) {
	before := d.samples.before(p.MS)
	slow := p.MS-before > d.cfg.needMS
	d.samples.reading(p.MS)
	f := &d.fall
	switch {
	case a < d.cfg.freeFall:
		if f.over {
			d.resolve(nil)
		}
		if !f.on {
			if d.bouncing(p.MS) {
				return
			}
			*f = fall{on: true, beforeMS: before, firstMS: p.MS, lowest: a, first: p.Message, deepest: p.Message}
		}
		if a < f.lowest {
			f.lowest, f.deepest = a, p.Message
		}
		f.lastMS, f.slow = p.MS, f.slow || slow
		return
	case f.on:
		f.on, f.over, f.overMS, f.slow = false, true, p.MS, f.slow || slow
		f.impactShows = p.MS-before <= impactMS || d.shocked && p.MS-d.shockMS <= d.cfg.within
	}
	if a < d.cfg.impact {
		return
	}
	hit := &impact{value: a, ms: p.MS, message: p.Message}
	switch {
	case f.over:
		d.resolve(hit)
	case slow && !d.bouncing(p.MS):
		d.impacts, d.strongest = d.impacts+1, max(d.strongest, a)
	}
}

// shock takes a pulse that the tracker caught.
func (d *drops) shock(p *detect.Point, peak detect.Decimal) {
	ms, timed := p.Get(detect.ShockMS)
	hit := &impact{value: peak, ms: p.MS, message: p.Message}
	high := false
	if d.cfg.pulses && timed && ms > 0 && peak > 0 {
		h := EquivalentHeight(VelocityChange(peak, ms), d.cfg.restitution)
		high = h >= d.cfg.height
		hit.note = fmt.Sprintf("pulse of %s m/s² for %s ms, as from a drop of %s m", peak, ms, brief(h))
	}
	switch {
	case d.fall.over && (high || peak >= d.cfg.impact):
		d.resolve(hit)
	case d.cfg.pulses && !timed && peak >= d.cfg.impact && !d.bouncing(p.MS):
		d.vague++
	case high && !d.bouncing(p.MS):
		d.fall = fall{}
		d.byPulse++
		d.add(detect.Excursion{StartMS: p.MS, EndMS: p.MS, Peak: peak, Limit: d.cfg.impact, Messages: detect.Messages(p.Message), Note: hit.note})
	}
}

func (d *drops) bouncing(ms int64) bool { return d.quiet && ms <= d.quietMS }

// resolve decides on a fall that is over, with its impact or without one.
func (d *drops) resolve(hit *impact) {
	f := d.fall
	d.fall = fall{}
	least, most := f.lastMS-f.firstMS, f.overMS-f.beforeMS
	switch {
	case least > maxFallMS:
		d.faulty, d.faultMS = true, d.faultMS+least
		return
	case !f.slow && FallHeight(most) < d.cfg.height:
		return
	case !f.slow && hit == nil && f.impactShows:
		d.soft++
		return
	}
	d.byFall++
	e := detect.Excursion{StartMS: f.firstMS, EndMS: f.overMS, Peak: f.lowest, Limit: d.cfg.freeFall, Messages: detect.Messages(f.first, f.deepest)}
	e.Note = fmt.Sprintf("free fall down to %s m/s²", brief(f.lowest))
	switch {
	case most > maxBoundMS:
		e.Note += "; its height is unknown"
	case least == 0:
		e.Note += fmt.Sprintf(" for less than %d ms: drop of at most %s m", most, brief(FallHeight(most)))
	default:
		e.Note += fmt.Sprintf(" for %d to %d ms: drop of %s to %s m", least, most, brief(FallHeight(least)), brief(FallHeight(most)))
	}
	if hit != nil {
		e.EndMS, e.Peak, e.Limit = max(e.EndMS, hit.ms), hit.value, d.cfg.impact
		e.Messages = detect.Messages(f.first, f.deepest, hit.message)
		e.Note += fmt.Sprintf("; impact of %s m/s²", brief(hit.value))
		if hit.note != "" {
			e.Note += "; " + hit.note
		}
	}
	d.add(e)
}

func (d *drops) add(e detect.Excursion) {
	d.found.Add(e)
	d.quiet, d.quietMS = true, e.EndMS+d.cfg.within
}

// Lose counts a pulse of which nothing is known. A sample of the acceleration that is none is missing: the interval around it counts.
func (d *drops) Lose(p *detect.Point) {
	if d.cfg.pulses && p.Lost(detect.Shock) {
		d.blind++
	}
}

// Cut ends judging at ms.
func (d *drops) Cut(ms int64, _ bool) {
	if f := &d.fall; f.on { // how it ended is not known: it lasted until its last sample at least
		f.on, f.over, f.overMS = false, true, f.lastMS
	}
	if d.fall.over {
		d.resolve(nil)
	}
	d.samples.cut(ms)
	d.pulses.Stop(ms, false)
	d.shocked, d.quiet = false, false
}

// Clone gives an independent copy.
func (d *drops) Clone() detect.Detector {
	c := *d
	c.found = d.found.Clone()
	return &c
}

// Finding tells what was found.
func (d *drops) Finding() detect.Finding {
	var f detect.Finding
	if n := d.found.Count(); n > d.cfg.maxEvents {
		d.found.Into(&f)
		f.Because(detect.Broken, "%s, at most %d allowed: %d seen as free fall, %d by the tracker's pulses", detect.Plural(n, "drop"), d.cfg.maxEvents, d.byFall, d.byPulse)
	}
	if d.pulses.Seen && d.pulses.InMS >= d.samples.inMS {
		f.Tally = d.pulses.Tally
		d.pulses.Doubt(&f, "shock")
	} else {
		f.InMS, f.UnknownMS = d.samples.inMS, d.samples.slowMS+d.samples.gapMS
		d.samples.doubt(&f)
	}
	if d.impacts > 0 && f.State != detect.Met { // with pulses the tracker itself tells them apart
		f.Because(detect.Unknown, "%s of %s m/s² or more without a fall that could be seen, strongest %s m/s²: such slow samples do not tell a drop from a bump",
			detect.Plural(d.impacts, "impact"), d.cfg.impact, brief(d.strongest))
	}
	if d.faulty {
		f.Because(detect.Unknown, "acceleration near 0 for %s, which no fall lasts: the sensor does not work", detect.Span(d.faultMS))
	}
	if d.vague > 0 {
		f.Because(detect.Unknown, "%s without a duration", detect.Plural(d.vague, "pulse"))
	}
	if d.blind > 0 {
		f.Because(detect.Unknown, "%s of shock without a measurement", detect.Plural(d.blind, "reading"))
	}
	if d.samples.seen || d.pulses.Seen {
		f.Figure("drops", fmt.Sprint(d.found.Count()), "")
		f.Figure("soft_falls", fmt.Sprint(d.soft), "")
	}
	if d.samples.seen {
		f.Figure("impacts_alone", fmt.Sprint(d.impacts), "")
	}
	if d.samples.pairs > 0 {
		f.Figure("mean_sample_interval", fmt.Sprint(mean(d.samples.sumMS, d.samples.pairs)), "ms")
	}
	return f
}

// sampling accounts the intervals between samples of acceleration: short enough to see every fall, too long for that, or gaps.
type sampling struct {
	cfg      *dropRule
	lastMS   int64
	on, seen bool

	inMS, slowMS, gapMS int64
	pairs, sumMS        int64 // intervals that are no gaps
	slowPairs, slowSum  int64 // those of them that are too long
}

// before is the sample before one at ms; the first has one as long ago as is still well.
func (s *sampling) before(ms int64) int64 {
	if s.on {
		return s.lastMS
	}
	return ms - s.cfg.needMS
}

func (s *sampling) reading(ms int64) {
	if since := ms - s.lastMS; s.on && s.until(ms) {
		s.pairs, s.sumMS = s.pairs+1, s.sumMS+since
		if since > s.cfg.needMS {
			s.slowPairs, s.slowSum = s.slowPairs+1, s.slowSum+since
		}
	}
	s.on, s.seen, s.lastMS = true, true, ms
}

func (s *sampling) until(ms int64) (near bool) {
	since := ms - s.lastMS
	switch {
	case since > s.cfg.maxGap:
		s.gapMS += since
		return false
	case since > s.cfg.needMS:
		s.slowMS += since
	default:
		s.inMS += since
	}
	return true
}

func (s *sampling) cut(ms int64) {
	if s.on {
		s.until(ms)
	}
	s.on = false
}

// mean rounds.
func mean(sum, n int64) int64 { return (sum + n/2) / n }

// doubt gives the reasons when falls may have gone unseen.
func (s *sampling) doubt(f *detect.Finding) {
	switch {
	case !s.seen:
		f.Because(detect.Unknown, "no acceleration at all")
	case s.slowPairs > 0:
		f.Because(detect.Unknown, detect.Inadequate+" for drops: interval %d ms, needs <= %d ms (a fall from %s m lasts %d ms); not every drop shows in %s",
			mean(s.slowSum, s.slowPairs), s.cfg.needMS, s.cfg.height, s.cfg.fallMS, detect.Span(s.slowMS))
	case s.slowMS > 0:
		f.Because(detect.Unknown, "acceleration unknown for %s", detect.Span(s.slowMS))
	}
	if s.gapMS > 0 {
		f.Because(detect.Unknown, "no acceleration for %s", detect.Span(s.gapMS))
	}
}
