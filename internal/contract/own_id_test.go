package contract

import (
	"strings"
	"testing"

	"github.com/trackseal/trackseal/internal/ledger"
)

// Nobody takes an id that is another's to give, and trying tells nothing: an id that is there and one that is not are refused in the
// same words.
func TestAttackForeignID(t *testing.T) {
	w := newWorld(t)
	w.create(carrierOp, "carrier.S-1")
	w.enrol(carrierOp, "carrier.T-1")
	taken, unused := newHeads("carrier.ingest-1"), newHeads("carrier.ingest-2")
	taken.grow(3)
	unused.grow(3)
	must[ledger.Head](w, carrierIn, ledger.AnchorExtend, ledger.EventAnchor, taken.args(t, 0, 3, w.ms))
	must[ledger.RuleSet](w, carrierOp, ledger.RuleSetPublish, ledger.EventRuleSet, publishArgs("carrier.fruit", 1))

	for name, tc := range map[string]struct {
		by   who
		fn   ledger.Function
		make func(id string) any
		ids  [2]string // one that is there, one that is not
	}{
		"shipment":  {shipperOp, ledger.ShipmentCreate, func(id string) any { return createArgs(id) }, [2]string{"carrier.S-1", "carrier.S-9"}},
		"tracker":   {shipperOp, ledger.TrackerEnrol, func(id string) any { return edDevice("fresh").enrolArgs(id, shipper) }, [2]string{"carrier.T-1", "carrier.T-9"}},
		"secret":    {shipperOp, ledger.TrackerEnrol, func(id string) any { return ledger.EnrolArgs{ID: id, SecretHash: hexHash("s")} }, [2]string{"carrier.T-1", "carrier.T-9"}},
		"rule set":  {shipperOp, ledger.RuleSetPublish, func(id string) any { return publishArgs(id, 1) }, [2]string{"carrier.fruit", "carrier.ovens"}},
		"heads log": {shipperIn, ledger.AnchorExtend, func(id string) any { h := newHeads(id); h.grow(3); return h.args(t, 0, 3, w.ms) }, [2]string{"carrier.ingest-1", "carrier.ingest-2"}},
	} {
		t.Run(name, func(t *testing.T) {
			var said [2]string
			for i, id := range tc.ids {
				_, e := w.submit(tc.by, tc.fn, tc.make(id), nil)
				if e == nil || e.Code != ledger.Invalid || !strings.Contains(e.Message, "must begin with shipper.") {
					t.Fatalf("%s with %s: got %v, want INVALID with the right form", tc.fn, id, e)
				}
				said[i] = strings.ReplaceAll(e.Message, id, "ID")
			}
			if said[0] != said[1] {
				t.Errorf("an id that is there: %q, one that is not: %q", said[0], said[1])
			}
			for _, id := range []string{"S", "shipper", "shipper.", "Shipper.S", "shippers.S", "nobody.S"} {
				if name == "rule set" {
					id = strings.ReplaceAll(id, ".S", ".s")
				}
				w.refused(ledger.Invalid, tc.by, tc.fn, tc.make(id))
			}
		})
	}
	// Asking tells as little as trying.
	for fn, ids := range map[ledger.Function][2]string{ledger.ShipmentGet: {"carrier.S-1", "carrier.S-9"}, ledger.ShipmentGetClose: {"carrier.S-1", "carrier.S-9"}} {
		for _, id := range ids {
			w.refused(ledger.NotFound, auditorOp, fn, ledger.IDArgs{ID: id})
		}
	}
	w.create(shipperOp, "shipper.S-2")
	for _, id := range []string{"carrier.T-1", "carrier.T-9"} {
		w.refused(ledger.NotFound, shipperOp, ledger.ShipmentAssign, ledger.AssignArgs{Shipment: "shipper.S-2", Tracker: id})
		w.refused(ledger.NotFound, shipperOp, ledger.TrackerRevoke, ledger.RevokeArgs{ID: id, Cause: "x"})
	}
	w.refused(ledger.Forbidden, who{"StrangerMSP", Operator}, ledger.ShipmentCreate, createArgs("stranger.S-1"))
}
