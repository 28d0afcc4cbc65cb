package e2e

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestDrillUnreadyIngest: with a disk that is nearly full, `up` starts everything else, says what is not ready and why, and its exit status
// says so too. Without the reason it is content.
func TestDrillUnreadyIngest(t *testing.T) {
	s := load(t)
	network := func(args ...string) (out string, code int) {
		t.Helper()
		program := os.Getenv("TRACKSEAL_NETWORK")
		if program == "" {
			t.Skip("TRACKSEAL_NETWORK names no network program")
		}
		cmd := exec.CommandContext(t.Context(), program, append(args, "--dir", s.Dir)...)
		said, err := cmd.CombinedOutput()
		if ended, is := errors.AsType[*exec.ExitError](err); is {
			return string(said), ended.ExitCode()
		}
		if err != nil {
			t.Fatal(err)
		}
		return string(said), 0
	}
	override := filepath.Join(s.Dir, "override", "ingest-carrier.yaml")
	if err := os.MkdirAll(filepath.Dir(override), 0o700); err != nil {
		t.Fatal(err)
	}
	heal := func() {
		if err := os.RemoveAll(filepath.Dir(override)); err != nil {
			t.Error(err)
		}
		if out, code := network("up", "--no-fleet"); code != 0 {
			t.Errorf("up without the override: exit %d\n%s", code, out)
		}
	}
	defer heal()
	before := s.processes(t)
	if err := os.WriteFile(override, []byte("journal: {min_free_bytes: 4611686018427387904}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, code := network("up", "--no-fleet")
	if want := "up, but not ready: ingest-carrier: "; code != 1 || !strings.Contains(out, want) || !strings.Contains(out, "disk is almost full") {
		t.Errorf("up: exit %d, want 1 and %q with the reason:\n%s", code, want, out)
	}
	if code, err := s.api(t, "carrier").call("GET", "/v1/shipments", nil, nil); err != nil || code != 200 {
		t.Errorf("an API answers %d, %v while ingest is not ready, want 200", code, err)
	}
	now := s.processes(t)
	if p := now["ingest-carrier"]; p.State != "unready" {
		t.Errorf("ingest is %s, want unready", p.State)
	}
	for name, p := range now {
		if name != "ingest-carrier" && p.State != before[name].State {
			t.Errorf("%s is %s, want %s as before", name, p.State, before[name].State)
		}
	}
	if out, code := network("status"); code != 1 || !strings.Contains(out, "network: not ready: ingest-carrier") {
		t.Errorf("status: exit %d, want 1 and who is not ready:\n%s", code, out)
	}
	// A key that ingest does not know ends it at once, and is named.
	if err := os.WriteFile(override, []byte("journal: {min_free: 1}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	if out, code := network("up", "--no-fleet"); code != 1 || !strings.Contains(out, "min_free") {
		t.Errorf("up with an unknown key: exit %d after %s, want 1 and the key:\n%s", code, time.Since(begun), out)
	}
}
