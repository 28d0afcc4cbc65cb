package contract

import (
	"bytes"
	"encoding/json"

	"github.com/trackseal/trackseal/internal/ledger"
)

// revise adds the next revision. Earlier ones stay as they are.
func revise(t *transaction, v ledger.Verdict) (*ledger.Verdict, error) {
	s, err := shipment(t, v.Shipment)
	if err != nil {
		return nil, err
	}
	if err := pinned(s, v.RuleHash); err != nil {
		return nil, err
	}
	last, err := number(t, ledger.RevisionKey(v.Shipment))
	if err != nil {
		return nil, err
	}
	if v.Revision != last+1 {
		return nil, ledger.Refuse(ledger.Conflict, "the newest revision is %d, so the next is %d, not %d", last, last+1, v.Revision)
	}
	if err := keepsCarried(s, v); err != nil {
		return nil, err
	}
	if v.Detail != nil {
		var b bytes.Buffer
		if err := json.Compact(&b, v.Detail); err != nil {
			return nil, ledger.Refuse(ledger.Invalid, "detail: %v", err)
		}
		v.Detail = b.Bytes()
	}
	v.Reasons = listOf(v.Reasons)
	v.By, v.TimeMS, v.Tx = t.MSP, t.TimeMS, t.Tx
	taken := ledger.Refuse(ledger.Exists, "revision %d of shipment %s exists already", v.Revision, v.Shipment)
	if err := t.create(ledger.VerdictKey(v.Shipment, v.Revision), &v, taken); err != nil {
		return nil, err
	}
	return &v, t.put(ledger.RevisionKey(v.Shipment), v.Revision)
}

// keepsCarried refuses a budget that forgets what the lot had spent before this shipment.
func keepsCarried(s *ledger.Shipment, v ledger.Verdict) error {
	budget, err := v.Budget()
	if err != nil {
		return err
	}
	for _, l := range budget {
		for _, c := range s.Carried {
			if c.Rule == l.Rule && c.Band == l.Band && l.SpentS < c.SpentS {
				return ledger.Refuse(ledger.Invalid, "detail.budget: band %s of rule %s had %d s spent when the shipment began, not %d", l.Band, l.Rule, c.SpentS, l.SpentS)
			}
		}
	}
	return nil
}

// newest is the verdict with the highest revision, nil when there is none.
func newest(t *transaction, shipment string) (*ledger.Verdict, error) {
	last, err := number(t, ledger.RevisionKey(shipment))
	if err != nil || last == 0 {
		return nil, err
	}
	return get[ledger.Verdict](t, ledger.VerdictKey(shipment, last))
}

// number is a counter: the number of the newest record of a series, 0 when there is none.
func number(t *transaction, key string) (int, error) {
	n, err := get[int](t, key)
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

// standing copies what the ledger itself holds about a shipment, so that no caller can say otherwise.
func standing(t *transaction, shipment string) (*ledger.Standing, error) {
	n, err := tally(t, shipment)
	if err != nil {
		return nil, err
	}
	v, err := newest(t, shipment)
	if err != nil {
		return nil, err
	}
	now := &ledger.Standing{Open: n.Open, Total: n.Total, Verified: n.Verified, Budget: []ledger.BudgetLine{}}
	if v == nil {
		return now, nil
	}
	now.Revision, now.Result, now.ToMS, now.Log = v.Revision, v.Result, v.ToMS, v.Log
	now.Budget, err = v.Budget()
	return now, err
}
