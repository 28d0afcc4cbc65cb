package launcher

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/trackseal/trackseal/network/internal/hang"
	"github.com/trackseal/trackseal/network/internal/proc"
	"github.com/trackseal/trackseal/network/internal/topology"
)

// fakeAddress in the environment makes the test program a process of a stack: it serves /healthz and /readyz there.
const (
	fakeAddress = "TRACKSEAL_FAKE_ADDRESS"
	fakeUnready = "TRACKSEAL_FAKE_UNREADY" // what /readyz complains of
)

func TestMain(m *testing.M) {
	if at := os.Getenv(fakeAddress); at != "" {
		fake(at, os.Getenv(fakeUnready))
		return
	}
	os.Exit(m.Run())
}

func fake(at, unready string) {
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(http.ResponseWriter, *http.Request) {})
	var asked atomic.Int64
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		free := 1000 - asked.Add(1) // as free space changes all the time
		if unready != "" {
			w.WriteHeader(http.StatusServiceUnavailable)
			_ = json.NewEncoder(w).Encode(map[string]any{"ready": false, "checks": []map[string]any{{"name": "journal", "detail": fmt.Sprintf("%s: %d MiB free", unready, free)}}})
		}
	})
	fmt.Fprintln(os.Stderr, http.ListenAndServe(at, mux))
	os.Exit(1)
}

// fakeSpec is a process of the stack's that answers; unready, unless "", is why it is not ready.
func fakeSpec(t *testing.T, l *Launcher, name, unready string) proc.Spec {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := ln.Addr().String()
	ln.Close()
	return proc.Spec{
		Name: name, Path: self, Dir: l.Stack.Dir, Log: l.Stack.Log(name), Env: []string{fakeAddress + "=" + at, fakeUnready + "=" + unready},
		Ready: proc.Probe{HTTP: "http://" + at + "/readyz"}, Live: proc.Probe{HTTP: "http://" + at + "/healthz"},
	}
}

// stopped ends all processes of the stack at the test's end.
func stopped(t *testing.T, l *Launcher) {
	t.Cleanup(func() {
		if _, err := l.stopAll(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// A process that stopped answering is started again, with its reason; one that is unready and says why is left alone.
func TestHangingProcessIsRestarted(t *testing.T) {
	kinds := []string{topology.IngestProcess(operator), topology.OrdererProcess("carrier")}
	l := held(t, filepath.Join(t.TempDir(), "stack"))
	stopped(t, l)
	unready := topology.APIProcess("carrier")
	records := map[string]proc.Record{}
	for _, name := range append(kinds, unready) {
		s := fakeSpec(t, l, name, "")
		if name == unready {
			s = fakeSpec(t, l, name, "disk is almost full")
		}
		if err := l.begin(t.Context(), &counter{}, s, nil); err != nil {
			t.Fatal(err)
		}
		eventually(t, name+" answers", func() bool { return s.Live.Check(t.Context()) == nil })
		var err error
		if records[name], err = l.table.Lookup(name); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	group.Go(func() {
		l.watchHangs(ctx, slog.New(slog.DiscardHandler), topology.Supervisor, hang.New(time.Second), 100*time.Millisecond)
	})
	group.Go(func() { _ = l.Supervise(ctx, slog.New(slog.DiscardHandler), topology.Supervisor) })
	for _, name := range kinds {
		if err := syscall.Kill(records[name].PID, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		eventually(t, name+" is another process", func() bool {
			r, err := l.table.Lookup(name)
			return err == nil && r.PID != records[name].PID
		})
		r, err := l.table.Lookup(name)
		if err != nil || r.Restarts != 1 || !strings.HasPrefix(r.Why, "did not answer for ") {
			t.Errorf("%s: %+v %v, want one restart because it did not answer", name, r, err)
		}
	}
	if r, err := l.table.Lookup(unready); err != nil || r.Run() != records[unready].Run() {
		t.Errorf("%s, which answers and is unready, is another process: %v", unready, err)
	}
	rep, err := l.Report(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range rep.Processes {
		if p.Name == unready && (p.State != NotReady || !strings.HasPrefix(p.Detail, "journal: disk is almost full")) {
			t.Errorf("status says %+v, want unready with the program's own reason", p)
		}
		if p.Name == kinds[0] && (p.Restarts != 1 || !strings.Contains(p.LastRestart, "did not answer")) {
			t.Errorf("status says %+v, want one restart with its reason", p)
		}
	}
}

// A new start would not help a process whose certificate is not believed: it answers.
func TestDisbeliefIsNoSilence(t *testing.T) {
	srv := httptest.NewTLSServer(http.NotFoundHandler())
	defer srv.Close()
	l := held(t, filepath.Join(t.TempDir(), "stack"))
	stopped(t, l)
	s := fakeSpec(t, l, topology.IngestProcess(operator), "")
	s.Live.HTTP = srv.URL
	if err := l.begin(t.Context(), &counter{}, s, nil); err != nil {
		t.Fatal(err)
	}
	readings, _ := l.askAll(t.Context(), topology.Supervisor)
	if len(readings) != 1 || readings[0].Err != nil {
		t.Errorf("got %+v, want one process that answers", readings)
	}
	s.Live.HTTP = "http://" + srv.Listener.Addr().String() // answers 400
	if err := l.wish(s); err != nil {
		t.Fatal(err)
	}
	if readings, _ := l.askAll(t.Context(), topology.Supervisor); len(readings) != 1 || readings[0].Err == nil {
		t.Errorf("got %+v, want one process that says of itself that it does not work", readings)
	}
}

// Whatever listens is asked whether it answers.
func TestEveryProcessIsAsked(t *testing.T) {
	l := held(t, filepath.Join(t.TempDir(), "stack"))
	asks := map[string]proc.Probe{}
	keep := func(s proc.Spec, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		asks[s.Name] = s.Live
	}
	for _, o := range l.Stack.Orgs() {
		keep(l.ordererSpec(o), nil)
		keep(l.peerSpec(o), nil)
		keep(l.influxSpec(o))
		keep(l.chaincodeSpec(o, os.Args[0], "id"))
	}
	for _, p := range l.Stack.Processes() {
		if p.Group == topology.GroupIngest || p.Group == topology.GroupAPI {
			keep(l.programSpec(p))
		}
	}
	for _, name := range topology.Watchers {
		keep(l.watcherSpec(name, os.Args[0]))
	}
	for _, p := range l.Stack.Processes() {
		if len(p.Listeners) > 0 && asks[p.Name] == (proc.Probe{}) {
			t.Errorf("nobody asks %s", p.Name)
		}
		if strings.HasSuffix(asks[p.Name].HTTP, "/readyz") {
			t.Errorf("%s is asked at %s: an unready program is not to be restarted", p.Name, asks[p.Name].HTTP)
		}
	}
	for _, name := range topology.Watchers {
		if asks[name].Beat == "" {
			t.Errorf("nobody looks at the beat of the %s", name)
		}
	}
}

// The guard starts the supervisor again, and the supervisor the guard.
func TestWatchersWatchEachOther(t *testing.T) {
	l := held(t, filepath.Join(t.TempDir(), "stack"))
	sleepers(t, l, append([]string{topology.Fleet}, topology.Watchers...)...)
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	for _, as := range topology.Watchers {
		group.Go(func() { _ = l.Supervise(ctx, slog.New(slog.DiscardHandler), as) })
	}
	for _, name := range append([]string{topology.Fleet}, topology.Watchers...) {
		old, err := l.table.Lookup(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(old.PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		eventually(t, name+" is another process", func() bool {
			r, err := l.table.Lookup(name)
			return err == nil && r.PID != old.PID && r.Restarts == 1 && strings.HasPrefix(r.Why, "it had ended")
		})
	}
	for _, tt := range []struct {
		watcher, process string
		want             bool
	}{
		{topology.Guard, topology.Supervisor, true}, {topology.Guard, topology.Fleet, false}, {topology.Guard, topology.Guard, false},
		{topology.Supervisor, topology.Supervisor, false}, {topology.Supervisor, topology.Fleet, true}, {topology.Supervisor, topology.Guard, true},
	} {
		if got := watches(tt.watcher, tt.process); got != tt.want {
			t.Errorf("%s watches %s: %t, want %t", tt.watcher, tt.process, got, tt.want)
		}
	}
}
