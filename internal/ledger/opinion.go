package ledger

import (
	"slices"
	"strings"
)

// ComplianceState is what the ledger holds about a shipment's compliance at one moment.
type ComplianceState struct {
	Opinions []Opinion    `json:"opinions"`           // the newest of each party that has one, in the order of their MSP ids
	Open     int          `json:"open"`               // excursions that were not over
	Total    int          `json:"total"`              // all excursions, recorded and verified
	Verified int          `json:"verified,omitempty"` // of these, breaches that peers verified; one may lie within a recorded one
	Breaches []RuleBreach `json:"breaches,omitempty"` // the rules of the verified ones
}

// Opinion is what one party's newest verdict said.
type Opinion struct {
	By       string       `json:"by"` // MSP id
	Revision int          `json:"revision"`
	Result   string       `json:"result"`
	ToMS     int64        `json:"to_ms"` // up to which event time it judged
	Logs     []LogHead    `json:"logs"`  // from which logs
	Budget   []BudgetLine `json:"budget"`
}

// Answer is what a shipment's opinions say together: what all of them say, or inconclusive where they differ, with the reason, which
// names who says what. So no party can make the answer better than the others see it. The result is "" when nobody has an opinion.
// name is what a party is called.
func Answer(opinions []Opinion, name func(msp string) string) (result, reason string) {
	if len(opinions) == 0 {
		return "", ""
	}
	alike := func(o Opinion) bool { return o.Result == opinions[0].Result }
	if !slices.ContainsFunc(opinions, func(o Opinion) bool { return !alike(o) }) {
		return opinions[0].Result, ""
	}
	says := make([]string, len(opinions))
	for i, o := range opinions {
		says[i] = name(o.By) + " says " + o.Result
	}
	return Inconclusive, "the parties differ: " + strings.Join(says, ", ")
}

// Confirm tells which of the parties confirm the opinion of one of them: their newest opinions say the same result, from the same logs. The party itself
// is among those that do. Nobody confirms what is not there.
func Confirm(parties []string, opinions []Opinion, by string) (yes, no []string) {
	find := func(msp string) int { return slices.IndexFunc(opinions, func(o Opinion) bool { return o.By == msp }) }
	of := find(by)
	for _, msp := range parties {
		i := find(msp)
		if of >= 0 && i >= 0 && opinions[i].Result == opinions[of].Result && slices.Equal(opinions[i].Logs, opinions[of].Logs) {
			yes = append(yes, msp)
		} else {
			no = append(no, msp)
		}
	}
	return yes, no
}
