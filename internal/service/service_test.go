package service

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestRunStopsAllWhenOneFails(t *testing.T) {
	boom := errors.New("boom")
	var stopped bool
	err := Run(t.Context(), quiet(),
		Part{"bad", func(context.Context) error { return boom }},
		Part{"good", func(ctx context.Context) error { <-ctx.Done(); stopped = true; return ctx.Err() }})
	if !errors.Is(err, boom) || !strings.HasPrefix(err.Error(), "bad: ") {
		t.Fatalf("got %v", err)
	}
	if !stopped {
		t.Fatal("the other part was not stopped")
	}
}

func TestRunOrderlyStop(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Run(ctx, quiet(), Part{"p", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}); err != nil {
		t.Fatal(err)
	}
}

func TestRunNamesAPartThatHangs(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	release := make(chan struct{})
	defer close(release)
	err := run(ctx, quiet(), time.Millisecond, []Part{{"p", func(context.Context) error { <-release; return nil }}})
	if !errors.Is(err, ErrDrain) {
		t.Fatalf("got %v", err)
	}
}

type conf struct {
	Name string `yaml:"name"`
}

func (c *conf) Validate() error {
	if c.Name == "" {
		return errors.Join(errors.New("name: missing"), errors.New("second problem"))
	}
	return nil
}

func TestLoadConfig(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"good", "name: a\n", ""},
		{"unknown member", "nmae: a\n", "there is no key nmae"},
		{"all problems", "name: ''\n", "name: missing; second problem"},
		{"empty", "", "file is empty"},
		{"two documents", "name: a\n---\nname: b\n", "one YAML document"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "c.yaml")
			if err := os.WriteFile(path, []byte(tc.text), 0o600); err != nil {
				t.Fatal(err)
			}
			err := LoadConfig(path, new(conf))
			if tc.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "\n") {
				t.Fatalf("got %v, want one line with %q", err, tc.want)
			}
		})
	}
	if err := LoadConfig(filepath.Join(t.TempDir(), "none"), new(conf)); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("got %v", err)
	}
}

func TestHealth(t *testing.T) {
	var h Health
	mux := h.Mux(true, prometheus.NewRegistry())
	get := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		return w
	}
	if w := get("/readyz"); w.Code != http.StatusOK {
		t.Fatalf("no checks: %d", w.Code)
	}
	h = Health{} // an answer stands for a second
	h.Register("b", func(context.Context) error { return errors.New("down") })
	h.Register("a", func(context.Context) error { return nil })
	w := get("/readyz")
	want := `{"checks":[{"name":"a","ok":true},{"name":"b","ok":false,"detail":"down"}],"ready":false}`
	if w.Code != http.StatusServiceUnavailable || strings.TrimSpace(w.Body.String()) != want {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	for _, path := range []string{"/healthz", "/metrics"} {
		if w := get(path); w.Code != http.StatusOK {
			t.Fatalf("%s: %d", path, w.Code)
		}
	}
	mux = h.Mux(false, prometheus.NewRegistry())
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 404, "/metrics": 404} {
		if w := get(path); w.Code != want {
			t.Errorf("%s beside what others reach: came %d, expected %d", path, w.Code, want)
		}
	}
}

// TestReadyIsNotWork: whoever asks without end does not make the checks run without end, and what changes is told soon.
func TestReadyIsNotWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h Health
		var down atomic.Bool
		var ran atomic.Int32
		h.Register("ledger", func(ctx context.Context) error {
			ran.Add(1)
			if down.Load() {
				return errors.New("down")
			}
			return ctx.Err()
		})
		get := func() int {
			ctx, cancel := context.WithCancel(t.Context())
			cancel() // who goes away does not make us unready for the others
			w := httptest.NewRecorder()
			h.ServeReady(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/readyz", nil))
			return w.Code
		}
		for range 500 {
			if code := get(); code != http.StatusOK {
				t.Fatalf("%d, want 200", code)
			}
		}
		if n := ran.Load(); n != 1 {
			t.Errorf("500 requests ran the check %d times, want once", n)
		}
		down.Store(true)
		time.Sleep(readyFor)
		if code := get(); code != http.StatusServiceUnavailable {
			t.Errorf("%d a second after the ledger went down, want 503", code)
		}
	})
}

func TestLogRefusesUnknownWords(t *testing.T) {
	for _, c := range []LogConfig{{Level: "loud"}, {Format: "xml"}} {
		if c.Validate() == nil {
			t.Errorf("%+v accepted", c)
		}
	}
	if err := (LogConfig{}).Validate(); err != nil {
		t.Error(err)
	}
}

func TestHTTPDrains(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	entered, stopping := make(chan struct{}), make(chan struct{})
	addr := make(chan net.Addr, 1)
	srv := &HTTP{Listen: "127.0.0.1:0", Log: quiet(), OnStop: func() { close(stopping) }, Ready: func(a net.Addr) { addr <- a },
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			close(entered)
			<-stopping // the answer is finished although the stop has begun
			io.WriteString(w, "done")
		})}
	ended := make(chan error, 1)
	go func() { ended <- srv.Run(ctx) }()
	body := make(chan string, 1)
	a := <-addr
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	go func() {
		resp, err := client.Get("http://" + a.String())
		if err != nil {
			body <- err.Error()
			return
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		body <- string(b)
	}()
	<-entered
	cancel()
	if b := <-body; b != "done" {
		t.Fatal(b)
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}
