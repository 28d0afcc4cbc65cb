package ingestclient

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"go.uber.org/goleak"

	"github.com/trackseal/trackseal/api/internal/problem"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestClient(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/logs", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("shipment") == "unknown" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		if r.URL.Query().Get("shipment") != "a b" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		_, _ = w.Write([]byte(`{"items":[{"log":"aa","size":3,"future":1}]}`))
	})
	mux.HandleFunc("POST /v1/shipments/{id}/seal", func(w http.ResponseWriter, r *http.Request) {
		if r.PathValue("id") == "unknown" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_, _ = w.Write([]byte(`{"heads":[{"log":"aa","size":3,"root":"bb"}],"anchored":true}`))
	})
	mux.HandleFunc("GET /v1/status", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://169.254.169.254/", http.StatusFound)
	})
	srv := httptest.NewServer(mux)
	defer srv.Close()
	c, err := New("i", srv.URL+"/", http.DefaultTransport)
	if err != nil {
		t.Fatal(err)
	}
	defer c.http.CloseIdleConnections()
	if logs, err := c.Logs(t.Context(), "a b"); err != nil || len(logs) != 1 || logs[0].Size != 3 {
		t.Errorf("%+v %v", logs, err)
	}
	if s, err := c.Seal(t.Context(), "s1"); err != nil || !s.Anchored {
		t.Errorf("%+v %v", s, err)
	}
	if _, err := c.Status(t.Context()); !errors.Is(err, problem.ErrIngest) {
		t.Errorf("a redirect is followed: %v", err)
	}
	if logs, err := c.Logs(t.Context(), "unknown"); err != nil || len(logs) != 0 {
		t.Errorf("of a shipment that the instance does not know: %v %v", logs, err)
	}
	if known, err := c.Assigned(t.Context(), "unknown", "T"); err != nil || known {
		t.Errorf("an assignment that the instance does not know: %v %v", known, err)
	}
	if s, err := c.Seal(t.Context(), "unknown"); err != nil || !s.Anchored {
		t.Errorf("an instance that does not know the shipment has nothing to seal: %+v %v", s, err)
	}
	if _, err := c.Logs(t.Context(), "other"); err == nil || errors.Is(err, problem.ErrIngest) {
		t.Errorf("a refusal must not look like an outage: %v", err)
	}
	srv.Close()
	if _, err := c.Logs(t.Context(), "a b"); !errors.Is(err, problem.ErrIngest) {
		t.Errorf("got %v, want ErrIngest", err)
	}
}

func TestNew(t *testing.T) {
	for _, bad := range []string{"", "127.0.0.1:1", "ftp://x", "http://"} {
		if _, err := New("i", bad, http.DefaultTransport); err == nil {
			t.Errorf("%q accepted", bad)
		}
	}
}
