package httpapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/trackseal/trackseal/api/internal/details"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/api/internal/shapes"
	"github.com/trackseal/trackseal/internal/contract"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/node"
	"github.com/trackseal/trackseal/internal/node/nodetest"
)

const tripBody = `{"id":"carrier.s1","parties":{"carrier":["carrier"],"shipper":["shipper"],"consignee":["consignee"]},"rule_set":"general-2-8@1",` +
	`"description":"vaccines, 2 pallets","origin":"Basel, dock 4","destination":"Oslo","lot":"L-7"}`

// What parties write reaches the other parties, also when its writer is gone, and nobody else.
func TestDetailsTravelBetweenParties(t *testing.T) {
	carrier := newWorld(t)
	consignee, shipper, auditor := newWorldOf(t, "consignee", carrier), newWorldOf(t, "shipper", carrier), newWorldOf(t, "auditor", carrier)
	var made, seen shapes.Shipment
	carrier.must(201, "POST", "/v1/shipments", tripBody).into(&made)
	carrier.must(201, "POST", "/v1/shipments/carrier.s1/handovers", `{"to":"consignee","note":"seal 88123"}`)
	whole := func(s shapes.Shipment) string { return fmt.Sprint(s.Description, s.Origin, s.Destination, s.Lot) }
	const goods = "vaccines, 2 palletsBasel, dock 4OsloL-7"
	want(t, "what the creator sees", whole(made), goods)

	consignee.must(200, "GET", "/v1/shipments/carrier.s1", "").into(&seen)
	want(t, "what the consignee sees", whole(seen), goods)
	want(t, "note", seen.PendingHandover.V.Note, "seal 88123")
	want(t, "details", *seen.Details.V, shapes.Details{Hash: made.Details.V.Hash, By: "carrier", Here: true})
	consignee.must(200, "POST", "/v1/shipments/carrier.s1/handovers/current/reject", `{"reason":"wet"}`)

	carrier.nodes["carrier"].down = true
	shipper.must(200, "GET", "/v1/shipments/carrier.s1", "").into(&seen)
	want(t, "what the shipper has from the consignee", whole(seen), goods)
	var list rest.List[shapes.Handover]
	shipper.must(200, "GET", "/v1/shipments/carrier.s1/handovers", "").into(&list)
	want(t, "note", list.Items[0].Note, "seal 88123")
	want(t, "reason", list.Items[0].Reason, "wet")
	want(t, "who keeps the reason", list.Items[0].Answer.V.By, "consignee")
	auditor.must(404, "GET", "/v1/shipments/carrier.s1", "")

	// What is here is not asked for again, and stays.
	asked := carrier.nodes["consignee"].asked
	shipper.reopen()
	shipper.must(200, "GET", "/v1/shipments", "")
	want(t, "questions for what is here", carrier.nodes["consignee"].asked, asked)
}

// A node that does not answer leaves holes that say so, and no errors.
func TestDetailsThatCannotBeHad(t *testing.T) {
	carrier := newWorld(t)
	carrier.must(201, "POST", "/v1/shipments", tripBody)
	carrier.nodes["carrier"].down = true
	shipper := newWorldOf(t, "shipper", carrier)
	var s shapes.Shipment
	shipper.must(200, "GET", "/v1/shipments/carrier.s1", "").into(&s)
	want(t, "description", s.Description, "")
	want(t, "details", *s.Details.V, shapes.Details{Hash: s.Details.V.Hash, By: "carrier"})
	report := string(shipper.must(200, "GET", "/v1/shipments/carrier.s1/report?format=csv", "").Body)
	if !strings.Contains(report, "kept by carrier's node, which does not answer") {
		t.Errorf("the report says nothing of it: %s", report)
	}
	shipper.must(503, "POST", "/v1/shipments", strings.Replace(tripBody, `"id":"carrier.s1"`, `"id":"carrier.s2","carried_from":["carrier.s1"]`, 1))
}

// The lots are compared here: the ledger does not know them.
func TestOneLotOneBudget(t *testing.T) {
	w := newWorld(t)
	w.must(201, "POST", "/v1/shipments", tripBody)
	next := strings.Replace(tripBody, `"id":"carrier.s1"`, `"id":"carrier.s2","carried_from":["carrier.s1"]`, 1)
	want(t, "same lot", w.must(409, "POST", "/v1/shipments", next).problem().Code, "bad_state") // it is not delivered
	p := w.must(409, "POST", "/v1/shipments", strings.Replace(next, "L-7", "L-8", 1)).problem()
	want(t, "another lot", p.Detail, `carried_from: shipment carrier.s1 is of lot "L-7", not "L-8"`)
	w.must(422, "POST", "/v1/shipments", strings.Replace(next, `,"lot":"L-7"`, "", 1))
	w.must(404, "POST", "/v1/shipments", strings.Replace(next, `["carrier.s1"]`, `["carrier.s9"]`, 1))
}

// Nodes of others learn nothing, not even what there is.
func TestDetailsAreForParties(t *testing.T) {
	w := newWorld(t)
	var s shapes.Shipment
	w.must(201, "POST", "/v1/shipments", tripBody).into(&s)
	w.must(201, "POST", "/v1/shipments", strings.NewReplacer(`"id":"carrier.s1"`, `"id":"carrier.s2"`, `"shipper":["shipper"]`, `"shipper":["auditor"]`).Replace(tripBody))
	get := func(org, shipment, hash string) *httptest.ResponseRecorder {
		t.Helper()
		r := httptest.NewRequestWithContext(t.Context(), "GET", "http://carrier.test"+details.Path+"?shipment="+shipment+"&hash="+hash, nil)
		rec := httptest.NewRecorder()
		if org == "" {
			w.api.ServeHTTP(rec, r)
			return rec
		}
		through := &node.Transport{Identity: channel().Identity(org, contract.Operator), Audience: "carrier", Now: nodetest.Now, Through: w.nodes["carrier"]}
		resp, err := through.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		rec.Code = resp.StatusCode
		if _, err := rec.Body.ReadFrom(resp.Body); err != nil {
			t.Fatal(err)
		}
		return rec
	}
	hash := s.Details.V.Hash
	ok := get("shipper", "carrier.s1", hash)
	if d, err := ledger.OpenDetails(ok.Body.Bytes(), hash); ok.Code != 200 || err != nil || d.Origin != "Basel, dock 4" {
		t.Fatalf("a party got %d %s, %v", ok.Code, ok.Body, err)
	}
	for _, c := range []struct {
		what, org, shipment, hash string
		code                      int
	}{
		{"nobody", "", "carrier.s1", hash, http.StatusUnauthorized},
		{"no party", "auditor", "carrier.s1", hash, 404},
		{"a party of another shipment", "auditor", "carrier.s2", hash, 404},
		{"no such shipment", "shipper", "carrier.s9", hash, 404},
		{"no shipment", "shipper", "", hash, 404},
		{"no such hash", "shipper", "carrier.s1", strings.Repeat("0", 64), 404},
		{"a key of another shipment in it", "auditor", "carrier.s2", "../carrier.s1/" + hash, 404},
	} {
		got := get(c.org, c.shipment, c.hash)
		if got.Code != c.code || strings.Contains(got.Body.String(), "Basel") {
			t.Errorf("%s: got %d %s, expected %d", c.what, got.Code, got.Body, c.code)
		}
		var p struct{ Code string }
		if err := json.Unmarshal(got.Body.Bytes(), &p); err != nil || p.Code == "" {
			t.Errorf("%s: no problem: %s", c.what, got.Body)
		}
	}
}
