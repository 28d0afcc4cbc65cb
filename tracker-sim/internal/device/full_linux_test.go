package device_test

import (
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/tracker-sim/internal/device"
)

// A disk that takes no more, here a limit on the size of files: once there is room again the tracker goes on with the same
// place in its chain.
func TestFullDisk(t *testing.T) {
	key := newKey(t, telemetry.Ed25519)
	s := newIngest(t, key)
	path := filepath.Join(t.TempDir(), "outbox")
	open := func() *device.Device {
		t.Helper()
		store, err := device.OpenFile(path)
		if err != nil {
			t.Fatal(err)
		}
		d, err := device.Open(device.Config{ID: "t-1", Signer: key, Deployment: "trackseal", Dial: s.dial, Store: store})
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	d := open()
	if err := errors.Join(d.Boot(0), d.Record(reading(0))); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	stored := 2
	full := withFileLimit(t, uint64(info.Size()), func() error {
		for i := range 1000 { // the file has some room of its own
			if err := d.Record(reading(i)); err != nil {
				return errors.Join(err, d.Record(reading(i)), d.Boot(0))
			}
			stored++
		}
		return nil
	})
	if full == nil || !strings.Contains(full.Error(), syscall.EFBIG.Error()) { // bbolt does not wrap it
		t.Fatalf("the limit has no effect: %v", full)
	}
	if err := errors.Join(d.Record(reading(2)), d.Close()); err != nil {
		t.Fatal(err)
	}

	d = open()
	if err := d.Boot(0); err != nil {
		t.Fatal(err)
	}
	stop := start(t, d)
	drained(t, d)
	stop()
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if got := s.stored(); len(got) != stored+2 || s.forks > 0 {
		t.Errorf("ingest holds %d messages and saw %d forks, want %d and none", len(got), s.forks, stored+2)
	}
}

// withFileLimit calls fn while no file may grow beyond limit bytes.
func withFileLimit(t *testing.T, limit uint64, fn func() error) error {
	t.Helper()
	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: limit, Max: before.Max}); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
			t.Fatal(err)
		}
	}()
	return fn()
}
