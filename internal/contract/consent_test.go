package contract

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/trackseal/trackseal/internal/ledger"
)

func withAuditor(a ledger.CreateArgs) ledger.CreateArgs {
	a.Parties[ledger.Auditor] = []string{auditor}
	return a
}

// A certificate with the role ingest, of a party that runs none, says "compliant" of a shipment that is not.
func TestAttackForeignVerdict(t *testing.T) {
	w := newWorld(t)
	w.delivered("carrier.S-1", "carrier.T-1")
	must[ledger.Verdict](w, carrierIn, ledger.ComplianceRevise, ledger.EventVerdict, verdict(1))
	lie := verdict(2)
	lie.Result, lie.Reasons = ledger.Compliant, nil
	w.refused(ledger.Conflict, shipperIn, ledger.ComplianceRevise, lie)
	lie.Revision, lie.Supersedes = 1, 0
	must[ledger.Verdict](w, shipperIn, ledger.ComplianceRevise, ledger.EventVerdict, lie)

	held := query[ledger.ComplianceState](w, consigneeOp, ledger.ComplianceNow, ledger.IDArgs{ID: "carrier.S-1"})
	result, reason := ledger.Answer(held.Opinions, func(msp string) string { return msp })
	if want := "the parties differ: CarrierMSP says non_compliant, ShipperMSP says compliant"; result != ledger.Inconclusive || reason != want {
		t.Errorf("the shipment is %s, %q; want %s, %q", result, reason, ledger.Inconclusive, want)
	}
	if got := query[ledger.Verdict](w, consigneeOp, ledger.ComplianceVerdict, ledger.OpinionArgs{ID: "carrier.S-1", By: carrier}); got.Result != ledger.NonCompliant || got.Revision != 1 {
		t.Errorf("the carrier's verdict became %+v", got)
	}
	// Whoever releases on it says whose verdict it was.
	release := disposeArgs(1, ledger.Release, 1)
	release.VerdictBy = shipper
	if d := must[ledger.Disposition](w, consigneeOp, ledger.ComplianceDispose, ledger.EventDisposition, release); d.VerdictBy != shipper || d.Result != ledger.Compliant {
		t.Errorf("released on %+v", d)
	}
}

// A delivered shipment is closed over what the operators sealed, and they seal what is anchored.
func TestAttackCloseOverOtherHeads(t *testing.T) {
	w := newWorld(t)
	s := w.delivered("carrier.S-1", "carrier.T-1")
	h := newHeads("carrier.ingest-carrier")
	h.grow(3)
	open := ledger.FinalHead{Size: 9, Root: hexHash("open"), Index: 2}
	final := h.final("carrier.S-1", s.CreateTx, 12)
	foreign := h.final("carrier.S-2", s.CreateTx, 5)
	w.extend(h, 0, 5)
	h.grow(4)
	w.extend(h, 5, 9)
	final.Proof = h.inclusion(t, final.Index, 5)
	of := func(f *ledger.FinalHead) ledger.SealArgs {
		return ledger.SealArgs{ID: "carrier.S-1", Ingest: h.ingest, Final: f}
	}
	with := func(change func(*ledger.FinalHead)) ledger.SealArgs { f := final; change(&f); return of(&f) }
	closing := ledger.IDArgs{ID: "carrier.S-1"}

	for _, by := range []who{consigneeOp, carrierOp} {
		_, e := w.submit(by, ledger.ShipmentClose, closing, nil)
		if e == nil || e.Code != ledger.BadState || !strings.Contains(e.Message, "ingest-carrier of "+carrier) {
			t.Errorf("closed by %s before the seal: got %v, want %s that names who is missing", by.msp, e, ledger.BadState)
		}
	}
	w.refused(ledger.Invalid, consigneeOp, ledger.ShipmentClose, `{"id":"carrier.S-1","heads":[]}`)
	for name, tc := range map[string]struct {
		by   who
		arg  ledger.SealArgs
		code ledger.Code
	}{
		"by an operator's api":        {carrierOp, of(&final), ledger.Forbidden},
		"by another party":            {shipperIn, of(nil), ledger.Forbidden},
		"by a stranger":               {who{auditor, Ingest}, of(nil), ledger.NotFound},
		"an instance without anchors": {carrierIn, ledger.SealArgs{ID: "carrier.S-1", Ingest: "carrier.ingest-2"}, ledger.NotFound},
		"another size":                {carrierIn, with(func(f *ledger.FinalHead) { f.Size = 11 }), ledger.BadProof},
		"another root":                {carrierIn, with(func(f *ledger.FinalHead) { f.Root = hexHash("x") }), ledger.BadProof},
		"another predecessor":         {carrierIn, with(func(f *ledger.FinalHead) { f.Prev = new(uint64) }), ledger.BadProof},
		"another place":               {carrierIn, with(func(f *ledger.FinalHead) { f.Index = 2 }), ledger.BadProof},
		"another anchor":              {carrierIn, with(func(f *ledger.FinalHead) { f.Anchor = 1 }), ledger.BadProof},
		"no such anchor":              {carrierIn, with(func(f *ledger.FinalHead) { f.Anchor = 2 }), ledger.NotFound},
		"without proof":               {carrierIn, with(func(f *ledger.FinalHead) { f.Proof = nil }), ledger.BadProof},
		"absurd proof":                {carrierIn, with(func(f *ledger.FinalHead) { f.Proof = make([]string, 1000) }), ledger.Invalid},
		"a head that is no head":      {carrierIn, of(&open), ledger.BadProof},
		"a log of another shipment":   {carrierIn, of(&foreign), ledger.BadProof},
		"an empty log":                {carrierIn, with(func(f *ledger.FinalHead) { f.Size = 0 }), ledger.Invalid},
	} {
		if _, e := w.submit(tc.by, ledger.ShipmentSeal, tc.arg, nil); e == nil || e.Code != tc.code {
			t.Errorf("seal %s: got %v, want %s", name, e, tc.code)
		}
	}
	seal := must[ledger.Seal](w, carrierIn, ledger.ShipmentSeal, ledger.EventSealed, of(&final))
	// Said again, also by another anchor that covers it: nothing is written. Otherwise it is not sealed again.
	again := with(func(f *ledger.FinalHead) { f.Anchor, f.Proof = 1, h.inclusion(t, f.Index, 9) })
	if got := must[ledger.Seal](w, carrierIn, ledger.ShipmentSeal, "", again); got.Tx != seal.Tx {
		t.Errorf("sealed again: %+v, want the seal of %s", got, seal.Tx)
	}
	w.refused(ledger.Exists, carrierIn, ledger.ShipmentSeal, of(nil))

	// A second instance of the operator is waited for as well, unless it is retired.
	for _, ingest := range []string{"carrier.ingest-2", "carrier.ingest-3"} {
		other := newHeads(ingest)
		other.grow(1)
		w.extend(other, 0, 1)
	}
	w.refused(ledger.BadState, consigneeOp, ledger.ShipmentClose, closing)
	must[ledger.Seal](w, carrierIn, ledger.ShipmentSeal, ledger.EventSealed, ledger.SealArgs{ID: "carrier.S-1", Ingest: "carrier.ingest-2"})
	w.refused(ledger.BadState, consigneeOp, ledger.ShipmentClose, closing)
	w.refused(ledger.NotFound, shipperOp, ledger.AnchorRetire, ledger.RetireArgs{Ingest: "carrier.ingest-3"})
	retired := must[ledger.Head](w, carrierOp, ledger.AnchorRetire, ledger.EventAnchor, ledger.RetireArgs{Ingest: "carrier.ingest-3"})
	if now := query[ledger.Head](w, shipperOp, ledger.AnchorHead, ledger.IDArgs{ID: retired.Heads}); !retired.Retired || !now.Retired || now.Size != 1 {
		t.Errorf("the newest head of a retired instance is %+v, want it as it was, and that it is retired", now)
	}

	c := must[ledger.Close](w, consigneeOp, ledger.ShipmentClose, ledger.EventClosed, closing)
	if !slices.Equal(c.Heads, []ledger.LogHead{*seal.Log}) {
		t.Errorf("closed over %+v, want %+v", c.Heads, *seal.Log)
	}
	if p := query[ledger.Page[ledger.Seal]](w, shipperOp, ledger.ShipmentSeals, ledger.ListArgs{ID: "carrier.S-1"}); len(p.Items) != 2 || p.Items[0].Ingest != "carrier.ingest-2" || p.Items[0].Log != nil {
		t.Errorf("seals %+v", p.Items)
	}
	must[ledger.Seal](w, carrierIn, ledger.ShipmentSeal, "", of(&final)) // asked again after the close
}

// An instance that is gone for good holds no shipment open that was created after its last anchor.
func TestNoSealOfAnInstanceThatIsGone(t *testing.T) {
	w := newWorld(t)
	gone := newHeads("carrier.ingest-gone")
	gone.grow(1)
	w.extend(gone, 0, 1)
	w.ms++
	w.delivered("carrier.S-1", "carrier.T-1")
	if c := must[ledger.Close](w, carrierOp, ledger.ShipmentClose, ledger.EventClosed, ledger.IDArgs{ID: "carrier.S-1"}); len(c.Heads) != 0 {
		t.Errorf("closed over %+v, want no log", c.Heads)
	}
}

func TestNothingIsSealedUnderway(t *testing.T) {
	w := newWorld(t)
	h := newHeads("carrier.ingest-carrier")
	h.grow(1)
	w.extend(h, 0, 1)
	w.create(carrierOp, "carrier.S-1")
	w.refused(ledger.BadState, carrierIn, ledger.ShipmentSeal, ledger.SealArgs{ID: "carrier.S-1", Ingest: h.ingest})
}

// A member that runs no ingest takes an ingest id, which others then ask for each shipment; an operator takes all of them.
func TestAttackSquat(t *testing.T) {
	w := newWorld(t)
	for _, by := range []who{shipperIn, {"StrangerMSP", Ingest}} {
		h := newHeads("shipper.x-squat")
		h.grow(1)
		w.refused(ledger.Forbidden, by, ledger.AnchorExtend, h.args(t, 0, 1, w.ms))
	}
	for i := range ledger.MaxInstances + 1 {
		h := newHeads(fmt.Sprintf("carrier.ingest-%d", i))
		h.grow(2)
		if i < ledger.MaxInstances {
			w.extend(h, 0, 1)
			continue
		}
		w.refused(ledger.BadState, carrierIn, ledger.AnchorExtend, h.args(t, 0, 1, w.ms))
		must[ledger.Head](w, carrierOp, ledger.AnchorRetire, ledger.EventAnchor, ledger.RetireArgs{Ingest: "carrier.ingest-0"})
		w.extend(h, 0, 1)
	}
	retired := newHeads("carrier.ingest-0")
	retired.grow(2)
	w.refused(ledger.BadState, carrierIn, ledger.AnchorExtend, retired.args(t, 1, 2, w.ms))
	w.refused(ledger.NotFound, carrierOp, ledger.AnchorRetire, ledger.RetireArgs{Ingest: "carrier.ingest-0"})
}

func TestDecline(t *testing.T) {
	w := newWorld(t)
	must[ledger.Shipment](w, shipperOp, ledger.ShipmentCreate, ledger.EventShipment, withAuditor(createArgs("shipper.S-1")))
	no := ledger.IDArgs{ID: "shipper.S-1"}
	w.refused(ledger.Forbidden, who{auditor, Ingest}, ledger.ShipmentDecline, no)
	w.refused(ledger.BadState, shipperOp, ledger.ShipmentDecline, no) // it created it, and has the goods

	// An offer is answered first.
	must[ledger.Shipment](w, shipperOp, ledger.ShipmentPropose, ledger.EventShipment, ledger.ProposeArgs{ID: "shipper.S-1", To: auditor})
	w.refused(ledger.BadState, auditorOp, ledger.ShipmentDecline, no)
	must[ledger.Shipment](w, auditorOp, ledger.ShipmentReject, ledger.EventShipment, ledger.RejectArgs{ID: "shipper.S-1", Details: hexHash("no")})
	must[ledger.Verdict](w, who{auditor, Ingest}, ledger.ComplianceRevise, ledger.EventVerdict, ofShipper(verdict(1)))
	s := must[ledger.Shipment](w, auditorOp, ledger.ShipmentDecline, ledger.EventShipment, no)
	if s.IsParty(auditor) || len(s.Declined) != 1 || s.Parties[ledger.Auditor] != nil {
		t.Fatalf("got %+v", s)
	}
	if d := s.Declined[0]; d.Member != auditor || !slices.Equal(d.Roles, []string{ledger.Auditor}) || d.TimeMS != s.LastMS || d.TimeMS == 0 || d.Tx == "" {
		t.Errorf("declined %+v", d)
	}
	// For it the shipment does not exist, and its opinion is none of a party's.
	for _, fn := range []ledger.Function{ledger.ShipmentGet, ledger.ComplianceNow} {
		w.refused(ledger.NotFound, auditorOp, fn, ledger.IDArgs{ID: "shipper.S-1"})
	}
	w.refused(ledger.NotFound, auditorOp, ledger.ShipmentDecline, no)
	if p := query[ledger.Page[ledger.Shipment]](w, auditorOp, ledger.ShipmentList, ledger.ListArgs{}); len(p.Items) != 0 {
		t.Errorf("listed %+v", p.Items)
	}
	if held := query[ledger.ComplianceState](w, shipperOp, ledger.ComplianceNow, ledger.IDArgs{ID: "shipper.S-1"}); len(held.Opinions) != 0 {
		t.Errorf("opinions %+v, want none", held.Opinions)
	}
	w.refused(ledger.Invalid, shipperOp, ledger.ShipmentPropose, ledger.ProposeArgs{ID: "shipper.S-1", To: auditor})

	// Who has acted answers for it.
	w.enrol(carrierOp, "carrier.T-1")
	w.assign(carrierOp, "shipper.S-1", "carrier.T-1")
	w.refused(ledger.BadState, carrierOp, ledger.ShipmentDecline, no)
	w.handOver(shipperOp, consigneeOp, "shipper.S-1")
	w.handOver(consigneeOp, shipperOp, "shipper.S-1")
	w.refused(ledger.BadState, consigneeOp, ledger.ShipmentDecline, no) // it had the goods

	// The last of a role may decline as well: then nobody can act in it.
	w.create(shipperOp, "shipper.S-2")
	no.ID = "shipper.S-2"
	s = must[ledger.Shipment](w, consigneeOp, ledger.ShipmentDecline, ledger.EventShipment, no)
	if _, there := s.Parties[ledger.Consignee]; there {
		t.Errorf("parties %v, want no consignee", s.Parties)
	}
	// What is delivered has its parties.
	w.delivered("carrier.S-3", "carrier.T-3")
	no.ID = "carrier.S-3"
	w.refused(ledger.BadState, shipperOp, ledger.ShipmentDecline, no)
}

func ofShipper(v ledger.Verdict) ledger.Verdict {
	v.Shipment = "shipper.S-1"
	return v
}
