package cli

import (
	"fmt"
	"strings"
	"time"

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
		fmt.Fprintf(&b, "  tracker %s of %s: %d messages", t.ID, t.Owner, t.Messages)
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

func stamp(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05Z") }
