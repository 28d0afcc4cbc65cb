package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/telemetry"
)

// TestDrillLostJournal: an ingest that comes back without its journal says everywhere that journal and ledger disagree, and acknowledges
// nothing that it could never anchor. With its own journal it goes on, and the tracker's message is taken then.
func TestDrillLostJournal(t *testing.T) {
	s := load(t)
	program := os.Getenv("TRACKSEAL_NETWORK")
	if program == "" {
		t.Skip("TRACKSEAL_NETWORK names no network program")
	}
	p := begin(t, s, enrolOwn(t, s, s.api(t, "carrier"), name("LJ")), name("journal"), "carrier", "shipper", "consignee")
	p.send(p.tr.message(telemetry.Data))
	p.anchored()
	p.tr.device.Close()

	data, kept := filepath.Join(s.Dir, "ingest", "data"), filepath.Join(s.Dir, "ingest", "data-kept")
	s.network(t, "down")
	if err := os.Rename(data, kept); err != nil {
		t.Fatal(err)
	}
	heal := func() {
		if _, err := os.Stat(kept); err != nil {
			return // done
		}
		s.network(t, "down")
		if err := os.RemoveAll(data); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(kept, data); err != nil {
			t.Fatal(err)
		}
		s.network(t, "up", "--no-fleet")
	}
	defer heal()
	out, err := exec.CommandContext(t.Context(), program, "up", "--no-fleet", "--dir", s.Dir).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "disagree") {
		t.Errorf("up with an empty journal: %v, want an exit status that is not 0 and the reason:\n%s", err, out)
	}
	raw := p.tr.message(telemetry.Data)
	s.disagrees(t, p.tr, raw)
	p.tr.device.Close()

	heal()
	p.tr.connect(s)
	p.send(raw, p.tr.message(telemetry.Data))
	p.anchored()
	eventually(t, time.Minute, "the network is well again", func() (bool, string) {
		n := s.health(t, "shipper")
		return n.OK, fmt.Sprintf("%+v", n)
	})
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
	if p := s.processes(t)["ingest-carrier"]; p.State != "unready" {
		t.Errorf("network status: ingest is %s, expected unready", p.State)
	}
	for org, want := range map[string]string{"carrier": "anchors: journal and ledger disagree", "shipper": "anchors: see the log of this instance"} {
		if n := s.health(t, org); n.OK || n.Ingest[0].OK || !strings.Contains(n.Ingest[0].Error, want) || len(n.Unknown) > 0 {
			t.Errorf("/v1/network of %s: came %+v, expected that it is not ok with %q", org, n, want)
		}
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
