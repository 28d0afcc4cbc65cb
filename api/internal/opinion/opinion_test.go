package opinion

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/trackseal/trackseal/api/internal/fakestore"
	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/evidence/evidencetest"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	shipment = "carrier.s1"
	rules    = `{"schema":"trackseal-rule-set/1","id":"carrier.cold","version":1,"title":"Cold","max_gap_s":900,"rules":[{"id":"warm","severity":"major","limit":{"metric":"temperature","op":">","value":"8","mode":"instant"}}]}`
)

// world is an operator's shipment, and the consignee's node with its copy.
type world struct {
	t       *testing.T
	skipMS  atomic.Int64
	ledger  *testkit.Ledger // as the carrier
	ingest  *fakestore.Ingest
	tracker *evidencetest.Tracker
	own     *fakestore.Store // the consignee's copy
	node    *Opinions
	stop    func()
}

func (w *world) now() time.Time {
	return time.Now().Add(time.Duration(w.skipMS.Load()) * time.Millisecond)
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, own: new(fakestore.Store), tracker: evidencetest.NewTracker("carrier.t-1", telemetry.Ed25519)}
	w.ledger = testkit.NewLedger("CarrierMSP", w.now)
	key := evidencetest.KeyOf(w.tracker.Signer, 0, "")
	proof, err := telemetry.Sign(w.tracker.Signer, ledger.PossessionBytes(w.tracker.ID, "CarrierMSP", key.Alg, key.Public))
	if err != nil {
		t.Fatal(err)
	}
	rs, err := compliance.Parse([]byte(rules))
	if err != nil {
		t.Fatal(err)
	}
	w.submit("Carrier", ledger.TrackerEnrol, ledger.EnrolArgs{ID: w.tracker.ID, Alg: key.Alg, Public: key.Public, Proof: hex.EncodeToString(proof)}, nil)
	w.submit("Carrier", ledger.RuleSetPublish, ledger.PublishArgs{Rules: rs.Canonical()}, nil)
	w.submit("Carrier", ledger.ShipmentCreate, ledger.CreateArgs{ID: shipment, Parties: ledger.Parties{"carrier": {"CarrierMSP"}, "consignee": {"ConsigneeMSP"}, "shipper": {"ShipperMSP"}}, RuleSet: rs.Ref(), RuleSetHash: rs.Hash()}, nil)
	var s ledger.Shipment
	w.submit("Carrier", ledger.ShipmentAssign, ledger.AssignArgs{Shipment: shipment, Tracker: w.tracker.ID}, &s)
	w.ingest = &fakestore.Ingest{Name: "carrier.ingest-1", Store: new(fakestore.Store), Ledger: w.ledger, Shipment: s, NowMS: func() int64 { return w.now().UnixMilli() }}
	return w
}

func (w *world) submit(org string, fn ledger.Function, arg, into any) {
	w.t.Helper()
	r, err := w.ledger.As(org+"MSP").Submit(w.t.Context(), fn.Name(), arg)
	if err != nil {
		w.t.Fatalf("%s: %v", fn.Name(), err)
	}
	if into != nil {
		if err := json.Unmarshal(r.Payload, into); err != nil {
			w.t.Fatal(err)
		}
	}
}

// start runs the node of an organisation.
func (w *world) start(msp string) {
	w.node = New(Config{Channel: ledger.Channel, Ledger: w.ledger.As(msp), Store: w.own, Log: slog.New(slog.DiscardHandler), Now: w.now, Every: 10 * time.Millisecond})
	ctx, cancel := context.WithCancel(w.t.Context())
	var wg sync.WaitGroup
	node := w.node
	wg.Go(func() { _ = node.Run(ctx) })
	w.stop = sync.OnceFunc(func() { cancel(); wg.Wait() })
	w.t.Cleanup(w.stop)
}

// log has the tracker measure some times, and the ledger take an anchor of it.
func (w *world) log(celsius ...float64) {
	w.t.Helper()
	for _, c := range celsius {
		w.skipMS.Add(1000)
		w.tracker.Temperature = func(int64) float64 { return c }
		if err := w.ingest.Signed(w.tracker.Message(w.now().UnixMilli(), nil)); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := w.ingest.Anchor(w.t.Context(), false); err != nil {
		w.t.Fatal(err)
	}
}

// copy is what the replica does: the messages, then the word that they are here.
func (w *world) copy(to uint64) {
	w.t.Helper()
	b := w.own.NewBatch()
	var tree int
	err := w.ingest.Store.Messages(w.t.Context(), w.ingest.LogID(), 0, to, func(m stored.Message) error {
		b.Message(&m)
		tree++
		return nil
	})
	if err == nil {
		err = b.Write(w.t.Context())
	}
	if err != nil {
		w.t.Fatal(err)
	}
	w.node.Copied(shipment, ledger.LogHead{Log: w.ingest.LogID(), Size: uint64(tree)})
}

func (w *world) head() ledger.LogHead {
	size, root := w.ingest.Size()
	return ledger.LogHead{Log: w.ingest.LogID(), Size: size, Root: root}
}

// verdicts of an organisation, oldest first.
func (w *world) verdicts(msp string) (of []ledger.Verdict) {
	w.t.Helper()
	all, err := ledger.ComplianceVerdicts.All(w.t.Context(), w.ledger, shipment, 1000)
	if err != nil {
		w.t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(v ledger.Verdict) bool { return v.By != msp })
}

func (w *world) wait(what string, holds func() bool) {
	w.t.Helper()
	testkit.WaitFor(w.t, 10*time.Second, what, holds)
}

// judged waits until the node has nothing to do.
func (w *world) judged() {
	w.t.Helper()
	w.wait("everything is judged", func() bool { return w.node.judge.Depth() == 0 })
}

// revision waits for the consignee's verdict of this number.
func (w *world) revision(n int) ledger.Verdict {
	w.t.Helper()
	w.wait("a verdict", func() bool { return len(w.verdicts("ConsigneeMSP")) >= n })
	w.judged()
	v := w.verdicts("ConsigneeMSP")
	if len(v) != n {
		w.t.Fatalf("%d verdicts of the consignee, want %d: %+v", len(v), n, v)
	}
	return v[n-1]
}

// deliver hands the goods over and has the consignee declare the delivery.
func (w *world) deliver() {
	w.t.Helper()
	w.skipMS.Add(1000) // after what was measured
	w.submit("Carrier", ledger.ShipmentPropose, ledger.ProposeArgs{ID: shipment, To: "ConsigneeMSP"}, nil)
	w.submit("Consignee", ledger.ShipmentAccept, ledger.StatedArgs{ID: shipment}, nil)
	w.submit("Consignee", ledger.ShipmentDeliver, ledger.StatedArgs{ID: shipment}, nil)
}

func (w *world) seal() {
	w.t.Helper()
	if err := w.ingest.Seal(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// TestAPartyJudgesItsCopy: the operator's ingest records nothing at all, and the party has an opinion all the same: one revision for what
// changes, none for what does not, and a last one that is of all that was sealed.
func TestAPartyJudgesItsCopy(t *testing.T) {
	w := newWorld(t)
	w.start("ConsigneeMSP")
	w.log(4, 5, 6)
	w.copy(0)
	if v := w.revision(1); v.Result != ledger.Compliant || !slices.Equal(v.Logs, []ledger.LogHead{w.head()}) {
		t.Errorf("first opinion %s of %+v, want compliant of %+v", v.Result, v.Logs, w.head())
	}
	w.log(5, 5)
	w.copy(0)
	w.judged()
	w.revision(1) // nothing else to say
	w.log(9)
	w.copy(0)
	if v := w.revision(2); v.Result != ledger.NonCompliant {
		t.Errorf("after 9 °C the opinion is %s, want non_compliant", v.Result)
	}
	w.deliver()
	w.log(4, 4) // on its way until the logs are sealed
	w.seal()
	w.judged0()
	w.copy(0)
	last := w.revision(3)
	if last.Result != ledger.NonCompliant || !slices.Equal(last.Logs, []ledger.LogHead{w.head()}) {
		t.Errorf("last opinion %s of %+v, want non_compliant of %+v", last.Result, last.Logs, w.head())
	}
	w.submit("Carrier", ledger.ShipmentClose, ledger.IDArgs{ID: shipment}, nil)
	w.wait("the closed shipment is let go", func() bool { return len(w.node.Live()) == 0 })
	w.revision(3)
	if w.node.judge.Refused() != 0 {
		t.Errorf("%d records refused, want none", w.node.judge.Refused())
	}
}

// judged0 waits until the shipment waits for its copy.
func (w *world) judged0() {
	w.t.Helper()
	w.wait("it waits for the copy", func() bool { return w.node.judge.Waiting() == 1 })
}

// TestTheCopyLacks: the operator's verdict names leaves that are not here. The opinion waits for them; when they do not come it is of what is
// here, and says so.
func TestTheCopyLacks(t *testing.T) {
	w := newWorld(t)
	w.start("ConsigneeMSP")
	w.log(4, 5)
	w.wait("the instance is known", func() bool { w.node.mu.Lock(); defer w.node.mu.Unlock(); return len(w.node.own) == 1 })
	w.log(6, 7)
	w.submit("Carrier", ledger.ComplianceRevise, ledger.Verdict{Shipment: shipment, Revision: 1, Result: ledger.Compliant, Reasons: []string{}, ToMS: 1, Logs: []ledger.LogHead{w.head()}, RuleHash: w.ingest.Shipment.RuleSetHash}, nil)
	w.copy(2)
	w.judged0()
	if v := w.verdicts("ConsigneeMSP"); len(v) != 0 {
		t.Fatalf("an opinion from less than the ledger names: %+v", v)
	}
	w.skipMS.Add(bideMS + 60_000)
	w.wait("an opinion of what is here", func() bool { return len(w.verdicts("ConsigneeMSP")) == 1 })
	if v := w.verdicts("ConsigneeMSP")[0]; v.Logs[0].Size != 2 || v.Logs[0].Root == w.head().Root {
		t.Errorf("it is of %+v, want the first two leaves", v.Logs)
	}
	w.copy(0)
	w.judged()
	if n := w.node.judge.Waiting(); n != 0 {
		t.Errorf("%d shipments wait, want none", n)
	}
}

const bideMS = 20_000

// TestNodeThatWasAway comes back after the closing, and its opinion is of all logs.
func TestNodeThatWasAway(t *testing.T) {
	w := newWorld(t)
	w.start("ConsigneeMSP")
	w.log(4, 5)
	w.copy(0)
	w.revision(1)
	w.stop()
	w.log(9)
	w.deliver()
	w.seal()
	w.submit("Carrier", ledger.ShipmentClose, ledger.IDArgs{ID: shipment}, nil)
	w.start("ConsigneeMSP")
	w.judged0()
	w.copy(0)
	if v := w.revision(2); v.Result != ledger.NonCompliant || !slices.Equal(v.Logs, []ledger.LogHead{w.head()}) {
		t.Errorf("the opinion is %s of %+v, want non_compliant of %+v", v.Result, v.Logs, w.head())
	}
	w.wait("the closed shipment is let go", func() bool { return len(w.node.Live()) == 0 })
	w.stop()
	reads := w.ledger.Count(ledger.ComplianceRevise)
	w.start("ConsigneeMSP")
	w.wait("nothing is left to do", func() bool { return len(w.node.Live()) == 0 && w.node.judge.Depth() == 0 && w.node.listed.Load() })
	if n := w.ledger.Count(ledger.ComplianceRevise); n != reads {
		t.Errorf("%d revisions after a restart, want %d", n, reads)
	}
}

// TestClosedBeforeTheCopyCame: a short trip is over on the ledger before its first leaf is here. It is judged when that comes.
func TestClosedBeforeTheCopyCame(t *testing.T) {
	w := newWorld(t)
	w.start("ConsigneeMSP")
	w.log(4, 9)
	w.deliver()
	w.seal()
	w.submit("Carrier", ledger.ShipmentClose, ledger.IDArgs{ID: shipment}, nil)
	w.judged0()
	w.copy(0)
	if v := w.revision(1); v.Result != ledger.NonCompliant || !slices.Equal(v.Logs, []ledger.LogHead{w.head()}) {
		t.Errorf("the opinion is %s of %+v, want non_compliant of %+v", v.Result, v.Logs, w.head())
	}
	w.wait("the closed shipment is let go", func() bool { return len(w.node.Live()) == 0 })
}

// TestOthersShipments are not judged.
func TestOthersShipments(t *testing.T) {
	w := newWorld(t)
	w.start("AuditorMSP")
	w.log(4, 5)
	w.wait("the ledger is listed", func() bool { return w.node.listed.Load() })
	w.copy(0)
	w.judged()
	if n := len(w.node.Live()); n != 0 || w.node.judge.Depth() != 0 {
		t.Errorf("%d shipments of others are kept, want none", n)
	}
	if v := w.verdicts("AuditorMSP"); len(v) != 0 {
		t.Errorf("an opinion of who is no party: %+v", v)
	}
}

// TestOddEvents: two organisations can endorse any event. None makes the node forget a shipment or judge by a record that is not the ledger's.
func TestOddEvents(t *testing.T) {
	w := newWorld(t)
	w.start("ConsigneeMSP")
	w.wait("the ledger is listed", func() bool { return w.node.listed.Load() })
	real, ok := w.node.Shipment(shipment)
	if !ok {
		t.Fatal("the own shipment is not kept")
	}
	w.stop()
	foreign := *real
	foreign.Parties = ledger.Parties{"carrier": {"CarrierMSP"}}
	for _, e := range []ledger.Event{
		{Name: ledger.EventShipment, Payload: must(json.Marshal(foreign))}, {Name: ledger.EventShipment, Payload: []byte("no JSON")}, {Name: ledger.EventShipment, Payload: []byte(`{"parties":{"carrier":["ConsigneeMSP"]}}`)},
		{Name: ledger.EventClosed, Payload: []byte(`{"shipment":"carrier.s1"}`)}, {Name: ledger.EventAnchor, Payload: []byte(`{"ingest":"carrier.nobody"}`)},
		{Name: ledger.EventVerdict, Payload: []byte(`{"shipment":"carrier.s1","by":"ShipperMSP","logs":[{"log":"` + strings.Repeat("ab", 32) + `","size":9}]}`)},
	} {
		if err := w.node.take(t.Context(), e); err != nil {
			t.Errorf("%s %s: %v", e.Name, e.Payload, err)
		}
	}
	if s, ok := w.node.Shipment(shipment); !ok || s.State != real.State || !s.IsParty("ConsigneeMSP") {
		t.Errorf("the record is %+v, want the ledger's", s)
	}
	if w.node.met["carrier.nobody"] {
		t.Error("an instance that the ledger does not know is met")
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
