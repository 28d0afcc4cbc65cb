package fleet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/tracker-sim/internal/fakestack"
	"github.com/trackseal/trackseal/tracker-sim/internal/journey"
)

func fleetConfig(t *testing.T, s *fakestack.Stack) Config {
	cfg := Config{
		Seed: 5, Pace: Pace{Speed: 5000, PerMessage: 3}, Shipments: 4, Trackers: 5, Once: true, State: t.TempDir(), Drain: 5 * time.Second,
		Deployment: "trackseal", Dial: s.Dial, Out: new(bytes.Buffer),
		Parties: journey.Parties{Shipper: s.Client("shipper"), Carrier: s.Client("carrier"), Consignee: s.Client("consignee")},
		Log:     slog.New(slog.DiscardHandler),
	}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	return cfg
}

func TestFleetPassesAllStates(t *testing.T) {
	t.Parallel()
	s := fakestack.New(t)
	cfg := fleetConfig(t, s)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if err := Run(ctx, cfg); err != nil {
		t.Fatal(err)
	}
	if got := s.Shipments(); got[ledger.Closed] != 4 || len(got) != 1 {
		t.Errorf("shipments by state: %v", got)
	}
	warm := 0
	for n := 1; n <= 4; n++ {
		id := fmt.Sprintf("S-%d-001", n)
		messages := s.Messages(id)
		if len(messages) < 5 {
			t.Errorf("%s has %d messages", id, len(messages))
		}
		trust := "signed"
		if n == 4 {
			trust = "unsigned"
		}
		for _, m := range messages {
			if m.Trust != trust || len(m.Flags) > 0 {
				t.Errorf("%s: %s message %d/%d with flags %v", id, m.Trust, m.Boot, m.Seq, m.Flags)
			}
		}
		for _, r := range s.Readings(id) {
			if r.Values["temperature"] > 8 && n == 2 {
				warm++
			}
			at, err := time.Parse(time.RFC3339Nano, r.Time)
			if err != nil || time.Since(at).Abs() > 3*time.Minute {
				t.Errorf("%s: reading at %s is not near now", id, r.Time)
			}
		}
	}
	if warm == 0 {
		t.Error("the forgotten door warmed nothing")
	}
	for _, word := range []string{"created", "in transit", "delivered", "closed", "door_open", "outage", "plain"} {
		if !strings.Contains(cfg.Out.(*bytes.Buffer).String(), word) {
			t.Errorf("the output does not tell of %q", word)
		}
	}
}

// A fleet that is stopped on its way goes on where it was: no shipment twice, no position twice.
func TestFleetGoesOn(t *testing.T) {
	t.Parallel()
	s := fakestack.New(t)
	cfg := fleetConfig(t, s)
	for stops := 0; ; stops++ {
		if stops == 40 {
			t.Fatal("the fleet does not come to an end")
		}
		before := s.Received()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		done := make(chan error, 1)
		go func() { done <- Run(ctx, cfg) }()
		// Stopped after some progress rather than after some time.
		err := errStillRunning
		for deadline := time.Now().Add(30 * time.Second); errors.Is(err, errStillRunning) && time.Now().Before(deadline); {
			select {
			case err = <-done:
			case <-time.After(20 * time.Millisecond):
				if s.Received() > before+25 {
					cancel()
				}
			}
		}
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		if s.Shipments()[ledger.Closed] == 4 {
			if stops < 2 {
				t.Errorf("stopped only %d times", stops)
			}
			break
		}
	}
	seen := make(map[string]bool)
	for n := 1; n <= 4; n++ {
		for _, m := range s.Messages(fmt.Sprintf("S-%d-001", n)) {
			key := fmt.Sprint(m.Tracker, m.Boot, m.Seq, m.Hash)
			if seen[key] || strings.Contains(fmt.Sprint(m.Flags), "fork") {
				t.Errorf("%s is stored twice or forked: %v", key, m.Flags)
			}
			seen[key] = true
		}
	}
}

var errStillRunning = errors.New("still running")

func TestDamagedStateIsNamed(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "slots.json")
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openMemory(dir); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v", err)
	}
}

func TestPlanHasShipmentsInEveryState(t *testing.T) {
	kinds := make(map[Kind]int)
	ahead, lazy := 0, 0
	for n := range 6 {
		kind, start, a, l := plan(n, 6)
		kinds[kind]++
		if start < 0 || start >= 1 {
			t.Errorf("slot %d starts at %v", n, start)
		}
		if a {
			ahead++
		}
		if l {
			lazy++
		}
	}
	if kinds[DoorOpen] != 1 || kinds[Outage] != 1 || kinds[Plain] != 1 || kinds[Normal] != 3 || ahead != 1 || lazy != 1 {
		t.Errorf("kinds %v, %d ahead, %d lazy", kinds, ahead, lazy)
	}
}
