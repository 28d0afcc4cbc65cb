package contract

import (
	"slices"
	"testing"

	"github.com/trackseal/trackseal/internal/ledger"
)

// The clocks of organisations differ. What a transaction writes into a shipment's record is never before what stands there, and
// a record's times come in the order of its transactions.
func TestTheTimesOfARecordNeverRunBackwards(t *testing.T) {
	w := newWorld(t)
	w.enrol(carrierOp, "T-1")
	behind := func(ms int64, act func() ledger.Shipment) ledger.Shipment {
		t.Helper()
		w.ms -= ms + 1000 // submit adds a second
		s := act()
		w.ms += ms + 1000
		return s
	}
	created := w.create(carrierOp, "S-1")
	if created.LastMS != created.CreatedMS || created.LastMS != w.ms {
		t.Fatalf("last_ms %d of a shipment created at %d, want the same", created.LastMS, created.CreatedMS)
	}
	s := w.assign(carrierOp, "S-1", "T-1")
	ahead := s.LastMS
	s = behind(30_000, func() ledger.Shipment { return w.handOver(carrierOp, consigneeOp, "S-1") })
	h := query[ledger.Page[ledger.Handover]](w, consigneeOp, ledger.ShipmentHandover, ledger.ListArgs{ID: "S-1"}).Items[0]
	if h.ProposeMS != ahead || h.AnswerMS != ahead || s.LastMS != ahead {
		t.Fatalf("proposed %d, answered %d, last %d; want all %d, which stood there before", h.ProposeMS, h.AnswerMS, s.LastMS, ahead)
	}
	s = behind(30_000, func() ledger.Shipment {
		return must[ledger.Shipment](w, consigneeOp, ledger.ShipmentDeliver, ledger.EventShipment, ledger.IDArgs{ID: "S-1"})
	})
	if s.DeliveredMS != ahead {
		t.Fatalf("delivered %d, want %d", s.DeliveredMS, ahead)
	}
	w.ms -= 30_000
	c := must[ledger.Close](w, carrierOp, ledger.ShipmentClose, ledger.EventClosed, ledger.CloseArgs{ID: "S-1"})
	s = query[ledger.Shipment](w, carrierOp, ledger.ShipmentGet, ledger.IDArgs{ID: "S-1"})
	got := []int64{s.CreatedMS, s.Assignments[0].FromMS, s.DeliveredMS, s.Assignments[0].ToMS, c.TimeMS, s.ClosedMS, s.LastMS}
	if !slices.IsSorted(got) || c.TimeMS != ahead {
		t.Fatalf("times %v in the order in which they were written, want none before the last, and the close at %d", got, ahead)
	}
}
