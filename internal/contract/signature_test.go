package contract

import (
	"fmt"
	"testing"

	"github.com/trackseal/trackseal/internal/ledger"
)

func acknowledgeArgs(excursion string) ledger.AcknowledgeArgs {
	return ledger.AcknowledgeArgs{Shipment: "carrier.S-1", Excursion: excursion, Details: hexHash("door open at the dock"), Kind: ledger.Person, Meaning: "reviewed"}
}

// disposeArgs rests on a verdict of the carrier, 0 = on none.
func disposeArgs(revision int, decision string, verdict int) ledger.DisposeArgs {
	a := ledger.DisposeArgs{
		Shipment: "carrier.S-1", Revision: revision, Decision: decision, Details: hexHash("within the budget"), VerdictRevision: verdict, Kind: ledger.Person, Meaning: "approved",
	}
	if verdict > 0 {
		a.VerdictBy = carrier
	}
	return a
}

func TestAcknowledge(t *testing.T) {
	w := newWorld(t)
	w.create(carrierOp, "carrier.S-1")
	id := "warm/T-1/1"
	with := func(f func(*ledger.AcknowledgeArgs)) ledger.AcknowledgeArgs {
		a := acknowledgeArgs(id)
		f(&a)
		return a
	}
	w.refused(ledger.NotFound, consigneeOp, ledger.ComplianceAcknowledge, acknowledgeArgs(id))
	opened := must[ledger.Excursion](w, carrierIn, ledger.ComplianceOpen, ledger.EventExcursion, excursion(id))

	w.refused(ledger.NotFound, auditorOp, ledger.ComplianceAcknowledge, acknowledgeArgs(id))
	w.refused(ledger.Forbidden, carrierIn, ledger.ComplianceAcknowledge, acknowledgeArgs(id))
	w.refused(ledger.Forbidden, who{consignee, ""}, ledger.ComplianceAcknowledge, acknowledgeArgs(id))
	w.refused(ledger.NotFound, consigneeOp, ledger.ComplianceAcknowledge, with(func(a *ledger.AcknowledgeArgs) { a.Shipment = "carrier.S-9" }))
	w.refused(ledger.NotFound, consigneeOp, ledger.ComplianceAcknowledge, with(func(a *ledger.AcknowledgeArgs) { a.Excursion = "x" }))
	w.refused(ledger.Invalid, consigneeOp, ledger.ComplianceAcknowledge, with(func(a *ledger.AcknowledgeArgs) { a.Excursion = "" }))
	w.refused(ledger.Invalid, consigneeOp, ledger.ComplianceAcknowledge, with(func(a *ledger.AcknowledgeArgs) { a.Details = "" }))
	w.refused(ledger.Invalid, consigneeOp, ledger.ComplianceAcknowledge, with(func(a *ledger.AcknowledgeArgs) { a.Details = "door open" }))
	w.refused(ledger.Invalid, consigneeOp, ledger.ComplianceAcknowledge, with(func(a *ledger.AcknowledgeArgs) { a.Kind = "" }))
	w.refused(ledger.Invalid, consigneeOp, ledger.ComplianceAcknowledge, with(func(a *ledger.AcknowledgeArgs) { a.Kind = "robot" }))
	w.refused(ledger.Invalid, consigneeOp, ledger.ComplianceAcknowledge, with(func(a *ledger.AcknowledgeArgs) { a.Meaning = "seen" }))
	w.refused(ledger.Invalid, consigneeOp, ledger.ComplianceAcknowledge, with(func(a *ledger.AcknowledgeArgs) { a.N = -1 }))
	w.refused(ledger.Conflict, consigneeOp, ledger.ComplianceAcknowledge, with(func(a *ledger.AcknowledgeArgs) { a.N = 2 }))
	// Which organisation signs is in the certificate: nothing in the argument can say it.
	w.refused(ledger.Invalid, consigneeOp, ledger.ComplianceAcknowledge,
		`{"shipment":"carrier.S-1","excursion":"warm/T-1/1","details":"`+hexHash("x")+`","kind":"person","meaning":"reviewed","msp":"CarrierMSP"}`)

	r := must[ledger.Acknowledgement](w, consigneeOp, ledger.ComplianceAcknowledge, ledger.EventAcknowledged, acknowledgeArgs(id))
	sig := r.Signature
	if r.N != 1 || r.Of != opened.OpenTx || r.Details != hexHash("door open at the dock") || sig.Kind != ledger.Person || sig.Meaning != "reviewed" || sig.MSP != consignee ||
		sig.Subject != "CN=client,OU=client" || sig.Issuer == "" || !ledger.IsHash(sig.Cert) || sig.TimeMS != w.ms || sig.Tx != fmt.Sprintf("tx%04d", w.n) {
		t.Fatalf("got %+v", r)
	}
	closed := must[ledger.Excursion](w, carrierIn, ledger.ComplianceClose, ledger.EventExcursion, ledger.Excursion{ID: id, Shipment: "carrier.S-1", EndMS: t0 + 1, Peak: "9", Logs: logs("a", 9)})
	second := must[ledger.Acknowledgement](w, carrierOp, ledger.ComplianceAcknowledge, ledger.EventAcknowledged, with(func(a *ledger.AcknowledgeArgs) { a.N = 2 }))
	if second.N != 2 || second.Of != closed.CloseTx {
		t.Fatalf("got %+v", second)
	}
	w.refused(ledger.Conflict, carrierOp, ledger.ComplianceAcknowledge, with(func(a *ledger.AcknowledgeArgs) { a.N = 2 }))
	for range 9 {
		must[ledger.Acknowledgement](w, shipperOp, ledger.ComplianceAcknowledge, ledger.EventAcknowledged, acknowledgeArgs(id))
	}
	p := query[ledger.Page[ledger.Acknowledgement]](w, shipperOp, ledger.ComplianceAcknowledgements, ledger.ListArgs{ID: "carrier.S-1"})
	if len(p.Items) != 11 || p.Items[0] != r || p.Items[1] != second || p.Items[10].N != 11 {
		t.Fatalf("got %+v", p)
	}
	w.refused(ledger.NotFound, auditorOp, ledger.ComplianceAcknowledgements, ledger.ListArgs{ID: "carrier.S-1"})
}

func TestDispose(t *testing.T) {
	w := newWorld(t)
	w.delivered("carrier.S-1", "carrier.T-1")
	by := ledger.IDArgs{ID: "carrier.S-1"}
	with := func(f func(*ledger.DisposeArgs)) ledger.DisposeArgs {
		a := disposeArgs(1, ledger.Release, 1)
		f(&a)
		return a
	}

	w.refused(ledger.NotFound, consigneeOp, ledger.ComplianceDisposition, by)
	// Without a verdict nothing is released, but danger can be called out.
	w.refused(ledger.Invalid, consigneeOp, ledger.ComplianceDispose, disposeArgs(1, ledger.Release, 0))
	w.refused(ledger.Conflict, consigneeOp, ledger.ComplianceDispose, disposeArgs(1, ledger.Release, 1))
	d := must[ledger.Disposition](w, carrierOp, ledger.ComplianceDispose, ledger.EventDisposition, disposeArgs(1, ledger.Quarantine, 0))
	if d.Decision != ledger.Quarantine || d.VerdictRevision != 0 || d.Result != "" || d.Signature.MSP != carrier {
		t.Fatalf("got %+v", d)
	}
	v := verdict(1)
	v.Result, v.Reasons = ledger.Compliant, nil
	must[ledger.Verdict](w, carrierIn, ledger.ComplianceRevise, ledger.EventVerdict, v)

	w.refused(ledger.Conflict, consigneeOp, ledger.ComplianceDispose, with(func(*ledger.DisposeArgs) {})) // revision 1 is taken
	next := func(f func(*ledger.DisposeArgs)) ledger.DisposeArgs {
		return with(func(a *ledger.DisposeArgs) { a.Revision = 2; f(a) })
	}
	w.refused(ledger.Forbidden, carrierOp, ledger.ComplianceDispose, next(func(*ledger.DisposeArgs) {}))
	w.refused(ledger.Forbidden, carrierOp, ledger.ComplianceDispose, next(func(a *ledger.DisposeArgs) { a.Decision = ledger.Reject }))
	w.refused(ledger.NotFound, auditorOp, ledger.ComplianceDispose, next(func(*ledger.DisposeArgs) {}))
	w.refused(ledger.Forbidden, carrierIn, ledger.ComplianceDispose, next(func(*ledger.DisposeArgs) {}))
	w.refused(ledger.Conflict, consigneeOp, ledger.ComplianceDispose, next(func(a *ledger.DisposeArgs) { a.VerdictRevision = 2 }))
	w.refused(ledger.Conflict, consigneeOp, ledger.ComplianceDispose, next(func(a *ledger.DisposeArgs) { a.VerdictBy = shipper }))
	w.refused(ledger.Conflict, consigneeOp, ledger.ComplianceDispose, next(func(a *ledger.DisposeArgs) { a.VerdictBy = auditor }))
	w.refused(ledger.Invalid, consigneeOp, ledger.ComplianceDispose, next(func(a *ledger.DisposeArgs) { a.VerdictBy = "" }))
	w.refused(ledger.Invalid, consigneeOp, ledger.ComplianceDispose, next(func(a *ledger.DisposeArgs) { a.Decision = "keep" }))
	w.refused(ledger.Invalid, consigneeOp, ledger.ComplianceDispose, next(func(a *ledger.DisposeArgs) { a.Details = "" }))
	w.refused(ledger.Invalid, consigneeOp, ledger.ComplianceDispose, next(func(a *ledger.DisposeArgs) { a.Revision = 0 }))
	w.refused(ledger.Invalid, consigneeOp, ledger.ComplianceDispose, next(func(a *ledger.DisposeArgs) { a.Meaning = "" }))
	d = must[ledger.Disposition](w, consigneeOp, ledger.ComplianceDispose, ledger.EventDisposition, next(func(*ledger.DisposeArgs) {}))
	if d.Result != ledger.Compliant || d.VerdictBy != carrier || d.VerdictRevision != 1 || d.Revision != 2 {
		t.Fatalf("got %+v", d)
	}

	// Late data: the release rests on a verdict that is no longer the newest, and says so.
	must[ledger.Verdict](w, carrierIn, ledger.ComplianceRevise, ledger.EventVerdict, verdict(2))
	got := query[ledger.Disposition](w, shipperOp, ledger.ComplianceDisposition, by)
	if now := query[ledger.Verdict](w, shipperOp, ledger.ComplianceVerdict, ledger.OpinionArgs{ID: "carrier.S-1", By: carrier}); got != d || got.VerdictRevision >= now.Revision {
		t.Fatalf("got %+v, verdict %d", got, now.Revision)
	}
	w.refused(ledger.Conflict, shipperOp, ledger.ComplianceDispose, disposeArgs(3, ledger.Reject, 1))
	must[ledger.Disposition](w, shipperOp, ledger.ComplianceDispose, ledger.EventDisposition, disposeArgs(3, ledger.Reject, 2))
	p := query[ledger.Page[ledger.Disposition]](w, carrierOp, ledger.ComplianceDispositions, ledger.ListArgs{ID: "carrier.S-1"})
	if len(p.Items) != 3 || p.Items[0].Decision != ledger.Quarantine || p.Items[1] != d || p.Items[2].Decision != ledger.Reject {
		t.Fatalf("got %+v", p)
	}
	w.refused(ledger.NotFound, auditorOp, ledger.ComplianceDisposition, by)
	w.refused(ledger.NotFound, auditorOp, ledger.ComplianceDispositions, ledger.ListArgs{ID: "carrier.S-1"})
}

func TestGoodsUnderwayAreNotReleased(t *testing.T) {
	w := newWorld(t)
	w.create(carrierOp, "carrier.S-1")
	must[ledger.Verdict](w, carrierIn, ledger.ComplianceRevise, ledger.EventVerdict, verdict(1))
	w.refused(ledger.BadState, consigneeOp, ledger.ComplianceDispose, disposeArgs(1, ledger.Release, 1))
	must[ledger.Disposition](w, shipperOp, ledger.ComplianceDispose, ledger.EventDisposition, disposeArgs(1, ledger.Reject, 1))
}
