package service

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// HTTP is a server as a Part. Requests under way at the stop are finished, within the drain time.
type HTTP struct {
	Listen  string      // host:port; port 0 picks a free one
	TLS     *tls.Config // nil = plain text
	Handler http.Handler
	Log     *slog.Logger
	// OnStop, if set, is called when the stop begins: end endless answers (streams) here.
	OnStop func()
	// Ready, if set, is called with the address once connections are accepted.
	Ready func(addr net.Addr)
}

// Part is the server under a name.
func (h *HTTP) Part(name string) Part { return Part{Name: name, Run: h.Run} }

// Run listens and serves until ctx ends.
func (h *HTTP) Run(ctx context.Context) error {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", h.Listen)
	if err != nil {
		return fmt.Errorf("%w (another program may use this address; change `listen`/`http` in the configuration)", err)
	}
	srv := &http.Server{
		Handler:           h.Handler,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(h.Log.Handler(), slog.LevelDebug),
	}
	if h.OnStop != nil {
		srv.RegisterOnShutdown(h.OnStop)
	}
	if h.Ready != nil {
		h.Ready(ln.Addr())
	}
	h.Log.InfoContext(ctx, "listening", "address", ln.Addr().String(), "tls", h.TLS != nil)

	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		// One second less than Run gives, so that the connections are closed before the process ends.
		late, cancel := context.WithTimeout(context.Background(), drain-time.Second)
		defer cancel()
		if err := srv.Shutdown(late); err != nil {
			srv.Close()
		}
	})
	if h.TLS != nil {
		// HTTP/1.1, as without TLS: the bounds above were chosen and tried for it.
		ln = tls.NewListener(ln, h.TLS)
	}
	err = srv.Serve(ln)
	if stop() { // ctx has not ended: Serve failed by itself
		return err
	}
	<-stopped
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// Health collects what a program needs to be ready. Safe for concurrent use; the zero Health is ready.
type Health struct {
	mu     sync.Mutex
	checks map[string]func(context.Context) error

	asking sync.Mutex // one request asks, the others wait for its answer
	asked  time.Time
	ready  bool
	last   []Check
}

// readyFor is how long an answer of /readyz stands: anybody may ask, and each check is work for somebody.
const readyFor = time.Second

// Register adds or replaces a check. /readyz calls it at most once a second, with 2 s to answer, concurrently with the others.
func (h *Health) Register(name string, check func(ctx context.Context) error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.checks == nil {
		h.checks = make(map[string]func(context.Context) error)
	}
	h.checks[name] = check
}

// recent is the answer of Checks, which stands for readyFor.
func (h *Health) recent(ctx context.Context) (bool, []Check) {
	h.asking.Lock()
	defer h.asking.Unlock()
	if time.Since(h.asked) >= readyFor {
		// The answer is for others too: the asker's going does not spoil it.
		h.ready, h.last = h.Checks(context.WithoutCancel(ctx))
		h.asked = time.Now()
	}
	return h.ready, h.last
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
	checks := maps.Clone(h.checks)
	h.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(checks)) {
		all = append(all, Check{Name: name})
	}

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
	ready, all := h.recent(r.Context())
	code := http.StatusOK
	if !ready {
		code = http.StatusServiceUnavailable
	}
	if all == nil {
		all = []Check{}
	}
	writeJSON(w, code, map[string]any{"ready": ready, "checks": all})
}

// Mux serves /healthz, and with ops /readyz and /metrics as well, which tell what else runs here and how much: they are for who operates
// the program. Add a program's own routes to it.
func (h *Health) Mux(ops bool, metrics prometheus.Gatherer) *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", h.ServeLive)
	if ops {
		mux.HandleFunc("GET /readyz", h.ServeReady)
		mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	}
	return mux
}

func writeJSON(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v) // the client is gone: nobody to tell
}
