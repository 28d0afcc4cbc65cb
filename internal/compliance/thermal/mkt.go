package thermal

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

// MKT is a rule on the mean kinetic temperature (USP <1079.2>): in no window of WindowS seconds may it exceed Max.
// A reading's value holds until the next one, at most for the rule set's gap, and weighs as long as it holds; excursions are
// part of the mean.
//
// "Rolling" means: the window is looked at every WindowS/288 (5 min for 24 h, 2.5 h for 30 days) of judged time, counted from
// the first reading, and covers exactly the WindowS of judged time before that moment; and once more at the end of the trip,
// over what is younger than the last such moment as well. So the sums have no rounding, and the memory does not grow with the
// readings: between two looks at most 1/288 of the window has been exchanged. Judged time stands still between a Cut and the
// next reading: a window then reaches further back.
//
// A trip shorter than the window is judged over the trip, and a figure says so. While it is still going on, a mean above Max
// makes the rule unknown, not broken: cold hours may follow.
//
// A window that is known for less than MinCoverage of its time is not evaluable: it is never a pass.
type MKT struct {
	Metric      string   `json:"metric"`       // temperature
	Max         string   `json:"max"`          // °C, at most three places, 0 to 100
	WindowS     int64    `json:"window_s"`     // whole hours, 1 to 8784 (366 days)
	MinCoverage string   `json:"min_coverage"` // share of the window that must be known, above 0 to 1
	ActivationK string   `json:"activation_k"` // dH/R in kelvin, at most three places, 5000 to 20000
	NotIn       []string `json:"not_in,omitempty"`
}

// looks is how many times a window is looked at until its whole content has been exchanged. 3600 s divide by it in milliseconds.
const looks = 288

var country = regexp.MustCompile(`^[A-Z]{2}$`)

// Detector of this rule on one tracker.
func (c MKT) Detector(journey *detect.Journey, tracker string, maxGapMS int64) (detect.Detector, error) {
	var bad detect.Problems
	if c.Metric != detect.Temperature.String() {
		bad.Bad("metric %q: a mean kinetic temperature is of temperature", c.Metric)
	}
	limit, err := detect.ParseDecimal(c.Max)
	switch {
	case err != nil:
		bad.Bad("max %w", err)
	case limit < 0:
		// The weights grow with warmth alone: a mean says nothing of a thaw that ruins frozen goods, nor of a frost.
		bad.Bad("max %s: a mean kinetic temperature is not meant for frozen goods or low limits; use limit or budget", c.Max)
	case limit > 100*detect.Micro || limit%1000 != 0:
		bad.Bad("max %s: must be at most 100 with at most three places, as the mean is rounded to 0.001", c.Max)
	}
	if c.WindowS < 3600 || c.WindowS > 366*86400 || c.WindowS%3600 != 0 {
		bad.Bad("window_s %d: must be whole hours, from 3600 to 31622400 (366 days)", c.WindowS)
	}
	share, err := detect.ParseDecimal(c.MinCoverage)
	if err != nil {
		bad.Bad("min_coverage %w", err)
	} else if share <= 0 || share > detect.Micro {
		bad.Bad("min_coverage %s: must be above 0 and at most 1", c.MinCoverage)
	}
	activation, err := detect.ParseDecimal(c.ActivationK)
	if err != nil || activation < leastActivation || activation > mostActivation || activation%1000 != 0 {
		bad.Bad("activation_k %.80q: must be 5000 to 20000 with at most three places: the product's activation energy in J/mol, divided by 8.314472", c.ActivationK)
	}
	for i, code := range c.NotIn {
		if !country.MatchString(code) || slices.Contains(c.NotIn[:i], code) {
			bad.Bad("not_in[%d] %q: must be a country code such as DE, each once", i, code)
		}
	}
	if len(bad) > 0 {
		return nil, bad.Err()
	}
	k, window := activationOf(activation), c.WindowS*1000
	return &rolling{
		k: k, limit: limit, above: k.reaches(int64(limit/1000) + 1), window: window, step: window / looks, coverage: share, gap: maxGapMS,
		endMS: tripEnd(journey, tracker),
	}, nil
}

// Barred implements detect.Regional: some authorities, such as the German one, do not let a mean excuse a deviation in transport.
func (c MKT) Barred(jurisdiction string) string {
	if !slices.Contains(c.NotIn, jurisdiction) {
		return ""
	}
	return "a mean kinetic temperature is not admitted in " + jurisdiction
}

// Need implements detect.Kind.
func (c MKT) Need() detect.Need { return detect.Need{Metrics: []detect.Metric{detect.Temperature}} }

// Range implements detect.Ranged: no single temperature is out of range.
func (c MKT) Range() (detect.Metric, []detect.Bound) { return detect.Temperature, nil }

// Asks implements detect.Kind.
func (c MKT) Asks() string {
	return fmt.Sprintf("Mean kinetic temperature over any %s must not be above %s", detect.Span(c.WindowS*1000), detect.Temperature.With(c.Max))
}

// tripEnd is when nothing more is to come from the tracker, 0 = not known yet.
func tripEnd(journey *detect.Journey, tracker string) int64 {
	end := int64(0)
	for _, t := range journey.Trackers {
		if t.ID != tracker {
			continue
		}
		for _, w := range t.Windows {
			if w.ToMS == 0 {
				return journey.EndMS
			}
			end = max(end, w.ToMS)
		}
	}
	if journey.EndMS != 0 && (end == 0 || journey.EndMS < end) {
		return journey.EndMS
	}
	return end
}
