package compliance

import (
	"fmt"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

// Limit is broken when "value Op Value" holds: at once (instant), for DurationS in a row (consecutive), or for DurationS in
// all (cumulative; within any WindowS when that is given). Values are compared exactly, in millionths.
//
// A stay beyond the limit ends when the value is back by Hysteresis and has stayed so for ClearS; time counts as out of
// range only while the value itself is beyond the limit. A gap ends a stay: unknown time is never counted as out.
type Limit struct {
	Metric     string `json:"metric"`
	Op         string `json:"op" enum:">,>=,<,<="`
	Value      string `json:"value"` // decimal, in the metric's unit
	Mode       string `json:"mode" enum:"instant,consecutive,cumulative"`
	DurationS  int    `json:"duration_s,omitempty"`
	WindowS    int    `json:"window_s,omitempty"`
	Hysteresis string `json:"hysteresis,omitempty"` // decimal, not negative
	ClearS     int    `json:"clear_s,omitempty"`
}

// Modes of a limit.
const (
	Instant     = "instant"
	Consecutive = "consecutive"
	Cumulative  = "cumulative"
)

// Detector implements detect.Kind.
func (c *Limit) Detector(_ *detect.Journey, _ string, maxGapMS int64) (detect.Detector, error) {
	var bad detect.Problems
	m, ok := detect.MetricOf(c.Metric)
	if !ok {
		bad.Bad("metric %.80q is not known", c.Metric)
	}
	switch c.Op {
	case ">", ">=", "<", "<=":
	default:
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
	case c.Mode != Consecutive && c.Mode != Cumulative:
		bad.Bad("mode %.80q: must be instant, consecutive or cumulative", c.Mode)
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
	clock := detect.Clock{GapMS: maxGapMS}
	if isEvent(m) {
		return &pulseDetector{metric: m, bound: c.bound(), time: clock}, bad.Err()
	}
	return &limitDetector{time: clock, limitRule: &limitRule{
		config: c, metric: m, bound: c.bound(), hysteresis: h,
		duration: int64(c.DurationS) * 1000, window: int64(c.WindowS) * 1000, clearMS: int64(c.ClearS) * 1000,
	}}, bad.Err()
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

// Range implements detect.Ranged.
func (c *Limit) Range() (detect.Metric, []detect.Bound) {
	m, _ := detect.MetricOf(c.Metric)
	return m, []detect.Bound{c.bound()}
}

// Asks implements detect.Kind.
func (c *Limit) Asks() string {
	m, _ := detect.MetricOf(c.Metric)
	verb := map[string]string{">": "must not be above", ">=": "must stay below", "<": "must not be below", "<=": "must stay above"}[c.Op]
	text := fmt.Sprintf("%s %s %s", m.Label(), verb, m.With(c.Value))
	switch {
	case c.Mode == Instant:
		return text + " at any moment"
	case c.Mode == Consecutive:
		return text + " for " + detect.Seconds(c.DurationS) + " in a row"
	case c.WindowS > 0:
		return text + " for " + detect.Seconds(c.DurationS) + " in total within any " + detect.Seconds(c.WindowS)
	}
	return text + " for " + detect.Seconds(c.DurationS) + " in total"
}
