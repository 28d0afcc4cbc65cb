package httpapi

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/trackseal/trackseal/internal/contract"
	"github.com/trackseal/trackseal/internal/stored/transfer"
)

// Ensure that a tracker's owner, and nobody else, gives its messages, and that each answer says what to do.
func TestIntake(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		org, role, body string
		status          int
		says, again     string
	}{
		{"shipper", contract.Operator, `{"tracker":"shipper.T-1","topic":"up","payload":"e30="}`, 200, `"accepted":2`, ""},
		{"shipper", contract.Operator, `{"tracker":"shipper.T-1","payload":"e30="}`, 200, `"refused":[]`, ""},
		{"shipper", contract.Operator, `{"tracker":"shipper.T-1","topic":"fast","payload":"e30="}`, 429, "rate_limited", "2"},
		{"shipper", contract.Operator, `{"tracker":"shipper.T-1","topic":"moved","payload":"e30="}`, 421, "other_instance", ""},
		{"shipper", contract.Operator, `{"tracker":"shipper.T-1","topic":"full","payload":"e30="}`, 503, "not_accepting", "5"},
		{"shipper", contract.Operator, `{"tracker":"carrier.T-9","topic":"up","payload":"e30="}`, 404, "no tracker", ""},
		{"carrier", contract.Operator, `{"tracker":"shipper.T-1","topic":"up","payload":"e30="}`, 404, "no tracker", ""},
		{"shipper", contract.Ingest, `{"tracker":"shipper.T-1","topic":"up","payload":"e30="}`, 403, "role", ""},
		{"", "", `{"tracker":"shipper.T-1","topic":"up","payload":"e30="}`, 401, "token", ""},
		{"shipper", contract.Operator, `{"tracker":"a b","payload":"e30="}`, 400, "tracker id", ""},
		{"shipper", contract.Operator, `{"tracker":"shipper.T-1","payload":""}`, 400, "payload is empty", ""},
		{"shipper", contract.Operator, `{"tracker":"shipper.T-1","topic":"` + strings.Repeat("x", 1025) + `","payload":"e30="}`, 400, "at most 1024", ""},
		{"shipper", contract.Operator, `{"tracker":"shipper.T-1","tracker":"shipper.T-1","payload":"e30="}`, 400, "tracker", ""},
		{"shipper", contract.Operator, `{"tracker":"shipper.T-1","colour":"blue","payload":"e30="}`, 400, "colour", ""},
		{"shipper", contract.Operator, `tracker`, 400, "JSON", ""},
		{"shipper", contract.Operator, ``, 400, "JSON", ""},
	} {
		r := w.send(t, c.org, c.role, "POST", "/v1/intake", c.body)
		if r.Code != c.status || !strings.Contains(r.Body.String(), c.says) || r.Header().Get("Retry-After") != c.again {
			t.Errorf("%s of %s: answered %d %s, again after %q; expected %d with %q, after %q", c.body, c.org, r.Code, r.Body, r.Header().Get("Retry-After"), c.status, c.says, c.again)
		}
	}
	r := w.send(t, "shipper", contract.Operator, "POST", "/v1/intake", `{"tracker":"shipper.T-1","payload":"AAAA"}`)
	var got transfer.Taken
	if err := json.Unmarshal(r.Body.Bytes(), &got); err != nil || got.Accepted != 3 {
		t.Errorf("answered %s (%v), expected that the three bytes arrived", r.Body, err)
	}
	if log := w.log.String(); strings.Contains(log, "changed by a member's node") || !strings.Contains(log, "a node was refused") {
		t.Errorf("the audit trail has messages, or no refusals: %s", log)
	}
}
