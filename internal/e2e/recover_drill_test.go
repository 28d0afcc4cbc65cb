package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// recovered loses the journal of ingest in some way while everything is killed, and has it made again.
func (s *stack) recovered(t *testing.T, lose func(journal string)) {
	t.Helper()
	if err := syscall.Kill(s.processes(t)["ingest-carrier"].PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	s.network(t, "down")
	lose(filepath.Join(s.Dir, "ingest", "data", "journal"))
	s.network(t, "up", "--only", "fabric,influx")
	run := func(args ...string) (string, int) {
		cmd := exec.Command(filepath.Join(s.Dir, "bin", "ingest"), append([]string{"recover", "--config", filepath.Join(s.Dir, "ingest", "config.yaml")}, args...)...)
		out, err := cmd.CombinedOutput()
		if ended, is := errors.AsType[*exec.ExitError](err); is {
			return string(out), ended.ExitCode()
		}
		if err != nil {
			t.Fatal(err)
		}
		return string(out), 0
	}
	out, code := run()
	if code == 1 { // a batch may have been stored before the one before it, when ingest was killed
		t.Logf("ingest recover: %s", out)
		out, code = run("--accept-loss")
	}
	t.Logf("ingest recover: %s", out)
	if code != 0 && code != 3 {
		t.Fatalf("ingest recover ended with %d, want 0, or 3 when messages are lost", code)
	}
	if out, code := run(); code != 0 {
		t.Errorf("once more: exit %d, want that there is nothing to recover\n%s", code, out)
	}
	s.network(t, "up", "--no-fleet")
}

// TestDrillRecover wipes the journal of ingest under load, and then puts an older copy of it back. Each time the instance goes on in its next
// life: nothing is doubled, what was stored keeps its place, the parties' copies go on, and a shipment across both breaks is delivered,
// sealed, closed and verified, with the breaks named.
func TestDrillRecover(t *testing.T) {
	s := load(t)
	policy := s.policy(t)
	carrier, shipper := s.api(t, "carrier"), s.api(t, "shipper")
	book := filepath.Join(t.TempDir(), "book")
	tr := enrolOwn(t, s, carrier, name("RC"))
	tr.publish(tr.message(telemetry.Data))
	trip := begin(t, s, tr, name("recover"), "carrier", "shipper", "consignee")
	trip.send(tr.message(telemetry.Data), tr.message(telemetry.Data))
	trip.anchored()
	again := func() {
		t.Helper()
		tr.device.Close()
		tr.connect(s)
		trip.send(tr.message(telemetry.Data), tr.message(telemetry.Data))
		trip.anchored()
		trip.copied("shipper")
		trip.copied("consignee")
	}

	// Wiped, under load.
	during := make(chan struct{})
	before := s.counter(t, "trackseal_messages_logged_total")
	go func() {
		defer close(during)
		out, code := s.sim(t, 4*time.Minute, "load", "--trackers", "4", "--rate", "40", "--duration", "10s", "--drain", "5s", "--journal", book)
		t.Logf("the load that lost the journal ended with %d: %.2000s", code, out) // its trackers wait for what was acknowledged and lost
	}()
	eventually(t, time.Minute, "the load runs", func() (bool, string) {
		n := s.counter(t, "trackseal_messages_logged_total") - before
		return n > 80, fmt.Sprint(n)
	})
	s.recovered(t, func(journal string) {
		if err := os.RemoveAll(journal); err != nil {
			t.Fatal(err)
		}
	})
	again()
	<-during
	if a := s.account(t, book); a.Doubled+a.Phantom+a.Unlogged+a.LeafErrors > 0 || a.Stored < 80 {
		t.Errorf("of the load across the loss: %+v, want everything at most once", a)
	} else {
		t.Logf("load across the loss: %+v", a)
	}

	// An older copy.
	copied := filepath.Join(t.TempDir(), "journal")
	s.network(t, "down")
	if err := os.CopyFS(copied, os.DirFS(filepath.Join(s.Dir, "ingest", "data", "journal"))); err != nil {
		t.Fatal(err)
	}
	s.network(t, "up", "--no-fleet")
	again()
	s.recovered(t, func(journal string) {
		if err := errors.Join(os.RemoveAll(journal), os.CopyFS(journal, os.DirFS(copied))); err != nil {
			t.Fatal(err)
		}
	})
	again()

	// As after any day.
	book = filepath.Join(t.TempDir(), "book")
	if out, code := s.sim(t, 3*time.Minute, "load", "--trackers", "4", "--rate", "40", "--duration", "3s", "--journal", book); code != 0 {
		t.Errorf("a load after the recoveries: exit %d\n%s", code, out)
	}
	trip.end()
	tr.publish(tr.message(telemetry.Data))
	for org, a := range map[string]*api{"carrier": carrier, "shipper": shipper} {
		eventually(t, 90*time.Second, "the evidence passes", func() (bool, string) {
			r, err := evidence.Verify(bytes.NewReader(a.download("/v1/shipments/"+trip.id+"/evidence?nonce=00")), policy, evidence.Options{Nonce: []byte{0}})
			if err != nil {
				return false, err.Error()
			}
			warned := slices.ContainsFunc(r.Findings, func(f evidence.Finding) bool { return f.Code == evidence.NewLife })
			return r.Exit() == evidence.ExitPass && r.Facts.Messages == uint64(trip.sent) && len(r.Facts.Logs) == 3 && warned, fmt.Sprintf("by %s: %+v %+v", org, r.Verdicts, r.Findings)
		})
	}
	instance, life := ledger.LifeOf(lastLife(t, s))
	if instance != s.Ingest[0].ID || life < 3 {
		t.Errorf("the ledger's newest life is %d of %s, want the third or later of %s", life, instance, s.Ingest[0].ID)
	}
	s.level(t)
}

// lastLife is the newest life of the stack's instance that has an anchor.
func lastLife(t *testing.T, s *stack) string {
	t.Helper()
	newest := s.Ingest[0].ID
	for h, err := range ledger.AnchorHeads.Each(t.Context(), openLedger(t).op("carrier"), "") {
		if err != nil {
			t.Fatal(err)
		}
		if ledger.IsLater(h.Ingest, newest) {
			newest = h.Ingest
		}
	}
	return newest
}
