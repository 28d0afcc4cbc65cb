package motion

import (
	"fmt"
	"math"
	"strings"

	"github.com/trackseal/trackseal/internal/compliance/detect"
	"github.com/trackseal/trackseal/internal/compliance/place"
)

// Opening finds that goods were opened: samples readings in a row whose light is above light_above, or whose door is open.
// It is armed in the rule's stages.
//
// With allowed_in, an opening in one of these fences is noted and breaks nothing; one whose place is not known is unknown. With
// max_open_s, an opening breaks the rule when it lasts longer, in an allowed fence too; and without allowed_in only then.
// With neither, every opening breaks it.
type Opening struct {
	LightAbove string        `json:"light_above,omitempty"` // lx
	Door       bool          `json:"door,omitempty"`
	Samples    int           `json:"samples,omitempty"` // 1 where it is absent
	AllowedIn  []place.Fence `json:"allowed_in,omitempty"`
	MaxOpenS   int           `json:"max_open_s,omitempty"`
}

type openingRule struct {
	samples       int
	allowed       place.Fences
	maxMS, maxGap int64
}

// Detector of this rule on one tracker.
func (o Opening) Detector(_ *detect.Journey, _ string, maxGapMS int64) (detect.Detector, error) {
	var bad detect.Problems
	light := amount(&bad, "light_above", o.LightAbove, 0, 200_000*detect.Micro)
	if o.LightAbove == "" && !o.Door {
		bad.Bad("light_above: give light_above or door")
	}
	bad.Within("samples", o.Samples, 0, 1000)
	allowed, err := place.Compile("allowed_in", o.AllowedIn)
	bad.Add(err)
	bad.Within("max_open_s", o.MaxOpenS, 0, math.MaxInt)
	d := &openings{cfg: &openingRule{samples: max(1, o.Samples), allowed: allowed, maxMS: int64(o.MaxOpenS) * 1000, maxGap: maxGapMS}}
	clock := detect.Clock{GapMS: maxGapMS}
	d.signals[0] = signal{metric: detect.Light, above: light, used: o.LightAbove != "", time: clock}
	d.signals[1] = signal{metric: detect.Door, above: 0, used: o.Door, time: clock}
	return d, bad.Err()
}

// Need implements detect.Kind.
func (o Opening) Need() (n detect.Need) {
	if o.LightAbove != "" {
		n.Metrics = append(n.Metrics, detect.Light)
	}
	if o.Door {
		n.Metrics = append(n.Metrics, detect.Door)
	}
	return n
}

// Asks implements detect.Kind.
func (o Opening) Asks() string {
	text := "No opening"
	if o.MaxOpenS > 0 {
		text += " longer than " + detect.Seconds(o.MaxOpenS)
	}
	var by []string
	if o.Door {
		by = append(by, "the door")
	}
	if o.LightAbove != "" {
		by = append(by, "light above "+detect.Light.With(o.LightAbove))
	}
	return text + place.Except(o.AllowedIn) + ", as told by " + strings.Join(by, " or ")
}

type openings struct {
	cfg     *openingRule
	signals [2]signal
	now     opening

	fence     string // of the last position; "" = in none
	fenceMS   int64
	hasPlace  bool
	found     detect.Excursions
	noted     int // openings that were allowed
	placeless int // openings nobody knows where
	outMS     int64
}

// signal is light, or the door.
type signal struct {
	metric detect.Metric
	above  detect.Decimal
	used   bool
	time   detect.Clock

	row    int            // readings that say open
	values detect.Episode // of the row
	open   bool           // confirmed
}

// opening is one that goes on.
type opening struct {
	detect.Episode
	limit     detect.Decimal
	what      string
	placed    bool  // its place was known
	outside   bool  // and not allowed
	outsideMS int64 // since when
	where     string
}

// Step takes the next reading.
func (d *openings) Step(p *detect.Point) {
	d.expire(p.MS)
	if id, ok := d.cfg.allowed.Around(p); ok {
		d.fence, d.fenceMS, d.hasPlace = id, p.MS, true
	} else if p.Lost(detect.Latitude) {
		d.hasPlace = false
	}

	for i := range d.signals {
		s := &d.signals[i]
		v, ok := p.Get(s.metric)
		if !s.used || !ok {
			continue
		}
		s.time.Read(p.MS, true)
		if v <= s.above {
			s.closed()
			continue
		}
		s.values.Meet(p.MS, v, p.Message, v > s.values.Peak)
		s.row = min(s.row+1, d.cfg.samples)
		if s.open = s.row == d.cfg.samples; s.open {
			d.open(s)
		}
	}
	d.whether(p.MS)
}

func (s *signal) closed() { s.row, s.open, s.values = 0, false, detect.Episode{} }

// open begins the opening, or tells it of another reading.
func (d *openings) open(s *signal) {
	o, v := &d.now, &s.values
	if !o.On {
		*o = opening{Episode: *v, limit: s.above, what: s.metric.String()}
	}
	if o.what == s.metric.String() && v.Peak > o.Peak {
		o.Peak, o.Worst = v.Peak, v.Worst
	}
	o.Last = v.Last
}

// whether ends an opening that no signal says any more, and looks where it is.
func (d *openings) whether(ms int64) {
	o := &d.now
	if !o.On {
		return
	}
	if !d.signals[0].open && !d.signals[1].open {
		d.close(ms, false)
		return
	}
	if d.hasPlace && ms-d.fenceMS <= d.cfg.maxGap {
		o.placed = true
		if d.fence != "" {
			o.where = d.fence
		} else if !o.outside {
			o.outside, o.outsideMS = true, ms
			if ms-o.StartMS <= d.cfg.maxGap && o.where == "" {
				o.outsideMS = o.StartMS // it was there from the start, as far as known
			}
		}
	}
}

// Lose ends what a signal said: whether it is open is not known any more.
func (d *openings) Lose(p *detect.Point) {
	for i := range d.signals {
		if s := &d.signals[i]; s.used && p.Lost(s.metric) {
			s.time.Lose(p.MS)
			s.closed()
		}
	}
	d.whether(p.MS)
}

// expire ends what nothing speaks for any more by ms: a value holds for maxGap.
func (d *openings) expire(ms int64) {
	var last int64
	expired := false
	for i := range d.signals {
		s := &d.signals[i]
		if s.time.On && ms-s.time.LastMS > d.cfg.maxGap {
			if s.open {
				expired, last = true, max(last, s.time.LastMS+d.cfg.maxGap)
			}
			s.closed()
		}
	}
	if expired && d.now.On && !d.signals[0].open && !d.signals[1].open {
		d.close(last, false)
	}
}

// close judges an opening that is over, or still open at the end of judging.
func (d *openings) close(ms int64, open bool) {
	o := d.now
	d.now = opening{}
	lasted := ms - o.StartMS
	tooLong := d.cfg.maxMS > 0 && lasted > d.cfg.maxMS
	fenced := d.cfg.allowed.Len() > 0
	e := o.Excursion(ms, open, o.limit, "opened, seen by "+o.what)
	e.OutMS = lasted
	switch {
	case fenced && o.outside:
		e.StartMS, e.OutMS = o.outsideMS, ms-o.outsideMS
		e.Note += ", outside the allowed fences"
	case tooLong:
		e.Note += fmt.Sprintf(", for %s, longer than %s", detect.Span(lasted), detect.Span(d.cfg.maxMS))
	case fenced && !o.placed:
		d.placeless++
		return
	case fenced || d.cfg.maxMS > 0:
		d.noted++
		return
	}
	d.outMS += e.OutMS
	d.found.Add(e)
}

// Cut ends judging at ms.
func (d *openings) Cut(ms int64, open bool) {
	d.expire(ms)
	if d.now.On {
		d.close(ms, open)
	}
	for i := range d.signals {
		d.signals[i].time.Stop(ms, false)
		d.signals[i].closed()
	}
	d.hasPlace = false
}

// Clone gives an independent copy.
func (d *openings) Clone() detect.Detector {
	c := *d
	c.found = d.found.Clone()
	return &c
}

// Finding tells what was found.
func (d *openings) Finding() detect.Finding {
	var f detect.Finding
	d.found.Into(&f)
	if n := d.found.Count(); n > 0 {
		f.Because(detect.Broken, "%s not allowed, %s in all", detect.Plural(n, "opening"), detect.Span(d.outMS))
	}
	seen := false
	for i := range d.signals {
		s := &d.signals[i]
		if !s.used {
			continue
		}
		s.time.Doubt(&f, s.metric.String())
		if s.time.Seen && (!seen || s.time.InMS > f.InMS) {
			seen, f.Tally = true, s.time.Tally
		}
	}
	f.InMS, f.OutMS = max(0, f.InMS-d.outMS), d.outMS
	if d.placeless > 0 {
		f.Because(detect.Unknown, "%s at an unknown place", detect.Plural(d.placeless, "opening"))
	}
	if seen {
		f.Figure("openings", fmt.Sprint(d.found.Count()+d.noted+d.placeless), "")
		f.Figure("openings_allowed", fmt.Sprint(d.noted), "")
	}
	return f
}
