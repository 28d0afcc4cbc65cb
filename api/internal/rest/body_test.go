package rest_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/audit"
	"github.com/trackseal/trackseal/api/internal/idempotency"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/api/internal/state"
)

// newAPI is a kernel without resources, and a token for it.
func newAPI(t *testing.T) (*rest.API, string) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	disk, err := state.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := disk.Close(); err != nil {
			t.Error(err)
		}
	})
	sum := sha256.Sum256([]byte("secret"))
	issuer, err := access.NewIssuer("http://issuer.test", "aud", "carrier", []access.Client{{ID: "c", SecretSHA256: hex.EncodeToString(sum[:]), Scopes: access.Scopes}},
		ed25519.NewKeyFromSeed(make([]byte, 32)), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	token, _, err := issuer.Issue("c", "secret", "")
	if err != nil {
		t.Fatal(err)
	}
	trail, err := audit.Open(disk.Tenant("audit"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return rest.New(rest.Config{Org: "carrier", Document: rest.Document{Title: "Test", Version: "1"}, Access: access.Chain{access.NewVerifier("carrier", time.Now, issuer.Trusted())},
		Writes: idempotency.New(disk.Tenant("idempotency"), time.Now, log), Audit: trail, Metrics: prometheus.NewRegistry(), Log: log, Elsewhere: http.NotFoundHandler()}), token
}

type textInput struct {
	rest.Idempotent
	Body struct {
		Text string `json:"text"`
	}
}

// TestBodyLimit: an operation's own limit is the only one, with and without an Idempotency-Key: what it allows is read, one byte
// more is refused, and a repeat of a large write is answered from the record.
func TestBodyLimit(t *testing.T) {
	api, token := newAPI(t)
	runs := 0
	for path, body := range map[string]int{"/small": 0, "/large": 1 << 20} {
		rest.Add(api, rest.Operation{Method: http.MethodPost, Path: path, ID: path[1:], Tag: "T", Scope: access.ShipmentsWrite, Write: true, Body: body},
			func(_ context.Context, in *textInput) (*rest.Answer[int], error) {
				runs++
				return &rest.Answer[int]{Body: len(in.Body.Text)}, nil
			})
	}
	const frame = len(`{"text":""}`)
	for _, c := range []struct {
		path, key string
		size      int // of the body
		status    int
	}{
		{"/small", "", 64 << 10, 200},
		{"/small", "a", 64 << 10, 200},
		{"/small", "", 64<<10 + 1, 413},
		{"/small", "b", 64<<10 + 1, 413},
		{"/large", "", 1 << 20, 200},
		{"/large", "c", 1 << 20, 200},
		{"/large", "c", 1 << 20, 200}, // the repeat
		{"/large", "", 1<<20 + 1, 413},
		{"/large", "d", 1<<20 + 1, 413},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, c.path, strings.NewReader(`{"text":"`+strings.Repeat("x", c.size-frame)+`"}`))
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Content-Type", "application/json")
		if c.key != "" {
			r.Header.Set("Idempotency-Key", c.key)
		}
		w := httptest.NewRecorder()
		api.ServeHTTP(w, r)
		if w.Code != c.status {
			t.Errorf("%s with %d bytes and key %q: status %d, want %d: %.200s", c.path, c.size, c.key, w.Code, c.status, w.Body)
		}
		var p struct{ Code, Detail string }
		if c.status == 413 && (json.Unmarshal(w.Body.Bytes(), &p) != nil || p.Code != "too_large") {
			t.Errorf("%s with %d bytes and key %q: code %q, want too_large: %s", c.path, c.size, c.key, p.Code, w.Body)
		}
	}
	if runs != 4 {
		t.Errorf("the handlers ran %d times, want 4: the repeat is not a run, and what is refused is none", runs)
	}
}
