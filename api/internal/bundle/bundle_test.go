package bundle_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/trackseal/trackseal/api/internal/bundle"
	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/evidence/evidencetest"
	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/telemetry"
)

func TestWhatIsCollectedConvinces(t *testing.T) {
	for _, consensus := range []string{fabricproof.BFT, fabricproof.Raft} {
		t.Run(consensus, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, consensus, true, func(trip *evidencetest.Trip) {
				trip.Drive(4, 2)
				trip.C.Configure()
				trip.C.Configure()
				trip.Drive(4, 2)
			})
			r := w.judge()
			want(t, r, evidence.ExitPass)
			if r.Facts.Messages != 16 || len(r.Facts.Attested) != 4 || len(r.Facts.Configs) != 3 {
				t.Errorf("facts %+v", r.Facts)
			}
		})
	}
}

func TestOpenShipmentIsCompleteUpToHere(t *testing.T) {
	w := newWorld(t, fabricproof.BFT, false, nil)
	want(t, w.judge(), evidence.ExitUnknown, evidence.NotClosed, evidence.TailOpen)
}

func TestWithoutAnAnchorNothingIsReady(t *testing.T) {
	w := newWorld(t, fabricproof.BFT, true, nil)
	w.store.HeadList = nil
	if _, err := w.bundle(t.Context()); !errors.Is(err, bundle.ErrNotReady) {
		t.Errorf("closed: %v", err)
	}
	// While it is open, having no anchor yet is no error: there is a record and no message.
	w = newWorld(t, fabricproof.BFT, false, nil)
	w.store.HeadList = nil
	if _, err := w.source.Collect(t.Context(), w.request); err != nil {
		t.Errorf("open: %v", err)
	}
}

func TestUnreachableOrganisations(t *testing.T) {
	for _, tt := range []struct {
		down  []string
		exit  int
		codes []evidence.Code
	}{
		{[]string{"auditor"}, evidence.ExitPass, nil},
		{[]string{"auditor", "consignee"}, evidence.ExitUnknown, []evidence.Code{evidence.NotFinal}},
	} {
		w := newWorld(t, fabricproof.BFT, true, nil)
		asked := 0
		w.store.calls.before = func(_ int, call string) error {
			for _, org := range tt.down {
				if call == "answer of "+org {
					asked++
					return ledger.ErrUnavailable
				}
			}
			return nil
		}
		r := w.judge()
		want(t, r, tt.exit, tt.codes...)
		if len(r.Facts.Attested) != 4-len(tt.down) || asked != len(tt.down) {
			t.Errorf("%v down: attested by %v, asked %d times", tt.down, r.Facts.Attested, asked)
		}
	}
}

func TestUnreachableRaftOrderer(t *testing.T) {
	for down, codes := range map[string][]evidence.Code{"auditor": nil, "shipper": {fabricproof.BlockQuorum}} { // shipper's signed, auditor's copied
		w := newWorld(t, fabricproof.Raft, true, nil)
		w.store.calls.before = func(_ int, call string) error {
			if call == "orderer of "+down {
				return ledger.ErrUnavailable
			}
			return nil
		}
		exit := evidence.ExitPass
		if codes != nil {
			exit = evidence.ExitFail
		}
		want(t, w.judge(), exit, codes...)
	}
}

// An answer that shows another block than the ledger gave is left out: with it the bundle could not be written.
func TestAnswerThatShowsAnotherBlock(t *testing.T) {
	w := newWorld(t, fabricproof.BFT, true, nil)
	w.ledger.Shows = func(org string, b *fabricproof.Block) {
		if org == "consignee" {
			b.Envelopes = slices.Clone(b.Envelopes)
			b.Envelopes[0] = append(slices.Clone(b.Envelopes[0]), 0)
		}
	}
	r := w.judge()
	want(t, r, evidence.ExitPass)
	if slices.Contains(r.Facts.Attested, "ConsigneeMSP") {
		t.Errorf("attested by %v", r.Facts.Attested)
	}
}

func TestPeersSignTheNonce(t *testing.T) {
	w := newWorld(t, fabricproof.BFT, true, nil)
	w.request.Nonce = []byte("of another question")
	want(t, w.judge(), evidence.ExitFail, evidence.Stale)
	w.request.Nonce = nil
	want(t, w.judge(), evidence.ExitFail, evidence.Stale)
	w.request.Nonce = w.trip.Nonce
	want(t, w.judge(), evidence.ExitPass)
}

func TestMissingAndDamagedLeaves(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*world)
		says   string
	}{
		"interior leaf": {func(w *world) { w.store.Stored = slices.Delete(w.store.Stored, 3, 4) }, "the store holds leaf 4 where 3 should be"},
		"last leaf":     {func(w *world) { w.store.Stored = slices.Delete(w.store.Stored, 11, 12) }, "the store holds 11 of 12 leaves"},
		"leaf twice": {func(w *world) { w.store.Stored = append(w.store.Stored, w.store.Stored[3]) },
			"the store holds leaf 3 where 4 should be"},
	} {
		w := newWorld(t, fabricproof.BFT, true, nil)
		tt.change(w)
		out, err := w.bundle(t.Context())
		if err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v", name, err)
		}
		if r := w.verify(out); r.Exit() == evidence.ExitPass {
			t.Errorf("%s: what was written so far passes", name)
		}
	}
	w := newWorld(t, fabricproof.BFT, true, nil)
	w.store.Stored[3].Raw = []byte("edited in the database")
	want(t, w.judge(), evidence.ExitFail, evidence.MsgHash, evidence.SeqGap)
	w = newWorld(t, fabricproof.BFT, true, nil)
	w.store.Stored[3].Entry = nil
	want(t, w.judge(), evidence.ExitFail, evidence.MsgHash)
}

// What was stored after the closing record's head is not the shipment's.
func TestLeavesAndHeadsBeyondTheClose(t *testing.T) {
	w := newWorld(t, fabricproof.BFT, true, nil)
	log := w.request.Logs[0].ID
	w.put(log, uint64(len(w.trip.Leaves)), w.trip.Leaves[0], w.trip.Shipment)
	extra := w.store.HeadList[len(w.store.HeadList)-1]
	extra.Index, extra.Size, extra.Closed = extra.Index+9, extra.Size+1, false
	w.store.HeadList = append(w.store.HeadList, extra)
	want(t, w.judge(), evidence.ExitPass)
}

func TestWithheldReadings(t *testing.T) {
	for _, what := range []string{bundle.WithholdAll, bundle.WithholdLocation} {
		w := newWorld(t, fabricproof.BFT, true, nil)
		w.request.Withhold = what
		b, err := w.bundle(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		r := w.verify(b)
		want(t, r, evidence.ExitPass, evidence.ReadingsWithheld) // what nobody shows, nobody can judge
		if r.Facts.Withheld != 12 {
			t.Errorf("%s: %d withheld", what, r.Facts.Withheld)
		}
		for _, l := range w.trip.Leaves {
			if bytes.Contains(b, l.Pack) {
				t.Fatalf("%s: readings are in the bundle", what)
			}
		}
	}
	// A message without a position keeps its readings when only locations are withheld; an unsigned one is its own hash.
	w := newWorld(t, fabricproof.BFT, true, nil)
	w.store.Stored[2].Trust, w.store.Stored[2].Raw = stored.Unsigned, telemetry.PlainEnvelope("T-ED", []byte(`{"temperature":4}`))
	w.store.Stored[3].Trust, w.store.Stored[3].Raw = stored.Unsigned, telemetry.PlainEnvelope("T-ED", []byte(`{"temperature":5,"location":{"lat":1,"lon":2}}`))
	for what, shown := range map[string][2]bool{"": {true, true}, bundle.WithholdLocation: {true, false}, bundle.WithholdAll: {false, false}} {
		w.request.Withhold = what
		b, err := w.bundle(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for i, s := range shown {
			if bytes.Contains(b, w.store.Stored[2+i].Raw) != s {
				t.Errorf("withhold %q: message %d shown: %v", what, i, !s)
			}
		}
	}
}

func TestProofOfOneMessage(t *testing.T) {
	w := newWorld(t, fabricproof.BFT, true, nil)
	b, err := w.source.Collect(t.Context(), w.request)
	if err != nil {
		t.Fatal(err)
	}
	for _, leaf := range []uint64{0, 5, 11} {
		var out bytes.Buffer
		if err := b.WriteProof(t.Context(), &out, w.request.Logs[0].ID, leaf); err != nil {
			t.Fatal(err)
		}
		if r := w.verify(out.Bytes()); r.Exit() != evidence.ExitPass || r.Kind != evidence.OneMessage {
			t.Errorf("leaf %d: %+v %v", leaf, r.Verdicts, r.Findings)
		}
	}
	if err := b.WriteProof(t.Context(), &bytes.Buffer{}, w.request.Logs[0].ID, 12); !errors.Is(err, bundle.ErrNotReady) {
		t.Errorf("a leaf that no anchor covers: %v", err)
	}
	if err := b.WriteProof(t.Context(), &bytes.Buffer{}, "another log", 0); !errors.Is(err, bundle.ErrNotReady) {
		t.Errorf("another log: %v", err)
	}
	w.store.Stored = slices.Delete(w.store.Stored, 1, 2)
	if err := b.WriteProof(t.Context(), &bytes.Buffer{}, w.request.Logs[0].ID, 5); err == nil {
		t.Error("a proof from a log with a hole")
	}
}

// Every call fails once, and every call is the one during which the caller gives up: what comes out is an error, or a bundle
// that lacks only what may be lacking.
func TestEachCallFailing(t *testing.T) {
	for _, consensus := range []string{fabricproof.BFT, fabricproof.Raft} {
		w := newWorld(t, consensus, true, nil)
		want(t, w.judge(), evidence.ExitPass)
		names := w.store.calls.names
		if len(names) < 20 {
			t.Fatalf("only %d calls: %v", len(names), names)
		}
		for n := 1; n <= len(names); n++ {
			w.store.calls.n = 0
			w.store.calls.before = func(i int, _ string) error {
				if i == n {
					return ledger.ErrUnavailable
				}
				return nil
			}
			call := names[n-1]
			tolerated := strings.HasPrefix(call, "answer of") || strings.HasPrefix(call, "orderer of") || call == "consistency"
			b, err := w.bundle(t.Context())
			if tolerated != (err == nil) || err != nil && !errors.Is(err, ledger.ErrUnavailable) {
				t.Fatalf("%s: call %d (%s) fails: %v", consensus, n, call, err)
			}
			if err == nil && !strings.HasPrefix(call, "orderer of") && w.verify(b).Exit() != evidence.ExitPass {
				t.Errorf("%s: without %s: %v", consensus, call, w.verify(b).Findings)
			}

			ctx, cancel := context.WithCancel(t.Context())
			w.store.calls.n = 0
			w.store.calls.before = func(i int, _ string) error {
				if i == n {
					cancel()
					return ctx.Err()
				}
				return nil
			}
			if _, err := w.bundle(ctx); !errors.Is(err, context.Canceled) {
				t.Fatalf("%s: given up in call %d (%s): %v", consensus, n, call, err)
			}
			cancel()
		}
	}
}

// failing is a writer that breaks after some bytes, as a client does that goes away.
type failing struct{ left int }

var errGone = errors.New("the client is gone")

func (f *failing) Write(b []byte) (int, error) {
	if f.left -= len(b); f.left < 0 {
		return 0, errGone
	}
	return len(b), nil
}

func TestClientThatGoesAway(t *testing.T) {
	w := newWorld(t, fabricproof.BFT, true, nil)
	b, err := w.source.Collect(t.Context(), w.request)
	if err != nil {
		t.Fatal(err)
	}
	for _, after := range []int{0, 1000, 30_000} {
		if err := b.Write(t.Context(), &failing{after}); !errors.Is(err, errGone) {
			t.Errorf("after %d bytes: %v", after, err)
		}
	}
}

// What the node itself sees when it verifies its own evidence.
func TestVerify(t *testing.T) {
	for name, tt := range map[string]struct {
		closed bool
		drive  func(*evidencetest.Trip)
		change func(*world)
		code   evidence.Code
	}{
		"closed": {closed: true},
		"open":   {},
		"organisations' roots renewed": {closed: true, drive: func(trip *evidencetest.Trip) {
			trip.Drive(4, 2)
			trip.C.Configure()
			trip.Drive(4, 2)
		}},
		"delivery endorsed before the damage and held back": {closed: true, drive: func(trip *evidencetest.Trip) {
			trip.Drive(12, 2)
			trip.C.OnTx = heldBack
		}, code: evidence.RecordTime},
		"a message of an assigned tracker went elsewhere": {drive: func(trip *evidencetest.Trip) {
			trip.Drive(4, 2)
			cose, _ := evidencetest.Split(trip.Trackers[0].Message(trip.C.NowMS, nil))
			trip.C.NowMS += 10 * trip.StepMS
			trip.Outside = append(trip.Outside, cose)
		}, code: evidence.SeqGap},
		"warm readings between two windows": {drive: func(trip *evidencetest.Trip) {
			off := trip.Trackers[0]
			trip.Drive(4, 2)
			trip.Unassign(off)
			for range 20 {
				trip.Log(trip.Trackers[1].Message(trip.C.NowMS, nil))
				off.Buffered = append(off.Buffered, evidencetest.Reading(trip.C.NowMS, 31))
				trip.C.NowMS += trip.StepMS
			}
			trip.Assign(off)
			trip.C.NowMS += trip.StepMS
			trip.Drive(4, 2)
		}, code: evidence.StrayBreach},
		"batches across assignments": {closed: true, drive: func(trip *evidencetest.Trip) {
			on := trip.Trackers[0]
			for i := range int64(10) { // warm before it was on the goods
				on.Buffered = append(on.Buffered, evidencetest.Reading(trip.C.NowMS-(30-i)*trip.StepMS, 31))
			}
			trip.Drive(4, 2)
			on.Buffered = append(on.Buffered, evidencetest.Reading(trip.C.NowMS, 4.5))
			trip.Log(trip.Trackers[1].Message(trip.C.NowMS, nil))
			trip.C.NowMS += trip.StepMS
			trip.Unassign(on)
			for range 10 { // and after
				trip.C.NowMS += trip.StepMS
				on.Buffered = append(on.Buffered, evidencetest.Reading(trip.C.NowMS, 31))
				trip.Log(trip.Trackers[1].Message(trip.C.NowMS, nil))
			}
			trip.C.NowMS += trip.StepMS
			on.Temperature = func(int64) float64 { return 31 }
			trip.Log(on.Message(trip.C.NowMS, nil))
			on.Temperature = nil
			trip.C.NowMS += trip.StepMS
			trip.Anchor(false)
		}},
		"message edited": {closed: true, change: func(w *world) { w.store.Stored[3].Raw = w.store.Stored[4].Raw }, code: evidence.MsgHash},
	} {
		w := newWorld(t, fabricproof.BFT, tt.closed, tt.drive)
		if tt.change != nil {
			tt.change(w)
		}
		w.request.Nonce = nil
		b, err := w.source.Collect(t.Context(), w.request)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		r, err := b.Verify(t.Context())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		failed := slices.DeleteFunc(slices.Clone(r.Findings), func(f evidence.Finding) bool { return f.Severity != evidence.Failure && f.Code != evidence.StrayBreach })
		if tt.code == "" && len(failed) > 0 || tt.code != "" && !slices.ContainsFunc(failed, func(f evidence.Finding) bool { return f.Code == tt.code }) {
			t.Errorf("%s: came %v, expected %q", name, failed, tt.code)
		}
	}
	w := newWorld(t, fabricproof.BFT, true, nil)
	w.store.Stored = slices.Delete(w.store.Stored, 3, 4)
	b, err := w.source.Collect(t.Context(), w.request)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Verify(t.Context()); !errors.Is(err, bundle.ErrLeaves) {
		t.Errorf("a leaf deleted: came %v, expected %v", err, bundle.ErrLeaves)
	}
}

// heldBack dates a delivery half an hour before it is sent.
func heldBack(tx *evidencetest.Tx) {
	for i, w := range tx.Writes {
		var s ledger.Shipment
		if json.Unmarshal(w.Value, &s) != nil || w.Key != ledger.ShipmentKey(s.ID) || s.DeliveredMS != tx.TimeMS {
			continue
		}
		tx.TimeMS -= 1_800_000
		s.LastMS, s.DeliveredMS = tx.TimeMS, tx.TimeMS
		if b, err := ledger.Encode(s); err == nil {
			tx.Writes[i].Value = b
		}
	}
}
