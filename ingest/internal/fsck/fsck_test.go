package fsck

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/trackseal/trackseal/ingest/internal/journal"
	"github.com/trackseal/trackseal/ingest/internal/message"
	"github.com/trackseal/trackseal/ingest/internal/sequence"
	"github.com/trackseal/trackseal/ingest/internal/store"
	"github.com/trackseal/trackseal/internal/influx"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/stored/audit"
	"github.com/trackseal/trackseal/internal/stored/audit/audittest"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/internal/testkit"
)

const (
	ingestID = "carrier.ingest-1"
	shipment = "carrier.S-1"
	tracker  = "carrier.T-1"
)

// world is an ingest with its journal, a store and a ledger, driven by hand.
type world struct {
	t      *testing.T
	dir    string
	id     string // of its life
	ledger *testkit.Ledger
	db     *journal.DB
	seq    *sequence.Sequencer
	store  Store
	nowMS  int64
	n      map[string]uint64
	prev   map[string][32]byte
}

func newWorld(t *testing.T, s Store) *world {
	w := &world{t: t, id: ingestID, dir: filepath.Join(t.TempDir(), "journal"), ledger: testkit.NewLedger("CarrierMSP", nil), store: s, nowMS: time.Now().Add(-time.Hour).UnixMilli(),
		n: map[string]uint64{}, prev: map[string][32]byte{}}
	w.open()
	t.Cleanup(func() { w.close() })
	return w
}

func (w *world) open() {
	w.t.Helper()
	var err error
	if w.db, err = journal.Open(w.dir, journal.Options{}); err != nil {
		w.t.Fatal(err)
	}
	if w.seq, err = sequence.Open(w.db, sequence.Config{Channel: ledger.Channel, Ingest: w.id}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) close() {
	if w.db != nil {
		if err := w.db.Close(); err != nil {
			w.t.Error(err)
		}
	}
	w.db = nil
}

// log takes messages of a tracker, to the shipment's log or to its own.
func (w *world) log(ship, tracker string, n int) {
	w.t.Helper()
	var items []*message.Item
	for range n {
		w.nowMS += 1000
		seed := [32]byte{}
		copy(seed[:], tracker)
		raw, err := telemetry.Encode(ed25519.NewKeyFromSeed(seed[:]), telemetry.Claims{Tracker: tracker, Boot: 1, Seq: w.n[tracker], Prev: w.prev[tracker], TimeMS: w.nowMS},
			[]telemetry.Reading{{TimeMS: w.nowMS - 500, Values: map[string]float64{"temperature": 4, "humidity": 50}}, {TimeMS: w.nowMS, Values: map[string]float64{"temperature": 4.5}}})
		if err != nil {
			w.t.Fatal(err)
		}
		m, err := telemetry.Decode(raw)
		if err != nil {
			w.t.Fatal(err)
		}
		w.n[tracker]++
		w.prev[tracker] = m.COSEHash
		it := &message.Item{Raw: raw, ReceivedMS: w.nowMS + 10, Tracker: tracker, Hash: m.COSEHash, TimeMS: m.TimeMS, Signed: true, Boot: m.Boot, Seq: m.Seq, Prev: m.Prev,
			Readings: journal.EncodeReadings(m.Readings, w.nowMS+10), TrackerTx: "tx-" + tracker}
		if ship != "" {
			it.Routes = []message.Route{{Shipment: ship, ShipmentTx: "tx-" + ship}}
		}
		items = append(items, it)
	}
	if _, err := w.seq.Apply(items); err != nil {
		w.t.Fatal(err)
	}
}

// anchor brings the heads of all that grew to the ledger.
func (w *world) anchor() {
	w.t.Helper()
	p, err := w.seq.PrepareAnchor()
	if err != nil || p == nil {
		w.t.Fatal(p, err)
	}
	head, res, err := ledger.AnchorExtend.Do(w.t.Context(), w.ledger, p.Args(w.seq.HeadsID(), w.id, 0, time.Now().UnixMilli()))
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.seq.CompleteAnchor(p, sequence.Anchored{Size: head.Size, Root: head.Root, Tx: head.Tx, Block: res.Block, TimeMS: head.TimeMS, N: head.N}); err != nil {
		w.t.Fatal(err)
	}
}

// drain brings what waits to the store.
func (w *world) drain() {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan error, 1)
	writer := store.New(store.Config{Database: w.store, DB: w.db, Log: slog.New(slog.DiscardHandler), Linger: time.Millisecond})
	go func() { done <- writer.Run(ctx) }()
	testkit.WaitFor(w.t, 20*time.Second, "the queue is empty", func() bool { return w.db.Metrics().Queue == 0 })
	cancel()
	if err := <-done; err != nil {
		w.t.Fatal(err)
	}
}

// fsck runs it with the journal closed.
func (w *world) fsck(change func(*Config)) (r Result, found []audit.Finding, err error) {
	w.t.Helper()
	w.close()
	cfg := Config{ID: ingestID, Channel: ledger.Channel, Dir: w.dir, Store: w.store, Ledger: w.ledger, Now: time.Now, Say: func(f audit.Finding) { found = append(found, f) }, Did: func(s string) { w.t.Log(s) }}
	if change != nil {
		change(&cfg)
	}
	r, err = Run(w.t.Context(), cfg)
	return r, found, err
}

func (w *world) want(what string, change func(*Config), texts ...string) {
	w.t.Helper()
	r, found, err := w.fsck(change)
	if err != nil {
		w.t.Fatalf("%s: %v", what, err)
	}
	all := text(found)
	if len(texts) == 0 && r.Findings > 0 {
		w.t.Errorf("%s: %d findings instead of none:\n%s", what, r.Findings, all)
	}
	for _, x := range texts {
		if !strings.Contains(all, x) {
			w.t.Errorf("%s: no %q in\n%s", what, x, all)
		}
	}
}

func text(found []audit.Finding) string {
	var b strings.Builder
	for i := range found {
		fmt.Fprintln(&b, found[i].String())
	}
	return b.String()
}

func repair(c *Config) { c.Repair = true }

// stores are those that there are: in memory, and a real one.
func stores(t *testing.T, fn func(t *testing.T, s Store)) {
	t.Run("memory", func(t *testing.T) { fn(t, &audittest.Store{}) })
	t.Run("influxd", func(t *testing.T) {
		d := testkit.StartInfluxd(t)
		c, err := influx.Open(influx.Config{URL: d.URL, Org: d.Org, Bucket: d.Bucket, TokenFile: d.TokenFile})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		fn(t, c)
	})
}

func (w *world) message(log string, leaf uint64) stored.Message {
	w.t.Helper()
	var found stored.Message
	if err := w.store.Messages(w.t.Context(), log, leaf, leaf+1, func(m stored.Message) error { found = m; return nil }); err != nil || found.Log == "" {
		w.t.Fatalf("leaf %d of %s: %v", leaf, log, err)
	}
	return found
}

func (w *world) write(fill func(b stored.Batch)) {
	w.t.Helper()
	b := w.store.NewBatch()
	fill(b)
	if err := b.Write(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) delete(p ...stored.Place) {
	w.t.Helper()
	if err := w.store.Delete(w.t.Context(), p); err != nil {
		w.t.Fatal(err)
	}
}

// Points that are edited, added, moved or lost are named and mended from what is intact, and a second run finds nothing.
func TestMendsPoints(t *testing.T) {
	stores(t, func(t *testing.T, s Store) {
		w := newWorld(t, s)
		w.log(shipment, tracker, 5)
		w.log("", "carrier.T-2", 3)
		w.anchor()
		w.log(shipment, tracker, 4)
		w.anchor()
		w.drain()
		w.log(shipment, tracker, 2) // waits
		logs, err := w.seq.Logs("shipment", shipment)
		if err != nil || len(logs) != 1 {
			t.Fatal(logs, err)
		}
		log := logs[0].Log
		w.want("intact", nil)
		w.want("intact, of the store alone", func(c *Config) {
			c.StoreOnly, c.Now = true, func() time.Time { return time.Now().Add(time.Hour) }
		})

		m2, m3, m4 := w.message(log, 2), w.message(log, 3), w.message(log, 4)
		heads, err := s.Heads(t.Context(), log)
		if err != nil || len(heads) != 2 {
			t.Fatal(heads, err)
		}
		w.write(func(b stored.Batch) {
			value := func(i int) (string, float64) { return []string{"temperature", "light"}[i], 99 }
			b.Reading(log, tracker, 2, m2.TimeMS, 2, value)        // edited, with a quantity that was not said
			b.Reading(log, tracker, 2, m2.TimeMS+700, 1, value)    // added
			b.Reading(log, "carrier.X", 4, m4.TimeMS+77, 1, value) // of somebody else
			edited := m3
			edited.Seq, edited.Flags, edited.Kind = 77, []string{"clock_ahead"}, 3
			b.Message(&edited)
			double := m4
			double.Shipment = "carrier.S-9"
			b.Message(&double)
			h := heads[0]
			h.Size, h.Proof = 99, nil
			b.Head(&h)
		})
		w.delete(stored.Place{Measurement: stored.ReadingPoint, Tags: map[string]string{"log": log, "tracker": tracker}, NS: stored.PointNS(m4.TimeMS, 4)},
			stored.Place{Measurement: stored.HeadPoint, Tags: map[string]string{"log": log}, NS: stored.PointNS(heads[1].TimeMS, heads[1].Index)})
		w.want("damaged", nil, "leaf 2 tracker carrier.T-1: at", "light is 99", "reading at", "column seq is 77", "flag clock_ahead is true", "column kind is 3", "leaf 4 is in the store twice", "is missing from the store",
			"its column size is 99", fmt.Sprintf("head %d: missing", heads[1].Index))
		w.want("of the store alone", func(c *Config) { c.StoreOnly = true }, "column seq is 77")
		r, found, err := w.fsck(repair)
		if err != nil || r.Findings != 0 || r.Repaired == 0 {
			t.Fatalf("repair left %d findings, repaired %d points, %v:\n%s", r.Findings, r.Repaired, err, text(found))
		}
		w.want("repaired", nil)
		if r, _, _ := w.fsck(repair); r.Repaired != 0 {
			t.Errorf("a second repair writes %d points", r.Repaired)
		}
		for leaf, was := range map[uint64]stored.Message{2: m2, 3: m3, 4: m4} {
			if got := w.message(log, leaf); fmt.Sprint(got) != fmt.Sprint(was) {
				t.Errorf("leaf %d was %+v and is %+v", leaf, was, got)
			}
		}
	})
}

// What is lost and nowhere else stays named, message by message where the journal knows them, and is not invented.
func TestNamesWhatIsLost(t *testing.T) {
	stores(t, func(t *testing.T, s Store) {
		w := newWorld(t, s)
		w.log(shipment, tracker, 6)
		w.anchor()
		w.drain()
		logs, _ := w.seq.Logs("shipment", shipment)
		log := logs[0].Log
		w.delete(ref(w.message(log, 2)), ref(w.message(log, 3)))
		w.want("lost", repair, "leaf 2 to 3: missing", "boot 1, seq 2 was acknowledged", "boot 1, seq 3 was acknowledged")
		r, found, _ := w.fsck(nil)
		if r.Findings != 3 {
			t.Errorf("%d findings instead of 3:\n%s", r.Findings, text(found))
		}
		// An entry that was damaged follows from its bytes.
		w.write(func(b stored.Batch) {
			m := w.message(log, 5)
			m.Entry = append([]byte{1}, m.Entry[1:]...)
			b.Message(&m)
		})
		w.want("and an entry", nil, "leaf 5 tracker carrier.T-1: the stored leaf entry is not one")
	})
}

func ref(m stored.Message) stored.Place { return m.Place() }

func TestMendsEntries(t *testing.T) {
	w := newWorld(t, &audittest.Store{})
	w.log(shipment, tracker, 6)
	w.anchor()
	w.drain()
	logs, _ := w.seq.Logs("shipment", shipment)
	m := w.message(logs[0].Log, 3)
	m.Entry = append([]byte(nil), m.Entry...)
	m.Entry[10] ^= 1
	w.write(func(b stored.Batch) { b.Message(&m) })
	w.want("damaged", nil, "leaf 3 tracker carrier.T-1: the stored bytes are not those that were logged")
	w.want("repaired", repair)
	w.want("again", nil)
}

// A journal that does not fit is said, and nothing is repaired from it.
func TestOldJournal(t *testing.T) {
	w := newWorld(t, &audittest.Store{})
	w.log(shipment, tracker, 3)
	w.anchor()
	w.drain()
	w.close()
	old := copyDir(t, w.dir)
	w.open()
	w.log(shipment, tracker, 3)
	w.anchor()
	w.drain()
	w.want("fits", nil)
	w.want("old", func(c *Config) { c.Dir = old }, "run `ingest recover`")
}

func copyDir(t *testing.T, from string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "journal")
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return to
}

func TestInUse(t *testing.T) {
	w := newWorld(t, &audittest.Store{})
	w.log(shipment, tracker, 1)
	_, err := Run(t.Context(), Config{ID: ingestID, Channel: ledger.Channel, Dir: w.dir, Store: w.store, Ledger: w.ledger, Now: time.Now, Say: func(audit.Finding) {}, Did: func(string) {}})
	if !errors.Is(err, journal.ErrInUse) {
		t.Errorf("%v, want %v", err, journal.ErrInUse)
	}
}

// Damaged files of Pebble never end in a panic, and never pass where something is affected: of the journal, or of its agreement with
// store and ledger.
func TestDamagedFiles(t *testing.T) {
	w := newWorld(t, &audittest.Store{})
	for range 4 { // opened again, so that there are tables, and the newest part is in the WAL
		w.log(shipment, tracker, 20)
		w.anchor()
		w.drain()
		w.close()
		w.open()
	}
	w.log(shipment, tracker, 20) // waits for the store
	w.want("intact", nil)
	files, err := os.ReadDir(w.dir)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	present := "" // the MANIFEST that counts
	for _, f := range files {
		if _, name, ok := strings.Cut(f.Name(), ".MANIFEST-"); ok {
			present = "MANIFEST-" + name
		}
	}
	for _, f := range files {
		raw, err := os.ReadFile(filepath.Join(w.dir, f.Name()))
		if err != nil || len(raw) < 64 || strings.HasPrefix(f.Name(), "OPTIONS") || strings.HasPrefix(f.Name(), "marker") {
			continue
		}
		kind := filepath.Ext(f.Name())
		if strings.HasPrefix(f.Name(), "MANIFEST") {
			if f.Name() != present {
				continue
			}
			kind = "MANIFEST"
		}
		for name, damage := range map[string]func([]byte) []byte{
			"half":  func(b []byte) []byte { return b[:len(b)/2] },
			"empty": func(b []byte) []byte { return nil },
			"flip":  func(b []byte) []byte { b[len(b)/3] ^= 0x10; return b },
		} {
			if kind == ".log" && name == "empty" {
				continue // of what is in no store and in no anchor, that leaves no trace but in the trackers' chains
			}
			dir := copyDir(t, w.dir)
			if err := os.WriteFile(filepath.Join(dir, f.Name()), damage(append([]byte(nil), raw...)), 0o600); err != nil {
				t.Fatal(err)
			}
			r, found, err := w.fsck(func(c *Config) { c.Dir = dir })
			if err != nil {
				t.Errorf("%s %s: %v", f.Name(), name, err)
			}
			kinds[kind]++
			if r.Findings+r.Unproven == 0 {
				t.Errorf("%s %s of %d bytes: nothing is found\n%s", f.Name(), name, len(raw), text(found))
			}
		}
	}
	if kinds[".sst"] == 0 || kinds[".log"] == 0 || kinds["MANIFEST"] == 0 {
		t.Errorf("damaged %v, want tables, WAL and MANIFEST", kinds)
	}
}

// A store that several lives of the instance have written is looked at as a whole, and an old journal is told from the present one.
func TestLives(t *testing.T) {
	w := newWorld(t, &audittest.Store{})
	w.log(shipment, tracker, 4)
	w.anchor()
	w.drain()
	first := w.message(w.logOf(shipment), 2)
	w.close()
	old := w.dir
	w.dir, w.id = filepath.Join(t.TempDir(), "journal"), ledger.LifeID(ingestID, 2)
	w.open()
	b := w.db.Begin()
	b.SetLife(2)
	if err := b.Commit("life"); err != nil {
		t.Fatal(err)
	}
	w.log(shipment, tracker, 3)
	w.anchor()
	w.drain()
	if r, found, err := w.fsck(nil); err != nil || r.Findings != 0 || r.Messages != 7 || r.Logs != 2 {
		t.Errorf("%+v, %v; want 7 messages in 2 logs and no findings:\n%s", r, err, text(found))
	}
	w.want("the first life's journal", func(c *Config) { c.Dir = old }, "the ledger knows of life 2")
	w.delete(first.Place())
	w.want("a message of the first life", nil, "leaf 2: missing")
	w.want("of the store alone", func(c *Config) {
		c.StoreOnly, c.Now = true, func() time.Time { return time.Now().Add(time.Hour) }
	}, "leaf 2: missing")
}

func (w *world) logOf(shipment string) string {
	w.t.Helper()
	logs, err := w.seq.Logs("shipment", shipment)
	if err != nil || len(logs) != 1 {
		w.t.Fatal(logs, err)
	}
	return logs[0].Log
}
