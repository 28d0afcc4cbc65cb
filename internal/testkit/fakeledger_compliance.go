package testkit

import (
	"fmt"

	"github.com/trackseal/trackseal/internal/ledger"
)

func openExcursion(t *tx, e ledger.Excursion) (ledger.Excursion, error) {
	s, err := t.shipment(e.Shipment)
	if err != nil {
		return e, err
	}
	if e.RuleHash != s.RuleSetHash {
		return e, refuse(ledger.Conflict, "rule_hash differs from that of %s, which shipment %s pinned", s.RuleSet, s.ID)
	}
	e.EndMS, e.CloseMS, e.CloseTx = 0, 0, ""
	e.Verified, e.Op, e.Tracker, e.Witnesses = false, "", "", nil
	return t.addExcursion(e, ledger.Tally{Open: 1, Total: 1})
}

// addExcursion writes a new excursion and counts it as n.
func (t *tx) addExcursion(e ledger.Excursion, n ledger.Tally) (ledger.Excursion, error) {
	key := "excursion/" + e.Shipment + "/" + e.ID
	if t.has(key) {
		return e, refuse(ledger.Exists, "excursion %s of shipment %s exists already", e.ID, e.Shipment)
	}
	e.By, e.OpenMS, e.OpenTx = t.msp, t.ms, t.id
	if err := t.count(e.Shipment, n); err != nil {
		return e, err
	}
	return e, t.put(key, e)
}

func (t *tx) count(shipment string, more ledger.Tally) error {
	var n ledger.Tally
	t.get("tally/"+shipment, &n)
	n.Open += more.Open
	n.Total += more.Total
	n.Verified += more.Verified
	return t.put("tally/"+shipment, n)
}

func closeExcursion(t *tx, a ledger.Excursion) (ledger.Excursion, error) {
	if _, err := t.shipment(a.Shipment); err != nil {
		return a, err
	}
	var e ledger.Excursion
	key := "excursion/" + a.Shipment + "/" + a.ID
	switch {
	case !t.get(key, &e):
		return a, refuse(ledger.NotFound, "shipment %s has no excursion %s", a.Shipment, a.ID)
	case e.Verified:
		return a, refuse(ledger.BadState, "excursion %s is verified, and so closed from the start", e.ID)
	case e.By != t.msp:
		return a, refuse(ledger.Conflict, "excursion %s was opened by %s", e.ID, e.By)
	case e.CloseTx != "":
		return a, refuse(ledger.BadState, "excursion %s is closed already", e.ID)
	case a.EndMS < e.StartMS:
		return a, refuse(ledger.Invalid, "end_ms lies before the excursion's start, %d", e.StartMS)
	}
	e.EndMS, e.Peak, e.Log, e.CloseMS, e.CloseTx = a.EndMS, a.Peak, a.Log, t.ms, t.id
	if err := t.count(a.Shipment, ledger.Tally{Open: -1}); err != nil {
		return e, err
	}
	return e, t.put(key, e)
}

func revise(t *tx, v ledger.Verdict) (ledger.Verdict, error) {
	s, err := t.shipment(v.Shipment)
	if err != nil {
		return v, err
	}
	var last ledger.Verdict
	t.get("newest/"+v.Shipment, &last)
	switch {
	case v.RuleHash != s.RuleSetHash:
		return v, refuse(ledger.Conflict, "rule_hash differs from that of %s, which shipment %s pinned", s.RuleSet, s.ID)
	case v.Revision != last.Revision+1:
		return v, refuse(ledger.Conflict, "the newest revision is %d, so the next is %d, not %d", last.Revision, last.Revision+1, v.Revision)
	}
	if err := keepsCarried(s, v); err != nil {
		return v, err
	}
	v.Reasons = listOf(v.Reasons)
	v.By, v.TimeMS, v.Tx = t.msp, t.ms, t.id
	if err := t.put("newest/"+v.Shipment, v); err != nil {
		return v, err
	}
	return v, t.put(fmt.Sprintf("verdict/%s/%010d", v.Shipment, v.Revision), v)
}

func newestVerdict(t *tx, a ledger.IDArgs) (ledger.Verdict, error) {
	var v ledger.Verdict
	if _, err := t.shipment(a.ID); err != nil {
		return v, err
	}
	if !t.get("newest/"+a.ID, &v) {
		return v, refuse(ledger.NotFound, "shipment %s has no verdict", a.ID)
	}
	return v, nil
}

func verdicts(t *tx, a ledger.ListArgs) (ledger.Page[ledger.Verdict], error) {
	return ofShipment[ledger.Verdict]("verdict/")(t, a)
}

func excursions(t *tx, a ledger.ListArgs) (ledger.Page[ledger.Excursion], error) {
	return ofShipment[ledger.Excursion]("excursion/")(t, a)
}

// ofShipment lists the records of one kind that a shipment has.
func ofShipment[R any](kind string) func(*tx, ledger.ListArgs) (ledger.Page[R], error) {
	return func(t *tx, a ledger.ListArgs) (ledger.Page[R], error) {
		if _, err := t.shipment(a.ID); err != nil {
			return ledger.Page[R]{}, err
		}
		return list[R](t, kind+a.ID+"/", a, nil)
	}
}
