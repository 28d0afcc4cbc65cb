package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/trackseal/trackseal/internal/compliance"
)

// maxLines bounds each list on the terminal; --json and --report have all.
const maxLines = 10

// judgement says what the pinned rules give, as recomputed here.
func judgement(b *strings.Builder, r *compliance.Result) {
	fmt.Fprintf(b, "\njudged by %s up to %s: %s\n", r.RuleSet, stamp(r.ToMS), strings.ReplaceAll(r.Verdict, "_", "-"))
	for _, x := range r.Rules {
		fmt.Fprintf(b, "  %-12s %-10s %s\n", x.ID, strings.ReplaceAll(x.State, "_", " "), x.Kind)
	}
	for _, m := range r.Metrics {
		fmt.Fprintf(b, "  %s: in range %s, out of range %s, unknown %s\n", m.Metric, length(m.InMS), length(m.OutMS), length(m.UnknownMS))
	}
	for i, x := range r.Excursions {
		if i == maxLines {
			fmt.Fprintf(b, "  and %d more excursions\n", len(r.Excursions)-i+r.More)
			break
		}
		lasted := length(x.EndMS - x.StartMS)
		if x.Open {
			lasted = "not over"
		}
		held := ""
		if x.Leg >= 0 && x.Leg < len(r.Legs) && r.Legs[x.Leg].Custodian != "" {
			held = ", held by " + r.Legs[x.Leg].Custodian
		}
		fmt.Fprintf(b, "  excursion %s: %s from %s, %s, peak %s, limit %s, %s%s\n", x.Rule, x.Metric, stamp(x.StartMS), lasted, x.Peak, x.Limit, x.Severity, held)
	}
	for i, f := range r.Figures {
		if i == maxLines {
			break
		}
		fmt.Fprintf(b, "  %s of %s: %s %s %s\n", f.Rule, f.Tracker, strings.ReplaceAll(f.Name, "_", " "), f.Value, f.Unit)
	}
	for _, x := range r.Budget {
		fmt.Fprintf(b, "  budget %s, band %s: %s of %s spent, %s\n", x.Rule, x.Band, length(x.SpentMS), length(x.MaxMS), x.Level)
	}
}

func length(ms int64) string {
	return (time.Duration(ms) * time.Millisecond).Round(time.Second).String()
}
