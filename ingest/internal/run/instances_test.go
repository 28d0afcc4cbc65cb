package run

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/testkit"
)

// twoInstances share a ledger and a store; T-1 publishes to A and T-2 to B.
type twoInstances struct {
	t              *testing.T
	ledger         *testkit.Ledger
	a, b           *running
	sourceA        *memorySource
	sourceB        *memorySource
	cool, warm     *device
	database       Database
	configA, confB Config
}

func startTwo(t *testing.T, judgeB time.Duration) *twoInstances {
	t.Helper()
	w := &twoInstances{t: t, ledger: testkit.NewLedger("CarrierMSP", nil), sourceA: newSource(), sourceB: newSource()}
	t.Cleanup(w.ledger.Close)
	w.database = openInflux(t, testkit.StartInfluxd(t))
	base := time.Date(2019, 7, 17, 6, 0, 0, 0, time.UTC).UnixMilli()
	w.cool, w.warm = newDevice("carrier.T-1", base), newDevice("carrier.T-2", base)
	enrol(t, w.ledger, w.cool)
	enrol(t, w.ledger, w.warm)
	createShipment(t, w.ledger, "carrier.S-1")
	assign(t, w.ledger, "carrier.S-1", "carrier.T-1", base)
	assign(t, w.ledger, "carrier.S-1", "carrier.T-2", base)
	w.configA = Config{ID: "carrier.ingest-a", Dir: t.TempDir(), Source: w.sourceA, Database: w.database, Ledger: w.ledger}
	w.confB = Config{ID: "carrier.ingest-b", Dir: t.TempDir(), Source: w.sourceB, Database: w.database, Ledger: w.ledger, JudgeEvery: judgeB}
	w.a, w.b = start(t, w.configA), start(t, w.confB)
	for _, p := range []*running{w.a, w.b} {
		testkit.WaitFor(t, 10*time.Second, "the ledger is read", func() bool { return p.registry.Ready(t.Context()) == nil })
	}
	return w
}

func (w *twoInstances) send(src *memorySource, d *device, n int, temperature float64) {
	w.t.Helper()
	for range n {
		src.send(up(d.id), d.message(w.t, temperature))
	}
}

func (w *twoInstances) verdicts() []ledger.Verdict {
	w.t.Helper()
	all, err := ledger.ComplianceVerdicts.All(context.Background(), w.ledger, "carrier.S-1", 1000)
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

func (w *twoInstances) excursions() []ledger.Excursion {
	w.t.Helper()
	all, err := ledger.ComplianceList.All(context.Background(), w.ledger, "carrier.S-1", 1000)
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

// wantLogs are the logs of both instances with so many leaves.
func (w *twoInstances) wantLogs(a, b uint64) []ledger.LogHead {
	w.t.Helper()
	var out []ledger.LogHead
	for _, x := range []struct {
		p    *running
		size uint64
	}{{w.a, a}, {w.b, b}} {
		logs, err := x.p.seq.Logs(anchor.Shipment, "carrier.S-1")
		if err != nil || len(logs) != 1 || logs[0].Size != x.size {
			w.t.Fatalf("logs of %s: %+v, %v; want one with %d leaves", x.p.cfg.ID, logs, err, x.size)
		}
		out = append(out, ledger.LogHead{Log: logs[0].Log, Size: logs[0].Size, Root: logs[0].Root})
	}
	ledger.SortLogs(out)
	return out
}

// TestTwoInstancesOneVerdict: two instances have a tracker each of one shipment. Whoever judges, judges over both logs: what one
// tracker's instance found is not taken back by the other's, and nobody says that a tracker was silent which another one hears.
func TestTwoInstancesOneVerdict(t *testing.T) {
	w := startTwo(t, 0)
	w.send(w.sourceB, w.warm, 30, 30)
	w.b.settle(w.sourceB)
	testkit.WaitFor(t, 10*time.Second, "the breach is on the ledger", func() bool {
		v := w.verdicts()
		return len(v) > 0 && v[len(v)-1].Result == ledger.NonCompliant
	})
	w.send(w.sourceA, w.cool, 30, 5)
	w.a.settle(w.sourceA)
	w.b.settle(w.sourceB)
	for _, v := range w.verdicts()[1:] {
		if v.Result != ledger.NonCompliant || slices.ContainsFunc(v.Reasons, func(r string) bool { return strings.Contains(r, "T-2 never reported") }) {
			t.Errorf("revision %d says %s %q of logs %+v, want non_compliant for T-2's 30 °C", v.Revision, v.Result, v.Reasons, v.Logs)
		}
	}

	// Both seal at once, as the API does: the last verdict is of all leaves of both.
	submit(t, w.ledger, ledger.ShipmentPropose, ledger.ProposeArgs{ID: "carrier.S-1", To: "ConsigneeMSP"})
	submit(t, w.ledger.As("ConsigneeMSP"), ledger.ShipmentAccept, ledger.IDArgs{ID: "carrier.S-1"})
	submit(t, w.ledger.As("ConsigneeMSP"), ledger.ShipmentDeliver, ledger.IDArgs{ID: "carrier.S-1"})
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	done := make(chan error, 2)
	for _, p := range []*running{w.a, w.b} {
		go func() {
			r, err := p.Seal(ctx, "carrier.S-1", "CarrierMSP")
			if err == nil && !r.Anchored {
				err = context.DeadlineExceeded
			}
			done <- err
		}()
	}
	for range 2 {
		if err := <-done; err != nil {
			t.Fatalf("seal: %v", err)
		}
	}
	all := w.verdicts()
	if last, want := all[len(all)-1], w.wantLogs(30, 30); !slices.Equal(last.Logs, want) || last.Result != ledger.NonCompliant {
		t.Errorf("the last verdict, %d, is %s of %+v; want non_compliant of %+v", last.Revision, last.Result, last.Logs, want)
	}
	ids := map[string]bool{}
	for _, e := range w.excursions() {
		ids[e.ID] = true
		if e.CloseTx == "" {
			t.Errorf("excursion %s is open after the last judgement", e.ID)
		}
		if !e.Verified && e.EndMS == e.StartMS {
			t.Errorf("excursion %s was taken back", e.ID)
		}
	}
	if len(ids) == 0 {
		t.Error("no excursion on the ledger, want T-2's")
	}
}

// TestTheOtherJudgeFinds: an instance stored and anchored a breach and died before it judged. The other one hears of it by the
// anchor, and records it; when the dead one comes back it finds everything done.
func TestTheOtherJudgeFinds(t *testing.T) {
	w := startTwo(t, time.Hour)
	w.send(w.sourceA, w.cool, 5, 5)
	w.a.settle(w.sourceA)
	w.send(w.sourceB, w.warm, 30, 30)
	testkit.WaitFor(t, 60*time.Second, "B has stored and anchored", func() bool {
		st := w.b.Status(t.Context())
		return w.sourceB.open() == 0 && st.PendingStore == 0 && st.PendingLog == 0 && st.Anchored == 30
	})
	w.b.stop()
	testkit.WaitFor(t, 60*time.Second, "A records what B never judged", func() bool {
		v := w.verdicts()
		return len(v) > 0 && v[len(v)-1].Result == ledger.NonCompliant && len(v[len(v)-1].Logs) == 2
	})
	w.a.settle(w.sourceA)
	before, records := len(w.verdicts()), len(w.excursions())
	again := w.confB
	again.JudgeEvery = 0
	w.b = start(t, again)
	testkit.WaitFor(t, 10*time.Second, "the ledger is read", func() bool { return w.b.registry.Ready(t.Context()) == nil })
	w.b.settle(w.sourceB)
	if v, e := len(w.verdicts()), len(w.excursions()); v != before || e != records {
		t.Errorf("after B came back: %d verdicts and %d excursions, want %d and %d as before", v, e, before, records)
	}
}

// TestAJudgeDiesBetweenTwoRecords: the ledger took the excursion, then the process died. Whichever judge comes next writes the
// rest, once.
func TestAJudgeDiesBetweenTwoRecords(t *testing.T) {
	w := startTwo(t, 0)
	var broken atomic.Bool
	broken.Store(true)
	w.ledger.Before(func(_ context.Context, _, fn string) error {
		if fn == ledger.ComplianceRevise.Name() && broken.Load() {
			return &ledger.StageError{Stage: ledger.StageEndorse, Err: ledger.ErrUnavailable}
		}
		return nil
	})
	w.send(w.sourceB, w.warm, 30, 30)
	testkit.WaitFor(t, 60*time.Second, "the excursion is on the ledger", func() bool { return len(w.excursions()) > 0 && w.b.Status(t.Context()).PendingLog == 0 })
	w.b.stop()
	if v := w.verdicts(); len(v) != 0 {
		t.Fatalf("%d verdicts before B died, want none", len(v))
	}
	broken.Store(false)
	testkit.WaitFor(t, 60*time.Second, "A writes the verdict", func() bool { return len(w.verdicts()) > 0 })
	w.a.settle(w.sourceA)
	if v := w.verdicts(); len(v) != 1 || v[0].Result != ledger.NonCompliant {
		t.Errorf("verdicts %+v, want one that is non_compliant", v)
	}
	seen := map[string]int{}
	for _, e := range w.excursions() {
		if seen[e.ID]++; seen[e.ID] > 1 {
			t.Errorf("excursion %s is recorded twice", e.ID)
		}
	}
}
