package compliance

import (
	"fmt"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

// InstantLimit is a limit that one reading alone can break.
type InstantLimit struct {
	Metric string
	Op     string // > >= < <=
	Limit  string // decimal, in the metric's unit
	metric detect.Metric
	bound  detect.Bound
}

// InstantLimit finds an instant rule. A rule whose result depends on anything beside one reading (duration, other rules, the
// stage, where the goods are) is none: who holds one signed message could not show that it is broken.
func (r RuleSet) InstantLimit(ruleID string) (InstantLimit, error) {
	for i := range r.Rules {
		rule := &r.Rules[i]
		if rule.ID != ruleID {
			continue
		}
		c := rule.Limit
		switch {
		case c == nil:
			return InstantLimit{}, fmt.Errorf("rule %s of %s is about %s, not an instant limit", ruleID, r.Ref(), kindOf(rule))
		case c.Mode != Instant:
			return InstantLimit{}, fmt.Errorf("rule %s of %s is %s, not instant", ruleID, r.Ref(), c.Mode)
		case c.MaxStays > 0 || c.After != nil:
			return InstantLimit{}, fmt.Errorf("rule %s of %s asks what was before: one reading alone cannot break it", ruleID, r.Ref())
		case len(rule.Stages) > 0 || rule.SettleS > 0 || rule.Hours != nil:
			return InstantLimit{}, fmt.Errorf("rule %s of %s does not apply all the time: one reading alone cannot break it", ruleID, r.Ref())
		}
		if err := detect.Validate(c); err != nil {
			return InstantLimit{}, fmt.Errorf("rule %s of %s: %w", ruleID, r.Ref(), err)
		}
		m, _ := detect.MetricOf(c.Metric)
		return InstantLimit{c.Metric, c.Op, c.Value, m, c.bound()}, nil
	}
	return InstantLimit{}, fmt.Errorf("%s has no rule %s", r.Ref(), ruleID)
}

// Value reads the limit's metric from one reading, as the evaluator does; ok is false when the reading lacks it.
func (l InstantLimit) Value(values map[string]float64) (v float64, ok bool) {
	p := detect.NewPoint(0, [32]byte{}, values)
	d, ok := p.Get(l.metric)
	return d.Float(), ok
}

// Breaks reports whether v lies beyond the limit. It is compared in millionths, as the evaluator does.
func (l InstantLimit) Breaks(v float64) bool {
	d, ok := detect.FromFloat(v)
	return ok && l.bound.Breaks(d)
}

// Worse reports whether a lies further beyond the limit than b.
func (l InstantLimit) Worse(a, b float64) bool {
	x, _ := detect.FromFloat(a)
	y, _ := detect.FromFloat(b)
	return l.bound.Worse(x, y)
}

// InstantBreach reports whether one reading breaks an instant rule. It is an error when the rule is none, or when the reading
// lacks the metric. Integer comparisons only: every machine answers alike.
func (r RuleSet) InstantBreach(ruleID string, values map[string]float64) (breached bool, err error) {
	l, err := r.InstantLimit(ruleID)
	if err != nil {
		return false, err
	}
	v, ok := l.Value(values)
	if !ok {
		return false, fmt.Errorf("the reading has no %s", l.Metric)
	}
	return l.Breaks(v), nil
}
