package sequence

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/trackseal/trackseal/ingest/internal/journal"
	"github.com/trackseal/trackseal/ingest/internal/message"
	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/merkle"
	"github.com/trackseal/trackseal/internal/telemetry"
)

var errInjected = errors.New("injected")

// faults fail commits on demand: before (not applied) or after (applied, but reported as failed).
type faults struct{ before, after int }

func (f *faults) Before(string) error {
	if f.before > 0 {
		f.before--
		return errInjected
	}
	return nil
}

func (f *faults) After(string) error {
	if f.after > 0 {
		f.after--
		return errInjected
	}
	return nil
}

type tester interface {
	Helper()
	Fatalf(string, ...any)
	Fatal(...any)
}

func openDB(t tester, dir string, f journal.Faults) *journal.DB {
	t.Helper()
	db, err := journal.Open(dir, journal.Options{Faults: f, MinFree: 1})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func openSequencer(t tester, db *journal.DB) *Sequencer {
	t.Helper()
	s, err := Open(db, Config{Channel: "trackseal", Ingest: "ingest-test"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// said is a signed message as the sequencer sees it.
func said(tracker string, boot, seq uint64, prev [32]byte, salt string) *message.Item {
	raw := fmt.Appendf(nil, "%s %d %d %x %s", tracker, boot, seq, prev, salt)
	return &message.Item{
		Raw: raw, ReceivedMS: 1_700_000_000_000 + int64(seq), TimeMS: 1_700_000_000_000 + int64(boot*1_000_000+seq), Tracker: tracker, Hash: sha256.Sum256(raw),
		Signed: true, Boot: boot, Seq: seq, Prev: prev, Routes: []message.Route{{Shipment: "S-1", ShipmentTx: "tx"}}, TrackerTx: "tx",
		Readings: journal.EncodeReadings(nil, 0),
	}
}

func again(it *message.Item) *message.Item {
	c := *it
	c.Outcome = 0
	return &c
}

// chain builds the messages of boots with the given lengths, each naming its predecessor.
func chain(tracker string, lengths ...int) []*message.Item {
	var all []*message.Item
	var prev [32]byte
	for b, n := range lengths {
		for s := range n {
			it := said(tracker, uint64(b+1), uint64(s), prev, "")
			prev = it.Hash
			all = append(all, it)
		}
	}
	return all
}

func apply(t tester, s *Sequencer, items ...*message.Item) []Ack {
	t.Helper()
	acks, err := s.Apply(items)
	if err != nil {
		t.Fatal(err)
	}
	return acks
}

func flagsOf(t tester, db *journal.DB) map[[32]byte][]string {
	t.Helper()
	flags := map[[32]byte][]string{}
	if err := db.Queued(0, func(_ uint64, kind journal.RecordKind, body []byte) (bool, error) {
		if kind != journal.MessageRecord {
			return true, nil
		}
		m, err := journal.DecodeMessage(body)
		if err != nil {
			return false, err
		}
		h := sha256.Sum256(m.Raw)
		if _, twice := flags[h]; twice {
			return false, fmt.Errorf("message %q is queued twice", m.Raw)
		}
		flags[h] = m.Flags.Names()
		return true, nil
	}); err != nil {
		t.Fatal(err)
	}
	return flags
}

func TestFlagsAndAcks(t *testing.T) {
	c := chain("T", 5, 3)
	fork := said("T", 1, 1, c[0].Hash, "another")
	broken := said("T", 1, 2, [32]byte{9}, "")
	lost := said("T", 2, 0, [32]byte{}, "forgot")
	gapMsg := said("T", 1, 4, [32]byte{7}, "gap")
	gapMsg.Gap = &telemetry.GapDetail{Boot: 1, FromSeq: 1, ToSeq: 3}
	lostStart := said("T", 2, 3, [32]byte{6}, "gap")
	lostStart.Gap = &telemetry.GapDetail{Boot: 2, FromSeq: 0, ToSeq: 2}
	stale := said("T", 1, 9, [32]byte{8}, "")
	stale.TimeMS += 100_000_000
	for _, tc := range []struct {
		name  string
		send  []*message.Item
		flags map[int]string // index in send -> flags of that message
		ack   string
	}{
		{"in order", c[:3], nil, "1/2"},
		{"hole", []*message.Item{c[0], c[2]}, map[int]string{1: "[seq_gap]"}, "1/0"},
		{"hole filled", []*message.Item{c[0], c[2], c[1]}, map[int]string{1: "[seq_gap]", 2: "[reordered]"}, "1/2"},
		{"repeated", []*message.Item{c[0], c[1], again(c[1]), again(c[0])}, nil, "1/1"},
		{"starts late", []*message.Item{c[3]}, map[int]string{0: "[seq_gap]"}, ""},
		{"next boot follows", append(append([]*message.Item{}, c[:5]...), c[5]), nil, "2/0"},
		{"next boot before the end of the last", []*message.Item{c[0], c[1], c[5]}, map[int]string{2: "[seq_gap]"}, "1/1"},
		{"end of the last boot comes late", []*message.Item{c[0], c[1], c[2], c[3], c[5], c[6], c[4]}, map[int]string{4: "[seq_gap]", 6: "[reordered]"}, "2/1"},
		{"fork", []*message.Item{c[0], c[1], fork, again(fork)}, map[int]string{2: "[fork]"}, "1/1"},
		{"chain break", []*message.Item{c[0], c[1], broken}, map[int]string{2: "[chain_break]"}, "1/2"},
		{"new boot without memory", []*message.Item{c[0], c[1], lost}, map[int]string{2: "[chain_break]"}, "2/0"},
		{"declared gap", []*message.Item{c[0], gapMsg}, map[int]string{1: "[seq_gap]"}, "1/4"},
		{"beginning of a boot declared lost", []*message.Item{c[0], c[1], lostStart}, map[int]string{2: "[seq_gap]"}, "2/3"},
		{"everything so far declared lost", []*message.Item{lostStart}, map[int]string{0: "[seq_gap]"}, "2/3"},
		{"old boot speaks again", []*message.Item{c[0], c[1], c[2], c[3], c[4], c[5], stale}, map[int]string{6: "[boot_regress]"}, "2/0"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			db := openDB(t, t.TempDir(), nil)
			defer db.Close()
			s := openSequencer(t, db)
			ack := ""
			for _, it := range tc.send {
				it = again(it)
				for _, a := range apply(t, s, it) {
					ack = fmt.Sprintf("%d/%d", a.Boot, a.Seq)
				}
			}
			if ack != tc.ack {
				t.Errorf("ack %q, want %q", ack, tc.ack)
			}
			got := flagsOf(t, db)
			for i, it := range tc.send {
				want := tc.flags[i]
				if want == "" {
					want = "[]"
				}
				if i > 0 && fmt.Sprint(got[it.Hash]) != want && it.Hash != tc.send[i-1].Hash {
					t.Errorf("message %d has flags %v, want %s", i, got[it.Hash], want)
				}
			}
			// The same in one batch.
			db2 := openDB(t, t.TempDir(), nil)
			defer db2.Close()
			s2 := openSequencer(t, db2)
			var items []*message.Item
			for _, it := range tc.send {
				items = append(items, again(it))
			}
			ack = ""
			for _, a := range apply(t, s2, items...) {
				ack = fmt.Sprintf("%d/%d", a.Boot, a.Seq)
			}
			if ack != tc.ack || fmt.Sprint(flagsOf(t, db2)) != fmt.Sprint(got) {
				t.Errorf("one batch: ack %q flags %v, one by one: %q %v", ack, flagsOf(t, db2), tc.ack, got)
			}
		})
	}
}

func TestPlainMessages(t *testing.T) {
	db := openDB(t, t.TempDir(), nil)
	defer db.Close()
	s := openSequencer(t, db)
	plain := func(raw string, received int64, timed bool) *message.Item {
		return &message.Item{Raw: []byte(raw), Tracker: "T", Hash: sha256.Sum256([]byte(raw)), ReceivedMS: received, TimeMS: received, Timed: timed,
			TrackerTx: "tx", Readings: journal.EncodeReadings(nil, 0)}
	}
	for i, tc := range []struct {
		it   *message.Item
		want message.Outcome
	}{
		{plain(`{"time":1}`, 1_000, true), message.Logged},
		{plain(`{"time":1}`, 90_000_000, true), message.Duplicate}, // its own time makes it the same message, whenever it comes
		{plain(`{"temperature":4}`, 1_000, false), message.Logged},
		{plain(`{"temperature":4}`, 1_500, false), message.Duplicate}, // a repeated delivery
		{plain(`{"temperature":4}`, 61_000, false), message.Logged},   // measured again
		{plain(`{"temperature":5}`, 61_000, false), message.Logged},
	} {
		apply(t, s, tc.it)
		if tc.it.Outcome != tc.want {
			t.Errorf("message %d: outcome %d, want %d", i, tc.it.Outcome, tc.want)
		}
	}
}

// Ensure that whatever the order, the repeats, the batching, the failed commits and the restarts: every message has one
// leaf, no ack promises what is missing, and in the end all is acknowledged.
func TestAnyDeliveryAccountsForEveryMessage(t *testing.T) {
	root := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		dir := fmt.Sprintf("%s/%d", root, counter())
		f := &faults{}
		db := openDB(t, dir, f)
		defer func() { db.Close() }()
		s := openSequencer(t, db)
		trackers := rapid.IntRange(1, 3).Draw(t, "trackers")
		var all []*message.Item
		for i := range trackers {
			all = append(all, chain(fmt.Sprintf("T-%d", i), rapid.SliceOfN(rapid.IntRange(1, 12), 1, 4).Draw(t, "boots")...)...)
		}
		delivery := make([]*message.Item, 0, 2*len(all))
		for _, it := range all {
			for range rapid.IntRange(1, 3).Draw(t, "copies") {
				delivery = append(delivery, it)
			}
		}
		delivery = rapid.Permutation(delivery).Draw(t, "order")
		delivered := map[[32]byte]bool{}
		for len(delivery) > 0 {
			n := rapid.IntRange(1, min(20, len(delivery))).Draw(t, "batch")
			batch := make([]*message.Item, n)
			for i, it := range delivery[:n] {
				batch[i] = again(it)
			}
			switch rapid.IntRange(0, 6).Draw(t, "fault") {
			case 0:
				f.before = 1
			case 1:
				f.after = 1
			case 2: // a restart
				if err := db.Close(); err != nil {
					t.Fatal(err)
				}
				db = openDB(t, dir, f)
				s = openSequencer(t, db)
			}
			acks, err := s.Apply(batch)
			for err != nil {
				if !errors.Is(err, errInjected) {
					t.Fatal(err)
				}
				acks, err = s.Apply(batch)
			}
			f.before, f.after = 0, 0
			for _, it := range delivery[:n] {
				delivered[it.Hash] = true
			}
			for _, a := range acks {
				for _, it := range all {
					covered := it.Boot < a.Boot || it.Boot == a.Boot && it.Seq <= a.Seq
					if it.Tracker == a.Tracker && covered && !delivered[it.Hash] {
						t.Fatalf("ack %d/%d of %s promises %d/%d, which never came", a.Boot, a.Seq, a.Tracker, it.Boot, it.Seq)
					}
				}
			}
			delivery = delivery[n:]
		}
		queued := flagsOf(t, db)
		if len(queued) != len(all) {
			t.Fatalf("%d messages queued, %d sent", len(queued), len(all))
		}
		last := map[string]*message.Item{}
		for _, it := range all {
			last[it.Tracker] = it
		}
		for tracker, it := range last {
			acks := apply(t, s, again(it))
			if len(acks) != 1 || acks[0].Boot != it.Boot || acks[0].Seq != it.Seq {
				t.Fatalf("%s: all delivered, ack %+v, want %d/%d", tracker, acks, it.Boot, it.Seq)
			}
		}
		logs, err := s.Logs(anchor.Shipment, "S-1")
		if err != nil || len(logs) != 1 || logs[0].Size != uint64(len(all)) {
			t.Fatalf("logs %+v, want one with %d leaves (%v)", logs, len(all), err)
		}
		checkLeaves(t, db, logs[0])
	})
}

// checkLeaves rebuilds a log from the queue.
func checkLeaves(t tester, db *journal.DB, info LogInfo) {
	t.Helper()
	var l merkle.Log
	if err := db.Queued(0, func(_ uint64, _ journal.RecordKind, body []byte) (bool, error) {
		m, err := journal.DecodeMessage(body)
		if err != nil {
			return false, err
		}
		if m.Leaf != l.Size() {
			return false, fmt.Errorf("leaf %d queued at %d", m.Leaf, l.Size())
		}
		l.Append(merkle.LeafHash(m.Entry), nil)
		return true, nil
	}); err != nil {
		t.Fatal(err)
	}
	if hexRoot(&l) != info.Root {
		t.Fatalf("root %s, want %s", hexRoot(&l), info.Root)
	}
}

var runs int

func counter() int { runs++; return runs }

// Ensure that a sequencer that forgets nearly everything between two batches, and is restarted now and then, does exactly what one
// does that remembers all: the same leaves, flags, acks and heads.
func TestWhatWasForgottenComesBack(t *testing.T) {
	root := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		at := fmt.Sprintf("%s/forgets-%d", root, counter())
		f := &faults{}
		open := func(dir string, keep int, f journal.Faults) (*journal.DB, *Sequencer) {
			db := openDB(t, dir, f)
			s, err := Open(db, Config{Channel: "trackseal", Ingest: "ingest-test", Keep: keep})
			if err != nil {
				t.Fatal(err)
			}
			return db, s
		}
		remembers, all := open(at+"-not", 1<<20, nil)
		defer remembers.Close()
		forgets, few := open(at, 1, f)
		defer func() { forgets.Close() }()
		var sent []*message.Item
		for i := range rapid.IntRange(2, 5).Draw(t, "trackers") {
			for _, it := range chain(fmt.Sprintf("T-%d", i), rapid.SliceOfN(rapid.IntRange(1, 8), 1, 3).Draw(t, "boots")...) {
				it.Routes = nil
				for _, id := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"S-1", "S-2", "S-3"}), 0, 3, rapid.ID[string]).Draw(t, "shipments") {
					it.Routes = append(it.Routes, message.Route{Shipment: id, ShipmentTx: "tx"})
				}
				sent = append(sent, it)
			}
		}
		sent = append(sent, sent[:len(sent)/2]...)
		sent = rapid.Permutation(sent).Draw(t, "order")
		for len(sent) > 0 {
			n := rapid.IntRange(1, min(6, len(sent))).Draw(t, "batch")
			var batches [2][]*message.Item
			for _, it := range sent[:n] {
				batches[0], batches[1] = append(batches[0], again(it)), append(batches[1], again(it))
			}
			sent = sent[n:]
			want := apply(t, all, batches[0]...)
			switch rapid.IntRange(0, 9).Draw(t, "fault") {
			case 0: // a crash
				if err := forgets.Close(); err != nil {
					t.Fatal(err)
				}
				forgets, few = open(at, 1, f)
			case 1:
				f.before = 1
			}
			got, err := few.Apply(batches[1])
			if errors.Is(err, errInjected) {
				got, err = few.Apply(batches[1])
			}
			f.before = 0
			if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("acks %+v, expected %+v (%v)", got, want, err)
			}
			if few.trackers.Len() > 2*6 || few.logs.Len() > 2*6 {
				t.Fatalf("%d trackers, %d logs are in memory", few.trackers.Len(), few.logs.Len())
			}
			step := rapid.IntRange(0, 5).Draw(t, "then")
			for _, s := range []*Sequencer{all, few} {
				switch step {
				case 0:
					err = s.Seal(fmt.Sprintf("S-%d", n%3+1))
				case 1:
					_, err = s.PrepareAnchor()
				case 2:
					var p *Pending
					if p, err = s.PrepareAnchor(); p != nil && err == nil {
						err = s.CompleteAnchor(p, Anchored{Size: p.NewSize, Root: p.NewRoot, Tx: "tx", TimeMS: 7})
					}
				}
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		state := func(s *Sequencer) string {
			return fmt.Sprintf("unanchored %d, growth %d, newest %+v, pending %s", s.Unanchored(), s.Growth(), s.Last(), journal.JSON(s.pending))
		}
		if got, want := state(few), state(all); got != want {
			t.Fatalf("%s\nexpected %s", got, want)
		}
		if got, want := queueOf(t, forgets), queueOf(t, remembers); got != want {
			t.Fatalf("queue\n%s\nexpected\n%s", got, want)
		}
	})
}

func queueOf(t tester, db *journal.DB) (all string) {
	t.Helper()
	if err := db.Queued(0, func(n uint64, kind journal.RecordKind, body []byte) (bool, error) {
		all += fmt.Sprintf("%d %d %x\n", n, kind, body)
		return true, nil
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

// A message of several shipments has one leaf in each of their logs, and is one message: once a duplicate, once acknowledged, once
// in the tracker's own log for all shipments that have ended.
func TestOneMessageOfSeveralShipments(t *testing.T) {
	dir := t.TempDir()
	db := openDB(t, dir, nil)
	s := openSequencer(t, db)
	c := chain("T", 3)
	route := func(it *message.Item, shipments ...string) *message.Item {
		it = again(it)
		it.Routes = nil
		for _, id := range shipments {
			it.Routes = append(it.Routes, message.Route{Shipment: id, ShipmentTx: "tx"})
		}
		return it
	}
	if err := s.Seal("S-9"); err != nil {
		t.Fatal(err)
	}
	if err := s.Seal("S-8"); err != nil {
		t.Fatal(err)
	}
	both := route(c[0], "S-1", "S-2")
	acks := apply(t, s, both, route(c[0], "S-1", "S-2"), route(c[1], "S-2", "S-8", "S-9"))
	if len(acks) != 1 || acks[0].Seq != 1 || both.Outcome != message.Logged {
		t.Errorf("acks %+v, outcome %d", acks, both.Outcome)
	}
	if n := s.Counts(); n.Logged != 2 || n.Duplicates != 1 || s.Growth() != 4 || s.Unanchored() != 4 {
		t.Errorf("%+v, growth %d, unanchored %d; want 2 messages, 1 duplicate, 4 leaves", n, s.Growth(), s.Unanchored())
	}
	if acks := apply(t, s, route(c[0], "S-1", "S-2")); len(acks) != 1 || s.Growth() != 4 {
		t.Errorf("again: acks %+v, growth %d", acks, s.Growth())
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = openDB(t, dir, nil)
	defer db.Close()
	s = openSequencer(t, db)
	if s.Growth() != 4 || s.Unanchored() != 4 {
		t.Errorf("after a restart growth %d, unanchored %d", s.Growth(), s.Unanchored())
	}
	var got []string
	if err := db.Queued(0, func(_ uint64, _ journal.RecordKind, body []byte) (bool, error) {
		m, err := journal.DecodeMessage(body)
		got = append(got, fmt.Sprintf("%d %q leaf %d %v", m.Seq, m.Shipment, m.Leaf, m.Flags.Names()))
		return true, err
	}); err != nil {
		t.Fatal(err)
	}
	want := []string{`0 "S-1" leaf 0 []`, `0 "S-2" leaf 0 []`, `1 "S-2" leaf 1 []`, `1 "" leaf 0 [after_close]`}
	if !slices.Equal(got, want) {
		t.Errorf("queued\n%q, want\n%q", got, want)
	}
}
