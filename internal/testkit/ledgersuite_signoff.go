package testkit

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/telemetry"
)

func (s *ledgerSuite) ruleSets() {
	carrier, shipper, auditor := s.clients["carrier"], s.clients["shipper"], s.clients["auditor"]
	rules, _ := compliance.Lookup("general-2-8@1")
	s.refused(carrier, ledger.RuleSetPublish, ledger.PublishArgs{Rules: rules.Canonical()}, ledger.Exists)
	id := sha256.Sum256([]byte(s.run))
	rules.ID = "suite-" + hex.EncodeToString(id[:8])
	publish := ledger.PublishArgs{Rules: rules.Canonical()}
	s.refused(carrier, ledger.RuleSetPublish, ledger.PublishArgs{Rules: append([]byte(" "), publish.Rules...)}, ledger.Invalid)
	s.refused(s.ingest, ledger.RuleSetPublish, publish, ledger.Forbidden)
	s.askRefused(auditor, ledger.RuleSetGet, ledger.RefArgs{Ref: rules.Ref()}, ledger.NotFound)
	first, _ := do[ledger.RuleSet](s, carrier, ledger.RuleSetPublish, publish)
	if first.Publisher != "CarrierMSP" || first.Version != 1 || string(first.Rules) != string(publish.Rules) {
		s.t.Fatalf("published %+v", first)
	}
	s.refused(shipper, ledger.RuleSetPublish, publish, ledger.Exists)
	rules.Title = "milder"
	s.refused(carrier, ledger.RuleSetPublish, ledger.PublishArgs{Rules: rules.Canonical()}, ledger.Conflict)
	rules.Version = 3
	s.refused(carrier, ledger.RuleSetPublish, ledger.PublishArgs{Rules: rules.Canonical()}, ledger.BadState)
	rules.Version = 2
	s.refused(shipper, ledger.RuleSetPublish, ledger.PublishArgs{Rules: rules.Canonical()}, ledger.Forbidden)
	do[ledger.RuleSet](s, carrier, ledger.RuleSetPublish, ledger.PublishArgs{Rules: rules.Canonical()})
	if got := ask[ledger.RuleSet](s, auditor, ledger.RuleSetGet, ledger.RefArgs{Ref: rules.ID + "@1"}); got.Hash != first.Hash || string(got.Rules) != string(first.Rules) {
		s.t.Fatalf("read %+v", got)
	}
	if got := ask[ledger.Page[ledger.RuleSet]](s, auditor, ledger.RuleSetList, ledger.ListArgs{ID: rules.ID}); len(got.Items) != 2 || got.Items[1].Version != 2 || got.Items[0].Rules != nil {
		s.t.Fatalf("versions %+v", got)
	}
}

func (s *ledgerSuite) breaches() {
	carrier, consignee := s.clients["carrier"], s.clients["consignee"]
	id, tracker, d := s.id("hot"), s.id("signer"), newDevice(s)
	do[ledger.Tracker](s, carrier, ledger.TrackerEnrol, d.enrol(tracker, carrier))
	s.create(id)
	now := time.Now().UnixMilli()
	do[ledger.Shipment](s, carrier, ledger.ShipmentAssign, ledger.AssignArgs{Shipment: id, Tracker: tracker, FromMS: now - 60_000})
	claim := func(key ed25519.PrivateKey, v float64) ledger.BreachArgs {
		raw, err := telemetry.Encode(key, telemetry.Claims{Tracker: tracker, Boot: 1, TimeMS: now},
			[]telemetry.Reading{{TimeMS: now - 1000, Values: map[string]float64{"temperature": v}}})
		if err != nil {
			s.t.Fatal(err)
		}
		return ledger.BreachArgs{Shipment: id, RuleHash: suiteRuleHash, Rule: "hot", Metric: "temperature", Op: ">=",
			Messages: []ledger.BreachMessage{{Raw: raw, TimeMS: now - 1000}}}
	}
	s.refused(consignee, ledger.ComplianceBreach, claim(d.key, 24), ledger.BadProof)
	s.refused(consignee, ledger.ComplianceBreach, claim(newDevice(s).key, 30), ledger.BadProof)
	wrong := claim(d.key, 30)
	wrong.Op = "<="
	s.refused(consignee, ledger.ComplianceBreach, wrong, ledger.Invalid)
	wrong.Op, wrong.Shipment = ">=", s.id("cool")
	s.create(wrong.Shipment)
	s.refused(consignee, ledger.ComplianceBreach, wrong, ledger.Conflict)
	e, _ := do[ledger.Excursion](s, consignee, ledger.ComplianceBreach, claim(d.key, 30))
	if !e.Verified || e.ID != ledger.BreachID("hot", tracker, now-1000) || e.Peak != "30" || e.Limit != "25" || e.By != "ConsigneeMSP" || e.CloseTx == "" || len(e.Witnesses) != 1 {
		s.t.Fatalf("recorded %+v", e)
	}
	s.refused(carrier, ledger.ComplianceBreach, claim(d.key, 30), ledger.Exists)
}

func (s *ledgerSuite) signOff() {
	carrier, shipper, consignee := s.clients["carrier"], s.clients["shipper"], s.clients["consignee"]
	lot, id := s.id("lot"), s.id("signed-off")
	args := ledger.CreateArgs{ID: id, Lot: lot, RuleSet: "general-2-8@1", RuleSetHash: suiteRuleHash,
		Parties: ledger.Parties{ledger.Carrier: {"CarrierMSP"}, ledger.Shipper: {"ShipperMSP"}, ledger.Consignee: {"ConsigneeMSP"}}}
	do[ledger.Shipment](s, carrier, ledger.ShipmentCreate, args)
	open := ledger.Excursion{ID: "e1", Shipment: id, Rule: "r", Metric: "m", StartMS: 1, Peak: "1", Limit: "1", RuleHash: suiteRuleHash,
		Logs: []ledger.LogHead{{Log: suiteRuleHash, Size: 1, Root: suiteRuleHash}}}
	opened, _ := do[ledger.Excursion](s, s.ingest, ledger.ComplianceOpen, open)
	v := ledger.Verdict{Shipment: id, Revision: 1, Result: ledger.Inconclusive, RuleHash: suiteRuleHash,
		Detail: []byte(`{"budget":[{"rule":"tor","band":"8-15","spent_s":60,"max_s":600}]}`)}
	do[ledger.Verdict](s, s.ingest, ledger.ComplianceRevise, v)

	propose := ledger.ProposeArgs{ID: id, To: "ConsigneeMSP"}
	do[ledger.Shipment](s, carrier, ledger.ShipmentPropose, propose)
	back := ledger.RejectArgs{ID: id, Reason: "later"}
	s.refused(consignee, ledger.ShipmentWithdraw, back, ledger.Forbidden)
	do[ledger.Shipment](s, carrier, ledger.ShipmentWithdraw, back)
	s.refused(carrier, ledger.ShipmentWithdraw, back, ledger.BadState)
	do[ledger.Shipment](s, carrier, ledger.ShipmentPropose, propose)
	do[ledger.Shipment](s, consignee, ledger.ShipmentAccept, ledger.IDArgs{ID: id})
	h := ask[ledger.Page[ledger.Handover]](s, shipper, ledger.ShipmentHandover, ledger.ListArgs{ID: id}).Items
	if len(h) != 2 || h[0].State != ledger.Withdrawn || h[0].Reason != "later" || h[1].AtProposal == nil || h[1].AtAnswer == nil {
		s.t.Fatalf("handovers %+v", h)
	}
	if at := h[1].AtAnswer; at.Revision != 1 || at.Open != 1 || at.Total != 1 || len(at.Budget) != 1 || at.Budget[0].SpentS != 60 {
		s.t.Fatalf("compliance at the answer: %+v", at)
	}

	note := ledger.AcknowledgeArgs{Shipment: id, Excursion: "e1", Reason: "dock", Name: "Ana Lopez", Meaning: "reviewed"}
	s.refused(s.ingest, ledger.ComplianceAcknowledge, note, ledger.Forbidden)
	ack, result := do[ledger.Acknowledgement](s, consignee, ledger.ComplianceAcknowledge, note)
	if ack.N != 1 || ack.Of != opened.OpenTx || ack.Signature.MSP != "ConsigneeMSP" || ack.Signature.Tx != result.TxID || ack.Signature.Subject == "" {
		s.t.Fatalf("acknowledged %+v", ack)
	}
	note.N = 1
	s.refused(consignee, ledger.ComplianceAcknowledge, note, ledger.Conflict)
	if got := ask[ledger.Page[ledger.Acknowledgement]](s, carrier, ledger.ComplianceAcknowledgements, ledger.ListArgs{ID: id}); len(got.Items) != 1 || got.Items[0] != ack {
		s.t.Fatalf("acknowledgements %+v", got)
	}

	d := ledger.DisposeArgs{Shipment: id, Revision: 1, Decision: ledger.Release, VerdictRevision: 1, Reason: "fine", Name: "Ana Lopez", Meaning: "approved"}
	s.askRefused(consignee, ledger.ComplianceDisposition, ledger.IDArgs{ID: id}, ledger.NotFound)
	s.refused(consignee, ledger.ComplianceDispose, d, ledger.BadState) // not delivered yet
	args.ID, args.CarriedFrom = s.id("onward"), []string{id}
	s.refused(consignee, ledger.ShipmentCreate, args, ledger.BadState)
	do[ledger.Shipment](s, consignee, ledger.ShipmentDeliver, ledger.IDArgs{ID: id})
	s.refused(carrier, ledger.ComplianceDispose, d, ledger.Forbidden)
	d.VerdictRevision = 2
	s.refused(consignee, ledger.ComplianceDispose, d, ledger.Conflict)
	d.VerdictRevision = 1
	released, _ := do[ledger.Disposition](s, consignee, ledger.ComplianceDispose, d)
	if released.Result != ledger.Inconclusive || released.Signature.Meaning != "approved" {
		s.t.Fatalf("released %+v", released)
	}
	s.refused(consignee, ledger.ComplianceDispose, d, ledger.Conflict)
	if got := ask[ledger.Disposition](s, carrier, ledger.ComplianceDisposition, ledger.IDArgs{ID: id}); got != released {
		s.t.Fatalf("disposition %+v", got)
	}
	if got := ask[ledger.Page[ledger.Disposition]](s, carrier, ledger.ComplianceDispositions, ledger.ListArgs{ID: id}); len(got.Items) != 1 || got.Items[0] != released {
		s.t.Fatalf("dispositions %+v", got)
	}

	args.Carried = []ledger.Spent{{Rule: "tor", Band: "8-15", SpentS: 59}}
	s.refused(consignee, ledger.ShipmentCreate, args, ledger.Conflict)
	args.Carried = nil
	next, _ := do[ledger.Shipment](s, consignee, ledger.ShipmentCreate, args)
	if len(next.Carried) != 1 || next.Carried[0].SpentS != 60 || len(next.CarriedFrom) != 1 || next.CarriedFrom[0] != (ledger.CarriedFrom{Shipment: id, Revision: 1}) {
		s.t.Fatalf("onward %+v", next)
	}
}
