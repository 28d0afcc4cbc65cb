package testkit

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"strings"
	"time"

	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/merkle"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// device is a tracker's key pair.
type device struct {
	key    ed25519.PrivateKey
	public string
}

func newDevice(s *ledgerSuite) device {
	public, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return device{key, hex.EncodeToString(public)}
}

func (d device) sign(id, owner, public string) string {
	return hex.EncodeToString(ed25519.Sign(d.key, ledger.PossessionBytes(id, owner, int(telemetry.Ed25519), public)))
}

func (d device) enrol(id string, c LedgerClient) ledger.EnrolArgs {
	return ledger.EnrolArgs{ID: id, Alg: int(telemetry.Ed25519), Public: d.public, Proof: d.sign(id, c.MSP(), d.public), Model: "suite"}
}

func (s *ledgerSuite) trackers() {
	carrier, shipper := s.clients["carrier"], s.clients["shipper"]
	id, d := s.id("signed"), newDevice(s)
	s.askRefused(carrier, ledger.TrackerGet, ledger.IDArgs{ID: id}, ledger.NotFound)
	tracker, result := do[ledger.Tracker](s, carrier, ledger.TrackerEnrol, d.enrol(id, carrier))
	if tracker.Owner != "CarrierMSP" || len(tracker.Keys) != 1 || tracker.Keys[0].Public != d.public || tracker.EnrolTx != result.TxID || tracker.EnrolledMS == 0 {
		s.t.Fatalf("enrolled %+v by %s", tracker, result.TxID)
	}
	s.refused(carrier, ledger.TrackerEnrol, d.enrol(id, carrier), ledger.Exists)
	s.refused(carrier, ledger.TrackerEnrol, d.enrol(s.id("stolen"), carrier), ledger.Conflict)
	s.refused(shipper, ledger.TrackerEnrol, newDevice(s).enrol(s.idOf("shipper", "foreign"), carrier), ledger.BadProof)
	s.refused(carrier, ledger.TrackerEnrol, newDevice(s).enrol("not an id", carrier), ledger.Invalid)
	s.refused(carrier, ledger.TrackerEnrol, map[string]any{"id": id, "surprise": 1}, ledger.Invalid)

	next := newDevice(s)
	rotation := ledger.RotateArgs{ID: id, Alg: int(telemetry.Ed25519), Public: next.public, Proof: next.sign(id, "CarrierMSP", next.public)}
	rotation.Old = next.sign(id, "CarrierMSP", next.public)
	s.refused(carrier, ledger.TrackerRotate, rotation, ledger.BadProof)
	rotation.Old = d.sign(id, "CarrierMSP", next.public)
	s.refused(shipper, ledger.TrackerRotate, rotation, ledger.NotFound)
	tracker, _ = do[ledger.Tracker](s, carrier, ledger.TrackerRotate, rotation)
	if len(tracker.Keys) != 2 || tracker.Keys[0].ToMS == 0 || tracker.Keys[1].ToMS != 0 {
		s.t.Fatalf("rotated %+v", tracker)
	}
	calibration := ledger.CalibrateArgs{ID: id, Ref: "cert 1", Hash: strings.Repeat("cd", 32), ValidFromMS: 1, ValidToMS: 2}
	if tracker, _ = do[ledger.Tracker](s, carrier, ledger.TrackerCalibrate, calibration); tracker.Calibration == nil || tracker.Calibration.Ref != "cert 1" {
		s.t.Fatalf("calibrated %+v", tracker)
	}
	s.refused(shipper, ledger.TrackerRevoke, ledger.RevokeArgs{ID: id, Cause: "mine"}, ledger.NotFound)
	if tracker, _ = do[ledger.Tracker](s, carrier, ledger.TrackerRevoke, ledger.RevokeArgs{ID: id, Cause: "lost"}); tracker.RevokedMS == 0 || tracker.Keys[1].ToMS == 0 {
		s.t.Fatalf("revoked %+v", tracker)
	}
	s.refused(carrier, ledger.TrackerRevoke, ledger.RevokeArgs{ID: id, Cause: "again"}, ledger.BadState)
	s.askRefused(shipper, ledger.TrackerGet, ledger.IDArgs{ID: id}, ledger.NotFound)
	if got := ask[ledger.Tracker](s, carrier, ledger.TrackerGet, ledger.IDArgs{ID: id}); got.RevokeCause != "lost" {
		s.t.Fatalf("read %+v", got)
	}

	plain, _ := do[ledger.Tracker](s, shipper, ledger.TrackerEnrol, ledger.EnrolArgs{ID: s.idOf("shipper", "plain"), SecretHash: strings.Repeat("ef", 32)})
	if plain.Alg != 0 || plain.Keys == nil || len(plain.Keys) != 0 || plain.SecretHash == "" || plain.Owner != "ShipperMSP" {
		s.t.Fatalf("plain %+v", plain)
	}
	s.refused(shipper, ledger.TrackerServe, ledger.ServeArgs{ID: plain.ID, Operator: "AuditorMSP"}, ledger.Invalid)
	s.refused(carrier, ledger.TrackerServe, ledger.ServeArgs{ID: plain.ID, Operator: "CarrierMSP"}, ledger.NotFound)
	if plain, _ = do[ledger.Tracker](s, shipper, ledger.TrackerServe, ledger.ServeArgs{ID: plain.ID, Operator: "CarrierMSP"}); plain.Operator != "CarrierMSP" {
		s.t.Fatalf("served: %+v", plain)
	}
	secret := ledger.RotateArgs{ID: plain.ID, SecretHash: strings.Repeat("fe", 32)}
	s.refused(carrier, ledger.TrackerRotate, secret, ledger.NotFound)
	if plain, _ = do[ledger.Tracker](s, shipper, ledger.TrackerRotate, secret); plain.SecretHash != secret.SecretHash {
		s.t.Fatalf("secret rotated: %+v", plain)
	}
}

// suiteRuleHash is of rules that every chaincode knows: it takes no shipment with others.
var suiteRuleHash = func() string {
	rules, _ := compliance.Lookup("general-2-8@1")
	return rules.Hash()
}()

func (s *ledgerSuite) create(id string) ledger.Shipment {
	s.t.Helper()
	shipment, _ := do[ledger.Shipment](s, s.clients["carrier"], ledger.ShipmentCreate, ledger.CreateArgs{
		ID: id, Parties: ledger.Parties{ledger.Carrier: {"CarrierMSP"}, ledger.Shipper: {"ShipperMSP"}, ledger.Consignee: {"ConsigneeMSP"}},
		RuleSet: "general-2-8@1", RuleSetHash: suiteRuleHash, Details: strings.Repeat("d0", 32),
	})
	return shipment
}

func (s *ledgerSuite) tracker(name string) string {
	s.t.Helper()
	id := s.id(name)
	do[ledger.Tracker](s, s.clients["carrier"], ledger.TrackerEnrol, ledger.EnrolArgs{ID: id, SecretHash: strings.Repeat("ef", 32)})
	return id
}

func (s *ledgerSuite) shipment() {
	carrier, shipper, consignee, auditor := s.clients["carrier"], s.clients["shipper"], s.clients["consignee"], s.clients["auditor"]
	id, tracker := s.id("trip"), s.tracker("rider")
	byID := ledger.IDArgs{ID: id}
	shipment := s.create(id)
	if shipment.State != ledger.Created || shipment.Custodian != "CarrierMSP" || shipment.Assignments == nil {
		s.t.Fatalf("created %+v", shipment)
	}
	args := ledger.CreateArgs{ID: id, Parties: shipment.Parties, RuleSet: "r@1", RuleSetHash: suiteRuleHash}
	s.refused(carrier, ledger.ShipmentCreate, args, ledger.Exists)
	args.ID = s.idOf("auditor", "others")
	s.refused(auditor, ledger.ShipmentCreate, args, ledger.Forbidden)
	args.Parties = ledger.Parties{ledger.Carrier: {"CarrierMSP"}}
	s.refused(carrier, ledger.ShipmentCreate, args, ledger.Invalid)
	s.askRefused(auditor, ledger.ShipmentGet, byID, ledger.NotFound) // no party: it does not exist

	assign := ledger.AssignArgs{Shipment: id, Tracker: tracker}
	s.refused(shipper, ledger.ShipmentAssign, assign, ledger.Forbidden)
	if shipment, _ = do[ledger.Shipment](s, carrier, ledger.ShipmentAssign, assign); shipment.State != ledger.InTransit || shipment.OpenAssignment(tracker) != 0 {
		s.t.Fatalf("assigned %+v", shipment)
	}
	s.refused(carrier, ledger.ShipmentAssign, assign, ledger.Conflict)
	if got := ask[ledger.Tracker](s, carrier, ledger.TrackerGet, ledger.IDArgs{ID: tracker}); got.Assigned != id {
		s.t.Fatalf("tracker %+v", got)
	}
	end := ledger.UnassignArgs{Shipment: id, Tracker: tracker}
	if shipment, _ = do[ledger.Shipment](s, carrier, ledger.ShipmentUnassign, end); shipment.Assignments[0].ToMS == 0 {
		s.t.Fatalf("unassigned %+v", shipment)
	}
	s.refused(carrier, ledger.ShipmentUnassign, end, ledger.NotFound)
	s.refused(carrier, ledger.ShipmentAssign, ledger.AssignArgs{Shipment: id, Tracker: tracker, FromMS: 1}, ledger.Conflict)
	s.refused(carrier, ledger.ShipmentAssign, ledger.AssignArgs{Shipment: id, Tracker: tracker, FromMS: 1, ToMS: 2}, ledger.Conflict)
	do[ledger.Shipment](s, carrier, ledger.ShipmentAssign, assign)

	propose := ledger.ProposeArgs{ID: id, To: "ConsigneeMSP", Details: strings.Repeat("d1", 32)}
	s.refused(consignee, ledger.ShipmentPropose, propose, ledger.Forbidden)
	do[ledger.Shipment](s, carrier, ledger.ShipmentPropose, propose)
	s.refused(carrier, ledger.ShipmentPropose, propose, ledger.BadState)
	s.refused(shipper, ledger.ShipmentAccept, byID, ledger.Forbidden)
	do[ledger.Shipment](s, consignee, ledger.ShipmentReject, ledger.RejectArgs{ID: id, Details: strings.Repeat("d2", 32)})
	s.refused(consignee, ledger.ShipmentAccept, byID, ledger.BadState)
	s.refused(consignee, ledger.ShipmentDeliver, byID, ledger.BadState)
	do[ledger.Shipment](s, carrier, ledger.ShipmentPropose, propose)
	if shipment, _ = do[ledger.Shipment](s, consignee, ledger.ShipmentAccept, byID); shipment.Custodian != "ConsigneeMSP" || shipment.Handovers != 2 || shipment.Pending != nil {
		s.t.Fatalf("accepted %+v", shipment)
	}
	handovers := ask[ledger.Page[ledger.Handover]](s, shipper, ledger.ShipmentHandover, ledger.ListArgs{ID: id})
	if len(handovers.Items) != 2 || handovers.Items[0].State != "rejected" || handovers.Items[0].AnswerDetails != strings.Repeat("d2", 32) || handovers.Items[1].State != "accepted" {
		s.t.Fatalf("handovers %+v", handovers)
	}

	s.refused(carrier, ledger.ShipmentDeliver, byID, ledger.Forbidden)
	s.refused(carrier, ledger.ShipmentClose, byID, ledger.BadState)
	do[ledger.Shipment](s, consignee, ledger.ShipmentDeliver, byID)
	s.askRefused(carrier, ledger.ShipmentGetClose, byID, ledger.NotFound)
	s.refused(shipper, ledger.ShipmentClose, byID, ledger.Forbidden)
	// The operator's instance seals with the head of its log that is anchored, and with no other.
	ingest := s.id("sealer")
	heads, log := anchor.HeadsID(ledger.Channel, ingest), anchor.LogID(ledger.Channel, anchor.Shipment, id, shipment.CreateTx, ingest)
	final := ledger.FinalHead{Size: 3, Root: strings.Repeat("02", 32)}
	leaf := merkle.LeafHash(anchor.HeadLeaf{Log: log, Size: final.Size, Root: anchor.Hash(bytes.Repeat([]byte{2}, 32)), Closed: true}.Encode())
	s.refused(s.ingest, ledger.ShipmentSeal, ledger.SealArgs{ID: id, Ingest: ingest}, ledger.NotFound)
	do[ledger.Head](s, s.ingest, ledger.AnchorExtend, ledger.ExtendArgs{Heads: hex.EncodeToString(heads[:]), Ingest: ingest, NewSize: 1, NewRoot: hex.EncodeToString(leaf[:]), TimeMS: time.Now().UnixMilli(), Epoch: s.serving().Epoch})
	s.refused(consignee, ledger.ShipmentClose, byID, ledger.BadState)
	wrong := final
	wrong.Size = 2
	s.refused(s.ingest, ledger.ShipmentSeal, ledger.SealArgs{ID: id, Ingest: ingest, Final: &wrong}, ledger.BadProof)
	seal, _ := do[ledger.Seal](s, s.ingest, ledger.ShipmentSeal, ledger.SealArgs{ID: id, Ingest: ingest, Final: &final})
	want := ledger.LogHead{Log: hex.EncodeToString(log[:]), Size: final.Size, Root: final.Root}
	if seal.Log == nil || *seal.Log != want || seal.By != "CarrierMSP" {
		s.t.Fatalf("sealed %+v, want %+v", seal, want)
	}
	s.sealRest(id)
	closed, _ := do[ledger.Close](s, carrier, ledger.ShipmentClose, byID)
	if closed.Shipment != id || len(closed.Heads) != 1 || closed.Heads[0] != want || closed.By != "CarrierMSP" {
		s.t.Fatalf("closed %+v, want the head %+v", closed, want)
	}
	do[ledger.Head](s, carrier, ledger.AnchorRetire, ledger.RetireArgs{Ingest: ingest})
	s.refused(carrier, ledger.ShipmentClose, byID, ledger.Exists)
	if got := ask[ledger.Close](s, consignee, ledger.ShipmentGetClose, byID); got.Tx != closed.Tx {
		s.t.Fatalf("close record %+v", got)
	}
	shipment = ask[ledger.Shipment](s, shipper, ledger.ShipmentGet, byID)
	if shipment.State != ledger.Closed || shipment.OpenAssignment(tracker) != -1 || shipment.Assignments[1].UnassignTx != closed.Tx {
		s.t.Fatalf("at the end %+v", shipment)
	}
}

// sealRest seals a delivered shipment for the operator's instances that have not, with no log.
func (s *ledgerSuite) sealRest(id string) {
	s.t.Helper()
	for h, err := range ledger.AnchorHeads.Each(s.t.Context(), s.ingest, "") {
		if err != nil {
			s.t.Fatal(err)
		}
		if h.Owner != s.ingest.MSP() {
			continue
		}
		if _, err := s.ingest.Submit(s.t.Context(), ledger.ShipmentSeal.Name(), ledger.SealArgs{ID: id, Ingest: h.Ingest}); err != nil && ledger.CodeOf(err) != ledger.Exists {
			s.t.Fatalf("seal %s for %s: %v", id, h.Ingest, err)
		}
	}
}
