package sequence

import (
	"crypto/sha256"
	"fmt"
	"testing"

	"github.com/trackseal/trackseal/ingest/internal/journal"
	"github.com/trackseal/trackseal/ingest/internal/message"
)

func forgetAll(t *testing.T, s *Sequencer, beforeMS int64) (gone int) {
	t.Helper()
	for from, steps := []byte(nil), 0; ; steps++ {
		next, n, err := s.Forget(from, beforeMS, 3)
		if err != nil || steps > 1000 {
			t.Fatalf("step %d: %v", steps, err)
		}
		gone += n
		if next == nil {
			return gone
		}
		from = next
	}
}

// What recognises old messages goes, and nothing else notices: the chain goes on, newer ones are recognised.
func TestForget(t *testing.T) {
	const start = 1_700_000_000_000
	db := openDB(t, t.TempDir(), nil)
	defer db.Close()
	s := openSequencer(t, db)
	at := func(day int, items ...*message.Item) []*message.Item {
		for _, it := range items {
			it.ReceivedMS = start + int64(day)*dayMS
		}
		return items
	}
	plain := func(raw string) *message.Item {
		return &message.Item{Raw: []byte(raw), Tracker: "P", Hash: sha256.Sum256([]byte(raw)), Timed: true, TrackerTx: "tx", Readings: journal.EncodeReadings(nil, 0)}
	}
	outcome := func(it *message.Item) message.Outcome { apply(t, s, it); return it.Outcome }
	a := chain("A", 10, 10)
	b := chain("B", 10) // its second message comes last
	fork := said("A", 1, 2, a[1].Hash, "another")
	apply(t, s, at(0, append(append([]*message.Item{}, a[:5]...), fork)...)...)
	apply(t, s, at(0, append(append([]*message.Item{}, b[0]), b[2:]...)...)...)
	apply(t, s, at(0, plain("old"), plain("renewed"))...)
	apply(t, s, at(100, append(append([]*message.Item{}, a[5:15]...), plain("new"))...)...)

	if gone := forgetAll(t, s, start-dayMS); gone != 0 {
		t.Fatalf("%d are forgotten before their time", gone)
	}
	// Of A the five of day 0 and the fork, of B the first is the last before the hole, of P two.
	if gone := forgetAll(t, s, start+50*dayMS); gone != 5+1+0+2 {
		t.Fatalf("%d are forgotten, expected 8", gone)
	}
	if gone := forgetAll(t, s, start+50*dayMS); gone != 0 {
		t.Fatalf("%d are forgotten twice", gone)
	}
	for _, it := range a[5:15] {
		if outcome(at(101, again(it))[0]) != message.Duplicate {
			t.Errorf("message %d/%d of A is not recognised after 1 day", it.Boot, it.Seq)
		}
	}
	if outcome(at(101, plain("new"))[0]) != message.Duplicate || outcome(at(101, plain("old"))[0]) != message.Logged {
		t.Error("plain messages: the new one is to be recognised, the old one not any more")
	}
	acks := apply(t, s, at(101, a[15:]...)...)
	if fmt.Sprint(acks) != fmt.Sprint([]Ack{{Tracker: "A", Boot: 2, Seq: 9}}) {
		t.Errorf("A goes on to %+v", acks)
	}
	acks = apply(t, s, at(101, b[1])...)
	if fmt.Sprint(acks) != fmt.Sprint([]Ack{{Tracker: "B", Boot: 1, Seq: 9}}) {
		t.Errorf("B's hole is filled, it goes on to %+v", acks)
	}
	// Years later all but the two before each position goes.
	forgetAll(t, s, start+5000*dayMS)
	left := 0
	for _, prefix := range journal.RepeatPrefixes {
		if err := db.Scan(prefix, func(_, _ []byte) error { left++; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if left != 2+2 {
		t.Errorf("%d keys are left, expected two for each tracker", left)
	}
	next := said("A", 2, 10, a[19].Hash, "")
	apply(t, s, at(5000, next)...)
	old := again(a[3]) // sent again after it was forgotten
	if outcome(at(5000, old)[0]) != message.Logged || outcome(at(5000, again(old))[0]) != message.Duplicate {
		t.Error("a forgotten message gets one more leaf, and no third")
	}
	flags := map[[32]byte]string{}
	if err := db.Queued(0, func(_ uint64, _ journal.RecordKind, body []byte) (bool, error) {
		m, err := journal.DecodeMessage(body)
		flags[sha256.Sum256(m.Raw)] = fmt.Sprint(m.Flags.Names())
		return true, err
	}); err != nil {
		t.Fatal(err)
	}
	if flags[next.Hash] != "[late]" || flags[old.Hash] != "[reordered late]" {
		t.Errorf("flags of the next message %s, of the forgotten one %s", flags[next.Hash], flags[old.Hash])
	}
}
