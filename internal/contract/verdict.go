package contract

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/trackseal/trackseal/internal/ledger"
)

// revise adds the next revision. Earlier ones stay as they are.
func revise(t *transaction, v ledger.Verdict) (*ledger.Verdict, error) {
	s, err := judged(t, v.Shipment, v.RuleHash)
	if err != nil {
		return nil, err
	}
	if v.Detail != nil {
		var b bytes.Buffer
		if err := json.Compact(&b, v.Detail); err != nil {
			return nil, ledger.Refuse(ledger.Invalid, "detail: %v", err)
		}
		v.Detail = b.Bytes()
	}
	before, err := newest(t, v.Shipment)
	if err != nil {
		return nil, err
	}
	last := 0
	if before != nil {
		last = before.Revision
		if err := follows(t, before, v); err != nil {
			return nil, err
		}
		if sameJudgement(before, v) && before.By == t.MSP {
			return before, nil // said again because its sender did not hear the outcome, or by its other judge: nothing is written
		}
	}
	if v.Revision != last+1 {
		return nil, ledger.Refuse(ledger.Conflict, "the newest revision is %d, so the next is %d, not %d", last, last+1, v.Revision)
	}
	if err := keepsCarried(s, v); err != nil {
		return nil, err
	}
	v.Reasons, v.Logs = listOf(v.Reasons), listOf(v.Logs)
	v.By, v.TimeMS, v.Tx = t.MSP, t.TimeMS, t.Tx
	taken := ledger.Refuse(ledger.Exists, "revision %d of shipment %s exists already", v.Revision, v.Shipment)
	if err := t.create(ledger.VerdictKey(v.Shipment, v.Revision), &v, taken); err != nil {
		return nil, err
	}
	return &v, t.put(ledger.RevisionKey(v.Shipment), v.Revision)
}

// follows refuses a verdict from less than the same organisation has judged before: one judge of it that lags behind another
// must not take back what the other found, and a log of one size has one root. Another organisation's verdict binds nobody: else
// one that names leaves which do not exist would stand for ever.
//
// From the same logs another result is right when the shipment's own record has changed since (a handover, the delivery): it
// is the other half of what is judged.
func follows(t *transaction, before *ledger.Verdict, v ledger.Verdict) error {
	if before.By != t.MSP {
		return nil
	}
	if err := ledger.Covers(v.Logs, before.Logs); err != nil {
		return ledger.Refuse(ledger.Conflict, "revision %d was judged from other logs: %v", before.Revision, err)
	}
	return nil
}

// sameJudgement reports whether two verdicts say the same of the same logs.
func sameJudgement(a *ledger.Verdict, b ledger.Verdict) bool {
	return a.Result == b.Result && a.ToMS == b.ToMS && slices.Equal(a.Logs, b.Logs) && slices.Equal(a.Reasons, b.Reasons) && bytes.Equal(a.Detail, b.Detail)
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

// judged reads a shipment that was judged by the rules with this hash, which must be those that it pinned.
func judged(t *transaction, id, ruleHash string) (*ledger.Shipment, error) {
	s, err := shipment(t, id)
	if err == nil && ruleHash != s.RuleSetHash {
		return nil, ledger.Refuse(ledger.Conflict, "rule_hash differs from that of %s, which shipment %s pinned", s.RuleSet, s.ID)
	}
	return s, err
}

// complianceState copies what the ledger itself holds about a shipment, so that no caller can say otherwise.
func complianceState(t *transaction, shipment string) (*ledger.ComplianceState, error) {
	n, err := tally(t, shipment)
	if err != nil {
		return nil, err
	}
	v, err := newest(t, shipment)
	if err != nil {
		return nil, err
	}
	now := &ledger.ComplianceState{Open: n.Open, Total: n.Total, Verified: n.Verified, Breaches: n.Breaches, Logs: []ledger.LogHead{}, Budget: []ledger.BudgetLine{}}
	if v == nil {
		return now, nil
	}
	now.Revision, now.Result, now.ToMS, now.Logs = v.Revision, v.Result, v.ToMS, v.Logs
	now.Budget, err = v.Budget()
	return now, err
}
