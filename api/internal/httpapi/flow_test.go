package httpapi_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	evidenceapi "github.com/trackseal/trackseal/api/internal/evidence"
	"github.com/trackseal/trackseal/api/internal/judging"
	networkapi "github.com/trackseal/trackseal/api/internal/network"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/api/internal/shapes"
	"github.com/trackseal/trackseal/api/internal/shipments"
	telemetryapi "github.com/trackseal/trackseal/api/internal/telemetry"
	"github.com/trackseal/trackseal/api/internal/trackers"

	"github.com/trackseal/trackseal/api/internal/fakestore"
	"github.com/trackseal/trackseal/api/internal/httpapi"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/stored"
)

// TestLifeOfAShipment walks through the API as its users do.
func TestLifeOfAShipment(t *testing.T) {
	w := newWorld(t)
	w.ship("s1")

	var s shapes.Shipment
	got := w.must(200, "GET", "/v1/shipments/s1", "")
	got.into(&s)
	if s.State != "in_transit" || s.Custodian != "carrier" || !slices.Equal(s.Parties["auditor"], []string{"auditor"}) || s.Messages != 10 || s.Verdict != "none" {
		t.Fatalf("%s", got.Body)
	}
	if s.Last.V == nil || s.Last.V.Values["temperature"] != 26 {
		t.Fatalf("last %s", got.Body)
	}
	tag := got.Header.Get("ETag")
	if r := w.call("GET", "/v1/shipments/s1", "", "If-None-Match", `"other", W/`+tag); r.Code != 304 || len(r.Body) != 0 || r.Header.Get("ETag") != tag {
		t.Fatalf("%d %s", r.Code, r.Body)
	}

	var list rest.List[shapes.Shipment]
	w.must(200, "GET", "/v1/shipments?state=in_transit&limit=5", "").into(&list)
	if len(list.Items) != 1 || list.Items[0].ID != "s1" || list.Next != "" {
		t.Fatalf("%+v", list)
	}
	var telemetry rest.List[map[string]any]
	w.must(200, "GET", "/v1/shipments/s1/telemetry?limit=4&fields=temperature", "").into(&telemetry)
	if len(telemetry.Items) != 4 || telemetry.Next == "" {
		t.Fatalf("%+v", telemetry)
	}
	seen := 4
	for telemetry.Next != "" {
		next := telemetry.Next
		telemetry = rest.List[map[string]any]{}
		w.must(200, "GET", "/v1/shipments/s1/telemetry?limit=4&fields=temperature&cursor="+next, "").into(&telemetry)
		seen += len(telemetry.Items)
	}
	if seen != 10 {
		t.Fatalf("%d readings over all pages", seen)
	}
	from, to := s.Assignments[0].From+60_000, s.Assignments[0].From+180_000
	telemetry = rest.List[map[string]any]{}
	w.must(200, "GET", "/v1/shipments/s1/telemetry?from="+from.String()+"&to="+to.String()+"&tracker=t-s1", "").into(&telemetry)
	if len(telemetry.Items) != 2 || telemetry.Items[0]["time"] != from.String() {
		t.Fatalf("%+v", telemetry)
	}
	telemetry = rest.List[map[string]any]{}
	w.must(200, "GET", "/v1/shipments/s1/telemetry?every=5m", "").into(&telemetry)
	if n := len(telemetry.Items); n < 2 || n > 3 {
		t.Fatalf("%d windows", n)
	}
	if _, single := telemetry.Items[0]["time"]; single || telemetry.Items[0]["from"] == nil {
		t.Fatalf("window %v", telemetry.Items[0])
	}

	var messages rest.List[telemetryapi.Message]
	w.must(200, "GET", "/v1/shipments/s1/messages?limit=1000", "").into(&messages)
	w.must(422, "GET", "/v1/shipments/s1/messages?limit=1001", "")
	w.must(200, "GET", "/v1/shipments/s1/messages?limit=9&include=raw", "").into(&messages)
	if len(messages.Items) != 9 || messages.Items[7].Status != "anchored" || messages.Items[8].Status != "logged" || messages.Items[0].Raw == nil || messages.Items[0].Kind != "data" {
		t.Fatalf("%+v", messages)
	}
	next := messages.Next
	messages = rest.List[telemetryapi.Message]{}
	w.must(200, "GET", "/v1/shipments/s1/messages?limit=9&cursor="+next, "").into(&messages)
	if len(messages.Items) != 1 || messages.Items[0].Leaf != 9 || messages.Items[0].Raw != nil || messages.Next != "" {
		t.Fatalf("%+v", messages)
	}

	var c judging.Compliance
	w.must(200, "GET", "/v1/shipments/s1/compliance", "").into(&c)
	if c.RuleSet.Ref != "general-2-8@1" || c.RuleSet.Hash != c.RuleSetHash || len(c.Excursions) == 0 {
		t.Fatalf("%+v", c)
	}
	var v evidenceapi.Verification
	w.must(200, "GET", "/v1/shipments/s1/verification", "").into(&v)
	if !v.OK || v.Messages != 10 || v.Logs[0].Logged != 2 {
		t.Fatalf("%+v", v)
	}
	// A message that ingest has logged and not stored yet is no finding; one that it has stored is.
	all := w.store.Stored
	w.store.Stored = slices.DeleteFunc(slices.Clone(all), func(m stored.Message) bool { return m.Leaf == 9 })
	points := w.store.Points
	w.store.Points = slices.DeleteFunc(slices.Clone(points), func(p fakestore.Point) bool { return p.Leaf == 9 })
	w.ingest.queue = 1
	w.must(200, "GET", "/v1/shipments/s1/verification", "").into(&v)
	if !v.OK || v.Messages != 9 {
		t.Fatalf("while a message waits to be stored: %+v", v)
	}
	w.ingest.queue = 0
	w.must(200, "GET", "/v1/shipments/s1/verification", "").into(&v)
	if v.OK {
		t.Fatal("a message that was deleted before its anchor is no finding")
	}
	w.store.Stored, w.store.Points = all, points

	// Custody to the consignee, through its own api.
	w.must(201, "POST", "/v1/shipments/s1/handovers", `{"to":"consignee","note":"dock 4"}`)
	other := newWorldOf(t, "consignee", w.ledger, w.store)
	other.ingest.set(w.ingest.Ingest)
	var handovers rest.List[shapes.Handover]
	other.must(200, "GET", "/v1/shipments/s1/handovers", "").into(&handovers)
	if len(handovers.Items) != 1 || handovers.Items[0].State != "proposed" || len(handovers.Items[0].Heads) != 1 {
		t.Fatalf("%+v", handovers)
	}
	other.must(200, "POST", "/v1/shipments/s1/handovers/current/reject", `{"reason":"wrong dock"}`)
	w.must(201, "POST", "/v1/shipments/s1/handovers", `{"to":"consignee"}`)
	other.must(200, "POST", "/v1/shipments/s1/handovers/current/accept", "")
	if p := w.call("POST", "/v1/shipments/s1/close", "").problem(); p.Code != "bad_state" {
		t.Fatalf("closing before delivery: %+v", p)
	}
	if w.ingest.seals+other.ingest.seals != 0 {
		t.Fatal("sealed before delivery")
	}
	other.must(200, "POST", "/v1/shipments/s1/deliver", "")
	var closed shipments.Close
	w.must(200, "POST", "/v1/shipments/s1/close", "").into(&closed)
	w.must(200, "POST", "/v1/shipments/s1/close", "").into(&closed)
	if len(closed.Heads) != 1 || closed.Heads[0].Size != 10 || closed.By != "carrier" {
		t.Fatalf("%+v", closed)
	}
	w.must(200, "GET", "/v1/shipments/s1/verification", "").into(&v)
	if !v.OK || v.Logs[0].Logged != 0 {
		t.Fatalf("%+v", v)
	}
	var anchors rest.List[shapes.Anchor]
	w.must(200, "GET", "/v1/anchors?limit=1", "").into(&anchors)
	if len(anchors.Items) != 1 || anchors.Items[0].Size != 2 || anchors.Next == "" {
		t.Fatalf("%+v", anchors)
	}
	var network networkapi.Network
	w.must(200, "GET", "/v1/network", "").into(&network)
	if !network.OK || len(network.Nodes) != 8 {
		t.Fatalf("%+v", network)
	}
}

// laggard answers for all nodes as the ledger does, but for one whose height is of its own.
type laggard struct {
	httpapi.Peers
	node   int
	behind uint64
}

func (l laggard) Network(ctx context.Context) ([]ledger.Node, error) {
	nodes, err := l.Peers.Network(ctx)
	for i := range nodes {
		if nodes[i].Height += 100; i == l.node {
			nodes[i].Height -= l.behind
		}
	}
	return nodes, err
}

// A node that answers and stays behind the others is trouble, a peer as well as an orderer.
func TestNetworkTellsWhoStaysBehind(t *testing.T) {
	for node := range 8 {
		for _, c := range []struct {
			behind uint64
			ok     bool
		}{{3, true}, {50, false}} {
			w := newWorld(t)
			w.peers = laggard{w.ledger, node, c.behind}
			w.reopen()
			var network networkapi.Network
			w.must(200, "GET", "/v1/network", "").into(&network)
			if network.OK != c.ok || !network.Nodes[node].Up {
				t.Errorf("node %d, %d blocks behind: %+v", node, c.behind, network)
			}
		}
	}
}

func TestTrackers(t *testing.T) {
	w := newWorld(t)
	var tr trackers.Tracker
	w.must(201, "POST", "/v1/trackers", enrolBody(t, "carrier", "t1")).into(&tr)
	if tr.Trust != "signed" || tr.Alg != "Ed25519" || tr.KID == "" || tr.MQTT.TopicUp == "" || tr.Secret != "" {
		t.Fatalf("%+v", tr)
	}
	tr = trackers.Tracker{}
	w.must(201, "POST", "/v1/trackers", `{"id":"t2","unsigned":true,"model":"old"}`).into(&tr)
	if tr.Trust != "unsigned" || tr.Secret == "" || tr.MQTT.TopicJSON == "" || tr.MQTT.TopicUp != "" {
		t.Fatalf("%+v", tr)
	}
	if b := w.must(200, "GET", "/v1/trackers/t2", "").Body; strings.Contains(string(b), tr.Secret) {
		t.Fatal("the secret is given twice")
	}
	w.must(200, "POST", "/v1/trackers/t1/calibration", `{"ref":"cert-9","hash":"`+strings.Repeat("ab", 32)+`","valid_from":"2026-01-01T00:00:00Z","valid_to":"2027-01-01T00:00:00.000Z"}`).into(&tr)
	if tr.Calibration.V == nil || tr.Calibration.V.ValidFrom.String() != "2026-01-01T00:00:00.000Z" {
		t.Fatalf("%+v", tr.Calibration)
	}
	w.must(200, "POST", "/v1/trackers/t1/revoke", `{"cause":"lost"}`).into(&tr)
	if tr.RevokedAt.V == nil {
		t.Fatal("not revoked")
	}
	for _, tc := range []struct {
		body string
		code int
	}{
		{enrolBody(t, "carrier", "t1"), 409},
		{enrolBody(t, "shipper", "t3"), 422}, // the proof names another owner
		{`{"id":"t4"}`, 422},
		{`{"id":"t4","unsigned":true,"alg":"Ed25519"}`, 422},
		{`{"id":"t4","unsigned":true,"extra":1}`, 422},
		{`{"ID":"t4","unsigned":true}`, 422},
		{`{"id":"../x","unsigned":true}`, 422},
		{`{`, 400},
		{``, 400},
	} {
		if r := w.call("POST", "/v1/trackers", tc.body); r.Code != tc.code {
			t.Errorf("%s: %d %s", tc.body, r.Code, r.Body)
		} else {
			r.problem()
		}
	}
	for i := range 5 {
		w.must(201, "POST", "/v1/trackers", fmt.Sprintf(`{"id":"u%d","unsigned":true}`, i))
	}
	n, next := 0, ""
	for {
		var page rest.List[trackers.Tracker]
		w.must(200, "GET", "/v1/trackers?limit=3&cursor="+next, "").into(&page)
		n += len(page.Items)
		if next = page.Next; next == "" {
			break
		}
	}
	if n != 7 {
		t.Fatalf("%d trackers over all pages", n)
	}
}

func TestFailuresHaveTheirStatus(t *testing.T) {
	w := newWorld(t)
	w.ship("s1")
	check := func(name string, r response, status int, code string, retry bool) {
		t.Helper()
		p := r.problem()
		if r.Code != status || string(p.Code) != code || (r.Header.Get("Retry-After") != "") != retry {
			t.Errorf("%s: %d %s", name, r.Code, r.Body)
		}
	}
	w.ledger.FailBefore(ledger.ShipmentCreate, 1)
	check("ledger away", w.call("POST", "/v1/shipments", shipmentBody("s2")), 503, "ledger_unavailable", true)
	w.ledger.Invalidate(ledger.ShipmentCreate, 6)
	check("read conflict", w.call("POST", "/v1/shipments", shipmentBody("s2")), 409, "transaction_invalid", true)
	w.ledger.CommitUnknown(ledger.ShipmentCreate, 1)
	check("commit unknown", w.call("POST", "/v1/shipments", shipmentBody("s2")), 504, "commit_unknown", false)
	w.store.SetDown(true)
	check("store down", w.call("GET", "/v1/shipments/s1/telemetry", ""), 503, "store_unavailable", true)
	// The ledger's part is worth having alone, and what is not known does not look like none.
	var alone shapes.Shipment
	w.must(200, "GET", "/v1/shipments/s1", "").into(&alone)
	if alone.Messages != 0 || alone.Last.V != nil || !slices.Equal(alone.Unknown, []string{"last", "messages"}) {
		t.Errorf("%+v", alone)
	}
	w.store.SetDown(false)
	alone = shapes.Shipment{}
	w.must(200, "GET", "/v1/shipments/s1", "").into(&alone)
	if alone.Messages != 10 || alone.Unknown != nil {
		t.Errorf("%+v", alone)
	}
	check("unknown rule set", w.call("POST", "/v1/shipments", strings.Replace(shipmentBody("s2"), "general-2-8@1", "x@1", 1)), 422, "invalid_request", false)
	check("unknown query", w.call("GET", "/v1/shipments?stat=closed", ""), 422, "invalid_request", false)
	check("no route", w.call("GET", "/v1/nothing", ""), 404, "not_found", false)
	check("no method", w.call("PUT", "/v1/shipments", "{}"), 405, "method_not_allowed", false)
	check("large body", w.call("POST", "/v1/shipments", strings.Repeat(" ", 70_000)), 413, "too_large", false)
	check("media type", w.call("POST", "/v1/shipments", shipmentBody("s2"), "Content-Type", "text/xml"), 415, "unsupported_media_type", false)
	check("empty range", w.call("GET", "/v1/shipments/s1/telemetry?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", ""), 422, "invalid_request", false)
	check("bad time", w.call("GET", "/v1/shipments/s1/telemetry?from=yesterday", ""), 422, "invalid_request", false)
	check("forged cursor", w.call("GET", "/v1/shipments?cursor=AAAA", ""), 400, "invalid_cursor", false)
}
