package run

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trackseal/trackseal/ingest/internal/partition"
	"github.com/trackseal/trackseal/internal/influx"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/internal/testkit"
)

// sleeper is a ledger that cannot be reached while its instance sleeps.
type sleeper struct {
	*testkit.Ledger
	asleep atomic.Bool
}

func (s *sleeper) Submit(ctx context.Context, fn string, arg any) (ledger.Result, error) {
	if s.asleep.Load() {
		return ledger.Result{}, &ledger.StageError{Stage: ledger.StageEndorse, Err: ledger.ErrUnavailable}
	}
	return s.Ledger.Submit(ctx, fn, arg)
}

func (s *sleeper) Evaluate(ctx context.Context, fn string, arg any) ([]byte, error) {
	if s.asleep.Load() {
		return nil, &ledger.StageError{Stage: ledger.StageEndorse, Err: ledger.ErrUnavailable}
	}
	return s.Ledger.Evaluate(ctx, fn, arg)
}

// rivals are two instances of one operator that are configured with the same partitions.
type rivals struct {
	t        *testing.T
	ledger   *testkit.Ledger
	sleeper  *sleeper // A's
	database *influx.Client
	tracker  *device
	sourceA  *memorySource
	sourceB  *memorySource
	configA  Config
	configB  Config
	sent     [][]byte
}

func startRivals(t *testing.T) *rivals {
	t.Helper()
	w := &rivals{t: t, ledger: testkit.NewLedger("CarrierMSP", nil), sourceA: newSource(), sourceB: newSource()}
	t.Cleanup(w.ledger.Close)
	w.sleeper = &sleeper{Ledger: w.ledger}
	w.database = openInflux(t, testkit.StartInfluxd(t))
	base := time.Date(2019, 7, 17, 6, 0, 0, 0, time.UTC).UnixMilli()
	w.tracker = newDevice("carrier.T-1", base)
	enrol(t, w.ledger, w.tracker)
	createShipment(t, w.ledger, "carrier.S-1")
	assign(t, w.ledger, "carrier.S-1", "carrier.T-1", base)
	w.configA = Config{ID: "carrier.ingest-a", Dir: t.TempDir(), Source: w.sourceA, Database: w.database, Ledger: w.sleeper, Partitions: whole}
	w.configB = Config{ID: "carrier.ingest-b", Dir: t.TempDir(), Source: w.sourceB, Database: w.database, Ledger: w.ledger, Partitions: whole}
	return w
}

func (w *rivals) start(cfg Config) *running {
	w.t.Helper()
	p := start(w.t, cfg)
	testkit.WaitFor(w.t, 10*time.Second, "the ledger is read", func() bool { return p.registry.Ready(w.t.Context()) == nil })
	return p
}

func (w *rivals) send(to *memorySource, n int) {
	w.t.Helper()
	for range n {
		raw := w.tracker.message(w.t, 5)
		w.sent = append(w.sent, raw)
		to.send(up(w.tracker.id), raw)
	}
}

func (w *rivals) takeOver() {
	w.t.Helper()
	b := partition.New(partition.Config{Ledger: w.ledger, Ingest: w.configB.ID, Ranges: whole, Log: slog.New(slog.DiscardHandler)})
	if _, err := b.Claim(w.t.Context(), true); err != nil {
		w.t.Fatal(err)
	}
}

// anchored waits until an instance has brought all that it acknowledged to InfluxDB and to the ledger.
func (w *rivals) anchored(p *running, leaves uint64) {
	w.t.Helper()
	testkit.WaitFor(w.t, 60*time.Second, "all that was acknowledged is stored and anchored", func() bool {
		st := p.Status(w.t.Context())
		return st.PendingStore == 0 && st.PendingLog == 0 && st.Anchored == leaves
	})
}

// taken waits until an instance says that another one serves its partitions.
func (w *rivals) taken(p *running) {
	w.t.Helper()
	testkit.WaitFor(w.t, 30*time.Second, "it says who serves its partitions", func() bool {
		return strings.Contains(p.Status(w.t.Context()).Problems["logs"], "carrier.ingest-b serves 00-ff")
	})
}

// copies are how often each message that was sent is in the shipment's logs.
func (w *rivals) copies() []int {
	w.t.Helper()
	logs, err := w.database.Logs(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	count, seen := map[telemetry.Hash]int{}, map[string]bool{}
	for _, l := range logs {
		if seen[l.Log] {
			continue
		}
		seen[l.Log] = true
		for _, m := range messages(w.t, w.database, l.Log) {
			leaf, err := telemetry.DecodeLeaf(m.Entry)
			if err != nil {
				w.t.Fatal(err)
			}
			count[leaf.Hash]++
		}
	}
	out := make([]int, len(w.sent))
	for i, raw := range w.sent {
		m, err := telemetry.Decode(raw)
		if err != nil {
			w.t.Fatal(err)
		}
		out[i] = count[m.COSEHash]
	}
	return out
}

// An instance that was given another's partitions by mistake does not start, and says who has them. The other one does not notice.
func TestTwoInstancesWithOneRange(t *testing.T) {
	w := startRivals(t)
	a := w.start(w.configA)
	w.send(w.sourceA, 5)
	a.settle(w.sourceA)
	cfg := w.configB
	cfg.Log, cfg.Journal.MinFree = slog.New(slog.DiscardHandler), 1<<20
	b, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if err := b.Claim(t.Context()); !errors.Is(err, partition.ErrTaken) || !strings.Contains(err.Error(), "carrier.ingest-a serves 00-ff") {
		t.Errorf("the second claims: %v, want %v with who serves them", err, partition.ErrTaken)
	}
	w.send(w.sourceA, 5)
	a.settle(w.sourceA)
	if err := a.accepts(t.Context()); err != nil {
		t.Errorf("the first takes no more: %v", err)
	}
}

// An instance sleeps, another one takes its place, and it wakes. What it had acknowledged is anchored in its own log, it takes nothing more, and no
// message is lost. One that both got is in the logs of both.
func TestAWokenZombieIsHarmless(t *testing.T) {
	w := startRivals(t)
	a := w.start(w.configA)
	w.send(w.sourceA, 10)
	a.settle(w.sourceA)
	w.sleeper.asleep.Store(true)
	w.send(w.sourceA, 10) // acknowledged, and not anchored
	testkit.WaitFor(t, 30*time.Second, "all is acknowledged", func() bool { return w.sourceA.open() == 0 })

	w.takeOver()
	b := w.start(w.configB)
	w.sourceB.send(up(w.tracker.id), w.sent[19]) // its acknowledgement got lost on the way
	w.send(w.sourceB, 10)
	w.anchored(b, 11)
	if st := a.Status(t.Context()); st.PendingLog != 10 {
		t.Fatalf("%d leaves of the sleeper wait for an anchor, want 10", st.PendingLog)
	}

	w.sleeper.asleep.Store(false)
	w.taken(a)
	w.anchored(a, 20)
	w.sourceA.send(up(w.tracker.id), w.sent[29])
	w.anchored(b, 11)
	if a.Status(t.Context()).Logged != 20 || w.sourceA.open() != 1 {
		t.Errorf("the woken one has %d leaves, %d messages wait; want 20, and the last one not acknowledged", a.Status(t.Context()).Logged, w.sourceA.open())
	}
	want := slices.Repeat([]int{1}, 30)
	want[19] = 2
	if got := w.copies(); !slices.Equal(got, want) {
		t.Errorf("messages are in the logs %v times, want %v", got, want)
	}
}

// Partitions are claimed between an instance's look and its anchor: the ledger refuses the anchor, and takes it in the new epoch.
func TestAClaimMeetsAnAnchor(t *testing.T) {
	w := startRivals(t)
	a := w.start(w.configA)
	w.send(w.sourceA, 3)
	a.settle(w.sourceA)
	var once atomic.Bool
	w.ledger.Before(func(_ context.Context, _, fn string) error {
		if fn == ledger.AnchorExtend.Name() && once.CompareAndSwap(false, true) {
			w.takeOver()
		}
		return nil
	})
	w.send(w.sourceA, 3)
	w.taken(a)
	w.anchored(a, 6)
}

// An instance that lost its partitions and died comes back to bring what it had acknowledged to the ledger. After that there is nothing for it to do.
func TestAnInstanceThatLostItsPartitionsFinishes(t *testing.T) {
	w := startRivals(t)
	a := w.start(w.configA)
	w.send(w.sourceA, 3)
	a.settle(w.sourceA)
	w.sleeper.asleep.Store(true)
	w.send(w.sourceA, 3)
	testkit.WaitFor(t, 30*time.Second, "all is acknowledged", func() bool { return w.sourceA.open() == 0 })
	a.stop()
	w.takeOver()
	w.sleeper.asleep.Store(false)

	a = w.start(w.configA)
	w.taken(a)
	w.anchored(a, 3) // since this start
	w.send(w.sourceA, 1)
	a.stop()
	if w.sourceA.open() != 1 {
		t.Errorf("%d messages wait, want the last one not acknowledged", w.sourceA.open())
	}
	cfg := w.configA
	cfg.Log, cfg.Journal.MinFree = slog.New(slog.DiscardHandler), 1<<20
	p, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.Claim(t.Context()); !errors.Is(err, partition.ErrTaken) {
		t.Errorf("with nothing left to do: %v, want %v", err, partition.ErrTaken)
	}
}
