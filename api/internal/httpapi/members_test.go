package httpapi_test

import (
	"slices"
	"testing"

	networkapi "github.com/trackseal/trackseal/api/internal/network"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/api/internal/shapes"

	"github.com/trackseal/trackseal/internal/ledger"
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

// Whoever may see the network sees whom the members want in and out, who voted how, what a member announced, and that one has ended.
func TestGovernanceIsShown(t *testing.T) {
	w := newWorld(t)
	l := w.ledger
	l.Admit(t, ledger.Founder{Name: "fifth", MSP: "FifthMSP", DisplayName: "Fifth", Operator: true})
	if _, _, err := ledger.MemberAnnounce.Do(t.Context(), l.As("FifthMSP"), ledger.AnnounceArgs{API: "https://fifth.test", MQTT: "ssl://fifth.test:8883", Ingest: []ledger.IngestEndpoint{{ID: "fifth.ingest-1", URL: "https://fifth.test:8070"}}}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := ledger.MemberPropose.Do(t.Context(), l.As("ShipperMSP"), ledger.ProposeMemberArgs{ID: "shipper.evict", Act: ledger.Evict, Name: "auditor", Update: []byte("u")}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := ledger.MemberLeave.Do(t.Context(), l.As("ConsigneeMSP"), ledger.NoArgs{}); err != nil {
		t.Fatal(err)
	}
	w.reopen() // the directory is read anew
	var members rest.List[networkapi.Member]
	w.must(200, "GET", "/v1/members", "").into(&members)
	find := func(name string) networkapi.Member {
		t.Helper()
		i := slices.IndexFunc(members.Items, func(m networkapi.Member) bool { return m.Name == name })
		if i < 0 {
			t.Fatalf("%s is not listed", name)
		}
		return members.Items[i]
	}
	if m := find("fifth"); m.Kind != "node" || !m.Operator || m.Endpoints.V == nil || m.Endpoints.V.MQTT != "ssl://fifth.test:8883" || len(m.Endpoints.V.Ingest) != 1 || m.Ended.V != nil {
		t.Errorf("the fifth is %+v with %+v", m, m.Endpoints.V)
	}
	if m := find("consignee"); m.Ended.V == nil || m.Ended.V.Why != "left" || m.Endpoints.V != nil {
		t.Errorf("who has left is %+v", m)
	}
	var got []networkapi.Proposal
	for cursor, n := "", 0; n < 3; n++ {
		var page rest.List[networkapi.Proposal]
		w.must(200, "GET", "/v1/member-proposals?limit=1&cursor="+cursor, "").into(&page)
		got = append(got, page.Items...)
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	if len(got) != 2 {
		t.Fatalf("%d proposals, want 2: %+v", len(got), got)
	}
	if p := got[0]; p.Act != "admit" || p.Member != "fifth" || p.State != "executed" || len(p.Votes) != 4 || p.By != "auditor" || p.Display != "Fifth" {
		t.Errorf("the first is %+v", p)
	}
	if p := got[1]; p.Act != "evict" || p.Member != "auditor" || p.State != "open" || p.Yes != 1 || p.Needs != 3 || p.By != "shipper" || p.Votes[0].By != "shipper" {
		t.Errorf("the second is %+v, want 1 yes of 4 members", p)
	}
}
