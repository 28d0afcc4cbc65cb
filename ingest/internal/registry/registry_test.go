package registry

import (
	"context"
	"encoding/hex"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
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
		enrol(t, l, fmt.Sprintf("carrier.T-%d", i))
	}
	create(t, l, "carrier.S-1")
	submit(t, l, ledger.ShipmentAssign, ledger.AssignArgs{Shipment: "carrier.S-1", Tracker: "carrier.T-7", FromMS: 1000})
	dir := t.TempDir()
	r, db := open(t, dir, l)
	stop := run(t, r)
	testkit.WaitFor(t, 10*time.Second, "the ledger is read", func() bool { return r.Ready(t.Context()) == nil })
	if n, s := r.Size(); n != 250 || s != 1 {
		t.Fatalf("%d trackers, %d shipments", n, s)
	}
	at := func(tracker string, ms int64) string {
		tr := r.find(t.Context(), tracker)
		if tr == nil {
			return "unknown"
		}
		if w := tr.At(ms); w != nil {
			return w.Shipment
		}
		return ""
	}
	if at("carrier.T-7", 999) != "" || at("carrier.T-7", 1000) != "carrier.S-1" || at("carrier.T-8", 1000) != "" {
		t.Fatal("assignment windows")
	}
	enrol(t, l, "carrier.T-new")
	create(t, l, "carrier.S-2")
	submit(t, l, ledger.ShipmentUnassign, ledger.UnassignArgs{Shipment: "carrier.S-1", Tracker: "carrier.T-7"})
	tracker, err := ledger.TrackerGet.Ask(t.Context(), l, ledger.TrackerArgs{ID: "carrier.T-7"})
	if err != nil {
		t.Fatal(err)
	}
	ended := tracker.FreeFromMS
	submit(t, l, ledger.ShipmentAssign, ledger.AssignArgs{Shipment: "carrier.S-2", Tracker: "carrier.T-7", FromMS: ended})
	// A logger that was read out: known, though it is over.
	create(t, l, "carrier.S-3")
	submit(t, l, ledger.ShipmentAssign, ledger.AssignArgs{Shipment: "carrier.S-3", Tracker: "carrier.T-8", FromMS: 2000, ToMS: 3000})
	submit(t, l, ledger.TrackerRevoke, ledger.RevokeArgs{ID: "carrier.T-9", Cause: "lost"})
	testkit.WaitFor(t, 10*time.Second, "changes arrive", func() bool {
		return r.find(t.Context(), "carrier.T-9").Revoked && at("carrier.T-new", 0) == "" && at("carrier.T-7", ended) == "carrier.S-2"
	})
	if at("carrier.T-7", ended-1) != "carrier.S-1" {
		t.Fatal("the past window is gone")
	}
	if at("carrier.T-8", 1999) != "" || at("carrier.T-8", 2000) != "carrier.S-3" || at("carrier.T-8", 3000) != "" {
		t.Fatal("the recorded window is not 2000 to 3000")
	}
	stop()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	l.SetUnavailable(true)
	r, db = open(t, dir, l)
	defer db.Close()
	if tr := r.find(t.Context(), "carrier.T-9"); tr == nil || !tr.Revoked || at("carrier.T-7", ended) != "carrier.S-2" || at("carrier.T-7", ended-1) != "carrier.S-1" {
		t.Fatal("forgotten after a restart without a ledger")
	}
}

// Ensure a tracker's messages go to its next shipment once the last one, on which it was until the close, is closed.
func TestACloseEndsTheAssignments(t *testing.T) {
	l := testkit.NewLedger("CarrierMSP", nil)
	defer l.Close()
	consignee := l.As("ConsigneeMSP")
	enrol(t, l, "carrier.T-1")
	create(t, l, "carrier.S-1")
	create(t, l, "carrier.S-2")
	submit(t, l, ledger.ShipmentAssign, ledger.AssignArgs{Shipment: "carrier.S-1", Tracker: "carrier.T-1"})
	r, db := open(t, t.TempDir(), l)
	defer db.Close()
	defer run(t, r)()
	testkit.WaitFor(t, 10*time.Second, "the ledger is read", func() bool { return r.Ready(t.Context()) == nil })
	submit(t, l, ledger.ShipmentPropose, ledger.ProposeArgs{ID: "carrier.S-1", To: "ConsigneeMSP"})
	submit(t, consignee, ledger.ShipmentAccept, ledger.StatedArgs{ID: "carrier.S-1"})
	submit(t, consignee, ledger.ShipmentDeliver, ledger.StatedArgs{ID: "carrier.S-1"})
	submit(t, l, ledger.ShipmentClose, ledger.IDArgs{ID: "carrier.S-1"})
	submit(t, l, ledger.ShipmentAssign, ledger.AssignArgs{Shipment: "carrier.S-2", Tracker: "carrier.T-1"})
	s, err := ledger.ShipmentGet.Ask(t.Context(), l, ledger.IDArgs{ID: "carrier.S-2"})
	if err != nil {
		t.Fatal(err)
	}
	var tr *Tracker
	testkit.WaitFor(t, 10*time.Second, "the second assignment arrives", func() bool {
		tr = r.find(t.Context(), "carrier.T-1")
		return slices.ContainsFunc(tr.Windows, func(w Window) bool { return w.Shipment == "carrier.S-2" })
	})
	if w := tr.At(s.Assignments[0].FromMS); w == nil || w.Shipment != "carrier.S-2" {
		t.Fatalf("a message of now goes to %+v, want S-2: S-1 is closed", w)
	}
}

// Ensure a shipment that our organisation declined is forgotten, and its trackers' messages are no more of it.
func TestADeclinedShipmentIsForgotten(t *testing.T) {
	l := testkit.NewLedger("ShipperMSP", nil)
	defer l.Close()
	carrier := l.As("CarrierMSP")
	enrol(t, carrier, "carrier.T-1")
	create(t, carrier, "carrier.S-1")
	submit(t, carrier, ledger.ShipmentAssign, ledger.AssignArgs{Shipment: "carrier.S-1", Tracker: "carrier.T-1"})
	r, db := open(t, t.TempDir(), l)
	defer db.Close()
	defer run(t, r)()
	testkit.WaitFor(t, 10*time.Second, "the shipment arrives", func() bool {
		_, known := r.Shipment("carrier.S-1")
		return known
	})
	if found, err := db.Has(journal.AssignedKey("carrier.T-1", "carrier.S-1")); err != nil || !found {
		t.Fatalf("its tracker's window: %t, %v; want it in the journal", found, err)
	}
	submit(t, l, ledger.ShipmentDecline, ledger.IDArgs{ID: "carrier.S-1"})
	testkit.WaitFor(t, 10*time.Second, "the shipment is gone", func() bool {
		_, known := r.Shipment("carrier.S-1")
		return !known
	})
	found, err := db.Has(journal.AssignedKey("carrier.T-1", "carrier.S-1"))
	if _, shipments := r.Size(); err != nil || found || shipments != 0 || len(r.Live()) != 0 {
		t.Errorf("%d shipments, %d live, its tracker's window %t, %v; want none", shipments, len(r.Live()), found, err)
	}
}

// Ensure a leaked secret ends the connections that it opened, and that nothing else does.
func TestAReplacedSecretShutsTheTrackerOut(t *testing.T) {
	l := testkit.NewLedger("CarrierMSP", nil)
	defer l.Close()
	hash := func(c string) string { return strings.Repeat(c, 64) }
	submit(t, l, ledger.TrackerEnrol, ledger.EnrolArgs{ID: "carrier.P-1", SecretHash: hash("a")})
	r, db := open(t, t.TempDir(), l)
	defer db.Close()
	shut := make(chan string, 10)
	r.cfg.OnRevoked = func(tracker string) { shut <- tracker }
	defer run(t, r)()
	testkit.WaitFor(t, 10*time.Second, "the ledger is read", func() bool { return r.Ready(t.Context()) == nil })
	submit(t, l, ledger.TrackerCalibrate, ledger.CalibrateArgs{ID: "carrier.P-1", Ref: "c", Hash: hash("c"), ValidFromMS: 1, ValidToMS: 2})
	submit(t, l, ledger.TrackerRotate, ledger.RotateArgs{ID: "carrier.P-1", SecretHash: hash("b")})
	submit(t, l, ledger.TrackerRevoke, ledger.RevokeArgs{ID: "carrier.P-1", Cause: "lost"})
	for _, why := range []string{"its secret was replaced", "it was revoked"} {
		select {
		case tracker := <-shut:
			if tracker != "carrier.P-1" {
				t.Fatalf("%s was shut out, want P-1: %s", tracker, why)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("not shut out although %s", why)
		}
	}
	if tr := r.find(t.Context(), "carrier.P-1"); tr == nil || tr.SecretHash != hash("b") || len(shut) > 0 {
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
	enrol(t, l, "carrier.T-1")
	if _, ok := r.Tracker(t.Context(), "carrier.T-1"); !ok {
		t.Fatal("a tracker that was just enrolled is not found")
	}
	for i := range 1000 {
		r.Tracker(t.Context(), "carrier.T-x")
		r.Tracker(t.Context(), fmt.Sprintf("carrier.T-%d", 1000+i))
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

// odd delivers events of any shape before the ledger's own.
type odd struct {
	*testkit.Ledger
	events []ledger.Event
}

func (o odd) Events(ctx context.Context, from uint64, handle func(ledger.Event) error, atHead func(uint64)) error {
	for _, e := range o.events {
		if err := handle(e); err != nil {
			return err
		}
	}
	return o.Ledger.Events(ctx, from, handle, atHead)
}

// Two organisations can endorse an event of any shape. None of them may keep the others from being followed.
func TestEventOfAnotherShape(t *testing.T) {
	l := testkit.NewLedger("CarrierMSP", nil)
	defer l.Close()
	var events []ledger.Event
	for _, name := range []string{ledger.EventTracker, ledger.EventShipment, ledger.EventClosed} {
		for _, payload := range []string{`[1]`, `"carrier.T-1"`, `7`, `{`, ``, `null`, `{}`, `{"id":7}`, `{"id":["carrier.T-1"]}`, `{"id":"a\u0000b","shipment":"../x"}`, `{"id":"carrier.T-1","shipment":"S","keys":"none","state":1,"time_ms":"x"}`} {
			events = append(events, ledger.Event{Name: name, TxID: "odd", Payload: []byte(payload)})
		}
	}
	r, db := open(t, t.TempDir(), odd{l, events})
	defer db.Close()
	stop := run(t, r)
	defer stop()
	testkit.WaitFor(t, 60*time.Second, "the ledger is read", func() bool { return r.Ready(t.Context()) == nil })
	enrol(t, l, "carrier.T-1")
	testkit.WaitFor(t, 60*time.Second, "a tracker's event comes through", func() bool {
		trackers, _ := r.Size()
		return r.find(t.Context(), "carrier.T-1") != nil && trackers > 0
	})
	if n := r.Skipped(); n != uint64(len(events)) {
		t.Errorf("%d events are counted as passed over, expected %d", n, len(events))
	}
	if trackers, shipments := r.Size(); trackers != 1 || shipments != 0 {
		t.Errorf("%d trackers and %d shipments are known, expected 1 and 0", trackers, shipments)
	}
}

// What is closed, and who does not speak, is not in memory, and is what it was when it is needed.
func TestClosedAndIdleLeaveMemory(t *testing.T) {
	l := testkit.NewLedger("CarrierMSP", nil)
	defer l.Close()
	dir := t.TempDir()
	r, db := open(t, dir, l)
	const n = 500
	var trackers []ledger.Tracker
	var shipments []ledger.Shipment
	for i := range n {
		trackers = append(trackers, ledger.Tracker{ID: fmt.Sprintf("carrier.T-%d", i), EnrolTx: fmt.Sprintf("enrolled-%d", i)})
		shipments = append(shipments, ledger.Shipment{
			ID: fmt.Sprintf("carrier.S-%d", i), CreateTx: fmt.Sprintf("created-%d", i), State: ledger.InTransit, Parties: ledger.Parties{"carrier": {"CarrierMSP"}},
			Assignments: []ledger.Assignment{{Tracker: fmt.Sprintf("carrier.T-%d", i), FromMS: 100, ToMS: 200}, {Tracker: fmt.Sprintf("carrier.T-%d", i), FromMS: 300}, {Tracker: "carrier.T-all", FromMS: int64(i), ToMS: int64(i + 1)}},
		})
	}
	trackers = append(trackers, ledger.Tracker{ID: "carrier.T-all", EnrolTx: "all"})
	check := func(when string) {
		t.Helper()
		for i := range n {
			id := fmt.Sprintf("carrier.T-%d", i)
			tr := r.find(t.Context(), id)
			if tr == nil || tr.EnrolTx != fmt.Sprintf("enrolled-%d", i) || tr.At(99) != nil || tr.At(250) != nil || tr.At(150) == nil || tr.At(1<<50) == nil ||
				*tr.At(150) != (Window{fmt.Sprintf("carrier.S-%d", i), fmt.Sprintf("created-%d", i), 100, 200}) {
				t.Fatalf("%s: %s is %+v", when, id, tr)
			}
			if w := r.find(t.Context(), "carrier.T-all").At(int64(i)); w == nil || w.Shipment != fmt.Sprintf("carrier.S-%d", i) {
				t.Fatalf("%s: T-all is on %+v at %d", when, w, i)
			}
		}
	}
	if err := r.store(trackers, shipments); err != nil {
		t.Fatal(err)
	}
	if got := r.trackers.Len(); got != 0 {
		t.Errorf("%d trackers are in memory before anybody spoke", got)
	}
	check("live")
	for i := range n - 1 {
		if err := r.close(ledger.Close{Shipment: fmt.Sprintf("carrier.S-%d", i), TimeMS: 1 << 51}); err != nil {
			t.Fatal(err)
		}
	}
	check("closed")
	restart := func() {
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		r, db = open(t, dir, l)
	}
	restart()
	defer func() { db.Close() }()
	check("restarted")
	if live := r.Live(); len(live) != 1 || live[0].ID != "carrier.S-499" || len(r.live) != 1 {
		t.Errorf("%d shipments are in memory, expected the one that is live", len(live))
	}
	if s, ok := r.Shipment("carrier.S-3"); !ok || s.State != ledger.Closed || s.ClosedMS != 1<<51 || len(s.Assignments) != 3 {
		t.Errorf("a closed shipment is %+v, %v", s, ok)
	}
	if trackers, shipments := r.Size(); trackers != n+1 || shipments != n {
		t.Errorf("%d trackers, %d shipments are known", trackers, shipments)
	}
	// A change is seen at once by who was in memory.
	s, _ := r.Shipment("carrier.S-7")
	changed := *s
	changed.Assignments = changed.Assignments[:1]
	if err := r.store([]ledger.Tracker{{ID: "carrier.T-7", RevokedMS: 1}}, []ledger.Shipment{changed}); err != nil {
		t.Fatal(err)
	}
	if tr := r.find(t.Context(), "carrier.T-7"); !tr.Revoked || tr.At(1<<50) != nil || tr.At(150) == nil || r.find(t.Context(), "carrier.T-all").At(7) != nil {
		t.Errorf("after a change: %+v", tr)
	}
}

// A tracker that is read from the journal while its record changes must not stay what it was.
func TestReadWhileItChanges(t *testing.T) {
	l := testkit.NewLedger("CarrierMSP", nil)
	defer l.Close()
	r, db := open(t, t.TempDir(), l)
	defer db.Close()
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					r.find(t.Context(), "carrier.T-1")
				}
			}
		})
	}
	for i := range 200 {
		tx := fmt.Sprint(i)
		if err := r.store([]ledger.Tracker{{ID: "carrier.T-1", EnrolTx: tx}}, nil); err != nil {
			t.Fatal(err)
		}
		if tr := r.find(t.Context(), "carrier.T-1"); tr == nil || tr.EnrolTx != tx {
			t.Fatalf("after change %d the tracker is %+v", i, tr)
		}
	}
	close(stop)
	wg.Wait()
}

// Ensure 100,000 assigned trackers fit into memory, also when all of them speak (1 GB for the whole process).
func TestManyTrackersAreSmall(t *testing.T) {
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
	n := 100_000
	if testkit.Race { // it looks thirty times as long at so many, and sees nothing else in them
		n = 5_000
	}
	key := make([]byte, 32)
	for i := 0; i < n; {
		var trackers []ledger.Tracker
		var shipments []ledger.Shipment
		for ; len(trackers) < 1000; i++ {
			key[0], key[1], key[2] = byte(i), byte(i>>8), byte(i>>16)
			id := fmt.Sprintf("TRACKER-%06d", i)
			trackers = append(trackers, ledger.Tracker{ID: id, EnrolTx: hex.EncodeToString(make([]byte, 32)), Alg: -19, Keys: []ledger.TrackerKey{{Alg: -19, Public: hex.EncodeToString(key)}}})
			if i%10 == 0 {
				shipments = append(shipments, ledger.Shipment{ID: fmt.Sprintf("SHIPMENT-%06d", i/10), CreateTx: hex.EncodeToString(make([]byte, 32)), RuleSet: "general-2-8@1",
					Parties: ledger.Parties{"carrier": {"CarrierMSP"}}})
			}
			s := &shipments[len(shipments)-1]
			s.Assignments = append(s.Assignments, ledger.Assignment{Tracker: id, FromMS: 1, AssignTx: hex.EncodeToString(make([]byte, 32))})
		}
		if err := r.store(trackers, shipments); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		if tr := r.find(t.Context(), fmt.Sprintf("TRACKER-%06d", i)); tr == nil || tr.At(2) == nil {
			t.Fatalf("tracker %d is %+v", i, tr)
		}
	}
	if got := r.trackers.Len(); got > 2*keep {
		t.Fatalf("%d trackers are in memory, at most %d may be", got, 2*keep)
	}
	used := heap() - before
	t.Logf("%d MB, %d bytes a tracker, with the journal's buffers", used>>20, used/uint64(n))
	if used > 256<<20 {
		t.Fatalf("%d MB", used>>20)
	}
	runtime.KeepAlive(r)
}
