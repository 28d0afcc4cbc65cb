package httpapi_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/trackseal/trackseal/api/internal/audit"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/internal/ledger"
)

// TestAuditLog: every change and every refusal by authorisation, with who, by which token, what, and what came of it.
func TestAuditLog(t *testing.T) {
	w := newWorld(t)
	made := w.must(201, "POST", "/v1/shipments", shipmentBody("carrier.s1"), "Idempotency-Key", "k1")
	again := w.must(201, "POST", "/v1/shipments", shipmentBody("carrier.s1"), "Idempotency-Key", "k1")
	w.must(409, "POST", "/v1/shipments", shipmentBody("carrier.s1"))
	w.must(200, "GET", "/v1/shipments?state=closed", "") // reading is no change

	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/shipments", strings.NewReader(shipmentBody("carrier.s2")))
	want(t, "without a token", w.send(r).Code, 401)
	r = httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/shipments/carrier.s1", nil)
	r.Header.Set("Authorization", "Bearer "+w.token("only-anchors:read"))
	want(t, "without the scope", w.send(r).Code, 403)
	r = httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/shipments/carrier.s2", nil)
	r.Header.Set("Share", "carrier.s1")
	want(t, "another shipment than the shared one", w.send(r).Code, 404)
	w.ledger.FailAfter(ledger.ShipmentCreate, 1)
	w.must(504, "POST", "/v1/shipments", shipmentBody("carrier.s3"))

	var list rest.List[audit.Record]
	w.must(200, "GET", "/v1/audit", "").into(&list)
	tx := func(a audit.Record) int { return len(a.Tx) }
	type line struct {
		kind, operation, path, client, code string
		status, tx                          int
		replayed                            bool
	}
	var got []line
	for i, a := range list.Items {
		got = append(got, line{a.Kind, a.Operation, a.Path, a.Client, a.Code, a.Status, tx(a), a.Replayed})
		if a.N != uint64(i+1) || a.Request == "" || a.Time == "" || a.Remote == "" || (a.Client != "") != (a.Org == "carrier") {
			t.Errorf("record %d: %+v, want a number, a request, a time, an address, and an organisation with each client", i+1, a)
		}
		if a.Kind == audit.Change && (a.Token == "" || a.Subject != "carrier-admin" || a.Issuer != "http://issuer.test") {
			t.Errorf("record %d: %+v, want subject, issuer and token id", i+1, a)
		}
	}
	wanted := []line{
		{"change", "create-shipment", "/v1/shipments", "carrier-admin", "", 201, 1, false},
		{"change", "create-shipment", "/v1/shipments", "carrier-admin", "", 201, 0, true},
		{"change", "create-shipment", "/v1/shipments", "carrier-admin", "exists", 409, 0, false},
		{"refusal", "create-shipment", "/v1/shipments", "", "unauthenticated", 401, 0, false},
		{"refusal", "get-shipment", "/v1/shipments/carrier.s1", "only-anchors:read", "missing_scope", 403, 0, false},
		{"refusal", "get-shipment", "/v1/shipments/carrier.s2", "share", "not_found", 404, 0, false},
		{"change", "create-shipment", "/v1/shipments", "carrier-admin", "commit_unknown", 504, 1, false},
	}
	if len(got) != len(wanted) {
		t.Fatalf("%d records, want %d: %+v", len(got), len(wanted), got)
	}
	for i := range wanted {
		want(t, "record", got[i], wanted[i])
	}
	want(t, "request of the first", list.Items[0].Request, made.Header.Get("Trace-Id"))
	want(t, "request of the second", list.Items[1].Request, again.Header.Get("Trace-Id"))

	// Pages, and the same as lines that hang together.
	var seen []audit.Record
	for path := "/v1/audit?limit=3"; path != ""; {
		var page rest.List[audit.Record]
		w.must(200, "GET", path, "").into(&page)
		seen = append(seen, page.Items...)
		if path = ""; page.Next != "" {
			path = "/v1/audit?limit=3&cursor=" + page.Next
		}
	}
	want(t, "records by pages", len(seen), len(wanted))
	w.reopen()
	export := w.must(200, "GET", "/v1/audit/export", "")
	want(t, "type of the export", export.Header.Get("Content-Type"), "application/x-ndjson")
	last, end, err := audit.Check(bytes.NewReader(export.Body), "")
	if err != nil || last.N != uint64(len(wanted)) {
		t.Errorf("the export: last %+v, %v; want %d lines that follow one another", last, err, len(wanted))
	}
	w.must(201, "POST", "/v1/shipments", shipmentBody("carrier.s4"))
	if _, _, err := audit.Check(bytes.NewReader(w.must(200, "GET", "/v1/audit/export?from=8", "").Body), end); err != nil {
		t.Errorf("the next export: %v", err)
	}
}

// TestRefusedLogin: a wrong secret is recorded with the client that it was tried for, and never itself.
func TestRefusedLogin(t *testing.T) {
	w := newWorld(t)
	for _, form := range []string{"client_id=carrier-admin&client_secret=wr0ng", "client_id=" + secret + "&client_secret=carrier-admin"} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/oauth2/token", strings.NewReader("grant_type=client_credentials&"+form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		want(t, "login with "+form, w.send(r).Code, 401)
	}
	var list rest.List[audit.Record]
	body := w.must(200, "GET", "/v1/audit", "")
	body.into(&list)
	if len(list.Items) != 2 || list.Items[0].Client != "carrier-admin" || list.Items[0].Subject != "" || list.Items[1].Client != "" || list.Items[1].Code != "invalid_client" {
		t.Errorf("%s, want two refusals, the first for carrier-admin, the second for nobody", body.Body)
	}
	if strings.Contains(string(body.Body), secret) || strings.Contains(string(body.Body), "wr0ng") {
		t.Errorf("%s, want no secret in it", body.Body)
	}
}

// lines is a log's output, safe for several writers.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// TestAccessLog: one line a request, by whom and with what answer, and nothing that opens a door or tells what was written.
func TestAccessLog(t *testing.T) {
	w := newWorld(t)
	var out lines
	w.log = slog.New(slog.NewJSONHandler(&out, nil))
	w.reopen()
	token := w.token("carrier-admin")
	made := w.must(201, "POST", "/v1/shipments", shipmentBody("carrier.s1"))
	w.must(200, "GET", "/v1/shipments?state=created", "")
	w.anonymous(401, http.MethodGet, "/v1/shipments/carrier.s1", "")
	form := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/oauth2/token", strings.NewReader("grant_type=client_credentials&client_id=carrier-admin&client_secret="+secret))
	form.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	want(t, "token", w.send(form).Code, 200)
	w.bearing(200, token, http.MethodGet, "/v1/shipments/carrier.s1", "")

	type line struct {
		Msg, Path, Client, Operation string
		TraceID                      string `json:"trace_id"`
		Status                       int
		Audit                        uint64
	}
	var got []line
	for d := json.NewDecoder(bytes.NewReader(out.b.Bytes())); d.More(); {
		var l line
		if err := d.Decode(&l); err != nil {
			t.Fatal(err)
		}
		if l.Msg == "request" {
			got = append(got, l)
		}
	}
	if len(got) != 5 {
		t.Fatalf("%d lines for 5 requests: %s", len(got), out.b.String())
	}
	want(t, "the change", got[0], line{"request", "/v1/shipments", "carrier-admin", "create-shipment", made.Header.Get("Trace-Id"), 201, 1})
	want(t, "the refusal", got[2].Status, 401)
	want(t, "the refusal's record", got[2].Audit, 2)
	for _, what := range []string{secret, token, token[strings.LastIndexByte(token, '.'):], "vaccines", "state=created", "client_secret"} {
		if strings.Contains(out.b.String(), what) {
			t.Errorf("the log holds %q: %s", what, out.b.String())
		}
	}
}
