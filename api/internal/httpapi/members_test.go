package httpapi_test

import (
	"slices"
	"testing"

	networkapi "github.com/trackseal/trackseal/api/internal/network"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/api/internal/shapes"

	"github.com/trackseal/trackseal/internal/testkit"
)

func TestMembersAreListed(t *testing.T) {
	w := newWorld(t)
	var list rest.List[networkapi.Member]
	w.must(200, "GET", "/v1/members", "").into(&list)
	if len(list.Items) != len(testkit.Founders) {
		t.Fatalf("%d members, want %d", len(list.Items), len(testkit.Founders))
	}
	for i, f := range testkit.Founders {
		if got := list.Items[i]; got.Name != f.Name || got.MSP != f.MSP || got.DisplayName != f.DisplayName || got.Tx == "" {
			t.Errorf("member %d is %+v, want %+v", i, got, f)
		}
	}
}

// Two carriers share a trip, the auditor's organisation being the second: each binds its own tracker and hands the goods on.
func TestTwoCarriersOverREST(t *testing.T) {
	first := newWorld(t)
	second := newWorldOf(t, "auditor", first)
	consignee := newWorldOf(t, "consignee", first)
	first.must(201, "POST", "/v1/shipments", `{"id":"carrier.relay","parties":{"carrier":["carrier","auditor"],"consignee":["consignee"]},"rule_set":"general-2-8@1"}`)
	for _, w := range []*world{first, second} {
		w.must(201, "POST", "/v1/trackers", enrolBody(t, w.org, w.org+".t-1"))
		w.must(201, "POST", "/v1/shipments/carrier.relay/assignments", `{"tracker":"`+w.org+`.t-1"}`)
	}
	for _, hand := range [][2]*world{{first, second}, {second, consignee}} {
		hand[0].must(201, "POST", "/v1/shipments/carrier.relay/handovers", `{"to":"`+hand[1].org+`"}`)
		hand[1].must(200, "POST", "/v1/shipments/carrier.relay/handovers/current/accept", "")
	}
	var s shapes.Shipment
	consignee.must(200, "POST", "/v1/shipments/carrier.relay/deliver", "").into(&s)
	if want := []string{"auditor", "carrier"}; !slices.Equal(s.Parties["carrier"], want) {
		t.Errorf("carriers are %v, want %v", s.Parties["carrier"], want)
	}
	var by []string
	for _, a := range s.Assignments {
		by = append(by, a.By)
	}
	if want := []string{"carrier", "auditor"}; s.State != "delivered" || !slices.Equal(by, want) {
		t.Errorf("the shipment is %s with assignments by %v, want it delivered with those of %v", s.State, by, want)
	}
}

func TestPartiesThatAreRefused(t *testing.T) {
	w := newWorld(t)
	for _, parties := range []string{
		`{"carrier":["carrier"]}`, `{"carrier":[],"consignee":["consignee"]}`, `{"carrier":["carrier","carrier"],"consignee":["consignee"]}`,
		`{"carrier":["nobody"],"consignee":["consignee"]}`, `{"carrier":["CarrierMSP"],"consignee":["consignee"]}`,
		`{"carrier":"carrier","consignee":"consignee"}`, `{"thief":["carrier"],"carrier":["carrier"],"consignee":["consignee"]}`,
		`{"carrier":["carrier"],"consignee":[""]}`,
	} {
		w.must(422, "POST", "/v1/shipments", `{"id":"x","parties":`+parties+`,"rule_set":"general-2-8@1"}`)
	}
}
