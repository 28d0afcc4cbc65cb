package run

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trackseal/trackseal/ingest/internal/journal"
	"github.com/trackseal/trackseal/ingest/internal/recover"
	"github.com/trackseal/trackseal/ingest/internal/sequence"
	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/influx"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/internal/testkit"
)

// lived is an instance whose journal gets lost.
type lived struct {
	t        *testing.T
	ledger   *testkit.Ledger
	database *influx.Client
	source   *memorySource
	trackers []*device
	cfg      Config
	p        *running
	recover  recover.Config
}

func startLived(t *testing.T) *lived {
	t.Helper()
	w := &lived{t: t, ledger: testkit.NewLedger("CarrierMSP", nil), source: newSource()}
	t.Cleanup(w.ledger.Close)
	w.database = openInflux(t, testkit.StartInfluxd(t))
	base := time.Date(2019, 7, 17, 6, 0, 0, 0, time.UTC).UnixMilli()
	createShipment(t, w.ledger, "carrier.S-1")
	for _, id := range []string{"carrier.T-1", "carrier.T-2", "carrier.T-3"} {
		d := newDevice(id, base)
		enrol(t, w.ledger, d)
		w.trackers = append(w.trackers, d)
	}
	assign(t, w.ledger, "carrier.S-1", "carrier.T-1", base)
	assign(t, w.ledger, "carrier.S-1", "carrier.T-2", base)
	w.cfg = Config{Dir: t.TempDir(), Source: w.source, Database: w.database, Ledger: w.ledger, Partitions: whole}
	w.recover = recover.Config{ID: ingestID, Org: "carrier", Dir: w.cfg.Dir, Ledger: peered{w.ledger}, Store: w.database, Log: slog.New(slog.DiscardHandler), Now: time.Now}
	w.start()
	return w
}

// peered says that the only peer is up to date.
type peered struct{ *testkit.Ledger }

func (peered) Network(context.Context) ([]ledger.Node, error) {
	return []ledger.Node{{Org: "carrier", Role: "peer", Up: true, Height: 9}, {Org: "shipper", Role: "peer", Up: true, Height: 9}}, nil
}

func (w *lived) start() {
	w.t.Helper()
	w.p = start(w.t, w.cfg)
	testkit.WaitFor(w.t, 10*time.Second, "the ledger is read", func() bool { return w.p.registry.Ready(w.t.Context()) == nil })
}

func (w *lived) send(n int) {
	w.t.Helper()
	for range n {
		for _, d := range w.trackers {
			w.source.send(up(d.id), d.message(w.t, 5))
		}
	}
}

func (w *lived) journal() string { return filepath.Join(w.cfg.Dir, "journal") }

func (w *lived) do() *recover.Account {
	w.t.Helper()
	a, err := recover.Run(w.t.Context(), w.recover)
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

// stored are the messages in InfluxDB by hash; one that is there twice in one subject's logs is an error.
func (w *lived) stored() map[telemetry.Hash]stored.Message {
	w.t.Helper()
	logs, err := w.database.Logs(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	all, seen := map[telemetry.Hash]stored.Message{}, map[string]bool{}
	for _, l := range logs {
		if seen[l.Log] {
			continue
		}
		seen[l.Log] = true
		next := uint64(0)
		for _, m := range messages(w.t, w.database, l.Log) {
			leaf, err := telemetry.DecodeLeaf(m.Entry)
			if err != nil {
				w.t.Fatal(err)
			}
			if old, twice := all[leaf.Hash]; twice {
				w.t.Errorf("message %d/%d of %s is stored twice: leaf %d of %s, leaf %d of %s", m.Boot, m.Seq, m.Tracker, old.Leaf, old.Log, m.Leaf, m.Log)
			}
			if m.Leaf != next {
				w.t.Errorf("log %s has leaf %d where %d should be", m.Log, m.Leaf, next)
			}
			next = m.Leaf + 1
			all[leaf.Hash] = m
		}
	}
	return all
}

// readings are as many as were measured, each once.
func (w *lived) readings() (n int) {
	w.t.Helper()
	for _, d := range w.trackers {
		err := w.database.Readings(w.t.Context(), stored.ReadingsQuery{Tracker: d.id}, func(stored.Reading, time.Time) error { n++; return nil })
		if err != nil {
			w.t.Fatal(err)
		}
	}
	return n
}

// A wiped journal is made again: every log is as it was, the repeated message is recognised, and the shipment is closed over both lives' logs.
func TestRecoverAWipedJournal(t *testing.T) {
	w := startLived(t)
	first := w.trackers[0].message(t, 5)
	w.source.send(up("carrier.T-1"), first)
	w.send(20)
	w.p.settle(w.source)
	before := w.stored()
	w.p.stop()
	if a := w.do(); !a.Fits || a.Life != 1 {
		t.Fatalf("a whole journal: %+v, expected that it fits", a)
	}
	if err := os.RemoveAll(w.journal()); err != nil {
		t.Fatal(err)
	}
	if a := w.do(); a.Fits || a.Life != 2 || a.Kept != 61 || a.Again != 0 || a.Lost != 0 || len(a.Cut) != 0 {
		t.Fatalf("a wiped journal: %+v, expected 61 leaves in their places and life 2", a)
	}
	if a := w.do(); !a.Fits || a.Life != 2 {
		t.Fatalf("once more: %+v, expected that it fits", a)
	}
	w.start()
	w.source.send(up("carrier.T-1"), first) // once more
	w.send(5)
	w.p.settle(w.source)
	if c := w.p.Sequencer().Counts(); c.Logged != 15 || c.Duplicates != 1 {
		t.Errorf("logged %d, duplicates %d; expected 15 and 1", c.Logged, c.Duplicates)
	}
	after := w.stored()
	if len(after) != 76 || w.readings() != 76 {
		t.Errorf("%d messages and %d readings are stored, expected 76", len(after), w.readings())
	}
	for hash, m := range before {
		if now := after[hash]; now.Log != m.Log || now.Leaf != m.Leaf || !bytes.Equal(now.Entry, m.Entry) {
			t.Errorf("message %d/%d of %s has moved", m.Boot, m.Seq, m.Tracker)
		}
	}
	if got, want := w.source.lastDown("carrier.T-3"), `"seq":24`; !strings.Contains(got, want) {
		t.Errorf("T-3 was told %s, expected %s", got, want)
	}
	// A new life is the same instance: its partitions are its own as before.
	if s, err := ledger.ServingOf(t.Context(), w.ledger, "CarrierMSP"); err != nil || s.Epoch != 1 || !slices.Equal(s.Of(ingestID), whole) {
		t.Errorf("partitions %+v, %v; expected those of the first life in epoch 1", s, err)
	}
	w.closed(2)
}

// closed delivers, seals and closes, over so many logs.
func (w *lived) closed(logs int) {
	w.t.Helper()
	submit(w.t, w.ledger, ledger.ShipmentPropose, ledger.ProposeArgs{ID: "carrier.S-1", To: "ConsigneeMSP"})
	submit(w.t, w.ledger.As("ConsigneeMSP"), ledger.ShipmentAccept, ledger.IDArgs{ID: "carrier.S-1"})
	submit(w.t, w.ledger.As("ConsigneeMSP"), ledger.ShipmentDeliver, ledger.IDArgs{ID: "carrier.S-1"})
	r, err := w.p.Seal(w.t.Context(), "carrier.S-1", "CarrierMSP")
	if err != nil || !r.Anchored {
		w.t.Fatalf("seal: %+v, %v", r, err)
	}
	c, _, err := ledger.ShipmentClose.Do(w.t.Context(), w.ledger.As("ConsigneeMSP"), ledger.IDArgs{ID: "carrier.S-1"})
	if err != nil || len(c.Heads) != logs {
		w.t.Errorf("closed over %+v, %v; expected %d logs", c.Heads, err, logs)
	}
	verdicts, err := ledger.ComplianceVerdicts.All(w.t.Context(), w.ledger, "carrier.S-1", 1000)
	if err != nil || len(verdicts) == 0 || !slices.Equal(verdicts[len(verdicts)-1].Logs, c.Heads) {
		w.t.Errorf("the last verdict is not of the closed logs: %+v, %v", verdicts, err)
	}
}

// An older copy of the journal: what it had queued and InfluxDB lacks is kept, what it knew and nobody has is named, and what was stored beyond
// a hole has another place.
func TestRecoverAnOlderJournal(t *testing.T) {
	w := startLived(t)
	w.send(10)
	w.p.settle(w.source)
	w.p.stop()
	// The copy has more queued than InfluxDB gets.
	copied := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(copied, os.DirFS(w.journal())); err != nil {
		t.Fatal(err)
	}
	w.start()
	w.send(10)
	w.p.settle(w.source)
	w.p.stop()
	log := anchorLog(t, w.ledger, ingestID)
	// InfluxDB loses a leaf that is not anchored any more than its head is: then the rest has no place.
	all := messages(t, w.database, log)
	gone := all[len(all)-5]
	if err := w.database.Delete(t.Context(), []stored.Place{gone.Place(), {Measurement: stored.ReadingPoint, Tags: map[string]string{"log": log, "tracker": gone.Tracker}, NS: stored.PointNS(gone.TimeMS, gone.Leaf)}}); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(w.journal()); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(w.journal(), os.DirFS(copied)); err != nil {
		t.Fatal(err)
	}
	if _, err := recover.Run(t.Context(), w.recover); !errors.Is(err, recover.ErrAnchoredLost) {
		t.Fatalf("got %v, expected %v", err, recover.ErrAnchoredLost)
	}
	w.recover.AcceptLoss = true
	a := w.do()
	if a.Fits || a.Life != 2 || a.Again != 4 || len(a.Cut) != 1 || a.Kept != uint64(len(all)-5+20) {
		t.Fatalf("%+v, expected that 4 messages have another place", a)
	}
	w.start()
	w.send(5)
	w.p.settle(w.source)
	if after := w.stored(); len(after) != 74 || w.readings() != 74 {
		t.Errorf("%d messages and %d readings are stored, expected 74", len(after), w.readings())
	}
	w.closed(2)
}

// anchorLog is the shipment's log at a life.
func anchorLog(t *testing.T, l *testkit.Ledger, life string) string {
	t.Helper()
	s, err := ledger.ShipmentGet.Ask(t.Context(), l, ledger.IDArgs{ID: "carrier.S-1"})
	if err != nil {
		t.Fatal(err)
	}
	id := anchor.LogID(ledger.Channel, anchor.Shipment, s.ID, s.CreateTx, life)
	return sequence.HexLog(id)
}

// A crash at any step leaves what the next run brings to the same end.
func TestRecoverAfterACrash(t *testing.T) {
	for _, at := range []string{"built", "lost named", "old moved", "new moved", "deleted"} {
		t.Run(at, func(t *testing.T) {
			w := startLived(t)
			w.send(5)
			w.p.settle(w.source)
			w.p.stop()
			older := filepath.Join(t.TempDir(), "copy")
			if err := os.CopyFS(older, os.DirFS(w.journal())); err != nil {
				t.Fatal(err)
			}
			w.start()
			w.send(5)
			w.p.settle(w.source)
			w.p.stop()
			if err := errors.Join(os.RemoveAll(w.journal()), os.CopyFS(w.journal(), os.DirFS(older))); err != nil {
				t.Fatal(err)
			}
			crash := errors.New("crash")
			w.recover.Step = func(step string) error {
				if step == at {
					return crash
				}
				return nil
			}
			if _, err := recover.Run(t.Context(), w.recover); !errors.Is(err, crash) {
				t.Fatalf("got %v, expected the crash", err)
			}
			if at == "new moved" || at == "old moved" {
				if _, err := New(w.cfg); !errors.Is(err, errUnfinished) {
					t.Errorf("ingest starts before the recovery is done: %v", err)
				}
			}
			w.recover.Step = nil
			if a := w.do(); a.Life != 2 {
				t.Errorf("%+v, expected life 2", a)
			}
			w.start()
			w.send(5)
			w.p.settle(w.source)
			if after := w.stored(); len(after) != 45 || w.readings() != 45 {
				t.Errorf("%d messages and %d readings are stored, expected 45", len(after), w.readings())
			}
		})
	}
}

// While ingest has the journal nothing is done.
func TestRecoverIsRefusedWhileIngestRuns(t *testing.T) {
	w := startLived(t)
	w.send(1)
	w.p.settle(w.source)
	if _, err := recover.Run(t.Context(), w.recover); !errors.Is(err, recover.ErrRunning) {
		t.Errorf("got %v, expected %v", err, recover.ErrRunning)
	}
}

// What the old journal had taken and nobody has is named.
func TestRecoverNamesWhatIsLost(t *testing.T) {
	w := startLived(t)
	w.send(4)
	w.p.settle(w.source)
	w.p.stop()
	db, err := journal.Open(w.journal(), journal.Options{MinFree: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	b := db.Begin()
	b.Set(journal.SeenKey(nil, "carrier.T-2", 1, 4), append(bytes.Repeat([]byte{7}, 32), 0, 0))
	b.Set(journal.MetaKey("anchored"), []byte(`{"size":1}`)) // and it does not fit
	if err := errors.Join(b.Commit("test"), db.Close()); err != nil {
		t.Fatal(err)
	}
	a := w.do()
	if a.Fits || a.Lost != 1 {
		t.Fatalf("%+v, expected one lost message", a)
	}
	text, err := os.ReadFile(a.LostFile)
	if want := `{"tracker":"carrier.T-2","signed":true,"boot":1,"seq":4,"hash":"` + strings.Repeat("07", 32) + `"}` + "\n"; err != nil || string(text) != want {
		t.Errorf("%s, %v; expected %s", text, err, want)
	}
	if info, err := os.Stat(a.LostFile); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v; expected mode 0600", info, err)
	}
}
