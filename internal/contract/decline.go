package contract

import (
	"slices"

	"github.com/trackseal/trackseal/internal/ledger"
)

// decline is a member saying that it does not take part in a shipment that another named it in: a creator can name whom it likes. From
// then on it is no party, and the shipment does not exist for it. Who has acted answers for what it did, so it stays: the creator, who has
// or had the goods, and who bound a tracker. What is delivered has its parties.
func decline(t *transaction, a ledger.IDArgs) (*ledger.Shipment, error) {
	s, err := shipment(t, a.ID)
	switch {
	case err != nil:
		return nil, err
	case s.State != ledger.Created && s.State != ledger.InTransit:
		return nil, ledger.Refuse(ledger.BadState, "shipment %s is %s", s.ID, s.State)
	case s.Pending != nil && s.Pending.To == t.MSP:
		return nil, ledger.Refuse(ledger.BadState, "a handover to %s waits for its answer: reject it first", t.MSP)
	}
	acted, err := hasActed(t, s)
	switch {
	case err != nil:
		return nil, err
	case acted:
		return nil, ledger.Refuse(ledger.BadState, "%s has acted in shipment %s: it created it, has or had the goods, or bound a tracker", t.MSP, s.ID)
	}
	s.Declined = append(s.Declined, ledger.Declined{Member: t.MSP, Roles: s.Parties.RolesOf(t.MSP), TimeMS: t.now(s), Tx: t.Tx})
	s.Parties = s.Parties.Without(t.MSP)
	if err := t.put(ledger.ShipmentKey(s.ID), s); err != nil {
		return nil, err
	}
	t.remove(ledger.PartyKey(t.MSP, s.ID))
	return s, nil
}

// hasActed reports whether the caller has done anything in the shipment that it answers for.
func hasActed(t *transaction, s *ledger.Shipment) (bool, error) {
	if t.MSP == s.Creator || t.MSP == s.Custodian || slices.ContainsFunc(s.Assignments, func(a ledger.Assignment) bool { return a.By == t.MSP }) {
		return true, nil
	}
	for n := range s.Handovers {
		h, err := get[ledger.Handover](t, ledger.HandoverKey(s.ID, n))
		if err != nil || h != nil && h.State == ledger.Accepted && h.To == t.MSP {
			return true, err
		}
	}
	return false, nil
}
