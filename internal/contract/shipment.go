package contract

import (
	"strings"

	"github.com/trackseal/trackseal/internal/ledger"
)

// shipments: a shipment moves created, in_transit, delivered, closed, and never back. To those who are no party it does not
// exist.
var shipments = []function{
	timed(ledger.ShipmentCreate, operator, ledger.EventShipment, create),
	timed(ledger.ShipmentAssign, operator, ledger.EventShipment, assign),
	timed(ledger.ShipmentUnassign, operator, ledger.EventShipment, unassign),
	timed(ledger.ShipmentPropose, operator, ledger.EventShipment, propose),
	timed(ledger.ShipmentAccept, operator, ledger.EventShipment, accept),
	timed(ledger.ShipmentReject, operator, ledger.EventShipment, reject),
	timed(ledger.ShipmentWithdraw, operator, ledger.EventShipment, withdraw),
	timed(ledger.ShipmentDeliver, operator, ledger.EventShipment, deliver),
	timed(ledger.ShipmentDecline, operator, ledger.EventShipment, decline),
	change(ledger.ShipmentSeal, ingest, ledger.EventSealed, seal),
	timed(ledger.ShipmentClose, operator, ledger.EventClosed, closeShipment),
	read(ledger.ShipmentGet, func(t *transaction, a ledger.IDArgs) (*ledger.Shipment, error) {
		return shipment(t, a.ID)
	}),
	list(ledger.ShipmentList, noID, listShipments),
	list(ledger.ShipmentHandover, withID, ofShipment[ledger.Handover](ledger.ObjHandover)),
	list(ledger.ShipmentSeals, withID, ofShipment[ledger.Seal](ledger.ObjSeal)), // by ingest id
	read(ledger.ShipmentGetClose, getClose),
}

// listShipments goes through the caller's own index only.
func listShipments(t *transaction, a ledger.ListArgs) (*ledger.Page[ledger.Shipment], error) {
	item := func(key string, _ []byte) (ledger.Shipment, error) {
		id := strings.TrimSuffix(strings.TrimPrefix(key, ledger.Key(ledger.ObjParty, t.MSP)), "\x00")
		s, err := shipment(t, id)
		if err != nil {
			return ledger.Shipment{}, err
		}
		return *s, nil
	}
	return page(t, a, item, ledger.ObjParty, t.MSP)
}

func getClose(t *transaction, a ledger.IDArgs) (*ledger.Close, error) {
	if _, err := shipment(t, a.ID); err != nil {
		return nil, err
	}
	return existing[ledger.Close](t, ledger.CloseKey(a.ID), "shipment %s is not closed", a.ID)
}

func create(t *transaction, a ledger.CreateArgs) (*ledger.Shipment, error) {
	if err := t.own("id", a.ID); err != nil {
		return nil, err
	}
	s := &ledger.Shipment{
		ID: a.ID, State: ledger.Created, Parties: a.Parties, Creator: t.MSP, Custodian: t.MSP,
		RuleSet: a.RuleSet, RuleSetHash: a.RuleSetHash, Details: a.Details, CreatedMS: t.TimeMS, CreateTx: t.Tx, LastMS: t.TimeMS, Assignments: []ledger.Assignment{}, DeliverByMS: a.DeliverByMS,
		Release: a.Release,
	}
	if !s.IsParty(t.MSP) {
		return nil, ledger.Refuse(ledger.Forbidden, "%s is not one of the parties it names", t.MSP)
	}
	// First, so that a repeated create learns that it succeeded before, whatever its other arguments are worth now.
	if err := t.free(ledger.ShipmentKey(a.ID), ledger.Refuse(ledger.Exists, "shipment %s exists already", a.ID)); err != nil {
		return nil, err
	}
	if err := allMembers(t, s.Parties.MSPs()); err != nil {
		return nil, err
	}
	if err := known(t, a.RuleSet, a.RuleSetHash); err != nil {
		return nil, err
	}
	if err := carry(t, s, a); err != nil {
		return nil, err
	}
	if err := t.put(ledger.ShipmentKey(a.ID), s); err != nil {
		return nil, err
	}
	for _, msp := range s.Parties.MSPs() {
		if err := t.put(ledger.PartyKey(msp, a.ID), 1); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// shipment reads a shipment for a party.
func shipment(t *transaction, id string) (*ledger.Shipment, error) {
	s, err := get[ledger.Shipment](t, ledger.ShipmentKey(id))
	if err == nil && (s == nil || !s.IsParty(t.MSP)) {
		return nil, ledger.Refuse(ledger.NotFound, "there is no shipment %s", id)
	}
	return s, err
}

// now is the time that the transaction writes into the shipment's record: its own, or the newest that stands there when the
// clocks of two organisations differ. A record's times never run backwards.
func (t *transaction) now(s *ledger.Shipment) int64 {
	s.LastMS = max(s.LastMS, t.TimeMS)
	return s.LastMS
}

// carry copies the stability budget that a lot's earlier shipments had spent from the newest verdicts of all their parties. That they
// are of one lot is the creator's word: no peer knows the goods. A later revision of such a verdict does not change it: CarriedFrom names
// the ones that counted.
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
		if from.State != ledger.Delivered && from.State != ledger.Closed {
			return ledger.Refuse(ledger.BadState, "carried_from: shipment %s is %s; its budget counts once it is delivered", id, from.State)
		}
		all, err := opinions(t, from)
		if err != nil {
			return err
		}
		if len(all) == 0 {
			return ledger.Refuse(ledger.BadState, "carried_from: shipment %s has no verdict", id)
		}
		c := ledger.CarriedFrom{Shipment: id}
		for _, o := range all {
			budgets = append(budgets, o.Budget)
			c.Verdicts = append(c.Verdicts, ledger.VerdictRef{By: o.By, Revision: o.Revision})
		}
		s.CarriedFrom = append(s.CarriedFrom, c)
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

// closeShipment writes the create-only record of the final heads and ends every open assignment. The record has its own
// key, so that its transaction proves by itself that nobody closed the shipment otherwise before. The heads are those that the
// operators of the logs have sealed, whoever closes.
func closeShipment(t *transaction, a ledger.IDArgs) (*ledger.Close, error) {
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
	heads, err := sealed(t, s)
	if err != nil {
		return nil, err
	}
	now := t.now(s)
	for i := range s.Assignments {
		if s.Assignments[i].ToMS != 0 {
			continue
		}
		tr, err := tracker(t, s.Assignments[i].Tracker)
		if err != nil {
			return nil, err
		}
		release(t, s, i, tr, now)
		if err := t.put(ledger.TrackerKeyOf(tr.ID), tr); err != nil {
			return nil, err
		}
	}
	s.State = ledger.Closed
	s.ClosedMS = now
	if err := t.put(ledger.ShipmentKey(s.ID), s); err != nil {
		return nil, err
	}
	held, err := complianceState(t, s)
	if err != nil {
		return nil, err
	}
	c := &ledger.Close{Shipment: s.ID, Heads: heads, By: t.MSP, TimeMS: now, Tx: t.Tx, Compliance: held}
	return c, t.put(ledger.CloseKey(s.ID), c)
}
