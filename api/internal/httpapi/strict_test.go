package httpapi_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/trackseal/trackseal/api/internal/problem"
	"github.com/trackseal/trackseal/internal/ledger"
)

// TestAmbiguousRequests: what two readers could understand differently is refused, and the answer says where.
func TestAmbiguousRequests(t *testing.T) {
	w := newWorld(t)
	w.withEvidence()
	w.ship("carrier.s1")
	writes := w.ledger.Count(nil)
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		code                     problem.Code
		field                    string
	}{
		{"member twice", "POST", "/v1/shipments", `{"id":"a",` + parties + `,"rule_set":"general-2-8@1","id":"b"}`, 400, problem.BadRequest, "body"},
		{"member twice, spelt otherwise", "POST", "/v1/shipments", `{"id":"a",` + parties + `,"rule_set":"general-2-8@1","\u0069d":"b"}`, 400, problem.BadRequest, "body"},
		{"member twice, inside", "POST", "/v1/shipments", `{"id":"a","parties":{"carrier":["carrier"],"consignee":["consignee"],"carrier":["shipper"]},"rule_set":"general-2-8@1"}`, 400, problem.BadRequest, "body"},
		{"member twice, deep", "POST", "/v1/shipments/carrier.s1/breaches", `{"rule":"hot","messages":[{"log":"` + strings.Repeat("ab", 32) + `","leaf":0},{"log":"` + strings.Repeat("ab", 32) + `","leaf":0,"leaf":1}]}`, 400, problem.BadRequest, "body"},
		{"not UTF-8", "POST", "/v1/shipments", `{"id":"a",` + parties + `,"rule_set":"general-2-8@1","description":"` + "caf\xe9" + `"}`, 400, problem.BadRequest, "body"},
		{"member twice in a simulation", "POST", "/v1/rule-sets/simulate", `{"rule_set":"general-2-8@1","shipment":"carrier.s1","shipment":"carrier.s2"}`, 422, problem.InvalidRequest, "body"},
		{"member twice in a simulation's rules", "POST", "/v1/rule-sets/simulate", `{"rule_set":{"id":"a","id":"b"},"shipment":"carrier.s1"}`, 422, problem.InvalidRequest, "body"},
		{"member twice in a rule set", "POST", "/v1/rule-sets", strings.Replace(ruleSetBody("mine", 1), `"id":"hot"`, `"id":"hot","id":"hot"`, 1), 422, problem.InvalidRequest, "body"},
		{"two values", "POST", "/v1/shipments", shipmentBody("a") + shipmentBody("b"), 400, problem.BadRequest, "body"},
		{"parameter twice", "GET", "/v1/shipments?limit=1&limit=2", "", 422, problem.InvalidRequest, "query.limit"},
		{"empty time", "GET", "/v1/shipments/carrier.s1/telemetry?to=", "", 422, problem.InvalidRequest, "query.to"},
		{"empty word of a list of words", "GET", "/v1/shipments/carrier.s1/evidence?withhold=", "", 422, problem.InvalidRequest, "query.withhold"},
		{"empty number", "GET", "/v1/shipments?limit=", "", 422, problem.InvalidRequest, "query.limit"},
		{"query that cannot be read", "GET", "/v1/shipments?limit=1;limit=2", "", 422, problem.InvalidRequest, "query"},
		{"query with half an escape", "GET", "/v1/shipments?limit=%2", "", 422, problem.InvalidRequest, "query"},
		{"half of a surrogate pair", "POST", "/v1/shipments", `{"id":"a",` + parties + `,"rule_set":"general-2-8@1","description":"\ud800"}`, 400, problem.BadRequest, "body"},
		{"half of a surrogate pair in a simulation", "POST", "/v1/rule-sets/simulate", `{"rule_set":"general-2-8@1","csv":"time,temperature\n\udc00"}`, 422, problem.InvalidRequest, "body"},
		{"leaf that no log has", "GET", "/v1/messages/" + strings.Repeat("ab", 32) + "/9223372036854775807/proof", "", 422, problem.InvalidRequest, "path.leaf"},
		{"the last leaf of all", "GET", "/v1/messages/" + strings.Repeat("ab", 32) + "/18446744073709551615/proof", "", 422, problem.InvalidRequest, "path.leaf"},
		{"breach at a leaf that no log has", "POST", "/v1/shipments/carrier.s1/breaches", `{"rule":"hot","messages":[{"log":"` + strings.Repeat("ab", 32) + `","leaf":18446744073709551615}]}`, 422, problem.InvalidRequest, "body.messages[0].leaf"},
		{"list twice", "GET", "/v1/shipments/carrier.s1/telemetry?fields=temperature&fields=humidity", "", 422, problem.InvalidRequest, "query.fields"},
		{"the moment that means no time", "GET", "/v1/shipments/carrier.s1/telemetry?to=1970-01-01T00:00:00Z", "", 422, problem.InvalidRequest, "query.to"},
		{"assigned from the moment that means now", "POST", "/v1/shipments/carrier.s1/assignments", `{"tracker":"carrier.t-s1","from":"1970-01-01T00:00:00Z"}`, 422, problem.InvalidRequest, "body"},
		{"calibration that ends before it begins", "POST", "/v1/trackers/carrier.t-s1/calibration",
			`{"ref":"r","hash":"` + strings.Repeat("ab", 32) + `","valid_from":"2027-01-01T00:00:00Z","valid_to":"2026-01-01T00:00:00Z"}`, 422, problem.InvalidRequest, "body.valid_to"},
	} {
		p := w.must(c.status, c.method, c.path, c.body).problem()
		if p.Code != c.code || p.Type != "urn:trackseal:problem:"+string(c.code) || len(p.Errors) != 1 || p.Errors[0].Field != c.field || len(p.Errors[0].Detail) < 10 || !strings.Contains(p.Detail, "errors") {
			t.Errorf("%s: %+v", c.name, p)
		}
	}
	if n := w.ledger.Count(nil) - writes; n != 0 {
		t.Errorf("%d transactions", n)
	}
	// The same name in two objects is not a repetition.
	w.must(201, "POST", "/v1/shipments", `{"id":"a","parties":{"carrier":["carrier"],"consignee":["consignee"]},"rule_set":"general-2-8@1"}`)
	if w.ledger.Count(ledger.ShipmentCreate) != 2 {
		t.Error("not created")
	}
}

// TestWrongLoginsOfOthers: whoever sends wrong secrets is told to slow down, and nobody else is: not under another id, not
// under the same one, not from the same address.
func TestWrongLoginsOfOthers(t *testing.T) {
	w := newWorld(t)
	login := func(id, secret, remote string) response {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/oauth2/token", strings.NewReader("grant_type=client_credentials"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.SetBasicAuth(id, secret)
		r.RemoteAddr = remote
		return w.send(r)
	}
	const evil, good = "192.0.2.66:1000", "192.0.2.1:1000"
	counts := map[int]int{}
	for range 300 {
		got := login("carrier-admin", "wrong", evil)
		counts[got.Code]++
		if got.Code == 429 && got.Header.Get("Retry-After") == "" {
			t.Error("429 without Retry-After")
		}
	}
	if counts[401] < 20 || counts[429] < 100 || counts[401]+counts[429] != 300 {
		t.Errorf("300 wrong logins were answered %v, want some 401, then 429", counts)
	}
	for _, c := range []struct{ id, secret, remote string }{
		{"carrier-other", secret, good}, {"carrier-admin", secret, good}, {"carrier-other", secret, evil}, {"carrier-admin", secret, evil},
	} {
		if got := login(c.id, c.secret, c.remote); got.Code != 200 {
			t.Errorf("%s from %s: %d %s, want a token", c.id, c.remote, got.Code, got.Body)
		}
	}
	if got := login("carrier-other", "typed wrong", good); got.Code != 401 {
		t.Errorf("a wrong login from another address: %d %s, want 401", got.Code, got.Body)
	}
}

// TestTokenErrors are in OAuth's words and in ours.
func TestTokenErrors(t *testing.T) {
	w := newWorld(t)
	const form = "application/x-www-form-urlencoded"
	for _, c := range []struct {
		body, contentType, user string
		status                  int
		code                    string
	}{
		{"grant_type=client_credentials&client_id=carrier-admin&client_secret=" + secret, form, "", 200, ""},
		{"grant_type=client_credentials&client_id=carrier-admin&client_secret=" + secret, form + "; charset=UTF-8", "", 200, ""},
		{"grant_type=client_credentials&client_id=carrier-admin&client_secret=" + secret, "", "", 200, ""},
		{"grant_type=client_credentials", form, "carrier-admin", 200, ""},
		{"grant_type=client_credentials&client_secret=x", form, "carrier-admin", 400, "invalid_request"},
		{"grant_type=client_credentials&grant_type=client_credentials", form, "carrier-admin", 400, "invalid_request"},
		{`{"grant_type":"client_credentials"}`, "application/json", "carrier-admin", 400, "invalid_request"},
		{"grant_type=client_credentials", ";", "carrier-admin", 400, "invalid_request"},
		{"grant_type=password", form, "carrier-admin", 400, "unsupported_grant_type"},
		{"grant_type=client_credentials&scope=root", form, "carrier-admin", 400, "invalid_scope"},
		{"grant_type=client_credentials&client_id=carrier-admin&client_secret=x", form, "", 401, "invalid_client"},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/oauth2/token", strings.NewReader(c.body))
		if c.contentType != "" {
			r.Header.Set("Content-Type", c.contentType)
		}
		if c.user != "" {
			r.SetBasicAuth(c.user, secret)
		}
		got := w.send(r)
		if got.Code != c.status {
			t.Errorf("%s (%s): %d: %s", c.body, c.contentType, got.Code, got.Body)
			continue
		}
		if c.status != 200 {
			if p := got.problem(); string(p.Code) != c.code || p.OAuth != c.code {
				t.Errorf("%s: %+v", c.body, p)
			}
		}
	}
}
