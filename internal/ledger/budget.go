package ledger

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
)

// BudgetLine is one band of a stability budget as a verdict states it.
type BudgetLine struct {
	Rule   string `json:"rule"`
	Band   string `json:"band"`
	SpentS int64  `json:"spent_s"`
	MaxS   int64  `json:"max_s"`
}

// Spent is what earlier shipments of a lot took from one band.
type Spent struct {
	Rule   string `json:"rule"`
	Band   string `json:"band"`
	SpentS int64  `json:"spent_s"`
}

// CarriedFrom names the verdicts whose budgets went into Carried: each party's newest, in the order of their MSP ids. A later revision
// of one shows as a larger number.
type CarriedFrom struct {
	Shipment string       `json:"shipment"`
	Verdicts []VerdictRef `json:"verdicts"`
}

// VerdictRef names a verdict of a shipment.
type VerdictRef struct {
	By       string `json:"by"` // MSP id
	Revision int    `json:"revision"`
}

// Budget reads the member budget of a verdict's detail: empty when there is none, an *Error when it is not well-formed.
func (v Verdict) Budget() ([]BudgetLine, error) {
	if v.Detail == nil {
		return []BudgetLine{}, nil
	}
	// A map, because encoding/json would take other spellings of a struct's members.
	var members map[string]json.RawMessage
	if err := json.Unmarshal(v.Detail, &members); err != nil || members == nil {
		return nil, invalid("detail must be a JSON object")
	}
	raw, ok := members["budget"]
	if !ok {
		return []BudgetLine{}, nil
	}
	var b struct {
		Budget []BudgetLine `json:"budget"`
	}
	if err := Decode(slices.Concat([]byte(`{"budget":`), raw, []byte("}")), &b); err != nil {
		return nil, invalid("detail.budget: %v", err)
	}
	if b.Budget == nil {
		return nil, invalid("detail.budget must be a list")
	}
	spent := make([]Spent, len(b.Budget))
	for i, l := range b.Budget {
		if l.MaxS < 0 || l.MaxS > maxNumber {
			return nil, invalid("detail.budget[%d].max_s is out of range", i)
		}
		spent[i] = Spent{l.Rule, l.Band, l.SpentS}
	}
	return b.Budget, checkSpent("detail.budget", spent)
}

func checkSpent(member string, lines []Spent) error {
	if len(lines) > MaxBudget {
		return invalid("%s: %d lines given, at most %d are accepted", member, len(lines), MaxBudget)
	}
	type band struct{ rule, band string }
	seen := make(map[band]bool, len(lines))
	for i, l := range lines {
		if err := first(checkText(member+".rule", l.Rule, 1, 64), checkText(member+".band", l.Band, 1, 64)); err != nil {
			return err
		}
		if l.SpentS < 0 || l.SpentS > maxNumber {
			return invalid("%s[%d].spent_s is out of range", member, i)
		}
		if seen[band{l.Rule, l.Band}] {
			return invalid("%s names band %s of rule %s twice", member, l.Band, l.Rule)
		}
		seen[band{l.Rule, l.Band}] = true
	}
	return nil
}

func (a CreateArgs) validateCarried() error {
	if err := checkSpent("carried", a.Carried); err != nil {
		return err
	}
	switch {
	case len(a.CarriedFrom) > MaxCarriedFrom:
		return invalid("carried_from: %d shipments given, at most %d are accepted", len(a.CarriedFrom), MaxCarriedFrom)
	case len(a.CarriedFrom) == 0 && len(a.Carried) > 0:
		return invalid("carried needs carried_from, the shipments whose verdicts say so")
	}
	for i, id := range a.CarriedFrom {
		if err := checkID("carried_from", id); err != nil {
			return err
		}
		if id == a.ID || slices.Contains(a.CarriedFrom[:i], id) {
			return invalid("carried_from: %s is named twice or is this shipment itself", id)
		}
	}
	return nil
}

// Carry is what a shipment goes on with after others: each band with the largest amount that one of the budgets names, in the
// order of rule and band. Goods from several shipments are as old as the oldest; a part of one is as old as the whole. Of several
// opinions the one that has spent most counts too: no party can make a lot look fresher.
func Carry(budgets ...[]BudgetLine) []Spent {
	var out []Spent
	for _, b := range budgets {
		for _, l := range b {
			i, found := slices.BinarySearchFunc(out, Spent{Rule: l.Rule, Band: l.Band}, compareBands)
			if !found {
				out = slices.Insert(out, i, Spent{l.Rule, l.Band, l.SpentS})
			}
			out[i].SpentS = max(out[i].SpentS, l.SpentS)
		}
	}
	return out
}

// SameSpent reports whether two lists say the same in any order.
func SameSpent(a, b []Spent) bool {
	a, b = slices.SortedFunc(slices.Values(a), compareBands), slices.SortedFunc(slices.Values(b), compareBands)
	return slices.Equal(a, b)
}

func compareBands(a, b Spent) int {
	return cmp.Or(strings.Compare(a.Rule, b.Rule), strings.Compare(a.Band, b.Band))
}
