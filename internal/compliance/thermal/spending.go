package thermal

import (
	"fmt"
	"slices"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

// spending is the detector of Budget.
type spending struct {
	budget *parsed
	policy string
	gap    int64
	worst  int // band

	running, seen bool
	last          held
	stay          stay
	spent         []detect.Spent // by band

	inMS, outMS, unknownMS int64
	beyond                 int // times beyond all bands
	farthest               detect.Decimal
	done                   excursions
}

// held is a reading whose value holds.
type held struct {
	ms      int64
	value   detect.Decimal
	place   int
	message [32]byte
}

// Places beside the bands, which are numbered from 0.
const (
	label   = -1
	nowhere = -2 // not judged, or unknown and not charged
	outside = maxBands
)

// stay is a time without a break in one place.
type stay struct {
	place                 int
	ms                    int64
	read                  bool // a reading said so; else it is only charged
	peak                  detect.Decimal
	first, worst, end     [32]byte
	broken                bool
	brokenMS              int64 // event time from which on it broke the rule
	outMS                 int64 // known time since then
	overTotal, overSingle bool
}

// place of a value.
func (p *parsed) place(v detect.Decimal) int {
	if v >= p.labelLo && v <= p.labelHi {
		return label
	}
	for i := range p.bands {
		if p.bands[i].holds(v) {
			return i
		}
	}
	return outside
}

// beyond is how far a value lies outside the label range.
func (p *parsed) beyond(v detect.Decimal) detect.Decimal { return max(v-p.labelHi, p.labelLo-v) }

// limit is what a value in a place has passed: the label's edge, or that of the outermost band.
func (p *parsed) limit(v detect.Decimal, place int) detect.Decimal {
	edge, warm := p.labelLo, v >= p.labelHi
	if warm {
		edge = p.labelHi
	}
	for _, b := range p.bands {
		switch {
		case place != outside || b.warm != warm:
		case warm:
			edge = max(edge, b.outer)
		default:
			edge = min(edge, b.outer)
		}
	}
	return edge
}

func (d *spending) Step(p *detect.Point) {
	v, ok := p.Get(d.budget.metric)
	if !ok {
		return
	}
	if d.running {
		d.advance(p.MS)
	}
	place := d.budget.place(v)
	d.enter(place, p.MS)
	d.running, d.seen = true, true
	d.last = held{p.MS, v, place, p.Message}
	if place == label {
		return
	}
	s := &d.stay
	if !s.read {
		s.read, s.first, s.worst, s.peak = true, p.Message, p.Message, v
	} else if d.budget.beyond(v) > d.budget.beyond(s.peak) {
		s.worst, s.peak = p.Message, v
	}
	if s.end = p.Message; place != outside {
		return
	}
	if d.beyond == 0 || d.budget.beyond(v) > d.budget.beyond(d.farthest) {
		d.farthest = v
	}
	if !s.broken {
		d.beyond++
		s.breach(p.MS)
	}
}

func (d *spending) Cut(ms int64) {
	if !d.running {
		return
	}
	d.advance(ms)
	d.running = false
	d.enter(nowhere, ms)
}

func (d *spending) Clone() detect.Detector {
	c := *d
	c.spent = slices.Clone(d.spent)
	c.done = d.done.clone()
	return &c
}

// advance charges the time from the last reading to ms.
func (d *spending) advance(ms int64) {
	known := min(ms-d.last.ms, d.gap)
	d.charge(d.last.place, d.last.ms, known, true)
	unknown := ms - d.last.ms - known
	if unknown == 0 {
		return
	}
	d.unknownMS += unknown
	place := nowhere
	switch d.policy {
	case ChargeLast:
		place = d.last.place
	case ChargeWorst:
		place = d.worst
	}
	d.enter(place, d.last.ms+known)
	d.charge(place, d.last.ms+known, unknown, false)
}

// enter ends a stay elsewhere and begins one here. Until a reading says more, it is at the band's edge.
func (d *spending) enter(place int, ms int64) {
	if d.stay.place == place {
		return
	}
	if d.stay.broken {
		d.done.add(d.excursion(ms, false))
	}
	m := d.last.message
	d.stay = stay{place: place, first: m, worst: m, end: m}
	if place >= 0 && place < outside {
		d.stay.peak = d.budget.bands[place].inner
	}
}

// charge adds time to the stay and its band.
func (d *spending) charge(place int, from, ms int64, known bool) {
	if known {
		if place == label {
			d.inMS += ms
		} else {
			d.outMS += ms
		}
	}
	if place < 0 {
		return
	}
	s := &d.stay
	if place != outside {
		b, spent := &d.budget.bands[place], &d.spent[place]
		if b.total > 0 && spent.SpentMS+ms > b.total && ms > 0 {
			s.breach(from + max(0, b.total-spent.SpentMS))
			s.overTotal = true
		}
		if b.single > 0 && s.ms+ms > b.single && ms > 0 {
			s.breach(from + max(0, b.single-s.ms))
			s.overSingle = true
		}
		spent.SpentMS += ms
		if !known {
			spent.ChargedMS += ms
		}
		spent.LongestMS = max(spent.LongestMS, s.ms+ms)
	}
	if s.ms += ms; s.broken && known {
		s.outMS += max(0, from+ms-max(from, s.brokenMS))
	}
}

func (s *stay) breach(ms int64) {
	if !s.broken || ms < s.brokenMS {
		s.broken, s.brokenMS = true, ms
	}
}

func (d *spending) excursion(end int64, open bool) detect.Excursion {
	s := &d.stay
	x := detect.Excursion{StartMS: s.brokenMS, EndMS: end, Open: open, Peak: s.peak, Limit: d.budget.limit(s.peak, s.place), OutMS: s.outMS,
		Messages: deciding(s.first, s.worst, s.end)}
	if s.place == outside {
		x.Note = "beyond all bands"
		return x
	}
	b := d.budget.bands[s.place]
	switch {
	case s.overTotal && s.overSingle:
		x.Note = fmt.Sprintf("band %s: more than %s in total and %s at a time", b.id, detect.Span(b.total), detect.Span(b.single))
	case s.overTotal:
		x.Note = fmt.Sprintf("band %s: more than %s in total", b.id, detect.Span(b.total))
	default:
		x.Note = fmt.Sprintf("band %s: more than %s at a time", b.id, detect.Span(b.single))
	}
	return x
}

func (d *spending) Finish(toMS int64) detect.Finding {
	c := d.Clone().(*spending)
	if c.running {
		c.advance(toMS)
	}
	f := detect.Finding{InMS: c.inMS, OutMS: c.outMS, UnknownMS: c.unknownMS, Spent: c.spent}
	if c.stay.broken {
		c.done.add(c.excursion(toMS, true))
	}
	f.Excursions, f.More = c.done.list, c.done.more
	c.report(&f)
	return f
}

// report says what the times mean.
func (d *spending) report(f *detect.Finding) {
	because := func(s detect.State, format string, args ...any) {
		f.State = max(f.State, s)
		f.Reasons = append(f.Reasons, fmt.Sprintf(format, args...))
	}
	if d.beyond > 0 {
		because(detect.Broken, "beyond all bands %s, worst %s", detect.Times(int(d.beyond)), d.budget.metric.With(d.farthest.String()))
	}
	var used int64 // tenths of a percent
	level := levelOK
	for _, s := range d.spent {
		part, whole := s.SpentMS, s.MaxMS
		if whole == 0 {
			part, whole = s.LongestMS, s.MaxSingleMS
		}
		level, used = max(level, levelOf(part, whole)), max(used, tenths(part, whole))
		if s.MaxMS > 0 && s.SpentMS > s.MaxMS {
			because(detect.Broken, "band %s: %s spent, %s is allowed (%s of it before this shipment, %s for unknown time)", s.Band, detect.Span(s.SpentMS), detect.Span(s.MaxMS),
				detect.Span(s.CarriedMS), detect.Span(s.ChargedMS))
		}
		if s.MaxSingleMS > 0 && s.LongestMS > s.MaxSingleMS {
			because(detect.Broken, "band %s: one stay of %s, %s is allowed", s.Band, detect.Span(s.LongestMS), detect.Span(s.MaxSingleMS))
		}
	}
	switch {
	case !d.seen:
		because(detect.Unknown, "no %s", d.budget.metric)
	case d.unknownMS > 0 && d.policy != ChargeWorst:
		because(detect.Unknown, "%s unknown for %s", d.budget.metric, detect.Span(d.unknownMS))
	}
	if f.State == detect.Broken {
		level = levelExhausted
	}
	f.Figures = []detect.Figure{{Name: "budget_used", Value: percent(used), Unit: "%"}, {Name: "budget_state", Value: level.String()}}
}

// level of a budget's use.
type level uint8

const (
	levelOK level = iota
	levelWatch
	levelCritical
	levelExhausted
)

func (l level) String() string { return [...]string{"OK", "WATCH", "CRITICAL", "EXHAUSTED"}[l] }

// levelOf: below a half, below four fifths, below all of it, nothing left.
func levelOf(part, whole int64) level {
	switch {
	case part*2 < whole:
		return levelOK
	case part*5 < whole*4:
		return levelWatch
	case part < whole:
		return levelCritical
	}
	return levelExhausted
}
