package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trackseal/trackseal/ingest/internal/journal"
	"github.com/trackseal/trackseal/ingest/internal/registry"
	"github.com/trackseal/trackseal/ingest/internal/run"
	"github.com/trackseal/trackseal/ingest/internal/sequence"
	"github.com/trackseal/trackseal/internal/contract"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/node"
	"github.com/trackseal/trackseal/internal/node/nodetest"
	"github.com/trackseal/trackseal/internal/stored/transfer"
)

const (
	self   = "carrier.ingest"
	ours   = "carrier.S-1" // of carrier, shipper and consignee
	absent = "carrier.S-none"
	theirs = "shipper.T-1" // the shipper's tracker
)

// fake is an instance of the carrier's.
type fake struct{ seq *sequence.Sequencer }

func (f fake) Sequencer() *sequence.Sequencer { return f.seq }

func (fake) Shipment(id string) (*ledger.Shipment, bool) {
	return &ledger.Shipment{ID: ours, Custodian: "CarrierMSP", Assignments: []ledger.Assignment{{Tracker: "carrier.T-1"}, {Tracker: "carrier.T-2", ToMS: 1}},
		Parties: ledger.Parties{ledger.Carrier: {"CarrierMSP"}, ledger.Shipper: {"ShipperMSP"}, ledger.Consignee: {"ConsigneeMSP"}}}, id == ours
}

func (f fake) Seal(_ context.Context, shipment, by string) (run.SealResult, error) {
	r, _ := f.Shipment(ours)
	err := map[string]error{absent: run.ErrNoShipment, "carrier.S-live": run.ErrNotDelivered, "carrier.S-away": ledger.ErrUnavailable}[shipment]
	switch {
	case err != nil:
	case !r.IsParty(by):
		err = run.ErrNoShipment
	case !r.Handles(by):
		err = run.ErrNotTheirs
	default:
		err = f.seq.Seal(shipment)
	}
	if err != nil {
		return run.SealResult{}, fmt.Errorf("asked: %w", err)
	}
	return run.SealResult{Anchored: true}, nil
}

func (fake) Tracker(_ context.Context, id string) (*registry.Tracker, bool) {
	return &registry.Tracker{ID: id, Owner: "ShipperMSP", EnrolTx: "enrol", Windows: []registry.Window{{Shipment: ours, FromMS: 1}, {Shipment: absent, FromMS: 1}}}, id == theirs
}

func (fake) Intake(_ context.Context, m transfer.Intake) (transfer.Taken, error) {
	switch m.Topic {
	case "fast":
		return transfer.Taken{}, &run.TooFast{After: 1500 * time.Millisecond}
	case "moved":
		return transfer.Taken{}, run.ErrOtherInstance
	case "full":
		return transfer.Taken{}, run.ErrNotAccepting
	}
	return transfer.Taken{Accepted: len(m.Payload), Refused: []transfer.Refused{}}, nil
}

func (fake) Status(context.Context) run.Status {
	return run.Status{ID: self, Problems: map[string]string{"stores": "no room for " + ours}}
}

// world is the instance, and a log that can be read.
type world struct {
	*nodetest.Channel
	mux   *http.ServeMux
	log   bytes.Buffer
	seq   *sequence.Sequencer
	db    *journal.DB
	store *fakeStore
}

func newWorld(t *testing.T) *world {
	t.Helper()
	db, err := journal.Open(t.TempDir(), journal.Options{MinFree: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	seq, err := sequence.Open(db, sequence.Config{Channel: "trackseal", Ingest: self})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{Channel: nodetest.New(), mux: http.NewServeMux(), seq: seq, db: db, store: new(fakeStore)}
	Routes(w.mux, fake{seq}, w.store, "CarrierMSP", w.Callers(self), slog.New(slog.NewJSONHandler(&w.log, nil)))
	return w
}

// ask as a node of a member; org "" is nobody's.
func (w *world) ask(t *testing.T, org, role, method, path string) *httptest.ResponseRecorder {
	t.Helper()
	return w.send(t, org, role, method, path, "")
}

func (w *world) send(t *testing.T, org, role, method, path, body string) *httptest.ResponseRecorder {
	t.Helper()
	rec := httptest.NewRecorder()
	req := httptest.NewRequest(method, path, strings.NewReader(body))
	if body == "" {
		req = httptest.NewRequest(method, path, nil)
	}
	if org == "" {
		w.mux.ServeHTTP(rec, req)
		return rec
	}
	tr := &node.Transport{Identity: w.Identity(org, role), Audience: self, Now: nodetest.Now, Through: served{w.mux, rec}}
	if _, err := tr.RoundTrip(req); err != nil {
		t.Fatal(err)
	}
	return rec
}

type served struct {
	mux *http.ServeMux
	rec *httptest.ResponseRecorder
}

func (s served) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mux.ServeHTTP(s.rec, r)
	return s.rec.Result(), nil
}

// Each route, for each sort of caller.
func TestWhoMayAsk(t *testing.T) {
	w := newWorld(t)
	for path, want := range map[string][5]int{ // nobody, a party with the right to it, a party without, no party, a party's ingest
		"GET /v1/status":                                            {401, 200, 200, 200, 403},
		"GET /v1/nothing":                                           {401, 404, 404, 404, 403},
		"GET /v1/logs?shipment=" + ours:                             {401, 200, 200, 404, 403},
		"GET /v1/shipments/" + ours + "/trackers/T-1":               {401, 200, 200, 404, 403},
		"POST /v1/shipments/" + ours + "/seal":                      {401, 200, 403, 404, 403},
		"GET /v1/proof/consistency?first=0&second=0":                {401, 200, 200, 200, 403},
		"GET /v1/logs?shipment=" + absent:                           {401, 404, 404, 404, 403},
		"GET /v1/shipments/" + absent + "/trackers/T-1":             {401, 404, 404, 404, 403},
		"POST /v1/shipments/" + absent + "/seal":                    {401, 404, 404, 404, 403},
		"POST /v1/shipments/carrier.S-live/seal":                    {401, 409, 409, 409, 403},
		"POST /v1/shipments/carrier.S-away/seal":                    {401, 503, 503, 503, 403},
		"POST /v1/shipments/a%20b/seal":                             {401, 400, 400, 400, 403},
		"GET /v1/trackers/shipper.T-1/rejected":                     {401, 404, 200, 404, 403},
		"GET /v1/trackers/carrier.T-9/rejected":                     {401, 404, 404, 404, 403},
		"GET /v1/trackers/shipper.T-1/rejected?limit=202":           {401, 400, 400, 400, 403},
		"GET /v1/trackers/shipper.T-1/rejected?limit=1&before_ns=x": {401, 400, 400, 400, 403},
		"GET /v1/trackers/shipper.T-1/rejected?before_ns=13":        {401, 404, 503, 404, 403},
		"GET /v1/trackers/a%20b/rejected":                           {401, 400, 400, 400, 403},
		"GET /v1/logs":                                              {401, 400, 400, 400, 403},
		"GET /v1/logs?tracker=carrier.T-1":                          {401, 400, 400, 400, 403},
		"GET /v1/logs?shipment=..%2F":                               {401, 400, 400, 400, 403},
		"GET /v1/proof/consistency?first=2&second=1":                {401, 400, 400, 400, 403},
		"GET /v1/proof/consistency?first=0&second=1":                {401, 400, 400, 400, 403}, // the heads log is empty
		"GET /v1/proof/consistency?first=-1&second=x":               {401, 400, 400, 400, 403},
	} {
		method, target, _ := strings.Cut(path, " ")
		for i, caller := range []struct{ org, role string }{
			{"", ""}, {"carrier", contract.Operator}, {"shipper", contract.Operator}, {"auditor", contract.Operator}, {"carrier", contract.Ingest},
		} {
			w.log.Reset()
			a := w.ask(t, caller.org, caller.role, method, target)
			var body map[string]any
			if err := json.Unmarshal(a.Body.Bytes(), &body); err != nil || a.Code != want[i] {
				t.Errorf("%s by %v: came %d %s (%v), expected %d", path, caller, a.Code, a.Body, err, want[i])
			}
			if a.Code >= 400 && (a.Header().Get("Content-Type") != "application/problem+json" || body["code"] == nil) {
				t.Errorf("%s by %v: not a problem: %s", path, caller, a.Body)
			}
			if refused := a.Code == 401 || a.Code == 403; refused && !strings.Contains(w.log.String(), "a node was refused") {
				t.Errorf("%s by %v: no audit line, but %q", path, caller, w.log.String())
			}
		}
	}
}

// A shipment of others and one that is not there are answered alike.
func TestOthersShipmentsDoNotExist(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"GET /v1/logs?shipment=%s", "GET /v1/shipments/%s/trackers/T-1", "POST /v1/shipments/%s/seal"} {
		method, target, _ := strings.Cut(path, " ")
		theirs := w.ask(t, "auditor", contract.Operator, method, fmt.Sprintf(target, ours))
		none := w.ask(t, "auditor", contract.Operator, method, fmt.Sprintf(target, absent))
		if theirs.Code != 404 || theirs.Body.String() != none.Body.String() {
			t.Errorf("%s: of others %d %s, of none %d %s", path, theirs.Code, theirs.Body, none.Code, none.Body)
		}
	}
}

func TestAssigned(t *testing.T) {
	w := newWorld(t)
	for tracker, want := range map[string]string{"carrier.T-1": `{"assigned":true}`, "carrier.T-2": `{"assigned":false}`, "carrier.T-3": `{"assigned":false}`} {
		if a := w.ask(t, "consignee", contract.Operator, "GET", "/v1/shipments/"+ours+"/trackers/"+tracker); strings.TrimSpace(a.Body.String()) != want {
			t.Errorf("%s: came %s, expected %s", tracker, a.Body, want)
		}
	}
}

func TestRejected(t *testing.T) {
	w := newWorld(t)
	for query, want := range map[string]string{
		"limit=1":             `{"items":[{"at_ns":20,"received_ms":7,"reason":"malformed","detail":"d","topic":"t","count":2,"bytes":3,"hash":"h"}]}`,
		"limit=1&include=raw": `{"items":[{"at_ns":20,"received_ms":7,"reason":"malformed","detail":"d","topic":"t","count":2,"bytes":3,"hash":"h","raw":"cmF3"}]}`,
	} {
		if a := w.ask(t, "shipper", contract.Operator, "GET", "/v1/trackers/shipper.T-1/rejected?"+query); strings.TrimSpace(a.Body.String()) != want {
			t.Errorf("%s: came %s, expected %s", query, a.Body, want)
		}
	}
}

func TestProblemsAreTheOperatorsOwn(t *testing.T) {
	w := newWorld(t)
	for org, want := range map[string]bool{"carrier": true, "shipper": false} {
		a := w.ask(t, org, contract.Operator, "GET", "/v1/status").Body.String()
		if strings.Contains(a, ours) != want || !strings.Contains(a, `"stores"`) {
			t.Errorf("%s sees %s", org, a)
		}
	}
}

func TestTrail(t *testing.T) {
	w := newWorld(t)
	lines := func() (all []map[string]any) {
		for l := range strings.Lines(w.log.String()) {
			var m map[string]any
			if err := json.Unmarshal([]byte(l), &m); err != nil {
				t.Fatal(err)
			}
			all = append(all, m)
		}
		w.log.Reset()
		return all
	}
	w.ask(t, "carrier", contract.Operator, "POST", "/v1/shipments/"+ours+"/seal")
	got := lines()
	if len(got) != 1 || got[0]["member"] != "carrier" || got[0]["msp"] != "CarrierMSP" || got[0]["subject"] != "CN=node,OU=client" ||
		got[0]["path"] != "/v1/shipments/"+ours+"/seal" || got[0]["status"] != 200.0 {
		t.Errorf("a seal: %v", got)
	}
	w.ask(t, "auditor", contract.Operator, "GET", "/v1/logs?shipment="+ours)
	if got := lines(); len(got) != 1 || got[0]["member"] != "auditor" || got[0]["status"] != 404.0 || got[0]["why"] == "" {
		t.Errorf("a refusal: %v", got)
	}
	w.ask(t, "carrier", contract.Operator, "GET", "/v1/logs?shipment="+ours)
	w.ask(t, "carrier", contract.Operator, "GET", "/v1/logs?shipment="+absent)
	if got := lines(); len(got) != 0 {
		t.Errorf("reading leaves %v", got)
	}
	// A flood of nobody's fills no disk, and hides no member's.
	for range 500 {
		w.ask(t, "", "", "GET", "/v1/status")
	}
	w.ask(t, "shipper", contract.Operator, "POST", "/v1/shipments/"+ours+"/seal")
	got = lines()
	if n := len(got); n < 100 || n > 110 || !slices.ContainsFunc(got, func(m map[string]any) bool { return m["member"] == "shipper" && m["status"] == 403.0 }) {
		t.Errorf("%d lines after a flood, the last %v", n, got[n-1])
	}
}
