package testkit

import (
	"fmt"
	"slices"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/telemetry"
)

var roles = []string{"carrier", "shipper", "consignee", "auditor"}

func isParty(r ledger.Shipment, msp string) bool {
	for _, m := range r.Parties {
		if m == msp {
			return true
		}
	}
	return false
}

// shipment is one that the caller may see.
func (t *tx) shipment(id string) (ledger.Shipment, error) {
	var r ledger.Shipment
	if !t.get("shipment/"+id, &r) {
		return r, refuse(ledger.NotFound, "shipment %s does not exist", id)
	}
	if !isParty(r, t.msp) {
		return ledger.Shipment{}, refuse(ledger.Forbidden, "%s is not a party of shipment %s", t.msp, id)
	}
	return r, nil
}

// open is a shipment that may still change.
func (t *tx) open(id string) (ledger.Shipment, error) {
	r, err := t.shipment(id)
	if err == nil && r.State == ledger.Closed {
		err = refuse(ledger.BadState, "shipment %s is closed", id)
	}
	return r, err
}

func (t *tx) putShipment(r ledger.Shipment) (ledger.Shipment, error) {
	if err := t.put("shipment/"+r.ID, r); err != nil {
		return r, err
	}
	return r, t.emit(ledger.EventShipment, r)
}

func create(t *tx, a ledger.CreateArgs) (ledger.Shipment, error) {
	var r ledger.Shipment
	if !telemetry.ValidID(a.ID) {
		return r, refuse(ledger.Invalid, "id %q is not a shipment id", a.ID)
	}
	if len(a.Parties) == 0 {
		return r, refuse(ledger.Invalid, "parties must not be empty")
	}
	for role, msp := range a.Parties {
		if !slices.Contains(roles, role) || msp == "" {
			return r, refuse(ledger.Invalid, "party %q: roles are carrier, shipper, consignee, auditor, each with an MSP id", role)
		}
	}
	if _, err := decodeHex("rule_set_hash", a.RuleSetHash, 32); err != nil {
		return r, err
	}
	if a.RuleSet == "" {
		return r, refuse(ledger.Invalid, "rule_set must be id@version")
	}
	r = ledger.Shipment{
		ID: a.ID, State: ledger.Created, Parties: a.Parties, Creator: t.msp, Custodian: a.Custodian,
		RuleSet: a.RuleSet, RuleSetHash: a.RuleSetHash, Description: a.Description, Origin: a.Origin, Destination: a.Destination,
		CreatedMS: t.ms, CreateTx: t.id, Assignments: []ledger.Assignment{},
	}
	if r.Custodian == "" {
		r.Custodian = t.msp
	}
	if !isParty(r, t.msp) {
		return r, refuse(ledger.Forbidden, "%s is not one of the parties", t.msp)
	}
	if !isParty(r, r.Custodian) {
		return r, refuse(ledger.Invalid, "custodian %s is not one of the parties", r.Custodian)
	}
	if t.has("shipment/" + a.ID) {
		return r, refuse(ledger.Exists, "shipment %s exists", a.ID)
	}
	return t.putShipment(r)
}

func assign(t *tx, a ledger.AssignArgs) (ledger.Shipment, error) {
	r, err := t.open(a.Shipment)
	if err != nil {
		return r, err
	}
	if r.State == ledger.Delivered {
		return r, refuse(ledger.BadState, "shipment %s is delivered", r.ID)
	}
	tracker, err := t.ownTracker(a.Tracker)
	if err != nil {
		return r, err
	}
	if tracker.RevokedMS != 0 {
		return r, refuse(ledger.BadState, "tracker %s is revoked", tracker.ID)
	}
	if tracker.Assigned != "" {
		return r, refuse(ledger.Conflict, "tracker %s is assigned to shipment %s", tracker.ID, tracker.Assigned)
	}
	if a.FromMS == 0 {
		a.FromMS = t.ms
	}
	var last int64
	t.get("freed/"+tracker.ID, &last)
	if a.FromMS < last {
		return r, refuse(ledger.Invalid, "tracker %s was assigned elsewhere until %d", tracker.ID, last)
	}
	tracker.Assigned = r.ID
	if err := t.put("tracker/"+tracker.ID, tracker); err != nil {
		return r, err
	}
	if r.State == ledger.Created {
		r.State = ledger.InTransit
	}
	r.Assignments = append(r.Assignments, ledger.Assignment{Tracker: tracker.ID, FromMS: a.FromMS, AssignTx: t.id, By: t.msp})
	return t.putShipment(r)
}

func unassign(t *tx, a ledger.UnassignArgs) (ledger.Shipment, error) {
	r, err := t.open(a.Shipment)
	if err != nil {
		return r, err
	}
	tracker, err := t.ownTracker(a.Tracker)
	if err != nil {
		return r, err
	}
	if a.ToMS == 0 {
		a.ToMS = t.ms
	}
	for i := range r.Assignments {
		x := &r.Assignments[i]
		if x.Tracker != a.Tracker || x.ToMS != 0 {
			continue
		}
		if a.ToMS < x.FromMS {
			return r, refuse(ledger.Invalid, "to_ms lies before the assignment's start")
		}
		x.ToMS, x.UnassignTx = a.ToMS, t.id
		if err := t.free(tracker, a.ToMS); err != nil {
			return r, err
		}
		return t.putShipment(r)
	}
	return r, refuse(ledger.NotFound, "tracker %s is not assigned to shipment %s", a.Tracker, a.Shipment)
}

// free ends a tracker's open assignment at ms.
func (t *tx) free(tracker ledger.Tracker, ms int64) error {
	tracker.Assigned = ""
	if err := t.put("tracker/"+tracker.ID, tracker); err != nil {
		return err
	}
	return t.put("freed/"+tracker.ID, ms)
}

func propose(t *tx, a ledger.ProposeArgs) (ledger.Shipment, error) {
	r, err := t.open(a.ID)
	if err != nil {
		return r, err
	}
	switch {
	case r.Custodian != t.msp:
		return r, refuse(ledger.Forbidden, "only the custodian %s may propose a handover", r.Custodian)
	case r.State == ledger.Delivered:
		return r, refuse(ledger.BadState, "shipment %s is delivered", r.ID)
	case r.Pending != nil:
		return r, refuse(ledger.BadState, "a handover to %s is open", r.Pending.To)
	case !isParty(r, a.To) || a.To == t.msp:
		return r, refuse(ledger.Invalid, "to must be the MSP id of another party")
	}
	r.Pending = &ledger.Handover{N: r.Handovers, From: t.msp, To: a.To, State: "proposed", Heads: a.Heads, Note: a.Note, ProposeMS: t.ms, ProposeTx: t.id}
	return t.putShipment(r)
}

func answer(t *tx, id, state, reason string) (ledger.Shipment, error) {
	r, err := t.open(id)
	if err != nil {
		return r, err
	}
	if r.Pending == nil {
		return r, refuse(ledger.BadState, "shipment %s has no open handover", id)
	}
	if r.Pending.To != t.msp {
		return r, refuse(ledger.Forbidden, "only %s may answer this handover", r.Pending.To)
	}
	h := *r.Pending
	h.State, h.Reason, h.AnswerMS, h.AnswerTx = state, reason, t.ms, t.id
	r.Pending = nil
	r.Handovers++
	if state == "accepted" {
		r.Custodian = t.msp
		if r.State == ledger.Created {
			r.State = ledger.InTransit
		}
	}
	if err := t.put(fmt.Sprintf("handover/%s/%08d", id, h.N), h); err != nil {
		return r, err
	}
	return t.putShipment(r)
}

func deliver(t *tx, a ledger.IDArgs) (ledger.Shipment, error) {
	r, err := t.open(a.ID)
	if err != nil {
		return r, err
	}
	switch {
	case r.State == ledger.Delivered:
		return r, refuse(ledger.BadState, "shipment %s is delivered already", r.ID)
	case r.Pending != nil:
		return r, refuse(ledger.BadState, "a handover to %s is open", r.Pending.To)
	case r.Custodian != t.msp || r.Parties["consignee"] != t.msp:
		return r, refuse(ledger.Forbidden, "only the consignee that holds the goods may deliver")
	}
	r.State, r.DeliveredMS = ledger.Delivered, t.ms
	return t.putShipment(r)
}

func closeShipment(t *tx, a ledger.CloseArgs) (ledger.Close, error) {
	r, err := t.shipment(a.ID)
	if err != nil {
		return ledger.Close{}, err
	}
	switch {
	case r.State == ledger.Closed:
		return ledger.Close{}, refuse(ledger.Exists, "shipment %s is closed already", r.ID)
	case r.State != ledger.Delivered:
		return ledger.Close{}, refuse(ledger.BadState, "shipment %s is %s, not delivered", r.ID, r.State)
	}
	for i := range r.Assignments {
		x := &r.Assignments[i]
		if x.ToMS != 0 {
			continue
		}
		x.ToMS, x.UnassignTx = max(r.DeliveredMS, x.FromMS), t.id
		tracker, err := t.tracker(x.Tracker)
		if err != nil {
			return ledger.Close{}, err
		}
		if err := t.free(tracker, x.ToMS); err != nil {
			return ledger.Close{}, err
		}
	}
	c := ledger.Close{Shipment: r.ID, Heads: a.Heads, By: t.msp, TimeMS: t.ms, Tx: t.id}
	r.State, r.ClosedMS = ledger.Closed, t.ms
	if err := t.put("shipment/"+r.ID, r); err != nil {
		return c, err
	}
	if err := t.put("close/"+r.ID, c); err != nil {
		return c, err
	}
	return c, t.emit(ledger.EventClosed, c)
}

func shipments(t *tx, a ledger.ListArgs) (ledger.Page[ledger.Shipment], error) {
	return list(t, "shipment/", a, func(r ledger.Shipment) bool { return isParty(r, t.msp) })
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
