// Package compliance judges readings by a rule set in event time. Pure: the same code runs at ingest, in the API and in
// the auditor's verifier.
package compliance

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
)

// RuleSet is versioned data, pinned to a shipment by id@version and hash.
type RuleSet struct {
	ID      string `json:"id"`
	Version int    `json:"version"`
	Title   string `json:"title"`
	// MaxGapS: time between two readings of a metric beyond this is unknown time, never in range.
	MaxGapS int    `json:"max_gap_s"`
	Rules   []Rule `json:"rules"`
}

// Rule: the metric breaks it when "value Op Limit" holds for DurationS (0 = at once).
type Rule struct {
	ID        string `json:"id"`
	Metric    string `json:"metric"` // quantity name, or acceleration
	Op        string `json:"op"`     // > >= < <=
	Limit     string `json:"limit"`  // decimal, in the metric's unit
	Mode      string `json:"mode"`   // instant | consecutive | cumulative
	DurationS int    `json:"duration_s"`
	Severity  string `json:"severity"` // minor | major | critical
}

// Acceleration is the metric derived from accel_x, accel_y and accel_z: the magnitude in m/s2, gravity included.
const Acceleration = "acceleration"

// Ref is "id@version".
func (r RuleSet) Ref() string { return r.ID + "@" + strconv.Itoa(r.Version) }

// Canonical is the JSON that Hash covers: members in the order of the struct, no blank, no HTML escapes.
func (r RuleSet) Canonical() []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(r); err != nil { // texts and integers only: cannot fail
		panic(err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// Hash is what the ledger pins.
func (r RuleSet) Hash() [32]byte { return sha256.Sum256(r.Canonical()) }

// Parse reads and checks a rule set; the error names all problems at once.
func Parse(data []byte) (RuleSet, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	var r RuleSet
	if err := d.Decode(&r); err != nil {
		return RuleSet{}, fmt.Errorf("rule set: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return RuleSet{}, errors.New("rule set: something follows it")
	}
	return r, r.Validate()
}

var (
	ruleID  = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`)
	decimal = regexp.MustCompile(`^-?(0|[1-9][0-9]{0,8})(\.[0-9]{1,6})?$`)
	metrics = map[string]bool{"temperature": true, "humidity": true, "shock": true, "shock_ms": true, "vibration": true, "tilt": true,
		"light": true, "door": true, "speed": true, "battery": true, Acceleration: true}
)

// Validate names everything that is wrong with a rule set.
func (r RuleSet) Validate() error {
	var problems []error
	bad := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if !ruleID.MatchString(r.ID) {
		bad("id %q: lower-case letters, digits and dashes, at most 64", r.ID)
	}
	if r.Version < 1 {
		bad("version must be 1 or more")
	}
	if r.MaxGapS < 1 {
		bad("max_gap_s must be 1 or more")
	}
	if len(r.Rules) == 0 || len(r.Rules) > 64 {
		bad("a rule set has 1 to 64 rules")
	}
	seen := map[string]bool{}
	for i, rule := range r.Rules {
		if !ruleID.MatchString(rule.ID) || seen[rule.ID] {
			bad("rules[%d].id %q: must be unique, lower-case letters, digits and dashes", i, rule.ID)
		}
		seen[rule.ID] = true
		if !metrics[rule.Metric] {
			bad("rules[%d].metric %q is not known", i, rule.Metric)
		}
		switch rule.Op {
		case ">", ">=", "<", "<=":
		default:
			bad("rules[%d].op %q: must be > >= < or <=", i, rule.Op)
		}
		if !decimal.MatchString(rule.Limit) {
			bad("rules[%d].limit %q: must be a decimal such as 8 or -0.5", i, rule.Limit)
		}
		switch rule.Mode {
		case "instant":
			if rule.DurationS != 0 {
				bad("rules[%d].duration_s: an instant rule has none", i)
			}
		case "consecutive", "cumulative":
			if rule.DurationS < 1 {
				bad("rules[%d].duration_s must be 1 or more for %s", i, rule.Mode)
			}
		default:
			bad("rules[%d].mode %q: must be instant, consecutive or cumulative", i, rule.Mode)
		}
		switch rule.Severity {
		case "minor", "major", "critical":
		default:
			bad("rules[%d].severity %q: must be minor, major or critical", i, rule.Severity)
		}
	}
	return errors.Join(problems...)
}

// broken reports whether v breaks the limit. A float64 that was read from a decimal compares like the decimal: both sides
// are rounded by the same monotone rule.
func (r *Rule) broken(v, limit float64) bool {
	switch r.Op {
	case ">":
		return v > limit
	case ">=":
		return v >= limit
	case "<":
		return v < limit
	default:
		return v <= limit
	}
}

// worse reports whether a is further beyond the limit than b.
func (r *Rule) worse(a, b float64) bool {
	if r.Op[0] == '>' {
		return a > b
	}
	return a < b
}
