package contract

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/trackseal/trackseal/internal/ledger"
)

func TestCreate(t *testing.T) {
	w := newWorld(t)
	s := w.create(shipperOp, "shipper.S-1")
	if s.State != ledger.Created || s.Creator != shipper || s.Custodian != shipper || s.RuleSetHash != ruleHash || s.CreatedMS != w.ms || s.CreateTx == "" || s.Assignments == nil {
		t.Fatalf("got %+v", s)
	}
	// One organisation may hold several roles; the index then holds it once.
	a := createArgs("carrier.S-3")
	a.Parties[ledger.Shipper] = []string{carrier}
	st, e := w.submit(carrierOp, ledger.ShipmentCreate, a, nil)
	if e != nil || len(st.Writes) != 3 {
		t.Fatalf("got %d writes (%v), want 3", len(st.Writes), e)
	}
}

func TestCreateRefusals(t *testing.T) {
	with := func(f func(*ledger.CreateArgs)) ledger.CreateArgs { a := createArgs("carrier.S-1"); f(&a); return a }
	for _, tc := range []struct {
		name string
		by   who
		arg  any
		code ledger.Code
	}{
		{"no role", who{carrier, ""}, createArgs("carrier.S-1"), ledger.Forbidden},
		{"ingest role", carrierIn, createArgs("carrier.S-1"), ledger.Forbidden},
		{"caller is no party", auditorOp, createArgs("auditor.S-1"), ledger.Forbidden},
		{"unknown organisation", who{"EvilMSP", Operator}, createArgs("carrier.S-1"), ledger.Forbidden},
		{"MSP of no member", carrierOp, with(func(a *ledger.CreateArgs) { a.Parties[ledger.Shipper] = []string{"EvilMSP"} }), ledger.Invalid},
		{"unknown role", carrierOp, with(func(a *ledger.CreateArgs) { a.Parties["thief"] = []string{shipper} }), ledger.Invalid},
		{"role in other case", carrierOp, with(func(a *ledger.CreateArgs) { a.Parties["Auditor"] = []string{auditor} }), ledger.Invalid},
		{"no carrier", carrierOp, with(func(a *ledger.CreateArgs) { delete(a.Parties, ledger.Carrier) }), ledger.Invalid},
		{"no consignee", carrierOp, with(func(a *ledger.CreateArgs) { delete(a.Parties, ledger.Consignee) }), ledger.Invalid},
		{"carriers unsorted", carrierOp, with(func(a *ledger.CreateArgs) { a.Parties[ledger.Carrier] = []string{carrier, auditor} }), ledger.Invalid},
		{"carrier twice", carrierOp, with(func(a *ledger.CreateArgs) { a.Parties[ledger.Carrier] = []string{carrier, carrier} }), ledger.Invalid},
		{"role without anybody", carrierOp, with(func(a *ledger.CreateArgs) { a.Parties[ledger.Auditor] = []string{} }), ledger.Invalid},
		{"no parties", carrierOp, with(func(a *ledger.CreateArgs) { a.Parties = nil }), ledger.Invalid},
		{"custody given to somebody who did not accept it", shipperOp, `{"id":"carrier.S-1","parties":{"carrier":["CarrierMSP"],"consignee":["ConsigneeMSP"],"shipper":["ShipperMSP"]},"custodian":"CarrierMSP"}`, ledger.Invalid},
		{"rule set without version", carrierOp, with(func(a *ledger.CreateArgs) { a.RuleSet = "general" }), ledger.Invalid},
		{"no rule hash", carrierOp, with(func(a *ledger.CreateArgs) { a.RuleSetHash = "" }), ledger.Invalid},
		{"bad id", carrierOp, with(func(a *ledger.CreateArgs) { a.ID = "S 1" }), ledger.Invalid},
		{"details that are no hash", carrierOp, with(func(a *ledger.CreateArgs) { a.Details = "vaccines" }), ledger.Invalid},
		{"description in clear", carrierOp, `{"id":"carrier.S-1","description":"vaccines"}`, ledger.Invalid},
		{"repeated role", carrierOp, `{"id":"carrier.S-1","parties":{"carrier":["CarrierMSP"],"carrier":["ShipperMSP"]}}`, ledger.Invalid},
	} {
		t.Run(tc.name, func(t *testing.T) {
			newWorld(t).refused(tc.code, tc.by, ledger.ShipmentCreate, tc.arg)
		})
	}
	w := newWorld(t)
	w.create(carrierOp, "carrier.S-1")
	w.refused(ledger.Exists, carrierOp, ledger.ShipmentCreate, createArgs("carrier.S-1"))
}

func TestOnlyPartiesSee(t *testing.T) {
	w := newWorld(t)
	for i := range 5 {
		w.create(carrierOp, fmt.Sprintf("carrier.S-%d", i))
	}
	a := createArgs("carrier.A-1")
	a.Parties[ledger.Auditor] = []string{auditor}
	must[ledger.Shipment](w, carrierOp, ledger.ShipmentCreate, ledger.EventShipment, a)

	list := func(by who, arg ledger.ListArgs) (ids []string, next string) {
		p := query[ledger.Page[ledger.Shipment]](w, by, ledger.ShipmentList, arg)
		for _, s := range p.Items {
			ids = append(ids, s.ID)
		}
		return ids, p.Bookmark
	}
	first, next := list(carrierOp, ledger.ListArgs{Limit: 4})
	rest, end := list(carrierOp, ledger.ListArgs{Limit: 4, Bookmark: next})
	if fmt.Sprint(first, rest) != "[carrier.A-1 carrier.S-0 carrier.S-1 carrier.S-2] [carrier.S-3 carrier.S-4]" || end != "" {
		t.Errorf("got %v %v %q", first, rest, end)
	}
	if ids, _ := list(auditorOp, ledger.ListArgs{}); fmt.Sprint(ids) != "[carrier.A-1]" {
		t.Errorf("auditor sees %v", ids)
	}
	// A bookmark of somebody else's listing opens nothing.
	w.refused(ledger.Invalid, auditorOp, ledger.ShipmentList, ledger.ListArgs{Bookmark: next})

	for _, fn := range []ledger.Function{ledger.ShipmentGet, ledger.ShipmentGetClose, ledger.ComplianceNow} {
		w.refused(ledger.NotFound, auditorOp, fn, ledger.IDArgs{ID: "carrier.S-1"})
		w.refused(ledger.NotFound, auditorOp, fn, ledger.IDArgs{ID: "absent"})
	}
	for _, fn := range []ledger.Function{ledger.ShipmentHandover, ledger.ShipmentSeals, ledger.ComplianceVerdicts, ledger.ComplianceList} {
		w.refused(ledger.NotFound, auditorOp, fn, ledger.ListArgs{ID: "carrier.S-1"})
		w.refused(ledger.Invalid, auditorOp, fn, ledger.ListArgs{})
	}
	w.refused(ledger.NotFound, auditorOp, ledger.ComplianceVerdict, ledger.OpinionArgs{ID: "carrier.S-1", By: carrier})
	// Reading needs no role, and neither does an organisation's own view of what it is party to.
	if s := query[ledger.Shipment](w, who{shipper, ""}, ledger.ShipmentGet, ledger.IDArgs{ID: "carrier.S-1"}); s.ID != "carrier.S-1" {
		t.Error("a party cannot read")
	}
	for _, fn := range []ledger.Function{ledger.ShipmentAccept, ledger.ShipmentDeliver} {
		w.refused(ledger.NotFound, auditorOp, fn, ledger.IDArgs{ID: "carrier.S-1"})
	}
}

func TestAssignWindows(t *testing.T) {
	w := newWorld(t)
	w.enrol(carrierOp, "carrier.T-1")
	w.enrol(carrierOp, "carrier.T-2")
	w.create(carrierOp, "carrier.S-1")
	w.create(carrierOp, "carrier.S-2")

	s := w.assign(carrierOp, "carrier.S-1", "carrier.T-1")
	if s.State != ledger.InTransit || len(s.Assignments) != 1 || !reflect.DeepEqual(s.Assignments[0], ledger.Assignment{Tracker: "carrier.T-1", FromMS: w.ms, AssignTx: s.Assignments[0].AssignTx, By: carrier}) {
		t.Fatalf("got %+v", s)
	}
	if tr := query[ledger.Tracker](w, carrierOp, ledger.TrackerGet, ledger.IDArgs{ID: "carrier.T-1"}); tr.Assigned != "carrier.S-1" {
		t.Fatalf("assigned %q", tr.Assigned)
	}
	w.refused(ledger.Conflict, carrierOp, ledger.ShipmentAssign, ledger.AssignArgs{Shipment: "carrier.S-2", Tracker: "carrier.T-1"})
	w.refused(ledger.Conflict, carrierOp, ledger.ShipmentAssign, ledger.AssignArgs{Shipment: "carrier.S-1", Tracker: "carrier.T-1"})
	w.assign(carrierOp, "carrier.S-1", "carrier.T-2")

	// It ends now; the next window may start there but not before.
	w.refused(ledger.NotFound, carrierOp, ledger.ShipmentUnassign, ledger.UnassignArgs{Shipment: "carrier.S-2", Tracker: "carrier.T-1"})
	w.ms += 60_000
	s = must[ledger.Shipment](w, carrierOp, ledger.ShipmentUnassign, ledger.EventShipment, ledger.UnassignArgs{Shipment: "carrier.S-1", Tracker: "carrier.T-1"})
	ended := w.ms
	if s.Assignments[0].ToMS != ended || s.Assignments[0].UnassignTx == "" || s.Assignments[0].Recorded() || s.Assignments[1].ToMS != 0 {
		t.Fatalf("got %+v, want the first ended now, %d", s.Assignments, ended)
	}
	w.refused(ledger.NotFound, carrierOp, ledger.ShipmentUnassign, ledger.UnassignArgs{Shipment: "carrier.S-1", Tracker: "carrier.T-1"})
	w.refused(ledger.Conflict, carrierOp, ledger.ShipmentAssign, ledger.AssignArgs{Shipment: "carrier.S-2", Tracker: "carrier.T-1", FromMS: ended - 1})
	w.refused(ledger.Invalid, carrierOp, ledger.ShipmentAssign, ledger.AssignArgs{Shipment: "carrier.S-2", Tracker: "carrier.T-1", FromMS: w.ms + 3_600_000})
	must[ledger.Shipment](w, carrierOp, ledger.ShipmentAssign, ledger.EventShipment, ledger.AssignArgs{Shipment: "carrier.S-2", Tracker: "carrier.T-1", FromMS: ended})
	must[ledger.Shipment](w, carrierOp, ledger.ShipmentUnassign, ledger.EventShipment, ledger.UnassignArgs{Shipment: "carrier.S-2", Tracker: "carrier.T-1"})
	// And back to the first shipment.
	s = w.assign(carrierOp, "carrier.S-1", "carrier.T-1")
	if len(s.Assignments) != 3 || s.OpenAssignment("carrier.T-1") != 2 {
		t.Fatalf("got %+v", s.Assignments)
	}
}

func TestWhoAssigns(t *testing.T) {
	w := newWorld(t)
	w.enrol(carrierOp, "carrier.T-c")
	w.enrol(shipperOp, "shipper.T-s")
	w.enrol(consigneeOp, "consignee.T-g")
	w.create(shipperOp, "shipper.S-1") // the shipper has custody
	arg := func(tracker string) ledger.AssignArgs {
		return ledger.AssignArgs{Shipment: "shipper.S-1", Tracker: tracker}
	}

	w.refused(ledger.Forbidden, carrierIn, ledger.ShipmentAssign, arg("carrier.T-c"))
	w.refused(ledger.NotFound, auditorOp, ledger.ShipmentAssign, arg("carrier.T-c"))
	w.refused(ledger.NotFound, carrierOp, ledger.ShipmentAssign, arg("carrier.T-x"))
	w.refused(ledger.NotFound, carrierOp, ledger.ShipmentAssign, ledger.AssignArgs{Shipment: "carrier.S-x", Tracker: "carrier.T-c"})
	// Nobody binds another organisation's device, though its owner is a party.
	w.refused(ledger.NotFound, carrierOp, ledger.ShipmentAssign, arg("shipper.T-s"))
	w.refused(ledger.NotFound, shipperOp, ledger.ShipmentAssign, arg("carrier.T-c"))
	// The consignee owns a device but has neither the goods nor the carriage.
	w.refused(ledger.Forbidden, consigneeOp, ledger.ShipmentAssign, arg("consignee.T-g"))
	w.assign(carrierOp, "shipper.S-1", "carrier.T-c")
	w.assign(shipperOp, "shipper.S-1", "shipper.T-s")

	// The shipper keeps the say over its own device after the handover; the consignee has none over others'.
	w.handOver(shipperOp, carrierOp, "shipper.S-1")
	w.refused(ledger.Forbidden, shipperOp, ledger.ShipmentUnassign, ledger.UnassignArgs{Shipment: "shipper.S-1", Tracker: "carrier.T-c"})
	w.refused(ledger.Forbidden, consigneeOp, ledger.ShipmentUnassign, ledger.UnassignArgs{Shipment: "shipper.S-1", Tracker: "shipper.T-s"})
	w.refused(ledger.Forbidden, shipperOp, ledger.ShipmentAssign, arg("shipper.T-s"))
	must[ledger.Shipment](w, shipperOp, ledger.ShipmentUnassign, ledger.EventShipment, ledger.UnassignArgs{Shipment: "shipper.S-1", Tracker: "shipper.T-s"})
	// A revoked tracker can be taken off.
	must[ledger.Tracker](w, carrierOp, ledger.TrackerRevoke, ledger.EventTracker, ledger.RevokeArgs{ID: "carrier.T-c", Cause: "broken"})
	must[ledger.Shipment](w, carrierOp, ledger.ShipmentUnassign, ledger.EventShipment, ledger.UnassignArgs{Shipment: "shipper.S-1", Tracker: "carrier.T-c"})
}

func TestAssignmentsAreBounded(t *testing.T) {
	w := newWorld(t)
	w.enrol(carrierOp, "carrier.T-1")
	s := w.create(carrierOp, "carrier.S-1")
	for range ledger.MaxAssignments - 1 {
		s.Assignments = append(s.Assignments, ledger.Assignment{Tracker: "carrier.T-1", FromMS: 1, ToMS: 2, By: carrier})
	}
	b, err := ledger.Encode(s)
	if err != nil {
		t.Fatal(err)
	}
	w.state[ledger.ShipmentKey("carrier.S-1")] = b
	w.assign(carrierOp, "carrier.S-1", "carrier.T-1")
	must[ledger.Shipment](w, carrierOp, ledger.ShipmentUnassign, ledger.EventShipment, ledger.UnassignArgs{Shipment: "carrier.S-1", Tracker: "carrier.T-1"})
	w.refused(ledger.BadState, carrierOp, ledger.ShipmentAssign, ledger.AssignArgs{Shipment: "carrier.S-1", Tracker: "carrier.T-1"})
}

func TestCustody(t *testing.T) {
	w := newWorld(t)
	w.create(shipperOp, "shipper.S-1")
	heads := []ledger.LogHead{head("a", 3), head("b", 9)}
	propose := ledger.ProposeArgs{ID: "shipper.S-1", To: carrier, Heads: heads, Details: hexHash("dock 4")}

	w.refused(ledger.BadState, carrierOp, ledger.ShipmentAccept, ledger.IDArgs{ID: "shipper.S-1"})
	w.refused(ledger.BadState, carrierOp, ledger.ShipmentReject, ledger.RejectArgs{ID: "shipper.S-1", Details: hexHash("x")})
	w.refused(ledger.Forbidden, carrierOp, ledger.ShipmentPropose, propose)
	w.refused(ledger.NotFound, auditorOp, ledger.ShipmentPropose, propose)
	w.refused(ledger.Invalid, shipperOp, ledger.ShipmentPropose, ledger.ProposeArgs{ID: "shipper.S-1", To: shipper})
	w.refused(ledger.Invalid, shipperOp, ledger.ShipmentPropose, ledger.ProposeArgs{ID: "shipper.S-1", To: auditor})
	w.refused(ledger.Invalid, shipperOp, ledger.ShipmentPropose, ledger.ProposeArgs{ID: "shipper.S-1", To: "EvilMSP"})
	w.refused(ledger.Invalid, shipperOp, ledger.ShipmentPropose, ledger.ProposeArgs{ID: "shipper.S-1", To: carrier, Heads: []ledger.LogHead{head("a", 1), head("a", 2)}})
	w.refused(ledger.Invalid, shipperOp, ledger.ShipmentPropose, ledger.ProposeArgs{ID: "shipper.S-1", To: carrier, Heads: []ledger.LogHead{{Log: "x"}}})

	s := must[ledger.Shipment](w, shipperOp, ledger.ShipmentPropose, ledger.EventShipment, propose)
	if s.Pending == nil || s.Pending.State != "proposed" || s.Pending.N != 0 || !slices.Equal(s.Pending.Heads, heads) || s.State != ledger.Created {
		t.Fatalf("got %+v", s)
	}
	w.refused(ledger.BadState, shipperOp, ledger.ShipmentPropose, propose)
	w.refused(ledger.Forbidden, shipperOp, ledger.ShipmentAccept, ledger.IDArgs{ID: "shipper.S-1"})
	w.refused(ledger.Forbidden, consigneeOp, ledger.ShipmentAccept, ledger.IDArgs{ID: "shipper.S-1"})
	w.refused(ledger.Forbidden, consigneeOp, ledger.ShipmentReject, ledger.RejectArgs{ID: "shipper.S-1", Details: hexHash("x")})
	w.refused(ledger.Invalid, carrierOp, ledger.ShipmentReject, ledger.RejectArgs{ID: "shipper.S-1"})
	w.refused(ledger.Invalid, carrierOp, ledger.ShipmentReject, ledger.RejectArgs{ID: "shipper.S-1", Details: "wet"})

	s = must[ledger.Shipment](w, carrierOp, ledger.ShipmentReject, ledger.EventShipment, ledger.RejectArgs{ID: "shipper.S-1", Details: hexHash("wet")})
	if s.Pending != nil || s.Custodian != shipper || s.Handovers != 1 || s.State != ledger.Created {
		t.Fatalf("got %+v", s)
	}
	must[ledger.Shipment](w, shipperOp, ledger.ShipmentPropose, ledger.EventShipment, propose)
	s = must[ledger.Shipment](w, carrierOp, ledger.ShipmentAccept, ledger.EventShipment, ledger.IDArgs{ID: "shipper.S-1"})
	if s.Pending != nil || s.Custodian != carrier || s.Handovers != 2 || s.State != ledger.InTransit {
		t.Fatalf("got %+v", s)
	}
	p := query[ledger.Page[ledger.Handover]](w, consigneeOp, ledger.ShipmentHandover, ledger.ListArgs{ID: "shipper.S-1"})
	if len(p.Items) != 2 || p.Items[0].State != "rejected" || p.Items[0].Details != hexHash("dock 4") || p.Items[0].AnswerDetails != hexHash("wet") || p.Items[1].State != "accepted" ||
		p.Items[1].N != 1 || p.Items[1].AnswerMS == 0 || p.Items[1].AnswerTx == "" || p.Items[1].From != shipper || p.Items[1].To != carrier {
		t.Fatalf("got %+v", p.Items)
	}
}

func TestDeliverAndClose(t *testing.T) {
	w := newWorld(t)
	deliver := ledger.IDArgs{ID: "carrier.S-1"}
	closing := ledger.IDArgs{ID: "carrier.S-1"}
	w.enrol(carrierOp, "carrier.T-1")
	w.enrol(carrierOp, "carrier.T-2")
	w.create(carrierOp, "carrier.S-1")
	w.refused(ledger.BadState, consigneeOp, ledger.ShipmentDeliver, deliver)
	w.assign(carrierOp, "carrier.S-1", "carrier.T-1")
	w.assign(carrierOp, "carrier.S-1", "carrier.T-2")
	must[ledger.Shipment](w, carrierOp, ledger.ShipmentUnassign, ledger.EventShipment, ledger.UnassignArgs{Shipment: "carrier.S-1", Tracker: "carrier.T-2"})

	w.refused(ledger.Forbidden, carrierOp, ledger.ShipmentDeliver, deliver)
	w.refused(ledger.BadState, consigneeOp, ledger.ShipmentDeliver, deliver) // has no custody
	must[ledger.Shipment](w, carrierOp, ledger.ShipmentPropose, ledger.EventShipment, ledger.ProposeArgs{ID: "carrier.S-1", To: consignee})
	w.refused(ledger.BadState, consigneeOp, ledger.ShipmentDeliver, deliver) // has not answered
	must[ledger.Shipment](w, consigneeOp, ledger.ShipmentAccept, ledger.EventShipment, ledger.IDArgs{ID: "carrier.S-1"})
	w.refused(ledger.BadState, carrierOp, ledger.ShipmentClose, closing)
	// The consignee offered the goods on and waits for the answer.
	must[ledger.Shipment](w, consigneeOp, ledger.ShipmentPropose, ledger.EventShipment, ledger.ProposeArgs{ID: "carrier.S-1", To: carrier})
	w.refused(ledger.BadState, consigneeOp, ledger.ShipmentDeliver, deliver)
	must[ledger.Shipment](w, carrierOp, ledger.ShipmentReject, ledger.EventShipment, ledger.RejectArgs{ID: "carrier.S-1", Details: hexHash("not ours")})
	s := must[ledger.Shipment](w, consigneeOp, ledger.ShipmentDeliver, ledger.EventShipment, deliver)
	if s.State != ledger.Delivered || s.DeliveredMS != w.ms || s.Custodian != consignee {
		t.Fatalf("got %+v", s)
	}
	w.refused(ledger.BadState, consigneeOp, ledger.ShipmentDeliver, deliver)
	w.refused(ledger.BadState, carrierOp, ledger.ShipmentAssign, ledger.AssignArgs{Shipment: "carrier.S-1", Tracker: "carrier.T-2"})
	w.refused(ledger.BadState, consigneeOp, ledger.ShipmentPropose, ledger.ProposeArgs{ID: "carrier.S-1", To: carrier})

	w.refused(ledger.NotFound, carrierOp, ledger.ShipmentGetClose, ledger.IDArgs{ID: "carrier.S-1"})
	w.refused(ledger.Forbidden, shipperOp, ledger.ShipmentClose, closing)
	w.refused(ledger.Forbidden, carrierIn, ledger.ShipmentClose, closing)
	w.refused(ledger.NotFound, auditorOp, ledger.ShipmentClose, closing)
	c := must[ledger.Close](w, carrierOp, ledger.ShipmentClose, ledger.EventClosed, closing)
	if c.By != carrier || c.TimeMS != w.ms || c.Heads == nil || c.Tx == "" {
		t.Fatalf("got %+v", c)
	}
	s = query[ledger.Shipment](w, shipperOp, ledger.ShipmentGet, ledger.IDArgs{ID: "carrier.S-1"})
	if s.State != ledger.Closed || s.ClosedMS != c.TimeMS || s.Assignments[0].ToMS != c.TimeMS || s.Assignments[1].ToMS == c.TimeMS {
		t.Fatalf("got %+v", s)
	}
	if tr := query[ledger.Tracker](w, carrierOp, ledger.TrackerGet, ledger.IDArgs{ID: "carrier.T-1"}); tr.Assigned != "" || tr.FreeFromMS != c.TimeMS {
		t.Fatalf("got %+v", tr)
	}
	w.refused(ledger.Exists, carrierOp, ledger.ShipmentClose, closing)
	w.refused(ledger.Exists, consigneeOp, ledger.ShipmentClose, ledger.IDArgs{ID: "carrier.S-1"})
	w.refused(ledger.BadState, carrierOp, ledger.ShipmentUnassign, ledger.UnassignArgs{Shipment: "carrier.S-1", Tracker: "carrier.T-1"})
	w.refused(ledger.BadState, carrierOp, ledger.ShipmentAssign, ledger.AssignArgs{Shipment: "carrier.S-1", Tracker: "carrier.T-1"})
	if got := query[ledger.Close](w, consigneeOp, ledger.ShipmentGetClose, ledger.IDArgs{ID: "carrier.S-1"}); got.Tx != c.Tx {
		t.Fatalf("got %+v", got)
	}
	// The tracker is free for the next shipment, from the close on.
	w.create(carrierOp, "carrier.S-2")
	w.refused(ledger.Conflict, carrierOp, ledger.ShipmentAssign, ledger.AssignArgs{Shipment: "carrier.S-2", Tracker: "carrier.T-1", FromMS: c.TimeMS - 1})
	w.assign(carrierOp, "carrier.S-2", "carrier.T-1")
}

func TestCloseByTheConsignee(t *testing.T) {
	w := newWorld(t)
	w.delivered("carrier.S-1", "carrier.T-1")
	c := must[ledger.Close](w, consigneeOp, ledger.ShipmentClose, ledger.EventClosed, ledger.IDArgs{ID: "carrier.S-1"})
	if c.Heads == nil || len(c.Heads) != 0 || c.By != consignee {
		t.Fatalf("got %+v", c)
	}
}

// Two carriers share a trip: each binds its own trackers, hands the goods to the other, and takes nothing from the other's trackers.
func TestTwoCarriersShareATrip(t *testing.T) {
	w := newWorld(t)
	first, second := carrierOp, auditorOp
	w.enrol(first, "carrier.T-1")
	w.enrol(second, "auditor.T-2")
	a := createArgs("shipper.S-1")
	a.Parties[ledger.Carrier] = []string{second.msp, first.msp}
	must[ledger.Shipment](w, shipperOp, ledger.ShipmentCreate, ledger.EventShipment, a)
	w.handOver(shipperOp, first, "shipper.S-1")

	w.assign(first, "shipper.S-1", "carrier.T-1")
	w.refused(ledger.NotFound, first, ledger.ShipmentAssign, ledger.AssignArgs{Shipment: "shipper.S-1", Tracker: "auditor.T-2"})
	w.assign(second, "shipper.S-1", "auditor.T-2") // before it holds the goods
	if s := w.handOver(first, second, "shipper.S-1"); s.Custodian != second.msp {
		t.Errorf("custodian %s, want %s", s.Custodian, second.msp)
	}
	must[ledger.Shipment](w, first, ledger.ShipmentUnassign, ledger.EventShipment, ledger.UnassignArgs{Shipment: "shipper.S-1", Tracker: "carrier.T-1"})
	w.refused(ledger.Forbidden, second, ledger.ShipmentDeliver, ledger.IDArgs{ID: "shipper.S-1"})
	w.handOver(second, consigneeOp, "shipper.S-1")
	must[ledger.Shipment](w, consigneeOp, ledger.ShipmentDeliver, ledger.EventShipment, ledger.IDArgs{ID: "shipper.S-1"})
	// Either carrier closes, also the one that gave the goods on long ago.
	must[ledger.Close](w, first, ledger.ShipmentClose, ledger.EventClosed, ledger.IDArgs{ID: "shipper.S-1"})
}
