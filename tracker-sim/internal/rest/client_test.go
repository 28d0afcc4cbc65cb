package rest

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// scripted answers token requests, and others by the script, one entry a request.
type scripted struct {
	answers []func(w http.ResponseWriter)
	keys    []string
	tokens  int
}

func (s *scripted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/oauth2/token" {
		s.tokens++
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": "t", "expires_in": 3600})
		return
	}
	s.keys = append(s.keys, r.Header.Get("Idempotency-Key"))
	next := s.answers[0]
	s.answers = s.answers[1:]
	next(w)
}

func status(code int, header ...string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		_, _ = w.Write([]byte(`{"code":"c","detail":"d","errors":[{"field":"f","detail":"e"}]}`))
	}
}

func drop(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		_ = conn.Close()
	}
}

func newTestClient(t *testing.T, s *scripted) *Client {
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	c := New("carrier", srv.URL, "id", "secret")
	c.first = time.Millisecond
	return c
}

func TestWritesAreRepeatedWithOneKey(t *testing.T) {
	s := &scripted{answers: []func(http.ResponseWriter){status(503), drop, status(504), status(401), status(200)}}
	if err := newTestClient(t, s).Deliver(context.Background(), "S"); err != nil {
		t.Fatal(err)
	}
	for _, k := range s.keys {
		if k == "" || k != s.keys[0] {
			t.Errorf("keys %v", s.keys)
		}
	}
	if len(s.keys) != 5 || s.tokens != 2 {
		t.Errorf("%d requests, %d tokens", len(s.keys), s.tokens)
	}
}

func TestRefusalsAreFinal(t *testing.T) {
	for _, code := range []int{400, 403, 404, 409, 422, 500} {
		s := &scripted{answers: []func(http.ResponseWriter){status(code)}}
		err := newTestClient(t, s).Deliver(context.Background(), "S")
		if Status(err) != code || !strings.Contains(err.Error(), "f: e") {
			t.Errorf("%d: %v", code, err)
		}
	}
}

// Two writers met on the ledger: nothing was written, so it is another request.
func TestConflictsThatMayBeRepeated(t *testing.T) {
	s := &scripted{answers: []func(http.ResponseWriter){status(409, "Retry-After", "1"), status(200)}}
	if err := newTestClient(t, s).Deliver(context.Background(), "S"); err != nil {
		t.Fatal(err)
	}
	if len(s.keys) != 2 || s.keys[0] == s.keys[1] {
		t.Errorf("keys %v", s.keys)
	}
}

func TestRepeatsAreBounded(t *testing.T) {
	s := &scripted{}
	for range 20 {
		s.answers = append(s.answers, status(503))
	}
	c := newTestClient(t, s)
	c.tries = 4
	if err := c.Deliver(context.Background(), "S"); Status(err) != 503 || len(s.keys) != 4 {
		t.Errorf("%v after %d requests", err, len(s.keys))
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := c.Deliver(ctx, "S"); err == nil {
		t.Error("no error after the end")
	}
}

func TestPagesFollowTheCursor(t *testing.T) {
	page := func(body string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) { _, _ = w.Write([]byte(body)) }
	}
	s := &scripted{answers: []func(http.ResponseWriter){page(`{"items":[{"seq":1},{"seq":2}],"next":"a/b"}`), page(`{"items":[{"seq":3}]}`)}}
	var got []uint64
	err := newTestClient(t, s).Messages(context.Background(), "S", func(m Message) error {
		got = append(got, m.Seq)
		return nil
	})
	if err != nil || len(got) != 3 {
		t.Errorf("%v, %v", got, err)
	}
}
