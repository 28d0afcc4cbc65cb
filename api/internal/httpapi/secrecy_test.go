package httpapi_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/trackseal/trackseal/api/internal/fakestore"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/api/internal/shapes"
	telemetryapi "github.com/trackseal/trackseal/api/internal/telemetry"
	"github.com/trackseal/trackseal/internal/contract"
	"github.com/trackseal/trackseal/internal/testkit"
)

// overheard is all that a member who is no party reads of transactions: their arguments, what they write, and their events.
type overheard struct {
	mu    sync.Mutex
	texts []string
	fns   map[string]bool
}

func (o *overheard) run(s contract.State, c contract.Call, fn string, arg []byte) (contract.Answer, error) {
	a, err := contract.Run(s, c, fn, arg)
	if err != nil || len(contract.Roles(fn)) == 0 { // refused, or a question: neither is ordered
		return a, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.fns[fn] = true
	o.texts = append(o.texts, fn+" "+string(arg), fn+" answers "+string(a.Payload))
	for _, w := range a.Writes {
		o.texts = append(o.texts, fn+" writes "+w.Key+" "+string(w.Value))
	}
	return a, nil
}

// TestNoSecretsOnTheLedger takes goods all the way over REST and looks for everything that somebody wrote in everything that the ledger
// holds.
func TestNoSecretsOnTheLedger(t *testing.T) {
	heard := &overheard{fns: map[string]bool{}}
	shared := &world{ledger: testkit.NewLedgerWith(heard.run, "CarrierMSP", nil), store: new(fakestore.Store), nodes: map[string]*nodeOf{}}
	carrier := newWorldOf(t, "carrier", shared)
	consignee := newWorldOf(t, "consignee", shared)

	const goods, from, to, lot, seal, wet, dock, loading, budget, name = "vaccines for Zagreb", "Basel dock 4", "Oslo pier 9", "LOT-7788", "seal 88123", "pallet 3 is wet", "wrong dock",
		"door open while loading", "within the budget", "Ana Lopez"
	carrier.words = `"description":"` + goods + `","origin":"` + from + `","destination":"` + to + `","lot":"` + lot + `"`
	carrier.lat = 47.5596713
	acks := carrier.warm("carrier.s1")
	const path = "/v1/shipments/carrier.s1"
	var messages rest.List[telemetryapi.Message]
	carrier.must(200, "GET", path+"/messages", "").into(&messages)
	carrier.must(201, "POST", path+"/breaches", fmt.Sprintf(`{"rule":"hot","messages":[{"log":%q,"leaf":9}]}`, messages.Items[9].Log))
	carrier.must(201, "POST", path+"/handovers", `{"to":"consignee","note":"`+seal+`"}`)
	consignee.must(200, "POST", path+"/handovers/current/reject", `{"reason":"`+wet+`"}`)
	carrier.must(201, "POST", path+"/handovers", `{"to":"consignee","note":"`+seal+`"}`)
	carrier.must(200, "POST", path+"/handovers/current/withdraw", `{"reason":"`+dock+`"}`)
	p := newProvider(t)
	carrier.withProvider(p)
	ana := carrier.signedIn(quality)
	var ack shapes.Acknowledgement
	carrier.bearing(http.StatusCreated, ana.AccessToken, "POST", acks, `{"meaning":"reviewed","reason":"`+loading+`"}`).into(&ack)
	carrier.bearing(http.StatusCreated, ana.AccessToken, "POST", path+"/disposition", `{"decision":"quarantine","meaning":"responsibility","reason":"`+budget+`","verdict_by":"carrier","verdict_revision":1}`)
	carrier.must(201, "POST", path+"/handovers", `{"to":"consignee","note":"`+seal+`"}`)
	consignee.must(200, "POST", path+"/handovers/current/accept", "")
	consignee.must(200, "POST", path+"/deliver", "")
	carrier.must(200, "POST", path+"/close", "")
	var plain struct {
		Secret string `json:"secret"`
	}
	carrier.must(201, "POST", "/v1/trackers", `{"id":"plain","unsigned":true,"model":"m1"}`).into(&plain)

	// The parties read all of it.
	var s shapes.Shipment
	consignee.must(200, "GET", path, "").into(&s)
	want(t, "goods", s.Description, goods)
	want(t, "who signed", ack.Signature.Signer.Name, name)
	for _, fn := range []string{"shipment:Create", "shipment:Assign", "shipment:Propose", "shipment:Reject", "shipment:Withdraw", "shipment:Accept", "shipment:Deliver", "shipment:Close",
		"compliance:Breach", "compliance:Acknowledge", "compliance:Dispose", "compliance:Open", "compliance:Revise", "tracker:Enrol"} {
		if !heard.fns[fn] {
			t.Errorf("the trip has no %s", fn)
		}
	}
	if plain.Secret == "" {
		t.Error("the plain tracker has no secret")
	}
	position := string(binary.BigEndian.AppendUint64(nil, math.Float64bits(carrier.lat)))
	for _, secret := range []string{position, goods, from, to, lot, seal, wet, dock, loading, budget, name, ack.Signature.Signer.Subject + `"`, ack.Signature.Signer.Issuer, pageClient, plain.Secret} {
		for _, trace := range testkit.Traces([]byte(secret)) {
			if i := slices.IndexFunc(heard.texts, func(text string) bool { return strings.Contains(text, string(trace)) }); i >= 0 {
				t.Errorf("%q stands on the ledger: %.300s", secret, heard.texts[i])
			}
		}
	}
}
