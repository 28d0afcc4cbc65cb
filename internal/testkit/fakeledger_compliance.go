package testkit

import (
	"fmt"
	"slices"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/telemetry"
)

func (t *tx) putExcursion(e ledger.Excursion) (ledger.Excursion, error) {
	if err := t.put("excursion/"+e.Shipment+"/"+e.ID, e); err != nil {
		return e, err
	}
	return e, t.emit(ledger.EventExcursion, e)
}

func openExcursion(t *tx, e ledger.Excursion) (ledger.Excursion, error) {
	s, err := t.shipment(e.Shipment)
	if err != nil {
		return e, err
	}
	switch {
	case !telemetry.ValidID(e.ID):
		return e, refuse(ledger.Invalid, "id %q is not an excursion id", e.ID)
	case e.RuleHash != s.RuleSetHash:
		return e, refuse(ledger.Conflict, "rule_hash is not that of the shipment's rule set")
	case t.has("excursion/" + e.Shipment + "/" + e.ID):
		return e, refuse(ledger.Exists, "excursion %s exists", e.ID)
	}
	e.By, e.OpenMS, e.OpenTx, e.CloseMS, e.CloseTx = t.msp, t.ms, t.id, 0, ""
	return t.putExcursion(e)
}

func closeExcursion(t *tx, a ledger.Excursion) (ledger.Excursion, error) {
	if _, err := t.shipment(a.Shipment); err != nil {
		return a, err
	}
	var e ledger.Excursion
	switch {
	case !t.get("excursion/"+a.Shipment+"/"+a.ID, &e):
		return a, refuse(ledger.NotFound, "excursion %s does not exist", a.ID)
	case e.By != t.msp:
		return a, refuse(ledger.Forbidden, "excursion %s was opened by %s", e.ID, e.By)
	case e.CloseTx != "":
		return a, refuse(ledger.BadState, "excursion %s is closed already", e.ID)
	case a.EndMS < e.StartMS:
		return a, refuse(ledger.Invalid, "end_ms lies before start_ms")
	}
	e.EndMS, e.Peak, e.Log, e.CloseMS, e.CloseTx = a.EndMS, a.Peak, a.Log, t.ms, t.id
	return t.putExcursion(e)
}

var results = []string{"compliant", "non_compliant", "inconclusive"}

func revise(t *tx, v ledger.Verdict) (ledger.Verdict, error) {
	s, err := t.shipment(v.Shipment)
	if err != nil {
		return v, err
	}
	var last ledger.Verdict
	t.get("verdict/"+v.Shipment, &last)
	switch {
	case !slices.Contains(results, v.Result):
		return v, refuse(ledger.Invalid, "result must be compliant, non_compliant or inconclusive")
	case v.RuleHash != s.RuleSetHash:
		return v, refuse(ledger.Conflict, "rule_hash is not that of the shipment's rule set")
	case v.Revision != last.Revision+1 || v.Supersedes != last.Revision:
		return v, refuse(ledger.Conflict, "the newest revision is %d", last.Revision)
	}
	v.By, v.TimeMS, v.Tx = t.msp, t.ms, t.id
	if err := t.put("verdict/"+v.Shipment, v); err != nil {
		return v, err
	}
	if err := t.put(fmt.Sprintf("revision/%s/%08d", v.Shipment, v.Revision), v); err != nil {
		return v, err
	}
	return v, t.emit(ledger.EventVerdict, v)
}

func newestVerdict(t *tx, a ledger.IDArgs) (ledger.Verdict, error) {
	var v ledger.Verdict
	if _, err := t.shipment(a.ID); err != nil {
		return v, err
	}
	if !t.get("verdict/"+a.ID, &v) {
		return v, refuse(ledger.NotFound, "shipment %s has no verdict", a.ID)
	}
	return v, nil
}

func verdicts(t *tx, a ledger.ListArgs) (ledger.Page[ledger.Verdict], error) {
	if _, err := t.shipment(a.ID); err != nil {
		return ledger.Page[ledger.Verdict]{}, err
	}
	return list[ledger.Verdict](t, "revision/"+a.ID+"/", a, nil)
}

func excursions(t *tx, a ledger.ListArgs) (ledger.Page[ledger.Excursion], error) {
	if _, err := t.shipment(a.ID); err != nil {
		return ledger.Page[ledger.Excursion]{}, err
	}
	return list[ledger.Excursion](t, "excursion/"+a.ID+"/", a, nil)
}
