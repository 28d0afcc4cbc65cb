package motion

import (
	"errors"
	"fmt"
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
	byLight, byDoor bool
	light           detect.Decimal
	samples         int
	allowed         place.Fences
	maxMS, maxGap   int64
}

func (o Opening) compile() (*openingRule, error) {
	r := &openingRule{byLight: o.LightAbove != "", byDoor: o.Door, samples: max(1, o.Samples), maxMS: int64(o.MaxOpenS) * 1000}
	var problems [5]error
	r.light, problems[0] = amount("light_above", o.LightAbove, 0, 200_000*detect.Micro)
	if !r.byLight && !r.byDoor {
		problems[1] = errors.New("light_above: give light_above or door")
	}
	if o.Samples < 0 || o.Samples > 1000 {
		problems[2] = errors.New("samples: must be 0 to 1000")
	}
	r.allowed, problems[3] = place.Compile("allowed_in", o.AllowedIn)
	if o.MaxOpenS < 0 {
		problems[4] = errors.New("max_open_s: must be 0 or more")
	}
	return r, detect.Problems(problems[:]...)
}

// Validate names everything that is wrong.
func (o Opening) Validate() error {
	_, err := o.compile()
	return err
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

// Detector of this rule on one tracker.
func (o Opening) Detector(_ *detect.Journey, _ string, maxGapMS int64) (detect.Detector, error) {
	r, err := o.compile()
	if err != nil {
		return nil, err
	}
	r.maxGap = maxGapMS
	d := &openings{cfg: r}
	d.signals[0] = signal{metric: detect.Light, above: r.light, used: r.byLight, samples: r.samples, time: watch{maxGap: maxGapMS}}
	d.signals[1] = signal{metric: detect.Door, above: 0, used: r.byDoor, samples: r.samples, time: watch{maxGap: maxGapMS}}
	return d, nil
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
	metric  detect.Metric
	above   detect.Decimal
	used    bool
	samples int
	time    watch

	row    int // readings in a row that say open
	fromMS int64
	first  [32]byte
	open   bool // confirmed
	peak   detect.Decimal
	worst  [32]byte
}

// opening is one that goes on.
type opening struct {
	on                bool
	fromMS            int64
	peak, limit       detect.Decimal
	first, worst, end [32]byte
	what              string
	placed            bool  // its place was known
	outside           bool  // and not allowed
	outsideMS         int64 // since when
	where             string
}

// Step takes the next reading.
func (d *openings) Step(p *detect.Point) {
	d.expire(p.MS)
	if id, ok := d.cfg.allowed.Around(p); ok {
		d.fence, d.fenceMS, d.hasPlace = id, p.MS, true
	}

	for i := range d.signals {
		s := &d.signals[i]
		v, ok := p.Get(s.metric)
		if !s.used || !ok {
			continue
		}
		s.time.reading(p.MS, true)
		if v <= s.above {
			s.row, s.open = 0, false
			continue
		}
		if s.row == 0 {
			s.fromMS, s.first, s.peak, s.worst = p.MS, p.Message, v, p.Message
		}
		s.row = min(s.row+1, s.samples)
		if v > s.peak {
			s.peak, s.worst = v, p.Message
		}
		s.open = s.row >= s.samples
		if s.open {
			d.open(s, p)
		}
	}
	d.whether(p.MS)
}

// open begins the opening, or tells it of a worse reading.
func (d *openings) open(s *signal, p *detect.Point) {
	o := &d.now
	if !o.on {
		*o = opening{on: true, fromMS: s.fromMS, peak: s.peak, limit: s.above, first: s.first, worst: s.worst, what: s.metric.String()}
	} else if o.what == s.metric.String() && s.peak > o.peak {
		o.peak, o.worst = s.peak, s.worst
	}
	o.end = p.Message
}

// whether ends an opening that no signal says any more, and looks where it is.
func (d *openings) whether(ms int64) {
	o := &d.now
	if !o.on {
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
			if ms-o.fromMS <= d.cfg.maxGap && o.where == "" {
				o.outsideMS = o.fromMS // it was there from the start, as far as known
			}
		}
	}
}

// expire ends what nothing speaks for any more by ms: a value holds for maxGap.
func (d *openings) expire(ms int64) {
	var last int64
	expired := false
	for i := range d.signals {
		s := &d.signals[i]
		if s.time.on && ms-s.time.lastMS > d.cfg.maxGap {
			if s.open {
				expired, last = true, max(last, s.time.lastMS+d.cfg.maxGap)
			}
			s.row, s.open = 0, false
		}
	}
	if expired && d.now.on && !d.signals[0].open && !d.signals[1].open {
		d.close(last, false)
	}
}

// close judges an opening that is over, or still open at the end of judging.
func (d *openings) close(ms int64, open bool) {
	o := d.now
	d.now = opening{}
	lasted := ms - o.fromMS
	tooLong := d.cfg.maxMS > 0 && lasted > d.cfg.maxMS
	fenced := d.cfg.allowed.Len() > 0
	e := detect.Excursion{StartMS: o.fromMS, EndMS: ms, Open: open, Peak: o.peak, Limit: o.limit, OutMS: lasted,
		Messages: detect.Messages(o.first, o.worst, o.end), Note: "opened, seen by " + o.what}
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
func (d *openings) Cut(ms int64) { d.stop(ms, false) }

func (d *openings) stop(ms int64, open bool) {
	d.expire(ms)
	if d.now.on {
		d.close(ms, open)
	}
	for i := range d.signals {
		s := &d.signals[i]
		s.time.cut(ms)
		s.row, s.open = 0, false
	}
	d.hasPlace = false
}

// Clone gives an independent copy.
func (d *openings) Clone() detect.Detector { return d.clone() }

func (d *openings) clone() *openings {
	c := *d
	c.found = d.found.Clone()
	return &c
}

// Finish tells what was found up to toMS.
func (d *openings) Finish(toMS int64) detect.Finding {
	c := d.clone()
	c.stop(toMS, true)
	var f detect.Finding
	c.found.Into(&f)
	if n := c.found.Count(); n > 0 {
		f.State = detect.Broken
		f.Reasons = append(f.Reasons, detect.Plural(n, "opening")+" not allowed, "+detect.Span(c.outMS)+" in all")
	}
	seen, known, unknown := false, int64(0), int64(0)
	var reasons []string
	for i := range c.signals {
		s := &c.signals[i]
		if !s.used {
			continue
		}
		reasons = append(reasons, s.time.unknown(s.metric.String())...)
		if s.time.seen && (!seen || s.time.inMS > known) {
			seen, known, unknown = true, s.time.inMS, s.time.unknownMS
		}
	}
	f.InMS, f.OutMS, f.UnknownMS = max(0, known-c.outMS), c.outMS, unknown
	f.Reasons = append(f.Reasons, reasons...)
	if c.placeless > 0 {
		f.Reasons = append(f.Reasons, detect.Plural(c.placeless, "opening")+" at an unknown place")
	}
	if seen {
		f.Figures = []detect.Figure{{Name: "openings", Value: fmt.Sprint(c.found.Count() + c.noted + c.placeless)}, {Name: "openings_allowed", Value: fmt.Sprint(c.noted)}}
	}
	if f.State == detect.Met && len(f.Reasons) > 0 {
		f.State = detect.Unknown
	}
	return f
}
