package recover_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/trackseal/trackseal/ingest/internal/journal"
	"github.com/trackseal/trackseal/ingest/internal/message"
	"github.com/trackseal/trackseal/ingest/internal/recover"
	"github.com/trackseal/trackseal/ingest/internal/sequence"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/internal/testkit"
)

const instance = "carrier.ingest-1"

// store is an InfluxDB in memory.
type store struct {
	messages []stored.Message
	heads    []stored.Head

	mortal bool // writes end
	left   int  // writes
}

func (s *store) Logs(context.Context) (logs []stored.LogTags, err error) {
	for _, m := range s.messages {
		logs = append(logs, stored.LogTags{Log: m.Log, Shipment: m.Shipment, Tracker: m.Tracker, Messages: 1})
	}
	return logs, nil
}

func (s *store) Messages(_ context.Context, log string, from, to uint64, fn func(stored.Message) error) error {
	of := slices.DeleteFunc(slices.Clone(s.messages), func(m stored.Message) bool {
		return m.Log != log || m.Leaf < from || to > 0 && m.Leaf >= to
	})
	slices.SortFunc(of, func(a, b stored.Message) int { return int(a.Leaf) - int(b.Leaf) })
	for _, m := range of {
		if err := fn(m); err != nil {
			return err
		}
	}
	return nil
}

func (s *store) Heads(_ context.Context, log string) ([]stored.Head, error) {
	return slices.DeleteFunc(slices.Clone(s.heads), func(h stored.Head) bool { return h.Log != log }), nil
}

func (s *store) Delete(_ context.Context, points []stored.Place) error {
	for _, p := range points {
		s.messages = slices.DeleteFunc(s.messages, func(m stored.Message) bool {
			return p.Measurement == stored.MessagePoint && p.NS == m.PointNS && p.Tags["log"] == m.Log
		})
		s.heads = slices.DeleteFunc(s.heads, func(h stored.Head) bool {
			return p.Measurement == stored.HeadPoint && p.Tags["heads"] == h.Heads && p.NS == stored.PointNS(h.TimeMS, h.Index)
		})
	}
	return nil
}

// world is an instance whose stages are driven one by one.
type world struct {
	t        tb
	ledger   *testkit.Ledger
	store    store
	dir      string
	db       *journal.DB
	seq      *sequence.Sequencer
	life     string
	now      int64
	trackers []*sender
	tx       map[string]string
}

type sender struct {
	id   string
	key  ed25519.PrivateKey
	seq  uint64
	prev telemetry.Hash
	kept []*message.Item // all that it ever sent
}

// tb is a test, or one draw of one.
type tb interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

func check(t tb, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) open() {
	var err error
	w.db, err = journal.Open(filepath.Join(w.dir, "journal"), journal.Options{MinFree: 1})
	check(w.t, err)
	n, err := w.db.Life()
	check(w.t, err)
	w.life = ledger.LifeID(instance, n)
	w.seq, err = sequence.Open(w.db, sequence.Config{Channel: ledger.Channel, Ingest: w.life})
	check(w.t, err)
}

func (w *world) close() {
	if w.db != nil {
		db := w.db
		w.db = nil
		check(w.t, db.Close())
	}
}

// send has a tracker send its next message.
func (w *world) send(d *sender) {
	w.now += 1000
	raw, err := telemetry.Encode(d.key, telemetry.Claims{Tracker: d.id, Boot: 1, Seq: d.seq, Prev: d.prev, TimeMS: w.now}, []telemetry.Reading{{TimeMS: w.now, Values: map[string]float64{"temperature": 4}}})
	check(w.t, err)
	m, err := telemetry.Decode(raw)
	check(w.t, err)
	it := &message.Item{Tracker: d.id, TrackerTx: w.tx[d.id], Raw: raw, Signed: true, Boot: 1, Seq: d.seq, Prev: d.prev, Hash: m.COSEHash, TimeMS: w.now, ReceivedMS: w.now, Readings: journal.EncodeReadings(m.Readings, w.now)}
	d.seq, d.prev = d.seq+1, m.COSEHash
	d.kept = append(d.kept, it)
	w.apply(it)
}

func (w *world) apply(it *message.Item) {
	w.now++
	again := *it
	again.ReceivedMS = w.now
	_, err := w.seq.Apply([]*message.Item{&again})
	check(w.t, err)
}

// drain stores n queued records, but not those that skip names.
func (w *world) drain(n int, skip int) {
	last, size, i := w.db.QueueHead(), int64(0), 0
	check(w.t, w.db.Queued(0, func(at uint64, kind journal.RecordKind, body []byte) (bool, error) {
		if i == n {
			return false, nil
		}
		i++
		last, size = at+1, size+int64(len(body))+1
		if i == skip {
			return true, nil // a batch that was not stored before the next one was
		}
		w.keep(kind, bytes.Clone(body))
		return true, nil
	}))
	if skip == 0 {
		check(w.t, w.db.Trim(last, size))
	}
}

func (w *world) keep(kind journal.RecordKind, body []byte) {
	if kind == journal.HeadRecord {
		h, err := journal.DecodeHead(body)
		check(w.t, err)
		w.store.heads = append(w.store.heads, stored.Head(h))
		return
	}
	m, err := journal.DecodeMessage(body)
	check(w.t, err)
	s := stored.Message{Log: hex.EncodeToString(m.Log[:]), Leaf: m.Leaf, Entry: m.Entry, Raw: m.Raw, Tracker: m.Tracker, Shipment: m.Shipment, Trust: stored.Signed, Boot: m.Boot, Seq: m.Seq,
		TimeMS: m.TimeMS, ReceivedMS: m.ReceivedMS, Flags: m.Flags.Names(), PointNS: stored.PointNS(m.ReceivedMS, m.Leaf)}
	if !slices.ContainsFunc(w.store.messages, func(o stored.Message) bool { return o.Log == s.Log && o.PointNS == s.PointNS }) {
		w.store.messages = append(w.store.messages, s)
	}
}

// anchor brings what there is to the ledger; told has the journal hear of it.
func (w *world) anchor(told bool) {
	p, err := w.seq.PrepareAnchor()
	check(w.t, err)
	if p == nil {
		return
	}
	head, res, err := ledger.AnchorExtend.Do(context.Background(), w.ledger, p.Args(w.seq.HeadsID(), w.life, 0, time.Now().UnixMilli()))
	check(w.t, err)
	if told {
		check(w.t, w.seq.CompleteAnchor(p, sequence.Anchored{Size: head.Size, Root: head.Root, Tx: res.TxID, Block: res.Block, TimeMS: head.TimeMS, N: head.N}))
	}
}

type peered struct{ *testkit.Ledger }

func (peered) Network(context.Context) ([]ledger.Node, error) {
	return []ledger.Node{{Org: "carrier", Role: "peer", Up: true, Height: 9}}, nil
}

// Whatever was received, stored and anchored when the journal was lost: afterwards no message is twice in a tracker's logs, every log is without a
// hole, what had its place has it still, and what trackers send next is taken.
func TestRecoverLaw(t *testing.T) {
	dirs := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp(dirs, "")
		check(t, err)
		defer os.RemoveAll(dir)
		l := testkit.NewLedger("CarrierMSP", nil)
		defer l.Close()
		w := &world{t: t, ledger: l, dir: dir, now: time.Now().Add(-time.Hour).UnixMilli(), tx: map[string]string{}}
		for _, id := range []string{"carrier.T-1", "carrier.T-2"} {
			seed := [32]byte{}
			copy(seed[:], id)
			d := &sender{id: id, key: ed25519.NewKeyFromSeed(seed[:])}
			public, err := telemetry.Public(d.key)
			check(t, err)
			text := hex.EncodeToString(public.Raw)
			proof, err := telemetry.Sign(d.key, ledger.PossessionBytes(id, l.MSP(), int(telemetry.Ed25519), text))
			check(t, err)
			tr, _, err := ledger.TrackerEnrol.Do(context.Background(), l, ledger.EnrolArgs{ID: id, Alg: int(telemetry.Ed25519), Public: text, Proof: hex.EncodeToString(proof)})
			check(t, err)
			w.tx[id] = tr.EnrolTx
			w.trackers = append(w.trackers, d)
		}
		defer w.close()
		w.open()
		older := ""
		steps := rapid.IntRange(1, 25).Draw(t, "steps")
		for range steps {
			switch rapid.IntRange(0, 9).Draw(t, "step") {
			case 0, 1, 2, 3, 4:
				w.send(w.trackers[rapid.IntRange(0, 1).Draw(t, "tracker")])
			case 5, 6:
				w.drain(rapid.IntRange(1, 4).Draw(t, "stored"), 0)
			case 7, 8:
				w.anchor(rapid.Bool().Draw(t, "told"))
			case 9:
				w.close()
				older = filepath.Join(dir, "older")
				check(t, errors.Join(os.RemoveAll(older), os.CopyFS(older, os.DirFS(filepath.Join(dir, "journal")))))
				w.open()
			}
		}
		if rapid.Bool().Draw(t, "out of order") {
			w.drain(4, rapid.IntRange(1, 3).Draw(t, "skipped"))
		}
		w.close()
		check(t, os.RemoveAll(filepath.Join(dir, "journal")))
		if older != "" && rapid.Bool().Draw(t, "older copy") {
			check(t, os.CopyFS(filepath.Join(dir, "journal"), os.DirFS(older)))
		}
		before := slices.Clone(w.store.messages)
		cfg := recover.Config{ID: instance, Org: "carrier", Dir: dir, Ledger: peered{l}, Store: &w.store, AcceptLoss: true, Log: slog.New(slog.DiscardHandler), Now: time.Now, Journal: journal.Options{MinFree: 1}}
		a, err := recover.Run(context.Background(), cfg)
		check(t, err)
		if again, err := recover.Run(context.Background(), cfg); err != nil || again.Life != max(a.Life, 1) && a.Life != 0 {
			t.Fatalf("once more: %+v, %v after %+v", again, err, a)
		}
		w.open()
		for _, d := range w.trackers { // what it has not heard of, and what it has
			for _, it := range d.kept {
				if rapid.Bool().Draw(t, "sent again") {
					w.apply(it)
				}
			}
			w.send(d)
		}
		w.anchor(true)
		w.drain(1<<20, 0)

		seen := map[string]bool{}
		size := map[string]uint64{}
		slices.SortFunc(w.store.messages, func(a, b stored.Message) int { return int(a.Leaf) - int(b.Leaf) })
		for _, m := range w.store.messages {
			leaf, err := telemetry.DecodeLeaf(m.Entry)
			check(t, err)
			if key := string(leaf.Hash[:]); seen[key] {
				t.Fatalf("message %d of %s is there twice: %+v", m.Seq, m.Tracker, a)
			} else {
				seen[key] = true
			}
			if m.Leaf != size[m.Log] {
				t.Fatalf("log %s has leaf %d where %d should be: %+v", m.Log, m.Leaf, size[m.Log], a)
			}
			size[m.Log]++
			if m.Leaf == 0 && leaf.Ingest != instance && leaf.Ingest != w.life {
				t.Fatalf("a leaf of %s", leaf.Ingest)
			}
		}
		next := map[string]uint64{}
		slices.SortFunc(before, func(a, b stored.Message) int { return int(a.Leaf) - int(b.Leaf) })
		for _, m := range before {
			leaf, err := telemetry.DecodeLeaf(m.Entry)
			check(t, err)
			if !seen[string(leaf.Hash[:])] {
				t.Fatalf("message %d of %s was stored and is gone: %+v", m.Seq, m.Tracker, a)
			}
			if m.Leaf != next[m.Log] {
				continue
			}
			next[m.Log]++
			if !slices.ContainsFunc(w.store.messages, func(o stored.Message) bool {
				return o.Log == m.Log && o.Leaf == m.Leaf && bytes.Equal(o.Entry, m.Entry)
			}) {
				t.Fatalf("leaf %d of log %s has moved: %+v", m.Leaf, m.Log, a)
			}
		}
		for _, d := range w.trackers {
			if !seen[string(d.prev[:])] {
				t.Fatalf("the newest message of %s is not taken: %+v", d.id, a)
			}
		}
		w.close()
	})
}

func keyOf(seed [32]byte) ed25519.PrivateKey { return ed25519.NewKeyFromSeed(seed[:]) }
