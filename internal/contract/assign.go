package contract

import "github.com/trackseal/trackseal/internal/ledger"

// skewMS is how far a time given by a client may run ahead of the transaction's.
const skewMS = ledger.SkewMS

// assign binds a tracker to a shipment from a time on.
//
// Who may: the tracker's owner, while it is a carrier of the shipment or holds the goods. Owner, because an assignment decides
// where a device's readings count, now or in the past: were others allowed, they could draw a rival's tracker into a
// shipment of theirs and block it. Carrier or custodian, because only they can fix a tracker to the goods: another party
// could bind a device that lies elsewhere and so make up a history.
func assign(t *transaction, a ledger.AssignArgs) (*ledger.Shipment, error) {
	s, err := shipment(t, a.Shipment)
	if err != nil {
		return nil, err
	}
	if !s.Handles(t.MSP) {
		return nil, ledger.Refuse(ledger.Forbidden, "only a carrier or the custodian of shipment %s assigns trackers", s.ID)
	}
	if s.State != ledger.Created && s.State != ledger.InTransit {
		return nil, ledger.Refuse(ledger.BadState, "shipment %s is %s", s.ID, s.State)
	}
	tr, err := ownTracker(t, a.Tracker)
	if err != nil {
		return nil, err
	}
	now := t.now(s)
	from := a.FromMS
	if from == 0 {
		from = max(now, tr.FreeFromMS)
	}
	switch {
	case tr.Assigned != "":
		return nil, ledger.Refuse(ledger.Conflict, "tracker %s is assigned to shipment %s", tr.ID, tr.Assigned)
	case from > now+skewMS && a.FromMS != 0:
		return nil, ledger.Refuse(ledger.Invalid, "from_ms lies in the future")
	case from < tr.FreeFromMS:
		return nil, ledger.Refuse(ledger.Conflict, "tracker %s was assigned until %d", tr.ID, tr.FreeFromMS)
	case len(s.Assignments) >= ledger.MaxAssignments:
		return nil, ledger.Refuse(ledger.BadState, "shipment %s has had %d assignments, which is the most", s.ID, ledger.MaxAssignments)
	}
	s.LastMS = max(s.LastMS, from)
	s.Assignments = append(s.Assignments, ledger.Assignment{Tracker: tr.ID, FromMS: from, AssignTx: t.Tx, By: t.MSP, Calibration: tr.Calibration})
	s.State = ledger.InTransit
	// The tracker's record carries the one open assignment, so that two shipments which take it at once write the same
	// key and Fabric lets only one through.
	tr.Assigned = s.ID
	if err := t.put(ledger.ShipmentKey(s.ID), s); err != nil {
		return nil, err
	}
	return s, t.put(ledger.TrackerKeyOf(tr.ID), tr)
}

// unassign ends the open assignment. The tracker's owner may, so that its device is never held; so may a carrier and the
// custodian, who take it off the goods. A revoked tracker can be unassigned.
func unassign(t *transaction, a ledger.UnassignArgs) (*ledger.Shipment, error) {
	s, err := shipment(t, a.Shipment)
	if err != nil {
		return nil, err
	}
	if s.State == ledger.Closed {
		return nil, ledger.Refuse(ledger.BadState, "shipment %s is closed", s.ID)
	}
	i := s.OpenAssignment(a.Tracker)
	if i < 0 {
		return nil, ledger.Refuse(ledger.NotFound, "tracker %s is not assigned to shipment %s", a.Tracker, s.ID)
	}
	tr, err := tracker(t, a.Tracker)
	if err != nil {
		return nil, err
	}
	if t.MSP != tr.Owner && !s.Handles(t.MSP) {
		return nil, ledger.Refuse(ledger.Forbidden, "only the tracker's owner, a carrier or the custodian ends an assignment")
	}
	now := t.now(s)
	to := a.ToMS
	if to == 0 {
		to = max(now, s.Assignments[i].FromMS)
	}
	switch {
	case to < s.Assignments[i].FromMS:
		return nil, ledger.Refuse(ledger.Invalid, "to_ms lies before the assignment's start, %d", s.Assignments[i].FromMS)
	case to > now+skewMS && to > s.Assignments[i].FromMS:
		return nil, ledger.Refuse(ledger.Invalid, "to_ms lies in the future")
	}
	s.LastMS = max(s.LastMS, to)
	release(t, s, i, tr, to)
	if err := t.put(ledger.ShipmentKey(s.ID), s); err != nil {
		return nil, err
	}
	return s, t.put(ledger.TrackerKeyOf(tr.ID), tr)
}

// release ends assignment i in both records, which the caller writes.
func release(t *transaction, s *ledger.Shipment, i int, tr *ledger.Tracker, toMS int64) {
	s.Assignments[i].ToMS = toMS
	s.Assignments[i].UnassignTx = t.Tx
	tr.Assigned = ""
	tr.FreeFromMS = max(tr.FreeFromMS, toMS)
}
