package reports

import (
	"strings"

	"github.com/trackseal/trackseal/api/internal/report"
	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/compliance/detect"
)

// ruleOf finds a rule, nested ones too.
func ruleOf(rules []compliance.Rule, id string) *compliance.Rule {
	for i := range rules {
		r := &rules[i]
		if r.ID == id {
			return r
		}
		for _, nested := range [][]compliance.Rule{r.All, r.Any} {
			if x := ruleOf(nested, id); x != nil {
				return x
			}
		}
	}
	return nil
}

// kindOf is "limit" for a rule on one, else "": a record on the ledger does not name the kind.
func kindOf(rules []compliance.Rule, id string) string {
	if r := ruleOf(rules, id); r != nil && r.Limit != nil {
		return "limit"
	}
	return ""
}

// what says in words what was out of range.
func what(rules []compliance.Rule, rule, kind, metric, note string) string {
	if r := ruleOf(rules, rule); note == "" && r != nil && r.Limit != nil {
		text := plainly(metric) + " " + beyond(r.Limit)
		switch r.Limit.Mode {
		case compliance.Cumulative:
			text += " in all"
		case compliance.Consecutive:
			text += " in a row"
		}
		return text
	}
	switch {
	case note != "":
		return note
	case kind == "silence":
		return "no reading"
	}
	return plainly(metric)
}

// beyond says where a limit's other side is: "above 8 °C".
func beyond(l *compliance.Limit) string {
	text := detect.Bound{Op: l.Op}.Where() + " "
	if m, ok := detect.MetricOf(l.Metric); ok {
		return text + m.With(l.Value)
	}
	return text + l.Value
}

func plainly(name string) string { return strings.ReplaceAll(name, "_", " ") }

// unit of an excursion's peak and limit.
func unit(kind, metric string) string {
	switch kind {
	case "silence":
		return "s"
	case "geofence", "corridor":
		return "m"
	case "limit", "mkt", "budget", "all", "any", "vibration", "shock":
		return report.Unit(metric)
	}
	return ""
}

// linesOf are the limits of a metric to draw, nested ones too; rules that share one stand beside each other.
func linesOf(rules []compliance.Rule, metric string) []report.Line {
	var out []report.Line
	var walk func(rules []compliance.Rule)
	walk = func(rules []compliance.Rule) {
		for i := range rules {
			r := &rules[i]
			if l := r.Limit; l != nil && l.Metric == metric {
				if v, err := detect.ParseDecimal(l.Value); err == nil {
					out = addLine(out, report.Line{Value: v.Float(), Label: beyond(l)}, r.ID)
				}
			}
			walk(r.All)
			walk(r.Any)
		}
	}
	walk(rules)
	return out
}

func addLine(lines []report.Line, l report.Line, rule string) []report.Line {
	for i := range lines {
		if lines[i].Value == l.Value && strings.HasPrefix(lines[i].Label, l.Label+":") {
			lines[i].Label += ", " + rule
			return lines
		}
	}
	l.Label += ": " + rule
	return append(lines, l)
}
