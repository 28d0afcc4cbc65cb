package contract

import (
	"strings"

	"github.com/trackseal/trackseal/internal/ledger"
)

// shipments: a shipment moves created, in_transit, delivered, closed, and never back. To those who are no party it does not
// exist.
var shipments = []function{
	change(ledger.ShipmentCreate, operator, ledger.EventShipment, create),
	change(ledger.ShipmentAssign, operator, ledger.EventShipment, assign),
	change(ledger.ShipmentUnassign, operator, ledger.EventShipment, unassign),
	change(ledger.ShipmentPropose, operator, ledger.EventShipment, propose),
	change(ledger.ShipmentAccept, operator, ledger.EventShipment, accept),
	change(ledger.ShipmentReject, operator, ledger.EventShipment, reject),
	change(ledger.ShipmentWithdraw, operator, ledger.EventShipment, withdraw),
	change(ledger.ShipmentDeliver, operator, ledger.EventShipment, deliver),
	change(ledger.ShipmentClose, operator, ledger.EventClosed, closeShipment),
	read(ledger.ShipmentGet, func(t *transaction, a ledger.IDArgs) (*ledger.Shipment, error) {
		return shipment(t, a.ID)
	}),
	list(ledger.ShipmentList, noID, listShipments),
	list(ledger.ShipmentHandover, withID, ofShipment[ledger.Handover](ledger.ObjHandover)),
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
	c, err := get[ledger.Close](t, ledger.CloseKey(a.ID))
	if err == nil && c == nil {
		return nil, ledger.Refuse(ledger.NotFound, "shipment %s is not closed", a.ID)
	}
	return c, err
}

func create(t *transaction, a ledger.CreateArgs) (*ledger.Shipment, error) {
	s := &ledger.Shipment{
		ID: a.ID, State: ledger.Created, Parties: a.Parties, Creator: t.MSP, Custodian: a.Custodian,
		RuleSet: a.RuleSet, RuleSetHash: a.RuleSetHash, Description: a.Description, Origin: a.Origin,
		Destination: a.Destination, CreatedMS: t.TimeMS, CreateTx: t.Tx, Assignments: []ledger.Assignment{}, Lot: a.Lot,
	}
	if !s.IsParty(t.MSP) {
		return nil, ledger.Refuse(ledger.Forbidden, "%s is not one of the parties it names", t.MSP)
	}
	if s.Custodian == "" {
		s.Custodian = t.MSP
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
