package httpapi_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/shapes"
)

// warm makes a shipment with an excursion on the ledger, and returns the path of its acknowledgements.
func (w *world) warm(id string) string {
	w.t.Helper()
	c := w.warmTrip(id, "carrier.mine")
	w.record(id, c)
	return "/v1/shipments/" + id + "/excursions/" + url.PathEscape(excursionOf(w.t, c, "hot").ID) + "/acknowledgements"
}

const note = `{"meaning":"reviewed","reason":"door open"}`

// TestPeopleSign: a person signs with the name, account and issuer of the token, whatever they write; a machine signs as one,
// also when its token carries somebody's name.
func TestPeopleSign(t *testing.T) {
	w := newWorld(t)
	acks := w.warm("carrier.s1")
	p := newProvider(t)
	w.withProvider(p)

	ana := w.signedIn(quality)
	want(t, "name of the session", ana.Name, "Ana Lopez")
	want(t, "may sign", slices.Contains(ana.Scopes, access.ShipmentsWrite), true)
	var a shapes.Acknowledgement
	w.bearing(http.StatusCreated, ana.AccessToken, http.MethodPost, acks, note).into(&a)
	want(t, "signer", a.Signature.Signer, shapes.Signer{Kind: "person", Name: "Ana Lopez", Subject: "id1", Issuer: p.issuer, Client: pageClient})
	want(t, "organisation", a.Signature.Org, "carrier")
	w.bearing(http.StatusUnprocessableEntity, ana.AccessToken, http.MethodPost, acks, strings.Replace(note, "{", `{"name":"Dr. Somebody Else",`, 1))

	var d shapes.Disposition
	w.bearing(http.StatusCreated, ana.AccessToken, http.MethodPost, "/v1/shipments/carrier.s1/disposition", `{"decision":"quarantine","meaning":"responsibility","reason":"26 °C","verdict_by":"carrier","verdict_revision":1}`).into(&d)
	want(t, "who decided", d.Signature.Signer, a.Signature.Signer)

	w.bearing(http.StatusCreated, p.machine(t), http.MethodPost, acks, note).into(&a)
	want(t, "signer of a machine", a.Signature.Signer, shapes.Signer{Kind: "machine", Name: "sid1", Subject: "sid1", Issuer: p.issuer, Client: "sid1"})

	// What an account may do is what its roles grant.
	vic := w.signedIn(viewer)
	want(t, "name of the viewer", vic.Name, "Vic Tor")
	want(t, "code for the viewer", w.bearing(http.StatusForbidden, vic.AccessToken, http.MethodPost, acks, note).problem().Code, "missing_scope")
	w.bearing(http.StatusOK, vic.AccessToken, http.MethodGet, acks, "")

	// A person whom the provider does not name signs nothing.
	p.says("id1", "name", nil)
	nobody := w.signedIn(quality)
	want(t, "name of a session without one", nobody.Name, "")
	want(t, "code without a name", w.bearing(http.StatusForbidden, nobody.AccessToken, http.MethodPost, acks, note).problem().Code, "forbidden")

	// A name that would not be printed as it is.
	p.says("id1", "name", "Ana\nLopez")
	w.bearing(http.StatusUnprocessableEntity, w.signedIn(quality).AccessToken, http.MethodPost, acks, note)
}

// TestSignInIsRefused: what must not become a session, and what must not pass as an access token.
func TestSignInIsRefused(t *testing.T) {
	w := newWorld(t)
	p := newProvider(t)
	w.withProvider(p)
	refused := func(what string, status int, code, body string) {
		t.Helper()
		if got := w.anonymous(status, http.MethodPost, "/v1/sign-in/token", body).problem(); string(got.Code) != code {
			t.Errorf("%s: code %s, want %s", what, got.Code, code)
		}
	}
	a := w.authorize(quality)
	refused("another verifier", 401, "unauthenticated", exchangeBody(a.code, strings.Repeat("x", 43)))
	a = w.authorize(quality)
	w.anonymous(http.StatusOK, http.MethodPost, "/v1/sign-in/token", exchangeBody(a.code, a.verifier))
	refused("a code that was used", 401, "unauthenticated", exchangeBody(a.code, a.verifier))
	refused("a code that nobody gave out", 401, "unauthenticated", exchangeBody("x", a.verifier))
	refused("a short verifier", 422, "invalid_request", exchangeBody("x", "x"))

	s := w.signedIn(quality)
	w.bearing(http.StatusOK, s.AccessToken, http.MethodGet, "/v1/shipments", "")
	got := w.bearing(http.StatusUnauthorized, s.IDToken, http.MethodGet, "/v1/shipments", "").problem()
	if !strings.Contains(got.Detail, "ID token") {
		t.Errorf("an ID token: %s, want it to be called one", got.Detail)
	}
	p.says("id1", "org", "shipper")
	a = w.authorize(quality)
	refused("an account of another organisation", 403, "wrong_organisation", exchangeBody(a.code, a.verifier))
	p.says("id1", "org", []string{"shipper", "carrier"})
	w.signedIn(quality)
	p.mu.Lock()
	p.aud = "another-api"
	p.mu.Unlock()
	a = w.authorize(quality)
	refused("a token for another audience", 401, "unauthenticated", exchangeBody(a.code, a.verifier))
}

// TestProviderRotates: the first token under a new key has the keys fetched, a later one passes; the old key is gone then.
func TestProviderRotates(t *testing.T) {
	w := newWorld(t)
	p := newProvider(t)
	w.withProvider(p)
	old := w.signedIn(quality).AccessToken
	p.rotate(t)
	fresh := p.machine(t)
	passes := func() bool {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/shipments", nil)
		r.Header.Set("Authorization", "Bearer "+fresh)
		return w.send(r).Code == http.StatusOK
	}
	for deadline := time.Now().Add(60 * time.Second); !passes(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a token under the new key is not taken within 60 s")
		}
	}
	w.bearing(http.StatusUnauthorized, old, http.MethodGet, "/v1/shipments", "")
}
