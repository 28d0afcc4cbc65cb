package httpapi_test

import (
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"encoding/json"

	"github.com/danielgtaylor/huma/v2"

	"github.com/trackseal/trackseal/api/internal/access"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// each calls fn for every operation of the OpenAPI document, so that a new route is tested without being named here.
func each(w *world, fn func(op *huma.Operation)) {
	paths := w.api.OpenAPI().Paths
	names := make([]string, 0, len(paths))
	for p := range paths {
		names = append(names, p)
	}
	slices.Sort(names)
	for _, p := range names {
		i := paths[p]
		for _, op := range []*huma.Operation{i.Get, i.Put, i.Post, i.Delete, i.Patch, i.Options, i.Head} {
			if op != nil {
				fn(op)
			}
		}
	}
}

// bodies are right for the operations that need one.
var bodies = map[string]string{
	"enrol-tracker":       `{"id":"new","unsigned":true}`,
	"rotate-tracker":      `{"public_key":"` + strings.Repeat("ab", 32) + `","alg":"Ed25519","proof":"` + strings.Repeat("ab", 64) + `","lost":true}`,
	"revoke-tracker":      `{"cause":"x"}`,
	"sensors-tracker":     `{"sensors":[{"quantity":"temperature","model":"ds18b20"}]}`,
	"serve-tracker":       `{"operator":"carrier"}`,
	"set-tracker-profile": `{"profile":"thingsboard-device@1"}`,
	"set-tracker-gateway": `{"gateway":"carrier.t-s2"}`,
	"import-trackers":     "id,model\nI-1,probe\n",
	"calibration-tracker": `{"ref":"r","hash":"` + strings.Repeat("ab", 32) + `","valid_from":"2026-01-01T00:00:00Z","valid_to":"2027-01-01T00:00:00Z"}`,
	"create-shipment":     `{"id":"new",` + parties + `,"rule_set":"general-2-8@1"}`,
	"assign-tracker":      `{"tracker":"carrier.t-s1"}`,
	"propose-handover":    `{"to":"consignee"}`,
	"reject-handover":     `{"reason":"x"}`,
	"withdraw-handover":   `{"reason":"x"}`,

	"finish-sign-in":        `{"code":"x","code_verifier":"` + strings.Repeat("x", 43) + `"}`,
	"acknowledge-excursion": `{"meaning":"reviewed","reason":"x"}`,
	"dispose-shipment":      `{"decision":"quarantine","meaning":"responsibility","reason":"x","verdict_revision":0}`,
	"claim-breach":          `{"rule":"hot","messages":[{"log":"` + strings.Repeat("ab", 32) + `","leaf":0}]}`,
	"take-message":          `{"temperature":4.5}`,
	"make-intake-secret":    `{"header":"X-Signature"}`,
	"publish-rule-set":      ruleSetBody("mine", 1),
	"publish-profile":       probeProfile,
	"try-profile":           `{"profile":"plain-json@1","payload":{"temperature":4.5}}`,
	"import-codec":          `{"id":"c","carrier":"ttn-v3","licence":"MIT","script":"function decodeUplink(i) { return { data: { temperature: 1 } } }","description":"[{\"input\":{\"bytes\":[1]},\"output\":{\"data\":{\"temperature\":1}}}]"}`,
	"upload-recording":      "time,temperature\n2026-01-31T08:00:00Z,4.5\n",
	"simulate-rule-set":     `{"rule_set":"general-2-8@1","csv":"time,temperature\n2026-01-31T08:00:00Z,4.5\n"}`,
}

// ruleSetBody is a rule set with an instant, a consecutive and a cumulative limit.
func ruleSetBody(id string, version int) string {
	return fmt.Sprintf(`{"schema":"trackseal-rule-set/1","id":%q,"version":%d,"title":"of a test","max_gap_s":900,"rules":[
		{"id":"hot","severity":"critical","limit":{"metric":"temperature","op":">=","value":"12","mode":"instant"}},
		{"id":"warm","severity":"major","limit":{"metric":"temperature","op":">","value":"8","mode":"consecutive","duration_s":120}}]}`, id, version)
}

// filled puts values into an operation's path.
func filled(op *huma.Operation, id, other string) string {
	return strings.NewReplacer("{id}", id, "{tracker}", other, "{excursion}", "warm%2Ft-s1%2F1", "{ref}", "general-2-8@1", "{log}", strings.Repeat("ab", 32), "{leaf}", "0",
		"{profile}", "plain-json", "{heads}", strings.Repeat("ab", 32)).Replace(op.Path)
}

func request(t *testing.T, op *huma.Operation, id string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), op.Method, filled(op, id, trackerOf(id)), strings.NewReader(bodies[op.OperationID]))
	if bodies[op.OperationID] != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	switch op.OperationID {
	case "upload-recording":
		r.URL.RawQuery = "tracker=L-1"
		fallthrough
	case "import-trackers":
		r.Header.Set("Content-Type", "text/csv")
	}
	return r
}

func scopeOf(op *huma.Operation) string {
	if len(op.Security) == 0 {
		return ""
	}
	return op.Security[0]["token"][0]
}

// TestAccessMatrix: every operation without a token, with a token of another organisation, without its scope, and with the
// id of somebody else's shipment or tracker.
func TestAccessMatrix(t *testing.T) {
	mine := newWorld(t)
	mine.withEvidence()
	// Somebody else's: shipper and consignee have a shipment in which the carrier of this api takes no part.
	other := newWorldOf(t, "shipper", mine)
	other.must(201, "POST", "/v1/trackers", enrolBody(t, "shipper", "shipper.t-foreign"))
	other.must(201, "POST", "/v1/shipments", `{"id":"shipper.foreign","parties":{"carrier":["shipper"],"shipper":["shipper"],"consignee":["consignee"]},"rule_set":"general-2-8@1"}`)

	open := []string{"get-token", "get-jwks", "get-issuer", "get-sign-in", "finish-sign-in", "take-message"}
	operations := 0
	each(mine, func(op *huma.Operation) {
		operations++
		scope := scopeOf(op)
		if scope == "" {
			if !slices.Contains(open, op.OperationID) {
				t.Errorf("%s is open to everybody", op.OperationID)
			}
			return
		}
		if !slices.Contains(access.Scopes, scope) {
			t.Errorf("%s needs the unknown scope %s", op.OperationID, scope)
		}
		expect := func(what string, r response, status int, code string) {
			t.Helper()
			if r.Code != status {
				t.Errorf("%s %s: %d instead of %d: %s", op.OperationID, what, r.Code, status, r.Body)
				return
			}
			if p := r.problem(); string(p.Code) != code {
				t.Errorf("%s %s: code %s", op.OperationID, what, p.Code)
			}
		}
		r := request(t, op, "carrier.s1")
		got := mine.send(r)
		expect("without a token", got, 401, "unauthenticated")
		if got.Header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: 401 without WWW-Authenticate", op.OperationID)
		}

		r = request(t, op, "carrier.s1")
		r.Header.Set("Authorization", "Bearer x.y.z")
		expect("with nonsense", mine.send(r), 401, "unauthenticated")

		r = request(t, op, "carrier.s1")
		r.Header.Set("Authorization", "Bearer "+other.token("shipper-admin"))
		expect("of another organisation", mine.send(r), 403, "wrong_organisation")

		for _, s := range access.Scopes {
			if s == scope {
				continue
			}
			r = request(t, op, "carrier.s1")
			r.Header.Set("Authorization", "Bearer "+mine.token("only-"+s))
			expect("with only "+s, mine.send(r), 403, "missing_scope")
		}

		if strings.Contains(op.Path, "{id}") {
			for _, id := range []string{"shipper.foreign", "shipper.none"} {
				if strings.HasPrefix(op.Path, "/v1/trackers/") && id == "shipper.foreign" {
					id = "shipper.t-foreign"
				}
				r = request(t, op, id)
				r.Header.Set("Authorization", "Bearer "+mine.token("carrier-admin"))
				expect("with the id "+id, mine.send(r), 404, "not_found")
			}
		}
	})
	if operations < 25 {
		t.Fatalf("only %d operations", operations)
	}
	if mine.ledger.Count(nil) != 2 {
		t.Fatalf("%d transactions: a refused request wrote something", mine.ledger.Count(nil))
	}
	if b := mine.must(200, "GET", "/v1/shipments", "").Body; strings.Contains(string(b), "foreign") {
		t.Fatal("the listing shows a foreign shipment")
	}
	if b := mine.must(200, "GET", "/v1/trackers", "").Body; strings.Contains(string(b), "foreign") {
		t.Fatal("the listing shows a foreign tracker")
	}
	// A foreign tracker cannot be bound to an own shipment either.
	mine.must(201, "POST", "/v1/shipments", shipmentBody("carrier.s1"))
	mine.must(404, "POST", "/v1/shipments/carrier.s1/assignments", `{"tracker":"shipper.t-foreign"}`)
}

// TestNarrowedPrincipal: who may see one shipment gets into the operations on it and into nothing else of the organisation.
func TestNarrowedPrincipal(t *testing.T) {
	w := newWorld(t)
	w.withEvidence()
	w.ship("carrier.s1")
	w.must(201, "POST", "/v1/shipments", shipmentBody("carrier.s2"))
	writes := w.ledger.Count(nil)
	inside := 0
	each(w, func(op *huma.Operation) {
		if scopeOf(op) == "" || strings.Contains(op.Path, "stream") {
			return
		}
		as := func(id string) response {
			r := request(t, op, id)
			r.Header.Set("Share", "carrier.s1")
			return w.send(r)
		}
		switch {
		case strings.HasPrefix(op.Path, "/v1/shipments/{id}"):
			if got := as("carrier.s2"); got.Code != 404 || got.problem().Code != "not_found" {
				t.Errorf("%s of another shipment: %d %.200s, want 404", op.OperationID, got.Code, got.Body)
			}
			if op.Method != http.MethodGet {
				return
			}
			// Nothing was closed yet, hence 404; the evidence's blocks are missing, hence 500.
			if got := as("carrier.s1"); got.Code == 401 || got.Code == 403 {
				t.Errorf("%s of its own shipment: %d %.200s, want to be let in", op.OperationID, got.Code, got.Body)
			}
			inside++
		case strings.Contains(op.Path, "{id}"):
			if got := as("carrier.t-s1"); got.Code != 404 || got.problem().Code != "not_found" {
				t.Errorf("%s of a tracker: %d %.200s, want 404", op.OperationID, got.Code, got.Body)
			}
		default:
			if got := as("carrier.s1"); got.Code != 403 || got.problem().Code != "forbidden" {
				t.Errorf("%s, which is of no one shipment: %d %.200s, want 403", op.OperationID, got.Code, got.Body)
			}
		}
	})
	if inside < 10 {
		t.Errorf("only %d operations on its own shipment", inside)
	}
	if n := w.ledger.Count(nil) - writes; n != 0 {
		t.Errorf("%d transactions for what is not its own", n)
	}
	// A write on its own shipment that names somebody else's tracker.
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/shipments/carrier.s1/assignments", strings.NewReader(`{"tracker":"carrier.t-s1"}`))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Share", "carrier.s1")
	if got := w.send(r); got.Code != 404 {
		t.Errorf("assigning a tracker: %d %.200s, want 404", got.Code, got.Body)
	}
}

// TestHostileValues sends what nobody should into every parameter and body member: no answer may be a 5xx, each failure is
// a problem, and every status is documented.
func TestHostileValues(t *testing.T) {
	w := newWorld(t)
	w.withEvidence()
	w.ship("carrier.s1")
	values := []string{"", "0", "-1", "99999999999999999999", "1e400", "NaN", "null", "true", "..%2f..", "%00", "%ff%fe", "'%20or%201=1", "%22%5d%20%7c%3e%20drop()", "$%7bx%7d",
		strings.Repeat("A", 3000), "2026-11-22T10:00:00Z", "9999-12-31T23:59:59Z", "1m", "0s", "temperature", "lat,lon,lat", "%F0%9F%9A%9A", "AAAA.BBBB", "%0d%0aX-Evil:%201"}
	raws := []string{"", "null", "[]", "{}", "1", `"x"`, "{", strings.Repeat("[", 20_000), `{"id":null}`, `{"id":1}`, `{"id":"a","id":"b"}`, `{"id":"\u0000"}`,
		`{"id":"x","parties":{"carrier":["x"]},"rule_set":"general-2-8@1"}`, `{"id":"x","parties":{"a":["carrier"]},"rule_set":"general-2-8@1"}`, `{"id":"x","parties":[],"rule_set":1}`,
		`{"id":"x","parties":{"carrier":["carrier"]},"rule_set":"general-2-8@1"}`, `{"tracker":"carrier.t-s1","from":"1969-01-01T00:00:00Z"}`, `{"tracker":"carrier.t-s1","from":12}`, `{"to":"nobody"}`, `{"reason":""}`,
		`{"public_key":"zz"}`, "\xff\xfe", `{"cause":"` + strings.Repeat("x", 60_000) + `"}`, `{"id":"x","unsigned":true,"owner":"ShipperMSP"}`,
		`{"rule_set":"x@1","csv":"a"}`, `{"rule_set":{},"csv":"time,temperature"}`, `{"rule_set":[[[[1]]]],"shipment":"carrier.s1"}`, `{"rule_set":"general-2-8@1","shipment":"none","csv":""}`,
		`{"rule_set":"general-2-8@1","csv":"time,temperature\n2026-01-31T08:00:00Z,=1+1"}`, `{"rule_set":"general-2-8@1","csv":"\u0000"}`,
		`{"schema":"trackseal-rule-set/1","id":"x","version":1,"title":"\u202e","max_gap_s":1,"rules":[{"id":"a","severity":"major","limit":{"metric":"__proto__","op":">","value":"1e999","mode":"instant"}}]}`,
		`{"rule":"hot","messages":[{"log":"` + strings.Repeat("0", 64) + `","leaf":18446744073709551615}]}`, `{"rule":"","messages":[]}`,
		`{"name":"=cmd()","meaning":"approved","reason":"x"}`, `{"name":"x","meaning":"liked","reason":"x"}`, `{"decision":"burn","name":"x","meaning":"approved","reason":"x","verdict_revision":-1}`}
	check := func(op *huma.Operation, r response, what string) {
		t.Helper()
		if r.Code >= 500 {
			t.Errorf("%s %s: %d %s", op.OperationID, what, r.Code, r.Body)
		}
		if r.Code >= 400 {
			r.problem()
		}
		documented := op.Responses[httpStatus(r.Code)] != nil
		// What gin answers before a route is chosen is not an operation's.
		if !documented && r.Code != 404 {
			t.Errorf("%s %s: status %d is not documented: %.200s", op.OperationID, what, r.Code, r.Body)
		}
		if r.Header.Get("X-Evil") != "" {
			t.Errorf("%s %s: header injected", op.OperationID, what)
		}
	}
	each(w, func(op *huma.Operation) {
		if strings.Contains(op.Path, "stream") {
			return // endless when it succeeds; see TestStream
		}
		send := func(path, body, what string) {
			t.Helper()
			r, err := http.NewRequestWithContext(t.Context(), op.Method, "http://api.test"+path, strings.NewReader(body))
			if err != nil {
				return // not sendable at all
			}
			r.Header.Set("Authorization", "Bearer "+w.token("carrier-admin"))
			r.Header.Set("Content-Type", "application/json")
			if op.OperationID == "get-token" {
				r.Header.Del("Authorization")
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			}
			check(op, w.send(r), what)
		}
		good := filled(op, "carrier.s1", "carrier.t-s1")
		for _, v := range values {
			if strings.Contains(op.Path, "{id}") && v != "" {
				send(filled(op, v, v), bodies[op.OperationID], "path "+v)
			}
			for _, name := range []string{"{excursion}", "{ref}", "{log}", "{leaf}", "{heads}"} {
				if strings.Contains(op.Path, name) && v != "" {
					send(filled(&huma.Operation{Path: strings.Replace(op.Path, name, v, 1)}, "carrier.s1", "carrier.t-s1"), bodies[op.OperationID], name+" "+v)
				}
			}
			for _, p := range op.Parameters {
				if p.In == "query" {
					send(good+"?"+p.Name+"="+v, bodies[op.OperationID], p.Name+"="+v)
				}
			}
			send(good+"?nobody="+v, bodies[op.OperationID], "unknown parameter")
		}
		if op.RequestBody != nil {
			for _, raw := range raws {
				send(good, raw, "body "+raw[:min(len(raw), 60)])
			}
		}
	})
}

func httpStatus(code int) string {
	b, _ := json.Marshal(code)
	return string(b)
}

// TestOpenAPI: the document is reviewed as a file.
func TestOpenAPI(t *testing.T) {
	w := newWorld(t)
	w.withEvidence()
	r := w.must(200, "GET", "/openapi.json", "")
	var doc any
	r.into(&doc)
	got, err := json.MarshalIndent(doc, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	const file = "testdata/openapi.json"
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Fatalf("the OpenAPI document has changed; look at the difference, then run: go test ./api/internal/httpapi -run TestOpenAPI -update")
	}
	for _, banned := range []string{"$schema\"", "unpkg", "http://", "https://json-schema"} {
		if strings.Contains(string(got), banned) {
			t.Errorf("the document contains %s", banned)
		}
	}
}
