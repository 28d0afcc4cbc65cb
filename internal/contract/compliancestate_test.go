package contract

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/trackseal/trackseal/internal/ledger"
)

// budget is a verdict's detail with one band spent.
func budget(spentS int64) json.RawMessage {
	return json.RawMessage(fmt.Sprintf(`{"algorithm":"1","budget":[{"rule":"tor","band":"8-15","spent_s":%d,"max_s":43200}]}`, spentS))
}

func withBudget(shipment string, revision int, spentS int64) ledger.Verdict {
	v := verdict(revision)
	v.Shipment, v.Detail = shipment, budget(spentS)
	return v
}

// A handover keeps what the ledger held about the goods when it was proposed and when it was answered.
func TestHandoverKeepsTheComplianceState(t *testing.T) {
	w := newWorld(t)
	w.create(carrierOp, "carrier.S-1")
	propose := func(by, to who) ledger.Shipment {
		return must[ledger.Shipment](w, by, ledger.ShipmentPropose, ledger.EventShipment, ledger.ProposeArgs{ID: "carrier.S-1", To: to.msp})
	}
	s := propose(carrierOp, shipperOp)
	nothing := ledger.ComplianceState{Opinions: []ledger.Opinion{}}
	if s.Pending.AtProposal == nil || !reflect.DeepEqual(*s.Pending.AtProposal, nothing) || s.Pending.AtAnswer != nil {
		t.Fatalf("got %+v", s.Pending)
	}
	must[ledger.Excursion](w, carrierIn, ledger.ComplianceOpen, ledger.EventExcursion, excursion("a"))
	must[ledger.Excursion](w, carrierIn, ledger.ComplianceOpen, ledger.EventExcursion, excursion("b"))
	must[ledger.Excursion](w, carrierIn, ledger.ComplianceClose, ledger.EventExcursion, ledger.Excursion{ID: "a", Shipment: "carrier.S-1", EndMS: t0 + 1, Peak: "9", Logs: logs("a", 9)})
	must[ledger.Verdict](w, carrierIn, ledger.ComplianceRevise, ledger.EventVerdict, withBudget("carrier.S-1", 1, 600))
	must[ledger.Shipment](w, shipperOp, ledger.ShipmentAccept, ledger.EventShipment, ledger.IDArgs{ID: "carrier.S-1"})
	must[ledger.Verdict](w, carrierIn, ledger.ComplianceRevise, ledger.EventVerdict, withBudget("carrier.S-1", 2, 900))
	propose(shipperOp, consigneeOp)

	h := query[ledger.Page[ledger.Handover]](w, consigneeOp, ledger.ShipmentHandover, ledger.ListArgs{ID: "carrier.S-1"}).Items
	if len(h) != 1 || !reflect.DeepEqual(*h[0].AtProposal, nothing) {
		t.Fatalf("got %+v", h)
	}
	spent := []ledger.BudgetLine{{Rule: "tor", Band: "8-15", SpentS: 600, MaxS: 43200}}
	if at := h[0].AtAnswer; len(at.Opinions) != 1 || at.Opinions[0].Revision != 1 || at.Opinions[0].Result != ledger.NonCompliant || at.Open != 1 || at.Total != 2 || !slices.Equal(at.Opinions[0].Budget, spent) {
		t.Fatalf("got %+v", at)
	}
	s = query[ledger.Shipment](w, consigneeOp, ledger.ShipmentGet, ledger.IDArgs{ID: "carrier.S-1"})
	if o := s.Pending.AtProposal.Opinions[0]; o.Revision != 2 || o.Budget[0].SpentS != 900 {
		t.Fatalf("got %+v", s.Pending.AtProposal)
	}
	// Nobody can say otherwise.
	w.refused(ledger.Invalid, shipperOp, ledger.ShipmentPropose, `{"id":"carrier.S-1","to":"CarrierMSP","at_proposal":{"revision":9}}`)
}

// A breach that an ingest recorded and the peers verified is two records: the state tells them apart.
func TestTheComplianceStateTellsVerifiedBreachesApart(t *testing.T) {
	w := newWorld(t)
	a := hotTrip(w)
	at := func(want ledger.ComplianceState) {
		t.Helper()
		s := must[ledger.Shipment](w, carrierOp, ledger.ShipmentPropose, ledger.EventShipment, ledger.ProposeArgs{ID: "carrier.S-1", To: consignee})
		if got := *s.Pending.AtProposal; got.Open != want.Open || got.Total != want.Total || got.Verified != want.Verified || !slices.Equal(got.Breaches, want.Breaches) {
			t.Fatalf("got %+v, want %+v", got, want)
		}
		must[ledger.Shipment](w, carrierOp, ledger.ShipmentWithdraw, ledger.EventShipment, ledger.RejectArgs{ID: "carrier.S-1", Details: hexHash("later")})
	}
	must[ledger.Excursion](w, carrierIn, ledger.ComplianceOpen, ledger.EventExcursion, excursion("hot/T-1/1"))
	at(ledger.ComplianceState{Open: 1, Total: 1})
	must[ledger.Excursion](w, carrierIn, ledger.ComplianceBreach, ledger.EventExcursion, a)
	hot := []ledger.RuleBreach{{Rule: "hot", FirstMS: a.Messages[0].TimeMS}}
	at(ledger.ComplianceState{Open: 1, Total: 2, Verified: 1, Breaches: hot})
	must[ledger.Excursion](w, carrierIn, ledger.ComplianceClose, ledger.EventExcursion, ledger.Excursion{ID: "hot/T-1/1", Shipment: "carrier.S-1", EndMS: w.ms, Peak: "30.25", Logs: logs("a", 9)})
	at(ledger.ComplianceState{Total: 2, Verified: 1, Breaches: hot})

	// A later breach of the same rule leaves the earliest.
	later := a
	later.Messages = a.Messages[1:]
	must[ledger.Excursion](w, carrierIn, ledger.ComplianceBreach, ledger.EventExcursion, later)
	at(ledger.ComplianceState{Total: 3, Verified: 2, Breaches: hot})
}

// The closing record keeps the last verdict as the ledger has it, and an assignment the calibration of its moment.
func TestTheCloseKeepsTheComplianceState(t *testing.T) {
	w := newWorld(t)
	w.enrol(carrierOp, "carrier.T-1")
	calibrate := func(ref string) {
		must[ledger.Tracker](w, carrierOp, ledger.TrackerCalibrate, ledger.EventTracker, ledger.CalibrateArgs{ID: "carrier.T-1", Ref: ref, Hash: hexHash(ref), ValidFromMS: 1, ValidToMS: t0 * 2})
	}
	calibrate("before")
	w.create(carrierOp, "carrier.S-1")
	w.assign(carrierOp, "carrier.S-1", "carrier.T-1")
	calibrate("after")
	w.handOver(carrierOp, consigneeOp, "carrier.S-1")
	must[ledger.Shipment](w, consigneeOp, ledger.ShipmentDeliver, ledger.EventShipment, ledger.IDArgs{ID: "carrier.S-1"})
	must[ledger.Verdict](w, carrierIn, ledger.ComplianceRevise, ledger.EventVerdict, verdict(1))
	v := must[ledger.Verdict](w, carrierIn, ledger.ComplianceRevise, ledger.EventVerdict, withBudget("carrier.S-1", 2, 600))
	c := must[ledger.Close](w, carrierOp, ledger.ShipmentClose, ledger.EventClosed, ledger.IDArgs{ID: "carrier.S-1"})
	if s := c.Compliance; s == nil || len(s.Opinions) != 1 {
		t.Fatalf("got %+v", c.Compliance)
	}
	if o := c.Compliance.Opinions[0]; o.By != carrier || o.Revision != 2 || o.Result != v.Result || o.ToMS != v.ToMS || !slices.Equal(o.Logs, v.Logs) || len(o.Budget) != 1 {
		t.Fatalf("got %+v", c.Compliance)
	}
	w.refused(ledger.Invalid, carrierOp, ledger.ShipmentClose, `{"id":"carrier.S-1","compliance":{"total":1}}`)
	w.refused(ledger.Invalid, carrierOp, ledger.ShipmentClose, `{"id":"carrier.S-1","heads":[]}`)
	s := query[ledger.Shipment](w, consigneeOp, ledger.ShipmentGet, ledger.IDArgs{ID: "carrier.S-1"})
	if k := s.Assignments[0].Calibration; k == nil || k.Ref != "before" {
		t.Fatalf("got %+v", k)
	}
}

func TestWithdraw(t *testing.T) {
	w := newWorld(t)
	w.create(shipperOp, "shipper.S-1")
	back := ledger.RejectArgs{ID: "shipper.S-1", Details: hexHash("truck broke down")}
	w.refused(ledger.BadState, shipperOp, ledger.ShipmentWithdraw, back)
	must[ledger.Shipment](w, shipperOp, ledger.ShipmentPropose, ledger.EventShipment, ledger.ProposeArgs{ID: "shipper.S-1", To: carrier})
	w.refused(ledger.Forbidden, carrierOp, ledger.ShipmentWithdraw, back)
	w.refused(ledger.Forbidden, consigneeOp, ledger.ShipmentWithdraw, back)
	w.refused(ledger.NotFound, auditorOp, ledger.ShipmentWithdraw, back)
	w.refused(ledger.Forbidden, shipperIn, ledger.ShipmentWithdraw, back)
	w.refused(ledger.Invalid, shipperOp, ledger.ShipmentWithdraw, ledger.RejectArgs{ID: "shipper.S-1"})
	s := must[ledger.Shipment](w, shipperOp, ledger.ShipmentWithdraw, ledger.EventShipment, back)
	if s.Pending != nil || s.Custodian != shipper || s.Handovers != 1 || s.State != ledger.Created {
		t.Fatalf("got %+v", s)
	}
	w.refused(ledger.BadState, carrierOp, ledger.ShipmentAccept, ledger.IDArgs{ID: "shipper.S-1"})
	must[ledger.Shipment](w, shipperOp, ledger.ShipmentPropose, ledger.EventShipment, ledger.ProposeArgs{ID: "shipper.S-1", To: consignee})
	must[ledger.Shipment](w, consigneeOp, ledger.ShipmentAccept, ledger.EventShipment, ledger.IDArgs{ID: "shipper.S-1"})
	h := query[ledger.Page[ledger.Handover]](w, consigneeOp, ledger.ShipmentHandover, ledger.ListArgs{ID: "shipper.S-1"}).Items
	if len(h) != 2 || h[0].State != ledger.Withdrawn || h[0].AnswerDetails != back.Details || h[0].AnswerTx == "" || h[1].State != ledger.Accepted {
		t.Fatalf("got %+v", h)
	}
}

// lotTrip is a delivered shipment that spent some of its budget.
func (w *world) lotTrip(id string, spentS int64) {
	w.t.Helper()
	w.create(carrierOp, id)
	must[ledger.Verdict](w, carrierIn, ledger.ComplianceRevise, ledger.EventVerdict, withBudget(id, 1, spentS))
	w.handOver(carrierOp, consigneeOp, id)
	must[ledger.Shipment](w, consigneeOp, ledger.ShipmentDeliver, ledger.EventShipment, ledger.IDArgs{ID: id})
}

func TestTheLotKeepsItsBudget(t *testing.T) {
	w := newWorld(t)
	w.lotTrip("carrier.A", 600)
	w.lotTrip("carrier.B", 1800)
	next := func(id string, f func(*ledger.CreateArgs)) ledger.CreateArgs {
		a := createArgs(id)
		a.CarriedFrom = []string{"carrier.A"}
		f(&a)
		return a
	}
	create := func(a ledger.CreateArgs) ledger.Shipment {
		t.Helper()
		return must[ledger.Shipment](w, consigneeOp, ledger.ShipmentCreate, ledger.EventShipment, a)
	}
	spent := func(s int64) []ledger.Spent { return []ledger.Spent{{Rule: "tor", Band: "8-15", SpentS: s}} }

	// Split: each part is as old as the whole.
	for _, id := range []string{"consignee.A1", "consignee.A2"} {
		s := create(next(id, func(a *ledger.CreateArgs) { a.Carried = spent(600) }))
		if !slices.Equal(s.Carried, spent(600)) || !reflect.DeepEqual(s.CarriedFrom, []ledger.CarriedFrom{{Shipment: "carrier.A", Verdicts: []ledger.VerdictRef{{By: carrier, Revision: 1}}}}) {
			t.Fatalf("got %+v", s)
		}
	}
	// Merge: the oldest counts. The ledger fills in what is left out.
	s := create(next("consignee.AB", func(a *ledger.CreateArgs) { a.CarriedFrom = []string{"carrier.A", "carrier.B"} }))
	if !slices.Equal(s.Carried, spent(1800)) || len(s.CarriedFrom) != 2 {
		t.Fatalf("got %+v", s)
	}
	// Late data raises A's budget: what is carried from now on is more, and the record says from which revision.
	must[ledger.Verdict](w, carrierIn, ledger.ComplianceRevise, ledger.EventVerdict, withBudget("carrier.A", 2, 700))
	w.refused(ledger.Conflict, consigneeOp, ledger.ShipmentCreate, next("consignee.A3", func(a *ledger.CreateArgs) { a.Carried = spent(600) }))
	if s := create(next("consignee.A3", func(*ledger.CreateArgs) {})); s.Carried[0].SpentS != 700 || s.CarriedFrom[0].Verdicts[0].Revision != 2 {
		t.Fatalf("got %+v", s)
	}
	// No party can make the lot look fresher: of several opinions the one that has spent most counts.
	must[ledger.Verdict](w, shipperIn, ledger.ComplianceRevise, ledger.EventVerdict, withBudget("carrier.A", 1, 0))
	if s := create(next("consignee.A4", func(*ledger.CreateArgs) {})); s.Carried[0].SpentS != 700 || len(s.CarriedFrom[0].Verdicts) != 2 {
		t.Fatalf("got %+v", s)
	}
	// The next verdict cannot forget it.
	v := withBudget("consignee.AB", 1, 1799)
	w.refused(ledger.Invalid, carrierIn, ledger.ComplianceRevise, v)
	v.Detail = budget(1800)
	must[ledger.Verdict](w, carrierIn, ledger.ComplianceRevise, ledger.EventVerdict, v)

	w.create(carrierOp, "carrier.underway")
	a := createArgs("carrier.foreign")
	a.Parties = ledger.Parties{ledger.Carrier: {carrier}, ledger.Consignee: {carrier}}
	must[ledger.Shipment](w, carrierOp, ledger.ShipmentCreate, ledger.EventShipment, a)
	w.create(carrierOp, "carrier.silent")
	w.handOver(carrierOp, consigneeOp, "carrier.silent")
	must[ledger.Shipment](w, consigneeOp, ledger.ShipmentDeliver, ledger.EventShipment, ledger.IDArgs{ID: "carrier.silent"})

	for _, tc := range []struct {
		name string
		code ledger.Code
		arg  ledger.CreateArgs
	}{
		{"less than was spent", ledger.Conflict, next("consignee.X", func(a *ledger.CreateArgs) { a.Carried = spent(1) })},
		{"another band", ledger.Conflict, next("consignee.X", func(a *ledger.CreateArgs) { a.Carried = []ledger.Spent{{Rule: "tor", Band: "0-2", SpentS: 700}} })},
		{"no such shipment", ledger.NotFound, next("consignee.X", func(a *ledger.CreateArgs) { a.CarriedFrom = []string{"carrier.Q"} })},
		{"a stranger's shipment", ledger.NotFound, next("consignee.X", func(a *ledger.CreateArgs) { a.CarriedFrom = []string{"carrier.foreign"} })},
		{"carrier.underway", ledger.BadState, next("consignee.X", func(a *ledger.CreateArgs) { a.CarriedFrom = []string{"carrier.underway"} })},
		{"never judged", ledger.BadState, next("consignee.X", func(a *ledger.CreateArgs) { a.CarriedFrom = []string{"carrier.silent"} })},
		{"itself", ledger.Invalid, next("consignee.X", func(a *ledger.CreateArgs) { a.CarriedFrom = []string{"consignee.X"} })},
		{"one twice", ledger.Invalid, next("consignee.X", func(a *ledger.CreateArgs) { a.CarriedFrom = []string{"carrier.A", "carrier.A"} })},
		{"from nowhere", ledger.Invalid, next("consignee.X", func(a *ledger.CreateArgs) { a.CarriedFrom, a.Carried = nil, spent(1) })},
	} {
		if _, e := w.submit(consigneeOp, ledger.ShipmentCreate, tc.arg, nil); e == nil || e.Code != tc.code {
			t.Errorf("%s: got %v, want %s", tc.name, e, tc.code)
		}
	}
}

func TestVerdictsStateABudgetOrNone(t *testing.T) {
	w := newWorld(t)
	w.create(carrierOp, "carrier.S-1")
	for _, detail := range []string{
		`[]`, `"x"`, `null`, `{"budget":null}`, `{"budget":{}}`, `{"budget":[{"rule":"a"}]}`, `{"budget":[{"rule":"a","band":"b","spent_s":-1,"max_s":1}]}`,
		`{"budget":[{"rule":"a","band":"b","spent_s":1.5,"max_s":1}]}`, `{"budget":[{"rule":"a","band":"b","spent_s":1,"max_s":-1}]}`,
		`{"budget":[{"rule":"a","band":"b","spent_s":1,"max_s":1,"Spent_s":2}]}`,
		`{"budget":[{"rule":"a","band":"b","spent_s":1,"max_s":1},{"rule":"a","band":"b","spent_s":2,"max_s":1}]}`,
		`{"budget":[],"budget":[]}`,
	} {
		v := verdict(1)
		b, err := ledger.Encode(v)
		if err != nil {
			t.Fatal(err)
		}
		w.refused(ledger.Invalid, carrierIn, ledger.ComplianceRevise, string(b[:len(b)-1])+`,"detail":`+detail+`}`)
	}
	v := verdict(1)
	v.Detail = json.RawMessage(`{"Budget":"a name of its own","mkt":5.25}`)
	must[ledger.Verdict](w, carrierIn, ledger.ComplianceRevise, ledger.EventVerdict, v)
}
