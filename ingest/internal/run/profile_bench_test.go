package run

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/mqtt"
	"github.com/trackseal/trackseal/internal/mqtt/broker"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/internal/testkit"
)

// TestProfileVsPlain measures how much of the rate of plain JSON remains when the same readings come in another platform's words: from the
// broker inside ingest to log and InfluxDB. Rounds of both alternate in one run; the figure is the median of their ratios.
func TestProfileVsPlain(t *testing.T) {
	if os.Getenv("TRACKSEAL_BENCH") == "" {
		t.Skip("measures only when TRACKSEAL_BENCH is set")
	}
	const trackers, each, rounds = 20, 1500, 5
	d := testkit.StartInfluxd(t)
	l := testkit.NewLedger("CarrierMSP", nil)
	t.Cleanup(l.Close)
	base := time.Now().Add(-10 * time.Hour).UnixMilli()
	createShipment(t, l, "carrier.S-1")
	for i := range trackers {
		for kind, profile := range map[string]string{"plain": "", "profile": "thingsboard-device@1"} {
			id := fmt.Sprintf("carrier.%s-%d", kind, i)
			submit(t, l, ledger.TrackerEnrol, ledger.EnrolArgs{ID: id, SecretHash: strings.Repeat("ab", 32), Profile: profile})
			assign(t, l, "carrier.S-1", id, base)
		}
	}
	b, err := broker.New(broker.Config{Listen: "127.0.0.1:0", Local: func(string) bool { return true }, Authenticate: func(string, string) (time.Time, error) { return time.Time{}, nil }})
	if err != nil {
		t.Fatal(err)
	}
	addr, err := b.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	store := openInflux(t, d)
	p := start(t, Config{Dir: t.TempDir(), Source: b, SourcePaces: true, Group: 1024, Database: store, Ledger: l, Every: 10 * time.Second, JudgeEvery: 2 * time.Second})
	testkit.WaitFor(t, 60*time.Second, "the ledger is read", func() bool { return p.registry.Ready(t.Context()) == nil })
	sent := uint64(0)
	// rate of one round, in messages a second that are logged and stored.
	rate := func(kind, topic string, message func(ms int64, n int) string, round int) float64 {
		devices, load := make([]*mqtt.Device, trackers), make([][]byte, each)
		for n := range load {
			load[n] = []byte(message(base+int64(round*each+n)*1000, n))
		}
		for i := range devices {
			id := fmt.Sprintf("carrier.%s-%d", kind, i)
			if devices[i], err = mqtt.Dial(t.Context(), mqtt.DeviceConfig{URL: "tcp://" + addr.String(), Tracker: id, Silent: true, Password: func() string { return "x" }}); err != nil {
				t.Fatal(err)
			}
			defer devices[i].Close()
		}
		began := time.Now()
		var wg sync.WaitGroup
		for i, dev := range devices {
			to := topic
			if to == "" {
				to = telemetry.Topic(fmt.Sprintf("carrier.%s-%d", kind, i), telemetry.JSON)
			}
			wg.Go(func() {
				for _, m := range load {
					if err := dev.Send(t.Context(), to, m); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
		sent += trackers * each
		testkit.WaitFor(t, 10*time.Minute, "all is logged and stored", func() bool { return p.seq.Counts().Logged >= sent && p.writer.Stored() >= sent })
		return trackers * each / time.Since(began).Seconds()
	}
	plain := func(round int) float64 {
		return rate("plain", "", func(ms int64, n int) string {
			return fmt.Sprintf(`{"time":%q,"temperature":%d.25,"humidity":%d,"battery":80}`, time.UnixMilli(ms).UTC().Format(time.RFC3339Nano), 2+n%6, 40+n%9)
		}, round)
	}
	profile := func(round int) float64 {
		return rate("profile", "v1/devices/me/telemetry", func(ms int64, n int) string {
			return fmt.Sprintf(`{"ts":%d,"values":{"temperature":%d.25,"humidity":%d,"battery":80}}`, ms, 2+n%6, 40+n%9)
		}, round)
	}
	plain(0) // the store's series and the broker's buffers come into being
	profile(0)
	var ratios []float64
	for round := 1; round <= rounds; round++ {
		a, b, c := plain(2*round-1), profile(round), plain(2*round) // a machine that gets slower or faster meanwhile does so for both
		ratios = append(ratios, 2*b/(a+c))
		t.Logf("round %d: plain %.0f and %.0f/s, by a profile %.0f/s, ratio %.2f", round, a, c, b, ratios[round-1])
	}
	slices.Sort(ratios)
	fmt.Printf("figure profile_vs_plain %.2f ratio\n", ratios[rounds/2])
}
