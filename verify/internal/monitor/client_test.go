package monitor

import (
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
)

func clientOf(t *testing.T, base string, creds Credentials, roots *x509.CertPool) *Client {
	t.Helper()
	c, err := NewClient(base, creds, roots)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// endless answers more than anybody should read.
func endless(w http.ResponseWriter, _ *http.Request) {
	chunk := []byte(strings.Repeat("[", 1<<16))
	for {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}

func TestClient(t *testing.T) {
	var issued, refused atomic.Int64
	mux := http.NewServeMux()
	mux.HandleFunc("POST /oauth2/token", func(w http.ResponseWriter, r *http.Request) {
		user, pass, _ := r.BasicAuth()
		id, _ := url.QueryUnescape(user)
		secret, _ := url.QueryUnescape(pass)
		body, _ := io.ReadAll(r.Body)
		if id != "an auditor" || secret != "s:%" || string(body) != "grant_type=client_credentials" {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"code":"invalid_client","detail":"wrong\u001b[2J"}`)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"access_token":"token-%d","expires_in":900}`, issued.Add(1))
	})
	serve := func(path string, h http.HandlerFunc) {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			// The first token was revoked meanwhile.
			if a := r.Header.Get("Authorization"); a != "Bearer token-2" && a != "Bearer fixed" {
				refused.Add(1)
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			h(w, r)
		})
	}
	serve("/v1/heads", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"items":[{"heads":"aa","ingest":"i","n":3,"size":7,"root":"bb","tx":"cc","time":"2026-01-01T00:00:00.000Z"}]}`)
	})
	serve("/v1/network", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"ingest":[{"id":"i","ok":true,"status":{"pending_anchor":4}},{"id":"j","ok":false},{"id":"l","ok":false,"status":{"pending_anchor":9}},{"id":"k","ok":true,"status":{}}]}`)
	})
	serve("/v1/heads/aa/evidence", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "from %s, nonce %s", r.URL.Query().Get("from"), r.URL.Query().Get("nonce"))
	})
	srv := httptest.NewServer(mux)
	defer srv.Close()
	c := clientOf(t, srv.URL+"/", Credentials{ClientID: "an auditor", ClientSecret: "s:%"}, nil)
	claims, err := c.Heads(t.Context())
	if want := (Claim{"aa", "i", 3, 7, "bb", "cc"}); err != nil || len(claims) != 1 || claims[0] != want {
		t.Errorf("claims %+v, %v; want %+v", claims, err, want)
	}
	waiting, err := c.Waiting(t.Context())
	if err != nil || len(waiting) != 2 || waiting[0] != (Waiting{"i", 4}) || waiting[1] != (Waiting{"l", 9}) {
		t.Errorf("waiting %+v, %v; want 4 at i, and 9 at l, which is in trouble", waiting, err)
	}
	raw, err := c.Evidence(t.Context(), "aa", 5, []byte{1, 2})
	if err != nil || string(raw) != "from 5, nonce 0102" {
		t.Errorf("%s, %v", raw, err)
	}
	if issued.Load() != 2 || refused.Load() != 1 {
		t.Errorf("%d tokens, %d refused", issued.Load(), refused.Load())
	}
	if _, err := clientOf(t, srv.URL, Credentials{Token: "fixed"}, nil).Heads(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := clientOf(t, srv.URL, Credentials{Token: "old"}, nil).Heads(t.Context()); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("an old token: %v", err)
	}
	_, err = clientOf(t, srv.URL, Credentials{ClientID: "x", ClientSecret: "y"}, nil).Heads(t.Context())
	if err == nil || !strings.Contains(err.Error(), "token: 401 invalid_client: wrong [2J") {
		t.Errorf("a wrong secret: %v", err)
	}
}

// An API cannot make the monitor read without end, follow it elsewhere, or take a page for an answer.
func TestHostileAnswers(t *testing.T) {
	var elsewhere atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	cases := []struct {
		name, text string
		answer     http.HandlerFunc
	}{
		{"endless", "more than 1048576 bytes", endless},
		{"a redirect", "302", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, http.StatusFound) }},
		{"a page", "a page", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			fmt.Fprint(w, "<html>")
		}},
		{"not JSON", "not JSON", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "[1") }},
		{"another shape", "not JSON", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"items":[{"n":"1"}]}`) }},
		{"a negative number", "negative", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"items":[{"n":-1}]}`) }},
		{"deep", "not JSON", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, strings.Repeat("[", 500_000)) }},
		{"a hangup", "EOF", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
		{"a long problem", "500 x", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
			_ = json.NewEncoder(w).Encode(map[string]string{"code": "x", "detail": strings.Repeat("y", 10_000)})
		}},
	}
	for _, c := range cases {
		srv := httptest.NewServer(c.answer)
		_, err := clientOf(t, srv.URL, Credentials{Token: "t"}, nil).Heads(t.Context())
		if err == nil || !strings.Contains(err.Error(), c.text) || len(err.Error()) > 500 {
			t.Errorf("%s: %.600v", c.name, err)
		}
		srv.CloseClientConnections()
		srv.Close()
	}
	if elsewhere.Load() != 0 {
		t.Error("the token went elsewhere")
	}
}

func TestClientRoots(t *testing.T) {
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"items":[]}`) }))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	defer srv.Close()
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	if _, err := clientOf(t, srv.URL, Credentials{Token: "t"}, roots).Heads(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := clientOf(t, srv.URL, Credentials{Token: "t"}, x509.NewCertPool()).Heads(t.Context()); err == nil {
		t.Error("an unknown authority was believed")
	}
}

func TestNewClient(t *testing.T) {
	good := Credentials{Token: "t"}
	cases := []struct {
		base  string
		creds Credentials
		ok    bool
	}{
		{"https://api.example", good, true},
		{"https://api.example/", Credentials{ClientID: "a", ClientSecret: "b", TokenURL: "https://login.example/token"}, true},
		{"http://127.0.0.1:8080", good, true},
		{"http://localhost:8080", good, true},
		{"http://[::1]:8080", good, true},
		{"http://api.example", good, false}, // the token would go over the wire for all to read
		{"http://127.0.0.1.example", good, false},
		{"https://user:secret@api.example", good, false},
		{"https://api.example?x=1", good, false},
		{"ftp://api.example", good, false},
		{"api.example", good, false},
		{"", good, false},
		{"https://api.example", Credentials{}, false},
		{"https://api.example", Credentials{ClientID: "a"}, false},
		{"https://api.example", Credentials{Token: "t", ClientID: "a", ClientSecret: "b"}, false},
		{"https://api.example", Credentials{ClientID: "a", ClientSecret: "b", TokenURL: "http://login.example"}, false},
	}
	for _, c := range cases {
		if _, err := NewClient(c.base, c.creds, nil); (err == nil) != c.ok {
			t.Errorf("%s %+v: %v, want it taken: %v", c.base, c.creds, err, c.ok)
		} else if err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("more than a line: %v", err)
		}
	}
}
