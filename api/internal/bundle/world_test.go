package bundle_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"

	"github.com/trackseal/trackseal/api/internal/bundle"
	"github.com/trackseal/trackseal/api/internal/fakestore"
	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/canon"
	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/evidence/evidencetest"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// world is a trip, the ledger and the store that hold it, and a source over both.
type world struct {
	t       *testing.T
	trip    *evidencetest.Trip
	store   *store
	ledger  *chain
	source  *bundle.Source
	request bundle.Request
	policy  func(*evidence.Policy) // nil: the one who knows the four that made the channel, and no others
}

// store counts and intercepts the calls of the store.
type store struct {
	fakestore.Store
	calls *calls
}

// calls decides what happens to each call of ledger and store, in their order.
type calls struct {
	n      int
	names  []string
	before func(n int, call string) error
}

func (c *calls) note(format string, args ...any) error {
	call := fmt.Sprintf(format, args...)
	c.n++
	c.names = append(c.names, call)
	if c.before == nil {
		return nil
	}
	return c.before(c.n, call)
}

func (s *store) Messages(ctx context.Context, log string, from, to uint64, fn func(stored.Message) error) error {
	if err := s.calls.note("messages"); err != nil {
		return err
	}
	return s.Store.Messages(ctx, log, from, to, fn)
}

func (s *store) Heads(ctx context.Context, log string) ([]stored.Head, error) {
	if err := s.calls.note("heads"); err != nil {
		return nil, err
	}
	return s.Store.Heads(ctx, log)
}

func (s *store) MessageInfos(ctx context.Context, q stored.MessageInfoQuery, fn func(stored.MessageInfo) error) error {
	if err := s.calls.note("places"); err != nil {
		return err
	}
	return s.Store.MessageInfos(ctx, q, fn)
}

func (s *store) Message(ctx context.Context, p stored.MessageInfo) (stored.Message, bool, error) {
	if err := s.calls.note("message"); err != nil {
		return stored.Message{}, false, err
	}
	return s.Store.Message(ctx, p)
}

func (s *store) LogsOf(ctx context.Context, tracker string, fromMS, toMS int64) ([]string, error) {
	if err := s.calls.note("logs"); err != nil {
		return nil, err
	}
	return s.Store.LogsOf(ctx, tracker, fromMS, toMS)
}

// chain is the ledger of a consortium in memory, whose calls are counted.
type chain struct {
	evidencetest.Nodes
	calls *calls
}

func (l *chain) note(ctx context.Context, format string, args ...any) error {
	return errors.Join(l.calls.note(format, args...), ctx.Err())
}

func (l *chain) BlockByTx(ctx context.Context, id string) ([]byte, error) {
	if err := l.note(ctx, "block of tx"); err != nil {
		return nil, err
	}
	return l.Nodes.BlockByTx(ctx, id)
}

func (l *chain) BlockByNumber(ctx context.Context, n uint64) ([]byte, error) {
	if err := l.note(ctx, "block %d", n); err != nil {
		return nil, err
	}
	return l.Nodes.BlockByNumber(ctx, n)
}

func (l *chain) SignedBlockByTx(ctx context.Context, org, id string, nonce []byte) (ledger.SignedAnswer, error) {
	if err := l.note(ctx, "answer of %s", org); err != nil {
		return ledger.SignedAnswer{}, err
	}
	return l.Nodes.SignedBlockByTx(ctx, org, id, nonce)
}

func (l *chain) OrdererBlock(ctx context.Context, org string, n uint64) ([]byte, error) {
	if err := l.note(ctx, "orderer of %s", org); err != nil {
		return nil, err
	}
	return l.Nodes.OrdererBlock(ctx, org, n)
}

// record reads a record of the ledger's state.
func record[T any](w *world, key string) T {
	w.t.Helper()
	var r T
	if err := json.Unmarshal(w.trip.C.State(key), &r); err != nil {
		w.t.Fatalf("%q: %v", key, err)
	}
	return r
}

// newWorld drives a trip and stores it as ingest would.
func newWorld(t *testing.T, consensus string, closed bool, drive func(*evidencetest.Trip)) *world {
	t.Helper()
	c := evidencetest.New(consensus)
	trip := evidencetest.NewTrip(c, evidencetest.NewTracker("T-ED", telemetry.Ed25519), evidencetest.NewTracker("T-EC", telemetry.ESP256))
	if drive == nil {
		trip.Drive(6, 2)
	} else {
		drive(trip)
	}
	if closed {
		trip.Finish()
	} else {
		trip.Collect()
	}
	counter := &calls{}
	w := &world{t: t, trip: trip, store: &store{calls: counter}, ledger: &chain{evidencetest.Nodes{Consortium: c}, counter}}
	w.source = &bundle.Source{
		Channel: ledger.Channel, Chaincode: ledger.Chaincode, Ledger: w.ledger, Store: w.store, Log: slog.New(slog.DiscardHandler),
		Consistency: func(ctx context.Context, ingest string, first, second uint64) ([]evidence.Hash, error) {
			if err := errors.Join(counter.note("consistency"), ctx.Err()); err != nil {
				return nil, err
			}
			return w.consistency(ingest, first, second)
		},
	}
	w.request = bundle.Request{Shipment: record[ledger.Shipment](w, ledger.ShipmentKey(trip.Shipment)), Nonce: trip.Nonce}
	if closed {
		r := record[ledger.Close](w, ledger.CloseKey(trip.Shipment))
		w.request.Close = &r
	}
	for n, i := range trip.Instances {
		log := w.logAt(i.Ingest, anchor.Shipment, trip.Shipment, trip.CreateTx)
		w.request.Logs = append(w.request.Logs, bundle.Log{ID: log, Ingest: i.Ingest})
		for k, l := range i.Leaves {
			w.put(log, uint64(k), l, trip.Shipment)
		}
		for _, h := range trip.Manifest.Logs[n].Heads {
			w.putHead(n, log, h)
		}
	}
	for _, cose := range trip.Outside {
		m, err := telemetry.DecodeCOSE(cose)
		if err != nil {
			t.Fatal(err)
		}
		own := w.log(anchor.Tracker, m.Tracker, record[ledger.Tracker](w, ledger.TrackerKeyOf(m.Tracker)).EnrolTx)
		w.putOutside(own, cose)
	}
	return w
}

// log of a subject at the first instance.
func (w *world) log(kind, subject, tx string) string {
	return w.logAt(w.trip.Instances[0].Ingest, kind, subject, tx)
}

func (w *world) logAt(ingest, kind, subject, tx string) string {
	id := anchor.LogID(ledger.Channel, kind, subject, tx, ingest)
	return hex.EncodeToString(id[:])
}

// put stores a message and its readings.
func (w *world) put(log string, leaf uint64, l evidence.Leaf, shipment string) {
	w.t.Helper()
	body := l.Plain
	if l.COSE != nil {
		body = canon.MustMarshalCBOR([][]byte{l.COSE, l.Pack})
	}
	entry, err := telemetry.DecodeLeaf(l.Entry)
	if err != nil {
		w.t.Fatal(err)
	}
	o, err := telemetry.Open(entry.Kind, body, entry.ReceivedMS)
	if err != nil {
		w.t.Fatal(err)
	}
	m := stored.NewMessage(log, leaf, l.Entry, entry, &o)
	m.Raw, m.Tracker, m.Shipment = body, o.Tracker, shipment
	w.store.Stored = append(w.store.Stored, m)
	for _, r := range o.Readings {
		w.store.Points = append(w.store.Points, fakestore.Point{Reading: stored.Reading{Log: log, Tracker: m.Tracker, Leaf: leaf, TimeMS: r.TimeMS, Values: r.Values}})
	}
}

// putOutside stores a message of another log. The trip keeps only its signed part; the readings are the trip's constant ones.
func (w *world) putOutside(log string, cose []byte) {
	w.t.Helper()
	m, err := telemetry.DecodeCOSE(cose)
	if err != nil {
		w.t.Fatal(err)
	}
	twin, err := telemetry.Encode(w.trip.Trackers[0].Signer, m.Claims, []telemetry.Reading{{TimeMS: m.TimeMS, Values: map[string]float64{"temperature": 4.5, "humidity": 50, "lat": 52.5, "lon": 13.4}}})
	if err != nil {
		w.t.Fatal(err)
	}
	_, pack := evidencetest.Split(twin)
	leaf := uint64(0)
	for _, s := range w.store.Stored {
		if s.Log == log {
			leaf = max(leaf, s.Leaf+1)
		}
	}
	entry := telemetry.Leaf{Kind: telemetry.LeafSigned, Hash: m.COSEHash, ReceivedMS: m.TimeMS, Ingest: w.trip.Instances[0].Ingest}.Encode()
	w.put(log, leaf, evidence.Leaf{Entry: entry, COSE: cose, Pack: pack}, "")
}

// at is what an anchor's transaction wrote.
func (w *world) at(instance, n int) (string, ledger.Head) {
	w.t.Helper()
	p := w.trip.Manifest.Instances[instance].Anchors[n].Position
	peek, err := w.trip.C.Blocks[p.Block].Peek(int(p.Tx), ledger.Chaincode)
	if err != nil {
		w.t.Fatal(err)
	}
	var h ledger.Head
	if err := json.Unmarshal(peek.Writes[0].Value, &h); err != nil {
		w.t.Fatal(err)
	}
	return peek.ID, h
}

func (w *world) putHead(instance int, log string, h evidence.Head) {
	w.t.Helper()
	tx, record := w.at(instance, h.Anchor)
	leaf, err := anchor.DecodeHeadLeaf(h.Entry)
	if err != nil {
		w.t.Fatal(err)
	}
	w.store.HeadList = append(w.store.HeadList, stored.Head{
		Heads: record.Heads, Log: log, Index: h.Index, Size: leaf.Size, Root: hex.EncodeToString(leaf.Root[:]), Prev: -1, Closed: leaf.Closed, Entry: h.Entry,
		HeadsSize: record.Size, HeadsRoot: record.Root, Tx: tx, Block: w.trip.Manifest.Instances[instance].Anchors[h.Anchor].Block, Proof: h.Path, TimeMS: record.TimeMS,
	})
}

func (w *world) consistency(ingest string, first, second uint64) ([]evidence.Hash, error) {
	for n, instance := range w.trip.Manifest.Instances {
		for i := range instance.Anchors {
			if _, h := w.at(n, i); instance.Ingest == ingest && i > 0 && h.PrevSize == first && h.Size == second {
				return instance.Anchors[i].Consistency, nil
			}
		}
	}
	return nil, evidencetest.ErrNone
}

// bundle collects and writes.
func (w *world) bundle(ctx context.Context) ([]byte, error) {
	b, err := w.source.Collect(ctx, w.request)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = b.Write(ctx, &out)
	return out.Bytes(), err
}

func (w *world) verify(b []byte) *evidence.Report {
	w.t.Helper()
	policy := w.trip.C.Policy()
	if w.policy != nil {
		w.policy(policy)
		if err := policy.Validate(); err != nil {
			w.t.Fatal(err)
		}
	}
	r, err := evidence.Verify(bytes.NewReader(b), policy, evidence.Options{Nonce: w.trip.Nonce})
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// judge makes a bundle and verifies it.
func (w *world) judge() *evidence.Report {
	w.t.Helper()
	b, err := w.bundle(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return w.verify(b)
}

// want requires the exit code and that every finding which is no warning has one of the codes.
func want(t *testing.T, r *evidence.Report, exit int, codes ...evidence.Code) {
	t.Helper()
	found := map[evidence.Code]bool{}
	for _, f := range r.Findings {
		if f.Severity == "warn" || f.Code == evidence.NotJudged {
			continue
		}
		found[f.Code] = true
		if !slices.Contains(codes, f.Code) {
			t.Errorf("unexpected %s", f)
		}
	}
	for _, c := range codes {
		if !found[c] {
			t.Errorf("no %s in %v", c, r.Findings)
		}
	}
	if r.Exit() != exit {
		t.Errorf("exit %d, want %d; %+v", r.Exit(), exit, r.Verdicts)
	}
}
