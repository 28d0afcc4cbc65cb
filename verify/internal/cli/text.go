package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/evidence"
)

// meaning of each question, in the reader's words.
var meaning = map[evidence.Question]string{
	evidence.Authentic: "the messages are the trackers' own, unchanged",
	evidence.Anchored:  "the consortium's ledger holds the root over all of them",
	evidence.Final:     "enough organisations hold that ledger state as valid",
	evidence.Complete:  "nothing was left out between the shipment's start and end",
	evidence.Compliant: "the compliance rules were kept",
}

func text(r *evidence.Report) string {
	var b strings.Builder
	what := "shipment " + r.Shipment
	switch r.Kind {
	case evidence.OneMessage:
		what = "one message of " + what
	case evidence.HeadsLog:
		what = "anchors of a heads log"
	}
	if r.Channel == "" {
		b.WriteString("not a readable bundle\n\n")
	} else {
		fmt.Fprintf(&b, "%s on channel %s\n\n", what, r.Channel)
	}
	for _, q := range evidence.Questions {
		fmt.Fprintf(&b, "  %-10s %-8s %s\n", q, r.Verdicts.Of(q), meaning[q])
	}
	f := r.Facts
	b.WriteByte('\n')
	if r.Kind != evidence.HeadsLog {
		fmt.Fprintf(&b, "%d messages of %d trackers, readings of %d withheld\n", f.Messages, len(f.Trackers), f.Withheld)
	}
	for _, t := range f.Trackers {
		fmt.Fprintf(&b, "  tracker %s of %s, %s: %d messages", t.ID, t.Owner, strings.ReplaceAll(string(t.Trust), "_", "-"), t.Messages)
		if t.Messages > 0 {
			fmt.Fprintf(&b, ", %s to %s", stamp(t.FirstMS), stamp(t.LastMS))
		}
		b.WriteByte('\n')
	}
	if n := len(f.Anchors); n > 0 {
		a := f.Anchors[n-1]
		fmt.Fprintf(&b, "%d anchors, the last in block %d at %s; ordered by %s; held as valid by %s\n", n, a.Block, stamp(a.TimeMS),
			strings.Join(a.OrderedBy, ", "), strings.Join(a.ConfirmedBy, ", "))
	}
	if r.Judgement != nil {
		judgement(&b, r.Judgement)
	}
	opinions(&b, r)
	if len(r.Findings) > 0 {
		b.WriteString("\nfindings\n")
		for _, f := range r.Findings {
			fmt.Fprintf(&b, "  %s\n", f)
		}
	}
	result := "NOT PASSED"
	if r.Exit() == evidence.ExitPass {
		result = "PASSED"
	}
	fmt.Fprintf(&b, "\n%s (the policy requires %s)\nbundle %s\npolicy %s\n", result, strings.Join(r.Required, ", "), r.Bundle, r.Policy)
	return b.String()
}

// opinions says what the parties told the ledger, and whether it is what was recomputed here.
func opinions(b *strings.Builder, r *evidence.Report) {
	if r.Confirmed == nil {
		return
	}
	fmt.Fprintf(b, "\nconfirmed by %d of %d parties, as the ledger held their opinions at the closing\n", r.Confirmed.By, r.Confirmed.Of)
	for _, o := range r.Opinions {
		var leaves uint64
		for _, h := range o.Logs {
			leaves += h.Size
		}
		part := "all"
		if !o.Whole {
			part = "the first"
		}
		fmt.Fprintf(b, "  %-14s %-13s revision %d, of %s %d leaves: %s", o.By, strings.ReplaceAll(o.Result, "_", "-"), o.Revision, part, leaves, o.Standing)
		if o.Expected != "" {
			fmt.Fprintf(b, ", expected %s", o.Expected)
		}
		b.WriteByte('\n')
	}
}

func stamp(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05Z") }

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
	if n := r.Allowed.Count; n > 0 {
		fmt.Fprintf(b, "  stays out of range that the rules allow: %d, %s in all\n", n, length(r.Allowed.OutMS))
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
