package replay

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/client"
	"github.com/trackseal/trackseal/internal/recording"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/tracker-sim/internal/device"
)

func encodes(readings []telemetry.Reading) error {
	key, err := device.NewKey(telemetry.ESP256)
	if err != nil {
		return err
	}
	id := strings.Repeat("t", 64)
	_, err = telemetry.Encode(key, telemetry.Claims{Tracker: id, Boot: 1 << 60, Seq: 1 << 60, TimeMS: 1_700_000_000_000, Beacon: &telemetry.Beacon{Block: 1 << 60}}, readings)
	return err
}

func setUp(t *testing.T, s *system, rec *Recording) Config {
	t.Helper()
	key, err := device.NewKey(telemetry.ESP256)
	if err != nil {
		t.Fatal(err)
	}
	return Config{
		Recording: rec, Batch: 7,
		Device:   device.Config{ID: "t-1", Signer: key, Deployment: "trackseal", Dial: s.dial, AckTimeout: 20 * time.Millisecond, Limit: 32},
		Shipment: s, Wait: WaitAnchored, Bound: 10 * time.Second,
	}
}

func recorded(t *testing.T, lines int) *Recording {
	t.Helper()
	var b strings.Builder
	b.WriteString("timestamp,temperature,humidity\n")
	at := time.Date(2020, 2, 1, 8, 0, 0, 0, time.UTC)
	for i := range lines {
		b.WriteString(at.Add(time.Duration(i)*500*time.Millisecond).Format(time.RFC3339Nano) + ",4." + strings.Repeat("1", i%5+1) + ",50\n")
	}
	rec, err := Read(strings.NewReader(b.String()), recording.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

func TestReplayKeepsEveryReading(t *testing.T) {
	s := &system{}
	rec := recorded(t, 500)
	cfg := setUp(t, s, rec)
	cfg.Close = true
	sum, err := Run(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if !sum.Complete || sum.Messages != 72 || sum.Stored != 74 || sum.Acked != 74 {
		t.Errorf("complete %v with %d messages, %d stored, %d acknowledged; want 72, and 74 with boot and end", sum.Complete, sum.Messages, sum.Stored, sum.Acked)
	}
	if !s.ended {
		t.Error("the shipment was not closed")
	}
	if len(s.readings) != 500 {
		t.Fatalf("%d readings arrived, want 500", len(s.readings))
	}
	for i, r := range s.readings {
		if want := rec.Readings[i]; r.TimeMS != want.TimeMS || r.Values["temperature"] != want.Values["temperature"] {
			t.Fatalf("reading %d is %v, want %v", i, r, want)
		}
	}
	from, to := time.Date(2020, 2, 1, 8, 0, 0, 0, time.UTC), time.Date(2020, 2, 1, 8, 4, 9, 501_000_000, time.UTC)
	if !s.from.Equal(from) || !s.to.Equal(to) {
		t.Errorf("assigned from %s to %s, want the whole recording, %s to %s", s.from, s.to, from, to)
	}
	// As the logger signed then: within the window, one after the other, and before it could hear of any anchor.
	if !slices.IsSorted(s.signed) || s.signed[0] != from.UnixMilli() || s.signed[len(s.signed)-1] != to.UnixMilli()-1 || s.beacons > 0 {
		t.Errorf("signed at %v with %d beacons; want times from %d to %d, and none", s.signed, s.beacons, from.UnixMilli(), to.UnixMilli()-1)
	}
}

// A fifth of the messages is lost on the way, by chance: a loss that keeps time with the rounds of a tracker that sends again would lose the same message
// for ever.
func TestReplayOverABadLink(t *testing.T) {
	chance := rand.New(rand.NewPCG(1, 2))
	s := &system{drop: func(n int) bool { return n == 5 || chance.IntN(5) == 0 }}
	sum, err := Run(context.Background(), setUp(t, s, recorded(t, 300)))
	if err != nil || !sum.Complete || sum.Stored != 45 || sum.Resent == 0 {
		t.Errorf("complete %v with %d stored and %d sent again, %v; want 45 and some", sum.Complete, sum.Stored, sum.Resent, err)
	}
}

func TestReplayTimesShiftedToNow(t *testing.T) {
	s := &system{}
	cfg := setUp(t, s, recorded(t, 100))
	cfg.Now = true
	if _, err := Run(context.Background(), cfg); err != nil {
		t.Fatal(err)
	}
	first, last := span(s.readings)
	if last.Sub(first) != 49500*time.Millisecond || time.Since(last) > time.Minute || time.Since(last) < 0 || !s.from.IsZero() || !s.to.IsZero() || time.Since(time.UnixMilli(s.signed[0])) > time.Minute {
		t.Errorf("readings from %s to %s, assigned from %s; want 49.5 s up to now, from now", first, last, s.from)
	}
}

func TestReplayThatLosesAMessageIsNotComplete(t *testing.T) {
	s := &system{show: func(m []client.Message) []client.Message { return append(m[:3:3], m[min(4, len(m)):]...) }}
	cfg := setUp(t, s, recorded(t, 100))
	cfg.Bound = 1500 * time.Millisecond
	sum, err := Run(context.Background(), cfg)
	if err != nil || sum.Complete || sum.Lost != 1 {
		t.Errorf("complete %v with %d lost, %v; want one lost", sum.Complete, sum.Lost, err)
	}
}

// Another tracker's leaves are no concern of this one's.
func TestReplayBesideAnotherTracker(t *testing.T) {
	s := &system{show: func(m []client.Message) []client.Message {
		return append(m, client.Message{Log: "log", Leaf: 1000, Tracker: "t-2", Boot: 1})
	}}
	sum, err := Run(context.Background(), setUp(t, s, recorded(t, 300)))
	if err != nil || !sum.Complete || sum.Stored != 45 || sum.LeafErrors != 0 || len(sum.Findings) != 0 {
		t.Errorf("complete %v with %d stored, findings %v, %v", sum.Complete, sum.Stored, sum.Findings, err)
	}
}

func TestOneTrackerInAFile(t *testing.T) {
	rec, err := Read(strings.NewReader("time,tracker,temperature,humidity\n1772532000,A,4,50\n1772532300,A,4,\n"), recording.Options{})
	if err != nil || len(rec.Readings) != 2 || rec.Quantities != 2 {
		t.Errorf("got %+v, %v; want two readings of two quantities", rec, err)
	}
	if _, err := Read(strings.NewReader("time,tracker,temperature\n1772532000,A,4\n1772532000,B,4\n"), recording.Options{}); !errors.Is(err, ErrTrackers) {
		t.Errorf("got %v, want %v", err, ErrTrackers)
	}
}

// TestRecordedTrip replays a real parcel trip where the file is at hand: TRACKSEAL_TRIP, or shared/data beside the checkout.
func TestRecordedTrip(t *testing.T) {
	path := os.Getenv("TRACKSEAL_TRIP")
	if path == "" {
		path = filepath.Join("..", "..", "..", "..", "..", "shared", "data", "fragile-goods-trip.csv")
	}
	f, err := os.Open(path)
	if err != nil {
		t.Skip("no recorded trip; set TRACKSEAL_TRIP to its file: ", err)
	}
	defer f.Close()
	rec, err := Read(f, recording.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := &system{}
	cfg := setUp(t, s, rec)
	sum, err := Run(context.Background(), cfg)
	if err != nil || !sum.Complete || sum.Readings != 2866 {
		t.Fatalf("complete %v with %d readings, %v; want 2866", sum.Complete, sum.Readings, err)
	}
	// 800 thousandths of g.
	if r := s.readings; len(r) != 2866 || r[0].Values["accel_x"] != 7.84532 || len(r[0].Values) != 6 {
		t.Errorf("%d readings, first %v", len(r), r[0])
	}
}
