package e2e

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/fabric"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/internal/testkit"
)

// signedTemperature is a message that the tracker with this key seed publishes.
func signedTemperature(t *testing.T, tracker, keyOf string, ms int64, v float64) []byte {
	t.Helper()
	seed := sha256.Sum256([]byte(keyOf))
	raw, err := telemetry.Encode(ed25519.NewKeyFromSeed(seed[:]), telemetry.Claims{Tracker: tracker, Boot: 1, TimeMS: ms},
		[]telemetry.Reading{{TimeMS: ms, Values: map[string]float64{"temperature": v}}})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// refusedByEach asks every organisation's peer by itself: none would endorse, and each says why.
func refusedByEach(t *testing.T, code ledger.Code, reason string, c *fabric.Client, fn ledger.Function, arg any) {
	t.Helper()
	for _, o := range testkit.Founders {
		// A peer may have the records that the claim is about a moment later than others.
		eventually(t, 20*time.Second, fmt.Sprintf("the peer of %s refuses with [%s] … %s", o.Name, code, reason), func() (bool, string) {
			_, err := c.EvaluateAt(t.Context(), o.Name, fn.Name(), arg)
			var refused *ledger.Error
			return errors.As(err, &refused) && refused.Code == code && strings.Contains(refused.Message, reason), fmt.Sprint(err)
		})
	}
	refusedLedger(t, code, c, fn, arg)
}

// TestStackChaincodeBreach: a claim that a signed message breaks a limit is believed by no peer, and by all when it is true.
func TestStackChaincodeBreach(t *testing.T) {
	l := openLedger(t)
	carrier, shipper, consignee, auditor := l.op("carrier"), l.op("shipper"), l.op("consignee"), l.op("auditor")
	ship, other, tracker := nameOf("shipper", "S"), nameOf("shipper", "S")+".b", name("T")
	mustLedger[ledger.Tracker](t, carrier, ledger.TrackerEnrol, enrolArgs(tracker, "CarrierMSP", tracker))
	for _, id := range []string{ship, other} {
		mustLedger[ledger.Shipment](t, shipper, ledger.ShipmentCreate, shipmentArgs(id))
	}
	now := time.Now().UnixMilli()
	mustLedger[ledger.Shipment](t, carrier, ledger.ShipmentAssign, ledger.AssignArgs{Shipment: ship, Tracker: tracker, FromMS: now - 60_000})

	claim := ledger.BreachArgs{
		Shipment: ship, RuleHash: shipmentArgs(ship).RuleSetHash, Rule: "hot", Metric: "temperature", Op: ">=",
		Messages: []ledger.BreachMessage{{Raw: signedTemperature(t, tracker, tracker, now-30_000, 31.5), TimeMS: now - 30_000}},
	}
	lie := func(f func(*ledger.BreachArgs)) ledger.BreachArgs {
		a := claim
		a.Messages = []ledger.BreachMessage{claim.Messages[0]}
		f(&a)
		return a
	}
	at := claim.Messages[0].TimeMS
	refusedByEach(t, ledger.BadProof, "24.9 keeps the limit", consignee, ledger.ComplianceBreach, lie(func(a *ledger.BreachArgs) {
		a.Messages[0].Raw = signedTemperature(t, tracker, tracker, at, 24.9)
	}))
	refusedByEach(t, ledger.BadProof, "is none of tracker", consignee, ledger.ComplianceBreach, lie(func(a *ledger.BreachArgs) {
		a.Messages[0].Raw = signedTemperature(t, tracker, "a thief", at, 31.5)
	}))
	refusedByEach(t, ledger.BadProof, "has no reading of", consignee, ledger.ComplianceBreach, lie(func(a *ledger.BreachArgs) { a.Messages[0].TimeMS-- }))
	refusedByEach(t, ledger.Conflict, "was not assigned", consignee, ledger.ComplianceBreach, lie(func(a *ledger.BreachArgs) { a.Shipment = other }))
	refusedByEach(t, ledger.Invalid, "not instant", consignee, ledger.ComplianceBreach, lie(func(a *ledger.BreachArgs) { a.Rule, a.Op = "warm", ">" }))
	refusedByEach(t, ledger.NotFound, "there is no shipment", auditor, ledger.ComplianceBreach, claim)
	if p := askLedger[ledger.Page[ledger.Excursion]](t, shipper, ledger.ComplianceList, ledger.ListArgs{ID: ship}); len(p.Items) != 0 {
		t.Fatalf("a lie was recorded: %+v", p.Items)
	}

	e := mustLedger[ledger.Excursion](t, consignee, ledger.ComplianceBreach, claim)
	if !e.Verified || e.By != "ConsigneeMSP" || e.Peak != "31.5" || e.Limit != "25" || e.ID != ledger.BreachID("hot", tracker, at) || len(e.Witnesses) != 1 {
		t.Fatalf("recorded %+v", e)
	}
	// The peers saw the message, and the transaction does not hold it.
	m, err := telemetry.Decode(claim.Messages[0].Raw)
	if err != nil {
		t.Fatal(err)
	}
	block, err := consignee.BlockByTx(t.Context(), e.OpenTx)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(block, []byte(e.Witnesses[0].Message)) {
		t.Error("the block does not hold the witness's hash: it is another block")
	}
	for _, private := range [][]byte{m.Pack, claim.Messages[0].Raw, []byte(base64.StdEncoding.EncodeToString(claim.Messages[0].Raw))} {
		if bytes.Contains(block, private) {
			t.Error("the block holds what went to the endorsing peers only")
		}
	}
	refusedLedger(t, ledger.Exists, shipper, ledger.ComplianceBreach, claim)
	p := agree[ledger.Page[ledger.Excursion]](t, shipper, ledger.ComplianceList, ledger.ListArgs{ID: ship}, "carrier", "shipper", "consignee", "auditor")
	if len(p.Items) != 1 || !p.Items[0].Verified || p.Items[0].OpenTx != e.OpenTx {
		t.Errorf("the peers hold %+v", p.Items)
	}
}

// TestStackChaincodeSignOff takes goods from a published rule set to a release that late data overtakes: the handover keeps
// what it held, the consignee signs, the lot's next shipment goes on with what was spent.
func TestStackChaincodeSignOff(t *testing.T) {
	l := openLedger(t)
	carrier, shipper, consignee := l.op("carrier"), l.op("shipper"), l.op("consignee")
	ingest := l.as("carrier", "ingest")

	rules := builtinRules
	rules.ID = "shipper.e2e-" + hexSHA256(name("R"))[:12]
	publish := ledger.PublishArgs{Rules: rules.Canonical()}
	first := nameOf("shipper", "S")
	args := shipmentArgs(first)
	args.RuleSet, args.RuleSetHash = rules.Ref(), hexSHA256(string(publish.Rules))
	refusedLedger(t, ledger.Invalid, shipper, ledger.ShipmentCreate, args)
	mustLedger[ledger.RuleSet](t, shipper, ledger.RuleSetPublish, publish)
	refusedLedger(t, ledger.Exists, shipper, ledger.RuleSetPublish, publish)
	for _, v := range []int{1, 2} {
		rules.Version = v
		refusedLedger(t, ledger.Invalid, carrier, ledger.RuleSetPublish, ledger.PublishArgs{Rules: rules.Canonical()})
	}
	wrong := args
	wrong.RuleSetHash = hexSHA256("other rules")
	refusedLedger(t, ledger.Conflict, shipper, ledger.ShipmentCreate, wrong)
	mustLedger[ledger.Shipment](t, shipper, ledger.ShipmentCreate, args)

	verdict := func(revision int, spent string) ledger.Verdict {
		return ledger.Verdict{Shipment: first, Revision: revision, Supersedes: revision - 1, Result: ledger.Compliant, ToMS: 1, Logs: []ledger.LogHead{logHead("a", 1)},
			RuleHash: args.RuleSetHash, Detail: []byte(`{"budget":[{"rule":"tor","band":"8-15","spent_s":` + spent + `,"max_s":43200}]}`)}
	}
	mustLedger[ledger.Verdict](t, ingest, ledger.ComplianceRevise, verdict(1, "600"))
	excursion := ledger.Excursion{ID: "warm/x/1", Shipment: first, Rule: "warm", Metric: "temperature", StartMS: 1, Peak: "9", Limit: "8", Logs: []ledger.LogHead{logHead("a", 1)}, RuleHash: args.RuleSetHash}
	mustLedger[ledger.Excursion](t, ingest, ledger.ComplianceOpen, excursion)

	// Offered to the wrong one, taken back, then handed over.
	mustLedger[ledger.Shipment](t, shipper, ledger.ShipmentPropose, ledger.ProposeArgs{ID: first, To: "CarrierMSP"})
	refusedLedger(t, ledger.Forbidden, carrier, ledger.ShipmentWithdraw, ledger.RejectArgs{ID: first, Details: hexSHA256("x")})
	mustLedger[ledger.Shipment](t, shipper, ledger.ShipmentWithdraw, ledger.RejectArgs{ID: first, Details: hexSHA256("direct")})
	mustLedger[ledger.Shipment](t, shipper, ledger.ShipmentPropose, ledger.ProposeArgs{ID: first, To: "ConsigneeMSP"})
	mustLedger[ledger.Shipment](t, consignee, ledger.ShipmentAccept, ledger.IDArgs{ID: first})
	s := mustLedger[ledger.Shipment](t, consignee, ledger.ShipmentDeliver, ledger.IDArgs{ID: first})
	handovers := agree[ledger.Page[ledger.Handover]](t, carrier, ledger.ShipmentHandover, ledger.ListArgs{ID: first}, "carrier", "shipper", "consignee", "auditor").Items
	if len(handovers) != 2 || handovers[0].State != ledger.Withdrawn || handovers[1].AtAnswer == nil {
		t.Fatalf("handovers %+v", handovers)
	}
	if got := handovers[1].AtAnswer; len(got.Opinions) != 1 || got.Open != 1 || got.Total != 1 || got.Opinions[0].Revision != 1 || got.Opinions[0].Result != ledger.Compliant || got.Opinions[0].Budget[0].SpentS != 600 {
		t.Errorf("at the handover the ledger held %+v", got)
	}
	if legs := ledger.Legs(s, handovers); len(legs) != 2 || legs[0].Custodian != "ShipperMSP" || legs[1].ToMS != s.DeliveredMS {
		t.Errorf("legs %+v", legs)
	}

	note := ledger.AcknowledgeArgs{Shipment: first, Excursion: excursion.ID, Details: hexSHA256("loading"), Kind: ledger.Person, Meaning: "reviewed"}
	refusedLedger(t, ledger.Forbidden, ingest, ledger.ComplianceAcknowledge, note)
	ack := mustLedger[ledger.Acknowledgement](t, consignee, ledger.ComplianceAcknowledge, note)
	if ack.N != 1 || ack.Signature.MSP != "ConsigneeMSP" || ack.Signature.Subject == "" || !ledger.IsHash(ack.Signature.Cert) {
		t.Errorf("acknowledged %+v", ack)
	}
	release := ledger.DisposeArgs{Shipment: first, Revision: 1, Decision: ledger.Release, Details: hexSHA256("within the budget"), VerdictBy: "CarrierMSP", VerdictRevision: 1, Kind: ledger.Person, Meaning: "approved"}
	refusedLedger(t, ledger.Forbidden, carrier, ledger.ComplianceDispose, release)
	mustLedger[ledger.Disposition](t, consignee, ledger.ComplianceDispose, release)
	mustLedger[ledger.Verdict](t, ingest, ledger.ComplianceRevise, verdict(2, "900"))
	if d := askLedger[ledger.Disposition](t, shipper, ledger.ComplianceDisposition, ledger.IDArgs{ID: first}); d.VerdictRevision != 1 || d.Result != ledger.Compliant {
		t.Errorf("disposition %+v", d)
	}

	next := args
	next.ID, next.CarriedFrom, next.Carried = nameOf("consignee", "S")+".next", []string{first}, []ledger.Spent{{Rule: "tor", Band: "8-15", SpentS: 600}}
	refusedLedger(t, ledger.Conflict, consignee, ledger.ShipmentCreate, next)
	next.Carried = nil
	got := mustLedger[ledger.Shipment](t, consignee, ledger.ShipmentCreate, next)
	if len(got.Carried) != 1 || got.Carried[0].SpentS != 900 || got.CarriedFrom[0].Shipment != first || !slices.Equal(got.CarriedFrom[0].Verdicts, []ledger.VerdictRef{{By: "CarrierMSP", Revision: 2}}) {
		t.Errorf("carried %+v from %+v", got.Carried, got.CarriedFrom)
	}
}
