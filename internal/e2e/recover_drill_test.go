package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/checkpoint"
	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// recovered loses the journal of a running ingest in some way. The supervisor starts ingest again, which says everywhere that journal and
// ledger disagree, and does not take the tracker's message. Then the journal is made again, as an operator does it.
func (s *stack) recovered(t *testing.T, tr *ownTracker, raw []byte, lose func(journal string)) {
	t.Helper()
	pid := s.processes(t)["ingest-carrier"].PID
	// Stopped first, or it would write into what takes the place.
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	lose(filepath.Join(s.Dir, "ingest-carrier", "data", "journal"))
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	tr.device.Close()
	s.disagrees(t, tr, raw)
	tr.device.Close()
	run := func(args ...string) (string, int) {
		cmd := exec.Command(filepath.Join(s.Dir, "bin", "ingest"), append([]string{"recover", "--config", filepath.Join(s.Dir, "ingest-carrier", "config.yaml")}, args...)...)
		out, err := cmd.CombinedOutput()
		if ended, is := errors.AsType[*exec.ExitError](err); is {
			return string(out), ended.ExitCode()
		}
		if err != nil {
			t.Fatal(err)
		}
		return string(out), 0
	}
	s.withoutIngest(t, func() {
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
	})
}

// TestDrillRecover wipes the journal of ingest under load, and then puts an older copy of it back. Each time ingest acknowledges nothing that
// it could never anchor, and the instance goes on in its next life: nothing is doubled, what was stored keeps its place, the parties' copies go on, and a shipment across both breaks is delivered,
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
	again := func(held ...[]byte) { // what was not taken before is sent again
		t.Helper()
		tr.device.Close()
		tr.connect(s)
		trip.send(append(held, tr.message(telemetry.Data), tr.message(telemetry.Data))...)
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
	held := tr.message(telemetry.Data)
	s.recovered(t, tr, held, func(journal string) {
		if err := os.RemoveAll(journal); err != nil {
			t.Fatal(err)
		}
	})
	again(held)

	// An older copy.
	data := filepath.Join(s.Dir, "ingest-carrier", "data")
	copied, err := checkpoint.Ask(t.Context(), data, func() error {
		return syscall.Kill(s.processes(t)["ingest-carrier"].PID, checkpoint.Signal)
	})
	if err != nil {
		t.Fatal(err)
	}
	again()
	held = tr.message(telemetry.Data)
	s.recovered(t, tr, held, func(journal string) {
		if err := errors.Join(os.RemoveAll(journal), os.Rename(copied, journal)); err != nil {
			t.Fatal(err)
		}
	})
	again(held)

	<-during
	if a := s.account(t, book); a.Doubled+a.Phantom+a.Unlogged+a.LeafErrors > 0 || a.Stored < 80 {
		t.Errorf("of the load across the loss: %+v, want everything at most once", a)
	} else {
		t.Logf("load across the loss: %+v", a)
	}

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
	found, _ := linesOf(t, filepath.Join(s.Dir, "bin", "ingest"), "fsck", "--config", s.config(), "--store-only")
	if ours := slices.DeleteFunc(found, func(f said) bool { return f.Subject != trip.id }); len(ours) > 0 {
		t.Errorf("fsck finds something about the shipment of three lives: %+v", ours)
	}
	s.level(t)
	eventually(t, time.Minute, "the network is well again", func() (bool, string) {
		n := s.health(t, "shipper")
		return n.OK, fmt.Sprintf("%+v", n)
	})
}

// withoutIngest does something while ingest is stopped and all others run, as it is with a service manager that the operator told to stop it. The
// watchers, who would start it, are frozen meanwhile.
func (s *stack) withoutIngest(t *testing.T, do func()) {
	t.Helper()
	was := s.processes(t)
	signal := func(sig syscall.Signal, names ...string) {
		t.Helper()
		for _, name := range names {
			if pid := was[name].PID; pid == 0 {
				t.Fatalf("%s does not run: %+v", name, was[name])
			} else if err := syscall.Kill(pid, sig); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
	signal(syscall.SIGSTOP, "guard", "supervisor")
	defer func() {
		signal(syscall.SIGCONT, "supervisor", "guard")
		eventually(t, time.Minute, "ingest is ready again", func() (bool, string) {
			p := s.processes(t)["ingest-carrier"]
			return p.State == "ready" && p.PID != was["ingest-carrier"].PID, fmt.Sprintf("%+v", p)
		})
	}()
	signal(syscall.SIGTERM, "ingest-carrier")
	eventually(t, time.Minute, "ingest has stopped", func() (bool, string) {
		p := s.processes(t)["ingest-carrier"]
		return p.PID == 0, fmt.Sprintf("%+v", p)
	})
	do()
}

// networkHealth is what /v1/network says.
type networkHealth struct {
	OK      bool     `json:"ok"`
	Unknown []string `json:"unknown"`
	Ingest  []struct {
		ID, Error string
		OK        bool
	} `json:"ingest"`
}

func (s *stack) health(t *testing.T, org string) (n networkHealth) {
	t.Helper()
	if code, err := s.api(t, org).call("GET", "/v1/network", nil, &n); err != nil || code != 200 {
		t.Fatalf("/v1/network of %s: %d, %v", org, code, err)
	}
	return n
}

// disagrees wants ingest to say that its journal is not the ledger's, wherever somebody may look, and to take nothing of a tracker.
func (s *stack) disagrees(t *testing.T, tr *ownTracker, raw []byte) {
	t.Helper()
	eventually(t, time.Minute, "/readyz says that journal and ledger disagree, and the way out", func() (bool, string) {
		resp, err := http.Get(s.Ingest[0].URL + "/readyz")
		if err != nil {
			return false, err.Error()
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		return resp.StatusCode == http.StatusServiceUnavailable && strings.Contains(string(body), "ingest recover"), string(body)
	})
	eventually(t, time.Minute, "network status says unready", func() (bool, string) {
		p := s.processes(t)["ingest-carrier"]
		return p.State == "unready", p.State
	})
	for org, want := range map[string]string{"carrier": "anchors: journal and ledger disagree", "shipper": "anchors: journal and ledger disagree; nothing is acknowledged"} {
		eventually(t, time.Minute, "/v1/network of "+org+" is not ok with "+want, func() (bool, string) {
			n := s.health(t, org)
			return !n.OK && !n.Ingest[0].OK && strings.Contains(n.Ingest[0].Error, want) && len(n.Unknown) == 0, fmt.Sprintf("%+v", n)
		})
	}
	if got := s.counter(t, "trackseal_anchor_disagrees"); got != 1 {
		t.Errorf("trackseal_anchor_disagrees: came %v, expected 1", got)
	}
	received, logged := s.counter(t, "trackseal_messages_received_total"), s.counter(t, "trackseal_messages_logged_total")
	tr.connect(s)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := tr.device.Publish(ctx, tr.topic, raw); err == nil {
		t.Error("a message was acknowledged that can never be anchored")
	}
	if r, l := s.counter(t, "trackseal_messages_received_total"), s.counter(t, "trackseal_messages_logged_total"); r == received || l != logged {
		t.Errorf("%v messages received and %v logged more, expected at least 1 and 0", r-received, l-logged)
	}
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
