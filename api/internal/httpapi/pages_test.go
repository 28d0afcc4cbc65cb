package httpapi_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPages(t *testing.T) {
	w := newWorld(t)
	get := func(path string) response {
		t.Helper()
		return w.send(httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	}
	if r := get("/"); r.Code != 200 || !strings.Contains(string(r.Body), "make up") {
		t.Fatalf("%d %s", r.Code, r.Body)
	}
	docs := get("/docs")
	for _, want := range []string{"/v1/shipments/{id}/verification", "telemetry:read", "<!doctype html>"} {
		if !strings.Contains(string(docs.Body), want) {
			t.Errorf("/docs lacks %s", want)
		}
	}
	for _, banned := range []string{"<script", "http://", "https://", "@import"} {
		if strings.Contains(string(docs.Body), banned) {
			t.Errorf("/docs contains %s", banned)
		}
	}
	for _, path := range []string{"/healthz", "/readyz", "/metrics", "/openapi.json", "/.well-known/jwks.json", "/.well-known/openid-configuration"} {
		r := get(path)
		if r.Code != 200 || r.Header.Get("X-Content-Type-Options") != "nosniff" || r.Header.Get("Content-Security-Policy") == "" || r.Header.Get("X-Frame-Options") != "DENY" {
			t.Errorf("%s: %d %v", path, r.Code, r.Header)
		}
	}

	w.noOps = true
	w.reopen()
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 404, "/metrics": 404} {
		if r := get(path); r.Code != want {
			t.Errorf("%s where other machines reach the API: came %d, expected %d", path, r.Code, want)
		}
	}

	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("dist/index.html", "<!doctype html>the page")
	write("dist/assets/app.js", "code")
	write("dist/.secret", "hidden")
	write("outside", "outside")
	if err := os.Symlink(filepath.Join(dir, "outside"), filepath.Join(dir, "dist", "link")); err != nil {
		t.Fatal(err)
	}
	w.dashboard = filepath.Join(dir, "dist")
	w.reopen()
	for path, want := range map[string]string{"/": "the page", "/app/shipments/s1": "the page", "/index.html": "the page", "/assets/app.js": "code"} {
		r := get(path)
		if path == "/index.html" && r.Code == 301 {
			continue
		}
		if r.Code != 200 || !strings.Contains(string(r.Body), want) || !strings.Contains(r.Header.Get("Content-Security-Policy"), "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'") {
			t.Errorf("%s: %d %s %s", path, r.Code, r.Body, r.Header.Get("Content-Security-Policy"))
		}
	}
	for _, path := range []string{"/assets", "/assets/", "/.secret", "/link", "/../outside", "/..%2foutside", "/v1/none", "/nothing", "/oauth2/x", "//v1/x"} {
		r := get(path)
		if r.Code != 404 {
			t.Errorf("%s: %d %s", path, r.Code, r.Body)
			continue
		}
		r.problem()
	}
}

// The verifier has megabytes: it travels packed, and once.
func TestPagesPacked(t *testing.T) {
	w := newWorld(t)
	dir := t.TempDir()
	for name, text := range map[string]string{
		"index.html": "page", "assets/v-1.wasm": "plain", "assets/v-1.wasm.gz": "as gzip", "assets/v-1.wasm.br": "as brotli", "assets/a-1.js": "code",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	w.dashboard = dir
	w.reopen()
	const ever, ask = "public, max-age=31536000, immutable", "no-cache"
	for _, c := range []struct{ path, accept, body, coding, kind, cache string }{
		{"/", "gzip", "page", "", "text/html; charset=utf-8", ask},
		{"/assets/a-1.js", "gzip, br", "code", "", "text/javascript; charset=utf-8", ever},
		{"/assets/v-1.wasm", "", "plain", "", "application/wasm", ever},
		{"/assets/v-1.wasm", "gzip, deflate, br, zstd", "as brotli", "br", "application/wasm", ever},
		{"/assets/v-1.wasm", "GZIP;q=0.5", "as gzip", "gzip", "application/wasm", ever},
		{"/assets/v-1.wasm", "br;q=0, gzip; q = 0.001", "as gzip", "gzip", "application/wasm", ever},
		{"/assets/v-1.wasm", "br;q=0, gzip;q=none", "plain", "", "application/wasm", ever},
		{"/assets/v-1.wasm", "identity, *", "plain", "", "application/wasm", ever},
	} {
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, c.path, nil)
		req.Header.Set("Accept-Encoding", c.accept)
		r := w.send(req)
		h := r.Header
		if r.Code != 200 || string(r.Body) != c.body || h.Get("Content-Encoding") != c.coding || h.Get("Content-Type") != c.kind || h.Get("Cache-Control") != c.cache || h.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%s with %q: %d %q %v", c.path, c.accept, r.Code, r.Body, h)
		}
	}
}

func TestToken(t *testing.T) {
	w := newWorld(t)
	ask := func(form, user string) response {
		t.Helper()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/oauth2/token", strings.NewReader(form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if user != "" {
			r.SetBasicAuth(user, secret)
		}
		return w.send(r)
	}
	const grant = "grant_type=client_credentials"
	for _, tc := range []struct {
		form, user string
		status     int
		code       string
	}{
		{grant, "carrier-admin", 200, ""},
		{grant + "&client_id=carrier-admin&client_secret=" + secret, "", 200, ""},
		{grant + "&scope=trackers:read+anchors:read", "carrier-admin", 200, ""},
		{grant + "&scope=everything", "carrier-admin", 400, "invalid_scope"},
		{grant + "&client_id=carrier-admin&client_secret=wrong", "", 401, "invalid_client"},
		{grant, "nobody", 401, "invalid_client"},
		{grant, "", 401, "invalid_client"},
		{"grant_type=password", "carrier-admin", 400, "unsupported_grant_type"},
		{"grant_type=client_credentials&grant_type=password", "carrier-admin", 400, "invalid_request"},
		{grant + "&client_secret=" + secret, "carrier-admin", 400, "invalid_request"},
		{"%zz", "carrier-admin", 400, "invalid_request"},
	} {
		r := ask(tc.form, tc.user)
		if r.Code != tc.status {
			t.Errorf("%s %s: %d %s", tc.form, tc.user, r.Code, r.Body)
			continue
		}
		if tc.code != "" {
			if p := r.problem(); string(p.Code) != tc.code || p.OAuth != tc.code {
				t.Errorf("%s: %+v", tc.form, p)
			}
			continue
		}
		var token struct {
			AccessToken string `json:"access_token"`
			TokenType   string `json:"token_type"`
			ExpiresIn   int    `json:"expires_in"`
		}
		r.into(&token)
		if token.TokenType != "Bearer" || token.ExpiresIn != 3600 || r.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s", r.Body)
		}
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/trackers", nil)
		req.Header.Set("Authorization", "Bearer "+token.AccessToken)
		if got := w.send(req); got.Code != 200 {
			t.Errorf("the token is refused: %s", got.Body)
		}
	}
}

func TestPanicIsAProblem(t *testing.T) {
	w := newWorld(t)
	w.must(201, "POST", "/v1/trackers", enrolBody(t, "carrier", "carrier.t1"))
	w.must(201, "POST", "/v1/shipments", shipmentBody("carrier.s1"))
	w.noStore = true // what a programming error would do
	w.reopen()
	r := w.call("GET", "/v1/shipments/carrier.s1/telemetry", "")
	if p := r.problem(); r.Code != 500 || p.Code != "internal" || strings.Contains(string(r.Body), "nil pointer") {
		t.Fatalf("%d %s", r.Code, r.Body)
	}
}
