package contract

import "github.com/trackseal/trackseal/internal/ledger"

// carry copies the stability budget that a lot's earlier shipments had spent from their newest verdicts. A later revision of
// such a verdict does not change it: CarriedFrom names the one that counted.
func carry(t *transaction, s *ledger.Shipment, a ledger.CreateArgs) error {
	if len(a.CarriedFrom) == 0 {
		return nil
	}
	budgets := make([][]ledger.BudgetLine, 0, len(a.CarriedFrom))
	for _, id := range a.CarriedFrom {
		from, err := shipment(t, id)
		if err != nil {
			return err
		}
		switch {
		case from.Lot != a.Lot:
			return ledger.Refuse(ledger.Conflict, "carried_from: shipment %s is of lot %q, not %q", id, from.Lot, a.Lot)
		case from.State != ledger.Delivered && from.State != ledger.Closed:
			return ledger.Refuse(ledger.BadState, "carried_from: shipment %s is %s; its budget counts once it is delivered", id, from.State)
		}
		v, err := newest(t, id)
		if err != nil {
			return err
		}
		if v == nil {
			return ledger.Refuse(ledger.BadState, "carried_from: shipment %s has no verdict", id)
		}
		b, err := v.Budget()
		if err != nil {
			return err
		}
		budgets = append(budgets, b)
		s.CarriedFrom = append(s.CarriedFrom, ledger.CarriedFrom{Shipment: id, Revision: v.Revision})
	}
	s.Carried = ledger.Carry(budgets...)
	if len(s.Carried) > ledger.MaxBudget {
		return ledger.Refuse(ledger.Invalid, "carried_from: the budgets have %d bands together, at most %d are accepted", len(s.Carried), ledger.MaxBudget)
	}
	if len(a.Carried) > 0 && !ledger.SameSpent(a.Carried, s.Carried) {
		return ledger.Refuse(ledger.Conflict, "carried differs from what the verdicts of carried_from say: %v", s.Carried)
	}
	return nil
}
