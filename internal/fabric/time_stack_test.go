package fabric

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/testkit"
)

// proposed is a new shipment whose carrier has offered it to the consignee, as the consignee's peer sees it.
func proposed(t *testing.T, carrier, consignee *Client) string {
	t.Helper()
	rules, ok := compliance.Lookup("general-2-8@1")
	if !ok {
		t.Fatal("no rules")
	}
	id := fmt.Sprintf("carrier.HELD-%x", time.Now().UnixNano())
	_, _, err := ledger.ShipmentCreate.Do(t.Context(), carrier, ledger.CreateArgs{
		ID: id, RuleSet: rules.Ref(), RuleSetHash: rules.Hash(), Parties: ledger.Parties{ledger.Carrier: {carrier.MSP()}, ledger.Consignee: {consignee.MSP()}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err = ledger.ShipmentPropose.Do(t.Context(), carrier, ledger.ProposeArgs{ID: id, To: consignee.MSP()}); err != nil {
		t.Fatal(err)
	}
	testkit.WaitFor(t, 60*time.Second, "every peer has the proposal", func() bool {
		for _, org := range consignee.PeerOrgs() {
			s, err := ledger.ShipmentGet.Ask(t.Context(), ledger.At(consignee, org), ledger.IDArgs{ID: id})
			if err != nil || s.Pending == nil {
				return false
			}
		}
		return true
	})
	return id
}

// Attack 1c on a real network: a consignee has its delivery endorsed and keeps it, until the nodes have renewed the beat once.
func TestStackAttackHeldBackDelivery(t *testing.T) {
	s := realStack(t)
	carrier, consignee := s.open(t, "carrier", "api"), s.open(t, "consignee", "api")
	id := proposed(t, carrier, consignee)
	if _, _, err := ledger.ShipmentAccept.Do(t.Context(), consignee, ledger.StatedArgs{ID: id}); err != nil {
		t.Fatal(err)
	}
	kept, err := consignee.Endorse(t.Context(), ledger.ShipmentDeliver.Name(), ledger.StatedArgs{ID: id}, 0)
	if err != nil {
		t.Fatal(err)
	}
	beat := func() int64 {
		b, err := ledger.BeatGet.Ask(t.Context(), consignee, ledger.NoArgs{})
		if err != nil {
			t.Fatal(err)
		}
		return b.TimeMS
	}
	was := beat()
	testkit.WaitFor(t, 60*time.Second, "the nodes renew the beat by themselves", func() bool { return beat() > was })
	if _, err := consignee.Order(t.Context(), kept); !ledger.LostRace(err) {
		t.Fatalf("the delivery that was held back: %v, want a read conflict", err)
	}
	shipment, err := ledger.ShipmentGet.Ask(t.Context(), consignee, ledger.IDArgs{ID: id})
	if err != nil || shipment.State != ledger.InTransit || shipment.DeliveredMS != 0 {
		t.Fatalf("%s, delivered at %d, %v; want it still in transit", shipment.State, shipment.DeliveredMS, err)
	}
	shipment, _, err = ledger.ShipmentDeliver.Do(t.Context(), consignee, ledger.StatedArgs{ID: id})
	if err != nil || shipment.DeliveredMS < was {
		t.Fatalf("an honest delivery: at %d, %v; want a time of now", shipment.DeliveredMS, err)
	}
}

// Attack 1d on a real network: peers endorse no time that is more than two minutes from theirs.
func TestStackAttackAcceptAhead(t *testing.T) {
	s := realStack(t)
	carrier, consignee := s.open(t, "carrier", "api"), s.open(t, "consignee", "api")
	id := proposed(t, carrier, consignee)
	for _, ahead := range []time.Duration{14 * time.Minute, 3 * time.Minute, -3 * time.Minute, -14 * time.Minute} {
		_, err := consignee.Endorse(t.Context(), ledger.ShipmentAccept.Name(), ledger.StatedArgs{ID: id}, ahead)
		if err == nil || !strings.Contains(err.Error(), "incorrect timestamp") {
			t.Errorf("a time %s ahead: %v, want the peers to refuse it", ahead, err)
		}
	}
	// What they let through, a network's clocks may differ by. A renewal of the beat in between makes it a race that is run again.
	for try := 1; ; try++ {
		kept, err := consignee.Endorse(t.Context(), ledger.ShipmentAccept.Name(), ledger.StatedArgs{ID: id}, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = consignee.Order(t.Context(), kept); err == nil {
			break
		}
		if !ledger.LostRace(err) || try == 3 {
			t.Fatal(err)
		}
	}
	accepted, err := ledger.ShipmentGet.Ask(t.Context(), consignee, ledger.IDArgs{ID: id})
	if err != nil {
		t.Fatal(err)
	}
	delivered, _, err := ledger.ShipmentDeliver.Do(t.Context(), consignee, ledger.StatedArgs{ID: id})
	if err != nil || delivered.DeliveredMS < accepted.LastMS {
		t.Fatalf("delivered at %d, %v; want it not before it was accepted, %d", delivered.DeliveredMS, err, accepted.LastMS)
	}
}
