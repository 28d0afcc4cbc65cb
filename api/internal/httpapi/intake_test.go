package httpapi_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/trackseal/trackseal/api/internal/ingestclient"
	"github.com/trackseal/trackseal/api/internal/intake"
	"github.com/trackseal/trackseal/api/internal/problem"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/stored/transfer"
)

// gateway enrols a tracker that cannot sign, with a profile pinned, and gives its secret.
func (w *world) gateway(id, profile string) (secret string) {
	w.t.Helper()
	var t struct{ Secret string }
	w.must(201, "POST", "/v1/trackers", `{"id":"`+id+`","unsigned":true}`).into(&t)
	if profile != "" {
		if _, _, err := ledger.TrackerProfile.Do(w.t.Context(), w.ledger, ledger.TrackerProfileArgs{ID: id, Profile: profile}); err != nil {
			w.t.Fatal(err)
		}
	}
	return t.Secret
}

// webhook posts as a platform does: without an access token.
func (w *world) webhook(path, body string, headers ...string) response {
	w.t.Helper()
	r := httptest.NewRequestWithContext(w.t.Context(), "POST", path, strings.NewReader(body))
	r.RemoteAddr = "192.0.2.7:4000"
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return w.send(r)
}

func basic(id, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret))
}

func macOf(secret, body string) []byte {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(body))
	return h.Sum(nil)
}

// TestIntakeProves: each way in which platforms prove who they are, and nothing else, gets a message to ingest, byte by byte.
func TestIntakeProves(t *testing.T) {
	w := newWorld(t)
	secret, other := w.gateway("carrier.gw-1", "ttn-v3@1"), w.gateway("carrier.gw-2", "ttn-v3@1")
	revoked := w.gateway("carrier.gw-3", "ttn-v3@1")
	w.must(200, "POST", "/v1/trackers/carrier.gw-3/revoke", `{"cause":"lost"}`)
	w.must(201, "POST", "/v1/trackers", enrolBody(t, "carrier", "carrier.signs"))
	foreign := newWorldOf(t, "shipper", w).gateway("shipper.gw-1", "ttn-v3@1")

	const path, body = "/v1/intake/ttn-v3", "{\"uplink\" : 1}\n"
	var made intake.IntakeSecret
	w.must(201, "POST", "/v1/trackers/carrier.gw-1/intake-secret", `{"header":"X-Hub-Signature-256"}`).into(&made)
	want(t, "path", made.Path, "/v1/intake/ttn-v3@1?tracker=carrier.gw-1")
	mac := macOf(made.Secret, body)
	hexed := hex.EncodeToString(mac)
	const signed = path + "?tracker=carrier.gw-1"
	for name, c := range map[string]struct {
		path    string
		headers []string
		code    int
	}{
		"basic":                          {path, []string{"Authorization", basic("carrier.gw-1", secret)}, 202},
		"basic, with the version":        {"/v1/intake/ttn-v3@1", []string{"Authorization", basic("carrier.gw-1", secret)}, 202},
		"bearer":                         {path, []string{"Authorization", "Bearer " + secret}, 202},
		"bearer in small letters":        {path, []string{"Authorization", "bearer " + secret}, 202},
		"header":                         {path, []string{"X-Trackseal-Secret", secret}, 202},
		"header and tracker":             {signed, []string{"X-Trackseal-Secret", secret}, 202},
		"any media type":                 {path, []string{"X-Trackseal-Secret", secret, "Content-Type", "text/plain; charset=x"}, 202},
		"no known media type":            {path, []string{"X-Trackseal-Secret", secret, "Content-Type", ";;"}, 202},
		"hmac, sha256=":                  {signed, []string{"X-Hub-Signature-256", "sha256=" + hexed}, 202},
		"hmac, hex":                      {signed, []string{"X-Hub-Signature-256", hexed}, 202},
		"hmac, capital hex":              {signed, []string{"X-Hub-Signature-256", strings.ToUpper(hexed)}, 202},
		"hmac, base64":                   {signed, []string{"x-hub-signature-256", base64.StdEncoding.EncodeToString(mac)}, 202},
		"hmac, base64 for addresses":     {signed, []string{"X-Hub-Signature-256", base64.RawURLEncoding.EncodeToString(mac)}, 202},
		"nothing":                        {path, nil, 401},
		"nothing but a name":             {signed, nil, 401},
		"basic of another":               {path, []string{"Authorization", basic("carrier.gw-1", other)}, 401},
		"basic of nobody":                {path, []string{"Authorization", basic("carrier.none", secret)}, 401},
		"basic without a secret":         {path, []string{"Authorization", basic("carrier.gw-1", "")}, 401},
		"basic of what signs":            {path, []string{"Authorization", basic("carrier.signs", "")}, 401},
		"basic of another organisation":  {path, []string{"Authorization", basic("shipper.gw-1", foreign)}, 401},
		"bearer of another organisation": {path, []string{"Authorization", "Bearer " + foreign}, 401},
		"revoked":                        {path, []string{"Authorization", basic("carrier.gw-3", revoked)}, 401},
		"bearer of a revoked one":        {path, []string{"Authorization", "Bearer " + revoked}, 401},
		"bearer of nobody":               {path, []string{"Authorization", "Bearer nonsense"}, 401},
		"empty bearer":                   {path, []string{"Authorization", "Bearer "}, 401},
		"another scheme":                 {path, []string{"Authorization", "Digest x", "X-Trackseal-Secret", secret}, 401},
		"two secrets":                    {path, []string{"Authorization", "Bearer " + secret, "X-Trackseal-Secret", other}, 401},
		"two names":                      {"/v1/intake/ttn-v3?tracker=carrier.gw-2", []string{"Authorization", basic("carrier.gw-1", secret)}, 401},
		"secret of another":              {"/v1/intake/ttn-v3?tracker=carrier.gw-2", []string{"X-Trackseal-Secret", secret}, 401},
		"the secret's hash":              {path, []string{"Authorization", "Bearer " + sha(secret)}, 401},
		"hmac without a name":            {path, []string{"X-Hub-Signature-256", hexed}, 401},
		"hmac of another name":           {"/v1/intake/ttn-v3?tracker=carrier.gw-2", []string{"X-Hub-Signature-256", hexed}, 401},
		"hmac in another header":         {signed, []string{"X-Trackseal-Signature", hexed}, 401},
		"hmac twice":                     {signed, []string{"X-Hub-Signature-256", hexed, "X-Hub-Signature-256", hexed}, 401},
		"hmac of another body":           {signed, []string{"X-Hub-Signature-256", hex.EncodeToString(macOf(made.Secret, body+" "))}, 401},
		"hmac by the MQTT secret":        {signed, []string{"X-Hub-Signature-256", hex.EncodeToString(macOf(secret, body))}, 401},
		"hmac that is cut":               {signed, []string{"X-Hub-Signature-256", hexed[:32]}, 401},
		"hmac that is empty":             {signed, []string{"X-Hub-Signature-256", ""}, 401},
		"hmac by no secret":              {"/v1/intake/ttn-v3?tracker=carrier.gw-2", []string{"X-Trackseal-Signature", hex.EncodeToString(macOf("none", body))}, 401},
		"another profile":                {"/v1/intake/traccar-forward", []string{"Authorization", "Bearer " + secret}, 404},
		"another version":                {"/v1/intake/ttn-v3@2", []string{"Authorization", "Bearer " + secret}, 404},
		"no profile's name":              {"/v1/intake/a%2Fb", []string{"Authorization", "Bearer " + secret}, 422},
	} {
		w.ingest.came = nil
		r := w.webhook(c.path, body, c.headers...)
		if r.Code == 429 { // what is refused counts against the address
			w.reopen()
			r = w.webhook(c.path, body, c.headers...)
		}
		if r.Code != c.code {
			t.Errorf("%s: %d %s, want %d", name, r.Code, r.Body, c.code)
			continue
		}
		if c.code != 202 {
			p := r.problem()
			if c.code == 401 && (string(p.Code) != "unauthenticated" || r.Header.Get("WWW-Authenticate") == "" || strings.Contains(p.Detail, "gw-")) {
				t.Errorf("%s: got %+v, want one answer for all that is wrong", name, p)
			}
			if len(w.ingest.came) != 0 {
				t.Errorf("%s: ingest got %v", name, w.ingest.came)
			}
			continue
		}
		if len(w.ingest.came) != 1 || w.ingest.came[0].Tracker != "carrier.gw-1" || string(w.ingest.came[0].Payload) != body {
			t.Errorf("%s: ingest got %+v, want the message as it came", name, w.ingest.came)
		}
	}
	w.must(200, "DELETE", "/v1/trackers/carrier.gw-1/intake-secret", "")
	want(t, "hmac after its secret has ended", w.webhook(signed, body, "X-Hub-Signature-256", hexed).Code, 401)
	want(t, "a tracker that signs", w.call("POST", "/v1/trackers/carrier.signs/intake-secret", `{}`).Code, 409)
	for _, bad := range []string{`{"header":"Authorization"}`, `{"header":"a b"}`, `{"secret":"short"}`, `{"tracker":"x"}`} {
		want(t, bad, w.call("POST", "/v1/trackers/carrier.gw-1/intake-secret", bad).Code, 422)
	}
}

func sha(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// TestIntakeSecretsAreSealed: they are the same after a start, and the state does not hold them in the open.
func TestIntakeSecretsAreSealed(t *testing.T) {
	w := newWorld(t)
	w.gateway("carrier.gw-1", "")
	const chosen, body = "chosen-by-the-platform", "21.5"
	w.must(201, "POST", "/v1/trackers/carrier.gw-1/intake-secret", `{"secret":"`+chosen+`"}`)
	w.reopen()
	if r := w.webhook("/v1/intake/plain-json?tracker=carrier.gw-1", body, "X-Trackseal-Signature", hex.EncodeToString(macOf(chosen, body))); r.Code != 202 {
		t.Errorf("after a start: %d %s, want 202", r.Code, r.Body)
	}
	if err := w.state.Tenant("intake").Each(func(_, value []byte) error {
		if strings.Contains(string(value), chosen) {
			t.Errorf("the state has the secret in the open")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	var first, again intake.IntakeSecret
	w.must(201, "POST", "/v1/trackers/carrier.gw-1/intake-secret", `{}`, "Idempotency-Key", "k").into(&first)
	w.must(201, "POST", "/v1/trackers/carrier.gw-1/intake-secret", `{}`, "Idempotency-Key", "k").into(&again)
	want(t, "a repeated request's secret", again.Secret, first.Secret)
}

// TestIntakeAnswers: what ingest says of a message reaches its sender, with the reasons.
func TestIntakeAnswers(t *testing.T) {
	w := newWorld(t)
	secret := w.gateway("carrier.gw-1", "")
	no := transfer.Refused{Device: "d2", Reason: "unknown_device", Detail: "d2 is not enrolled"}
	later := transfer.Refused{Tracker: "carrier.t", Reason: "rate_limited", Detail: "slowly", Again: true}
	for name, c := range map[string]struct {
		taken transfer.Taken
		err   error
		code  int
		what  string
		retry string
	}{
		"taken":         {transfer.Taken{Accepted: 2, Skipped: 1}, nil, 202, "", ""},
		"duplicate":     {transfer.Taken{Duplicates: 1}, nil, 202, "", ""},
		"skipped":       {transfer.Taken{Skipped: 1}, nil, 202, "", ""},
		"partly":        {transfer.Taken{Accepted: 1, Refused: []transfer.Refused{no}}, nil, 202, "", ""},
		"refused":       {transfer.Taken{Refused: []transfer.Refused{no, no}}, nil, 422, "message_refused", ""},
		"partly, again": {transfer.Taken{Accepted: 1, Refused: []transfer.Refused{no, later}}, nil, 503, "ingest_unavailable", "5"},
		"too fast":      {transfer.Taken{}, &ingestclient.TooFast{After: 2500 * time.Millisecond}, 429, "rate_limited", "3"},
		"elsewhere":     {transfer.Taken{}, fmt.Errorf("i: %w", ingestclient.ErrElsewhere), 503, "ingest_unavailable", "5"},
		"down":          {transfer.Taken{}, problem.ErrIngest, 503, "ingest_unavailable", "5"},
	} {
		w.ingest.answer = func(transfer.Intake) (transfer.Taken, error) { return c.taken, c.err }
		r := w.webhook("/v1/intake/plain-json?topic=up/1", "1", "Authorization", basic("carrier.gw-1", secret))
		if r.Code != c.code || r.Header.Get("Retry-After") != c.retry {
			t.Errorf("%s: %d %s, again after %q; want %d after %q", name, r.Code, r.Body, r.Header.Get("Retry-After"), c.code, c.retry)
			continue
		}
		if c.code == 202 {
			var got intake.IntakeTaken
			r.into(&got)
			if got.Accepted != c.taken.Accepted || got.Duplicates != c.taken.Duplicates || got.Skipped != c.taken.Skipped || len(got.Refused) != len(c.taken.Refused) {
				t.Errorf("%s: got %+v, want %+v", name, got, c.taken)
			}
		} else if p := r.problem(); string(p.Code) != c.what || len(p.Refused) != len(c.taken.Refused) {
			t.Errorf("%s: got %+v, want %s with %d reasons", name, p, c.what, len(c.taken.Refused))
		}
	}
	want(t, "topic", w.ingest.came[0].Topic, "up/1")

	w.ingest.answer = nil
	n := len(w.ingest.came)
	auth := []string{"Authorization", basic("carrier.gw-1", secret)}
	want(t, "ChirpStack's other events", w.webhook("/v1/intake/plain-json?event=join", "{}", auth...).Code, 202)
	want(t, "an empty body", w.webhook("/v1/intake/plain-json", "", auth...).Code/100, 4)
	want(t, "an unknown parameter", w.webhook("/v1/intake/plain-json?secret=x", "{}", auth...).Code, 422)
	want(t, "too large", w.webhook("/v1/intake/plain-json", strings.Repeat("x", 128<<10+1), auth...).Code, 413)
	want(t, "messages that none of these made", len(w.ingest.came), n)
	want(t, "as large as may be", w.webhook("/v1/intake/plain-json", strings.Repeat("x", 128<<10), auth...).Code, 202)
	want(t, "ChirpStack's uplinks", w.webhook("/v1/intake/plain-json?event=up", "\xff\x00", auth...).Code, 202)
	want(t, "bytes that are no text", string(w.ingest.came[len(w.ingest.came)-1].Payload), "\xff\x00")
}

// TestIntakeGoesToTheOperator: another member's ingest is asked only where it serves the tracker, and an instance that does not serve it passes on.
func TestIntakeGoesToTheOperator(t *testing.T) {
	w := newWorld(t)
	w.second = &ingest{named: "carrier.ingest-2"}
	w.reopen()
	secret := w.gateway("carrier.gw-1", "")
	w.ingest.answer = func(transfer.Intake) (transfer.Taken, error) { return transfer.Taken{}, ingestclient.ErrElsewhere }
	r := w.webhook("/v1/intake/plain-json", "1", "Authorization", basic("carrier.gw-1", secret))
	want(t, "answer", r.Code, 202)
	want(t, "instances that got it", []int{len(w.ingest.came), len(w.second.came)}, []int{1, 1})
	w.second.named = "shipper.ingest-1"
	r = w.webhook("/v1/intake/plain-json", "2", "Authorization", basic("carrier.gw-1", secret))
	want(t, "answer when the own instance does not serve it", r.Code, 503)
	want(t, "messages at another member's", len(w.second.came), 1)
}

// TestIntakeLimits: wrong secrets slow their address down and nobody else; one tracker's messages do not slow another's.
func TestIntakeLimits(t *testing.T) {
	w := newWorld(t)
	secret, other := w.gateway("carrier.gw-1", ""), w.gateway("carrier.gw-2", "")
	counts := map[int]int{}
	for range 100 {
		counts[w.webhook("/v1/intake/plain-json", "1", "Authorization", basic("carrier.gw-1", "wrong")).Code]++
	}
	if counts[401] < 50 || counts[429] < 20 || counts[401]+counts[429] != 100 {
		t.Errorf("a hundred wrong secrets were answered %v, want 401, then 429", counts)
	}
	want(t, "the right one from the same address", w.webhook("/v1/intake/plain-json", "1", "Authorization", basic("carrier.gw-1", secret)).Code, 202)
	counts = map[int]int{}
	for range 1000 {
		counts[w.webhook("/v1/intake/plain-json", "1", "Authorization", basic("carrier.gw-1", secret)).Code]++
	}
	if counts[202] < 150 || counts[429] == 0 {
		t.Errorf("a thousand messages were answered %v, want 202, then 429", counts)
	}
	want(t, "another tracker", w.webhook("/v1/intake/plain-json", "1", "Authorization", basic("carrier.gw-2", other)).Code, 202)
}
