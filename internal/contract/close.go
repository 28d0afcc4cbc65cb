package contract

import "github.com/trackseal/trackseal/internal/ledger"

// closeShipment writes the create-only record of the final heads and ends every open assignment. The record has its own
// key, so that its transaction proves by itself that nobody closed the shipment otherwise before.
func closeShipment(t *transaction, a ledger.CloseArgs) (*ledger.Close, error) {
	s, err := shipment(t, a.ID)
	if err != nil {
		return nil, err
	}
	if !s.Handles(t.MSP) {
		return nil, ledger.Refuse(ledger.Forbidden, "only a carrier or the custodian closes shipment %s", s.ID)
	}
	// Before the state: a repeated close learns that it succeeded before.
	if err := t.free(ledger.CloseKey(s.ID), ledger.Refuse(ledger.Exists, "shipment %s is closed already", s.ID)); err != nil {
		return nil, err
	}
	if s.State != ledger.Delivered {
		return nil, ledger.Refuse(ledger.BadState, "shipment %s is %s, not delivered", s.ID, s.State)
	}
	for i := range s.Assignments {
		if s.Assignments[i].ToMS != 0 {
			continue
		}
		tr, err := tracker(t, s.Assignments[i].Tracker)
		if err != nil {
			return nil, err
		}
		release(t, s, i, tr, max(t.TimeMS, s.Assignments[i].FromMS))
		if err := t.put(ledger.TrackerKeyOf(tr.ID), tr); err != nil {
			return nil, err
		}
	}
	s.State = ledger.Closed
	s.ClosedMS = t.TimeMS
	if err := t.put(ledger.ShipmentKey(s.ID), s); err != nil {
		return nil, err
	}
	now, err := complianceState(t, s.ID)
	if err != nil {
		return nil, err
	}
	c := &ledger.Close{Shipment: s.ID, Heads: listOf(a.Heads), By: t.MSP, TimeMS: t.TimeMS, Tx: t.Tx, Compliance: now}
	return c, t.put(ledger.CloseKey(s.ID), c)
}
