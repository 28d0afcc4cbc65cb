//go:build unix

package checkpoint

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

func TestAskedBySignal(t *testing.T) {
	dir := t.TempDir()
	fail := errors.New("no space left on device")
	var broken atomic.Bool // the part's goroutine and ours meet in files and a signal, which order nothing in Go's memory model
	n := 0
	part := Part(dir, slog.New(slog.DiscardHandler), func(to string) error {
		n++
		if err := os.Mkdir(to, 0o700); err != nil { // as Pebble: it must not be there
			return err
		}
		if broken.Load() {
			return fail
		}
		return os.WriteFile(filepath.Join(to, "n"), []byte{byte('0' + n)}, 0o600)
	})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- part.Run(ctx) }()
	ask := func() (string, error) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		return Ask(ctx, dir, func() error { return syscall.Kill(os.Getpid(), Signal) })
	}
	// What a killed copy left is no hindrance, and each copy is a new one.
	if err := os.Mkdir(filepath.Join(dir, draft), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"1", "2"} {
		at, err := ask()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(filepath.Join(at, "n")); err != nil || string(got) != want {
			t.Errorf("copy %s, %v; want %s", got, err, want)
		}
	}
	broken.Store(true)
	if at, err := ask(); err == nil || !strings.Contains(err.Error(), fail.Error()) {
		t.Errorf("%s, %v; want what the program said: %v", at, err, fail)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "checkpoint*")); len(left) != 1 || filepath.Base(left[0]) != Failed {
		t.Errorf("a failed copy left %v, want its reason alone", left)
	}
	if err := Forget(dir); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left %v", left)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestNobodyAnswers(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := Ask(ctx, t.TempDir(), func() error { return nil }); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want a bounded wait", err)
	}
}
