package launcher

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/trackseal/trackseal/network/internal/backup"
	"github.com/trackseal/trackseal/network/internal/proc"
	"github.com/trackseal/trackseal/network/internal/topology"
)

// runningStack has a server that is not ours and an ingest that copies its store when it is asked.
func runningStack(t *testing.T) *Launcher {
	t.Helper()
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no sh on this machine")
	}
	dir := filepath.Join(t.TempDir(), "stack")
	l, _ := open(t, dir)
	release, err := l.hold()
	if err != nil {
		t.Fatal(err)
	}
	if err := l.settle(UpOptions{Ports: "auto"}); err != nil {
		t.Fatal(err)
	}
	sleepers(t, l, topology.InfluxProcess(operator))
	kept := l.keeps(topology.IngestProcess(operator))
	for path, content := range map[string]string{
		filepath.Join(l.influxData(operator), "wal", "1.wal"): "points",
		filepath.Join(kept, "journal", "1.sst"):               "goes on",
		l.Stack.MQTTPassword(operator):                        "secret",
	} {
		if err := l.write(path, []byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	ready := filepath.Join(kept, "ready")
	script := `trap 'mkdir draft; echo copied > draft/1.sst; mv draft checkpoint' USR1; touch ready; while :; do sleep 0.02; done`
	if err := l.run(t.Context(), &counter{}, proc.Spec{
		Name: topology.IngestProcess(operator), Path: sh, Args: []string{"-c", script}, Dir: kept, Log: l.Stack.Log(topology.IngestProcess(operator)),
	}, false); err != nil {
		t.Fatal(err)
	}
	eventually(t, "ingest listens to signals", func() bool { _, err := os.Stat(ready); return err == nil })
	release()
	return l
}

// pids of what runs.
func pids(t *testing.T, l *Launcher) map[string]int {
	t.Helper()
	found := map[string]int{}
	for _, name := range []string{topology.InfluxProcess(operator), topology.IngestProcess(operator)} {
		r, err := l.table.Lookup(name)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		found[name] = r.PID
	}
	return found
}

func TestBackupOfARunningStack(t *testing.T) {
	l := runningStack(t)
	before := pids(t, l)
	dir := filepath.Join(t.TempDir(), "b")
	if err := l.Backup(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"data/ingest-carrier/data/journal/1.sst": "copied\n", "data/influxdb-carrier/data/wal/1.wal": "points", "keys/ingest-carrier/mqtt-password": "secret"} {
		if got, err := os.ReadFile(filepath.Join(dir, path)); err != nil || string(got) != want {
			t.Errorf("%s holds %q, %v; want %q", path, got, err, want)
		}
	}
	m, err := backup.Read(dir)
	if err != nil || !m.Running || strings.Join(m.Names(), " ") != "stack influxdb-carrier ingest-carrier" {
		t.Errorf("%+v, %v", m, err)
	}
	if after := pids(t, l); after[topology.InfluxProcess(operator)] != before[topology.InfluxProcess(operator)] || after[topology.IngestProcess(operator)] != before[topology.IngestProcess(operator)] {
		t.Errorf("processes were %v and are %v: a backup starts nothing anew", before, after)
	}
	for _, path := range []string{filepath.Join(l.keeps(topology.IngestProcess(operator)), "checkpoint"), filepath.Join(l.Stack.RunDir(), "backup")} {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is left: %v", path, err)
		}
	}
}

// What goes wrong in the moment of a backup leaves no backup, and no process that stands still.
func TestFailedBackup(t *testing.T) {
	l := runningStack(t)
	before := pids(t, l)
	if err := syscall.Mkfifo(filepath.Join(l.influxData(operator), "pipe"), 0o600); err != nil {
		t.Skip(err)
	}
	dir := filepath.Join(t.TempDir(), "b")
	if err := l.Backup(t.Context(), dir); err == nil || !strings.Contains(err.Error(), "no backup: ") || !strings.Contains(err.Error(), "is no plain file") {
		t.Errorf("%v, want the reason in a line", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("something is left: %v", err)
	}
	if after := pids(t, l); len(after) != len(before) {
		t.Error("a process is gone")
	}
	// It ends when it is asked to: it does not stand still.
	if n, err := l.stopAll(t.Context()); err != nil || n != 2 {
		t.Errorf("stopped %d, %v", n, err)
	}
}
