package client

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

// scripted answers token requests, and others by the script, one entry a request.
type scripted struct {
	answers []func(w http.ResponseWriter)
	asked   []*http.Request
	tokens  int
}

func (s *scripted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/oauth2/token" {
		s.tokens++
		w.Header().Set("Content-Type", "application/json")
		if user, pass, _ := r.BasicAuth(); user != "an+id" || pass != "s%3A%25" {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = w.Write([]byte(`{"error":"invalid_client","code":"invalid_client","detail":"wrong"}`))
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": "t" + string(rune('0'+s.tokens)), "token_type": "Bearer", "expires_in": 3600})
		return
	}
	s.asked = append(s.asked, r)
	next := s.answers[0]
	s.answers = s.answers[1:]
	next(w)
}

func (s *scripted) keys() (keys []string) {
	for _, r := range s.asked {
		keys = append(keys, r.Header.Get("Idempotency-Key"))
	}
	return keys
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

func body(text string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) { _, _ = w.Write([]byte(text)) }
}

func drop(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		_ = conn.Close()
	}
}

func connect(t *testing.T, s *scripted, change ...func(*Config)) *Client {
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	cfg := Config{URL: srv.URL + "/", ID: "an id", Secret: "s:%", FirstWait: time.Millisecond}
	for _, f := range change {
		f(&cfg)
	}
	return New(cfg)
}

func deliver(ctx context.Context, c *Client) error {
	_, err := c.DeliverShipment(ctx, "S/1", Stated{})
	return err
}

func TestWritesAreRepeatedWithOneKey(t *testing.T) {
	s := &scripted{answers: []func(http.ResponseWriter){status(503), drop, status(504), status(401), status(429), status(200)}}
	if err := deliver(t.Context(), connect(t, s)); err != nil {
		t.Fatal(err)
	}
	keys := s.keys()
	if len(keys) != 6 || keys[0] == "" || len(slices.Compact(keys)) != 1 {
		t.Errorf("keys %v, want 6 times the same", s.keys())
	}
	if s.tokens != 2 {
		t.Errorf("%d tokens were asked for, want one more after the 401", s.tokens)
	}
	if at := s.asked[0]; at.URL.EscapedPath() != "/v1/shipments/S%2F1/deliver" || at.Header.Get("Authorization") != "Bearer t1" {
		t.Errorf("asked %s with %q", at.URL.EscapedPath(), at.Header.Get("Authorization"))
	}
}

func TestRefusalsAreFinal(t *testing.T) {
	for _, code := range []int{302, 400, 403, 404, 409, 422, 500} {
		s := &scripted{answers: []func(http.ResponseWriter){status(code)}}
		err := deliver(t.Context(), connect(t, s))
		var e *Error
		if !errors.As(err, &e) || Status(err) != code || e.Code != "c" {
			t.Fatalf("%d: got %v", code, err)
		}
		if want := "POST /v1/shipments/S%2F1/deliver: "; !strings.HasPrefix(err.Error(), want) || !strings.HasSuffix(err.Error(), " c: d; f: e") {
			t.Errorf("%d: the text is %q", code, err)
		}
	}
}

// A refused token is renewed once; a token that was given is not ours to renew.
func TestRefusedTokens(t *testing.T) {
	for name, c := range map[string]struct {
		change        func(*Config)
		asked, tokens int
	}{
		"twice":         {func(*Config) {}, 2, 2},
		"given":         {func(c *Config) { c.Token = "t" }, 1, 0},
		"no such token": {func(c *Config) { c.Secret = "x" }, 0, 1},
	} {
		s := &scripted{answers: []func(http.ResponseWriter){status(401), status(401)}}
		err := deliver(t.Context(), connect(t, s, c.change))
		if Status(err) != http.StatusUnauthorized || len(s.asked) != c.asked || s.tokens != c.tokens {
			t.Errorf("%s: %v after %d requests and %d tokens, want %d and %d", name, err, len(s.asked), s.tokens, c.asked, c.tokens)
		}
	}
}

// Two writers met on the ledger: nothing was written, so it is another request.
func TestConflictsThatMayBeRepeated(t *testing.T) {
	s := &scripted{answers: []func(http.ResponseWriter){status(409, "Retry-After", "0"), status(200)}}
	if err := deliver(t.Context(), connect(t, s)); err != nil {
		t.Fatal(err)
	}
	if keys := s.keys(); len(keys) != 2 || keys[0] == keys[1] {
		t.Errorf("keys %v, want two that differ", keys)
	}
}

func TestRepeatsAreBounded(t *testing.T) {
	s := &scripted{}
	for range 20 {
		s.answers = append(s.answers, status(503))
	}
	c := connect(t, s, func(c *Config) { c.Tries = 4 })
	if err := deliver(t.Context(), c); Status(err) != 503 || len(s.asked) != 4 {
		t.Errorf("%v after %d requests, want 503 after 4", err, len(s.asked))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := deliver(ctx, c); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
}

func TestPagesFollowTheCursor(t *testing.T) {
	s := &scripted{answers: []func(http.ResponseWriter){body(`{"items":[{"seq":1},{"seq":2}],"next":"a/b"}`), body(`{"items":[{"seq":3}]}`), body(`[`)}}
	c := connect(t, s)
	var got []int64
	for m, err := range c.Messages(t.Context(), "S") {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, m.Seq)
	}
	if !slices.Equal(got, []int64{1, 2, 3}) {
		t.Errorf("walked %v, want 1 to 3", got)
	}
	if first, second := s.asked[0].URL.RawQuery, s.asked[1].URL.RawQuery; first != "limit=1000" || second != "cursor=a%2Fb&limit=1000" {
		t.Errorf("queries %q and %q", first, second)
	}
	for _, err := range c.Messages(t.Context(), "S") {
		if err == nil || !strings.Contains(err.Error(), "not JSON of this API") {
			t.Errorf("an answer that is none: %v", err)
		}
	}
}

func TestQueries(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.FixedZone("", 3600))
	for want, q := range map[string]query{
		"":                               {"a": text(""), "b": text(int64(0)), "c": text(false), "d": text(time.Time{})},
		"a=0&b=7&c=true":                 {"a": text("0"), "b": text(int64(7)), "c": text(true)},
		"d=2026-01-02T02%3A04%3A05.006Z": {"d": text(at)},
	} {
		if got := q.encode(); got != want {
			t.Errorf("%v gives %q, want %q", q, got, want)
		}
	}
}
