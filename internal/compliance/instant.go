package compliance

import (
	"fmt"
	"strconv"
)

// InstantLimit is a limit that one reading alone can break.
type InstantLimit struct {
	Metric string
	Op     string // > >= < <=
	Limit  string // decimal, in the metric's unit
	rule   Rule
	limit  float64
}

// InstantLimit finds an instant rule. A rule whose result depends on anything beside one reading (duration, other rules, where
// the goods are) is none: who holds one signed message could not show that it is broken.
func (r RuleSet) InstantLimit(ruleID string) (InstantLimit, error) {
	for _, rule := range r.Rules {
		if rule.ID != ruleID {
			continue
		}
		if rule.Mode != "instant" {
			return InstantLimit{}, fmt.Errorf("rule %s of %s is %s, not instant", ruleID, r.Ref(), rule.Mode)
		}
		limit, err := strconv.ParseFloat(rule.Limit, 64)
		if err != nil {
			return InstantLimit{}, fmt.Errorf("rule %s of %s has limit %q", ruleID, r.Ref(), rule.Limit)
		}
		return InstantLimit{rule.Metric, rule.Op, rule.Limit, rule, limit}, nil
	}
	return InstantLimit{}, fmt.Errorf("%s has no rule %s", r.Ref(), ruleID)
}

// Value reads the limit's metric from one reading; ok is false when the reading lacks it.
func (l InstantLimit) Value(values map[string]float64) (v float64, ok bool) {
	return value(values, l.Metric)
}

// Breaks reports whether v lies beyond the limit.
func (l InstantLimit) Breaks(v float64) bool { return l.rule.broken(v, l.limit) }

// Worse reports whether a lies further beyond the limit than b.
func (l InstantLimit) Worse(a, b float64) bool { return l.rule.worse(a, b) }

// InstantBreach reports whether one reading breaks an instant rule. It is an error when the rule is none, or when the reading
// lacks the metric. Comparisons only, on the doubles that the tracker signed: every machine answers alike.
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
