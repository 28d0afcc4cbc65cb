package httpapi_test

import (
	"strings"
	"testing"

	complianceapi "github.com/trackseal/trackseal/api/internal/compliance"
	"github.com/trackseal/trackseal/api/internal/shapes"
	"github.com/trackseal/trackseal/api/internal/trackers"
)

// Who makes a thing may leave its own name out of the id. Every answer has the id in full, and no other is known.
func TestOwnIDs(t *testing.T) {
	w := newWorld(t)
	var s shapes.Shipment
	w.must(201, "POST", "/v1/shipments", shipmentBody("S-1")).into(&s)
	want(t, "shipment", s.ID, "carrier.S-1")
	w.must(201, "POST", "/v1/shipments", shipmentBody("carrier.S-2")).into(&s)
	want(t, "shipment in full", s.ID, "carrier.S-2")
	w.must(409, "POST", "/v1/shipments", shipmentBody("carrier.S-1"))
	w.must(200, "GET", "/v1/shipments/carrier.S-1", "")
	w.must(404, "GET", "/v1/shipments/S-1", "")

	var tr trackers.Tracker
	w.must(201, "POST", "/v1/trackers", `{"id":"P-1","unsigned":true}`).into(&tr)
	want(t, "tracker", tr.ID, "carrier.P-1")
	want(t, "user name", tr.MQTT.Username, "carrier.P-1")
	signed := enrolBody(t, "carrier", "carrier.T-1") // the key signs the id in full
	w.must(201, "POST", "/v1/trackers", strings.Replace(signed, "carrier.T-1", "T-1", 1)).into(&tr)
	want(t, "tracker that signs", tr.ID, "carrier.T-1")
	w.must(404, "POST", "/v1/shipments/carrier.S-1/assignments", `{"tracker":"T-1"}`)
	w.must(201, "POST", "/v1/shipments/carrier.S-1/assignments", `{"tracker":"carrier.T-1"}`)

	var p complianceapi.PublishedRuleSet
	w.must(201, "POST", "/v1/rule-sets", ruleSetBody("mine", 1)).into(&p)
	want(t, "rule set", p.Ref, "carrier.mine@1")
}

// Another member's ids cannot be taken, and neither trying nor asking tells which of them exist.
func TestAttackForeignIDOverREST(t *testing.T) {
	w := newWorld(t)
	w.must(201, "POST", "/v1/shipments", `{"id":"carrier.S-1","parties":{"carrier":["carrier"],"consignee":["consignee"]},"rule_set":"general-2-8@1"}`)
	w.must(201, "POST", "/v1/trackers", enrolBody(t, "carrier", "carrier.T-1"))
	other := newWorldOf(t, "shipper", w)
	same := func(what string, status int, method, path, body string) {
		t.Helper()
		var said [2]string
		for i, n := range []string{"1", "9"} { // one that exists, one that does not
			put := strings.NewReplacer("SHIPMENT", "carrier.S-"+n, "TRACKER", "carrier.T-"+n)
			p := other.must(status, method, put.Replace(path), put.Replace(body)).problem()
			said[i] = string(p.Code) + " " + strings.NewReplacer("carrier.S-"+n, "ID", "carrier.T-"+n, "ID").Replace(p.Detail)
		}
		if said[0] != said[1] {
			t.Errorf("%s: what exists is answered with %q, what does not with %q", what, said[0], said[1])
		}
	}
	same("create", 422, "POST", "/v1/shipments", shipmentBody("SHIPMENT"))
	same("enrol", 422, "POST", "/v1/trackers", `{"id":"TRACKER","unsigned":true}`)
	same("shipment", 404, "GET", "/v1/shipments/SHIPMENT", "")
	same("tracker", 404, "GET", "/v1/trackers/TRACKER", "")
	other.must(201, "POST", "/v1/shipments", shipmentBody("S-2"))
	same("assign", 404, "POST", "/v1/shipments/shipper.S-2/assignments", `{"tracker":"TRACKER"}`)
	same("carry", 404, "POST", "/v1/shipments", strings.Replace(shipmentBody("S-3"), `"rule_set"`, `"lot":"L","carried_from":["SHIPMENT"],"rule_set"`, 1))
}
