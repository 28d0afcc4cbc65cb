package contract

import (
	"slices"
	"strings"

	"github.com/trackseal/trackseal/internal/ledger"
)

// openExcursion records what an ingest found. It says so on its own word: what only a proof gives is taken out.
func openExcursion(t *transaction, a ledger.OpenArgs) (*ledger.Excursion, error) {
	e := ledger.Excursion(a)
	if _, err := judged(t, e.Shipment, e.RuleHash); err != nil {
		return nil, err
	}
	e.EndMS, e.CloseMS, e.CloseTx = 0, 0, ""
	e.Verified, e.Op, e.Tracker, e.Witnesses = false, "", "", nil
	return addExcursion(t, &e, ledger.Tally{Open: 1, Total: 1})
}

// addExcursion writes a new excursion and counts it as n.
func addExcursion(t *transaction, e *ledger.Excursion, n ledger.Tally) (*ledger.Excursion, error) {
	e.Logs = listOf(e.Logs) // a verified one is judged from no log
	e.By, e.OpenMS, e.OpenTx = t.MSP, t.TimeMS, t.Tx
	taken := ledger.Refuse(ledger.Exists, "excursion %s of shipment %s exists already", e.ID, e.Shipment)
	if err := t.create(ledger.ExcursionKey(e.Shipment, e.ID), e, taken); err != nil {
		return nil, err
	}
	return e, count(t, e.Shipment, n)
}

func closeExcursion(t *transaction, a ledger.EndArgs) (*ledger.Excursion, error) {
	if _, err := shipment(t, a.Shipment); err != nil {
		return nil, err
	}
	e, err := findExcursion(t, a.Shipment, a.ID)
	switch {
	case err != nil:
		return nil, err
	case e.CloseTx != "" && e.Verified:
		return nil, ledger.Refuse(ledger.BadState, "excursion %s is verified, and so closed from the start", a.ID)
	case e.By != t.MSP:
		return nil, ledger.Refuse(ledger.Conflict, "excursion %s was opened by %s", a.ID, e.By)
	case e.CloseTx != "":
		return nil, ledger.Refuse(ledger.BadState, "excursion %s is closed already", a.ID)
	case a.EndMS < e.StartMS:
		return nil, ledger.Refuse(ledger.Invalid, "end_ms lies before the excursion's start, %d", e.StartMS)
	}
	if err := ledger.Covers(a.Logs, e.Logs); err != nil {
		return nil, ledger.Refuse(ledger.Conflict, "excursion %s was opened from more: %v", a.ID, err)
	}
	e.EndMS, e.Peak, e.Logs = a.EndMS, a.Peak, a.Logs
	e.CloseMS, e.CloseTx = t.TimeMS, t.Tx
	if err := t.put(ledger.ExcursionKey(a.Shipment, a.ID), e); err != nil {
		return nil, err
	}
	return e, count(t, a.Shipment, ledger.Tally{Open: -1})
}

func findExcursion(t *transaction, shipment, id string) (*ledger.Excursion, error) {
	return existing[ledger.Excursion](t, ledger.ExcursionKey(shipment, id), "shipment %s has no excursion %s", shipment, id)
}

// count keeps the numbers of a shipment's excursions: handovers need them, and a scan could not be paged there.
func count(t *transaction, shipment string, more ledger.Tally) error {
	n, err := tally(t, shipment)
	if err != nil {
		return err
	}
	n.Open += more.Open
	n.Total += more.Total
	n.Verified += more.Verified
	for _, b := range more.Breaches {
		i, known := slices.BinarySearchFunc(n.Breaches, b, func(a, b ledger.RuleBreach) int { return strings.Compare(a.Rule, b.Rule) })
		if known {
			n.Breaches[i].FirstMS = min(n.Breaches[i].FirstMS, b.FirstMS)
		} else {
			n.Breaches = slices.Insert(n.Breaches, i, b)
		}
	}
	return t.put(ledger.TallyKey(shipment), n)
}

func tally(t *transaction, shipment string) (*ledger.Tally, error) {
	n, err := get[ledger.Tally](t, ledger.TallyKey(shipment))
	if err == nil && n == nil {
		n = new(ledger.Tally)
	}
	return n, err
}

// breach records an excursion that signed messages prove. Nobody's word is needed: each endorsing peer decodes and checks them
// against the ledger's own records and the limit of the pinned rules.
func breach(t *transaction, a ledger.BreachArgs) (*ledger.Excursion, error) {
	s, err := judged(t, a.Shipment, a.RuleHash)
	if err != nil {
		return nil, err
	}
	rules, err := rulesOf(t, s)
	if err != nil {
		return nil, err
	}
	limit, err := rules.InstantLimit(a.Rule)
	switch {
	case err != nil:
		return nil, ledger.Refuse(ledger.Invalid, "rule: %v", err)
	case limit.Metric != a.Metric || limit.Op != a.Op:
		return nil, ledger.Refuse(ledger.Invalid, "rule %s of %s is %s %s %s, not %s %s", a.Rule, s.RuleSet, limit.Metric, limit.Op, limit.Limit, a.Metric, a.Op)
	}
	e, err := a.Prove(s, func(id string) (*ledger.Tracker, error) {
		return tracker(t, id)
	}, limit, t.TimeMS)
	if err != nil {
		return nil, err
	}
	e.Limit = limit.Limit
	e.CloseMS, e.CloseTx = t.TimeMS, t.Tx
	return addExcursion(t, e, ledger.Tally{Total: 1, Verified: 1, Breaches: []ledger.RuleBreach{{Rule: e.Rule, FirstMS: e.StartMS}}})
}
