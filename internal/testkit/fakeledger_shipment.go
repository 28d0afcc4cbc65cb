package testkit

import (
	"fmt"

	"github.com/trackseal/trackseal/internal/ledger"
)

// skewMS is how far a time given by a client may be ahead of the transaction's own.
const skewMS = 120_000

// shipment is one that the caller may see; to those who are no party it does not exist.
func (t *tx) shipment(id string) (ledger.Shipment, error) {
	var r ledger.Shipment
	if !t.get("shipment/"+id, &r) || !r.IsParty(t.msp) {
		return ledger.Shipment{}, refuse(ledger.NotFound, "there is no shipment %s", id)
	}
	return r, nil
}

func (t *tx) putShipment(r ledger.Shipment) (ledger.Shipment, error) {
	return r, t.put("shipment/"+r.ID, r)
}

// handles reports whether the caller has its hands on the goods.
func (t *tx) handles(r ledger.Shipment) bool {
	return r.Handles(t.msp)
}

func create(t *tx, a ledger.CreateArgs) (ledger.Shipment, error) {
	r := ledger.Shipment{
		ID: a.ID, State: ledger.Created, Parties: a.Parties, Creator: t.msp, Custodian: a.Custodian,
		RuleSet: a.RuleSet, RuleSetHash: a.RuleSetHash, Description: a.Description, Origin: a.Origin, Destination: a.Destination,
		CreatedMS: t.ms, CreateTx: t.id, Assignments: []ledger.Assignment{}, Lot: a.Lot,
	}
	if r.Custodian == "" {
		r.Custodian = t.msp
	}
	if !r.IsParty(t.msp) {
		return r, refuse(ledger.Forbidden, "%s is not one of the parties it names", t.msp)
	}
	if t.has("shipment/" + a.ID) {
		return r, refuse(ledger.Exists, "shipment %s exists already", a.ID)
	}
	// Unlike the chaincode, the fake takes any rule set: tests need not have one that is built in or published.
	if err := t.carry(&r, a); err != nil {
		return r, err
	}
	return t.putShipment(r)
}

func assign(t *tx, a ledger.AssignArgs) (ledger.Shipment, error) {
	r, err := t.shipment(a.Shipment)
	if err != nil {
		return r, err
	}
	if !t.handles(r) {
		return r, refuse(ledger.Forbidden, "only the carrier or the custodian of shipment %s assigns trackers", r.ID)
	}
	if r.State != ledger.Created && r.State != ledger.InTransit {
		return r, refuse(ledger.BadState, "shipment %s is %s", r.ID, r.State)
	}
	tracker, err := t.ownTracker(a.Tracker)
	if err != nil {
		return r, err
	}
	from := a.FromMS
	if from == 0 {
		from = max(t.ms, tracker.FreeFromMS)
	}
	switch {
	case tracker.Assigned != "":
		return r, refuse(ledger.Conflict, "tracker %s is assigned to shipment %s", tracker.ID, tracker.Assigned)
	case from > t.ms+skewMS:
		return r, refuse(ledger.Invalid, "from_ms lies in the future")
	case from < tracker.FreeFromMS:
		return r, refuse(ledger.Conflict, "tracker %s was assigned until %d", tracker.ID, tracker.FreeFromMS)
	}
	tracker.Assigned = r.ID
	if _, err := t.putTracker(tracker); err != nil {
		return r, err
	}
	r.State = ledger.InTransit
	r.Assignments = append(r.Assignments, ledger.Assignment{Tracker: tracker.ID, FromMS: from, AssignTx: t.id, By: t.msp, Calibration: tracker.Calibration})
	return t.putShipment(r)
}

func unassign(t *tx, a ledger.UnassignArgs) (ledger.Shipment, error) {
	r, err := t.shipment(a.Shipment)
	if err != nil {
		return r, err
	}
	if r.State == ledger.Closed {
		return r, refuse(ledger.BadState, "shipment %s is closed", r.ID)
	}
	i := r.OpenAssignment(a.Tracker)
	if i < 0 {
		return r, refuse(ledger.NotFound, "tracker %s is not assigned to shipment %s", a.Tracker, r.ID)
	}
	tracker, err := t.tracker(a.Tracker)
	if err != nil {
		return r, err
	}
	if t.msp != tracker.Owner && !t.handles(r) {
		return r, refuse(ledger.Forbidden, "only the tracker's owner, the carrier or the custodian ends an assignment")
	}
	from, to := r.Assignments[i].FromMS, a.ToMS
	if to == 0 {
		to = max(t.ms, from)
	}
	switch {
	case to < from:
		return r, refuse(ledger.Invalid, "to_ms lies before the assignment's start, %d", from)
	case to > t.ms+skewMS && to > from:
		return r, refuse(ledger.Invalid, "to_ms lies in the future")
	}
	if err := t.release(&r, i, tracker, to); err != nil {
		return r, err
	}
	return t.putShipment(r)
}

// release ends assignment i at ms.
func (t *tx) release(r *ledger.Shipment, i int, tracker ledger.Tracker, ms int64) error {
	r.Assignments[i].ToMS, r.Assignments[i].UnassignTx = ms, t.id
	tracker.Assigned, tracker.FreeFromMS = "", max(tracker.FreeFromMS, ms)
	_, err := t.putTracker(tracker)
	return err
}

func propose(t *tx, a ledger.ProposeArgs) (ledger.Shipment, error) {
	r, err := t.shipment(a.ID)
	switch {
	case err != nil:
		return r, err
	case r.Custodian != t.msp:
		return r, refuse(ledger.Forbidden, "only the custodian, %s, proposes a handover", r.Custodian)
	case r.State != ledger.Created && r.State != ledger.InTransit:
		return r, refuse(ledger.BadState, "shipment %s is %s", r.ID, r.State)
	case r.Pending != nil:
		return r, refuse(ledger.BadState, "a handover to %s waits for its answer", r.Pending.To)
	case !r.IsParty(a.To) || a.To == t.msp:
		return r, refuse(ledger.Invalid, "to must be another party of shipment %s", r.ID)
	}
	r.Pending = &ledger.Handover{
		N: r.Handovers, From: t.msp, To: a.To, State: ledger.Proposed, Heads: listOf(a.Heads), Note: a.Note, ProposeMS: t.ms, ProposeTx: t.id,
		AtProposal: t.standing(r.ID),
	}
	return t.putShipment(r)
}

func accept(t *tx, a ledger.IDArgs) (ledger.Shipment, error) {
	return end(t, a.ID, ledger.Accepted, "")
}

func reject(t *tx, a ledger.RejectArgs) (ledger.Shipment, error) {
	return end(t, a.ID, ledger.Rejected, a.Reason)
}

func withdraw(t *tx, a ledger.RejectArgs) (ledger.Shipment, error) {
	return end(t, a.ID, ledger.Withdrawn, a.Reason)
}

// end ends the open handover: its proposer withdraws, the other answers.
func end(t *tx, id, state, reason string) (ledger.Shipment, error) {
	r, err := t.shipment(id)
	if err != nil {
		return r, err
	}
	if r.Pending == nil {
		return r, refuse(ledger.BadState, "shipment %s has no open handover", id)
	}
	by := r.Pending.To
	if state == ledger.Withdrawn {
		by = r.Pending.From
	}
	if by != t.msp {
		return r, refuse(ledger.Forbidden, "only %s may do this with the open handover", by)
	}
	h := *r.Pending
	h.State, h.Reason, h.AnswerMS, h.AnswerTx, h.AtAnswer = state, reason, t.ms, t.id, t.standing(id)
	r.Pending = nil
	r.Handovers++
	if state == ledger.Accepted {
		r.Custodian, r.State = t.msp, ledger.InTransit
	}
	if err := t.put(fmt.Sprintf("handover/%s/%08d", id, h.N), h); err != nil {
		return r, err
	}
	return t.putShipment(r)
}

func deliver(t *tx, a ledger.IDArgs) (ledger.Shipment, error) {
	r, err := t.shipment(a.ID)
	switch {
	case err != nil:
		return r, err
	case !r.Has(ledger.Consignee, t.msp):
		return r, refuse(ledger.Forbidden, "only a consignee takes delivery")
	case r.State != ledger.InTransit:
		return r, refuse(ledger.BadState, "shipment %s is %s, not in_transit", r.ID, r.State)
	case r.Pending != nil:
		return r, refuse(ledger.BadState, "a handover to %s waits for its answer", r.Pending.To)
	case r.Custodian != t.msp:
		return r, refuse(ledger.BadState, "%s has custody", r.Custodian)
	}
	r.State, r.DeliveredMS = ledger.Delivered, t.ms
	return t.putShipment(r)
}

func closeShipment(t *tx, a ledger.CloseArgs) (ledger.Close, error) {
	r, err := t.shipment(a.ID)
	switch {
	case err != nil:
		return ledger.Close{}, err
	case !t.handles(r):
		return ledger.Close{}, refuse(ledger.Forbidden, "only the carrier or the custodian closes shipment %s", r.ID)
	case r.State == ledger.Closed:
		return ledger.Close{}, refuse(ledger.Exists, "shipment %s is closed already", r.ID)
	case r.State != ledger.Delivered:
		return ledger.Close{}, refuse(ledger.BadState, "shipment %s is %s, not delivered", r.ID, r.State)
	}
	for i, x := range r.Assignments {
		if x.ToMS != 0 {
			continue
		}
		tracker, err := t.tracker(x.Tracker)
		if err != nil {
			return ledger.Close{}, err
		}
		if err := t.release(&r, i, tracker, max(t.ms, x.FromMS)); err != nil {
			return ledger.Close{}, err
		}
	}
	r.State, r.ClosedMS = ledger.Closed, t.ms
	if _, err := t.putShipment(r); err != nil {
		return ledger.Close{}, err
	}
	c := ledger.Close{Shipment: r.ID, Heads: listOf(a.Heads), By: t.msp, TimeMS: t.ms, Tx: t.id, Standing: t.standing(r.ID)}
	return c, t.put("close/"+r.ID, c)
}

func shipments(t *tx, a ledger.ListArgs) (ledger.Page[ledger.Shipment], error) {
	return list(t, "shipment/", a, func(r ledger.Shipment) bool { return r.IsParty(t.msp) })
}

func handovers(t *tx, a ledger.ListArgs) (ledger.Page[ledger.Handover], error) {
	if _, err := t.shipment(a.ID); err != nil {
		return ledger.Page[ledger.Handover]{}, err
	}
	return list[ledger.Handover](t, "handover/"+a.ID+"/", a, nil)
}

func getClose(t *tx, a ledger.IDArgs) (ledger.Close, error) {
	var c ledger.Close
	if _, err := t.shipment(a.ID); err != nil {
		return c, err
	}
	if !t.get("close/"+a.ID, &c) {
		return c, refuse(ledger.NotFound, "shipment %s is not closed", a.ID)
	}
	return c, nil
}

// listOf makes an absent list an empty one, which is how records hold it.
func listOf[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}
