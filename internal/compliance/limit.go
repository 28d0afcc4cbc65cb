package compliance

import (
	"fmt"
	"slices"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

// Limit is broken when "value Op Value" holds: at once (instant), for DurationS in a row (consecutive), or for DurationS in
// all (cumulative; within any WindowS when that is given). Mode at_least turns it round: "value Op Value" must hold for DurationS in a
// row at least once. Values are compared exactly, in millionths.
//
// A stay beyond the limit ends when the value is back by Hysteresis and has stayed so for ClearS; time counts as out of
// range only while the value itself is beyond the limit. Unknown time is never counted as out, and leaves the rule unknown where
// it could have broken it (see stays).
type Limit struct {
	Metric     string `json:"metric"`
	Op         string `json:"op" enum:">,>=,<,<="`
	Value      string `json:"value"` // decimal, in the metric's unit
	Mode       string `json:"mode" enum:"instant,consecutive,cumulative,at_least"`
	DurationS  int    `json:"duration_s,omitempty"`
	WindowS    int    `json:"window_s,omitempty"`
	Hysteresis string `json:"hysteresis,omitempty"` // decimal, not negative
	ClearS     int    `json:"clear_s,omitempty"`
	MaxStays   int    `json:"max_stays,omitempty"` // more than this many stays break the rule
	After      *After `json:"after,omitempty"`     // what happened before it breaks nothing
	// ListAllowed: stays that break nothing are listed as allowed.
	ListAllowed bool `json:"list_allowed,omitempty"`
}

// After is what must have been before a limit counts: "frozen again after it was thawed".
type After struct {
	Op    string `json:"op" enum:">,>=,<,<="`
	Value string `json:"value"` // decimal, in the metric's unit
}

// Modes of a limit.
const (
	Instant     = "instant"
	Consecutive = "consecutive"
	Cumulative  = "cumulative"
	AtLeast     = "at_least"
)

var ops = []string{">", ">=", "<", "<="}

// maxStays bounds Limit.MaxStays: a detector lists no more than this many stays.
const maxStays = detect.MaxExcursions

// Detector implements detect.Kind.
func (c *Limit) Detector(_ *detect.Journey, _ string, maxGapMS int64) (detect.Detector, error) {
	var bad detect.Problems
	m, ok := detect.MetricOf(c.Metric)
	if !ok {
		bad.Bad("metric %.80q is not known", c.Metric)
	}
	if !slices.Contains(ops, c.Op) {
		bad.Bad("op %.80q: must be > >= < or <=", c.Op)
	}
	if _, err := detect.ParseDecimal(c.Value); err != nil {
		bad.Bad("value %w", err)
	}
	h, err := optional(c.Hysteresis)
	if err != nil {
		bad.Bad("hysteresis %w", err)
	} else if h < 0 {
		bad.Bad("hysteresis must not be negative")
	}
	switch {
	case c.Mode == Instant && c.DurationS != 0:
		bad.Bad("duration_s: an instant limit has none")
	case c.Mode == Instant:
	case c.Mode != Consecutive && c.Mode != Cumulative && c.Mode != AtLeast:
		bad.Bad("mode %.80q: must be instant, consecutive, cumulative or at_least", c.Mode)
	case ok && isEvent(m):
		bad.Bad("mode: a tracker reports %s for a moment, so it can only be instant", m)
	case c.DurationS < 1 || c.DurationS > maxTime:
		bad.Bad("duration_s must be 1 to %d for %s", maxTime, c.Mode)
	}
	if c.WindowS != 0 && (c.Mode != Cumulative || c.WindowS < c.DurationS || c.WindowS > maxTime) {
		bad.Bad("window_s: only for cumulative, from duration_s to %d", maxTime)
	}
	if c.ClearS < 0 || c.ClearS > maxTime {
		bad.Bad("clear_s must be 0 to %d", maxTime)
	}
	if c.MaxStays < 0 || c.MaxStays > maxStays || c.MaxStays > 0 && c.Mode != Instant && c.Mode != Consecutive {
		bad.Bad("max_stays: only for instant and consecutive, 0 to %d", maxStays)
	}
	if c.ListAllowed && (c.Mode == Instant || c.Mode == AtLeast) && c.MaxStays == 0 {
		bad.Bad("list_allowed: an %s limit allows no stay", c.Mode)
	}
	rule := &limitRule{
		config: c, metric: m, bound: c.bound(), hysteresis: h,
		duration: int64(c.DurationS) * 1000, window: int64(c.WindowS) * 1000, clearMS: int64(c.ClearS) * 1000,
	}
	if c.After != nil {
		v, err := detect.ParseDecimal(c.After.Value)
		switch {
		case err != nil:
			bad.Bad("after.value %w", err)
		case !slices.Contains(ops, c.After.Op):
			bad.Bad("after.op %.80q: must be > >= < or <=", c.After.Op)
		case c.Mode == AtLeast || ok && isEvent(m):
			bad.Bad("after: not for at_least, and not for what is reported for a moment")
		}
		rule.after = &detect.Bound{Op: c.After.Op, Value: v}
	}
	clock := detect.Clock{GapMS: maxGapMS}
	if isEvent(m) {
		return &pulseDetector{metric: m, bound: c.bound(), most: c.MaxStays, time: clock}, bad.Err()
	}
	return &limitDetector{limitRule: rule, time: clock, least: stays{limitRule: rule, armed: rule.after == nil}}, bad.Err()
}

func (c *Limit) bound() detect.Bound {
	v, _ := detect.ParseDecimal(c.Value) // Detector has checked it
	return detect.Bound{Op: c.Op, Value: v}
}

// Need implements detect.Kind.
func (c *Limit) Need() detect.Need {
	m, _ := detect.MetricOf(c.Metric)
	return detect.Need{Metrics: []detect.Metric{m}, Event: isEvent(m)}
}

// Range implements detect.Ranged. What must hold only once, or must not be only after something else, is no range.
func (c *Limit) Range() (detect.Metric, []detect.Bound) {
	m, _ := detect.MetricOf(c.Metric)
	if c.Mode == AtLeast || c.After != nil {
		return m, nil
	}
	return m, []detect.Bound{c.bound()}
}

// Asks implements detect.Kind.
func (c *Limit) Asks() string {
	m, _ := detect.MetricOf(c.Metric)
	if c.Mode == AtLeast {
		return fmt.Sprintf("%s must be %s %s for %s in a row at least once", m.Label(), c.bound().Where(), m.With(c.Value), detect.Seconds(c.DurationS))
	}
	verb := map[string]string{">": "must not be above", ">=": "must stay below", "<": "must not be below", "<=": "must stay above"}[c.Op]
	text := fmt.Sprintf("%s %s %s", m.Label(), verb, m.With(c.Value))
	switch {
	case c.Mode == Instant && c.MaxStays > 0:
	case c.Mode == Instant:
		text += " at any moment"
	case c.Mode == Consecutive:
		text += " for " + detect.Seconds(c.DurationS) + " in a row"
	case c.WindowS > 0:
		text += " for " + detect.Seconds(c.DurationS) + " in total within any " + detect.Seconds(c.WindowS)
	default:
		text += " for " + detect.Seconds(c.DurationS) + " in total"
	}
	if c.MaxStays > 0 {
		text += " more than " + detect.Times(c.MaxStays)
	}
	if c.After != nil {
		text += " once it was " + detect.Bound{Op: c.After.Op}.Where() + " " + m.With(c.After.Value)
	}
	return text
}
