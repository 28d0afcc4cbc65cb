package testkit

import (
	"bytes"
	"encoding/hex"
	"fmt"

	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/ledger"
)

func ruleSetKey(id string, version int) string { return fmt.Sprintf("ruleset/%s/%010d", id, version) }

func hashOf(r compliance.RuleSet) string {
	h := r.Hash()
	return hex.EncodeToString(h[:])
}

func publish(t *tx, a ledger.PublishArgs) (ledger.RuleSet, error) {
	rules, err := compliance.Parse(a.Rules)
	if err != nil {
		return ledger.RuleSet{}, refuse(ledger.Invalid, "rules: %v", err)
	}
	r := ledger.RuleSet{ID: rules.ID, Version: rules.Version, Hash: hashOf(rules), Rules: a.Rules, Publisher: t.msp, TimeMS: t.ms, Tx: t.id}
	if !bytes.Equal(rules.Canonical(), a.Rules) {
		return r, refuse(ledger.Invalid, "rules: not in canonical form, whose SHA-256 is %s", r.Hash)
	}
	if b, ok := compliance.Lookup(rules.Ref()); ok && hashOf(b) == r.Hash {
		return r, refuse(ledger.Exists, "rule set %s is built in", rules.Ref())
	}
	if _, ok := compliance.Lookup(r.ID + "@1"); ok {
		return r, refuse(ledger.Conflict, "rule sets named %s are built in; choose another id", r.ID)
	}
	var old, previous ledger.RuleSet
	switch {
	case t.get(ruleSetKey(r.ID, r.Version), &old) && old.Hash == r.Hash:
		return r, refuse(ledger.Exists, "rule set %s is published with these rules already", rules.Ref())
	case old.Hash != "":
		return r, refuse(ledger.Conflict, "rule set %s is published with other rules", rules.Ref())
	case r.Version > 1 && !t.get(ruleSetKey(r.ID, r.Version-1), &previous):
		return r, refuse(ledger.BadState, "version %d of rule set %s comes after version %d, which is not published", r.Version, r.ID, r.Version-1)
	case r.Version > 1 && previous.Publisher != t.msp:
		return r, refuse(ledger.Forbidden, "rule sets named %s belong to %s", r.ID, previous.Publisher)
	}
	return r, t.put(ruleSetKey(r.ID, r.Version), r)
}

func ruleSet(t *tx, a ledger.RefArgs) (ledger.RuleSet, error) {
	var r ledger.RuleSet
	if id, version, ok := ledger.SplitRef(a.Ref); !ok || !t.get(ruleSetKey(id, version), &r) {
		return r, refuse(ledger.NotFound, "there is no published rule set %s", a.Ref)
	}
	return r, nil
}

func ruleSets(t *tx, a ledger.ListArgs) (ledger.Page[ledger.RuleSet], error) {
	prefix := "ruleset/"
	if a.ID != "" {
		prefix += a.ID + "/"
	}
	p, err := list[ledger.RuleSet](t, prefix, a, nil)
	for i := range p.Items {
		p.Items[i].Rules = nil
	}
	return p, err
}

// breach checks a claim as every peer does.
func breach(t *tx, a ledger.BreachArgs) (ledger.Excursion, error) {
	var none ledger.Excursion
	s, err := t.shipment(a.Shipment)
	if err != nil {
		return none, err
	}
	if a.RuleHash != s.RuleSetHash {
		return none, refuse(ledger.Conflict, "rule_hash differs from that of %s, which shipment %s pinned", s.RuleSet, s.ID)
	}
	rules, ok := compliance.Lookup(s.RuleSet)
	if !ok || hashOf(rules) != s.RuleSetHash {
		published, err := ruleSet(t, ledger.RefArgs{Ref: s.RuleSet})
		if err == nil {
			rules, err = compliance.Parse(published.Rules)
		}
		if err != nil || published.Hash != s.RuleSetHash {
			return none, refuse(ledger.BadState, "nobody knows the rules %s with the hash that shipment %s pinned", s.RuleSet, s.ID)
		}
	}
	limit, err := rules.InstantLimit(a.Rule)
	if err != nil || limit.Metric != a.Metric || limit.Op != a.Op {
		return none, refuse(ledger.Invalid, "rule %s of %s is not an instant limit %s %s: %v", a.Rule, s.RuleSet, a.Metric, a.Op, err)
	}
	e, err := a.Prove(&s, func(id string) (*ledger.Tracker, error) {
		if tr, err := t.tracker(id); err == nil {
			return &tr, nil
		}
		return nil, nil
	}, limit, t.ms)
	if err != nil {
		return none, err
	}
	e.Limit, e.CloseMS, e.CloseTx = limit.Limit, t.ms, t.id
	return t.addExcursion(*e, ledger.Tally{Total: 1, Verified: 1})
}
