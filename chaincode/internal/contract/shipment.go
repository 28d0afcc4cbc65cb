package contract

import (
	"github.com/hyperledger/fabric-contract-api-go/v2/contractapi"

	"github.com/trackseal/trackseal/internal/ledger"
)

// Shipment is the contract "shipment". A shipment moves created, in_transit, delivered, closed, and never back. To those
// who are no party it does not exist.
type Shipment struct{ contractapi.Contract }

func (*Shipment) Create(ctx *Context, arg string) (string, error) {
	return change(ctx, operator, ledger.EventShipment, arg, ledger.CreateArgs.Validate, create)
}

func (*Shipment) Assign(ctx *Context, arg string) (string, error) {
	return change(ctx, operator, ledger.EventShipment, arg, ledger.AssignArgs.Validate, assign)
}

func (*Shipment) Unassign(ctx *Context, arg string) (string, error) {
	return change(ctx, operator, ledger.EventShipment, arg, ledger.UnassignArgs.Validate, unassign)
}

func (*Shipment) Propose(ctx *Context, arg string) (string, error) {
	return change(ctx, operator, ledger.EventShipment, arg, ledger.ProposeArgs.Validate, propose)
}

func (*Shipment) Accept(ctx *Context, arg string) (string, error) {
	return change(ctx, operator, ledger.EventShipment, arg, ledger.IDArgs.Validate, accept)
}

func (*Shipment) Reject(ctx *Context, arg string) (string, error) {
	return change(ctx, operator, ledger.EventShipment, arg, ledger.RejectArgs.Validate, reject)
}

func (*Shipment) Withdraw(ctx *Context, arg string) (string, error) {
	return change(ctx, operator, ledger.EventShipment, arg, ledger.RejectArgs.Validate, withdraw)
}

func (*Shipment) Deliver(ctx *Context, arg string) (string, error) {
	return change(ctx, operator, ledger.EventShipment, arg, ledger.IDArgs.Validate, deliver)
}

func (*Shipment) Close(ctx *Context, arg string) (string, error) {
	return change(ctx, operator, ledger.EventClosed, arg, ledger.CloseArgs.Validate, closeShipment)
}

func (*Shipment) Get(ctx *Context, arg string) (string, error) {
	return read(ctx, arg, ledger.IDArgs.Validate, func(t *transaction, a ledger.IDArgs) (*ledger.Shipment, error) {
		return shipment(t, a.ID)
	})
}

// List goes through the caller's own index only.
func (*Shipment) List(ctx *Context, arg string) (string, error) {
	return read(ctx, arg, noID, func(t *transaction, a ledger.ListArgs) (*ledger.Page[ledger.Shipment], error) {
		item := func(key string, _ []byte) (ledger.Shipment, error) {
			_, attributes, err := t.stub.SplitCompositeKey(key)
			if err != nil {
				return ledger.Shipment{}, err
			}
			s, err := shipment(t, attributes[len(attributes)-1])
			if err != nil {
				return ledger.Shipment{}, err
			}
			return *s, nil
		}
		return page(t, a, item, ledger.ObjParty, t.caller)
	})
}

func (*Shipment) Handovers(ctx *Context, arg string) (string, error) {
	return read(ctx, arg, withID, func(t *transaction, a ledger.ListArgs) (*ledger.Page[ledger.Handover], error) {
		if _, err := shipment(t, a.ID); err != nil {
			return nil, err
		}
		return page(t, a, stored[ledger.Handover], ledger.ObjHandover, a.ID)
	})
}

func (*Shipment) GetClose(ctx *Context, arg string) (string, error) {
	return read(ctx, arg, ledger.IDArgs.Validate, func(t *transaction, a ledger.IDArgs) (*ledger.Close, error) {
		if _, err := shipment(t, a.ID); err != nil {
			return nil, err
		}
		c, err := get[ledger.Close](t, ledger.CloseKey(a.ID))
		if err == nil && c == nil {
			return nil, ledger.Refuse(ledger.NotFound, "shipment %s is not closed", a.ID)
		}
		return c, err
	})
}

// GetEvaluateTransactions marks what only reads, for the contract's metadata.
func (*Shipment) GetEvaluateTransactions() []string {
	return []string{"Get", "List", "Handovers", "GetClose"}
}

func create(t *transaction, a ledger.CreateArgs) (*ledger.Shipment, error) {
	s := &ledger.Shipment{
		ID: a.ID, State: ledger.Created, Parties: a.Parties, Creator: t.caller, Custodian: a.Custodian,
		RuleSet: a.RuleSet, RuleSetHash: a.RuleSetHash, Description: a.Description, Origin: a.Origin,
		Destination: a.Destination, CreatedMS: t.nowMS, CreateTx: t.id, Assignments: []ledger.Assignment{}, Lot: a.Lot,
	}
	if !s.IsParty(t.caller) {
		return nil, ledger.Refuse(ledger.Forbidden, "%s is not one of the parties it names", t.caller)
	}
	if s.Custodian == "" {
		s.Custodian = t.caller
	}
	// First, so that a repeated create learns that it succeeded before, whatever its other arguments are worth now.
	if err := t.free(ledger.ShipmentKey(a.ID), ledger.Refuse(ledger.Exists, "shipment %s exists already", a.ID)); err != nil {
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
	indexed := map[string]bool{} // an organisation may hold several roles
	for _, role := range ledger.Roles {
		msp := s.Parties[role]
		if msp == "" || indexed[msp] {
			continue
		}
		indexed[msp] = true
		if err := t.put(ledger.PartyKey(msp, a.ID), 1); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// shipment reads a shipment for a party.
func shipment(t *transaction, id string) (*ledger.Shipment, error) {
	s, err := get[ledger.Shipment](t, ledger.ShipmentKey(id))
	if err == nil && (s == nil || !s.IsParty(t.caller)) {
		return nil, ledger.Refuse(ledger.NotFound, "there is no shipment %s", id)
	}
	return s, err
}
