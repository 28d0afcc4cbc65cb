package thermal

import (
	"fmt"
	"slices"
	"strings"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

// spending is the detector of Budget.
type spending struct {
	budget *parsed
	policy string
	worst  int // band

	time  detect.Clock
	last  held
	stay  stay
	spent []detect.Spent // by band

	beyond   int // times beyond all bands
	farthest detect.Decimal
	done     detect.Excursions
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

// stay is a time without a break in one place. As an episode it is on while it breaks the rule.
type stay struct {
	detect.Episode
	place                 int
	ms                    int64
	read                  bool // a reading said so; else it is only charged
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
	d.advance(p.MS)
	place := d.budget.place(v)
	d.enter(place, p.MS)
	d.time.Read(p.MS, true)
	d.last = held{p.MS, v, place, p.Message}
	if place == label {
		return
	}
	s := &d.stay
	if !s.read {
		s.read, s.First, s.Worst, s.Peak = true, p.Message, p.Message, v
	} else if d.budget.beyond(v) > d.budget.beyond(s.Peak) {
		s.Worst, s.Peak = p.Message, v
	}
	if s.Last = p.Message; place != outside {
		return
	}
	if d.beyond == 0 || d.budget.beyond(v) > d.budget.beyond(d.farthest) {
		d.farthest = v
	}
	if !s.On {
		d.beyond++
		s.breach(p.MS)
	}
}

// Lose ends what the last reading says.
func (d *spending) Lose(p *detect.Point) {
	if p.Lost(d.budget.metric) {
		d.time.Lose(p.MS)
	}
}

func (d *spending) Cut(ms int64, open bool) {
	d.advance(ms)
	d.time.Stop(ms, false)
	if !open {
		d.enter(nowhere, ms)
	} else if d.stay.On {
		d.done.Add(d.excursion(ms, true))
	}
}

func (d *spending) Clone() detect.Detector {
	c := *d
	c.spent = slices.Clone(d.spent)
	c.done = d.done.Clone()
	return &c
}

// advance charges the time from the last reading to ms.
func (d *spending) advance(ms int64) {
	if !d.time.On {
		return
	}
	known, unknown := d.time.Pass(ms, d.last.place != label)
	d.charge(d.last.place, d.last.ms, known, true)
	if unknown == 0 {
		return
	}
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
	if d.stay.On {
		d.done.Add(d.excursion(ms, false))
	}
	m := d.last.message
	d.stay = stay{place: place, Episode: detect.Episode{First: m, Worst: m, Last: m}}
	if place >= 0 && place < outside {
		d.stay.Peak = d.budget.bands[place].inner
	}
}

// charge adds time to the stay and its band.
func (d *spending) charge(place int, from, ms int64, known bool) {
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
	if s.ms += ms; s.On && known {
		s.OutMS += max(0, from+ms-max(from, s.StartMS))
	}
}

func (s *stay) breach(ms int64) {
	if !s.On || ms < s.StartMS {
		s.On, s.StartMS = true, ms
	}
}

func (d *spending) excursion(end int64, open bool) detect.Excursion {
	s := &d.stay
	return s.Excursion(end, open, d.budget.limit(s.Peak, s.place), d.note(s))
}

// note says what a stay that broke the rule had more of than is allowed.
func (d *spending) note(s *stay) string {
	if s.place == outside {
		return "beyond all bands"
	}
	b := d.budget.bands[s.place]
	switch {
	case s.overTotal && s.overSingle:
		return fmt.Sprintf("band %s: more than %s in total and %s at a time", b.id, detect.Span(b.total), detect.Span(b.single))
	case s.overTotal:
		return fmt.Sprintf("band %s: more than %s in total", b.id, detect.Span(b.total))
	}
	return fmt.Sprintf("band %s: more than %s at a time", b.id, detect.Span(b.single))
}

// Finding says what the times mean.
func (d *spending) Finding() detect.Finding {
	f := d.time.Finding(&d.done)
	f.Spent = d.spent
	if d.beyond > 0 {
		f.Because(detect.Broken, "beyond all bands %s, worst %s", detect.Times(d.beyond), d.budget.metric.With(d.farthest.String()))
	}
	var used int64 // tenths of a percent
	level := detect.LevelOK
	for _, s := range d.spent {
		part, whole := s.SpentMS, s.MaxMS
		if whole == 0 {
			part, whole = s.LongestMS, s.MaxSingleMS
		}
		level, used = max(level, detect.LevelOf(part, whole)), max(used, tenths(part, whole))
		if s.MaxMS > 0 && s.SpentMS > s.MaxMS {
			f.Because(detect.Broken, "band %s: %s spent, %s is allowed (%s of it before this shipment, %s for unknown time)", s.Band, detect.Span(s.SpentMS), detect.Span(s.MaxMS),
				detect.Span(s.CarriedMS), detect.Span(s.ChargedMS))
		}
		if s.MaxSingleMS > 0 && s.LongestMS > s.MaxSingleMS {
			f.Because(detect.Broken, "band %s: one stay of %s, %s is allowed", s.Band, detect.Span(s.LongestMS), detect.Span(s.MaxSingleMS))
		}
	}
	switch {
	case !d.time.Seen:
		f.Because(detect.Unknown, "no %s", d.budget.metric)
	case d.time.UnknownMS > 0 && d.policy != ChargeWorst:
		f.Because(detect.Unknown, "%s unknown for %s", d.budget.metric, detect.Span(d.time.UnknownMS))
	}
	if f.State == detect.Broken {
		level = detect.LevelExhausted
	}
	f.Figure("budget_used", percent(used), "%")
	f.Figure("budget_state", strings.ToUpper(level.String()), "")
	return f
}
