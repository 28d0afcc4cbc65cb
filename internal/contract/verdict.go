package contract

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/trackseal/trackseal/internal/ledger"
)

// revise adds the next revision of the caller's own verdict. Earlier ones stay as they are, and so do all of others.
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
	before, err := newest(t, v.Shipment, t.MSP)
	if err != nil {
		return nil, err
	}
	last := 0
	if before != nil {
		last = before.Revision
		// One judge of it that lags behind another must not take back what the other found, and a log of one size has one root. From the
		// same logs another result is right when the shipment's own record has changed since (a handover, the delivery).
		if err := ledger.Covers(v.Logs, before.Logs); err != nil {
			return nil, ledger.Refuse(ledger.Conflict, "revision %d was judged from other logs: %v", before.Revision, err)
		}
		if sameJudgement(before, v) {
			return before, nil // said again because its sender did not hear the outcome, or by its other judge: nothing is written
		}
	}
	if v.Revision != last+1 {
		return nil, ledger.Refuse(ledger.Conflict, "the newest revision of %s is %d, so the next is %d, not %d", t.MSP, last, last+1, v.Revision)
	}
	if err := keepsCarried(s, v); err != nil {
		return nil, err
	}
	v.Reasons, v.Logs = listOf(v.Reasons), listOf(v.Logs)
	v.By, v.TimeMS, v.Tx = t.MSP, t.TimeMS, t.Tx
	taken := ledger.Refuse(ledger.Exists, "revision %d of shipment %s by %s exists already", v.Revision, v.Shipment, t.MSP)
	if err := t.create(ledger.VerdictKey(v.Shipment, t.MSP, v.Revision), &v, taken); err != nil {
		return nil, err
	}
	return &v, t.put(ledger.RevisionKey(v.Shipment, t.MSP), v.Revision)
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

// newest is a party's verdict with the highest revision, nil when it has none.
func newest(t *transaction, shipment, msp string) (*ledger.Verdict, error) {
	last, err := number(t, ledger.RevisionKey(shipment, msp))
	if err != nil || last == 0 {
		return nil, err
	}
	return get[ledger.Verdict](t, ledger.VerdictKey(shipment, msp, last))
}

// opinions are the newest verdicts of the shipment's parties, in the order of their MSP ids.
func opinions(t *transaction, s *ledger.Shipment) ([]ledger.Opinion, error) {
	all := []ledger.Opinion{}
	for _, msp := range s.Parties.MSPs() {
		v, err := newest(t, s.ID, msp)
		if err != nil {
			return nil, err
		}
		if v == nil {
			continue
		}
		budget, err := v.Budget()
		if err != nil {
			return nil, err
		}
		all = append(all, ledger.Opinion{By: msp, Revision: v.Revision, Result: v.Result, ToMS: v.ToMS, Logs: v.Logs, Budget: budget})
	}
	return all, nil
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
func complianceState(t *transaction, s *ledger.Shipment) (*ledger.ComplianceState, error) {
	n, err := tally(t, s.ID)
	if err != nil {
		return nil, err
	}
	all, err := opinions(t, s)
	if err != nil {
		return nil, err
	}
	return &ledger.ComplianceState{Opinions: all, Open: n.Open, Total: n.Total, Verified: n.Verified, Breaches: n.Breaches}, nil
}
