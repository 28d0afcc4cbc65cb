package replica

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/evidence/evidencetest"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/merkle"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/stored/copying"
	"github.com/trackseal/trackseal/internal/stored/outside"
	"github.com/trackseal/trackseal/internal/stored/transfer"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/internal/testkit"
)

// What is anchored is copied, point for point, and only what is new is asked for.
func TestCopies(t *testing.T) {
	w := newWorld(t)
	if err := w.round(); err != nil {
		t.Fatal(err)
	}
	w.same(0, 0)
	w.log(4)
	w.log(2)
	if err := w.round(); err != nil {
		t.Fatal(err)
	}
	w.same(8, 2)
	w.log(1)
	if err := w.ingest.Signed(w.tracker.Message(w.ms+1, nil)); err != nil { // logged, and not anchored
		t.Fatal(err)
	}
	if err := w.round(); err != nil {
		t.Fatal(err)
	}
	w.same(10, 3)
	asked, writes := w.node.asked, w.own.Writes
	if err := w.round(); err != nil {
		t.Fatal(err)
	}
	if w.node.asked != asked || w.own.Writes != writes {
		t.Errorf("with nothing new the operator was asked %d times, and %d batches were written", w.node.asked-asked, w.own.Writes-writes)
	}
	st := w.replica.States()[0]
	if st.Anchored != 3 || st.Copied != 3 || st.Behind != 0 || len(st.Findings) != 0 {
		t.Errorf("%+v", st)
	}
	registry := prometheus.NewRegistry()
	w.replica.measure(registry)
	if got, err := registry.Gather(); err != nil || len(got) != 3 {
		t.Errorf("metrics: %v, %v", got, err)
	}
}

// A new process goes on where the store is, and copies again what was lost from it or changed in it.
func TestGoesOnFromTheStore(t *testing.T) {
	w := newWorld(t)
	w.log(4)
	w.rounds()
	w.open(w.own)
	w.log(3)
	w.rounds()
	w.same(9, 2)

	w.own.Stored = slices.Delete(w.own.Stored, 2, 3)
	w.open(w.own)
	w.log(1)
	w.rounds()
	if len(w.findings()) != 0 || len(w.own.Stored) != 11 || len(w.own.HeadList) != 3 {
		t.Errorf("after a loss: %d messages, %d heads, findings %v", len(w.own.Stored), len(w.own.HeadList), w.findings())
	}
}

// Killed after any write, the next process ends with the same.
func TestKilledBetweenWrites(t *testing.T) {
	for after := range 4 {
		w := newWorld(t)
		w.log(4)
		w.log(2)
		dying := &mortal{Store: w.own, left: after}
		w.open(dying)
		err := w.round()
		if dying.left < 0 != (err != nil) {
			t.Errorf("after %d writes: %v", after, err)
		}
		w.open(w.own)
		w.rounds()
		w.same(8, 2)
	}
}

// mortal is a store that stops taking writes.
type mortal struct {
	Store
	left int
}

func (m *mortal) NewBatch() stored.Batch { return &mortalBatch{m.Store.NewBatch(), m} }

type mortalBatch struct {
	stored.Batch
	of *mortal
}

func (b *mortalBatch) Write(ctx context.Context) error {
	if b.of.left--; b.of.left < 0 {
		return stored.ErrUnavailable
	}
	return b.Batch.Write(ctx)
}

func TestStoreAndOperatorAway(t *testing.T) {
	w := newWorld(t)
	w.log(4)
	w.own.SetDown(true)
	if err := w.round(); !errors.Is(err, stored.ErrUnavailable) {
		t.Errorf("without the own store: %v", err)
	}
	w.own.SetDown(false)
	w.node.fail = errors.New("no route")
	if err := w.round(); err == nil {
		t.Error("an operator that does not answer is no error")
	}
	if st := w.replica.States()[0]; st.Copied != 0 || len(st.Findings) != 0 {
		t.Errorf("at once: %+v", st)
	}
	w.ms += patience.Milliseconds()
	_ = w.round()
	if st := w.replica.States()[0]; st.Behind < patience || len(st.Findings) != 1 || st.Findings[0].What != copying.Lagging {
		t.Errorf("after a while: %+v", st)
	}
	w.node.fail = nil
	w.rounds()
	w.same(5, 1)
	if st := w.replica.States()[0]; st.Behind != 0 || len(st.Findings) != 0 {
		t.Errorf("at the end: %+v", st)
	}
}

// Each lie is named, nothing of it is written, and the truth heals it.
func TestLies(t *testing.T) {
	other := func(w *world) []byte { // a message of the same tracker that was never logged
		return w.tracker.Message(w.ms+5, nil)
	}
	message := func(leaf uint64, change func(w *world, m *transfer.Message)) func(*world) {
		return func(w *world) {
			w.node.messages = func(from uint64, entries bool, page *transfer.Messages) {
				if i := int(leaf) - int(from); i >= 0 && i < len(page.Items) && !entries {
					change(w, &page.Items[i])
				}
			}
		}
	}
	entry := func(least int, change func(w *world, page *transfer.Messages)) func(*world) {
		return func(w *world) {
			w.node.messages = func(from uint64, _ bool, page *transfer.Messages) {
				if from == 0 && len(page.Items) > least {
					change(w, page)
				}
			}
		}
	}
	heads := func(change func(w *world, h *transfer.Heads)) func(*world) {
		return func(w *world) { w.node.heads = func(h *transfer.Heads) { change(w, h) } }
	}
	type lying struct {
		lie    func(*world)
		what   string
		leaf   uint64
		leaves int // written nevertheless
		heads  int
	}
	twice := map[string]lying{
		"entries that change": {message(6, func(w *world, m *transfer.Message) { m.Entry = w.node.store.Stored[0].Entry }), copying.Differs, 6, 7, 1},
		"another message":     {message(3, func(w *world, m *transfer.Message) { m.Raw = other(w) }), copying.Differs, 3, 7, 0},
		"no bytes":            {message(6, func(_ *world, m *transfer.Message) { m.Raw = nil }), copying.Differs, 6, 7, 1},
	}
	for name, c := range map[string]lying{
		"another message":              {message(3, func(w *world, m *transfer.Message) { m.Raw = other(w) }), copying.Differs, 3, 7, 0},
		"one bit of the signature":     {message(3, func(_ *world, m *transfer.Message) { m.Raw[len(m.Raw)/3] ^= 1 }), copying.Differs, 3, 7, 0},
		"one bit of the readings":      {message(3, func(_ *world, m *transfer.Message) { m.Raw[len(m.Raw)-1] ^= 1 }), copying.Differs, 3, 7, 0},
		"no bytes":                     {message(3, func(_ *world, m *transfer.Message) { m.Raw = nil }), copying.Differs, 3, 7, 0},
		"endless bytes":                {message(3, func(_ *world, m *transfer.Message) { m.Raw = make([]byte, 1<<20) }), copying.Form, 3, 7, 0},
		"a plain message":              {message(4, func(_ *world, m *transfer.Message) { m.Raw = append(m.Raw, ' ') }), copying.Differs, 4, 7, 0},
		"a plain message, its tracker": {message(4, func(w *world, m *transfer.Message) { m.Raw = renamed(w.tracker.ID, m.Raw) }), copying.Differs, 4, 7, 0},
		"flags that are none":          {message(3, func(_ *world, m *transfer.Message) { m.Flags = []string{"late,x\"y"} }), copying.Form, 3, 7, 0},
		"many flags":                   {message(3, func(_ *world, m *transfer.Message) { m.Flags = slices.Repeat([]string{"late"}, 100) }), copying.Form, 3, 7, 0},
		"the later message":            {message(6, func(_ *world, m *transfer.Message) { m.Raw = nil }), copying.Differs, 6, 7, 1},
		"another leaf": {entry(3, func(w *world, page *transfer.Messages) {
			page.Items[3].Entry = telemetry.Leaf{Kind: telemetry.LeafSigned, ReceivedMS: w.ms, Ingest: instance}.Encode()
		}), copying.Root, 4, 0, 0},
		"leaves of another instance": {entry(2, func(w *world, page *transfer.Messages) {
			page.Items[2].Entry = telemetry.Leaf{Kind: telemetry.LeafSigned, Ingest: "carrier.ingest-2"}.Encode()
		}), copying.Differs, 2, 0, 0},
		"no leaf": {entry(1, func(_ *world, page *transfer.Messages) { page.Items[1].Entry = []byte{1} }), copying.Differs, 1, 0, 0},
		"two leaves swapped": {func(w *world) {
			w.node.messages = func(from uint64, _ bool, page *transfer.Messages) {
				if a, b := 5-int(from), 6-int(from); a >= 0 && b < len(page.Items) {
					page.Items[a], page.Items[b] = page.Items[b], page.Items[a]
				}
			}
		}, copying.Root, 7, 5, 1},
		"a hidden leaf": {entry(2, func(_ *world, page *transfer.Messages) { page.Items = append(page.Items[:2:2], page.Items[3:]...) }), copying.Root, 4, 0, 0},
		"hidden leaves": {entry(-1, func(_ *world, page *transfer.Messages) { page.Items = page.Items[:0] }), copying.Missing, 0, 0, 0},
		"a short page, again and again": {entry(0, func(_ *world, page *transfer.Messages) {
			page.Items = page.Items[:min(1, len(page.Items))]
		}), "", 0, 8, 2},
		"more than was asked for": {entry(-1, func(_ *world, page *transfer.Messages) {
			page.Items = append(page.Items, page.Items...)
		}), copying.Form, 0, 0, 0},
		"a head's size":     {heads(func(_ *world, h *transfer.Heads) { h.Items[0].HeadsSize++ }), copying.Anchor, 0, 0, 0},
		"a head's root":     {heads(func(_ *world, h *transfer.Heads) { h.Items[0].HeadsRoot = make([]byte, 32) }), copying.Anchor, 0, 0, 0},
		"a head's path":     {heads(func(_ *world, h *transfer.Heads) { h.Items[len(h.Items)-1].Path = [][]byte{make([]byte, 32)} }), copying.Anchor, 0, 5, 1},
		"a head of nothing": {heads(func(_ *world, h *transfer.Heads) { h.Items[0].Entry = nil }), copying.Anchor, 0, 0, 0},
		"a heads log of its own": {heads(func(w *world, h *transfer.Heads) {
			h.Items[0].Path, h.Items[0].HeadsSize, h.Items[0].Index = [][]byte{}, 1, 0
			leaf := anchor.HeadLeaf{Log: w.ingest.ID(), Size: 4}
			h.Items[0].Entry = leaf.Encode()
			root := merkle.LeafHash(h.Items[0].Entry)
			h.Items[0].HeadsRoot = root[:]
		}), copying.Anchor, 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			lied(t, c.lie, c.what, c.leaf, c.leaves, c.heads)
		})
	}
	// Where more comes than is kept, messages come a second time, and so can their entries.
	for name, c := range twice {
		t.Run(name+", the second time", func(t *testing.T) {
			lied(t, func(w *world) { w.source().copier.Held = -1; c.lie(w) }, c.what, c.leaf, c.leaves, c.heads)
		})
	}
}

// lied looks at what an operator gives that lies: what is found and written, and that the truth heals it.
func lied(t *testing.T, lie func(*world), what string, leaf uint64, leaves, heads int) {
	w := newWorld(t)
	w.log(4)
	w.log(2)
	lie(w)
	w.rounds()
	found := w.findings()
	if what == "" && len(found) > 0 || what != "" && !slices.ContainsFunc(found, func(f Finding) bool {
		return f.What == what && f.Leaf == leaf && f.By == instance && f.Detail != ""
	}) {
		t.Errorf("found %+v, expected %q at leaf %d", found, what, leaf)
	}
	if len(w.own.Stored) != leaves || len(w.own.HeadList) != heads {
		t.Errorf("%d messages and %d heads were written, expected %d and %d", len(w.own.Stored), len(w.own.HeadList), leaves, heads)
	}
	for _, m := range w.own.Stored {
		if i := slices.IndexFunc(w.node.store.Stored, func(o stored.Message) bool {
			return o.Leaf == m.Leaf && string(o.Raw) == string(m.Raw) && o.Tracker == m.Tracker
		}); i < 0 {
			t.Errorf("leaf %d was written with other bytes", m.Leaf)
		}
	}
	w.node.messages, w.node.heads = nil, nil
	w.rounds()
	if found := w.findings(); len(found) > 0 {
		t.Errorf("after the truth: %+v", found)
	}
	if len(w.own.Stored) != 8 || len(w.own.HeadList) != 2 {
		t.Errorf("after the truth %d messages and %d heads", len(w.own.Stored), len(w.own.HeadList))
	}
}

// A message that the operator has logged and anchored, and that no enrolled key has signed, is not taken.
func TestForged(t *testing.T) {
	w := newWorld(t)
	thief := evidencetest.NewTracker(w.tracker.ID, telemetry.Ed25519)
	if err := w.ingest.Signed(thief.Message(w.ms, nil)); err != nil {
		t.Fatal(err)
	}
	stranger := evidencetest.NewTracker("carrier.t-elsewhere", telemetry.Ed25519)
	w.enrol(stranger) // and not assigned
	if err := w.ingest.Signed(stranger.Message(w.ms, nil)); err != nil {
		t.Fatal(err)
	}
	w.log(2)
	w.rounds()
	found := w.findings()
	if len(found) != 2 || found[0].What != copying.Forged || found[0].Leaf != 0 || found[1].What != copying.Forged || found[1].Leaf != 1 || found[0].Subject != w.ship.ID {
		t.Errorf("found %+v", found)
	}
	if len(w.own.Stored) != 3 || len(w.own.HeadList) != 0 {
		t.Errorf("%d messages, %d heads", len(w.own.Stored), len(w.own.HeadList))
	}
}

// A head that was hidden shows when the next one names it, and stays named.
func TestHiddenHead(t *testing.T) {
	w := newWorld(t)
	w.log(1)
	w.rounds()
	w.log(1)
	hide := w.node.store.HeadList[1].Index
	w.node.heads = func(h *transfer.Heads) {
		h.Items = slices.DeleteFunc(h.Items, func(x transfer.Head) bool { return x.Index == hide })
		h.Next = max(h.Next, hide+1)
	}
	w.rounds()
	if found := w.findings(); len(found) != 0 {
		t.Errorf("nothing shows it yet: %+v", found)
	}
	w.log(1)
	w.rounds()
	if found := w.findings(); len(found) != 1 || found[0].What != copying.Missing || len(w.own.Stored) != 6 {
		t.Errorf("found %+v with %d messages", found, len(w.own.Stored))
	}
}

// What a record on the ledger names and the operator does not give is named, with the record.
func TestHiddenFromTheLedgersWord(t *testing.T) {
	w := newWorld(t)
	w.log(3)
	w.rounds()
	w.log(3)
	w.node.heads = func(h *transfer.Heads) { h.Items, h.Next = h.Items[:0], 2 }
	size, root := w.ingest.Size()
	event := ledger.Event{Name: ledger.EventVerdict, Payload: fmt.Appendf(nil, `{"shipment":%q,"by":"CarrierMSP","logs":[{"log":%q,"size":%d,"root":%q}]}`, w.ship.ID, w.ingest.LogID(), size, root)}
	if err := w.replica.subjects.take(event); err != nil {
		t.Fatal(err)
	}
	began := w.ms
	if err := w.round(); err != nil || len(w.findings()) != 0 {
		t.Errorf("at once: %v, %+v", err, w.findings())
	}
	for w.ms-began <= 30_000 && len(w.findings()) == 0 {
		w.ms += 1000
		if err := w.round(); err != nil {
			t.Fatal(err)
		}
	}
	found := w.findings()
	if len(found) != 1 || found[0].What != copying.Missing || found[0].Leaf != 4 {
		t.Errorf("after %d ms: %+v", w.ms-began, found)
	}
	w.node.heads = nil
	w.rounds()
	w.same(8, 2)
}

// Heads that stay the same while the ledger goes on are a lag, named in 30 s.
func TestStaleHeads(t *testing.T) {
	w := newWorld(t)
	w.log(3)
	w.rounds()
	w.log(3)
	w.node.heads = func(h *transfer.Heads) { h.Items, h.Next = h.Items[:0], 1 }
	began := w.ms
	for w.ms-began <= 30_000 && len(w.findings()) == 0 {
		w.ms += 1000
		if err := w.round(); err != nil {
			t.Fatal(err)
		}
	}
	if found := w.findings(); len(found) != 1 || found[0].What != copying.Lagging {
		t.Errorf("after %d ms: %+v", w.ms-began, found)
	}
}

// Who is no party copies nothing, and a party that declines stops.
func TestOnlyOwnShipments(t *testing.T) {
	w := newWorld(t)
	w.log(3)
	w.replica.cfg.Ledger = w.ledger.As("AuditorMSP")
	w.replica = New(w.replica.cfg)
	if _, err := w.replica.subjects.list(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.rounds()
	w.same(0, 0)

	w.open(w.own)
	w.rounds()
	w.same(4, 1)
	r := w.ship
	r.Parties = ledger.Parties{"carrier": {"CarrierMSP"}}
	w.replica.subjects.shipment(r, true)
	w.log(1)
	w.rounds()
	w.same(4, 1)
}

// A shipment that is made later is copied from its beginning; so is one of which the operator heard later than the ledger.
func TestNewSubjects(t *testing.T) {
	w := newWorld(t)
	all := w.replica.subjects.all
	w.replica.subjects.all = map[string]subject{}
	w.log(2)
	w.rounds()
	w.same(0, 0)
	w.replica.subjects.all = all
	w.replica.subjects.news++
	w.log(2)
	w.rounds()
	w.same(6, 2)
}

// Too far behind, each log is asked for.
func TestTooFarBehind(t *testing.T) {
	w := newWorld(t)
	w.log(2)
	w.log(2)
	w.node.fail = transfer.ErrFar
	_ = w.round()
	w.node.fail = nil
	w.rounds()
	w.same(6, 2)
}

// A key that was rotated a moment ago is asked for again.
func TestFreshKeys(t *testing.T) {
	w := newWorld(t)
	w.log(2)
	w.rounds()
	fresh := evidencetest.NewTracker(w.tracker.ID, telemetry.Ed25519)
	key := evidencetest.KeyOf(fresh.Signer, 0, "")
	proof, err := telemetry.Sign(fresh.Signer, ledger.PossessionBytes(fresh.ID, "CarrierMSP", key.Alg, key.Public))
	if err != nil {
		t.Fatal(err)
	}
	w.submit(ledger.TrackerRotate, ledger.RotateArgs{ID: fresh.ID, Alg: key.Alg, Public: key.Public, Proof: fmt.Sprintf("%x", proof), Lost: true}, nil)
	fresh.Boot, fresh.Prev = 2, w.tracker.Prev
	w.tracker = fresh
	w.ms += 5000
	w.log(2)
	w.rounds()
	w.same(6, 2)
}

// What lies around a shipment is kept for when the operator is gone, as far as its trackers signed it.
func TestOutsideIsKept(t *testing.T) {
	w := newWorld(t)
	m, err := telemetry.Decode(w.tracker.Message(w.ms, nil))
	if err != nil {
		t.Fatal(err)
	}
	forged, err := telemetry.Decode(evidencetest.NewTracker(w.tracker.ID, telemetry.Ed25519).Message(w.ms, nil))
	if err != nil {
		t.Fatal(err)
	}
	w.log(2)
	w.rounds()
	w.node.outside = [][]byte{m.COSE, forged.COSE, []byte("nothing")}
	a := w.source().aside
	if err := a.surroundings(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.node.outside = [][]byte{} // an operator that was made again has lost it
	if got, err := a.outside(t.Context(), w.ship.ID, 3); err != nil || len(got) != 1 {
		t.Errorf("given less, kept are %d, %v; expected 1", len(got), err)
	}
	w.node.fail = errors.New("gone")
	for _, logs := range [][]outside.Log{{{ID: w.ingest.LogID(), Leaves: 3}}, nil} {
		got, err := w.replica.Outside(t.Context(), w.ship.ID, logs)
		if err != nil || len(got) != 1 || string(got[0]) != string(m.COSE) {
			t.Errorf("kept %x, %v; expected %x", got, err, m.COSE)
		}
	}
}

func TestQualityIsCopied(t *testing.T) {
	w := newWorld(t)
	w.log(2)
	w.rounds()
	w.node.quality = transfer.Quality{Hours: []transfer.Hour{{StartMS: 3_600_000, Readings: 4, Flags: map[string]int64{"jump": 1}}, {StartMS: 0, Flags: map[string]int64{"a b": 1}}},
		Flags: []transfer.Flag{{Shipment: w.ship.ID, Reason: "jump", Metric: "temperature", TimeMS: w.ms, Value: 9}, {Shipment: w.ship.ID, Reason: "x y", Metric: "temperature"}}}
	a := w.source().aside
	for range looks {
		if err := a.quality(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if len(w.own.Hours) != 2 || len(w.own.Flags) != 2 || w.own.Hours[0].Flags["jump"] != 1 { // of two trackers
		t.Errorf("hours %+v, flags %+v", w.own.Hours, w.own.Flags)
	}
	if len(a.dirty) != 0 {
		t.Errorf("%d trackers are still asked for", len(a.dirty))
	}
}

// Quality is asked for where readings are: neither a clock that fell back to 1980 nor a trip of years ago has an operator asked for all the time since.
func TestQualityIsAskedForWhereReadingsAre(t *testing.T) {
	w := newWorld(t)
	for _, ms := range []int64{315_964_812_000, 1_450_000_000_000} {
		w.ms += 1000
		if err := w.ingest.Plain("carrier.t-plain", fmt.Appendf(nil, `{"time":%d,"temperature":5.5}`, ms)); err != nil {
			t.Fatal(err)
		}
	}
	w.log(1)
	w.rounds()
	a := w.source().aside
	for range looks {
		if err := a.quality(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	// Two trackers measured today, one of them years ago as well.
	if want := 3 * looks; w.node.scored != want {
		t.Errorf("quality was asked for %d times, want %d", w.node.scored, want)
	}
}

// The whole of it, as it runs.
func TestRun(t *testing.T) {
	w := newWorld(t)
	w.replica.cfg.Every = 10 * time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	w.log(3)
	go func() { done <- w.replica.Run(ctx) }()
	testkit.WaitFor(t, 10*time.Second, "four messages", func() bool { return w.replica.States()[0].Copied == 1 })
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	w.same(4, 1)
}

// renamed is an envelope with another tracker's name.
func renamed(tracker string, raw []byte) []byte {
	e, err := telemetry.DecodeEnvelope(raw)
	if err != nil {
		panic(err)
	}
	e.Tracker = tracker
	return e.Encode()
}
