package run

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/service"
	"github.com/trackseal/trackseal/internal/testkit"
)

// envSmallDisk names a folder on an own file system of some 32 MiB, for machines where a test may not mount one.
const envSmallDisk = "TRACKSEAL_SMALL_DISK"

// smallDisk is a file system of 32 MiB.
func smallDisk(t *testing.T) string {
	t.Helper()
	if given := os.Getenv(envSmallDisk); given != "" {
		dir, err := os.MkdirTemp(given, "ingest")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
		return dir
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=32m"); err != nil {
		t.Skipf("a full disk needs one that may be filled: mounting a tmpfs: %v; run as root, or name a small file system in %s", err, envSmallDisk)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill writes a file until nothing more fits.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, size := range []int{1 << 20, 4096, 1} {
		for piece := make([]byte, size); err == nil; {
			_, err = f.Write(piece)
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
		err = nil
	}
}

// syncBuffer is a log that a test reads while it grows.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// Ensure that a disk without a free byte stops the acknowledgements, that ingest says why, loses nothing, and goes on by itself
// when there is space again; before the journal's guard has seen it, and after.
func TestDiskFull(t *testing.T) {
	disk, log := smallDisk(t), &syncBuffer{}
	s := newSetup(t, func(c *Config) {
		c.Dir = filepath.Join(disk, "ingest")
		c.Log = slog.New(slog.NewTextHandler(log, nil))
	})
	var health service.Health
	s.Checks(&health)
	mux := health.Mux(true, s.Gatherer())
	ready := func() (int, string) {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", nil))
		return w.Code, w.Body.String()
	}
	ballast := filepath.Join(disk, "ballast")
	for round := range 2 {
		s.send(t, 200)
		s.settle(s.src)
		fill(t, ballast)
		// More than the last page of the open log has room for; the first of it arrives before the guard looks again.
		held := s.seq.Counts().Logged
		s.send(t, 2_000)
		testkit.WaitFor(t, 30*time.Second, "readiness is lost", func() bool {
			code, body := ready()
			return code == http.StatusServiceUnavailable && strings.Contains(body, "disk is")
		})
		testkit.WaitFor(t, 30*time.Second, "the log says it", func() bool { return strings.Contains(log.String(), "disk is") })
		told := make(chan int, 1) // nothing that is told waits for the disk
		go func() {
			w := httptest.NewRecorder()
			mux.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
			s.Status(t.Context())
			told <- w.Code
		}()
		select {
		case code := <-told:
			if code != http.StatusOK {
				t.Errorf("/metrics on a full disk: %d", code)
			}
		case <-time.After(30 * time.Second):
			t.Error("/metrics and the status wait for the disk")
		}
		// What is acknowledged is what the journal has: never more.
		acknowledged := s.sent - s.src.open()
		if logged := s.seq.Counts().Logged; uint64(acknowledged) > logged || s.src.open() == 0 {
			t.Fatalf("round %d: %d acknowledged, %d logged (%d before the disk was full), %d wait", round, acknowledged, logged, held, s.src.open())
		}
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
		s.account(t)
		testkit.WaitFor(t, 30*time.Second, "it is ready again", func() bool { code, _ := ready(); return code == http.StatusOK })
	}
	s.stop() // before the disk goes
}
