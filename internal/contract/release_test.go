package contract

import (
	"strings"
	"testing"

	"github.com/trackseal/trackseal/internal/ledger"
)

func TestAReleaseNeedsWhoConfirms(t *testing.T) {
	w := newWorld(t)
	args := createArgs("carrier.S-1")
	for _, n := range []int{-1, 0, 4} {
		args.Release = &ledger.ReleaseRule{ConfirmedBy: n}
		w.refused(ledger.Invalid, carrierOp, ledger.ShipmentCreate, args)
	}
	args.Release = &ledger.ReleaseRule{ConfirmedBy: 2}
	if s := must[ledger.Shipment](w, carrierOp, ledger.ShipmentCreate, ledger.EventShipment, args); s.Release == nil || s.Release.ConfirmedBy != 2 {
		t.Fatalf("created %+v, want it to pin the rule", s)
	}
	w.handOver(carrierOp, consigneeOp, "carrier.S-1")
	must[ledger.Shipment](w, consigneeOp, ledger.ShipmentDeliver, ledger.EventShipment, ledger.IDArgs{ID: "carrier.S-1"})
	release := disposeArgs(1, ledger.Release, 1)
	w.refused(ledger.Conflict, consigneeOp, ledger.ComplianceDispose, release) // nobody has an opinion
	no := func(says string) {
		t.Helper()
		_, e := w.submit(consigneeOp, ledger.ComplianceDispose, release, nil)
		if e == nil || e.Code != ledger.BadState || !strings.Contains(e.Message, says) {
			t.Errorf("got %v, want %s with %q", e, ledger.BadState, says)
		}
	}
	opinion := func(by who, revision int, result string, size uint64) {
		t.Helper()
		v := verdict(revision)
		v.Result, v.Logs = result, logs("a", size)
		must[ledger.Verdict](w, by, ledger.ComplianceRevise, ledger.EventVerdict, v)
	}
	opinion(carrierIn, 1, ledger.Compliant, 9)
	no("they are: CarrierMSP; not confirmed by: ConsigneeMSP, ShipperMSP")
	opinion(consigneeOp, 1, ledger.NonCompliant, 9)         // says otherwise
	opinion(who{shipper, Operator}, 1, ledger.Compliant, 8) // from fewer
	no("they are: CarrierMSP; not confirmed by: ConsigneeMSP, ShipperMSP")
	opinion(shipperOp, 2, ledger.Compliant, 9)
	reject := release
	reject.Decision = ledger.Quarantine
	must[ledger.Disposition](w, consigneeOp, ledger.ComplianceDispose, ledger.EventDisposition, reject) // the rule is for a release only
	release.Revision = 2
	if d := must[ledger.Disposition](w, consigneeOp, ledger.ComplianceDispose, ledger.EventDisposition, release); d.Result != ledger.Compliant {
		t.Errorf("released %+v", d)
	}
}

// When parties decline, all that are left are enough.
func TestAReleaseNeedsNoMorePartiesThanThereAre(t *testing.T) {
	w := newWorld(t)
	args := withAuditor(createArgs("carrier.S-1"))
	args.Release = &ledger.ReleaseRule{ConfirmedBy: 4}
	must[ledger.Shipment](w, carrierOp, ledger.ShipmentCreate, ledger.EventShipment, args)
	must[ledger.Shipment](w, auditorOp, ledger.ShipmentDecline, ledger.EventShipment, ledger.IDArgs{ID: "carrier.S-1"})
	w.handOver(carrierOp, consigneeOp, "carrier.S-1")
	must[ledger.Shipment](w, consigneeOp, ledger.ShipmentDeliver, ledger.EventShipment, ledger.IDArgs{ID: "carrier.S-1"})
	for _, by := range []who{carrierOp, consigneeOp} {
		must[ledger.Verdict](w, by, ledger.ComplianceRevise, ledger.EventVerdict, verdict(1))
	}
	release := disposeArgs(1, ledger.Release, 1)
	w.refused(ledger.BadState, consigneeOp, ledger.ComplianceDispose, release)
	must[ledger.Verdict](w, shipperOp, ledger.ComplianceRevise, ledger.EventVerdict, verdict(1))
	must[ledger.Disposition](w, consigneeOp, ledger.ComplianceDispose, ledger.EventDisposition, release)
}
