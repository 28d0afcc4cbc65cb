package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// network runs the launcher on this stack and returns what it said.
func (s *stack) network(t *testing.T, args ...string) string {
	t.Helper()
	program := os.Getenv("TRACKSEAL_NETWORK")
	if program == "" {
		t.Fatal("TRACKSEAL_NETWORK names no network program")
	}
	out, err := exec.Command(program, append(args, "--dir", s.Dir)...).CombinedOutput()
	if err != nil {
		t.Fatalf("network %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// account is what tracker-sim says of one load's messages.
type account struct {
	Acked, Stored, Anchored, Lost, Doubled, Phantom, Unlogged int
	LeafErrors                                                int `json:"leaf_errors"`
}

func (s *stack) account(t *testing.T, journal string) account {
	t.Helper()
	out, _ := s.sim(t, time.Minute, "account", journal, "--json")
	var a account
	// The progress comes first.
	if err := json.Unmarshal([]byte(out[max(0, strings.Index(out, "{")):]), &a); err != nil {
		t.Fatalf("account: %v\n%s", err, out)
	}
	return a
}

// TestDrillBackup loses a whole stack but its launcher's folder, and has it back from a backup that was made while messages came in. What
// the ledger had then is there, once, and still convinces a verifier. What came after it is missing, and a tracker's own chain
// says so. New messages are acknowledged and anchored.
func TestDrillBackup(t *testing.T) {
	s := load(t)
	policy := s.policy(t)
	carrier := s.api(t, "carrier")
	books, dir := t.TempDir(), filepath.Join(t.TempDir(), "backup")
	book := func(name string) string { return filepath.Join(books, name) }
	send := func(name string, duration string) {
		out, code := s.sim(t, 5*time.Minute, "load", "--trackers", "4", "--rate", "40", "--duration", duration, "--journal", book(name))
		if code != 0 {
			t.Errorf("load %s: exit %d\n%s", name, code, out)
		}
	}

	// Before: a delivered shipment, one under way, and a load.
	closed := begin(t, s, enrolOwn(t, s, carrier, name("BK")), name("backup"), "carrier", "shipper", "consignee", "auditor")
	closed.send(closed.tr.message(telemetry.Data), closed.tr.message(telemetry.Data))
	closed.end()
	open := begin(t, s, enrolOwn(t, s, carrier, name("BK")), name("backup"), "carrier", "consignee")
	open.send(open.tr.message(telemetry.Data), open.tr.message(telemetry.Data))
	send("before", "3s")
	open.anchored()
	closed.anchored()
	if a := s.account(t, book("before")); a.Lost > 0 || a.Anchored != a.Stored {
		t.Logf("before the backup not all is anchored yet: %+v", a)
	}

	// The backup, under load that goes on after it.
	during := make(chan struct{})
	acked := s.counter(t, "trackseal_messages_logged_total")
	go func() { defer close(during); send("during", "20s") }()
	eventually(t, time.Minute, "the load runs", func() (bool, string) {
		n := s.counter(t, "trackseal_messages_logged_total") - acked
		return n > 40, fmt.Sprint(n)
	})
	t.Log(s.network(t, "backup", dir))
	<-during
	// Trackers that go on after it are not in it.
	open.send(open.tr.message(telemetry.Data), open.tr.message(telemetry.Data))
	open.anchored()
	s.noSecrets(t, dir)

	// The disaster.
	for _, p := range s.processes(t) {
		if p.PID > 0 {
			_ = syscall.Kill(p.PID, syscall.SIGKILL) // it may have ended by itself
		}
	}
	s.network(t, "down")
	for _, lost := range []string{"ingest-carrier/data", "influxdb-carrier/data", "fabric/orderer-*/data", "fabric/peer-*/data"} {
		paths, _ := filepath.Glob(filepath.Join(s.Dir, lost))
		if len(paths) == 0 {
			t.Errorf("there is no %s to lose", lost)
		}
		for _, p := range paths {
			if err := os.RemoveAll(p); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Log(s.network(t, "restore", dir, "--yes"))
	s.network(t, "up", "--no-fleet")
	t.Cleanup(func() { os.RemoveAll(filepath.Join(s.Dir, "replaced")) })

	// The account.
	if a := s.account(t, book("before")); a.Lost+a.Doubled+a.Phantom+a.Unlogged+a.LeafErrors > 0 || a.Acked < 100 {
		t.Errorf("of what was acknowledged before the backup: %+v, want all of it once", a)
	}
	if a := s.account(t, book("during")); a.Doubled+a.Phantom+a.Unlogged+a.LeafErrors > 0 || a.Stored == 0 || a.Lost == 0 {
		t.Errorf("of the load around the backup: %+v, want what came before it once, and what came after it named as lost", a)
	} else {
		t.Logf("load around the backup: %+v", a)
	}
	for _, org := range []string{"carrier", "auditor"} {
		r, err := evidence.Verify(bytes.NewReader(s.api(t, org).download("/v1/shipments/"+closed.id+"/evidence?nonce=00")), policy, evidence.Options{Nonce: []byte{0}})
		if err != nil || r.Exit() != evidence.ExitPass || r.Facts.Messages != 2 {
			t.Errorf("evidence by %s of what was delivered before: %v, %+v", org, err, r)
		}
	}
	open.tr.device.Close()
	open.tr.connect(s)
	open.sent -= 2
	open.send(open.tr.message(telemetry.Data))
	open.anchored()
	after := open.messages()
	if last := after[len(after)-1]; len(after) != 3 || !slices.Contains(last.Flags, string(telemetry.SeqGap)) {
		t.Errorf("after the restore the shipment has %+v, want its first two messages and a third that names the gap", after)
	}
	var v verification
	carrier.get("/v1/shipments/"+open.id+"/verification", &v)
	if !slices.ContainsFunc(v.findings(), func(f finding) bool { return f.Tracker == open.tr.id && strings.Contains(f.Detail, "missing") }) {
		t.Errorf("verification finds %+v, want that it names the two messages that are missing", v.findings())
	}
	send("after", "3s")
	eventually(t, time.Minute, "what came after the restore is anchored", func() (bool, string) {
		a := s.account(t, book("after"))
		return a.Anchored == a.Acked && a.Acked > 100, fmt.Sprintf("%+v", a)
	})
	s.level(t)
}

// noSecrets looks for every key and secret of a backup in the part that may be stored with others.
func (s *stack) noSecrets(t *testing.T, dir string) {
	t.Helper()
	var secrets [][]byte
	files := func(below string, do func(path string, data []byte)) {
		err := filepath.WalkDir(filepath.Join(dir, below), func(path string, d os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			if info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s has mode %v: others may read it", path, info.Mode())
			}
			if d.IsDir() {
				return nil
			}
			data, err := os.ReadFile(path)
			do(path, data)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	files("keys", func(path string, data []byte) {
		switch {
		case bytes.HasPrefix(data, []byte("-----BEGIN")) && bytes.Contains(data, []byte("PRIVATE KEY")): // its first line of base64
			lines := bytes.Split(data, []byte("\n"))
			secrets = append(secrets, lines[1])
		case strings.HasSuffix(path, "-token"):
			_, password, _ := bytes.Cut(bytes.TrimSpace(data), []byte(":"))
			secrets = append(secrets, password)
		case strings.HasSuffix(path, "sealing-key"), strings.HasSuffix(path, "mqtt-password"):
			secrets = append(secrets, bytes.TrimSpace(data))
		case strings.HasSuffix(path, "clients-secrets.json"):
			var byClient map[string]string
			if err := json.Unmarshal(data, &byClient); err != nil {
				t.Fatal(err)
			}
			for _, secret := range byClient {
				secrets = append(secrets, []byte(secret))
			}
		}
	})
	if len(secrets) < 50 {
		t.Errorf("found only %d secrets below keys", len(secrets))
	}
	files("data", func(path string, data []byte) {
		for _, secret := range append(secrets, []byte("PRIVATE KEY")) {
			if bytes.Contains(data, secret) {
				t.Errorf("%s holds a secret that is below keys", path)
			}
		}
	})
}
