package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/trackseal/trackseal/ingest/internal/journal"
	"github.com/trackseal/trackseal/ingest/internal/run"
	"github.com/trackseal/trackseal/ingest/internal/sequence"
	"github.com/trackseal/trackseal/internal/ledger"
)

type fake struct{ seq *sequence.Sequencer }

func (f fake) Sequencer() *sequence.Sequencer { return f.seq }
func (f fake) Seal(_ context.Context, shipment string) (run.SealResult, error) {
	if err := map[string]error{"S-none": run.ErrNoShipment, "S-live": run.ErrNotDelivered, "S-away": ledger.ErrUnavailable}[shipment]; err != nil {
		return run.SealResult{}, fmt.Errorf("asked: %w", err)
	}
	return run.SealResult{Anchored: true}, f.seq.Seal(shipment)
}
func (fake) Assigned(shipment, tracker string) bool { return shipment == "S-1" && tracker == "T-1" }

func (f fake) Status(context.Context) run.Status { return run.Status{ID: "ingest-test"} }

func TestRoutes(t *testing.T) {
	db, err := journal.Open(t.TempDir(), journal.Options{MinFree: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	seq, err := sequence.Open(db, sequence.Config{Channel: "trackseal", Ingest: "ingest-test"})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	Routes(mux, fake{seq}, "secret", slog.New(slog.DiscardHandler))
	for _, tc := range []struct {
		method, path, token string
		status              int
	}{
		{"GET", "/v1/status", "secret", 200},
		{"GET", "/v1/status", "", 401},
		{"GET", "/v1/status", "secrets", 401},
		{"GET", "/v1/nothing", "", 401},
		{"GET", "/v1/nothing", "secret", 404},
		{"GET", "/v1/logs?shipment=S-1", "secret", 200},
		{"GET", "/v1/logs?tracker=T-1", "secret", 200},
		{"GET", "/v1/shipments/S-1/trackers/T-1", "secret", 200},
		{"GET", "/v1/shipments/S-1/trackers/..%2F", "secret", 400},
		{"GET", "/v1/shipments/S-1/trackers/T-1", "", 401},
		{"GET", "/v1/logs", "secret", 400},
		{"GET", "/v1/logs?shipment=..%2F", "secret", 400},
		{"POST", "/v1/shipments/S-1/seal", "secret", 200},
		{"POST", "/v1/shipments/a%20b/seal", "secret", 400},
		{"POST", "/v1/shipments/S-none/seal", "secret", 404},
		{"POST", "/v1/shipments/S-live/seal", "secret", 409},
		{"POST", "/v1/shipments/S-away/seal", "secret", 503},
		{"GET", "/v1/proof/inclusion?index=0&size=1", "secret", 400}, // the heads log is empty
		{"GET", "/v1/proof/inclusion?index=1&size=1", "secret", 400},
		{"GET", "/v1/proof/inclusion?index=-1&size=x", "secret", 400},
		{"GET", "/v1/proof/consistency?first=0&second=0", "secret", 200},
		{"GET", "/v1/proof/consistency?first=2&second=1", "secret", 400},
	} {
		r := httptest.NewRequest(tc.method, tc.path, nil)
		if tc.token != "" {
			r.Header.Set("Authorization", "Bearer "+tc.token)
		}
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		var body map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || w.Code != tc.status {
			t.Errorf("%s %s: %d %s (%v), want %d", tc.method, tc.path, w.Code, w.Body, err, tc.status)
		}
		if w.Code >= 400 && (w.Header().Get("Content-Type") != "application/problem+json" || body["code"] == nil) {
			t.Errorf("%s %s: not a problem: %s", tc.method, tc.path, w.Body)
		}
	}
}
