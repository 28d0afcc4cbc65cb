package contract

import (
	"github.com/hyperledger/fabric-contract-api-go/v2/contractapi"

	"github.com/trackseal/trackseal/internal/ledger"
)

// Compliance is the contract "compliance": what an ingest instance found by the shipment's pinned rules, what trackers' own
// messages prove, and what people sign about it. Late data may arrive after the close, so a closed shipment still takes all
// of it.
type Compliance struct{ contractapi.Contract }

func (*Compliance) Open(ctx *Context, arg string) (string, error) {
	return change(ctx, ingest, ledger.EventExcursion, arg, ledger.Excursion.ValidateOpen, openExcursion)
}

func (*Compliance) Close(ctx *Context, arg string) (string, error) {
	return change(ctx, ingest, ledger.EventExcursion, arg, ledger.Excursion.ValidateClose, closeExcursion)
}

func (*Compliance) Revise(ctx *Context, arg string) (string, error) {
	return change(ctx, ingest, ledger.EventVerdict, arg, ledger.Verdict.Validate, revise)
}

// Breach records what signed messages show by themselves, so any party may submit it, by an operator or an ingest.
func (*Compliance) Breach(ctx *Context, arg string) (string, error) {
	return change(ctx, either, ledger.EventExcursion, arg, ledger.BreachArgs.Validate, breach)
}

func (*Compliance) Acknowledge(ctx *Context, arg string) (string, error) {
	return change(ctx, operator, ledger.EventAcknowledged, arg, ledger.AcknowledgeArgs.Validate, acknowledge)
}

func (*Compliance) Dispose(ctx *Context, arg string) (string, error) {
	return change(ctx, operator, ledger.EventDisposition, arg, ledger.DisposeArgs.Validate, dispose)
}

func (*Compliance) Verdict(ctx *Context, arg string) (string, error) {
	return read(ctx, arg, ledger.IDArgs.Validate, func(t *transaction, a ledger.IDArgs) (*ledger.Verdict, error) {
		if _, err := shipment(t, a.ID); err != nil {
			return nil, err
		}
		v, err := newest(t, a.ID)
		if err == nil && v == nil {
			return nil, ledger.Refuse(ledger.NotFound, "shipment %s has no verdict", a.ID)
		}
		return v, err
	})
}

// Verdicts gives the revisions in order, oldest first.
func (*Compliance) Verdicts(ctx *Context, arg string) (string, error) {
	return listOfShipment[ledger.Verdict](ctx, arg, ledger.ObjVerdict)
}

// List gives the excursions of a shipment in the order of their ids.
func (*Compliance) List(ctx *Context, arg string) (string, error) {
	return listOfShipment[ledger.Excursion](ctx, arg, ledger.ObjExcursion)
}

// Acknowledgements gives those of a shipment by excursion, oldest first.
func (*Compliance) Acknowledgements(ctx *Context, arg string) (string, error) {
	return listOfShipment[ledger.Acknowledgement](ctx, arg, ledger.ObjAcknowledgement)
}

func (*Compliance) Disposition(ctx *Context, arg string) (string, error) {
	return read(ctx, arg, ledger.IDArgs.Validate, func(t *transaction, a ledger.IDArgs) (*ledger.Disposition, error) {
		if _, err := shipment(t, a.ID); err != nil {
			return nil, err
		}
		last, err := number(t, ledger.DisposedKey(a.ID))
		if err != nil {
			return nil, err
		}
		if last == 0 {
			return nil, ledger.Refuse(ledger.NotFound, "shipment %s has no disposition", a.ID)
		}
		return get[ledger.Disposition](t, ledger.DispositionKey(a.ID, last))
	})
}

// Dispositions gives the revisions in order, oldest first.
func (*Compliance) Dispositions(ctx *Context, arg string) (string, error) {
	return listOfShipment[ledger.Disposition](ctx, arg, ledger.ObjDisposition)
}

// GetEvaluateTransactions marks what only reads, for the contract's metadata.
func (*Compliance) GetEvaluateTransactions() []string {
	return []string{"Verdict", "Verdicts", "List", "Acknowledgements", "Disposition", "Dispositions"}
}

// listOfShipment pages through the records of one kind that a shipment has.
func listOfShipment[R any](ctx *Context, arg, object string) (string, error) {
	return read(ctx, arg, withID, func(t *transaction, a ledger.ListArgs) (*ledger.Page[R], error) {
		if _, err := shipment(t, a.ID); err != nil {
			return nil, err
		}
		return page(t, a, stored[R], object, a.ID)
	})
}
