package httpapi_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestHead: what GET answers, HEAD answers without a body, over a real connection; a stream does not hang on it.
func TestHead(t *testing.T) {
	w := newWorld(t)
	w.ship("carrier.s1")
	srv := httptest.NewServer(w.api)
	defer srv.Close()
	client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	ask := func(method, path string) *http.Response {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, srv.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+w.token("carrier-admin"))
		resp, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || method == http.MethodHead && len(body) > 0 {
			t.Errorf("%s %s: %d bytes, %v", method, path, len(body), err)
		}
		return resp
	}
	for path, status := range map[string]int{"/v1/shipments": 200, "/v1/shipments/carrier.s1": 200, "/v1/shipments/carrier.none": 404, "/openapi.json": 200, "/healthz": 200, "/docs": 200, "/v1/stream": 200,
		"/v1/shipments/carrier.s1/stream": 200, "/v1/nothing": 404, "/oauth2/token": 405} {
		head := ask(http.MethodHead, path)
		if head.StatusCode != status {
			t.Errorf("HEAD %s: %d instead of %d", path, head.StatusCode, status)
		}
		if strings.HasSuffix(path, "stream") {
			continue
		}
		if get := ask(http.MethodGet, path); get.StatusCode != status || get.Header.Get("Content-Type") != head.Header.Get("Content-Type") {
			t.Errorf("%s: GET answers %d %s, HEAD %d %s", path, get.StatusCode, get.Header.Get("Content-Type"), head.StatusCode, head.Header.Get("Content-Type"))
		}
	}
	for path, want := range map[string][]string{"/v1/shipments": {"GET", "HEAD", "POST"}, "/v1/shipments/carrier.s1": {"GET", "HEAD"}, "/v1/shipments/carrier.s1/deliver": {"POST"},
		"/v1/rule-sets/simulate": {"POST"}, "/v1/rule-sets/general-2-8@1": {"GET", "HEAD"}, "/v1/rule-sets/schema": {"GET", "HEAD"},
		"/v1/shipments/carrier.s1/excursions/a%2Fb/acknowledgements": {"GET", "HEAD", "POST"}} {
		for _, method := range []string{"PATCH", "OPTIONS"} {
			r := w.call(method, path, "")
			allow := strings.Split(r.Header.Get("Allow"), ", ")
			slices.Sort(allow)
			if p := r.problem(); r.Code != 405 || p.Code != "method_not_allowed" || !slices.Equal(allow, want) {
				t.Errorf("%s %s: %d %s, Allow %v", method, path, r.Code, p.Code, allow)
			}
		}
	}
}

// TestMethodsDoNotMakeSeries: a caller without a token must not fill the server's memory with metrics.
func TestMethodsDoNotMakeSeries(t *testing.T) {
	w := newWorld(t)
	for i := range 50 {
		w.call(fmt.Sprint("METHOD", i), "/v1/shipments", "")
		w.call("GET", fmt.Sprint("/nothing/", i), "")
	}
	text := string(w.must(200, "GET", "/metrics", "").Body)
	if n := strings.Count(text, "trackseal_api_requests_total{"); n > 4 || strings.Contains(text, "METHOD") {
		t.Errorf("%d series", n)
	}
}
