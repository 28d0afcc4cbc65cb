package registry

import (
	"context"
	"encoding/hex"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/trackseal/trackseal/ingest/internal/journal"
	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/testkit"
)

func open(t testing.TB, dir string, l Ledger) (*Registry, *journal.DB) {
	t.Helper()
	db, err := journal.Open(dir, journal.Options{MinFree: 1})
	if err != nil {
		t.Fatal(err)
	}
	r, err := Open(Config{Ledger: l, DB: db, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return r, db
}

func run(t testing.TB, r *Registry) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func submit(t testing.TB, l *testkit.Ledger, fn ledger.Function, arg any) {
	t.Helper()
	if _, err := l.Submit(context.Background(), fn.Name(), arg); err != nil {
		t.Fatalf("%s: %v", fn, err)
	}
}

func enrol(t testing.TB, l *testkit.Ledger, id string) {
	submit(t, l, ledger.TrackerEnrol, ledger.EnrolArgs{ID: id, SecretHash: hex.EncodeToString(make([]byte, 32))})
}

func create(t testing.TB, l *testkit.Ledger, id string) {
	rules, _ := compliance.Lookup("general-2-8@1")
	submit(t, l, ledger.ShipmentCreate, ledger.CreateArgs{
		ID: id, RuleSet: "general-2-8@1", RuleSetHash: rules.Hash(),
		Parties: ledger.Parties{"carrier": {"CarrierMSP"}, "shipper": {"ShipperMSP"}, "consignee": {"ConsigneeMSP"}, "auditor": {"AuditorMSP"}},
	})
}

// Ensure the registry knows what was there, follows what changes, and still knows it after a restart without a ledger.
func TestFollowsTheLedgerAndOutlivesIt(t *testing.T) {
	l := testkit.NewLedger("CarrierMSP", nil)
	defer l.Close()
	for i := range 250 { // more than one page
		enrol(t, l, fmt.Sprintf("T-%d", i))
	}
	create(t, l, "S-1")
	submit(t, l, ledger.ShipmentAssign, ledger.AssignArgs{Shipment: "S-1", Tracker: "T-7", FromMS: 1000})
	dir := t.TempDir()
	r, db := open(t, dir, l)
	stop := run(t, r)
	testkit.WaitFor(t, 10*time.Second, "the ledger is read", func() bool { return r.Ready(t.Context()) == nil })
	if n, s := r.Size(); n != 250 || s != 1 {
		t.Fatalf("%d trackers, %d shipments", n, s)
	}
	at := func(tracker string, ms int64) string {
		tr, ok := r.Cached(tracker)
		if !ok {
			return "unknown"
		}
		if s := tr.At(ms); s != nil {
			return s.ID
		}
		return ""
	}
	if at("T-7", 999) != "" || at("T-7", 1000) != "S-1" || at("T-8", 1000) != "" {
		t.Fatal("assignment windows")
	}
	enrol(t, l, "T-new")
	create(t, l, "S-2")
	submit(t, l, ledger.ShipmentUnassign, ledger.UnassignArgs{Shipment: "S-1", Tracker: "T-7", ToMS: 5000})
	submit(t, l, ledger.ShipmentAssign, ledger.AssignArgs{Shipment: "S-2", Tracker: "T-7", FromMS: 5000})
	submit(t, l, ledger.TrackerRevoke, ledger.RevokeArgs{ID: "T-9", Cause: "lost"})
	testkit.WaitFor(t, 10*time.Second, "changes arrive", func() bool {
		tr, ok := r.Cached("T-9")
		return ok && tr.Revoked && at("T-new", 0) == "" && at("T-7", 5000) == "S-2"
	})
	if at("T-7", 4999) != "S-1" {
		t.Fatal("the past window is gone")
	}
	stop()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	l.SetUnavailable(true)
	r, db = open(t, dir, l)
	defer db.Close()
	if tr, ok := r.Cached("T-9"); !ok || !tr.Revoked || at("T-7", 5000) != "S-2" || at("T-7", 4999) != "S-1" {
		t.Fatal("forgotten after a restart without a ledger")
	}
}

// Ensure a leaked secret ends the connections that it opened, and that nothing else does.
func TestAReplacedSecretShutsTheTrackerOut(t *testing.T) {
	l := testkit.NewLedger("CarrierMSP", nil)
	defer l.Close()
	hash := func(c string) string { return strings.Repeat(c, 64) }
	submit(t, l, ledger.TrackerEnrol, ledger.EnrolArgs{ID: "P-1", SecretHash: hash("a")})
	r, db := open(t, t.TempDir(), l)
	defer db.Close()
	shut := make(chan string, 10)
	r.cfg.OnRevoked = func(tracker string) { shut <- tracker }
	defer run(t, r)()
	testkit.WaitFor(t, 10*time.Second, "the ledger is read", func() bool { return r.Ready(t.Context()) == nil })
	submit(t, l, ledger.TrackerCalibrate, ledger.CalibrateArgs{ID: "P-1", Ref: "c", Hash: hash("c"), ValidFromMS: 1, ValidToMS: 2})
	submit(t, l, ledger.TrackerRotate, ledger.RotateArgs{ID: "P-1", SecretHash: hash("b")})
	submit(t, l, ledger.TrackerRevoke, ledger.RevokeArgs{ID: "P-1", Cause: "lost"})
	for _, why := range []string{"its secret was replaced", "it was revoked"} {
		select {
		case tracker := <-shut:
			if tracker != "P-1" {
				t.Fatalf("%s was shut out, want P-1: %s", tracker, why)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("not shut out although %s", why)
		}
	}
	if tr, ok := r.Cached("P-1"); !ok || tr.SecretHash != hash("b") || len(shut) > 0 {
		t.Fatalf("got %+v and %d more shut out, want the new secret's hash and nobody", tr, len(shut))
	}
}

// Ensure an unknown tracker is looked up once, and that a flood of unknown ones cannot make the ledger busy.
func TestLookupsAreBounded(t *testing.T) {
	l := testkit.NewLedger("CarrierMSP", nil)
	defer l.Close()
	asked := &counting{Ledger: l}
	r, db := open(t, t.TempDir(), asked)
	defer db.Close()
	enrol(t, l, "T-1")
	if _, ok := r.Tracker(t.Context(), "T-1"); !ok {
		t.Fatal("a tracker that was just enrolled is not found")
	}
	for i := range 1000 {
		r.Tracker(t.Context(), "T-x")
		r.Tracker(t.Context(), fmt.Sprintf("T-%d", 1000+i))
	}
	if asked.n > lookupsPerSecond+10 {
		t.Fatalf("%d questions", asked.n)
	}
}

type counting struct {
	*testkit.Ledger
	n int
}

func (c *counting) Evaluate(ctx context.Context, fn string, arg any) ([]byte, error) {
	c.n++
	return c.Ledger.Evaluate(ctx, fn, arg)
}

// Ensure 100,000 assigned trackers fit into memory (1 GB for the whole process).
func TestManyTrackersAreSmall(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: fills 64 MB of memory")
	}
	l := testkit.NewLedger("CarrierMSP", nil)
	defer l.Close()
	r, db := open(t, t.TempDir(), l)
	defer db.Close()
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	const n = 100_000
	key := make([]byte, 32)
	for i := range n {
		key[0], key[1], key[2] = byte(i), byte(i>>8), byte(i>>16)
		id := fmt.Sprintf("TRACKER-%06d", i)
		r.putTracker(ledger.Tracker{ID: id, EnrolTx: hex.EncodeToString(make([]byte, 32)), Alg: -19, Keys: []ledger.TrackerKey{{Alg: -19, Public: hex.EncodeToString(key)}}})
		if i%10 == 9 {
			s := ledger.Shipment{ID: fmt.Sprintf("SHIPMENT-%06d", i/10), CreateTx: hex.EncodeToString(make([]byte, 32)), RuleSet: "general-2-8@1"}
			for j := i - 9; j <= i; j++ {
				s.Assignments = append(s.Assignments, ledger.Assignment{Tracker: fmt.Sprintf("TRACKER-%06d", j), FromMS: 1, AssignTx: hex.EncodeToString(make([]byte, 32))})
			}
			r.putShipment(s)
		}
	}
	used := heap() - before
	t.Logf("%d MB, %d bytes a tracker", used>>20, used/n)
	if used > 256<<20 {
		t.Fatalf("%d MB", used>>20)
	}
	runtime.KeepAlive(r)
}
