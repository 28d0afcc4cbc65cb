package run

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/mqtt"
	"github.com/trackseal/trackseal/internal/profile"
	"github.com/trackseal/trackseal/internal/stored/transfer"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/internal/testkit"
)

// gatewayProfile is published on the ledger, so that ingest needs a copy: a list of records for each device, with counter and id.
const gatewayProfile = `{"id":"carrier.yard","version":1,"title":"Yard gateway","devices":{"split":"$.*","id":"name"},"each":"$","time":{"from":"$.ts","as":"ms"},
	"sequence":{"from":"$[0].n","bits":16},"message_id":"$[0].id","readings":[{"quantity":"temperature","from":"$.t"}]}`

// enrolGateway has carrier.G-1 speak for devices, and puts them on a shipment.
func enrolGateway(t testing.TB, l *testkit.Ledger, shipment string, devices int, fromMS int64) {
	t.Helper()
	p, err := profile.Parse([]byte(gatewayProfile))
	if err != nil {
		t.Fatal(err)
	}
	submit(t, l, ledger.ProfilePublish, ledger.PublishProfileArgs{Document: p.Canonical()})
	secret := func(id string) string { return fmt.Sprintf("%x", []byte(fmt.Sprintf("%-32s", id))[:32]) }
	submit(t, l, ledger.TrackerEnrol, ledger.EnrolArgs{ID: "carrier.G-1", SecretHash: secret("g"), Profile: "carrier.yard@1"})
	for i := range devices {
		id := fmt.Sprintf("carrier.D-%d", i)
		submit(t, l, ledger.TrackerEnrol, ledger.EnrolArgs{ID: id, SecretHash: secret(id), Gateway: "carrier.G-1"})
		if shipment != "" {
			assign(t, l, shipment, id, fromMS)
		}
	}
}

// gatewayMessage is number n of carrier.G-1, about devices D-0, D-1, …
func gatewayMessage(devices, n int, baseMS int64) []byte {
	var parts []string
	for i := range devices {
		parts = append(parts, fmt.Sprintf(`"D-%d":[{"id":"m%d","n":%d,"ts":%d,"t":%d.5},{"ts":%d,"t":4}]`, i, n, n%65536, baseMS+int64(n)*60_000, 4+n%3, baseMS+int64(n)*60_000+30_000))
	}
	return []byte("{" + strings.Join(parts, ", ") + "}")
}

// startGateway has a gateway publish under a topic of its own, one message after the other, until all is settled. It knows nothing of ingest's
// acknowledgements: what the broker has not acknowledged it sends again.
func (s *crashStack) startGateway(devices int) {
	t := s.t
	t.Helper()
	base := time.Now().Add(-12 * time.Hour).UnixMilli()
	enrolGateway(t, s.ledger, "carrier.S-1", devices, base)
	conn, err := mqtt.Dial(t.Context(), mqtt.DeviceConfig{URL: s.mqtt, Tracker: "carrier.G-1", Silent: true, Password: func() string { return "x" }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
	sent := 0
	wg.Go(func() {
		defer cancel()
		for {
			payload := gatewayMessage(devices, sent, base)
			for try := 0; ; try++ {
				if err := conn.Publish(ctx, "yard/north/data", payload); err == nil {
					break
				} else if ctx.Err() != nil {
					t.Errorf("the gateway's message %d: %v", sent, err)
					return
				}
			}
			sent++
			select {
			case <-stop:
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	})
	var once sync.Once
	end := func() { once.Do(func() { close(stop); wg.Wait() }) }
	t.Cleanup(func() { cancel(); end() })
	s.settled = func() {
		end()
		s.others = devices * sent
	}
}

// TestGatewayInThePipeline: a gateway's parts come into the logs of their devices, the counter's gaps are flagged, ids tell duplicates, and
// refusals are told to the gateway and listed.
func TestGatewayInThePipeline(t *testing.T) {
	s := newSetup(t)
	base := time.Now().Add(-30 * time.Minute).UnixMilli()
	enrolGateway(t, s.ledger, "carrier.S-1", 2, base)
	testkit.WaitFor(t, 60*time.Second, "the devices are known", func() bool {
		d, ok := s.registry.Device(t.Context(), "carrier.G-1", "D-1")
		return ok && d.At(base) != nil
	})
	publish := func(payload string) { s.src.send(telemetry.InTopic("carrier.G-1", "yard/north/data"), []byte(payload)) }
	for _, n := range []int{0, 1, 2, 5, 4, 6} {
		publish(string(gatewayMessage(2, n, base)))
	}
	publish(string(gatewayMessage(2, 6, base)))                                                    // the same again
	publish(strings.ReplaceAll(string(gatewayMessage(2, 6, base)), `"t":4}`, `"t":4,"rssi":-70}`)) // heard by another antenna
	publish(fmt.Sprintf(`{"D-0":[{"id":"x","n":7,"ts":%d,"t":4}],"D-9":[{"id":"x","n":7,"ts":%d,"t":4}]}`, base+8*60_000, base+8*60_000))
	s.settle(s.src)
	flags := map[string]int{}
	logged := map[string]int{}
	for _, p := range s.influx.Points("message") {
		tracker := p.Tag("tracker")
		logged[tracker]++
		for _, f := range []telemetry.Reason{telemetry.SeqGap, telemetry.Reordered, telemetry.Reboot} {
			if strings.Contains(p.Field("flags"), string(f)) {
				flags[tracker+" "+string(f)]++
			}
		}
	}
	want := map[string]int{"carrier.D-0 seq_gap": 1, "carrier.D-0 reordered": 1, "carrier.D-1 seq_gap": 1, "carrier.D-1 reordered": 1}
	if logged["carrier.D-0"] != 7 || logged["carrier.D-1"] != 6 || fmt.Sprint(flags) != fmt.Sprint(want) {
		t.Errorf("logged %v, expected 7 and 6; flags %v, expected %v", logged, flags, want)
	}
	if c := s.seq.Counts(); c.Logged != 13 || c.Duplicates != 4 || c.Rejected != 1 {
		t.Errorf("counted %+v, expected 13, 4 and 1", c)
	}
	rejected := s.influx.Points("rejected")
	if len(rejected) != 1 || rejected[0].Tag("tracker") != "carrier.G-1" || rejected[0].Tag("reason") != string(telemetry.UnknownDevice) || !strings.Contains(rejected[0].Field("detail"), "D-9") {
		t.Errorf("listed as refused: %+v, expected device D-9 at its gateway", rejected)
	}
	testkit.WaitFor(t, 60*time.Second, "the gateway is told", func() bool {
		said := s.src.lastDown("carrier.G-1")
		return strings.Contains(said, "unknown_device") && strings.Contains(said, "D-9")
	})
}

// Ensure that a published profile is there while the ledger is away, also after a restart.
func TestProfileOutlivesTheLedger(t *testing.T) {
	s := newSetup(t)
	base := time.Now().Add(-30 * time.Minute).UnixMilli()
	enrolGateway(t, s.ledger, "carrier.S-1", 1, base)
	testkit.WaitFor(t, 60*time.Second, "the device is known", func() bool {
		d, ok := s.registry.Device(t.Context(), "carrier.G-1", "D-0")
		return ok && d.At(base) != nil
	})
	s.stop()
	cfg := s.cfg
	s.ledger.SetUnavailable(true)
	s.running = start(t, cfg)
	s.src.send(telemetry.InTopic("carrier.G-1", "yard/north/data"), gatewayMessage(1, 0, base))
	testkit.WaitFor(t, 60*time.Second, "the message is logged", func() bool { return s.seq.Counts().Logged == 1 })
	s.ledger.SetUnavailable(false)
	s.settle(s.src)
}

// Ensure that what comes over HTTP takes the same way, and that the answer tells what became of each part.
func TestIntakeUntilItIsDurable(t *testing.T) {
	s := newSetup(t)
	base := time.Now().Add(-30 * time.Minute).UnixMilli()
	enrolGateway(t, s.ledger, "", 2, base)
	testkit.WaitFor(t, 60*time.Second, "the devices are known", func() bool {
		_, ok := s.registry.Device(t.Context(), "carrier.G-1", "D-1")
		return ok
	})
	ask := func(tracker, topic, payload string) (transfer.Taken, error) {
		ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
		defer cancel()
		return s.Intake(ctx, transfer.Intake{Tracker: tracker, Topic: topic, Payload: []byte(payload)})
	}
	for _, c := range []struct {
		what, payload                 string
		accepted, duplicates, refused int
		reason, device                string
	}{
		{"new", string(gatewayMessage(2, 0, base)), 2, 0, 0, "", ""},
		{"again", string(gatewayMessage(2, 0, base)), 0, 2, 0, "", ""},
		{"one stranger", strings.ReplaceAll(string(gatewayMessage(2, 1, base)), "D-1", "D-7"), 1, 0, 1, "unknown_device", "D-7"},
		{"nothing to read", `{"D-0":[{"colour":1}]}`, 0, 0, 1, "no_match", "D-0"},
		{"no JSON", `{`, 0, 0, 1, "malformed", ""},
	} {
		got, err := ask("carrier.G-1", "yard/north/data", c.payload)
		if err != nil || got.Accepted != c.accepted || got.Duplicates != c.duplicates || len(got.Refused) != c.refused {
			t.Errorf("%s: %+v, %v; expected %d accepted, %d duplicates, %d refused", c.what, got, err, c.accepted, c.duplicates, c.refused)
		} else if c.refused > 0 && (got.Refused[0].Reason != c.reason || got.Refused[0].Device != c.device || got.Refused[0].Again) {
			t.Errorf("%s: refused %+v, expected %s of %q", c.what, got.Refused[0], c.reason, c.device)
		}
	}
	if n := s.seq.Counts().Logged; n != 3 {
		t.Errorf("%d logged, expected 3", n)
	}
	// A tracker without a profile sends plain JSON, also this way.
	submit(t, s.ledger, ledger.TrackerEnrol, ledger.EnrolArgs{ID: "carrier.P-1", SecretHash: strings.Repeat("ab", 32)})
	if got, err := ask("carrier.P-1", "", `{"temperature":4}`); err != nil || got.Accepted != 1 {
		t.Errorf("plain: %+v, %v", got, err)
	}
	if got, err := ask("carrier.T-1", "", `{"temperature":4}`); err != nil || len(got.Refused) != 1 || got.Refused[0].Reason != "bad_signature" {
		t.Errorf("of a tracker that signs: %+v, %v", got, err)
	}
	if got, err := ask("carrier.T-404", "", `{"temperature":4}`); err != nil || len(got.Refused) != 1 || got.Refused[0].Reason != "unknown_tracker" {
		t.Errorf("of nobody: %+v, %v", got, err)
	}
	for i := 0; ; i++ {
		if _, err := ask("carrier.P-1", "", `{"temperature":4}`+strings.Repeat(" ", 120<<10)); err != nil {
			if tooFast, ok := errors.AsType[*TooFast](err); !ok || tooFast.Seconds() < 1 {
				t.Errorf("too fast: %v", err)
			}
			break
		}
		if i > 10_000 {
			t.Fatal("never too fast")
		}
	}
}

func TestIntakeOfAnotherInstance(t *testing.T) {
	s := newSetup(t, func(c *Config) { c.Partitions = []ledger.Range{{From: 0, To: 0x7f}} })
	for i := range 32 {
		id := fmt.Sprintf("carrier.X-%d", i)
		_, err := s.Intake(t.Context(), transfer.Intake{Tracker: id, Payload: []byte("{}")})
		if elsewhere := telemetry.Partition(id) > "7f"; errors.Is(err, ErrOtherInstance) != elsewhere {
			t.Errorf("%s of partition %s: %v", id, telemetry.Partition(id), err)
		}
	}
}
