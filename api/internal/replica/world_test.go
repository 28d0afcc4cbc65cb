package replica

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/trackseal/trackseal/api/internal/fakestore"
	"github.com/trackseal/trackseal/api/internal/state"
	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/evidence/evidencetest"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/stored/copying"
	"github.com/trackseal/trackseal/internal/stored/transfer"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const instance = "carrier.ingest-1"

// world is an operator's shipment, and the consignee's replica of it.
type world struct {
	t       *testing.T
	ms      int64
	ledger  *testkit.Ledger
	ship    ledger.Shipment
	tracker *evidencetest.Tracker
	ingest  *fakestore.Ingest
	node    *node
	own     *fakestore.Store
	kept    *state.Tenant
	replica *Replica
	parties map[string]*node // by MSP id
	gone    bool             // the operator announces no address
	ended   bool             // its member is none any more
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, ms: 1_800_000_000_000, own: new(fakestore.Store), tracker: evidencetest.NewTracker("carrier.t-1", telemetry.Ed25519)}
	w.ledger = testkit.NewLedger("CarrierMSP", func() time.Time { return time.UnixMilli(w.ms) })
	w.enrol(w.tracker)
	w.submit(ledger.TrackerEnrol, ledger.EnrolArgs{ID: "carrier.t-plain", SecretHash: strings.Repeat("ab", 32)}, nil)
	rules, _ := compliance.Lookup("general-2-8@1")
	w.submit(ledger.ShipmentCreate, ledger.CreateArgs{ID: "carrier.s1", Parties: ledger.Parties{"carrier": {"CarrierMSP"}, "consignee": {"ConsigneeMSP"}}, RuleSet: rules.Ref(), RuleSetHash: rules.Hash()}, nil)
	for _, id := range []string{w.tracker.ID, "carrier.t-plain"} {
		w.submit(ledger.ShipmentAssign, ledger.AssignArgs{Shipment: "carrier.s1", Tracker: id}, &w.ship)
	}
	store := new(fakestore.Store)
	w.ingest = &fakestore.Ingest{Name: instance, Store: store, Ledger: w.ledger, Shipment: w.ship, NowMS: func() int64 { return w.ms }}
	w.node = &node{store: store}
	disk, err := state.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { disk.Close() })
	w.kept = disk.Tenant("replica")
	w.open(w.own)
	return w
}

// open starts a replica anew on what a store has.
func (w *world) open(store Store) {
	w.t.Helper()
	w.replica = New(Config{Channel: ledger.Channel, Nodes: w, Ledger: w.ledger.As("ConsigneeMSP"), Store: store, Kept: w.kept,
		Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return time.UnixMilli(w.ms) }})
	if _, err := w.replica.subjects.list(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) enrol(of *evidencetest.Tracker) {
	w.t.Helper()
	key := evidencetest.KeyOf(of.Signer, 0, "")
	proof, err := telemetry.Sign(of.Signer, ledger.PossessionBytes(of.ID, "CarrierMSP", key.Alg, key.Public))
	if err != nil {
		w.t.Fatal(err)
	}
	w.submit(ledger.TrackerEnrol, ledger.EnrolArgs{ID: of.ID, Alg: key.Alg, Public: key.Public, Proof: hex.EncodeToString(proof)}, nil)
}

func (w *world) submit(fn ledger.Function, arg, into any) {
	w.t.Helper()
	res, err := w.ledger.Submit(w.t.Context(), fn.Name(), arg)
	if err != nil {
		w.t.Fatal(err)
	}
	if into != nil {
		if err := json.Unmarshal(res.Payload, into); err != nil {
			w.t.Fatal(err)
		}
	}
}

// log makes n signed messages and a plain one, and anchors them.
func (w *world) log(n int) {
	w.t.Helper()
	for range n {
		w.ms += 1000
		if err := w.ingest.Signed(w.tracker.Message(w.ms, nil)); err != nil {
			w.t.Fatal(err)
		}
	}
	w.ms += 1000
	if err := w.ingest.Plain("carrier.t-plain", fmt.Appendf(nil, `{"time":%d,"temperature":5.5}`, w.ms)); err != nil {
		w.t.Fatal(err)
	}
	w.anchor()
}

func (w *world) anchor() {
	w.t.Helper()
	if err := w.ingest.Anchor(w.t.Context(), false); err != nil {
		w.t.Fatal(err)
	}
}

// Operators and Party are the nodes of the world.
func (w *world) Operators() map[string]Operator {
	if w.gone {
		return nil
	}
	return map[string]Operator{instance: w.node}
}

func (w *world) Party(msp string) Party {
	if p := w.parties[msp]; p != nil {
		return p
	}
	return nil
}

func (w *world) Ended(string) bool { return w.ended }

func (w *world) source() *source { return w.replica.sources[0] }

// round looks once, and gives the error.
func (w *world) round() error { return w.source().round(w.t.Context()) }

// rounds look again until the retries of a minute are over.
func (w *world) rounds() {
	w.t.Helper()
	for range 3 {
		if err := w.round(); err != nil {
			w.t.Fatal(err)
		}
		w.ms += lastRetry.Milliseconds()
	}
}

func (w *world) findings() []Finding {
	found, _ := w.source().found.list()
	return found
}

// same fails unless the own store has what the operator has of the first leaves, and no more.
func (w *world) same(leaves, heads int) {
	w.t.Helper()
	theirs, ours := w.node.store, w.own
	if len(ours.Stored) != leaves || len(ours.HeadList) != heads {
		w.t.Fatalf("the own store has %d messages and %d heads, expected %d and %d; findings %+v", len(ours.Stored), len(ours.HeadList), leaves, heads, w.findings())
	}
	// What was not taken at first comes behind what was.
	slices.SortStableFunc(ours.Stored, func(a, b stored.Message) int { return int(a.Leaf) - int(b.Leaf) })
	slices.SortStableFunc(ours.Points, func(a, b fakestore.Point) int { return int(a.Leaf) - int(b.Leaf) })
	text := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			w.t.Fatal(err)
		}
		return string(b)
	}
	for i, m := range ours.Stored {
		if len(m.Flags) == 0 { // none is none
			m.Flags = nil
		}
		if text(m) != text(theirs.Stored[i]) {
			w.t.Errorf("message %d: ours %s, theirs %s", i, text(m), text(theirs.Stored[i]))
		}
	}
	for i := range ours.HeadList {
		a, b := ours.HeadList[i], theirs.HeadList[i]
		if len(a.Proof) == 0 && len(b.Proof) == 0 {
			a.Proof = b.Proof
		}
		if text(a) != text(b) {
			w.t.Errorf("head %d: ours %s, theirs %s", i, text(a), text(b))
		}
	}
	var points []fakestore.Point
	for _, p := range theirs.Points {
		if p.Leaf < uint64(leaves) {
			points = append(points, p)
		}
	}
	if text(points) != text(ours.Points) {
		w.t.Errorf("readings differ: ours %s, theirs %s", text(ours.Points), text(points))
	}
}

// node is an operator's, as honest as a test leaves it.
type node struct {
	name     string // "" = the operator's instance
	store    *fakestore.Store
	heads    func(*transfer.Heads)
	messages func(from uint64, entries bool, page *transfer.Messages)
	fail     error
	asked    int
	outside  [][]byte
	quality  transfer.Quality
	scored   int // how often quality was asked for
}

func (n *node) Name() string {
	if n.name != "" {
		return n.name
	}
	return instance
}

func (n *node) page(all []stored.Head, from uint64) (transfer.Heads, error) {
	n.asked++
	page := transfer.Heads{Items: []transfer.Head{}, Next: from}
	for i := range all {
		if h := &all[i]; h.Index >= from && len(page.Items) < transfer.MaxHeads {
			page.Items = append(page.Items, transfer.HeadOf(h))
			page.Next = h.Index + 1
		}
	}
	if n.heads != nil {
		n.heads(&page)
	}
	if n.fail != nil {
		return transfer.Heads{}, n.fail
	}
	return transfer.DecodeHeads(page.Encode())
}

func (n *node) NewHeads(_ context.Context, from uint64, _ int64) (transfer.Heads, error) {
	return n.page(n.store.HeadList, from)
}

func (n *node) LogHeads(ctx context.Context, of copying.Ref, from uint64) (transfer.Heads, error) {
	heads, err := n.store.Heads(ctx, of.Log)
	if err != nil {
		return transfer.Heads{}, err
	}
	if len(heads) == 0 {
		return transfer.Heads{}, transfer.ErrNone
	}
	return n.page(heads, from)
}

func (n *node) Messages(ctx context.Context, of copying.Ref, from, to uint64, entries bool) (transfer.Messages, error) {
	n.asked++
	page := transfer.Messages{Items: []transfer.Message{}}
	err := n.store.Messages(ctx, of.Log, from, min(to, from+transfer.MaxMessages), func(m stored.Message) error {
		item := transfer.Message{Entry: slices.Clone(m.Entry), Flags: []string{}}
		if !entries {
			item.Raw, item.Flags = slices.Clone(m.Raw), append(item.Flags, m.Flags...)
		}
		page.Items = append(page.Items, item)
		return nil
	})
	if n.messages != nil {
		n.messages(from, entries, &page)
	}
	if err != nil || n.fail != nil {
		return transfer.Messages{}, cmpErr(err, n.fail)
	}
	return transfer.DecodeMessages(page.Encode())
}

func cmpErr(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

func (n *node) Quality(context.Context, string, int64, int64) (transfer.Quality, error) {
	n.scored++
	return n.quality, n.fail
}

func (n *node) Outside(context.Context, string, uint64) (transfer.Outside, error) {
	return transfer.Outside{Items: n.outside}, n.fail
}
