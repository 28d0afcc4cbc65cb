package contract

import (
	"bytes"
	"strconv"

	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/ledger"
)

// ruleSets is the registry of compliance rule sets beside those that are built in. Everybody on the channel may read it; a version
// never changes.
var ruleSets = []function{
	change(ledger.RuleSetPublish, operator, ledger.EventRuleSet, publish),
	read(ledger.RuleSetGet, func(t *transaction, a ledger.RefArgs) (*ledger.RuleSet, error) {
		r, err := registered(t, a.Ref)
		if err == nil && r == nil {
			return nil, ledger.Refuse(ledger.NotFound, "there is no published rule set %s", a.Ref)
		}
		return r, err
	}),
	list(ledger.RuleSetList, maybeID, listRuleSets),
}

// listRuleSets gives all versions, by id and version, or those of one id. The rules themselves come from ruleset:Get.
func listRuleSets(t *transaction, a ledger.ListArgs) (*ledger.Page[ledger.RuleSet], error) {
	item := func(key string, value []byte) (ledger.RuleSet, error) {
		r, err := stored[ledger.RuleSet](key, value)
		r.Rules = nil
		return r, err
	}
	return page(t, a, item, ledger.ObjRuleSet, below(a.ID)...)
}

// publish adds one version. The same bytes once more are EXISTS, which the sender may take as done.
func publish(t *transaction, a ledger.PublishArgs) (*ledger.RuleSet, error) {
	rules, err := compliance.Parse(a.Rules)
	if err != nil {
		return nil, ledger.Refuse(ledger.Invalid, "rules: %.2000v", err)
	}
	ref := rules.Ref()
	switch _, _, ok := ledger.SplitRef(ref); {
	case !ok:
		return nil, ledger.Refuse(ledger.Invalid, "rules: %.80q is not name@version", ref)
	case !bytes.Equal(rules.Canonical(), a.Rules):
		return nil, ledger.Refuse(ledger.Invalid, "rules: not in canonical form, whose SHA-256 is %s", rules.Hash())
	}
	if err := t.own("rules: id", rules.ID); err != nil {
		return nil, err
	}
	r := &ledger.RuleSet{
		ID: rules.ID, Version: rules.Version, Hash: rules.Hash(), Rules: a.Rules, Publisher: t.MSP, TimeMS: t.TimeMS, Tx: t.Tx,
	}
	old, err := registered(t, ref)
	switch {
	case err != nil:
		return nil, err
	case old != nil && old.Hash == r.Hash:
		return nil, ledger.Refuse(ledger.Exists, "rule set %s is published with these rules already", ref)
	case old != nil:
		return nil, ledger.Refuse(ledger.Conflict, "rule set %s is published with other rules, of hash %s; a version never changes", ref, old.Hash)
	}
	if r.Version > 1 {
		previous, err := registered(t, r.ID+"@"+strconv.Itoa(r.Version-1))
		switch {
		case err != nil:
			return nil, err
		case previous == nil:
			return nil, ledger.Refuse(ledger.BadState, "version %d of rule set %s comes after version %d, which is not published", r.Version, r.ID, r.Version-1)
		}
	}
	return r, t.put(ledger.RuleSetKey(r.ID, r.Version), r)
}

// registered reads a published rule set; nil when there is none.
func registered(t *transaction, ref string) (*ledger.RuleSet, error) {
	id, version, ok := ledger.SplitRef(ref)
	if !ok {
		return nil, nil
	}
	return get[ledger.RuleSet](t, ledger.RuleSetKey(id, version))
}

// known refuses a rule set that nobody could judge by: neither built in nor published, or another one of that name.
func known(t *transaction, ref, hash string) error {
	b, builtin := compliance.Lookup(ref)
	if builtin && b.Hash() == hash {
		return nil
	}
	r, err := registered(t, ref)
	switch {
	case err != nil:
		return err
	case r != nil && r.Hash == hash:
		return nil
	case r != nil:
		return ledger.Refuse(ledger.Conflict, "rule_set_hash: the published %s has hash %s", ref, r.Hash)
	case builtin:
		return ledger.Refuse(ledger.Conflict, "rule_set_hash: the built-in %s has hash %s", ref, b.Hash())
	}
	return ledger.Refuse(ledger.Invalid, "rule_set: %s is neither built in nor published; publish it with %s first", ref, ledger.RuleSetPublish)
}

// rulesOf reads the rules that a shipment pinned.
func rulesOf(t *transaction, s *ledger.Shipment) (compliance.RuleSet, error) {
	if b, ok := compliance.Lookup(s.RuleSet); ok && b.Hash() == s.RuleSetHash {
		return b, nil
	}
	r, err := registered(t, s.RuleSet)
	if err != nil {
		return compliance.RuleSet{}, err
	}
	if r == nil || r.Hash != s.RuleSetHash {
		return compliance.RuleSet{}, ledger.Refuse(ledger.BadState, "this version of the chaincode has no rules %s with the hash that shipment %s pinned", s.RuleSet, s.ID)
	}
	rules, err := compliance.Parse(r.Rules)
	if err != nil {
		return compliance.RuleSet{}, ledger.Refuse(ledger.BadState, "this version of the chaincode cannot read %s: %.2000v", s.RuleSet, err)
	}
	return rules, nil
}
