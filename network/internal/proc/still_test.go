package proc

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// writer is a process that adds to a file as fast as it can.
func writer(t *testing.T) (Table, Spec, string) {
	t.Helper()
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no sh on this machine")
	}
	dir := t.TempDir()
	table := Table{Dir: filepath.Join(dir, "run")}
	file := filepath.Join(dir, "file")
	t.Cleanup(func() {
		if _, err := table.Stop(context.Background(), "writer"); err != nil {
			t.Error(err)
		}
	})
	return table, Spec{Name: "writer", Path: sh, Args: []string{"-c", "while :; do echo x >> " + file + "; done"}, Dir: dir, Log: filepath.Join(dir, "log")}, file
}

// A caller that is killed in the middle leaves nobody standing still.
func TestStillEndsWithItsCaller(t *testing.T) {
	const variable = "TRACKSEAL_TEST_STILL"
	if run := os.Getenv(variable); run != "" {
		err := Table{Dir: run}.Still(t.Context(), []string{"writer"}, func() error { return syscall.Kill(os.Getpid(), syscall.SIGKILL) })
		t.Fatalf("still here: %v", err)
	}
	table, s, file := writer(t)
	ensure(t, table, s, true)
	caller := exec.Command(os.Args[0], "-test.run=^TestStillEndsWithItsCaller$")
	caller.Env = append(os.Environ(), variable+"="+table.Dir)
	if out, err := caller.CombinedOutput(); err == nil || len(out) > 0 {
		t.Fatalf("the caller was not killed: %v, %s", err, out)
	}
	before, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "it goes on", func() bool {
		now, err := os.Stat(file)
		return err == nil && now.Size() > before.Size()
	})
}

func TestStill(t *testing.T) {
	table, s, file := writer(t)
	r := ensure(t, table, s, true)
	size := func() int64 {
		info, err := os.Stat(file)
		if err != nil {
			return 0
		}
		return info.Size()
	}
	grows := func() { t.Helper(); at := size(); eventually(t, "it goes on", func() bool { return size() > at }) }
	grows()
	watched := make(chan error, 1)
	err := table.Still(t.Context(), []string{s.Name}, func() error {
		at := size()
		// The supervisor looks meanwhile, and would start it anew: it waits, and finds the process running.
		changed := s
		changed.Inputs = "changed"
		go func() { _, err := table.Ensure(context.Background(), changed, nil); watched <- err }()
		time.Sleep(50 * time.Millisecond) // that nothing happens is no condition to wait for
		if now := size(); now != at || !r.Alive() {
			t.Errorf("it wrote %d bytes, or was ended: %v, while it stands still", now-at, !r.Alive())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := <-watched; err != nil {
		t.Error(err)
	}
	grows()

	// Whatever goes wrong in between, it goes on: also when the caller gives up.
	broken := errors.New("disk full")
	ctx, cancel := context.WithCancel(t.Context())
	if err := table.Still(ctx, []string{s.Name}, func() error { cancel(); return broken }); !errors.Is(err, broken) {
		t.Errorf("%v, want %v", err, broken)
	}
	grows()
	called := false
	if err := table.Still(t.Context(), []string{s.Name, "nobody"}, func() error { called = true; return nil }); !errors.Is(err, ErrGone) || called {
		t.Errorf("%v, called: %v; want that one of them is gone", err, called)
	}
	grows()
	if err := table.Signal(s.Name, 0); err != nil {
		t.Errorf("no signal reaches it: %v", err)
	}
}
