package thermal

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

// Budget is a rule on how long goods may be outside their label range (time out of refrigeration): each band outside of it has a
// total, or a longest single stay, or both. Beyond the outermost bands the rule is broken at once. A limit that is reached
// exactly is held; one millisecond more breaks it.
//
// A value on an edge belongs to the side nearer to the label: with a label of 2 to 8 and a band of 8 to 15, both 8 and 15 are
// still inside theirs. A stay in a band ends with the first reading elsewhere.
//
// A reading's value holds until the next one, at most for the rule set's gap. Unknown time is charged by the policy, and
// leaves the rule unknown unless the policy is "worst".
type Budget struct {
	Metric   string `json:"metric"`    // temperature or humidity
	LabelMin string `json:"label_min"` // the label range, ends included
	LabelMax string `json:"label_max"`
	Bands    []Band `json:"bands"` // 1 to 8, on either side without holes from the label outwards
	// Unknown says what unknown time is charged to: "none", "last" (the band of the last value) or "worst" (the band with
	// the smallest limit).
	Unknown string `json:"unknown"`
}

// Band of a budget: values from Min to Max, both outside the label range or on its edge.
type Band struct {
	ID      string `json:"id"`
	Min     string `json:"min"`
	Max     string `json:"max"`
	TotalS  int64  `json:"total_s,omitempty"`  // all stays together, carried ones included; 0 = no such limit
	SingleS int64  `json:"single_s,omitempty"` // one stay; 0 = no such limit
}

// Policies for unknown time.
const (
	ChargeNone  = "none"
	ChargeLast  = "last"
	ChargeWorst = "worst"
)

const (
	maxBands     = 8
	maxBandS     = 10 * 366 * 86400
	maxCarriedMS = 1 << 50 // 35,000 years: keeps sums far from overflow
	bandLimits   = "must be 0 (none) to 316224000 (10 years)"
)

var bandID = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`)

// band is a parsed Band. Warm bands hold (inner, outer], cold bands [outer, inner).
type band struct {
	id            string
	inner, outer  detect.Decimal
	warm          bool
	total, single int64 // ms, 0 = none
}

// holds reports whether v is in the band. A value on the inner edge belongs to what is nearer to the label.
func (b *band) holds(v detect.Decimal) bool {
	if b.warm {
		return v > b.inner && v <= b.outer
	}
	return v < b.inner && v >= b.outer
}

type parsed struct {
	metric           detect.Metric
	labelLo, labelHi detect.Decimal
	bands            []band
}

func (c Budget) parse() (p parsed, bad detect.Problems) {
	number := func(name, text string) detect.Decimal {
		d, err := detect.ParseDecimal(text)
		if err != nil {
			bad.Bad("%s %w", name, err)
		}
		return d
	}
	var ok bool
	if p.metric, ok = detect.MetricOf(c.Metric); !ok || p.metric != detect.Temperature && p.metric != detect.Humidity {
		bad.Bad("metric %q: must be temperature or humidity", c.Metric)
	}
	p.labelLo, p.labelHi = number("label_min", c.LabelMin), number("label_max", c.LabelMax)
	if p.labelLo > p.labelHi {
		bad.Bad("label_min %s: must not be above label_max %s", c.LabelMin, c.LabelMax)
	}
	if len(c.Bands) == 0 || len(c.Bands) > maxBands {
		bad.Bad("bands: there must be 1 to %d", maxBands)
	}
	for i, b := range c.Bands {
		name := func(member string) string { return fmt.Sprintf("bands[%d].%s", i, member) }
		if !bandID.MatchString(b.ID) || slices.ContainsFunc(c.Bands[:i], func(o Band) bool { return o.ID == b.ID }) {
			bad.Bad("%s %q: must be unique, lower-case letters, digits and dashes", name("id"), b.ID)
		}
		lo, hi := number(name("min"), b.Min), number(name("max"), b.Max)
		warm := lo >= p.labelHi
		switch {
		case lo >= hi:
			bad.Bad("%s %s: must be below max %s", name("min"), b.Min, b.Max)
		case !warm && hi > p.labelLo:
			bad.Bad("%s: %s to %s overlaps the label range", name("min"), b.Min, b.Max)
		}
		if b.TotalS < 0 || b.TotalS > maxBandS {
			bad.Bad("%s %d: %s", name("total_s"), b.TotalS, bandLimits)
		}
		if b.SingleS < 0 || b.SingleS > maxBandS {
			bad.Bad("%s %d: %s", name("single_s"), b.SingleS, bandLimits)
		}
		if b.TotalS == 0 && b.SingleS == 0 {
			bad.Bad("%s: a band needs total_s or single_s", name("total_s"))
		}
		parsed := band{id: b.ID, inner: lo, outer: hi, warm: warm, total: b.TotalS * 1000, single: b.SingleS * 1000}
		if !warm {
			parsed.inner, parsed.outer = hi, lo
		}
		p.bands = append(p.bands, parsed)
	}
	if len(bad) == 0 {
		p.holes(&bad)
	}
	switch c.Unknown {
	case ChargeNone, ChargeLast, ChargeWorst:
	default:
		bad.Bad("unknown %q: must be none, last or worst", c.Unknown)
	}
	return p, bad
}

// holes finds bands that nothing joins to the label: what lies in a hole would be broken at once although a milder and a
// worse value are not.
func (p parsed) holes(bad *detect.Problems) {
	for i, b := range p.bands {
		edge := p.labelHi
		if !b.warm {
			edge = p.labelLo
		}
		joined := 0
		for _, o := range p.bands {
			if o.warm == b.warm && o.outer == b.inner {
				joined++
			}
		}
		if b.inner == edge {
			joined++
		}
		for _, o := range p.bands[:i] {
			if o.warm == b.warm && o.inner == b.inner {
				joined = 0
			}
		}
		if joined != 1 {
			bad.Bad("bands[%d].min: %s to %s must begin where the label or the next milder band ends, without overlap", i,
				min(b.inner, b.outer), max(b.inner, b.outer))
		}
	}
}

// Detector judges one tracker's readings. journey.Carried is this rule's, and spent already.
func (c Budget) Detector(journey *detect.Journey, _ string, maxGapMS int64) (detect.Detector, error) {
	p, bad := c.parse()
	if len(bad) > 0 {
		return nil, bad.Err()
	}
	d := &spending{budget: &p, policy: c.Unknown, time: detect.Clock{GapMS: maxGapMS}, worst: p.worst(), stay: stay{place: nowhere},
		spent: make([]detect.Spent, len(p.bands))}
	for i, b := range p.bands {
		d.spent[i] = detect.Spent{Band: b.id, MaxMS: b.total, MaxSingleMS: b.single}
		for _, carried := range journey.Carried {
			if carried.Band == b.id {
				d.spent[i].CarriedMS = min(d.spent[i].CarriedMS+min(max(carried.SpentMS, 0), maxCarriedMS), maxCarriedMS)
			}
		}
		d.spent[i].SpentMS = d.spent[i].CarriedMS
	}
	return d, nil
}

// Need implements detect.Kind.
func (c Budget) Need() detect.Need {
	m, _ := detect.MetricOf(c.Metric)
	return detect.Need{Metrics: []detect.Metric{m}}
}

// Range implements detect.Ranged: the label range.
func (c Budget) Range() (detect.Metric, []detect.Bound) {
	m, _ := detect.MetricOf(c.Metric)
	least, _ := detect.ParseDecimal(c.LabelMin)
	most, _ := detect.ParseDecimal(c.LabelMax)
	return m, []detect.Bound{{Op: "<", Value: least}, {Op: ">", Value: most}}
}

// Asks implements detect.Kind.
func (c Budget) Asks() string {
	m, _ := detect.MetricOf(c.Metric)
	var bands []string
	for _, b := range c.Bands {
		var limits []string
		if b.TotalS > 0 {
			limits = append(limits, detect.Span(b.TotalS*1000)+" in total")
		}
		if b.SingleS > 0 {
			limits = append(limits, detect.Span(b.SingleS*1000)+" at a time")
		}
		bands = append(bands, fmt.Sprintf("at most %s at %s to %s", strings.Join(limits, " and "), b.Min, m.With(b.Max)))
	}
	return fmt.Sprintf("%s must stay at %s to %s, except for %s", m.Label(), c.LabelMin, m.With(c.LabelMax), strings.Join(bands, "; "))
}

// worst is the band with the smallest limit, the first of equals.
func (p parsed) worst() (worst int) {
	least := func(b band) int64 {
		if b.total == 0 || b.single != 0 && b.single < b.total {
			return b.single
		}
		return b.total
	}
	for i, b := range p.bands {
		if least(b) < least(p.bands[worst]) {
			worst = i
		}
	}
	return worst
}
