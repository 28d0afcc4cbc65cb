package contract

import (
	"slices"

	"github.com/trackseal/trackseal/internal/ledger"
)

// skewMS is how far a time given by a client may run ahead of the transaction's.
const skewMS = ledger.SkewMS

// assign binds a tracker to a shipment, from a time on or for a recorded window.
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
	// The tracker's last window may have ended by a clock that is a little ahead of this one.
	s.LastMS = max(t.now(s), tr.FreeFromMS)
	now, from, recorded := s.LastMS, a.FromMS, a.ToMS != 0
	if from == 0 || from > now && from <= now+skewMS {
		from = now
	}
	switch {
	case tr.Assigned != "":
		return nil, ledger.Refuse(ledger.Conflict, "tracker %s is assigned to shipment %s", tr.ID, tr.Assigned)
	case from > now:
		return nil, ledger.Refuse(ledger.Invalid, "from_ms lies in the future")
	case a.ToMS > now:
		return nil, ledger.Refuse(ledger.Invalid, "to_ms lies in the future: it is for a recorded trip, which has ended")
	case hasWindow(s, tr.ID, recorded):
		return nil, ledger.Refuse(ledger.Conflict, "tracker %s is or was on shipment %s already: a recorded window is the only one of its tracker", tr.ID, s.ID)
	case from < tr.FreeFromMS:
		return nil, ledger.Refuse(ledger.Conflict, "tracker %s was assigned until %d", tr.ID, tr.FreeFromMS)
	case len(s.Assignments) >= ledger.MaxAssignments:
		return nil, ledger.Refuse(ledger.BadState, "shipment %s has had %d assignments, which is the most", s.ID, ledger.MaxAssignments)
	}
	s.Assignments = append(s.Assignments, ledger.Assignment{Tracker: tr.ID, FromMS: from, AssignTx: t.Tx, By: t.MSP, Calibration: tr.Calibration, Sensors: tr.Sensors})
	s.State = ledger.InTransit
	// The tracker's record carries the one open assignment, so that two shipments which take it at once write the same
	// key and Fabric lets only one through.
	tr.Assigned = s.ID
	if recorded {
		release(t, s, len(s.Assignments)-1, tr, a.ToMS)
	}
	if err := t.put(ledger.ShipmentKey(s.ID), s); err != nil {
		return nil, err
	}
	return s, t.put(ledger.TrackerKeyOf(tr.ID), tr)
}

// hasWindow reports whether the tracker has a window in the shipment: any, or only a recorded one. A recorded window tells what the
// tracker has seen as a whole: whoever could add another, or end a live one and add a recorded one, could leave a time out.
func hasWindow(s *ledger.Shipment, tracker string, anyWindow bool) bool {
	return slices.ContainsFunc(s.Assignments, func(a ledger.Assignment) bool {
		return a.Tracker == tracker && (anyWindow || a.Recorded())
	})
}

// unassign ends the open assignment now, never earlier: what the tracker has reported until now stays in the record. The tracker's owner may, so that its device is never held; so may a carrier and the
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
	release(t, s, i, tr, t.now(s))
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
