package contract

import (
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// journey is every changing transaction once, in an order in which each succeeds.
func journey(t testing.TB) []struct {
	by  who
	fn  ledger.Function
	arg any
} {
	next, six, maker := edDevice("next"), edDevice("six"), newAuthority(t, "acme", nil)
	h := newHeads("carrier.ingest-1")
	h.grow(10)
	sealed := h.final("carrier.S-1", "tx0007", 12) // of the shipment that the seventh transaction creates
	h.grow(19)
	sealed.Anchor, sealed.Proof = 1, h.inclusion(t, sealed.Index, 30)
	hot := edDevice("next").message("carrier.T-1", t0+15_000, telemetry.Reading{TimeMS: t0 + 14_000, Values: map[string]float64{"temperature": 25.5}})
	return []struct {
		by  who
		fn  ledger.Function
		arg any
	}{
		{carrierOp, ledger.MemberFound, founders},
		{carrierIn, ledger.BeatRenew, ledger.NoArgs{}},
		{carrierOp, ledger.TrackerEnrol, edDevice("carrier.T-1").enrolArgs("carrier.T-1", carrier)},
		{carrierOp, ledger.TrackerEnrol, ledger.EnrolArgs{ID: "carrier.T-2", SecretHash: hexHash("s")}},
		{carrierOp, ledger.TrackerRotate, ledger.RotateArgs{ID: "carrier.T-1", Alg: next.alg, Public: next.public, Proof: next.possess("carrier.T-1", carrier, next), Old: edDevice("carrier.T-1").possess("carrier.T-1", carrier, next)}},
		{carrierOp, ledger.TrackerCalibrate, ledger.CalibrateArgs{ID: "carrier.T-1", Ref: "c", Hash: hexHash("c"), ValidFromMS: 1, ValidToMS: 2}},
		{carrierOp, ledger.ShipmentCreate, withAuditor(createArgs("carrier.S-1"))},
		{auditorOp, ledger.ShipmentDecline, ledger.IDArgs{ID: "carrier.S-1"}},
		{carrierOp, ledger.ShipmentPropose, ledger.ProposeArgs{ID: "carrier.S-1", To: shipper}},
		{shipperOp, ledger.ShipmentReject, ledger.RejectArgs{ID: "carrier.S-1", Details: hexHash("late")}},
		{carrierOp, ledger.ShipmentPropose, ledger.ProposeArgs{ID: "carrier.S-1", To: shipper}},
		{shipperOp, ledger.ShipmentAccept, ledger.IDArgs{ID: "carrier.S-1"}},
		{carrierOp, ledger.ShipmentAssign, ledger.AssignArgs{Shipment: "carrier.S-1", Tracker: "carrier.T-1"}},
		{carrierOp, ledger.ShipmentAssign, ledger.AssignArgs{Shipment: "carrier.S-1", Tracker: "carrier.T-2"}},
		{carrierOp, ledger.ShipmentUnassign, ledger.UnassignArgs{Shipment: "carrier.S-1", Tracker: "carrier.T-2"}},
		{carrierIn, ledger.AnchorExtend, h.args(t, 0, 11, t0)},
		{carrierIn, ledger.AnchorExtend, h.args(t, 11, 30, t0+20_000)},
		{carrierIn, ledger.PartitionClaim, claimArgs("carrier.ingest-1", 0, ledger.Range{From: 0, To: 255})},
		{carrierIn, ledger.ComplianceOpen, excursion("warm/T-1/1")},
		{carrierIn, ledger.ComplianceClose, ledger.Excursion{ID: "warm/T-1/1", Shipment: "carrier.S-1", EndMS: t0 + 1, Peak: "9", Logs: logs("a", 9)}},
		{carrierIn, ledger.ComplianceRevise, verdict(1)},
		{shipperOp, ledger.ComplianceBreach, breachArgs("carrier.S-1", ledger.BreachMessage{Raw: hot, TimeMS: t0 + 14_000})},
		{consigneeOp, ledger.ComplianceAcknowledge, acknowledgeArgs("warm/T-1/1")},
		{consigneeOp, ledger.ComplianceAcknowledge, acknowledgeArgs("warm/T-1/1")},
		{consigneeOp, ledger.ComplianceDispose, disposeArgs(1, ledger.Quarantine, 1)},
		{shipperOp, ledger.RuleSetPublish, ledger.PublishArgs{Rules: ruleSet("shipper.vaccine", 1)}},
		{shipperOp, ledger.RuleSetPublish, ledger.PublishArgs{Rules: ruleSet("shipper.vaccine", 2)}},
		{shipperOp, ledger.ShipmentPropose, ledger.ProposeArgs{ID: "carrier.S-1", To: carrier}},
		{shipperOp, ledger.ShipmentWithdraw, ledger.RejectArgs{ID: "carrier.S-1", Details: hexHash("wrong dock")}},
		{shipperOp, ledger.ShipmentPropose, ledger.ProposeArgs{ID: "carrier.S-1", To: consignee, Heads: []ledger.LogHead{head("a", 9)}}},
		{consigneeOp, ledger.ShipmentAccept, ledger.IDArgs{ID: "carrier.S-1"}},
		{consigneeOp, ledger.ShipmentDeliver, ledger.IDArgs{ID: "carrier.S-1"}},
		{carrierIn, ledger.ShipmentSeal, ledger.SealArgs{ID: "carrier.S-1", Ingest: "carrier.ingest-1", Final: &sealed}},
		{carrierOp, ledger.ShipmentClose, ledger.IDArgs{ID: "carrier.S-1"}},
		{carrierOp, ledger.AnchorRetire, ledger.RetireArgs{Ingest: "carrier.ingest-1"}},
		{carrierOp, ledger.TrackerSensors, ledger.SensorsArgs{ID: "carrier.T-1", Sensors: []telemetry.Sensor{{Quantity: "temperature", Model: "ds18b20", ErrorValues: []string{"-1"}, Min: "-40"}}}},
		{carrierOp, ledger.TrackerServe, ledger.ServeArgs{ID: "carrier.T-1", Operator: carrier}},
		{carrierOp, ledger.TrackerRevoke, ledger.RevokeArgs{ID: "carrier.T-1", Cause: "retired"}},
		{shipperOp, ledger.ProfilePublish, profileArgs("shipper.probe", 1)},
		{shipperOp, ledger.ProfilePublish, profileArgs("shipper.probe", 2)},
		{carrierOp, ledger.TrackerProfile, ledger.TrackerProfileArgs{ID: "carrier.T-2", Profile: "shipper.probe@2"}},
		{carrierOp, ledger.TrackerEnrol, plainArgs("carrier.T-3", func(a *ledger.EnrolArgs) { a.Gateway, a.Profile = "carrier.T-2", "thingsboard-device@1" })},
		{carrierOp, ledger.TrackerEnrol, plainArgs("carrier.T-4", nil)},
		{carrierOp, ledger.TrackerGateway, ledger.GatewayArgs{ID: "carrier.T-4", Gateway: "carrier.T-2", Device: "four"}},
		{carrierOp, ledger.MemberPropose, acceptArgs("carrier.acme", maker)},
		{consigneeOp, ledger.MemberCast, ledger.VoteArgs{ID: "carrier.acme", Yes: true}},
		{shipperOp, ledger.MemberCast, ledger.VoteArgs{ID: "carrier.acme", Yes: true}},
		{carrierOp, ledger.MemberExecute, ledger.IDArgs{ID: "carrier.acme"}},
		{carrierOp, ledger.TrackerEnrol, attested("carrier.T-5", edDevice("five"), maker.chain(t, edDevice("five")))},
		{carrierOp, ledger.TrackerRotate, ledger.RotateArgs{ID: "carrier.T-5", Alg: six.alg, Public: six.public, Proof: six.possess("carrier.T-5", carrier, six), Lost: true, Certificates: maker.chain(t, six)}},
		{carrierOp, ledger.MemberPropose, ledger.ProposeMemberArgs{ID: "carrier.end-acme", Act: ledger.EndMaker, Root: maker.hash()}},
		{consigneeOp, ledger.ComplianceDispose, disposeArgs(2, ledger.Release, 1)},
		{carrierOp, ledger.MemberAnnounce, announceArgs("carrier")},
		{carrierOp, ledger.MemberPropose, admitArgs("carrier.admit-1", "fifth")},
		{carrierOp, ledger.MemberPropose, admitArgs("carrier.admit-2", "sixth")},
		{carrierOp, ledger.MemberWithdraw, ledger.IDArgs{ID: "carrier.admit-2"}},
		{consigneeOp, ledger.MemberCast, ledger.VoteArgs{ID: "carrier.admit-1", Yes: true, Signature: []byte("c")}},
		{shipperOp, ledger.MemberCast, ledger.VoteArgs{ID: "carrier.admit-1", Yes: true}},
		{auditorOp, ledger.MemberExecute, ledger.IDArgs{ID: "carrier.admit-1"}},
		{carrierOp, ledger.MemberPropose, ledger.ProposeMemberArgs{ID: "carrier.evict-1", Act: ledger.Evict, Name: "shipper"}},
		{consigneeOp, ledger.MemberCast, ledger.VoteArgs{ID: "carrier.evict-1", Yes: true}},
		{auditorOp, ledger.MemberCast, ledger.VoteArgs{ID: "carrier.evict-1", Yes: true}},
		{carrierOp, ledger.MemberExecute, ledger.IDArgs{ID: "carrier.evict-1"}},
		{auditorOp, ledger.MemberLeave, ledger.NoArgs{}},
	}
}

// Two peers that simulate the same proposal on the same state must agree byte for byte: writes in order, event, answer. What a
// call writes it does not see, so simulating it twice gives the same.
func TestTwoPeersAgree(t *testing.T) {
	w := emptyWorld(t)
	seen := map[string]bool{}
	for _, j := range journey(t) {
		w.n++
		w.ms += 1000
		seen[j.fn.Name()] = true
		before := maps.Clone(w.state)
		a, err := w.run(j.by, j.fn, j.arg)
		if err != nil {
			t.Fatalf("%s: %v", j.fn, err)
		}
		b, err := w.run(j.by, j.fn, j.arg)
		if err != nil || !reflect.DeepEqual(a, b) {
			t.Fatalf("%s: the peers differ: %+v and %+v (%v)", j.fn, a, b, err)
		}
		if !reflect.DeepEqual(before, w.state) {
			t.Fatalf("%s changed the state before the commit", j.fn)
		}
		if len(a.Writes) == 0 || a.Event == "" {
			t.Fatalf("%s: %d writes, event %q; want both", j.fn, len(a.Writes), a.Event)
		}
		keys := map[string]bool{}
		for _, x := range a.Writes {
			if x.Key == "" || x.Value != nil && len(x.Value) == 0 || keys[x.Key] {
				t.Errorf("%s writes %q twice, or nothing", j.fn, x.Key)
			}
			keys[x.Key] = true
		}
		w.state.Commit(a)
	}
	for name, fn := range functions {
		if len(fn.roles) > 0 && !seen[name] {
			t.Errorf("the journey lacks %s", name)
		}
	}
}

// Records are stored as package ledger writes them: what is read back and written again stays the same.
func TestStateIsCanonical(t *testing.T) {
	w := emptyWorld(t)
	run(w, t)
	types := map[string]any{
		ledger.ObjFounding: ledger.Founding{}, ledger.ObjBeat: ledger.Beat{}, ledger.ObjMember: ledger.Member{}, ledger.ObjTracker: ledger.Tracker{}, ledger.ObjShipment: ledger.Shipment{}, ledger.ObjHandover: ledger.Handover{},
		ledger.ObjSeal: ledger.Seal{}, ledger.ObjClose: ledger.Close{}, ledger.ObjHead: ledger.Head{}, ledger.ObjAnchor: ledger.Head{},
		ledger.ObjExcursion: ledger.Excursion{}, ledger.ObjVerdict: ledger.Verdict{},
		ledger.ObjTally: ledger.Tally{}, ledger.ObjAcknowledgement: ledger.Acknowledgement{},
		ledger.ObjEnded: ledger.Ended{}, ledger.ObjProposal: ledger.MemberProposal{}, ledger.ObjServing: ledger.Serving{},
		ledger.ObjDisposition: ledger.Disposition{}, ledger.ObjRuleSet: ledger.RuleSet{},
	}
	checked := map[string]bool{}
	for key, value := range w.state {
		object := strings.Split(key, "\x00")[1]
		record, ok := types[object]
		if !ok {
			continue
		}
		v := reflect.New(reflect.TypeOf(record))
		if err := ledger.Decode(value, v.Interface()); err != nil {
			t.Errorf("%q: %v", key, err)
		}
		again, err := ledger.Encode(v.Elem().Interface())
		if err != nil || string(again) != string(value) {
			t.Errorf("%q: stored %s, encoded again %s", key, value, again)
		}
		checked[object] = true
	}
	if len(checked) != len(types) {
		t.Errorf("only %v were checked", checked)
	}
}

func run(w *world, t testing.TB) {
	for _, j := range journey(t) {
		if _, e := w.submit(j.by, j.fn, j.arg, nil); e != nil {
			t.Fatalf("%s: %v", j.fn, e)
		}
	}
}

// failing fails the call with number at.
type failing struct {
	Map
	calls, at int
}

var errState = errors.New("peer went away")

func (f *failing) step() error {
	if f.calls++; f.calls == f.at {
		return errState
	}
	return nil
}

func (f *failing) Get(key string) ([]byte, error) {
	if err := f.step(); err != nil {
		return nil, err
	}
	return f.Map.Get(key)
}

func (f *failing) Page(prefix, start string, limit int) ([]Record, string, error) {
	if err := f.step(); err != nil {
		return nil, "", err
	}
	return f.Map.Page(prefix, start, limit)
}

// Each read of the state in turn fails: the transaction fails without a refusal code (which would tell the client that the
// ledger said no) and never succeeds by half.
func TestEveryFailureOfTheStateFailsTheTransaction(t *testing.T) {
	w := emptyWorld(t)
	check := func(by who, fn ledger.Function, arg any) {
		t.Helper()
		b, err := ledger.Encode(arg)
		if err != nil {
			t.Fatal(err)
		}
		call := w.call(by)
		private, err := ledger.PrivateOf(arg)
		if err != nil {
			t.Fatal(err)
		}
		call.Private = string(private)
		probe := &failing{Map: w.state}
		if _, err := Run(probe, call, fn.Name(), b); err != nil || probe.calls == 0 {
			t.Fatalf("%s: %d reads, %v", fn, probe.calls, err)
		}
		for at := 1; at <= probe.calls; at++ {
			a, err := Run(&failing{Map: w.state, at: at}, call, fn.Name(), b)
			if !errors.Is(err, errState) || ledger.ParseError(err.Error()) != nil || !reflect.DeepEqual(a, Answer{}) {
				t.Errorf("%s: read %d failed and the client hears %v, %d writes", fn, at, err, len(a.Writes))
			}
		}
	}
	for _, j := range journey(t) {
		w.n++
		w.ms += 1000
		check(j.by, j.fn, j.arg)
		w.n--
		w.ms -= 1000
		if _, e := w.submit(j.by, j.fn, j.arg, nil); e != nil {
			t.Fatalf("%s: %v", j.fn, e)
		}
	}
	byID, byShipment, heads := ledger.IDArgs{ID: "carrier.S-1"}, ledger.ListArgs{ID: "carrier.S-1"}, newHeads("carrier.ingest-1").id()
	reads := map[ledger.Function]any{
		ledger.MemberGet: ledger.NameArgs{Name: "carrier"}, ledger.MemberList: ledger.ListArgs{}, ledger.BeatGet: ledger.NoArgs{},
		ledger.MemberProposals: ledger.ListArgs{}, ledger.PartitionGet: ledger.MSPArgs{MSP: carrier},
		ledger.TrackerGet: ledger.IDArgs{ID: "carrier.T-1"}, ledger.TrackerList: ledger.ListArgs{},
		ledger.ShipmentGet: byID, ledger.ShipmentGetClose: byID, ledger.ShipmentList: ledger.ListArgs{}, ledger.ShipmentHandover: byShipment, ledger.ShipmentSeals: byShipment,
		ledger.AnchorHead: ledger.IDArgs{ID: heads}, ledger.AnchorList: ledger.ListArgs{ID: heads}, ledger.AnchorHeads: ledger.ListArgs{},
		ledger.ComplianceVerdict: ledger.OpinionArgs{ID: "carrier.S-1", By: carrier}, ledger.ComplianceNow: byID, ledger.ComplianceVerdicts: byShipment, ledger.ComplianceList: byShipment, ledger.ComplianceAcknowledgements: byShipment,
		ledger.ComplianceDisposition: byID, ledger.ComplianceDispositions: byShipment,
		ledger.RuleSetGet: ledger.RefArgs{Ref: "shipper.vaccine@2"}, ledger.RuleSetList: ledger.ListArgs{},
		ledger.ProfileGet: ledger.RefArgs{Ref: "shipper.probe@2"}, ledger.ProfileList: ledger.ListArgs{}, ledger.MemberMakers: ledger.ListArgs{},
	}
	for fn, arg := range reads {
		check(carrierOp, fn, arg)
	}
	for name, fn := range functions {
		if len(fn.roles) == 0 && !slices.ContainsFunc(slices.Collect(maps.Keys(reads)), func(f ledger.Function) bool { return f.Name() == name }) {
			t.Errorf("the reads lack %s", name)
		}
	}
}

func TestOnlyTheNamedTransactionsExist(t *testing.T) {
	w := newWorld(t)
	for _, fn := range []string{"tracker:get", "Get", "tracker:", ":Get", "", "tracker:Nothing", "tracker:tracker:Get", "evil:Get", "org.hyperledger.fabric:GetMetadata"} {
		_, err := Run(w.state, w.call(carrierOp), fn, []byte(`{"id":"carrier.T-1"}`))
		if ledger.CodeOf(err) != ledger.Invalid {
			t.Errorf("%q: got %v, want %s", fn, err, ledger.Invalid)
		}
	}
}

func TestAbsurdTransactionTimesAreRefused(t *testing.T) {
	w := newWorld(t)
	for _, ms := range []int64{-1, 0, 253402300800000, 1 << 60} {
		w.ms = ms
		if _, err := w.run(carrierOp, ledger.TrackerGet, `{"id":"carrier.T-1"}`); ledger.CodeOf(err) != ledger.Invalid {
			t.Errorf("%d: got %v, want %s", ms, err, ledger.Invalid)
		}
	}
}

func TestOnlyACertificateSigns(t *testing.T) {
	w := newWorld(t)
	w.create(carrierOp, "carrier.S-1")
	must[ledger.Excursion](w, carrierIn, ledger.ComplianceOpen, ledger.EventExcursion, excursion("warm/T-1/1"))
	arg, err := ledger.Encode(acknowledgeArgs("warm/T-1/1"))
	if err != nil {
		t.Fatal(err)
	}
	call := w.call(consigneeOp)
	call.Cert = ""
	if _, err := Run(w.state, call, ledger.ComplianceAcknowledge.Name(), arg); ledger.CodeOf(err) != ledger.Forbidden {
		t.Errorf("got %v, want %s", err, ledger.Forbidden)
	}
}

func TestARefusalStaysOnOneLine(t *testing.T) {
	w := newWorld(t)
	for _, arg := range []string{"{\"a\\nb\":1}", `{"id":"a\n[NOT_FOUND] b"}`, "{\"id\":\"x\ny\"}"} {
		_, err := w.run(carrierOp, ledger.TrackerGet, arg)
		if err == nil || strings.ContainsAny(err.Error(), "\n\r") || !strings.HasPrefix(err.Error(), "[INVALID] ") {
			t.Errorf("%q: %q", arg, err)
		}
	}
}

// FuzzRun throws any argument at any transaction, as the most privileged caller: no panic, no write with a refusal, and a
// refusal always has a code.
func FuzzRun(f *testing.F) {
	for _, j := range journey(f) {
		b, err := json.Marshal(j.arg)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(slices.Index(Names(), j.fn.Name()), j.by.role == Ingest, string(b))
	}
	f.Add(0, true, `{"id":null}`)
	f.Add(slices.Index(Names(), ledger.ShipmentHandover.Name()), false, `{"id":"carrier.S-1","bookmark":"AHBhcnR5AA","limit":3}`)
	w := emptyWorld(f)
	run(w, f)
	names := Names()
	f.Fuzz(func(t *testing.T, fn int, in bool, arg string) {
		if fn < 0 || fn >= len(names) {
			return
		}
		by := carrierOp
		if in {
			by = carrierIn
		}
		a, err := Run(w.state, w.call(by), names[fn], []byte(arg))
		switch {
		case err == nil && (len(a.Writes) > 0) != (a.Event != ""):
			t.Errorf("%d writes, event %q", len(a.Writes), a.Event)
		case err == nil && !json.Valid(a.Payload):
			t.Errorf("answer %q", a.Payload)
		case err != nil && (ledger.CodeOf(err) == "" || len(a.Writes) > 0):
			t.Errorf("a refusal without code, or with %d writes: %v", len(a.Writes), err)
		}
	})
}
