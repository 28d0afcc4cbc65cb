package compliance

import (
	"cmp"
	"math"
	"slices"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

// forever ends what has no end yet.
const forever = math.MaxInt64

// span is a time [from, to) in which a rule applies to a tracker.
type span struct{ from, to int64 }

// windowsOf are the times in which a tracker was bound to the shipment, in order, without overlap, none after the journey's end.
func windowsOf(c *detect.Journey, t *detect.Tracker) []span {
	return clip(spansOf(t.Windows), []span{{math.MinInt64, orForever(c.EndMS)}})
}

// spansOf are the times of windows, in order, without overlap.
func spansOf(windows []detect.Window) []span {
	var out []span
	for _, w := range windows {
		out = append(out, spanOf(w))
	}
	return join(out)
}

func spanOf(w detect.Window) span { return span{w.FromMS, orForever(w.ToMS)} }

func orForever(ms int64) int64 {
	if ms == 0 {
		return forever
	}
	return ms
}

// join sorts spans and makes one of those that meet.
func join(all []span) []span {
	slices.SortFunc(all, func(a, b span) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to)) })
	var out []span
	for _, s := range all {
		if s.to <= s.from {
			continue
		}
		if n := len(out); n > 0 && s.from <= out[n-1].to {
			out[n-1].to = max(out[n-1].to, s.to)
			continue
		}
		out = append(out, s)
	}
	return out
}

// lengthOf spans that do not overlap.
func lengthOf(spans []span) (ms int64) {
	for _, s := range spans {
		ms += s.to - s.from
	}
	return ms
}

// clip gives what two ordered lists have in common.
func clip(a, b []span) []span {
	var out []span
	for _, x := range a {
		for _, y := range b {
			if s := (span{max(x.from, y.from), min(x.to, y.to)}); s.from < s.to {
				out = append(out, s)
			}
		}
	}
	return out
}

// applies are the times in which a rule is judged on a tracker: its windows, within the rule's stages, without the settling
// time at the start of each.
func applies(c *detect.Journey, windows []span, r *Rule) []span {
	out := windows
	if len(r.Stages) > 0 {
		var in []span
		for _, s := range r.Stages {
			if w, ok := c.StageWindow(detect.Stage(s)); ok {
				in = append(in, spanOf(w))
			}
		}
		out = clip(windows, join(in))
	}
	if r.SettleS == 0 {
		return out
	}
	var settled []span
	for _, s := range out {
		if s.from += int64(r.SettleS) * 1000; s.from < s.to {
			settled = append(settled, s)
		}
	}
	return settled
}

// legsOf are the journey's legs in order; one without a custodian when the ledger names none.
func legsOf(c *detect.Journey) []detect.Leg {
	if len(c.Legs) == 0 {
		return []detect.Leg{{FromMS: c.FromMS}}
	}
	return c.Legs
}

func spanOfLeg(l detect.Leg) span { return span{l.FromMS, orForever(l.ToMS)} }
