package testkit

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/merkle"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// LedgerClient is what programs use of fabric.Client, and of Ledger in tests.
type LedgerClient interface {
	MSP() string
	Submit(ctx context.Context, fn string, arg any) (ledger.Result, error)
	Evaluate(ctx context.Context, fn string, arg any) ([]byte, error)
	EvaluateAt(ctx context.Context, org, fn string, arg any) ([]byte, error)
	Events(ctx context.Context, from uint64, handle func(ledger.Event) error, atHead func(height uint64)) error
	TxStatus(ctx context.Context, txID string) (found bool, code int32, block uint64, err error)
	BlockByTx(ctx context.Context, txID string) ([]byte, error)
	Network(ctx context.Context) ([]ledger.Node, error)
}

var _ LedgerClient = (*Ledger)(nil)

// LedgerSuite checks what callers may rely on. It runs on the fake and on a real network, so that the fake cannot drift. open
// returns a client of an organisation with a role; the ledger may hold records of earlier runs.
func LedgerSuite(t *testing.T, open func(t *testing.T, org, role string) LedgerClient) {
	s := &ledgerSuite{t: t, run: fmt.Sprintf("%x", time.Now().UnixNano()), clients: map[string]LedgerClient{}}
	for _, o := range ledger.Organisations {
		s.clients[o.Name] = open(t, o.Name, Operator)
	}
	s.ingest = open(t, "carrier", Ingest)
	t.Run("trackers", s.with((*ledgerSuite).trackers))
	t.Run("a shipment from start to end", s.with((*ledgerSuite).shipment))
	t.Run("anchors", s.with((*ledgerSuite).anchors))
	t.Run("compliance", s.with((*ledgerSuite).compliance))
	t.Run("pages", s.with((*ledgerSuite).pages))
	t.Run("roles", s.with((*ledgerSuite).roles))
	t.Run("events", s.with((*ledgerSuite).events))
	t.Run("blocks and status", s.with((*ledgerSuite).blocks))
	t.Run("own writes", s.with((*ledgerSuite).ownWrites))
	t.Run("races", s.with((*ledgerSuite).races))
	t.Run("network", s.with((*ledgerSuite).network))
}

type ledgerSuite struct {
	t       *testing.T
	run     string // makes ids that no earlier run has used
	clients map[string]LedgerClient
	ingest  LedgerClient
}

func (s *ledgerSuite) with(test func(*ledgerSuite)) func(*testing.T) {
	return func(t *testing.T) {
		copied := *s
		copied.t = t
		test(&copied)
	}
}

func (s *ledgerSuite) id(name string) string { return name + "-" + s.run }

// do submits, decodes the answer and waits until every organisation has it: a client sees at once only what its own peer
// committed.
func do[R any](s *ledgerSuite, c LedgerClient, fn string, arg any) (R, ledger.Result) {
	s.t.Helper()
	var record R
	result, err := c.Submit(s.t.Context(), fn, arg)
	if err != nil {
		s.t.Fatalf("%s by %s: %v", fn, c.MSP(), err)
	}
	if err := json.Unmarshal(result.Payload, &record); err != nil {
		s.t.Fatalf("%s: answer %s: %v", fn, result.Payload, err)
	}
	WaitFor(s.t, 20*time.Second, "every peer commits the block", func() bool {
		nodes, err := c.Network(s.t.Context())
		for _, n := range nodes {
			if n.Role == "peer" && n.Height <= result.Block {
				return false
			}
		}
		return err == nil
	})
	return record, result
}

func ask[R any](s *ledgerSuite, c LedgerClient, fn string, arg any) R {
	s.t.Helper()
	var record R
	raw, err := c.Evaluate(s.t.Context(), fn, arg)
	if err != nil {
		s.t.Fatalf("%s by %s: %v", fn, c.MSP(), err)
	}
	if err := json.Unmarshal(raw, &record); err != nil {
		s.t.Fatalf("%s: answer %s: %v", fn, raw, err)
	}
	return record
}

func (s *ledgerSuite) refused(c LedgerClient, fn string, arg any, want ledger.Code) {
	s.t.Helper()
	_, err := c.Submit(s.t.Context(), fn, arg)
	if ledger.CodeOf(err) != want || errors.Is(err, ledger.ErrUnavailable) {
		s.t.Errorf("%s by %s: got %v, want %s", fn, c.MSP(), err, want)
	}
}

func (s *ledgerSuite) askRefused(c LedgerClient, fn string, arg any, want ledger.Code) {
	s.t.Helper()
	if _, err := c.Evaluate(s.t.Context(), fn, arg); ledger.CodeOf(err) != want {
		s.t.Errorf("%s by %s: got %v, want %s", fn, c.MSP(), err, want)
	}
}

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
	s.refused(shipper, ledger.TrackerEnrol, newDevice(s).enrol(s.id("foreign"), carrier), ledger.BadProof)
	s.refused(carrier, ledger.TrackerEnrol, newDevice(s).enrol("not an id", carrier), ledger.Invalid)
	s.refused(carrier, ledger.TrackerEnrol, map[string]any{"id": id, "surprise": 1}, ledger.Invalid)

	next := newDevice(s)
	rotation := ledger.RotateArgs{ID: id, Alg: int(telemetry.Ed25519), Public: next.public, Proof: next.sign(id, "CarrierMSP", next.public)}
	rotation.Old = next.sign(id, "CarrierMSP", next.public)
	s.refused(carrier, ledger.TrackerRotate, rotation, ledger.BadProof)
	rotation.Old = d.sign(id, "CarrierMSP", next.public)
	s.refused(shipper, ledger.TrackerRotate, rotation, ledger.Forbidden)
	tracker, _ = do[ledger.Tracker](s, carrier, ledger.TrackerRotate, rotation)
	if len(tracker.Keys) != 2 || tracker.Keys[0].ToMS == 0 || tracker.Keys[1].ToMS != 0 {
		s.t.Fatalf("rotated %+v", tracker)
	}
	calibration := ledger.CalibrateArgs{ID: id, Ref: "cert 1", Hash: strings.Repeat("cd", 32), ValidFromMS: 1, ValidToMS: 2}
	if tracker, _ = do[ledger.Tracker](s, carrier, ledger.TrackerCalibrate, calibration); tracker.Calibration == nil || tracker.Calibration.Ref != "cert 1" {
		s.t.Fatalf("calibrated %+v", tracker)
	}
	s.refused(shipper, ledger.TrackerRevoke, ledger.RevokeArgs{ID: id, Cause: "mine"}, ledger.Forbidden)
	if tracker, _ = do[ledger.Tracker](s, carrier, ledger.TrackerRevoke, ledger.RevokeArgs{ID: id, Cause: "lost"}); tracker.RevokedMS == 0 || tracker.Keys[1].ToMS == 0 {
		s.t.Fatalf("revoked %+v", tracker)
	}
	s.refused(carrier, ledger.TrackerRevoke, ledger.RevokeArgs{ID: id, Cause: "again"}, ledger.BadState)
	if got := ask[ledger.Tracker](s, shipper, ledger.TrackerGet, ledger.IDArgs{ID: id}); got.RevokeCause != "lost" {
		s.t.Fatalf("read %+v", got)
	}

	plain, _ := do[ledger.Tracker](s, shipper, ledger.TrackerEnrol, ledger.EnrolArgs{ID: s.id("plain"), SecretHash: strings.Repeat("ef", 32)})
	if plain.Alg != 0 || plain.Keys == nil || len(plain.Keys) != 0 || plain.SecretHash == "" || plain.Owner != "ShipperMSP" {
		s.t.Fatalf("plain %+v", plain)
	}
}

var suiteRuleHash = strings.Repeat("ab", 32)

func (s *ledgerSuite) create(id string) ledger.Shipment {
	s.t.Helper()
	shipment, _ := do[ledger.Shipment](s, s.clients["carrier"], ledger.ShipmentCreate, ledger.CreateArgs{
		ID: id, Parties: map[string]string{ledger.Carrier: "CarrierMSP", ledger.Shipper: "ShipperMSP", ledger.Consignee: "ConsigneeMSP"},
		RuleSet: "general-2-8@1", RuleSetHash: suiteRuleHash, Origin: "A", Destination: "B",
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
	args.ID = s.id("others")
	s.refused(auditor, ledger.ShipmentCreate, args, ledger.Forbidden)
	args.Parties = map[string]string{ledger.Carrier: "CarrierMSP"}
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
	do[ledger.Shipment](s, carrier, ledger.ShipmentAssign, assign)

	propose := ledger.ProposeArgs{ID: id, To: "ConsigneeMSP", Note: "dock 4"}
	s.refused(consignee, ledger.ShipmentPropose, propose, ledger.Forbidden)
	do[ledger.Shipment](s, carrier, ledger.ShipmentPropose, propose)
	s.refused(carrier, ledger.ShipmentPropose, propose, ledger.BadState)
	s.refused(shipper, ledger.ShipmentAccept, byID, ledger.Forbidden)
	do[ledger.Shipment](s, consignee, ledger.ShipmentReject, ledger.RejectArgs{ID: id, Reason: "wet"})
	s.refused(consignee, ledger.ShipmentAccept, byID, ledger.BadState)
	s.refused(consignee, ledger.ShipmentDeliver, byID, ledger.BadState)
	do[ledger.Shipment](s, carrier, ledger.ShipmentPropose, propose)
	if shipment, _ = do[ledger.Shipment](s, consignee, ledger.ShipmentAccept, byID); shipment.Custodian != "ConsigneeMSP" || shipment.Handovers != 2 || shipment.Pending != nil {
		s.t.Fatalf("accepted %+v", shipment)
	}
	handovers := ask[ledger.Page[ledger.Handover]](s, shipper, ledger.ShipmentHandover, ledger.ListArgs{ID: id})
	if len(handovers.Items) != 2 || handovers.Items[0].State != "rejected" || handovers.Items[0].Reason != "wet" || handovers.Items[1].State != "accepted" {
		s.t.Fatalf("handovers %+v", handovers)
	}

	s.refused(carrier, ledger.ShipmentDeliver, byID, ledger.Forbidden)
	s.refused(carrier, ledger.ShipmentClose, ledger.CloseArgs{ID: id}, ledger.BadState)
	do[ledger.Shipment](s, consignee, ledger.ShipmentDeliver, byID)
	s.askRefused(carrier, ledger.ShipmentGetClose, byID, ledger.NotFound)
	heads := []ledger.LogHead{{Log: strings.Repeat("01", 32), Size: 3, Root: strings.Repeat("02", 32)}}
	s.refused(shipper, ledger.ShipmentClose, ledger.CloseArgs{ID: id, Heads: heads}, ledger.Forbidden)
	closed, _ := do[ledger.Close](s, carrier, ledger.ShipmentClose, ledger.CloseArgs{ID: id, Heads: heads})
	if closed.Shipment != id || len(closed.Heads) != 1 || closed.Heads[0] != heads[0] || closed.By != "CarrierMSP" {
		s.t.Fatalf("closed %+v", closed)
	}
	s.refused(carrier, ledger.ShipmentClose, ledger.CloseArgs{ID: id}, ledger.Exists)
	if got := ask[ledger.Close](s, consignee, ledger.ShipmentGetClose, byID); got.Tx != closed.Tx {
		s.t.Fatalf("close record %+v", got)
	}
	shipment = ask[ledger.Shipment](s, shipper, ledger.ShipmentGet, byID)
	if shipment.State != ledger.Closed || shipment.OpenAssignment(tracker) != -1 || shipment.Assignments[1].UnassignTx != closed.Tx {
		s.t.Fatalf("at the end %+v", shipment)
	}
}

func (s *ledgerSuite) anchors() {
	ingest := s.id("ingest")
	id := anchor.HeadsID(ledger.Channel, ingest)
	heads := hex.EncodeToString(id[:])
	tree := &merkle.Tree{}
	extend := func(leaves int) ledger.ExtendArgs {
		a := ledger.ExtendArgs{Heads: heads, Ingest: ingest, OldSize: tree.Size(), TimeMS: time.Now().UnixMilli()}
		for range leaves {
			tree.Append(merkle.LeafHash(fmt.Append(nil, tree.Size())))
		}
		a.NewSize = tree.Size()
		root, err := tree.RootAt(a.NewSize)
		if err != nil {
			s.t.Fatal(err)
		}
		a.NewRoot = hex.EncodeToString(root[:])
		if a.OldSize > 0 {
			proof, err := merkle.Consistency(tree, a.OldSize, a.NewSize)
			if err != nil {
				s.t.Fatal(err)
			}
			for _, h := range proof {
				a.Proof = append(a.Proof, hex.EncodeToString(h[:]))
			}
		}
		return a
	}
	s.askRefused(s.ingest, ledger.AnchorHead, ledger.IDArgs{ID: heads}, ledger.NotFound)
	one := extend(3)
	first, result := do[ledger.Head](s, s.ingest, ledger.AnchorExtend, one)
	if first.N != 0 || first.Size != 3 || first.Root != one.NewRoot || first.Owner != "CarrierMSP" || first.Tx != result.TxID {
		s.t.Fatalf("first %+v", first)
	}
	// The same once more, as after a commit unknown: the same head, of the first transaction.
	if again, _ := do[ledger.Head](s, s.ingest, ledger.AnchorExtend, one); again.Tx != first.Tx || again.N != 0 {
		s.t.Fatalf("again %+v", again)
	}
	two := extend(4)
	wrong := two
	wrong.NewRoot = strings.Repeat("00", 32)
	s.refused(s.ingest, ledger.AnchorExtend, wrong, ledger.BadProof)
	wrong = two
	wrong.OldSize = 2
	s.refused(s.ingest, ledger.AnchorExtend, wrong, ledger.Conflict)
	wrong = two
	wrong.Ingest = "another"
	s.refused(s.ingest, ledger.AnchorExtend, wrong, ledger.Invalid)
	wrong = two
	wrong.TimeMS -= 1_000_000
	s.refused(s.ingest, ledger.AnchorExtend, wrong, ledger.Invalid)
	second, _ := do[ledger.Head](s, s.ingest, ledger.AnchorExtend, two)
	if second.N != 1 || second.Size != 7 || second.PrevSize != 3 || second.PrevRoot != first.Root {
		s.t.Fatalf("second %+v", second)
	}
	s.refused(s.ingest, ledger.AnchorExtend, one, ledger.Conflict)
	if got := ask[ledger.Head](s, s.clients["auditor"], ledger.AnchorHead, ledger.IDArgs{ID: heads}); got != second {
		s.t.Fatalf("head %+v", got)
	}
	if got := ask[ledger.Page[ledger.Head]](s, s.ingest, ledger.AnchorList, ledger.ListArgs{ID: heads}); len(got.Items) != 2 || got.Items[0] != second || got.Items[1] != first {
		s.t.Fatalf("anchors %+v", got)
	}
	for _, o := range ledger.Organisations {
		raw, err := s.ingest.EvaluateAt(s.t.Context(), o.Name, ledger.AnchorHead, ledger.IDArgs{ID: heads})
		var got ledger.Head
		if err != nil || json.Unmarshal(raw, &got) != nil || got != second {
			s.t.Errorf("%s holds %s, %v", o.Name, raw, err)
		}
	}
}

func (s *ledgerSuite) compliance() {
	id := s.id("judged")
	s.create(id)
	log := ledger.LogHead{Log: strings.Repeat("03", 32), Size: 9, Root: strings.Repeat("04", 32)}
	open := ledger.Excursion{
		ID: "e1", Shipment: id, Rule: "r", Metric: "temperature", StartMS: 1000, Peak: "9.5", Limit: "8", Log: log, RuleHash: suiteRuleHash,
	}
	wrong := open
	wrong.RuleHash = strings.Repeat("00", 32)
	s.refused(s.ingest, ledger.ComplianceOpen, wrong, ledger.Conflict)
	opened, _ := do[ledger.Excursion](s, s.ingest, ledger.ComplianceOpen, open)
	if opened.By != "CarrierMSP" || opened.OpenTx == "" || opened.CloseTx != "" {
		s.t.Fatalf("opened %+v", opened)
	}
	s.refused(s.ingest, ledger.ComplianceOpen, open, ledger.Exists)
	end := open
	end.EndMS, end.Peak = 5000, "11"
	wrong = end
	wrong.ID = "e2"
	s.refused(s.ingest, ledger.ComplianceClose, wrong, ledger.NotFound)
	if closed, _ := do[ledger.Excursion](s, s.ingest, ledger.ComplianceClose, end); closed.EndMS != 5000 || closed.Peak != "11" || closed.CloseTx == "" {
		s.t.Fatalf("closed %+v", closed)
	}
	s.refused(s.ingest, ledger.ComplianceClose, end, ledger.BadState)

	byID := ledger.IDArgs{ID: id}
	s.askRefused(s.ingest, ledger.ComplianceVerdict, byID, ledger.NotFound)
	v := ledger.Verdict{Shipment: id, Revision: 1, Result: ledger.Inconclusive, RuleHash: suiteRuleHash}
	do[ledger.Verdict](s, s.ingest, ledger.ComplianceRevise, v)
	s.refused(s.ingest, ledger.ComplianceRevise, v, ledger.Conflict)
	v = ledger.Verdict{Shipment: id, Revision: 2, Supersedes: 1, Result: ledger.NonCompliant, Reasons: []string{"too warm"}, ToMS: 6000, Log: log, RuleHash: suiteRuleHash}
	do[ledger.Verdict](s, s.ingest, ledger.ComplianceRevise, v)
	if got := ask[ledger.Verdict](s, s.clients["shipper"], ledger.ComplianceVerdict, byID); got.Revision != 2 || got.Result != ledger.NonCompliant || got.Log != log {
		s.t.Fatalf("verdict %+v", got)
	}
	list := ledger.ListArgs{ID: id}
	if got := ask[ledger.Page[ledger.Verdict]](s, s.ingest, ledger.ComplianceVerdicts, list); len(got.Items) != 2 || got.Items[0].Revision != 1 {
		s.t.Fatalf("verdicts %+v", got)
	}
	if got := ask[ledger.Page[ledger.Excursion]](s, s.ingest, ledger.ComplianceList, list); len(got.Items) != 1 || got.Items[0].ID != "e1" {
		s.t.Fatalf("excursions %+v", got)
	}
	s.askRefused(s.clients["auditor"], ledger.ComplianceList, list, ledger.NotFound)
}

func (s *ledgerSuite) pages() {
	id := s.id("paged")
	s.create(id)
	for i := range 5 {
		do[ledger.Excursion](s, s.ingest, ledger.ComplianceOpen, ledger.Excursion{
			ID: fmt.Sprint("e", i), Shipment: id, Rule: "r", Metric: "m", StartMS: 1, Peak: "1", Limit: "1", RuleHash: suiteRuleHash,
			Log: ledger.LogHead{Log: strings.Repeat("03", 32), Root: strings.Repeat("04", 32)},
		})
	}
	var got []string
	args := ledger.ListArgs{ID: id, Limit: 2}
	for pages := 1; ; pages++ {
		page := ask[ledger.Page[ledger.Excursion]](s, s.ingest, ledger.ComplianceList, args)
		for _, e := range page.Items {
			got = append(got, e.ID)
		}
		if args.Bookmark = page.Bookmark; args.Bookmark == "" {
			break
		}
		if pages > 3 {
			s.t.Fatalf("no end after %d pages", pages)
		}
	}
	if strings.Join(got, " ") != "e0 e1 e2 e3 e4" {
		s.t.Fatalf("pages gave %v", got)
	}
	s.askRefused(s.ingest, ledger.ComplianceList, ledger.ListArgs{ID: id, Limit: 201}, ledger.Invalid)
	s.askRefused(s.ingest, ledger.ComplianceList, ledger.ListArgs{ID: id, Bookmark: "elsewhere"}, ledger.Invalid)
}

func (s *ledgerSuite) roles() {
	s.refused(s.ingest, ledger.TrackerEnrol, ledger.EnrolArgs{ID: s.id("role"), SecretHash: strings.Repeat("ef", 32)}, ledger.Forbidden)
	s.refused(s.clients["carrier"], ledger.AnchorExtend, ledger.ExtendArgs{}, ledger.Forbidden)
	if _, err := s.clients["carrier"].Submit(s.t.Context(), "tracker:None", ledger.IDArgs{}); err == nil || errors.Is(err, ledger.ErrUnavailable) {
		s.t.Errorf("a function that does not exist: %v", err)
	}
}

func (s *ledgerSuite) events() {
	carrier := s.clients["carrier"]
	tracker, id := s.tracker("heard"), s.id("heard")
	_, start := do[ledger.Tracker](s, carrier, ledger.TrackerRevoke, ledger.RevokeArgs{ID: tracker, Cause: "start"})
	s.create(id)
	ctx, cancel := context.WithCancel(s.t.Context())
	defer cancel()
	events, head := make(chan ledger.Event, 100), make(chan uint64, 1000)
	done := make(chan error, 1)
	go func() {
		done <- s.clients["shipper"].Events(ctx, start.Block, func(e ledger.Event) error {
			events <- e
			return nil
		}, func(height uint64) { head <- height })
	}()
	bound := time.After(30 * time.Second)
	select {
	case h := <-head:
		if h <= start.Block {
			s.t.Fatalf("caught up at %d, before block %d", h, start.Block)
		}
	case <-bound:
		s.t.Fatal("never caught up")
	}
	_, last := do[ledger.Shipment](s, carrier, ledger.ShipmentPropose, ledger.ProposeArgs{ID: id, To: "ConsigneeMSP"})
	var got []string
	block := start.Block
	for {
		var e ledger.Event
		select {
		case e = <-events:
		case <-bound:
			s.t.Fatalf("only got %v", got)
		}
		if e.Block < block {
			s.t.Fatalf("block %d after %d", e.Block, block)
		}
		block = e.Block
		if strings.Contains(string(e.Payload), s.run) { // others may use the ledger at the same time
			got = append(got, e.Name)
		}
		if e.TxID == last.TxID {
			if e.Block != last.Block || string(e.Payload) != string(last.Payload) {
				s.t.Fatalf("event %+v of %+v", e, last)
			}
			break
		}
	}
	if strings.Join(got, " ") != "tracker shipment shipment" {
		s.t.Fatalf("events %v", got)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		s.t.Fatalf("stream ended with %v", err)
	}
}

func (s *ledgerSuite) blocks() {
	_, result := do[ledger.Tracker](s, s.clients["carrier"], ledger.TrackerEnrol, ledger.EnrolArgs{ID: s.id("block"), SecretHash: strings.Repeat("ef", 32)})
	for _, c := range s.clients {
		WaitFor(s.t, 20*time.Second, c.MSP()+" finds the transaction", func() bool {
			found, code, block, err := c.TxStatus(s.t.Context(), result.TxID)
			return err == nil && found && code == 0 && block == result.Block
		})
	}
	if raw, err := s.clients["carrier"].BlockByTx(s.t.Context(), result.TxID); err != nil || !strings.Contains(string(raw), result.TxID) {
		s.t.Fatalf("block of %d bytes, %v", len(raw), err)
	}
	none := strings.Repeat("0", 64)
	if found, _, _, err := s.clients["carrier"].TxStatus(s.t.Context(), none); found || err != nil {
		s.t.Fatalf("status of no transaction: %v %v", found, err)
	}
	if _, err := s.clients["carrier"].BlockByTx(s.t.Context(), none); ledger.CodeOf(err) != ledger.NotFound {
		s.t.Fatalf("block of no transaction: %v", err)
	}
}

// ownWrites: what a client has submitted, it reads at once and builds on, without waiting for anybody.
func (s *ledgerSuite) ownWrites() {
	carrier, id := s.clients["carrier"], s.id("own")
	if _, err := carrier.Submit(s.t.Context(), ledger.TrackerEnrol, ledger.EnrolArgs{ID: id, SecretHash: strings.Repeat("ef", 32)}); err != nil {
		s.t.Fatal(err)
	}
	for i := range 10 {
		args := ledger.CalibrateArgs{ID: id, Ref: fmt.Sprint("cert ", i), Hash: strings.Repeat("cd", 32), ValidFromMS: 1, ValidToMS: 2}
		if _, err := carrier.Submit(s.t.Context(), ledger.TrackerCalibrate, args); err != nil {
			s.t.Fatalf("write %d: %v", i, err)
		}
		if got := ask[ledger.Tracker](s, carrier, ledger.TrackerGet, ledger.IDArgs{ID: id}); got.Calibration == nil || got.Calibration.Ref != args.Ref {
			s.t.Fatalf("after write %d: %+v", i, got)
		}
	}
}

// races: of submits that want the same key at once, one is accepted; each other is refused or invalid, and none is lost.
func (s *ledgerSuite) races() {
	id := s.id("raced")
	const n = 8
	errs := make([]error, n)
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() {
			_, errs[i] = s.clients["carrier"].Submit(s.t.Context(), ledger.TrackerEnrol, ledger.EnrolArgs{ID: id, SecretHash: strings.Repeat("ef", 32), Model: fmt.Sprint(i)})
		})
	}
	group.Wait()
	won := -1
	for i, err := range errs {
		switch {
		case err == nil && won < 0:
			won = i
		case err == nil:
			s.t.Errorf("%d and %d both won", won, i)
		case errors.Is(err, ledger.ErrInvalid), ledger.CodeOf(err) == ledger.Exists:
		default:
			s.t.Errorf("submit %d: %v", i, err)
		}
	}
	if won < 0 {
		s.t.Fatalf("nobody won: %v", errs)
	}
	if got := ask[ledger.Tracker](s, s.clients["carrier"], ledger.TrackerGet, ledger.IDArgs{ID: id}); got.Model != fmt.Sprint(won) {
		s.t.Fatalf("the ledger holds %s, but %d won", got.Model, won)
	}
}

func (s *ledgerSuite) network() {
	nodes, err := s.clients["carrier"].Network(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	for _, o := range ledger.Organisations {
		for _, role := range []string{"peer", "orderer"} {
			found := false
			for _, n := range nodes {
				if n.Org == o.Name && n.Role == role {
					found = true
					if !n.Up || n.Error != "" || n.Address == "" || (role == "peer") != (n.Height > 0) {
						s.t.Errorf("%+v", n)
					}
				}
			}
			if !found {
				s.t.Errorf("no %s of %s", role, o.Name)
			}
		}
	}
}
