package compliance

import (
	"errors"
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

// Validate implements detect.Kind.
func (c *Limit) Validate() error {
	var all []error
	bad := func(format string, args ...any) { all = append(all, fmt.Errorf(format, args...)) }
	m, ok := detect.MetricOf(c.Metric)
	if !ok {
		bad("metric %.80q is not known", c.Metric)
	}
	switch c.Op {
	case ">", ">=", "<", "<=":
	default:
		bad("op %.80q: must be > >= < or <=", c.Op)
	}
	if _, err := detect.ParseDecimal(c.Value); err != nil {
		bad("value %w", err)
	}
	if c.Hysteresis != "" {
		if h, err := detect.ParseDecimal(c.Hysteresis); err != nil {
			bad("hysteresis %w", err)
		} else if h < 0 {
			bad("hysteresis must not be negative")
		}
	}
	switch {
	case c.Mode == Instant && c.DurationS != 0:
		bad("duration_s: an instant limit has none")
	case c.Mode == Instant:
	case c.Mode != Consecutive && c.Mode != Cumulative:
		bad("mode %.80q: must be instant, consecutive or cumulative", c.Mode)
	case ok && isEvent(m):
		bad("mode: a tracker reports %s for a moment, so it can only be instant", m)
	case c.DurationS < 1 || c.DurationS > maxTime:
		bad("duration_s must be 1 to %d for %s", maxTime, c.Mode)
	}
	if c.WindowS != 0 && (c.Mode != Cumulative || c.WindowS < c.DurationS || c.WindowS > maxTime) {
		bad("window_s: only for cumulative, from duration_s to %d", maxTime)
	}
	if c.ClearS < 0 || c.ClearS > maxTime {
		bad("clear_s must be 0 to %d", maxTime)
	}
	return errors.Join(all...)
}

func (c *Limit) bound() detect.Bound {
	v, _ := detect.ParseDecimal(c.Value) // Validate has checked it
	return detect.Bound{Op: c.Op, Value: v}
}

// Detector implements detect.Kind.
func (c *Limit) Detector(_ *detect.Journey, _ string, maxGapMS int64) (detect.Detector, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	m, _ := detect.MetricOf(c.Metric)
	h, _ := detect.ParseDecimal(c.Hysteresis) // absent = 0
	if isEvent(m) {
		return &pulseDetector{config: c, metric: m, bound: c.bound(), gap: maxGapMS}, nil
	}
	return &limitDetector{limitRule: &limitRule{
		config: c, metric: m, bound: c.bound(), hysteresis: h, gap: maxGapMS,
		duration: int64(c.DurationS) * 1000, window: int64(c.WindowS) * 1000, clearMS: int64(c.ClearS) * 1000,
	}}, nil
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
