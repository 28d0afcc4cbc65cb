package device_test

import (
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/tracker-sim/internal/device"
)

// A disk that takes half a record, here a limit on the size of files: once there is room again the tracker goes on with the
// same place in its chain, and nothing behind the half record is lost.
func TestFullDisk(t *testing.T) {
	key := newKey(t, telemetry.Ed25519)
	s := arena(t, key)
	path := filepath.Join(t.TempDir(), "outbox")
	open := func() *device.Device {
		t.Helper()
		store, err := device.OpenFile(path)
		if err != nil {
			t.Fatal(err)
		}
		d, err := device.Open(device.Config{ID: "t-1", Signer: key, Deployment: "trackseal", Dial: s.Dial, Store: store})
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	d := open()
	if err := errors.Join(d.Boot(), d.Record(reading(0))); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	full := withFileLimit(t, uint64(info.Size())+50, func() error { return errors.Join(d.Record(reading(1)), d.Boot()) })
	if !errors.Is(full, syscall.EFBIG) {
		t.Fatalf("the limit has no effect: %v", full)
	}
	if now, err := os.Stat(path); err != nil || now.Size() != info.Size() {
		t.Errorf("%d bytes, %d before: %v", now.Size(), info.Size(), err)
	}
	if err := errors.Join(d.Record(reading(2)), d.Close()); err != nil {
		t.Fatal(err)
	}

	d = open()
	if err := d.Boot(); err != nil {
		t.Fatal(err)
	}
	stop := start(t, d)
	drained(t, d)
	stop()
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	for _, m := range s.Messages("S") {
		if len(m.Flags) > 0 {
			t.Errorf("message %d/%d is flagged %v", m.Boot, m.Seq, m.Flags)
		}
	}
	if got := held(s); len(got) != 4 {
		t.Errorf("ingest holds %v", got)
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
