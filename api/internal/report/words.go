package report

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// RuleText says in words what a rule asks.
func RuleText(r *compliance.Rule) string {
	var parts []string
	if r.Title != "" {
		parts = append(parts, r.Title)
	}
	text := kindText(r)
	var when []string
	for _, s := range r.Stages {
		when = append(when, strings.ReplaceAll(s, "_", " "))
	}
	if len(when) > 0 {
		text += ", " + strings.Join(when, " and ")
	}
	if r.SettleS > 0 {
		text += ", after " + seconds(r.SettleS)
	}
	if r.Per == "leg" {
		text += ", for each custodian"
	}
	if r.Optional {
		text += ", if measured"
	}
	return strings.Join(append(parts, text), ": ")
}

func kindText(r *compliance.Rule) string {
	switch {
	case r.Limit != nil:
		return limitText(r.Limit)
	case r.Silence != nil:
		text := "a reading at least every " + seconds(r.Silence.MaxS)
		if r.Silence.Promise {
			text += ", and as the tracker promised"
		}
		return text
	case len(r.All) > 0:
		return "not all at once: " + nested(r.All)
	case len(r.Any) > 0:
		return "none of: " + nested(r.Any)
	}
	return otherText(r)
}

func nested(rules []compliance.Rule) string {
	var parts []string
	for i := range rules {
		parts = append(parts, RuleText(&rules[i]))
	}
	return strings.Join(parts, "; ")
}

func limitText(c *compliance.Limit) string {
	text := fmt.Sprintf("no %s %s %s", c.Metric, strings.NewReplacer(">=", "≥", "<=", "≤").Replace(c.Op), c.Value)
	if u := Unit(c.Metric); u != "" {
		text += " " + u
	}
	switch c.Mode {
	case compliance.Consecutive:
		text += " for " + seconds(c.DurationS) + " in a row"
	case compliance.Cumulative:
		text += " for " + seconds(c.DurationS) + " in all"
		if c.WindowS > 0 {
			text += " within any " + seconds(c.WindowS)
		}
	default:
		text += " at any moment"
	}
	return text
}

// otherText writes out a kind's members as they stand in the rule set.
func otherText(r *compliance.Rule) string {
	raw, err := json.Marshal(r)
	var members map[string]any
	if err != nil || json.Unmarshal(raw, &members) != nil {
		return ""
	}
	for _, k := range slices.Sorted(maps.Keys(members)) {
		kind, ok := members[k].(map[string]any)
		if !ok {
			continue
		}
		var parts []string
		for _, name := range slices.Sorted(maps.Keys(kind)) {
			var v string
			switch x := kind[name].(type) {
			case map[string]any, []any:
				b, err := json.Marshal(x)
				if err != nil {
					continue
				}
				v = strings.NewReplacer(`"`, "", ",", ", ", ":", " ", "{", "", "}", "").Replace(string(b))
			default:
				v = fmt.Sprint(x)
			}
			parts = append(parts, strings.ReplaceAll(name, "_", " ")+" "+v)
		}
		return strings.ReplaceAll(k, "_", " ") + " (" + strings.Join(parts, ", ") + ")"
	}
	return ""
}

func seconds(s int) string { return span(int64(s) * 1000) }

// Unit of a metric as people write it; "" for one that has none.
func Unit(metric string) string {
	if metric == "acceleration" {
		return "m/s²"
	}
	q, ok := telemetry.FindQuantity(metric)
	if !ok {
		return ""
	}
	switch q.Unit {
	case "Cel":
		return "°C"
	case "m/s2":
		return "m/s²"
	case "%EL":
		return "%"
	case "/":
		return ""
	case "lat", "lon", "deg":
		return "°"
	}
	return q.Unit
}
