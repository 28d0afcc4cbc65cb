package testkit

import "github.com/trackseal/trackseal/internal/ledger"

// standing is what the ledger holds about a shipment now.
func (t *tx) standing(shipment string) *ledger.Standing {
	var n ledger.Tally
	var v ledger.Verdict
	t.get("tally/"+shipment, &n)
	t.get("newest/"+shipment, &v)
	budget, _ := v.Budget() // checked when it was recorded
	return &ledger.Standing{Revision: v.Revision, Result: v.Result, ToMS: v.ToMS, Log: v.Log, Open: n.Open, Total: n.Total, Verified: n.Verified, Budget: budget}
}

// carry takes over what earlier shipments of the lot spent.
func (t *tx) carry(r *ledger.Shipment, a ledger.CreateArgs) error {
	var budgets [][]ledger.BudgetLine
	for _, id := range a.CarriedFrom {
		from, err := t.shipment(id)
		var v ledger.Verdict
		switch {
		case err != nil:
			return err
		case from.Lot != a.Lot:
			return refuse(ledger.Conflict, "carried_from: shipment %s is of lot %q, not %q", id, from.Lot, a.Lot)
		case from.State != ledger.Delivered && from.State != ledger.Closed:
			return refuse(ledger.BadState, "carried_from: shipment %s is %s; its budget counts once it is delivered", id, from.State)
		case !t.get("newest/"+id, &v):
			return refuse(ledger.BadState, "carried_from: shipment %s has no verdict", id)
		}
		b, err := v.Budget()
		if err != nil {
			return err
		}
		budgets = append(budgets, b)
		r.CarriedFrom = append(r.CarriedFrom, ledger.CarriedFrom{Shipment: id, Revision: v.Revision})
	}
	r.Carried = ledger.Carry(budgets...)
	if len(a.Carried) > 0 && !ledger.SameSpent(a.Carried, r.Carried) {
		return refuse(ledger.Conflict, "carried differs from what the verdicts of carried_from say: %v", r.Carried)
	}
	return nil
}

func keepsCarried(s ledger.Shipment, v ledger.Verdict) error {
	budget, err := v.Budget()
	if err != nil {
		return err
	}
	for _, l := range budget {
		for _, c := range s.Carried {
			if c.Rule == l.Rule && c.Band == l.Band && l.SpentS < c.SpentS {
				return refuse(ledger.Invalid, "detail.budget: band %s of rule %s had %d s spent when the shipment began, not %d", l.Band, l.Rule, c.SpentS, l.SpentS)
			}
		}
	}
	return nil
}
