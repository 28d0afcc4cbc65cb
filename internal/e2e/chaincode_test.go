package e2e

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"sync"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/fabric"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/merkle"
)

// TestStackChaincodeAccess tries every access rule with the identities that the network made.
func TestStackChaincodeAccess(t *testing.T) {
	l := openLedger(t)
	carrier, shipper, consignee, auditor := l.op("carrier"), l.op("shipper"), l.op("consignee"), l.op("auditor")
	ingest := l.as("carrier", "ingest")
	ship, tracker := nameOf("shipper", "S"), name("T")
	byID := ledger.IDArgs{ID: ship}

	// Trackers: only by an operator, only by the owner.
	enrol := enrolArgs(tracker, "CarrierMSP", tracker)
	refusedLedger(t, ledger.Forbidden, ingest, ledger.TrackerEnrol, enrol)
	refusedLedger(t, ledger.Invalid, shipper, ledger.TrackerEnrol, enrol)
	tr := mustLedger[ledger.Tracker](t, carrier, ledger.TrackerEnrol, enrol)
	if tr.Owner != "CarrierMSP" || len(tr.Keys) != 1 {
		t.Fatalf("enrolled %+v", tr)
	}
	for _, id := range []string{tracker, tracker + ".free"} { // told alike, whether it is there or not
		refusedLedger(t, ledger.Invalid, shipper, ledger.TrackerEnrol, enrolArgs(id, "ShipperMSP", tracker+"2"))
	}
	refusedLedger(t, ledger.Conflict, carrier, ledger.TrackerEnrol, enrolArgs(tracker+".b", "CarrierMSP", tracker))
	refusedLedger(t, ledger.NotFound, shipper, ledger.TrackerRevoke, ledger.RevokeArgs{ID: tracker, Cause: "x"})
	refusedLedger(t, ledger.Invalid, carrier, ledger.TrackerEnrol, map[string]string{"id": tracker, "owner": "ShipperMSP"})
	refusedLedger(t, ledger.Invalid, carrier, ledger.Change[ledger.EnrolArgs, ledger.Tracker]("tracker:enrol"), enrol)

	// Shipments: only parties, and each only what its role may.
	refusedLedger(t, ledger.Forbidden, auditor, ledger.ShipmentCreate, shipmentArgs(nameOf("auditor", "S")))
	refusedLedger(t, ledger.Forbidden, ingest, ledger.ShipmentCreate, shipmentArgs(ship))
	mustLedger[ledger.Shipment](t, shipper, ledger.ShipmentCreate, shipmentArgs(ship))
	refusedLedger(t, ledger.Exists, shipper, ledger.ShipmentCreate, shipmentArgs(ship))
	for _, id := range []string{ship, ship + ".free"} {
		refusedLedger(t, ledger.Invalid, carrier, ledger.ShipmentCreate, shipmentArgs(id))
	}
	for _, fn := range []ledger.Function{ledger.ShipmentGet, ledger.ShipmentGetClose, ledger.ComplianceNow} {
		if _, err := auditor.Evaluate(t.Context(), fn.Name(), ledger.IDArgs{ID: ship}); ledger.CodeOf(err) != ledger.NotFound {
			t.Errorf("%s by a stranger: %v", fn, err)
		}
	}
	for bookmark := ""; ; {
		p := askLedger[ledger.Page[ledger.Shipment]](t, auditor, ledger.ShipmentList, ledger.ListArgs{Bookmark: bookmark})
		for _, s := range p.Items {
			if !s.IsParty("AuditorMSP") {
				t.Errorf("the auditor's listing shows %s", s.ID)
			}
		}
		if bookmark = p.Bookmark; bookmark == "" {
			break
		}
	}
	refusedLedger(t, ledger.NotFound, auditor, ledger.ShipmentAssign, ledger.AssignArgs{Shipment: ship, Tracker: tracker})
	refusedLedger(t, ledger.NotFound, shipper, ledger.ShipmentAssign, ledger.AssignArgs{Shipment: ship, Tracker: tracker})
	refusedLedger(t, ledger.Forbidden, consignee, ledger.ShipmentAssign, ledger.AssignArgs{Shipment: ship, Tracker: tracker})
	mustLedger[ledger.Shipment](t, carrier, ledger.ShipmentAssign, ledger.AssignArgs{Shipment: ship, Tracker: tracker})

	refusedLedger(t, ledger.Forbidden, carrier, ledger.ShipmentPropose, ledger.ProposeArgs{ID: ship, To: "CarrierMSP"})
	mustLedger[ledger.Shipment](t, shipper, ledger.ShipmentPropose, ledger.ProposeArgs{ID: ship, To: "CarrierMSP", Heads: []ledger.LogHead{logHead("a", 1)}})
	refusedLedger(t, ledger.Forbidden, shipper, ledger.ShipmentAccept, ledger.IDArgs{ID: ship})
	refusedLedger(t, ledger.Forbidden, consignee, ledger.ShipmentReject, ledger.RejectArgs{ID: ship, Details: hexSHA256("x")})
	mustLedger[ledger.Shipment](t, carrier, ledger.ShipmentAccept, ledger.IDArgs{ID: ship})
	refusedLedger(t, ledger.Forbidden, shipper, ledger.ShipmentDeliver, ledger.IDArgs{ID: ship})
	refusedLedger(t, ledger.BadState, consignee, ledger.ShipmentDeliver, ledger.IDArgs{ID: ship})
	mustLedger[ledger.Shipment](t, carrier, ledger.ShipmentPropose, ledger.ProposeArgs{ID: ship, To: "ConsigneeMSP"})
	mustLedger[ledger.Shipment](t, consignee, ledger.ShipmentAccept, ledger.IDArgs{ID: ship})

	// Compliance: only of a party.
	verdict := ledger.Verdict{Shipment: ship, Revision: 1, Result: ledger.Compliant, ToMS: 1, Logs: []ledger.LogHead{logHead("a", 1)}, RuleHash: shipmentArgs(ship).RuleSetHash}
	wrong := verdict
	wrong.RuleHash = hexSHA256("milder rules")
	refusedLedger(t, ledger.Conflict, ingest, ledger.ComplianceRevise, wrong)
	mustLedger[ledger.Verdict](t, ingest, ledger.ComplianceRevise, verdict)
	if again := mustLedger[ledger.Verdict](t, ingest, ledger.ComplianceRevise, verdict); again.Revision != 1 {
		t.Errorf("the same verdict again became revision %d, want it to stay 1", again.Revision)
	}
	less := verdict
	less.Revision, less.Supersedes, less.Logs = 2, 1, []ledger.LogHead{logHead("b", 5)}
	refusedLedger(t, ledger.Conflict, ingest, ledger.ComplianceRevise, less)

	refusedLedger(t, ledger.BadState, carrier, ledger.ShipmentClose, byID)
	mustLedger[ledger.Shipment](t, consignee, ledger.ShipmentDeliver, byID)
	refusedLedger(t, ledger.Forbidden, shipper, ledger.ShipmentClose, byID)
	// The operator seals no head that is not anchored.
	forged := ledger.FinalHead{Size: 3, Root: hexSHA256("another history"), Proof: []string{}}
	for h := range l.instances(t) {
		refusedLedger(t, ledger.BadProof, ingest, ledger.ShipmentSeal, ledger.SealArgs{ID: ship, Ingest: h, Final: &forged})
		refusedLedger(t, ledger.Forbidden, shipper, ledger.ShipmentSeal, ledger.SealArgs{ID: ship, Ingest: h})
		mustLedger[ledger.Seal](t, ingest, ledger.ShipmentSeal, ledger.SealArgs{ID: ship, Ingest: h})
	}
	closed := mustLedger[ledger.Close](t, carrier, ledger.ShipmentClose, byID)
	refusedLedger(t, ledger.Exists, consignee, ledger.ShipmentClose, byID)

	s := agree[ledger.Shipment](t, shipper, ledger.ShipmentGet, ledger.IDArgs{ID: ship}, "carrier", "shipper", "consignee", "auditor")
	if s.State != ledger.Closed || s.Handovers != 2 || s.Assignments[0].ToMS != closed.TimeMS {
		t.Errorf("the peers hold %+v", s)
	}
	if got := agree[ledger.Tracker](t, carrier, ledger.TrackerGet, ledger.IDArgs{ID: tracker}, "carrier", "auditor"); got.Assigned != "" {
		t.Errorf("the tracker is still assigned: %+v", got)
	}
}

// instances are the ids of the operator's ingest instances that have an anchor.
func (l *ledgerClients) instances(t *testing.T) iter.Seq[string] {
	return func(yield func(string) bool) {
		for h, err := range ledger.AnchorHeads.Each(t.Context(), l.op("carrier"), "") {
			if err != nil {
				t.Fatal(err)
			}
			if !yield(h.Ingest) {
				return
			}
		}
	}
}

// race runs calls at the same moment and returns each outcome.
func race(t *testing.T, calls ...func(context.Context) error) []error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 120*time.Second)
	defer cancel()
	outcomes := make([]error, len(calls))
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i, call := range calls {
		wg.Go(func() {
			<-start
			outcomes[i] = call(ctx)
		})
	}
	close(start)
	wg.Wait()
	return outcomes
}

// TestStackChaincodeFight lets two organisations act on one shipment at the same moment, again and again. Whatever wins, the
// result is one that some order of the two acts allows, and every peer holds it.
func TestStackChaincodeFight(t *testing.T) {
	l := openLedger(t)
	carrier, shipper := l.op("carrier"), l.op("shipper")
	trackerOf := func(c *fabric.Client, member, prefix string) string {
		id := nameOf(member, prefix)
		mustLedger[ledger.Tracker](t, c, ledger.TrackerEnrol, enrolArgs(id, c.MSP(), id))
		return id
	}
	tc, ts := trackerOf(carrier, "carrier", "TC"), trackerOf(shipper, "shipper", "TS")

	for round := range 5 {
		ship := fmt.Sprintf("%s.%d", nameOf("shipper", "F"), round)
		mustLedger[ledger.Shipment](t, shipper, ledger.ShipmentCreate, shipmentArgs(ship))
		// The shipper offers custody and binds its tracker while the carrier binds its own.
		once := func(c *fabric.Client, fn ledger.Function, arg any) func(context.Context) error {
			return func(ctx context.Context) error { _, err := submitLedger(ctx, c, fn, arg); return err }
		}
		out := race(t,
			once(carrier, ledger.ShipmentAssign, ledger.AssignArgs{Shipment: ship, Tracker: tc}),
			once(shipper, ledger.ShipmentAssign, ledger.AssignArgs{Shipment: ship, Tracker: ts}),
			once(shipper, ledger.ShipmentPropose, ledger.ProposeArgs{ID: ship, To: "CarrierMSP"}),
			once(shipper, ledger.ShipmentPropose, ledger.ProposeArgs{ID: ship, To: "ConsigneeMSP"}),
		)
		if out[0] != nil || out[1] != nil {
			t.Fatalf("round %d: assignments that do not exclude each other: %v, %v", round, out[0], out[1])
		}
		if (out[2] == nil) == (out[3] == nil) {
			t.Fatalf("round %d: of two proposals exactly one must win: %v, %v", round, out[2], out[3])
		}
		loser := errors.Join(out[2], out[3])
		if ledger.CodeOf(loser) != ledger.BadState {
			t.Errorf("round %d: the second proposal heard %v", round, loser)
		}
		s := agree[ledger.Shipment](t, shipper, ledger.ShipmentGet, ledger.IDArgs{ID: ship}, "carrier", "shipper", "consignee", "auditor")
		if len(s.Assignments) != 2 || s.Pending == nil || s.State != ledger.InTransit {
			t.Fatalf("round %d: the peers hold %+v", round, s)
		}

		// Free the trackers for the next round, both owners at once.
		for i, err := range race(t,
			once(carrier, ledger.ShipmentUnassign, ledger.UnassignArgs{Shipment: ship, Tracker: tc}),
			once(shipper, ledger.ShipmentUnassign, ledger.UnassignArgs{Shipment: ship, Tracker: ts}),
		) {
			if err != nil {
				t.Fatalf("round %d: unassign %d: %v", round, i, err)
			}
		}
	}

	// One tracker, many shipments at once: one gets it.
	ships := make([]string, 6)
	var calls []func(context.Context) error
	for i := range ships {
		ships[i] = fmt.Sprintf("%s.%d", name("G"), i)
		mustLedger[ledger.Shipment](t, carrier, ledger.ShipmentCreate, shipmentArgs(ships[i]))
		calls = append(calls, func(ctx context.Context) error {
			_, err := submitLedger(ctx, carrier, ledger.ShipmentAssign, ledger.AssignArgs{Shipment: ships[i], Tracker: tc})
			return err
		})
	}
	winner := ""
	for i, err := range race(t, calls...) {
		switch {
		case err == nil && winner != "":
			t.Errorf("the tracker is on %s and on %s", winner, ships[i])
		case err == nil:
			winner = ships[i]
		case ledger.CodeOf(err) != ledger.Conflict:
			t.Errorf("%s: %v", ships[i], err)
		}
	}
	if tr := agree[ledger.Tracker](t, carrier, ledger.TrackerGet, ledger.IDArgs{ID: tc}, "carrier", "shipper", "consignee", "auditor"); tr.Assigned != winner || winner == "" {
		t.Errorf("the tracker's record says %q, the winner is %q", tr.Assigned, winner)
	}
	mustLedger[ledger.Shipment](t, carrier, ledger.ShipmentUnassign, ledger.UnassignArgs{Shipment: winner, Tracker: tc})
}

// headsLog is a heads log of an instance that no program runs, so that the test disturbs none.
type headsLog struct {
	channel, ingest string
	epoch           uint64 // of the operator's partitions
	tree            merkle.Tree
}

func (h *headsLog) id() string {
	id := anchor.HeadsID(h.channel, h.ingest)
	return hex.EncodeToString(id[:])
}

func (h *headsLog) args(t *testing.T, old, size uint64) ledger.ExtendArgs {
	t.Helper()
	for h.tree.Size() < size {
		h.tree.Append(merkle.LeafHash(fmt.Appendf(nil, "%s %d", h.ingest, h.tree.Size())))
	}
	root, err := h.tree.RootAt(size)
	if err != nil {
		t.Fatal(err)
	}
	a := ledger.ExtendArgs{Heads: h.id(), Ingest: h.ingest, OldSize: old, NewSize: size, NewRoot: hex.EncodeToString(root[:]), Proof: []string{}, TimeMS: time.Now().UnixMilli(), Epoch: h.epoch}
	if old > 0 {
		proof, err := merkle.Consistency(&h.tree, old, size)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range proof {
			a.Proof = append(a.Proof, hex.EncodeToString(p[:]))
		}
	}
	return a
}

// TestStackChaincodeExtend: a heads log only grows, whoever asks; a repeated extension is answered and leaves no trace.
func TestStackChaincodeExtend(t *testing.T) {
	l := openLedger(t)
	ingest, carrier := l.as("carrier", "ingest"), l.op("carrier")
	serving, err := ledger.ServingOf(t.Context(), ingest, "CarrierMSP")
	if err != nil {
		t.Fatal(err)
	}
	h := &headsLog{channel: l.channel, ingest: name("ingest-e2e"), epoch: serving.Epoch}
	at := ledger.IDArgs{ID: h.id()}

	refusedLedger(t, ledger.Forbidden, carrier, ledger.AnchorExtend, h.args(t, 0, 5))
	foreign := h.args(t, 0, 5)
	foreign.Heads = hexSHA256("not its id")
	refusedLedger(t, ledger.Invalid, ingest, ledger.AnchorExtend, foreign)
	res, err := submitLedger(t.Context(), ingest, ledger.AnchorExtend, h.args(t, 0, 5))
	if err != nil {
		t.Fatal(err)
	}
	first := decodeLedger[ledger.Head](t, "extend", res.Payload)
	if first.Tx != res.TxID || first.Owner != "CarrierMSP" {
		t.Fatalf("got %+v for %+v", first, res)
	}

	forged := h.args(t, 5, 20)
	forged.Proof[1] = hexSHA256("forged")
	refusedLedger(t, ledger.BadProof, ingest, ledger.AnchorExtend, forged)
	cut := h.args(t, 5, 20)
	cut.Proof = cut.Proof[:len(cut.Proof)-1]
	refusedLedger(t, ledger.BadProof, ingest, ledger.AnchorExtend, cut)
	rewritten := h.args(t, 5, 20)
	rewritten.NewRoot = hexSHA256("another history")
	refusedLedger(t, ledger.BadProof, ingest, ledger.AnchorExtend, rewritten)
	rollback := h.args(t, 3, 4)
	refusedLedger(t, ledger.Conflict, ingest, ledger.AnchorExtend, rollback)
	late := h.args(t, 5, 20)
	late.TimeMS -= 10 * 60_000
	refusedLedger(t, ledger.Invalid, ingest, ledger.AnchorExtend, late)

	second := mustLedger[ledger.Head](t, ingest, ledger.AnchorExtend, h.args(t, 5, 20))
	if second.N != 1 || second.PrevSize != 5 || second.PrevRoot != first.Root {
		t.Fatalf("got %+v", second)
	}
	again := mustLedger[ledger.Head](t, ingest, ledger.AnchorExtend, h.args(t, 5, 20))
	if again != second {
		t.Fatalf("the repeated extension answered %+v, not %+v", again, second)
	}

	// Several at once from the same head: one wins, the rest hear of another head. They extend by different sizes.
	var calls []func(context.Context) error
	for i := range uint64(5) {
		a := h.args(t, 20, 30+i)
		calls = append(calls, func(ctx context.Context) error {
			_, err := submitLedger(ctx, ingest, ledger.AnchorExtend, a)
			return err
		})
	}
	won := 0
	for _, err := range race(t, calls...) {
		switch {
		case err == nil:
			won++
		case ledger.CodeOf(err) != ledger.Conflict:
			t.Errorf("a losing extension heard %v", err)
		}
	}
	if won != 1 {
		t.Errorf("%d extensions of one head won", won)
	}
	head := agree[ledger.Head](t, ingest, ledger.AnchorHead, at, "carrier", "shipper", "consignee", "auditor")
	list := askLedger[ledger.Page[ledger.Head]](t, ingest, ledger.AnchorList, ledger.ListArgs{ID: h.id(), Limit: 2})
	rest := askLedger[ledger.Page[ledger.Head]](t, ingest, ledger.AnchorList, ledger.ListArgs{ID: h.id(), Limit: 2, Bookmark: list.Bookmark})
	if got := append(list.Items, rest.Items...); len(got) != 3 || got[0] != head || got[1] != second || got[2] != first || rest.Bookmark != "" {
		t.Errorf("anchors %+v, then %+v", list, rest)
	}

	// Exactly one event for each anchor: none for refusals, repetitions and losers.
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	seen := map[string]bool{}
	done := errors.New("seen all")
	marker := &headsLog{channel: l.channel, ingest: h.ingest + ".end", epoch: h.epoch}
	mustLedger[ledger.Head](t, ingest, ledger.AnchorExtend, marker.args(t, 0, 1))
	err = ingest.Events(ctx, res.Block, func(e ledger.Event) error {
		if e.Name != ledger.EventAnchor {
			return nil
		}
		var a ledger.Head
		if err := ledger.Decode(e.Payload, &a); err != nil {
			return err
		}
		switch a.Heads {
		case h.id():
			seen[e.TxID] = true
			if a.Tx != e.TxID {
				t.Errorf("event of %s tells of %s", e.TxID, a.Tx)
			}
		case marker.id():
			return done
		}
		return nil
	}, nil)
	for _, retired := range []*headsLog{h, marker} { // or every shipment of the stack would wait for their seals
		mustLedger[ledger.Head](t, carrier, ledger.AnchorRetire, ledger.RetireArgs{Ingest: retired.ingest})
	}
	refusedLedger(t, ledger.BadState, ingest, ledger.AnchorExtend, h.args(t, head.Size, head.Size+1))
	if !errors.Is(err, done) || len(seen) != 3 || !seen[first.Tx] || !seen[second.Tx] || !seen[head.Tx] {
		t.Errorf("events of %v, %v", seen, err)
	}
}
