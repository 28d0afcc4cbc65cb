package service

import (
	"context"
	"encoding/json"
	"net/http"
	"sort"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Health collects what a program needs to be ready. Safe for concurrent use; the zero Health is ready.
type Health struct {
	mu     sync.Mutex
	checks map[string]func(context.Context) error
}

// Register adds or replaces a check. It is called for every /readyz, with 2 s to answer, concurrently with the others.
func (h *Health) Register(name string, check func(ctx context.Context) error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.checks == nil {
		h.checks = make(map[string]func(context.Context) error)
	}
	h.checks[name] = check
}

// Check is the answer of one registered check.
type Check struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail,omitempty"`
}

// Checks asks all, in the order of their names.
func (h *Health) Checks(ctx context.Context) (ready bool, all []Check) {
	h.mu.Lock()
	checks := make(map[string]func(context.Context) error, len(h.checks))
	for name, check := range h.checks {
		checks[name] = check
		all = append(all, Check{Name: name})
	}
	h.mu.Unlock()
	sort.Slice(all, func(i, j int) bool { return all[i].Name < all[j].Name })

	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	for i := range all {
		wg.Go(func() {
			if err := checks[all[i].Name](ctx); err != nil {
				all[i].Detail = oneLine(err)
				return
			}
			all[i].OK = true
		})
	}
	wg.Wait()
	ready = true
	for _, c := range all {
		ready = ready && c.OK
	}
	return ready, all
}

// ServeLive is /healthz: the process answers.
func (h *Health) ServeLive(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{"status": "ok"})
}

// ServeReady is /readyz: 200 when every check passes, else 503, with the list.
func (h *Health) ServeReady(w http.ResponseWriter, r *http.Request) {
	ready, all := h.Checks(r.Context())
	code := http.StatusOK
	if !ready {
		code = http.StatusServiceUnavailable
	}
	if all == nil {
		all = []Check{}
	}
	writeJSON(w, code, map[string]any{"ready": ready, "checks": all})
}

// Mux serves /healthz, /readyz and /metrics; add a program's own routes to it.
func (h *Health) Mux(metrics prometheus.Gatherer) *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", h.ServeLive)
	mux.HandleFunc("GET /readyz", h.ServeReady)
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	return mux
}

func writeJSON(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v) // the client is gone: nobody to tell
}
