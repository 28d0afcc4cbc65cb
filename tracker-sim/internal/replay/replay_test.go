package replay

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/tracker-sim/internal/device"
	"github.com/trackseal/trackseal/tracker-sim/internal/fakestack"
	"github.com/trackseal/trackseal/tracker-sim/internal/journey"
	"github.com/trackseal/trackseal/tracker-sim/internal/rest"
)

func encodes(readings []telemetry.Reading) error {
	key, err := device.DeriveKey(1, "t", telemetry.ESP256)
	if err != nil {
		return err
	}
	id := strings.Repeat("t", 64)
	_, err = telemetry.Encode(key, telemetry.Claims{Tracker: id, Boot: 1 << 60, Seq: 1 << 60, TimeMS: 1_700_000_000_000, Beacon: &telemetry.Beacon{Block: 1 << 60}}, readings)
	return err
}

func setUp(t *testing.T, s *fakestack.Stack, rec *Recording) Config {
	t.Helper()
	return setUpTracker(t, s, rec, "t-1")
}

func setUpTracker(t *testing.T, s *fakestack.Stack, rec *Recording, tracker string) Config {
	t.Helper()
	key, err := device.DeriveKey(1, tracker, telemetry.ESP256)
	if err != nil {
		t.Fatal(err)
	}
	p := journey.Parties{Shipper: s.Client("shipper"), Carrier: s.Client("carrier"), Consignee: s.Client("consignee")}
	if _, err := p.Carrier.Enrol(context.Background(), tracker, key, "test"); err != nil {
		t.Fatal(err)
	}
	return Config{
		Recording: rec, Batch: 7,
		Device:   device.Config{ID: tracker, Signer: key, Deployment: "trackseal", Dial: s.Dial, AckTimeout: 20 * time.Millisecond, Limit: 32},
		Shipment: rest.NewShipment{ID: "trip", Parties: rest.AllParties(), RuleSet: "general-2-8@1"},
		Parties:  p, Wait: WaitAnchored, Bound: 10 * time.Second, Log: slog.New(slog.DiscardHandler),
	}
}

func recording(t *testing.T, lines int) *Recording {
	t.Helper()
	var b strings.Builder
	b.WriteString("timestamp,temperature,humidity\n")
	at := time.Date(2020, 2, 1, 8, 0, 0, 0, time.UTC)
	for i := range lines {
		b.WriteString(at.Add(time.Duration(i)*500*time.Millisecond).Format(time.RFC3339Nano) + ",4." + strings.Repeat("1", i%5+1) + ",50\n")
	}
	rec, err := Read(strings.NewReader(b.String()), Mapping{})
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

func TestReplayKeepsEveryReading(t *testing.T) {
	s := fakestack.New(t)
	rec := recording(t, 500)
	cfg := setUp(t, s, rec)
	cfg.Close = true
	sum, err := Run(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if !sum.Complete || sum.Messages != 72 || sum.Stored != 74 || sum.Acked != 74 || sum.State != ledger.Closed {
		t.Errorf("%+v", sum)
	}
	got := s.Readings("trip")
	if len(got) != 500 {
		t.Fatalf("%d readings arrived", len(got))
	}
	for i, r := range got {
		want := rec.Readings[i]
		if at, err := time.Parse(time.RFC3339Nano, r.Time); err != nil || at.UnixMilli() != want.TimeMS || r.Values["temperature"] != want.Values["temperature"] {
			t.Fatalf("reading %d is %v, want %v", i, r, want)
		}
	}
	if sh, _ := s.Shipment("trip"); sh.Assignments[0].From != "2020-02-01T08:00:00.000Z" {
		t.Errorf("assigned from %s", sh.Assignments[0].From)
	}
}

// Half of the messages meet some trouble on the way.
func TestReplayOverABadLink(t *testing.T) {
	s := fakestack.New(t)
	var mu sync.Mutex
	rng := rand.New(rand.NewPCG(1, 2))
	s.Link = func(int) fakestack.Fate {
		mu.Lock()
		defer mu.Unlock()
		return fakestack.Fate{Drop: rng.IntN(8) == 0, Twice: rng.IntN(8) == 0, LoseAck: rng.IntN(4) == 0}
	}
	sum, err := Run(context.Background(), setUp(t, s, recording(t, 300)))
	if err != nil || !sum.Complete || sum.Stored != 45 || sum.Resent == 0 {
		t.Errorf("%+v, %v", sum, err)
	}
}

func TestReplayTimesShiftedToNow(t *testing.T) {
	s := fakestack.New(t)
	cfg := setUp(t, s, recording(t, 100))
	cfg.Now = true
	if _, err := Run(context.Background(), cfg); err != nil {
		t.Fatal(err)
	}
	got := s.Readings("trip")
	first, _ := time.Parse(time.RFC3339Nano, got[0].Time)
	last, _ := time.Parse(time.RFC3339Nano, got[len(got)-1].Time)
	if last.Sub(first) != 49500*time.Millisecond || time.Since(last) > time.Minute || time.Since(last) < 0 {
		t.Errorf("from %s to %s", first, last)
	}
}

func TestReplayThatLosesAMessageIsNotComplete(t *testing.T) {
	s := fakestack.New(t)
	s.Show = func(m []rest.Message) []rest.Message { return append(m[:3:3], m[min(4, len(m)):]...) }
	cfg := setUp(t, s, recording(t, 100))
	cfg.Bound = 1500 * time.Millisecond
	sum, err := Run(context.Background(), cfg)
	if err != nil || sum.Complete || sum.Lost != 1 {
		t.Errorf("%+v, %v", sum, err)
	}
}

// The first tracker's leaves are no concern of the second.
func TestReplayBesideAnotherTracker(t *testing.T) {
	s := fakestack.New(t)
	for _, tracker := range []string{"t-1", "t-2"} {
		sum, err := Run(context.Background(), setUpTracker(t, s, recording(t, 300), tracker))
		if err != nil || !sum.Complete || sum.Stored != 45 || sum.LeafErrors != 0 || len(sum.Findings) != 0 {
			t.Fatalf("%s: %+v, %v", tracker, sum, err)
		}
	}
}

// TestRecordedTrip replays a real parcel trip where the file is at hand: TRACKSEAL_TRIP, or shared/data beside the checkout.
func TestRecordedTrip(t *testing.T) {
	path := os.Getenv("TRACKSEAL_TRIP")
	if path == "" {
		path = filepath.Join("..", "..", "..", "..", "shared", "data", "fragile-goods-trip.csv")
	}
	f, err := os.Open(path)
	if err != nil {
		t.Skip("no recorded trip; set TRACKSEAL_TRIP to its file: ", err)
	}
	defer f.Close()
	rec, err := Read(f, Mapping{})
	if err != nil {
		t.Fatal(err)
	}
	s := fakestack.New(t)
	cfg := setUp(t, s, rec)
	sum, err := Run(context.Background(), cfg)
	if err != nil || !sum.Complete || sum.Readings != 2866 {
		t.Fatalf("%+v, %v", sum, err)
	}
	// 800 thousandths of g.
	if r := s.Readings("trip"); len(r) != 2866 || r[0].Values["accel_x"] != 7.84532 || len(r[0].Values) != 6 {
		t.Errorf("%d readings, first %v", len(r), r[0])
	}
}
