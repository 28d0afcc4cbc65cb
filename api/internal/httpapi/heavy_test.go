package httpapi_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/httpapi"
	"github.com/trackseal/trackseal/internal/stored"
)

// slowFor is a store that takes its time for one client.
type slowFor struct {
	httpapi.Telemetry
	client string
	came   chan struct{}
	until  chan struct{}
}

func (s slowFor) Messages(ctx context.Context, log string, from, to uint64, fn func(stored.Message) error) error {
	if p := access.PrincipalOf(ctx); p != nil && p.Client == s.client {
		s.came <- struct{}{}
		select {
		case <-s.until:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return s.Telemetry.Messages(ctx, log, from, to, fn)
}

// TestHeavyRoutesAreShared: a client that asks for verifications without end keeps nobody else from the heavy routes, and is itself
// answered in the end.
func TestHeavyRoutesAreShared(t *testing.T) {
	w := newWorld(t)
	w.ship("carrier.s1")
	slow := slowFor{w.store, "carrier-admin", make(chan struct{}, 1000), make(chan struct{})}
	w.telemetry = slow
	w.reopen()
	const asked = 10
	codes := make(chan int, asked)
	var all sync.WaitGroup
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for range asked {
		all.Go(func() {
			r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/v1/shipments/carrier.s1/verification", nil)
			r.Header.Set("Authorization", "Bearer "+w.token("carrier-admin"))
			rec := httptest.NewRecorder()
			w.api.ServeHTTP(rec, r)
			codes <- rec.Code
		})
	}
	for range 2 {
		select {
		case <-slow.came:
		case <-ctx.Done():
			t.Fatal("not two of ten verifications have begun within a minute")
		}
	}
	for _, path := range []string{"/v1/shipments/carrier.s1/verification", "/v1/shipments/carrier.s1/report?format=csv", "/v1/reports/fsma204?format=csv"} {
		if r := w.call("GET", path, "", "Authorization", "Bearer "+w.token("carrier-other")); r.Code != 200 {
			t.Errorf("%s of another client meanwhile: %d %.200s, want 200", path, r.Code, r.Body)
		}
	}
	close(slow.until)
	all.Wait()
	for range asked {
		if code := <-codes; code != 200 {
			t.Errorf("one of the ten verifications was answered %d, want 200 after waiting", code)
		}
	}
}
