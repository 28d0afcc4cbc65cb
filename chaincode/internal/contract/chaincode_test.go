package contract

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-contract-api-go/v2/contractapi"
	"github.com/hyperledger/fabric-contract-api-go/v2/metadata"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// journey is every changing transaction once, in an order in which each succeeds.
func journey(t testing.TB) []struct {
	by  who
	fn  string
	arg any
} {
	next := edDevice("next")
	h := newHeads("ingest-carrier")
	h.grow(30)
	hot := edDevice("next").message("T-1", t0+15_000, telemetry.Reading{TimeMS: t0 + 14_000, Values: map[string]float64{"temperature": 25.5}})
	return []struct {
		by  who
		fn  string
		arg any
	}{
		{carrierOp, ledger.TrackerEnrol, edDevice("T-1").enrolArgs("T-1", carrier)},
		{carrierOp, ledger.TrackerEnrol, ledger.EnrolArgs{ID: "T-2", SecretHash: hexHash("s")}},
		{carrierOp, ledger.TrackerRotate, ledger.RotateArgs{ID: "T-1", Alg: next.alg, Public: next.public, Proof: next.possess("T-1", carrier, next), Old: edDevice("T-1").possess("T-1", carrier, next)}},
		{carrierOp, ledger.TrackerCalibrate, ledger.CalibrateArgs{ID: "T-1", Ref: "c", Hash: hexHash("c"), ValidFromMS: 1, ValidToMS: 2}},
		{shipperOp, ledger.ShipmentCreate, createArgs("S-1")},
		{shipperOp, ledger.ShipmentPropose, ledger.ProposeArgs{ID: "S-1", To: carrier}},
		{carrierOp, ledger.ShipmentReject, ledger.RejectArgs{ID: "S-1", Reason: "late"}},
		{shipperOp, ledger.ShipmentPropose, ledger.ProposeArgs{ID: "S-1", To: carrier}},
		{carrierOp, ledger.ShipmentAccept, ledger.IDArgs{ID: "S-1"}},
		{carrierOp, ledger.ShipmentAssign, ledger.AssignArgs{Shipment: "S-1", Tracker: "T-1"}},
		{carrierOp, ledger.ShipmentAssign, ledger.AssignArgs{Shipment: "S-1", Tracker: "T-2"}},
		{carrierOp, ledger.ShipmentUnassign, ledger.UnassignArgs{Shipment: "S-1", Tracker: "T-2"}},
		{carrierIn, ledger.AnchorExtend, h.args(t, 0, 11, t0)},
		{carrierIn, ledger.AnchorExtend, h.args(t, 11, 30, t0+20_000)},
		{carrierIn, ledger.ComplianceOpen, excursion("warm/T-1/1")},
		{carrierIn, ledger.ComplianceClose, ledger.Excursion{ID: "warm/T-1/1", Shipment: "S-1", EndMS: t0 + 1, Peak: "9", Log: head("a", 9)}},
		{carrierIn, ledger.ComplianceRevise, verdict(1)},
		{shipperOp, ledger.ComplianceBreach, breachArgs("S-1", ledger.BreachMessage{Raw: hot, TimeMS: t0 + 14_000})},
		{consigneeOp, ledger.ComplianceAcknowledge, acknowledgeArgs("warm/T-1/1")},
		{consigneeOp, ledger.ComplianceAcknowledge, acknowledgeArgs("warm/T-1/1")},
		{consigneeOp, ledger.ComplianceDispose, disposeArgs(1, ledger.Quarantine, 1)},
		{shipperOp, ledger.RuleSetPublish, ledger.PublishArgs{Rules: ruleSet("vaccine", 1)}},
		{shipperOp, ledger.RuleSetPublish, ledger.PublishArgs{Rules: ruleSet("vaccine", 2)}},
		{carrierOp, ledger.ShipmentPropose, ledger.ProposeArgs{ID: "S-1", To: shipper}},
		{carrierOp, ledger.ShipmentWithdraw, ledger.RejectArgs{ID: "S-1", Reason: "wrong dock"}},
		{carrierOp, ledger.ShipmentPropose, ledger.ProposeArgs{ID: "S-1", To: consignee, Heads: []ledger.LogHead{head("a", 9)}}},
		{consigneeOp, ledger.ShipmentAccept, ledger.IDArgs{ID: "S-1"}},
		{consigneeOp, ledger.ShipmentDeliver, ledger.IDArgs{ID: "S-1"}},
		{carrierOp, ledger.ShipmentClose, ledger.CloseArgs{ID: "S-1", Heads: []ledger.LogHead{head("a", 12)}}},
		{carrierOp, ledger.TrackerRevoke, ledger.RevokeArgs{ID: "T-1", Cause: "retired"}},
		{consigneeOp, ledger.ComplianceDispose, disposeArgs(2, ledger.Release, 1)},
	}
}

// Two peers that simulate the same proposal on the same state must agree byte for byte: writes in order, event, answer.
func TestTwoPeersAgree(t *testing.T) {
	w := newWorld(t)
	peer2, err := New()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, j := range journey(t) {
		w.n++
		w.ms += 1000
		seen[j.fn] = true
		a, ra := w.invoke(j.by, j.fn, j.arg)
		b := w.stub(j.by, j.fn, a.args...)
		rb := peer2.Invoke(b)
		if ra.Status != shim.OK {
			t.Fatalf("%s: %s", j.fn, ra.Message)
		}
		if !slices.Equal(a.writes, b.writes) || !slices.Equal(a.events, b.events) || string(ra.Payload) != string(rb.Payload) {
			t.Fatalf("%s: the peers differ", j.fn)
		}
		if len(a.writes) == 0 || len(a.events) != 1 || a.events[0].payload != string(ra.Payload) {
			t.Fatalf("%s: %d writes, events %v", j.fn, len(a.writes), a.events)
		}
		keys := map[string]bool{}
		for _, x := range a.writes {
			if keys[x.key] {
				t.Errorf("%s writes %q twice", j.fn, x.key)
			}
			keys[x.key] = true
			w.state[x.key] = []byte(x.value)
		}
	}
	for _, fn := range ledger.Transactions {
		if !seen[fn] && !reads[fn] {
			t.Errorf("the journey lacks %s", fn)
		}
	}
}

var reads = map[string]bool{
	ledger.TrackerGet: true, ledger.TrackerList: true, ledger.ShipmentGet: true, ledger.ShipmentList: true,
	ledger.ShipmentHandover: true, ledger.ShipmentGetClose: true, ledger.AnchorHead: true, ledger.AnchorList: true,
	ledger.AnchorHeads: true, ledger.ComplianceVerdict: true, ledger.ComplianceVerdicts: true, ledger.ComplianceList: true,
	ledger.ComplianceAcknowledgements: true, ledger.ComplianceDisposition: true, ledger.ComplianceDispositions: true,
	ledger.RuleSetGet: true, ledger.RuleSetList: true,
}

// Records are stored as package ledger writes them: what is read back and written again stays the same.
func TestStateIsCanonical(t *testing.T) {
	w := newWorld(t)
	run(w, t)
	types := map[string]any{
		ledger.ObjTracker: ledger.Tracker{}, ledger.ObjShipment: ledger.Shipment{}, ledger.ObjHandover: ledger.Handover{},
		ledger.ObjClose: ledger.Close{}, ledger.ObjHead: ledger.Head{}, ledger.ObjAnchor: ledger.Head{},
		ledger.ObjExcursion: ledger.Excursion{}, ledger.ObjVerdict: ledger.Verdict{},
		ledger.ObjTally: ledger.Tally{}, ledger.ObjAcknowledgement: ledger.Acknowledgement{},
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

// Each call to the peer in turn fails, before and after it took effect: the transaction fails without a refusal code (which
// would tell the client that the ledger said no), never panics and never succeeds by half.
func TestEveryStubFailureFailsTheTransaction(t *testing.T) {
	w := newWorld(t)
	check := func(by who, fn string, arg any) {
		t.Helper()
		probe, r := w.invoke(by, fn, arg)
		if r.Status != shim.OK {
			t.Fatalf("%s: %s", fn, r.Message)
		}
		for at := 1; at <= probe.calls; at++ {
			for _, after := range []bool{false, true} {
				s := w.stub(by, fn, probe.args...)
				s.failAt, s.failAfter = at, after
				r := w.cc.Invoke(s)
				if r.Status == shim.OK {
					// The contract API reads the identity for itself first and ignores that this failed; ours then reads again.
					if at == 1 && slices.Equal(s.writes, probe.writes) && slices.Equal(s.events, probe.events) {
						continue
					}
					t.Errorf("%s: call %d failed (after %v) and the transaction succeeded", fn, at, after)
				} else if e := ledger.ParseError(r.Message); e != nil && e.Code != ledger.Forbidden {
					t.Errorf("%s: call %d failed and the client hears %v", fn, at, e)
				}
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
	heads := newHeads("ingest-carrier").id()
	for fn := range reads {
		var arg any
		switch fn {
		case ledger.TrackerGet:
			arg = ledger.IDArgs{ID: "T-1"}
		case ledger.ShipmentGet, ledger.ShipmentGetClose, ledger.ComplianceVerdict, ledger.ComplianceDisposition:
			arg = ledger.IDArgs{ID: "S-1"}
		case ledger.RuleSetGet:
			arg = ledger.RefArgs{Ref: "vaccine@2"}
		case ledger.AnchorHead:
			arg = ledger.IDArgs{ID: heads}
		case ledger.AnchorList:
			arg = ledger.ListArgs{ID: heads}
		case ledger.TrackerList, ledger.ShipmentList, ledger.AnchorHeads, ledger.RuleSetList:
			arg = ledger.ListArgs{}
		default:
			arg = ledger.ListArgs{ID: "S-1"}
		}
		check(carrierOp, fn, arg)
	}
}

func TestOnlyTheNamedTransactionsExist(t *testing.T) {
	w := newWorld(t)
	arg := `{"id":"T-1"}`
	for _, fn := range []string{"tracker:get", "Get", "tracker:", ":Get", "", "tracker:Nothing", "tracker:GetName", "shipment:GetEvaluateTransactions", "tracker:tracker:Get", "evil:Get"} {
		r := w.cc.Invoke(w.stub(carrierOp, fn, arg))
		if e := ledger.ParseError(r.Message); r.Status == shim.OK || e == nil || e.Code != ledger.Invalid {
			t.Errorf("%q: %d %s", fn, r.Status, r.Message)
		}
	}
	for _, args := range [][]string{{}, {arg, arg}} {
		r := w.cc.Invoke(w.stub(carrierOp, ledger.TrackerGet, args...))
		if e := ledger.ParseError(r.Message); e == nil || e.Code != ledger.Invalid {
			t.Errorf("%d arguments: %s", len(args), r.Message)
		}
	}
	if r := w.cc.Init(w.stub(carrierOp, "")); r.Status != shim.OK {
		t.Errorf("Init: %s", r.Message)
	}
}

// The contracts have the transactions of package ledger and no others, and tell in their metadata which only read.
func TestMetadataNamesTheTransactions(t *testing.T) {
	w := newWorld(t)
	r := w.cc.Invoke(w.stub(carrierOp, contractapi.SystemContractName+":GetMetadata"))
	if r.Status != shim.OK {
		t.Fatal(r.Message)
	}
	var m metadata.ContractChaincodeMetadata
	if err := json.Unmarshal(r.Payload, &m); err != nil {
		t.Fatal(err)
	}
	var got []string
	for name, c := range m.Contracts {
		if name == contractapi.SystemContractName {
			continue
		}
		for _, tx := range c.Transactions {
			fn := name + ":" + tx.Name
			got = append(got, fn)
			if slices.Contains(tx.Tag, "EVALUATE") != reads[fn] {
				t.Errorf("%s: tags %v", fn, tx.Tag)
			}
		}
	}
	want := slices.Clone(ledger.Transactions)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}

func TestAnUnreadableCallerIsForbidden(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string][]byte{"none": nil, "garbage": []byte("garbage"), "no certificate": {0x0a, 0x01, 'X', 0x12, 0x01, 'Y'}} {
		s := w.stub(carrierOp, ledger.TrackerGet, `{"id":"T-1"}`)
		s.creator = c
		r := w.cc.Invoke(s)
		if e := ledger.ParseError(r.Message); e == nil || e.Code != ledger.Forbidden {
			t.Errorf("%s: %s", name, r.Message)
		}
	}
}

func TestAbsurdTransactionTimesAreRefused(t *testing.T) {
	w := newWorld(t)
	for _, ms := range []int64{-1, 0, 253402300800000, 1 << 60} {
		s := w.stub(carrierOp, ledger.TrackerGet, `{"id":"T-1"}`)
		s.ms = ms
		if e := ledger.ParseError(w.cc.Invoke(s).Message); e == nil || e.Code != ledger.Invalid {
			t.Errorf("%d: %v", ms, e)
		}
	}
}

func TestARefusalStaysOnOneLine(t *testing.T) {
	w := newWorld(t)
	for _, arg := range []string{"{\"a\\nb\":1}", `{"id":"a\n[NOT_FOUND] b"}`, "{\"id\":\"x\ny\"}"} {
		r := w.cc.Invoke(w.stub(carrierOp, ledger.TrackerGet, arg))
		if strings.ContainsAny(r.Message, "\n\r") || !strings.HasPrefix(r.Message, "[INVALID] ") {
			t.Errorf("%q: %q", arg, r.Message)
		}
	}
}

// FuzzInvoke throws any argument at any transaction, as the most privileged caller: no panic, no write with a refusal, and a
// refusal always has a code.
func FuzzInvoke(f *testing.F) {
	for _, j := range journey(f) {
		b, err := json.Marshal(j.arg)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(slices.Index(ledger.Transactions, j.fn), j.by.role == ingest, string(b))
	}
	f.Add(0, true, `{"id":null}`)
	f.Add(slices.Index(ledger.Transactions, ledger.ShipmentHandover), false, `{"id":"S-1","bookmark":"AHBhcnR5AA","limit":3}`)
	w := newWorld(f)
	run(w, f)
	f.Fuzz(func(t *testing.T, fn int, in bool, arg string) {
		if fn < 0 || fn >= len(ledger.Transactions) {
			return
		}
		by := carrierOp
		if in {
			by = carrierIn
		}
		s := w.stub(by, ledger.Transactions[fn], arg)
		r := w.cc.Invoke(s)
		switch {
		case r.Status == shim.OK && (len(s.writes) > 0) != (len(s.events) == 1):
			t.Errorf("%d writes, %d events", len(s.writes), len(s.events))
		case r.Status == shim.OK && !json.Valid(r.Payload):
			t.Errorf("answer %q", r.Payload)
		case r.Status != shim.OK && ledger.ParseError(r.Message) == nil:
			t.Errorf("a refusal without code: %s", r.Message)
		}
	})
}
