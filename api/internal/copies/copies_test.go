package copies

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/trackseal/trackseal/api/internal/fakestore"
	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/contract"
	"github.com/trackseal/trackseal/internal/evidence/evidencetest"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/node"
	"github.com/trackseal/trackseal/internal/node/nodetest"
	"github.com/trackseal/trackseal/internal/stored/copying"
	"github.com/trackseal/trackseal/internal/stored/transfer"
	"github.com/trackseal/trackseal/internal/telemetry"
)

const instance = "carrier.ingest-1"

// world is the API of the shipper, who has a copy of a shipment of which the auditor is no party, and of its own tracker's log.
type world struct {
	*nodetest.Channel
	t              *testing.T
	handler        http.Handler
	log            bytes.Buffer
	store          *fakestore.Store
	ship, own      copying.Ref // logs of the shipment, and of the shipper's tracker
	shipment, hide ledger.Shipment
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{Channel: nodetest.New(), t: t, store: new(fakestore.Store)}
	carrier, shipper := w.As("CarrierMSP"), w.As("ShipperMSP")
	of := evidencetest.NewTracker("shipper.T-1", telemetry.Ed25519)
	key := evidencetest.KeyOf(of.Signer, 0, "")
	proof, err := telemetry.Sign(of.Signer, ledger.PossessionBytes(of.ID, "ShipperMSP", key.Alg, key.Public))
	w.check(err)
	tracker, _, err := ledger.TrackerEnrol.Do(t.Context(), shipper, ledger.EnrolArgs{ID: of.ID, Alg: key.Alg, Public: key.Public, Proof: hex.EncodeToString(proof)})
	w.check(err)
	rules, _ := compliance.Lookup("general-2-8@1")
	create := ledger.CreateArgs{ID: "carrier.S-1", RuleSet: rules.Ref(), RuleSetHash: rules.Hash(),
		Parties: ledger.Parties{ledger.Carrier: {"CarrierMSP"}, ledger.Shipper: {"ShipperMSP"}, ledger.Consignee: {"ConsigneeMSP"}}}
	w.shipment, _, err = ledger.ShipmentCreate.Do(t.Context(), carrier, create)
	w.check(err)
	create.ID, create.Parties = "carrier.S-2", ledger.Parties{ledger.Carrier: {"CarrierMSP"}, ledger.Consignee: {"ConsigneeMSP"}}
	w.hide, _, err = ledger.ShipmentCreate.Do(t.Context(), carrier, create)
	w.check(err)
	ms := nodetest.Now().UnixMilli()
	for _, r := range []ledger.Shipment{w.shipment, w.hide} { // the store has more than it should: the ledger says who may
		in := &fakestore.Ingest{Name: instance, Store: w.store, Ledger: discard{}, Shipment: r, NowMS: func() int64 { return ms }}
		for range 3 {
			ms += 1000
			w.check(in.Signed(of.Message(ms, nil)))
		}
		w.check(in.Anchor(t.Context(), false))
	}
	w.ship = copying.RefOf(ledger.Channel, copying.Subject{Kind: anchor.Shipment, ID: w.shipment.ID, OpenTx: w.shipment.CreateTx}, instance, instance)
	w.own = copying.RefOf(ledger.Channel, copying.Subject{Kind: anchor.Tracker, ID: of.ID, OpenTx: tracker.EnrolTx}, instance, instance)
	s := &Server{Channel: ledger.Channel, Callers: w.Callers("shipper"), Ledger: shipper, Store: w.store, Log: slog.New(slog.NewJSONHandler(&w.log, nil)),
		Outside: func(string) [][]byte { return [][]byte{{1, 2}} }}
	w.handler = s.Handler()
	return w
}

func (w *world) check(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) RoundTrip(r *http.Request) (*http.Response, error) {
	rec := httptest.NewRecorder()
	r.RequestURI = r.URL.RequestURI()
	w.handler.ServeHTTP(rec, r)
	return rec.Result(), nil
}

// through signs as an organisation's client with a role.
func (w *world) through(org, role string) http.RoundTripper {
	return &node.Transport{Identity: w.Identity(org, role), Audience: "shipper", Now: nodetest.Now, Through: w}
}

func (w *world) ask(org, role, path string) *httptest.ResponseRecorder {
	w.t.Helper()
	rec := httptest.NewRecorder()
	req := httptest.NewRequest("GET", "http://shipper.test"+path, nil)
	if org == "" {
		w.handler.ServeHTTP(rec, req)
		return rec
	}
	resp, err := w.through(org, role).RoundTrip(req)
	w.check(err)
	rec.Code = resp.StatusCode
	_, err = rec.Body.ReadFrom(resp.Body)
	w.check(err)
	return rec
}

// A shipment's log is for its parties, a tracker's for its owner, and each for the operator who wrote it. To all others there is none, and that
// leaves a line.
func TestWhoMayCopy(t *testing.T) {
	w := newWorld(t)
	named := func(of copying.Ref, whose, id, ingest string) string {
		return "/v1/node/logs/" + of.Log + "/messages?" + url.Values{whose: {id}, "ingest": {ingest}}.Encode()
	}
	heads := "/v1/node/logs/" + w.ship.Log + "/heads?" + url.Values{"shipment": {w.shipment.ID}, "ingest": {instance}, "heads": {w.ship.Heads}}.Encode()
	hidden := copying.RefOf(ledger.Channel, copying.Subject{Kind: anchor.Shipment, ID: w.hide.ID, OpenTx: w.hide.CreateTx}, instance, instance)
	for path, want := range map[string][6]int{ // nobody, the operator, its ingest, a party, a party's ingest, no party
		heads: {401, 200, 200, 200, 404, 404},
		named(w.ship, "shipment", w.shipment.ID, instance):                                                      {401, 200, 200, 200, 404, 404},
		named(w.own, "tracker", "shipper.T-1", instance):                                                        {401, 200, 200, 404, 404, 404},
		named(w.ship, "shipment", "carrier.S-none", instance):                                                   {401, 404, 404, 404, 404, 404},
		named(w.ship, "tracker", "shipper.T-none", instance):                                                    {401, 404, 404, 404, 404, 404},
		named(w.ship, "shipment", w.shipment.ID, "auditor.ingest-1"):                                            {401, 404, 404, 404, 404, 404}, // not the log of that instance
		named(hidden, "shipment", w.shipment.ID, instance):                                                      {401, 404, 404, 404, 404, 404}, // another's log under our name
		named(hidden, "shipment", w.hide.ID, instance):                                                          {401, 404, 404, 404, 404, 404}, // of which this node is no party
		named(w.ship, "shipment", "", instance):                                                                 {401, 400, 400, 400, 400, 400},
		"/v1/node/logs/" + w.ship.Log + "/messages?from=x":                                                      {401, 400, 400, 400, 400, 400},
		"/v1/node/logs/" + w.ship.Log + "/messages?from=2&to=2":                                                 {401, 400, 400, 400, 400, 400},
		"/v1/node/shipments/" + w.shipment.ID + "/outside":                                                      {401, 200, 404, 200, 404, 404},
		"/v1/node/shipments/" + w.hide.ID + "/outside":                                                          {401, 404, 404, 404, 404, 404},
		"/v1/node/trackers/shipper.T-1/quality?from=0&to=1000":                                                  {401, 404, 404, 404, 404, 404},
		"/v1/node/trackers/shipper.T-1/quality?from=0&to=1000&shipment=" + w.shipment.ID:                        {401, 404, 404, 404, 404, 404}, // never on it
		"/v1/node/trackers/shipper.T-1/quality?from=0&to=1000000000&shipment=" + url.QueryEscape(w.shipment.ID): {401, 400, 400, 400, 400, 400},
	} {
		for i, by := range [][2]string{{"", ""}, {"carrier", contract.Operator}, {"carrier", contract.Ingest}, {"consignee", contract.Operator}, {"consignee", contract.Ingest}, {"auditor", contract.Operator}} {
			w.log.Reset()
			a := w.ask(by[0], by[1], path)
			if a.Code != want[i] {
				t.Errorf("%s by %v: came %d %s, expected %d", path, by, a.Code, a.Body, want[i])
			}
			if a.Code != 200 && strings.Contains(a.Body.String(), "T-1") {
				t.Errorf("%s by %v: the refusal tells of the tracker: %s", path, by, a.Body)
			}
			if (a.Code == 401 || a.Code == 404) && !strings.Contains(w.log.String(), "a node was refused") {
				t.Errorf("%s by %v: no line, but %q", path, by, w.log.String())
			}
		}
	}
	// What is others' and what is not there are answered alike.
	a, b := w.ask("auditor", contract.Operator, named(w.ship, "shipment", w.shipment.ID, instance)), w.ask("auditor", contract.Operator, named(w.ship, "shipment", "carrier.S-none", instance))
	if a.Body.String() != b.Body.String() {
		t.Errorf("of others %s, of none %s", a.Body, b.Body)
	}
}

// What is given is what the store has, in the form of an ingest's node.
func TestGives(t *testing.T) {
	w := newWorld(t)
	c, err := node.NewCopies("shipper", "http://shipper.test"+node.APICopies, w.through("consignee", contract.Operator))
	w.check(err)
	page, err := c.LogHeads(t.Context(), w.ship, 0)
	if err != nil || len(page.Items) != 1 {
		t.Fatalf("came %d heads, %v; expected 1", len(page.Items), err)
	}
	if h, err := page.Items[0].Stored(w.ship.Heads); err != nil || h.Size != 3 || h.Log != w.ship.Log {
		t.Errorf("the head is %+v, %v", h, err)
	}
	if page, err := c.LogHeads(t.Context(), w.ship, 1); err != nil || len(page.Items) != 0 {
		t.Errorf("after the last: %d heads, %v", len(page.Items), err)
	}
	other := w.ship
	other.Heads = strings.Repeat("ab", 32)
	if page, err := c.LogHeads(t.Context(), other, 0); err != nil || len(page.Items) != 0 {
		t.Errorf("of a heads log that has none of it: %d heads, %v", len(page.Items), err)
	}
	messages, err := c.Messages(t.Context(), w.ship, 1, 3, false)
	if err != nil || len(messages.Items) != 2 {
		t.Errorf("came %d messages, %v; expected 2", len(messages.Items), err)
	}
	around, err := c.Outside(t.Context(), w.shipment.ID, 3)
	if err != nil || fmt.Sprint(around.Items) != "[[1 2]]" {
		t.Errorf("around it came %v, %v", around.Items, err)
	}
	w.store.SetDown(true)
	if _, err := c.Messages(t.Context(), w.ship, 0, 3, false); err == nil || strings.Contains(err.Error(), transfer.ErrNone.Error()) {
		t.Errorf("without a store: %v, expected that it cannot be asked", err)
	}
}

// discard is a ledger that takes each anchor: who may have a copy does not depend on them.
type discard struct{}

func (discard) Submit(_ context.Context, _ string, arg any) (ledger.Result, error) {
	raw, err := json.Marshal(arg)
	return ledger.Result{TxID: "anchored", Payload: raw}, err
}
