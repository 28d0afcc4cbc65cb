package e2e

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// convinces waits until a member's own node gives evidence of a shipment that passes all five questions, with so many messages.
func (p *trip) convinces(org string, policy *evidence.Policy) {
	p.t.Helper()
	a, nonce := p.s.api(p.t, org), []byte("asked of "+org)
	eventually(p.t, 90*time.Second, "the evidence of "+org+" passes", func() (bool, string) {
		r, err := evidence.Verify(bytes.NewReader(a.download("/v1/shipments/"+p.id+"/evidence?nonce="+hex.EncodeToString(nonce))), policy, evidence.Options{Nonce: nonce})
		if err != nil {
			return false, err.Error()
		}
		return r.Exit() == evidence.ExitPass && r.Facts.Messages == uint64(p.sent), fmt.Sprintf("%+v %v", r.Verdicts, r.Findings)
	})
}

// TestDrillRebuild kills an operator's ingest, API and InfluxDB after a trip and deletes what they had. The other parties still have evidence that
// convinces, each from its own node. Then the operator is made again from one of them, and goes on.
func TestDrillRebuild(t *testing.T) {
	s := load(t)
	policy := s.policy(t)
	carrier := s.api(t, "carrier")
	tr := enrolOwn(t, s, carrier, name("RB"))
	tr.publish(tr.message(telemetry.Data))
	done := begin(t, s, tr, name("rebuild"), "carrier", "shipper", "consignee", "auditor")
	for range 3 { // three anchors
		done.send(tr.message(telemetry.Data), tr.message(telemetry.Data))
		done.anchored()
	}
	done.end()
	tr.publish(tr.message(telemetry.Data)) // after it
	open := begin(t, s, enrolOwn(t, s, carrier, name("RB")), name("rebuild-open"), "carrier", "shipper", "consignee")
	open.send(open.tr.message(telemetry.Data), open.tr.message(telemetry.Data))
	open.anchored()
	for _, org := range []string{"shipper", "consignee", "auditor"} {
		done.copied(org)
		done.convinces(org, policy)
	}
	open.copied("shipper")
	tr.device.Close()
	open.tr.device.Close()

	was := s.processes(t)
	for _, c := range []struct {
		sig  syscall.Signal
		name string
	}{{syscall.SIGSTOP, "guard"}, {syscall.SIGSTOP, "supervisor"}, {syscall.SIGKILL, "ingest-carrier"}, {syscall.SIGKILL, "api-carrier"}, {syscall.SIGKILL, "influxdb-carrier"}} {
		if pid := was[c.name].PID; pid == 0 {
			t.Fatalf("%s does not run", c.name)
		} else if err := syscall.Kill(pid, c.sig); err != nil {
			t.Fatal(err)
		}
	}
	for _, lost := range []string{"ingest-carrier/data", "api-carrier/data", "influxdb-carrier/data"} {
		if err := os.RemoveAll(filepath.Join(s.Dir, lost)); err != nil {
			t.Fatal(err)
		}
	}
	for _, org := range []string{"shipper", "auditor"} {
		done.convinces(org, policy)
	}
	for _, name := range []string{"supervisor", "guard"} {
		if err := syscall.Kill(was[name].PID, syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
	}

	s.network(t, "down")
	s.network(t, "up", "--only", "fabric,influx,api", "--no-fleet")
	run := func() (string, int) {
		cmd := exec.Command(filepath.Join(s.Dir, "bin", "ingest"), "recover", "--config", s.config(), "--from", "shipper")
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
	t.Logf("ingest recover --from shipper: %s", out)
	if code != 0 {
		t.Fatalf("ingest recover ended with %d, want 0", code)
	}
	if again, code := run(); code != 0 {
		t.Errorf("once more: exit %d, want that there is nothing to recover\n%s", code, again)
	}
	s.network(t, "up", "--no-fleet")

	for _, p := range []*trip{done, open} {
		eventually(t, time.Minute, "the carrier has the messages again", func() (bool, string) {
			list := p.messages()
			return len(list) == p.sent, fmt.Sprintf("%d of %d", len(list), p.sent)
		})
	}
	for _, org := range []string{"carrier", "shipper", "auditor"} {
		done.convinces(org, policy)
	}
	open.tr.connect(s)
	open.send(open.tr.message(telemetry.Data))
	open.anchored()
	open.copied("shipper")
	open.copied("carrier")
	s.level(t)
	eventually(t, 90*time.Second, "the network is well again", func() (bool, string) {
		n := s.health(t, "shipper")
		return n.OK, fmt.Sprintf("%+v", n)
	})
}
