package contract

import (
	"slices"
	"strings"
	"testing"

	"github.com/trackseal/trackseal/internal/ledger"
)

// A later life takes the place of the one before with its first anchor: from then on the old journal's owner is refused.
func TestALaterLifeTakesThePlaceOfTheOneBefore(t *testing.T) {
	w := newWorld(t)
	first, second, third := newHeads("carrier.ingest-1"), newHeads("carrier.ingest-1.life-2"), newHeads("carrier.ingest-1.life-3")
	other := newHeads("carrier.ingest-2")
	for _, h := range []*heads{first, second, third, other} {
		h.grow(9)
	}
	w.refused(ledger.BadState, carrierIn, ledger.AnchorExtend, second.args(t, 0, 2, w.ms)) // nothing to follow
	w.extend(first, 0, 5)
	w.extend(other, 0, 5)
	w.refused(ledger.BadState, carrierIn, ledger.AnchorExtend, third.args(t, 0, 2, w.ms)) // skips one
	w.extend(second, 0, 2)
	w.refused(ledger.BadState, carrierIn, ledger.AnchorExtend, first.args(t, 5, 9, w.ms)) // the old journal
	w.refused(ledger.BadState, carrierIn, ledger.AnchorExtend, first.args(t, 0, 5, w.ms)) // also when it says again what is there
	w.extend(second, 2, 4)
	w.extend(third, 0, 2)
	w.refused(ledger.BadState, carrierIn, ledger.AnchorExtend, second.args(t, 4, 9, w.ms))
	w.extend(other, 5, 9)
	ids, err := get[[]string](&transaction{state: w.state}, ledger.InstancesKey(carrier))
	if want := []string{"carrier.ingest-1.life-3", "carrier.ingest-2"}; err != nil || ids == nil || !slices.Equal(*ids, want) {
		t.Errorf("in service are %v, %v; expected %v", ids, err, want)
	}
}

// No life's log is left out of a closed shipment. Those of earlier lives end in the heads log of the one in service.
func TestAttackCloseWithoutAnEarlierLife(t *testing.T) {
	w := newWorld(t)
	s := w.delivered("carrier.S-1", "carrier.T-1")
	first, second := newHeads("carrier.ingest-1"), newHeads("carrier.ingest-1.life-2")
	first.grow(3)
	w.extend(first, 0, 3)
	second.ingest = "carrier.ingest-1" // the head is of the earlier life's log
	ended := second.final("carrier.S-1", s.CreateTx, 12)
	second.ingest = "carrier.ingest-1.life-2"
	final := second.final("carrier.S-1", s.CreateTx, 4)
	w.extend(second, 0, 2)
	ended.Proof, final.Proof = second.inclusion(t, ended.Index, 2), second.inclusion(t, final.Index, 2)
	seal := func(ingest string, f *ledger.FinalHead) ledger.SealArgs {
		return ledger.SealArgs{ID: "carrier.S-1", Ingest: ingest, Final: f}
	}
	missing := func(who string) {
		t.Helper()
		_, e := w.submit(consigneeOp, ledger.ShipmentClose, ledger.IDArgs{ID: "carrier.S-1"}, nil)
		if e == nil || e.Code != ledger.BadState || !strings.Contains(e.Message, who+" of "+carrier) {
			t.Errorf("closed: got %v, want %s that names %s", e, ledger.BadState, who)
		}
	}
	missing("carrier.ingest-1")
	w.refused(ledger.BadProof, carrierIn, ledger.ShipmentSeal, seal("carrier.ingest-1", &final))
	w.refused(ledger.BadProof, carrierIn, ledger.ShipmentSeal, seal("carrier.ingest-1.life-2", &ended))
	must[ledger.Seal](w, carrierIn, ledger.ShipmentSeal, ledger.EventSealed, seal("carrier.ingest-1.life-2", &final))
	missing("carrier.ingest-1")
	must[ledger.Seal](w, carrierIn, ledger.ShipmentSeal, ledger.EventSealed, seal("carrier.ingest-1", &ended))
	c := must[ledger.Close](w, consigneeOp, ledger.ShipmentClose, ledger.EventClosed, ledger.IDArgs{ID: "carrier.S-1"})
	if len(c.Heads) != 2 || c.Heads[0].Size+c.Heads[1].Size != 16 {
		t.Errorf("closed over %+v, expected the logs of both lives", c.Heads)
	}
}
