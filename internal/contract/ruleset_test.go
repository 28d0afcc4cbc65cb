package contract

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/ledger"
)

func lookup(ref string) compliance.RuleSet {
	r, ok := compliance.Lookup(ref)
	if !ok {
		panic(ref)
	}
	return r
}

// ruleSet is a built-in one under another name, in canonical form.
func ruleSet(id string, version int) []byte {
	r := rules
	r.ID, r.Version = id, version
	return r.Canonical()
}

func publishArgs(id string, version int) ledger.PublishArgs {
	return ledger.PublishArgs{Rules: ruleSet(id, version)}
}

func TestPublish(t *testing.T) {
	w := newWorld(t)
	publish := func(by who, id string, version int) ledger.RuleSet {
		t.Helper()
		return must[ledger.RuleSet](w, by, ledger.RuleSetPublish, ledger.EventRuleSet, publishArgs(id, version))
	}
	r := publish(shipperOp, "shipper.vaccine", 1)
	if r.ID != "shipper.vaccine" || r.Version != 1 || r.Publisher != shipper || r.TimeMS != w.ms || r.Tx == "" || !bytes.Equal(r.Rules, ruleSet("shipper.vaccine", 1)) || r.Hash != hexHash(string(r.Rules)) {
		t.Fatalf("got %+v", r)
	}
	// The same again is told apart from another content.
	w.refused(ledger.Exists, shipperOp, ledger.RuleSetPublish, publishArgs("shipper.vaccine", 1))
	other := rules
	other.ID, other.Title = "shipper.vaccine", "milder"
	w.refused(ledger.Conflict, shipperOp, ledger.RuleSetPublish, ledger.PublishArgs{Rules: other.Canonical()})

	// In order.
	w.refused(ledger.BadState, shipperOp, ledger.RuleSetPublish, publishArgs("shipper.vaccine", 3))
	w.refused(ledger.BadState, shipperOp, ledger.RuleSetPublish, publishArgs("shipper.fruit", 2))
	publish(shipperOp, "shipper.vaccine", 2)
	publish(shipperOp, "shipper.vaccine", 3)

	// No member's name is before those that are built in.
	w.refused(ledger.Invalid, shipperOp, ledger.RuleSetPublish, ledger.PublishArgs{Rules: rules.Canonical()})
	w.refused(ledger.Invalid, shipperOp, ledger.RuleSetPublish, publishArgs("general-2-8", 2))

	for _, by := range []who{carrierIn, {shipper, ""}} {
		w.refused(ledger.Forbidden, by, ledger.RuleSetPublish, publishArgs("shipper.fruit", 1))
	}
	canonical := ruleSet("shipper.fruit", 1)
	for name, tc := range map[string]struct {
		arg    any
		reason string
	}{
		"nothing":       {ledger.PublishArgs{}, "1 to"},
		"no JSON":       {ledger.PublishArgs{Rules: []byte("rules")}, "rule set"},
		"not canonical": {ledger.PublishArgs{Rules: append(bytes.Clone(canonical), '\n')}, "not in canonical form"},
		"several wrong": {ledger.PublishArgs{Rules: bytes.ReplaceAll(bytes.ReplaceAll(canonical, []byte("temperature"), []byte("mood")), []byte(`"severity":"major"`), []byte(`"severity":"dire"`))}, "dire"},
		"large":         {ledger.PublishArgs{Rules: bytes.Repeat([]byte(" "), ledger.MaxRules+1)}, "1 to"},
		"a string":      {`{"rules":"{}"}`, "base64"},
	} {
		_, e := w.submit(shipperOp, ledger.RuleSetPublish, tc.arg, nil)
		if e == nil || e.Code != ledger.Invalid || !strings.Contains(e.Message, tc.reason) {
			t.Errorf("%s: got %v", name, e)
		}
	}

	got := query[ledger.RuleSet](w, auditorOp, ledger.RuleSetGet, ledger.RefArgs{Ref: "shipper.vaccine@2"})
	if got.Version != 2 || !bytes.Equal(got.Rules, ruleSet("shipper.vaccine", 2)) {
		t.Fatalf("got %+v", got)
	}
	w.refused(ledger.NotFound, auditorOp, ledger.RuleSetGet, ledger.RefArgs{Ref: "shipper.vaccine@4"})
	w.refused(ledger.Invalid, auditorOp, ledger.RuleSetGet, ledger.RefArgs{Ref: "shipper.vaccine"})
	publish(carrierOp, "carrier.apple", 1)
	for range 9 {
		v := query[ledger.Page[ledger.RuleSet]](w, carrierOp, ledger.RuleSetList, ledger.ListArgs{ID: "shipper.vaccine"})
		publish(shipperOp, "shipper.vaccine", len(v.Items)+1)
	}
	list := func(arg ledger.ListArgs) (refs []string) {
		for {
			p := query[ledger.Page[ledger.RuleSet]](w, who{auditor, ""}, ledger.RuleSetList, arg)
			for _, r := range p.Items {
				if r.Rules != nil {
					t.Error("a listing carries the rules")
				}
				refs = append(refs, fmt.Sprintf("%s@%d", r.ID, r.Version))
			}
			if arg.Bookmark = p.Bookmark; arg.Bookmark == "" {
				return refs
			}
		}
	}
	if all := list(ledger.ListArgs{Limit: 5}); len(all) != 13 || all[0] != "carrier.apple@1" || all[12] != "shipper.vaccine@12" {
		t.Errorf("all: %v", all)
	}
	if v := list(ledger.ListArgs{ID: "shipper.vaccine"}); len(v) != 12 || v[1] != "shipper.vaccine@2" {
		t.Errorf("shipper.vaccine: %v", v)
	}
	if v := list(ledger.ListArgs{ID: "shipper.vacc"}); v != nil {
		t.Errorf("a part of a name: %v", v)
	}
}

func TestAShipmentPinsRulesThatExist(t *testing.T) {
	w := newWorld(t)
	create := func(ref, hash string) *ledger.Error {
		a := createArgs("carrier.S-" + ref[:1])
		a.RuleSet, a.RuleSetHash = ref, hash
		_, e := w.submit(carrierOp, ledger.ShipmentCreate, a, nil)
		return e
	}
	published := hexHash(string(ruleSet("shipper.vaccine", 1)))
	for _, tc := range []struct {
		ref, hash string
		code      ledger.Code
		reason    string
	}{
		{"shipper.vaccine@1", published, ledger.Invalid, "neither built in nor published"},
		{ruleID, hexHash("x"), ledger.Conflict, "the built-in " + ruleID + " has hash " + ruleHash},
	} {
		if e := create(tc.ref, tc.hash); e == nil || e.Code != tc.code || !strings.Contains(e.Message, tc.reason) {
			t.Errorf("%s: %v", tc.ref, e)
		}
	}
	must[ledger.RuleSet](w, shipperOp, ledger.RuleSetPublish, ledger.EventRuleSet, publishArgs("shipper.vaccine", 1))
	if e := create("shipper.vaccine@1", hexHash("x")); e == nil || e.Code != ledger.Conflict || !strings.Contains(e.Message, published) {
		t.Errorf("another hash: %v", e)
	}
	if e := create("shipper.vaccine@2", published); e == nil || e.Code != ledger.Invalid {
		t.Errorf("another version: %v", e)
	}
	if e := create("shipper.vaccine@1", published); e != nil {
		t.Fatal(e)
	}
	// A breach is held against the published rules.
	w.enrol(carrierOp, "carrier.T-1")
	w.assign(carrierOp, "carrier.S-s", "carrier.T-1")
	a := breachArgs("carrier.S-s", ledger.BreachMessage{Raw: edDevice("carrier.T-1").message("carrier.T-1", w.ms, temperature(w.ms, 25)), TimeMS: w.ms})
	a.RuleHash = published
	e := must[ledger.Excursion](w, consigneeOp, ledger.ComplianceBreach, ledger.EventExcursion, a)
	if e.Limit != "25" || e.Peak != "25" {
		t.Errorf("got %+v", e)
	}
}
