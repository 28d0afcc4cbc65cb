package run

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/internal/testkit"
)

// pythonDevice runs docs/devices/tracker.py, which was written from docs/formats.md alone.
type pythonDevice struct {
	t             *testing.T
	ctx           context.Context
	python, state string
}

func (d *pythonDevice) command(do string, args ...string) *exec.Cmd {
	return exec.CommandContext(d.ctx, d.python, append([]string{"../../../docs/devices/tracker.py", do, d.state}, args...)...)
}

// send starts the device and gives it so many readings; it returns when all are kept in its file.
func (d *pythonDevice) send(addr string, readings int) (running *exec.Cmd, stderr *bytes.Buffer) {
	d.t.Helper()
	cmd := d.command("send", "--broker", addr)
	in, err := cmd.StdinPipe()
	if err != nil {
		d.t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		d.t.Fatal(err)
	}
	stderr = &bytes.Buffer{}
	cmd.Stderr = stderr
	if err := cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for i := range readings {
		if _, err := fmt.Fprintf(in, "{\"temperature\": %d.25, \"humidity\": 50}\n", i%8); err != nil {
			d.t.Fatal(err)
		}
		if !lines.Scan() {
			_ = cmd.Wait()
			d.t.Fatalf("the device ended after %d readings: %s", i, stderr)
		}
	}
	in.Close()
	go func() { _, _ = io.Copy(io.Discard, out) }() // until the process ends
	return cmd, stderr
}

// Ensure that the device of docs/devices loses nothing and doubles nothing: it is killed with messages in its file, ingest and its
// broker are killed while it sends, and in the end every message is acknowledged and has one leaf.
func TestPythonDevice(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	d := &pythonDevice{t: t, ctx: ctx, python: testkit.Python(t), state: filepath.Join(t.TempDir(), "state.db")}
	s := bareCrashStack(t)
	s.listen = testkit.FreeAddr(t)
	out, err := d.command("new", "--id", "carrier.PY-1", "--msp", "CarrierMSP").Output()
	if err != nil {
		t.Fatal(err)
	}
	var body struct {
		ID     string `json:"id"`
		Public string `json:"public_key"`
		Alg    string `json:"alg"`
		Proof  string `json:"proof"`
	}
	if err := json.Unmarshal(out, &body); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	alg, err := telemetry.ParseAlg(body.Alg)
	if err != nil {
		t.Fatal(err)
	}
	submit(t, s.ledger, ledger.TrackerEnrol, ledger.EnrolArgs{ID: body.ID, Alg: int(alg), Public: body.Public, Proof: body.Proof})
	createShipment(t, s.ledger, "carrier.S-1")
	assign(t, s.ledger, "carrier.S-1", body.ID, time.Now().Add(-time.Hour).UnixMilli())

	first, _ := d.send(s.listen, 20) // nobody listens
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = first.Wait()
	second, said := d.send(s.listen, 30)
	for _, point := range []string{"messages:after", "ack:before"} {
		late := make(chan struct{})
		timer := time.AfterFunc(60*time.Second, func() { close(late) })
		s.child(late, point, 1)
		if !timer.Stop() {
			t.Errorf("%s was not reached in 60 s: %s", point, said)
		}
	}
	s.fleet = []*flash{{total: 50}}
	s.settled = func() {
		if err := second.Wait(); err != nil {
			t.Errorf("the device: %v\n%s", err, said)
		}
	}
	s.finish()
}
