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
	w.ship("carrier.s1")

	var s shapes.Shipment
	got := w.must(200, "GET", "/v1/shipments/carrier.s1", "")
	got.into(&s)
	want(t, "state", s.State, "in_transit")
	want(t, "custodian", s.Custodian, "carrier")
	want(t, "auditors", s.Parties["auditor"], []string{"auditor"})
	want(t, "messages", s.Messages, 10)
	want(t, "verdict", s.Verdict, "none")
	want(t, "last temperature", present(t, "last reading", s.Last.V).Values["temperature"], 26)
	tag := got.Header.Get("ETag")
	if r := w.call("GET", "/v1/shipments/carrier.s1", "", "If-None-Match", `"other", W/`+tag); r.Code != 304 || len(r.Body) != 0 || r.Header.Get("ETag") != tag {
		t.Fatalf("with its tag: got %d, tag %q, %d bytes, want 304, tag %q and nothing", r.Code, r.Header.Get("ETag"), len(r.Body), tag)
	}

	var list rest.List[shapes.Shipment]
	w.must(200, "GET", "/v1/shipments?state=in_transit&limit=5", "").into(&list)
	want(t, "shipments in transit", len(list.Items), 1)
	want(t, "shipment in transit", list.Items[0].ID, "carrier.s1")
	want(t, "next page of shipments", list.Next, "")
	var telemetry rest.List[map[string]any]
	w.must(200, "GET", "/v1/shipments/carrier.s1/telemetry?limit=4&fields=temperature", "").into(&telemetry)
	want(t, "readings on the first page", len(telemetry.Items), 4)
	want(t, "there is a second page", telemetry.Next != "", true)
	seen := 4
	for telemetry.Next != "" {
		next := telemetry.Next
		telemetry = rest.List[map[string]any]{}
		w.must(200, "GET", "/v1/shipments/carrier.s1/telemetry?limit=4&fields=temperature&cursor="+next, "").into(&telemetry)
		seen += len(telemetry.Items)
	}
	want(t, "readings over all pages", seen, 10)
	from, to := s.Assignments[0].From+60_000, s.Assignments[0].From+180_000
	telemetry = rest.List[map[string]any]{}
	w.must(200, "GET", "/v1/shipments/carrier.s1/telemetry?from="+from.String()+"&to="+to.String()+"&tracker=carrier.t-s1", "").into(&telemetry)
	want(t, "readings in the range", len(telemetry.Items), 2)
	want[any](t, "time of the first one", telemetry.Items[0]["time"], from.String())
	telemetry = rest.List[map[string]any]{}
	w.must(200, "GET", "/v1/shipments/carrier.s1/telemetry?every=5m", "").into(&telemetry)
	if n := len(telemetry.Items); n < 2 || n > 3 {
		t.Fatalf("got %d windows of 5 minutes, want 2 or 3", n)
	}
	if _, single := telemetry.Items[0]["time"]; single || telemetry.Items[0]["from"] == nil {
		t.Fatalf("window: got %v, want `from` and no `time`", telemetry.Items[0])
	}

	var messages rest.List[telemetryapi.Message]
	w.must(200, "GET", "/v1/shipments/carrier.s1/messages?limit=1000", "").into(&messages)
	w.must(422, "GET", "/v1/shipments/carrier.s1/messages?limit=1001", "")
	w.must(200, "GET", "/v1/shipments/carrier.s1/messages?limit=9&include=raw", "").into(&messages)
	want(t, "messages on the first page", len(messages.Items), 9)
	want(t, "status of leaf 7", messages.Items[7].Status, "anchored")
	want(t, "status of leaf 8", messages.Items[8].Status, "logged")
	want(t, "the bytes are included", messages.Items[0].Raw != nil, true)
	want(t, "kind", messages.Items[0].Kind, "data")
	next := messages.Next
	messages = rest.List[telemetryapi.Message]{}
	w.must(200, "GET", "/v1/shipments/carrier.s1/messages?limit=9&cursor="+next, "").into(&messages)
	want(t, "messages on the last page", len(messages.Items), 1)
	want(t, "leaf on the last page", messages.Items[0].Leaf, 9)
	want(t, "the bytes are included unasked", messages.Items[0].Raw != nil, false)
	want(t, "page after the last", messages.Next, "")

	var c judging.Compliance
	w.must(200, "GET", "/v1/shipments/carrier.s1/compliance", "").into(&c)
	want(t, "rule set", c.RuleSet.Ref, "general-2-8@1")
	want(t, "hash of the rule set", c.RuleSet.Hash, c.RuleSetHash)
	want(t, "there is an excursion", len(c.Excursions) > 0, true)
	var v evidenceapi.Verification
	w.must(200, "GET", "/v1/shipments/carrier.s1/verification", "").into(&v)
	want(t, "verified", v.OK, true)
	want(t, "verified messages", v.Messages, 10)
	want(t, "not anchored yet", v.Logs[0].Logged, 2)
	// A message that ingest has logged and not stored yet is no finding; one that it has stored is.
	all := w.store.Stored
	w.store.Stored = slices.DeleteFunc(slices.Clone(all), func(m stored.Message) bool { return m.Leaf == 9 })
	points := w.store.Points
	w.store.Points = slices.DeleteFunc(slices.Clone(points), func(p fakestore.Point) bool { return p.Leaf == 9 })
	w.ingest.queue = 1
	w.must(200, "GET", "/v1/shipments/carrier.s1/verification", "").into(&v)
	want(t, "verified while a message waits to be stored", v.OK, true)
	want(t, "messages while one waits to be stored", v.Messages, 9)
	w.ingest.queue = 0
	w.must(200, "GET", "/v1/shipments/carrier.s1/verification", "").into(&v)
	if v.OK {
		t.Fatal("a message that was deleted before its anchor is no finding")
	}
	w.store.Stored, w.store.Points = all, points

	// Custody to the consignee, through its own api.
	w.must(201, "POST", "/v1/shipments/carrier.s1/handovers", `{"to":"consignee","note":"dock 4"}`)
	other := newWorldOf(t, "consignee", w)
	other.ingest.set(w.ingest.Ingest)
	var handovers rest.List[shapes.Handover]
	other.must(200, "GET", "/v1/shipments/carrier.s1/handovers", "").into(&handovers)
	want(t, "handovers", len(handovers.Items), 1)
	want(t, "state of the handover", handovers.Items[0].State, "proposed")
	want(t, "heads at the handover", len(handovers.Items[0].Heads), 1)
	other.must(200, "POST", "/v1/shipments/carrier.s1/handovers/current/reject", `{"reason":"wrong dock"}`)
	w.must(201, "POST", "/v1/shipments/carrier.s1/handovers", `{"to":"consignee"}`)
	other.must(200, "POST", "/v1/shipments/carrier.s1/handovers/current/accept", "")
	want(t, "closing before delivery", w.call("POST", "/v1/shipments/carrier.s1/close", "").problem().Code, "bad_state")
	if w.ingest.seals+other.ingest.seals != 0 {
		t.Fatal("sealed before delivery")
	}
	other.must(200, "POST", "/v1/shipments/carrier.s1/deliver", "")
	var closed shipments.Close
	w.must(200, "POST", "/v1/shipments/carrier.s1/close", "").into(&closed)
	w.must(200, "POST", "/v1/shipments/carrier.s1/close", "").into(&closed)
	want(t, "heads at the close", len(closed.Heads), 1)
	want(t, "size at the close", closed.Heads[0].Size, 10)
	want(t, "closed by", closed.By, "carrier")
	w.must(200, "GET", "/v1/shipments/carrier.s1/verification", "").into(&v)
	want(t, "verified after the close", v.OK, true)
	want(t, "not anchored after the close", v.Logs[0].Logged, 0)
	var anchors rest.List[shapes.Anchor]
	w.must(200, "GET", "/v1/anchors?limit=1", "").into(&anchors)
	want(t, "anchors on a page", len(anchors.Items), 1)
	want(t, "size of the first anchor", anchors.Items[0].Size, 2)
	want(t, "there are more anchors", anchors.Next != "", true)
	var network networkapi.Network
	w.must(200, "GET", "/v1/network", "").into(&network)
	want(t, "the network is well", network.OK, true)
	want(t, "nodes", len(network.Nodes), 8)
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
				t.Errorf("node %d, %d blocks behind: got ok = %v, up = %v, want %v and true", node, c.behind, network.OK, network.Nodes[node].Up, c.ok)
			}
		}
	}
}

func TestTrackers(t *testing.T) {
	w := newWorld(t)
	var tr trackers.Tracker
	w.must(201, "POST", "/v1/trackers", enrolBody(t, "carrier", "carrier.t1")).into(&tr)
	want(t, "trust", tr.Trust, "device_signed")
	want(t, "algorithm", tr.Alg, "Ed25519")
	want(t, "has a key id", tr.KID != "", true)
	want(t, "has a topic for messages", tr.MQTT.TopicUp != "", true)
	want(t, "secret of a signing tracker", tr.Secret, "")
	tr = trackers.Tracker{}
	w.must(201, "POST", "/v1/trackers", `{"id":"carrier.t2","unsigned":true,"model":"old"}`).into(&tr)
	want(t, "trust", tr.Trust, "unsigned")
	want(t, "has a secret", tr.Secret != "", true)
	want(t, "has a topic for JSON", tr.MQTT.TopicJSON != "", true)
	want(t, "topic for signed messages", tr.MQTT.TopicUp, "")
	if b := w.must(200, "GET", "/v1/trackers/carrier.t2", "").Body; strings.Contains(string(b), tr.Secret) {
		t.Fatal("the secret is given twice")
	}
	first := tr.Secret
	for _, tc := range []struct{ path, body string }{
		{"/v1/trackers/carrier.t1/rotate", `{"unsigned":true}`},                 // it signs
		{"/v1/trackers/carrier.t2/rotate", bodies["rotate-tracker"]},            // it cannot
		{"/v1/trackers/carrier.t2/rotate", `{"unsigned":true,"lost":true}`},     // there is no key to lose
		{"/v1/trackers/carrier.t2/rotate", `{"public_key":"","alg":"Ed25519"}`}, // neither
		{"/v1/trackers/carrier.t2/rotate", `{}`},
	} {
		if r := w.call("POST", tc.path, tc.body); r.Code != 422 && r.Code != 409 {
			t.Errorf("%s %s: got %d %s, want a refusal", tc.path, tc.body, r.Code, r.Body)
		}
	}
	w.must(200, "POST", "/v1/trackers/carrier.t2/rotate", `{"unsigned":true}`).into(&tr)
	want(t, "a new secret", tr.Secret != "" && tr.Secret != first, true)
	w.must(200, "POST", "/v1/trackers/carrier.t1/calibration", `{"ref":"cert-9","hash":"`+strings.Repeat("ab", 32)+`","valid_from":"2026-01-01T00:00:00Z","valid_to":"2027-01-01T00:00:00.000Z"}`).into(&tr)
	want(t, "calibrated from", present(t, "calibration", tr.Calibration.V).ValidFrom.String(), "2026-01-01T00:00:00.000Z")
	w.must(200, "POST", "/v1/trackers/carrier.t1/revoke", `{"cause":"lost"}`).into(&tr)
	if tr.RevokedAt.V == nil {
		t.Fatal("not revoked")
	}
	for _, tc := range []struct {
		body string
		code int
	}{
		{enrolBody(t, "carrier", "carrier.t1"), 409},
		{enrolBody(t, "shipper", "carrier.t3"), 422}, // the proof names another owner
		{`{"id":"carrier.t4"}`, 422},
		{`{"id":"carrier.t4","unsigned":true,"alg":"Ed25519"}`, 422},
		{`{"id":"carrier.t4","unsigned":true,"extra":1}`, 422},
		{`{"ID":"carrier.t4","unsigned":true}`, 422},
		{`{"id":"../x","unsigned":true}`, 422},
		{`{`, 400},
		{``, 400},
	} {
		if r := w.call("POST", "/v1/trackers", tc.body); r.Code != tc.code {
			t.Errorf("%s: got %d %s, want %d", tc.body, r.Code, r.Body, tc.code)
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
	want(t, "trackers over all pages", n, 7)
}

func TestFailuresHaveTheirStatus(t *testing.T) {
	w := newWorld(t)
	w.ship("carrier.s1")
	check := func(name string, r response, status int, code string, retry bool) {
		t.Helper()
		p := r.problem()
		if r.Code != status || string(p.Code) != code || (r.Header.Get("Retry-After") != "") != retry {
			t.Errorf("%s: got %d %s, want %d %s, to be tried again = %v", name, r.Code, r.Body, status, code, retry)
		}
	}
	w.ledger.FailBefore(ledger.ShipmentCreate, 1)
	check("ledger away", w.call("POST", "/v1/shipments", shipmentBody("carrier.s2")), 503, "ledger_unavailable", true)
	w.ledger.Invalidate(ledger.ShipmentCreate, 1)
	check("read conflict", w.call("POST", "/v1/shipments", shipmentBody("carrier.s2")), 409, "transaction_invalid", true)
	w.ledger.CommitUnknown(ledger.ShipmentCreate, 1)
	check("commit unknown", w.call("POST", "/v1/shipments", shipmentBody("carrier.s2")), 504, "commit_unknown", false)
	w.store.SetDown(true)
	check("store down", w.call("GET", "/v1/shipments/carrier.s1/telemetry", ""), 503, "store_unavailable", true)
	// The ledger's part is worth having alone, and what is not known does not look like none.
	var alone shapes.Shipment
	w.must(200, "GET", "/v1/shipments/carrier.s1", "").into(&alone)
	want(t, "messages without the store", alone.Messages, 0)
	want(t, "last reading without the store", alone.Last.V != nil, false)
	want(t, "unknown without the store", alone.Unknown, []string{"last", "messages"})
	w.store.SetDown(false)
	alone = shapes.Shipment{}
	w.must(200, "GET", "/v1/shipments/carrier.s1", "").into(&alone)
	want(t, "messages", alone.Messages, 10)
	want(t, "unknown", len(alone.Unknown), 0)
	check("unknown rule set", w.call("POST", "/v1/shipments", strings.Replace(shipmentBody("carrier.s2"), "general-2-8@1", "x@1", 1)), 422, "invalid_request", false)
	check("unknown query", w.call("GET", "/v1/shipments?stat=closed", ""), 422, "invalid_request", false)
	check("no route", w.call("GET", "/v1/nothing", ""), 404, "not_found", false)
	check("no method", w.call("PUT", "/v1/shipments", "{}"), 405, "method_not_allowed", false)
	check("large body", w.call("POST", "/v1/shipments", strings.Repeat(" ", 70_000)), 413, "too_large", false)
	check("media type", w.call("POST", "/v1/shipments", shipmentBody("carrier.s2"), "Content-Type", "text/xml"), 415, "unsupported_media_type", false)
	check("empty range", w.call("GET", "/v1/shipments/carrier.s1/telemetry?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", ""), 422, "invalid_request", false)
	check("bad time", w.call("GET", "/v1/shipments/carrier.s1/telemetry?from=yesterday", ""), 422, "invalid_request", false)
	check("forged cursor", w.call("GET", "/v1/shipments?cursor=AAAA", ""), 400, "invalid_cursor", false)
}
