package compliance

import (
	"strings"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

// Text says in words what a rule asks: what its kind asks, and when.
func (r *Rule) Text() string {
	text := r.asks()
	if len(r.Stages) > 0 {
		text += ", " + strings.ReplaceAll(strings.Join(r.Stages, " and "), "_", " ")
	}
	if r.SettleS > 0 {
		text += ", after the first " + detect.Seconds(r.SettleS)
	}
	if r.Per == "leg" {
		text += ", separately for each custodian"
	}
	if r.Optional {
		text += ", if it is measured"
	}
	return text
}

func (r *Rule) asks() string {
	for _, k := range kindsOf(r) {
		return k.Asks()
	}
	if len(r.All) > 0 {
		return "At least one of these must hold at any time: " + texts(r.All)
	}
	return "Each of these must hold: " + texts(r.Any)
}

func texts(rules []Rule) string {
	var all []string
	for i := range rules {
		all = append(all, rules[i].Text())
	}
	return strings.Join(all, "; ")
}
