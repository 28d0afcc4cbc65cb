package contract

import (
	"bytes"
	"encoding/json"

	"github.com/hyperledger/fabric-contract-api-go/v2/contractapi"

	"github.com/trackseal/trackseal/internal/ledger"
)

// Compliance is the contract "compliance": what an ingest instance found by the shipment's pinned rules. Late data may
// arrive after the close, so a closed shipment still takes excursions and verdict revisions.
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

func (*Compliance) Verdict(ctx *Context, arg string) (string, error) {
	return read(ctx, arg, ledger.IDArgs.Validate, func(t *transaction, a ledger.IDArgs) (*ledger.Verdict, error) {
		if _, err := shipment(t, a.ID); err != nil {
			return nil, err
		}
		last, err := revision(t, a.ID)
		if err != nil {
			return nil, err
		}
		if last == 0 {
			return nil, ledger.Refuse(ledger.NotFound, "shipment %s has no verdict", a.ID)
		}
		return get[ledger.Verdict](t, ledger.VerdictKey(a.ID, last))
	})
}

// Verdicts gives the revisions in order, oldest first.
func (*Compliance) Verdicts(ctx *Context, arg string) (string, error) {
	return read(ctx, arg, withID, func(t *transaction, a ledger.ListArgs) (*ledger.Page[ledger.Verdict], error) {
		if _, err := shipment(t, a.ID); err != nil {
			return nil, err
		}
		return page(t, a, stored[ledger.Verdict], ledger.ObjVerdict, a.ID)
	})
}

// List gives the excursions of a shipment in the order of their ids.
func (*Compliance) List(ctx *Context, arg string) (string, error) {
	return read(ctx, arg, withID, func(t *transaction, a ledger.ListArgs) (*ledger.Page[ledger.Excursion], error) {
		if _, err := shipment(t, a.ID); err != nil {
			return nil, err
		}
		return page(t, a, stored[ledger.Excursion], ledger.ObjExcursion, a.ID)
	})
}

// GetEvaluateTransactions marks what only reads, for the contract's metadata.
func (*Compliance) GetEvaluateTransactions() []string { return []string{"Verdict", "Verdicts", "List"} }

func openExcursion(t *transaction, e ledger.Excursion) (*ledger.Excursion, error) {
	s, err := shipment(t, e.Shipment)
	if err != nil {
		return nil, err
	}
	if err := pinned(s, e.RuleHash); err != nil {
		return nil, err
	}
	e.EndMS, e.CloseMS, e.CloseTx = 0, 0, ""
	e.By, e.OpenMS, e.OpenTx = t.caller, t.nowMS, t.id
	taken := ledger.Refuse(ledger.Exists, "excursion %s of shipment %s exists already", e.ID, e.Shipment)
	return &e, t.create(ledger.ExcursionKey(e.Shipment, e.ID), &e, taken)
}

func closeExcursion(t *transaction, a ledger.Excursion) (*ledger.Excursion, error) {
	if _, err := shipment(t, a.Shipment); err != nil {
		return nil, err
	}
	key := ledger.ExcursionKey(a.Shipment, a.ID)
	e, err := get[ledger.Excursion](t, key)
	switch {
	case err != nil:
		return nil, err
	case e == nil:
		return nil, ledger.Refuse(ledger.NotFound, "shipment %s has no excursion %s", a.Shipment, a.ID)
	case e.By != t.caller:
		return nil, ledger.Refuse(ledger.Conflict, "excursion %s was opened by %s", a.ID, e.By)
	case e.CloseTx != "":
		return nil, ledger.Refuse(ledger.BadState, "excursion %s is closed already", a.ID)
	case a.EndMS < e.StartMS:
		return nil, ledger.Refuse(ledger.Invalid, "end_ms lies before the excursion's start, %d", e.StartMS)
	}
	e.EndMS, e.Peak, e.Log = a.EndMS, a.Peak, a.Log
	e.CloseMS, e.CloseTx = t.nowMS, t.id
	return e, t.put(key, e)
}

// revise adds the next revision. Earlier ones stay as they are.
func revise(t *transaction, v ledger.Verdict) (*ledger.Verdict, error) {
	s, err := shipment(t, v.Shipment)
	if err != nil {
		return nil, err
	}
	if err := pinned(s, v.RuleHash); err != nil {
		return nil, err
	}
	last, err := revision(t, v.Shipment)
	if err != nil {
		return nil, err
	}
	if v.Revision != last+1 {
		return nil, ledger.Refuse(ledger.Conflict, "the newest revision is %d, so the next is %d, not %d", last, last+1, v.Revision)
	}
	if v.Detail != nil {
		var b bytes.Buffer
		if err := json.Compact(&b, v.Detail); err != nil {
			return nil, ledger.Refuse(ledger.Invalid, "detail: %v", err)
		}
		v.Detail = b.Bytes()
	}
	v.Reasons = listOf(v.Reasons)
	v.By, v.TimeMS, v.Tx = t.caller, t.nowMS, t.id
	taken := ledger.Refuse(ledger.Exists, "revision %d of shipment %s exists already", v.Revision, v.Shipment)
	if err := t.create(ledger.VerdictKey(v.Shipment, v.Revision), &v, taken); err != nil {
		return nil, err
	}
	return &v, t.put(ledger.RevisionKey(v.Shipment), v.Revision)
}

// revision is the number of the newest verdict, 0 when there is none.
func revision(t *transaction, shipment string) (int, error) {
	n, err := get[int](t, ledger.RevisionKey(shipment))
	if err != nil || n == nil {
		return 0, err
	}
	return *n, nil
}

func pinned(s *ledger.Shipment, ruleHash string) error {
	if ruleHash != s.RuleSetHash {
		return ledger.Refuse(ledger.Conflict, "rule_hash differs from that of %s, which shipment %s pinned", s.RuleSet, s.ID)
	}
	return nil
}
