package proc

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

func sleeper(t *testing.T) (Table, Spec) {
	t.Helper()
	path, err := exec.LookPath("sleep")
	if err != nil {
		t.Skip("no sleep on this machine")
	}
	dir := t.TempDir()
	table := Table{Dir: filepath.Join(dir, "run")}
	t.Cleanup(func() {
		if _, err := table.Stop(context.Background(), "sleeper"); err != nil {
			t.Error(err)
		}
	})
	return table, Spec{Name: "sleeper", Path: path, Args: []string{"300"}, Dir: dir, Log: filepath.Join(dir, "logs", "sleeper.log")}
}

func ensure(t *testing.T, table Table, s Spec, wantStarted bool) Record {
	t.Helper()
	started, err := table.Ensure(t.Context(), s, nil)
	if err != nil {
		t.Fatal(err)
	}
	if started != wantStarted {
		t.Fatalf("started %v, want %v", started, wantStarted)
	}
	r, err := table.Lookup(s.Name)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// eventually waits for a condition with a bound.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if cond() {
			return
		}
	}
	t.Fatalf("not within 10 s: %s", what)
}

func TestEnsureStartsOnceAndRestartsOnChange(t *testing.T) {
	table, s := sleeper(t)
	first := ensure(t, table, s, true)
	if again := ensure(t, table, s, false); again.PID != first.PID {
		t.Error("a good process was replaced")
	}
	s.Inputs = "changed"
	second := ensure(t, table, s, true)
	if second.PID == first.PID || first.Alive() {
		t.Error("a process with an old spec still runs")
	}
}

func TestEnsureReplacesADeadProcess(t *testing.T) {
	table, s := sleeper(t)
	r := ensure(t, table, s, true)
	if err := syscall.Kill(r.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the process is gone", func() bool { return !r.Alive() })
	ensure(t, table, s, true)
}

func TestStop(t *testing.T) {
	table, s := sleeper(t)
	r := ensure(t, table, s, true)
	stopped, err := table.Stop(t.Context(), s.Name)
	if err != nil || !stopped || r.Alive() {
		t.Errorf("stopped %v, alive %v, %v", stopped, r.Alive(), err)
	}
	if stopped, err := table.Stop(t.Context(), s.Name); err != nil || stopped {
		t.Errorf("second stop: %v %v", stopped, err)
	}
}

// Ensure a process that does not listen to the polite signal is killed when the caller's patience ends.
func TestStopKills(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no sh on this machine")
	}
	table, s := sleeper(t)
	s.Path, s.Args = sh, []string{"-c", "trap '' TERM; echo deaf; while :; do sleep 1; done"}
	r := ensure(t, table, s, true)
	eventually(t, "the trap is set", func() bool {
		log, _ := os.ReadFile(s.Log)
		return strings.Contains(string(log), "deaf")
	})
	id := r.Identity
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := terminate(ctx, id); err != nil || id.Alive() {
		t.Errorf("alive %v, %v", id.Alive(), err)
	}
}

// Ensure a record whose process id was given to another process is not believed, and that the other one is left alone.
func TestReusedProcessIDIsNotKilled(t *testing.T) {
	table, s := sleeper(t)
	r := ensure(t, table, s, true)
	stranger := r
	stranger.Start = "1" // the same id, started at another time
	other := Table{Dir: filepath.Join(t.TempDir(), "run")}
	if err := os.MkdirAll(other.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := other.write("victim", stranger); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Lookup("victim"); !errors.Is(err, ErrGone) {
		t.Errorf("the record is believed: %v", err)
	}
	if stopped, err := other.Stop(t.Context(), "victim"); err != nil || stopped {
		t.Errorf("stopped %v, %v", stopped, err)
	}
	stranger.Boot = "another boot"
	if stranger.Alive() {
		t.Error("a record of before the restart of the machine is believed")
	}
	if !r.Alive() {
		t.Error("the stranger was killed")
	}
}

// Ensure a process is found again whose starter died before it could write the record.
func TestLostRecord(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs /proc")
	}
	table, s := sleeper(t)
	r := ensure(t, table, s, true)
	for name, damage := range map[string]func() error{
		"absent": func() error { return os.Remove(table.pidFile(s.Name)) },
		"broken": func() error { return os.WriteFile(table.pidFile(s.Name), []byte("{"), 0o600) },
	} {
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		if strays := table.Strays(); strays[s.Name] != r.PID {
			t.Errorf("%s: strays %v", name, strays)
		}
		if again := ensure(t, table, s, false); again.PID != r.PID {
			t.Errorf("%s: a second process was started", name)
		}
	}
	if err := os.Remove(table.pidFile(s.Name)); err != nil {
		t.Fatal(err)
	}
	if stopped, err := table.Stop(t.Context(), s.Name); err != nil || !stopped || r.Alive() {
		t.Errorf("stop without a record: %v %v", stopped, err)
	}
}

func TestSpecHashIgnoresTheProbe(t *testing.T) {
	a := Spec{Name: "x", Path: "/bin/x"}
	b := a
	b.Ready.HTTP, b.Live.HTTP = "http://127.0.0.1:1", "http://127.0.0.1:2"
	c := a
	c.Args = []string{"y"}
	if a.Hash() != b.Hash() || a.Hash() == c.Hash() {
		t.Error("hash follows the wrong parts")
	}
}

func TestProbe(t *testing.T) {
	code := http.StatusOK
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		_, _ = w.Write([]byte("not\n yet"))
	}))
	defer srv.Close()
	p := Probe{HTTP: srv.URL}
	if err := p.Check(t.Context()); err != nil {
		t.Error(err)
	}
	code = http.StatusServiceUnavailable
	if err := p.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "503: not yet") {
		t.Error(err)
	}
	srv.Close()
	if err := p.Check(t.Context()); err == nil {
		t.Error("a closed server is ready")
	}
	if err := (Probe{}).Check(t.Context()); err != nil {
		t.Error(err)
	}
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.EnableHTTP2 = true
	secure.StartTLS()
	defer secure.Close()
	if err := (Probe{TLS: secure.Listener.Addr().String()}).Check(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestLockIsExclusive(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	f, err := TryLock(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := TryLock(path); !errors.Is(err, ErrLocked) {
		t.Errorf("second lock: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := Lock(ctx, path); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("waiting: %v", err)
	}
	f.Close()
	unlock, err := Lock(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	unlock()
}

func TestWriteFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	for _, content := range []string{"one", "two"} {
		if err := WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil || string(got) != content {
			t.Errorf("%q %v", got, err)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info.Mode(), err)
	}
	if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestSpecIsStoredWhole(t *testing.T) {
	s := Spec{Name: "n", Path: "/p", Args: []string{"a"}, Env: []string{"E=1"}, Dir: "/d", Log: "/l", Inputs: "i", Ready: Probe{HTTP: "h"}}
	data, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var back Spec
	if err := json.Unmarshal(data, &back); err != nil || back.Hash() != s.Hash() || back.Ready != s.Ready {
		t.Errorf("%+v %v", back, err)
	}
}

// What the supervisor restarted is counted and told with its reason, until somebody else starts the process.
func TestRestartsAreCounted(t *testing.T) {
	table, s := sleeper(t)
	r := ensure(t, table, s, true)
	if r.Restarts != 0 || r.Why != "" {
		t.Errorf("a first start counts as a restart: %+v", r)
	}
	for i, why := range []string{"it had ended", "did not answer"} {
		if err := Kill(t.Context(), r); err != nil || r.Alive() {
			t.Fatalf("killed: alive %t, %v", r.Alive(), err)
		}
		if started, err := table.Restart(t.Context(), s, why); err != nil || !started {
			t.Fatalf("started %t, %v", started, err)
		}
		var err error
		if r, err = table.Lookup(s.Name); err != nil || r.Restarts != i+1 || r.Why != why {
			t.Errorf("%+v %v, want %d restarts, the last since %s", r, err, i+1, why)
		}
	}
	if started, err := table.Restart(t.Context(), s, "again"); err != nil || started {
		t.Errorf("a running process was started again: %t %v", started, err)
	}
	s.Inputs = "changed"
	if r = ensure(t, table, s, true); r.Restarts != 0 || r.Why != "" {
		t.Errorf("%+v after a start that was asked for, want no restarts", r)
	}
}

// A stopped process can neither write anything down nor end by itself.
func TestKillOfAStoppedProcess(t *testing.T) {
	table, s := sleeper(t)
	r := ensure(t, table, s, true)
	if err := syscall.Kill(r.PID, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if err := Kill(t.Context(), r); err != nil || r.Alive() {
		t.Errorf("alive %t, %v", r.Alive(), err)
	}
	if err := Kill(t.Context(), r); err != nil {
		t.Errorf("of one that is gone: %v", err)
	}
}

// Who does not listen yet starts; who listens and says nothing may hang.
func TestProbeTellsSilenceFromAbsence(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	at := ln.Addr().String()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	for name, p := range map[string]Probe{"http": {HTTP: "http://" + at}, "tls": {TLS: at}} {
		if err := p.Check(ctx); err == nil || errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "no answer at") {
			t.Errorf("%s, silent: %v", name, err)
		}
	}
	ln.Close()
	for name, p := range map[string]Probe{"http": {HTTP: "http://" + at}, "tls": {TLS: at}, "beat": {Beat: filepath.Join(t.TempDir(), "beat")}} {
		if err := p.Check(t.Context()); !errors.Is(err, ErrRefused) {
			t.Errorf("%s, absent: %v", name, err)
		}
	}
}

func TestProbeOfABeat(t *testing.T) {
	p := Probe{Beat: filepath.Join(t.TempDir(), "beat")}
	if err := os.WriteFile(p.Beat, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := p.Check(t.Context()); err != nil {
		t.Error(err)
	}
	past := time.Now().Add(-time.Hour)
	if err := os.Chtimes(p.Beat, past, past); err != nil {
		t.Fatal(err)
	}
	if err := p.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "has done nothing for 1h0m0s") {
		t.Error(err)
	}
}

// An unready program's own words are told, not its JSON.
func TestProbeTellsReasons(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(`{"ready":false,"checks":[{"name":"a","ok":true},{"name":"disk","ok":false,"detail":"almost full"},{"name":"ledger","ok":false,"detail":"away"}]}`))
	}))
	defer srv.Close()
	if err := (Probe{HTTP: srv.URL}).Check(t.Context()); err == nil || err.Error() != "disk: almost full; ledger: away" {
		t.Errorf("%v, want the failing checks", err)
	}
}
