package launcher

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/trackseal/trackseal/network/internal/proc"
	"github.com/trackseal/trackseal/network/internal/topology"
)

func sleepers(t *testing.T, l *Launcher, names ...string) {
	t.Helper()
	path, err := exec.LookPath("sleep")
	if err != nil {
		t.Skip("no sleep on this machine")
	}
	t.Cleanup(func() {
		if _, err := l.stopAll(context.Background()); err != nil {
			t.Error(err)
		}
	})
	for _, n := range names {
		if err := l.run(t.Context(), &counter{}, proc.Spec{Name: n, Path: path, Args: []string{"300"}, Dir: l.Stack.Dir, Log: l.Stack.Log(n)}, false); err != nil {
			t.Fatal(err)
		}
	}
}

func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if cond() {
			return
		}
	}
	t.Fatalf("not within 10 s: %s", what)
}

func TestSupervisorRestartsAndEndsWithTheStack(t *testing.T) {
	l := held(t, filepath.Join(t.TempDir(), "stack"))
	sleepers(t, l, topology.InfluxProcess(operator), topology.Fleet)
	done := make(chan error, 1)
	go func() { done <- l.Supervise(t.Context(), slog.New(slog.DiscardHandler), topology.Supervisor) }()

	first, err := l.table.Lookup(topology.InfluxProcess(operator))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(first.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "another process runs", func() bool {
		r, err := l.table.Lookup(topology.InfluxProcess(operator))
		return err == nil && r.PID != first.PID
	})
	rep, err := l.Report(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	states := map[string]State{}
	for _, p := range rep.Processes {
		states[p.Name] = p.State
	}
	if states[topology.InfluxProcess(operator)] != Ready || states[topology.Fleet] != Ready || states[topology.IngestProcess(operator)] != Stopped || states[topology.Supervisor] != Dead {
		t.Errorf("got %v, want %s and %s ready, %s stopped and %s dead", states, topology.InfluxProcess(operator), topology.Fleet, topology.IngestProcess(operator), topology.Supervisor) // the supervisor of this test is no process of its own
	}
	if rep.Up {
		t.Error("up without a supervisor")
	}
	if n, err := l.stopAll(t.Context()); err != nil || n != 2 {
		t.Errorf("stopped %d, %v", n, err)
	}
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the supervisor goes on without a stack")
	}
}

// The folder deleted below running processes: `down` still finds them, and so does the next `up`, which would otherwise take
// them for its own.
func TestDeletedFolder(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("other processes' environments are only readable on Linux")
	}
	for name, stop := range map[string]func(*Launcher) error{
		"down":  func(l *Launcher) error { return l.Down(t.Context()) },
		"reset": func(l *Launcher) error { return l.Reset(t.Context()) },
		"up": func(l *Launcher) error {
			release, err := l.hold()
			if err != nil {
				return err
			}
			defer release()
			return l.stopOrphans(t.Context())
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "stack")
			l := held(t, dir)
			sleepers(t, l, topology.InfluxProcess(operator), topology.Fleet)
			r, err := l.table.Lookup(topology.Fleet)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
			again, _ := open(t, dir)
			if err := stop(again); err != nil {
				t.Error(err)
			}
			if r.Alive() || len(l.table.Strays()) != 0 {
				t.Errorf("still running: %v", l.table.Strays())
			}
		})
	}
}

// A stack that has its settings keeps what runs.
func TestOrphansAreOfDeletedFoldersOnly(t *testing.T) {
	l := held(t, filepath.Join(t.TempDir(), "stack"))
	if err := l.settle(UpOptions{Ports: "auto"}); err != nil {
		t.Fatal(err)
	}
	sleepers(t, l, topology.Fleet)
	if err := l.stopOrphans(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := l.table.Lookup(topology.Fleet); err != nil {
		t.Error(err)
	}
}

func TestNoFleet(t *testing.T) {
	l := held(t, filepath.Join(t.TempDir(), "stack"))
	sleepers(t, l, topology.InfluxProcess(operator), topology.Fleet)
	if _, err := l.stopFleet(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	w, err := readWishes(l.Stack)
	if err != nil || len(w.Processes) != 1 || w.Processes[0].Name != topology.InfluxProcess(operator) {
		t.Errorf("%+v %v", w, err)
	}
	if _, err := l.table.Lookup(topology.Fleet); err == nil {
		t.Error("the fleet runs")
	}
}

func TestWishesKeepTheOrderOfTheStart(t *testing.T) {
	l := held(t, filepath.Join(t.TempDir(), "stack"))
	for _, n := range []string{topology.Fleet, topology.PeerProcess("carrier"), topology.OrdererProcess("auditor"), topology.Fleet} {
		if err := l.wish(proc.Spec{Name: n}); err != nil {
			t.Fatal(err)
		}
	}
	w, err := readWishes(l.Stack)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range w.Processes {
		got = append(got, s.Name)
	}
	if want := "orderer-auditor peer-carrier fleet"; strings.Join(got, " ") != want {
		t.Errorf("%v, want %s", got, want)
	}
}

func TestAProcessThatEndsIsReportedWithItsLastWords(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no sh on this machine")
	}
	l := held(t, filepath.Join(t.TempDir(), "stack"))
	err = l.run(t.Context(), &counter{}, proc.Spec{
		Name: topology.Fleet, Path: sh, Args: []string{"-c", "sleep 0.2; echo cannot read the map; exit 1"}, Dir: l.Stack.Dir,
		Log: l.Stack.Log(topology.Fleet), Ready: proc.Probe{HTTP: "http://127.0.0.1:1/"},
	}, false)
	if err == nil || !strings.Contains(err.Error(), "fleet: it has ended: cannot read the map") {
		t.Error(err)
	}
}

func TestHalfMadeDataIsMadeAnew(t *testing.T) {
	l := held(t, filepath.Join(t.TempDir(), "stack"))
	path, err := exec.LookPath("sleep")
	if err != nil {
		t.Skip("no sleep on this machine")
	}
	s := proc.Spec{Name: topology.InfluxProcess(operator), Path: path, Args: []string{"300"}, Dir: l.Stack.Dir, Log: l.Stack.Log(topology.InfluxProcess(operator))}
	t.Cleanup(func() {
		if _, err := l.stopAll(context.Background()); err != nil {
			t.Error(err)
		}
	})
	debris := filepath.Join(l.influxData(operator), "debris")
	for _, tt := range []struct {
		name     string
		mark     bool
		restart  bool
		survives bool
	}{
		{"first start", false, true, false},
		{"running", false, false, true},
		{"in use", true, true, true},
	} {
		if err := l.write(debris, []byte("x")); err != nil {
			t.Fatal(err)
		}
		if tt.mark {
			if err := l.influxMark(operator).Set("done"); err != nil {
				t.Fatal(err)
			}
		}
		if tt.restart {
			if _, err := l.table.Stop(t.Context(), s.Name); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.begin(t.Context(), &counter{}, s, unlessMarked(l.influxMark(operator), l.influxData(operator))); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(debris); (err == nil) != tt.survives {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestTrim(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.log")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("old\n"); err != nil {
		t.Fatal(err)
	}
	if err := trim(path); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("new\n"); err != nil {
		t.Fatal(err)
	}
	now, _ := os.ReadFile(path)
	old, _ := os.ReadFile(path + ".old")
	if string(now) != "new\n" || string(old) != "old\n" {
		t.Errorf("%q %q", now, old)
	}
}

func TestLogs(t *testing.T) {
	l, out := open(t, filepath.Join(t.TempDir(), "stack"))
	if err := l.claim(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(l.Stack.Log("fleet"), []byte("hello\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := l.Logs(t.Context(), "fleet", false); err != nil || out.String() != "hello\n" {
		t.Errorf("%q %v", out.String(), err)
	}
	for _, name := range []string{"flet", "../settings"} {
		if err := l.Logs(t.Context(), name, false); err == nil || !strings.Contains(err.Error(), "there are: fleet") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
