package httpapi_test

import (
	"context"
	"strings"
	"testing"

	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/api/internal/shapes"
	"github.com/trackseal/trackseal/internal/ledger"
)

// A party that runs no ingest writes "compliant" over a shipment that is not: no list says so.
func TestAttackForeignVerdictInLists(t *testing.T) {
	w := newWorld(t)
	c := w.warmTrip("carrier.s1", "carrier.mine")
	w.record("carrier.s1", c)
	_, err := w.ledger.As("ShipperMSP").Submit(t.Context(), ledger.ComplianceRevise.Name(), ledger.Verdict{Shipment: "carrier.s1", Revision: 1, Result: ledger.Compliant, ToMS: 1,
		Logs: []ledger.LogHead{{Log: strings.Repeat("a", 64), Size: 1, Root: strings.Repeat("b", 64)}}, RuleHash: c.RuleSetHash})
	if err != nil {
		t.Fatal(err)
	}
	var one shapes.Shipment
	w.must(200, "GET", "/v1/shipments/carrier.s1", "").into(&one)
	var list rest.List[shapes.Shipment]
	w.must(200, "GET", "/v1/shipments", "").into(&list)
	want(t, "shipments listed", len(list.Items), 1)
	for name, s := range map[string]shapes.Shipment{"shipment": one, "list": list.Items[0]} {
		want(t, name+": verdict", s.Verdict, "inconclusive")
		want(t, name+": reason", s.VerdictReason, "the parties differ: carrier says non_compliant, shipper says compliant")
		want(t, name+": opinions", len(s.Opinions), 2)
		want(t, name+": carrier's opinion", s.Opinions[0].By+" "+s.Opinions[0].Result, "carrier non_compliant")
	}
}

func TestDecline(t *testing.T) {
	w := newWorld(t)
	w.must(201, "POST", "/v1/shipments", `{"id":"carrier.s1",`+parties+`,"rule_set":"general-2-8@1"}`)
	other := newWorldOf(t, "consignee", w)
	var s shapes.Shipment
	other.must(200, "GET", "/v1/shipments/carrier.s1", "").into(&s)
	want(t, "who named it, as what", s.Creator+" "+strings.Join(s.MayDecline, " "), "carrier consignee")
	want(t, "declined by its creator", w.must(409, "POST", "/v1/shipments/carrier.s1/decline", "").problem().Code, "bad_state")
	other.must(200, "POST", "/v1/shipments/carrier.s1/decline", "")
	other.must(404, "GET", "/v1/shipments/carrier.s1", "")
	other.must(404, "POST", "/v1/shipments/carrier.s1/decline", "")
	s = shapes.Shipment{}
	w.must(200, "GET", "/v1/shipments/carrier.s1", "").into(&s)
	want(t, "declined", len(s.Declined), 1)
	want(t, "who declined, of what", s.Declined[0].Member+" "+strings.Join(s.Declined[0].Roles, " "), "consignee consignee")
	want(t, "consignees left", len(s.Parties[ledger.Consignee]), 0)
	w.must(422, "POST", "/v1/shipments/carrier.s1/handovers", `{"to":"consignee"}`)
}

// The close of a consignee whose node knows no ingest names who has not sealed.
func TestCloseNamesWhoHasNotSealed(t *testing.T) {
	w := newWorld(t)
	w.ship("carrier.s1")
	w.must(201, "POST", "/v1/shipments/carrier.s1/handovers", `{"to":"consignee"}`)
	other := newWorldOf(t, "consignee", w)
	other.must(200, "POST", "/v1/shipments/carrier.s1/handovers/current/accept", "")
	other.must(200, "POST", "/v1/shipments/carrier.s1/deliver", "")
	if p := other.must(409, "POST", "/v1/shipments/carrier.s1/close", "").problem(); !strings.Contains(p.Detail, "not sealed by ingest ") {
		t.Errorf("got %q, want who has not sealed", p.Detail)
	}
	if err := w.ingest.Ingest.Seal(context.Background()); err != nil {
		t.Fatal(err)
	}
	other.must(200, "POST", "/v1/shipments/carrier.s1/close", "")
}
