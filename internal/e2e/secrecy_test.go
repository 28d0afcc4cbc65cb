package e2e

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"net/url"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/internal/testkit"
)

// TestStackSecrecy takes goods from carrier to consignee on the real network, warm on the way, and reads all blocks as the shipper's peer, who
// is no party, has them: nothing that a party wrote is there, nor where the goods were.
func TestStackSecrecy(t *testing.T) {
	s := load(t)
	l := openLedger(t)
	carrier, consignee := s.api(t, "carrier"), s.api(t, "consignee")
	outsider := l.op("shipper")
	height := func() uint64 {
		nodes, err := outsider.Network(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var h uint64
		for _, n := range nodes {
			if n.Role == "peer" && n.Org == "shipper" {
				h = n.Height
			}
		}
		return h
	}
	first := height()
	id := name("secret")
	path := "/v1/shipments/" + id
	secret := func(what string) string { return what + " " + id[len(id)-10:] }
	goods, from, to, lot, note, reason, loading, decided := secret("vaccines"), secret("Basel"), secret("Oslo"), secret("LOT"), secret("seal"), secret("wet"), secret("loading"), secret("too warm")
	const lat, lon = 47.5596713, 7.5885761

	carrier.post("/v1/shipments", map[string]any{"id": id, "rule_set": "general-2-8@1", "parties": map[string][]string{"carrier": {"carrier"}, "consignee": {"consignee"}},
		"description": goods, "origin": from, "destination": to, "lot": lot}, nil)
	tr := enrolOwn(t, s, carrier, id+"-t")
	carrier.post(path+"/assignments", map[string]any{"tracker": tr.id}, nil)
	now := time.Now().UnixMilli()
	tr.publish(tr.readings(telemetry.Reading{TimeMS: now, Values: map[string]float64{"temperature": 40, "lat": lat, "lon": lon}}))
	var recorded struct {
		Recorded []struct {
			ID       string `json:"id"`
			Verified bool   `json:"verified"`
		} `json:"recorded"`
	}
	eventually(t, 2*time.Minute, "the peers have verified a breach", func() (bool, string) {
		carrier.get(path+"/compliance", &recorded)
		for _, x := range recorded.Recorded {
			if x.Verified {
				return true, ""
			}
		}
		return false, fmt.Sprintf("%+v", recorded)
	})
	excursion := "/excursions/" + url.PathEscape(recorded.Recorded[0].ID) + "/acknowledgements"
	carrier.postSoon(path+"/handovers", map[string]any{"to": "consignee", "note": note})
	consignee.postSoon(path+"/handovers/current/reject", map[string]any{"reason": reason})
	consignee.postSoon(path+excursion, map[string]any{"meaning": "reviewed", "reason": loading})
	consignee.postSoon(path+"/disposition", map[string]any{"decision": "quarantine", "meaning": "responsibility", "reason": decided, "verdict_by": "carrier", "verdict_revision": 1})

	// Each party sees what the other wrote.
	var seen struct{ Description, Origin, Destination, Lot string }
	eventually(t, time.Minute, "the consignee sees the goods", func() (bool, string) {
		consignee.get(path, &seen)
		return seen.Description == goods && seen.Origin == from && seen.Destination == to && seen.Lot == lot, fmt.Sprintf("%+v", seen)
	})
	var told struct {
		Items []struct {
			Note, Reason string
		}
	}
	eventually(t, time.Minute, "the carrier sees why it was rejected", func() (bool, string) {
		carrier.get(path+"/handovers", &told)
		return len(told.Items) == 1 && told.Items[0].Note == note && told.Items[0].Reason == reason, fmt.Sprintf("%+v", told)
	})

	last := height()
	if last <= first {
		t.Fatalf("no block between %d and %d", first, last)
	}
	position := func(v float64) []byte { return binary.BigEndian.AppendUint64(nil, math.Float64bits(v)) }
	secrets := map[string][]byte{"latitude": position(lat), "longitude": position(lon), "client": []byte("consignee-admin"), "issuer": []byte(s.api(t, "consignee").base)}
	for _, text := range []string{goods, from, to, lot, note, reason, loading, decided} {
		secrets[text] = []byte(text)
	}
	found := false
	for n := first; n < last; n++ {
		block, err := outsider.BlockByNumber(t.Context(), n)
		if err != nil {
			t.Fatal(err)
		}
		found = found || bytes.Contains(block, []byte(ledger.ShipmentCreate.Name())) && bytes.Contains(block, []byte(id))
		for what, secret := range secrets {
			for _, form := range testkit.Traces(secret) {
				if bytes.Contains(block, form) {
					t.Errorf("block %d holds the %s as %q", n, what, form)
				}
			}
		}
	}
	if !found {
		t.Errorf("blocks %d to %d do not hold the shipment", first, last)
	}
}
