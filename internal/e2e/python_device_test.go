package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/url"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/testkit"
)

// badLink carries connections to the broker until they are cut.
type badLink struct {
	addr string
	mu   sync.Mutex
	open []net.Conn
}

func newBadLink(t *testing.T, to string) *badLink {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &badLink{addr: l.Addr().String()}
	var wg sync.WaitGroup
	t.Cleanup(func() { l.Close(); b.cut(); wg.Wait() })
	wg.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				in.Close()
				continue
			}
			b.mu.Lock()
			b.open = append(b.open, in, out)
			b.mu.Unlock()
			for _, c := range [][2]net.Conn{{in, out}, {out, in}} {
				wg.Go(func() { _, _ = io.Copy(c[0], c[1]); c[0].Close(); c[1].Close() })
			}
		}
	})
	return b
}

func (b *badLink) cut() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := len(b.open)
	for _, c := range b.open {
		c.Close()
	}
	b.open = nil
	return n
}

// TestStackPythonDevice is a device maker's first day: the tracker of docs/devices is enrolled over REST with what it prints, rides on a
// shipment, its connection breaks in the middle, and the evidence of the closed shipment convinces the verifier.
func TestStackPythonDevice(t *testing.T) {
	s := load(t)
	python := testkit.Python(t)
	policy := s.policy(t)
	carrier := s.api(t, "carrier")
	id, state := name("PY"), filepath.Join(t.TempDir(), "tracker.db")
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	body, err := exec.CommandContext(ctx, python, "../../docs/devices/tracker.py", "new", state, "--id", id, "--msp", mspOf("carrier")).Output()
	if err != nil {
		t.Fatal(err)
	}
	var enrolled struct {
		MQTT struct {
			URL string `json:"url"`
		} `json:"mqtt"`
	}
	carrier.post("/v1/trackers", json.RawMessage(body), &enrolled)
	trip := begin(t, s, &ownTracker{t: t, a: carrier, id: id}, name("python"), "carrier", "shipper", "consignee", "auditor")

	broker, err := url.Parse(enrolled.MQTT.URL)
	if err != nil {
		t.Fatalf("mqtt.url %q: %v", enrolled.MQTT.URL, err)
	}
	link := newBadLink(t, broker.Host)
	args := []string{"../../docs/devices/tracker.py", "send", state, "--broker", link.addr}
	if s.CA != "" {
		args = append(args, "--ca", s.CA)
	}
	cmd := exec.CommandContext(ctx, python, args...)
	var said bytes.Buffer
	cmd.Stderr = &said
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	const readings = 50
	for i := range readings {
		if i == readings/2 {
			eventually(t, 60*time.Second, "the device is connected and is cut off", func() (bool, string) { return link.cut() > 0, "no connection" })
		}
		if _, err := fmt.Fprintf(in, "{\"temperature\": %d.5, \"humidity\": 50}\n", 2+i%6); err != nil {
			t.Fatalf("reading %d: %v: %s", i, err, said.String())
		}
	}
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatalf("the device: %v\n%s", err, said.String())
	}
	trip.sent = readings
	trip.send() // waits for the log
	trip.end()
	nonce := []byte("the auditor's own")
	r, err := evidence.Verify(bytes.NewReader(carrier.download("/v1/shipments/"+trip.id+"/evidence?nonce="+fmt.Sprintf("%x", nonce))), policy, evidence.Options{Nonce: nonce})
	if err != nil {
		t.Fatal(err)
	}
	if r.Exit() != evidence.ExitPass || r.Facts.Messages != readings {
		t.Errorf("%d messages, want %d: %+v\n%v", r.Facts.Messages, readings, r.Verdicts, r.Findings)
	}
}
