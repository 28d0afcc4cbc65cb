package journey

import (
	"reflect"
	"testing"

	"github.com/trackseal/trackseal/internal/ledger"
)

// TestAt: a record as it was after each of its transactions.
func TestAt(t *testing.T) {
	accepted := []ledger.Handover{{N: 1, From: "B", To: "C", State: ledger.Accepted, AnswerMS: 60}, {N: 0, From: "A", To: "B", State: ledger.Accepted, AnswerMS: 30}}
	now := ledger.Shipment{Creator: "A", Custodian: "C", CreatedMS: 10, DeliveredMS: 70, StatedDeliveryMS: 65, ClosedMS: 90, LastMS: 90, Assignments: []ledger.Assignment{
		{Tracker: "t1", FromMS: 20, ToMS: 50, UnassignTx: "u1"}, {Tracker: "t2", FromMS: 15, ToMS: 90, UnassignTx: "close"}, // the second one is dated back
	}}
	for _, tc := range []struct {
		at        State
		custodian string
		handovers int
		delivered int64
		ends      []int64
	}{
		{State{10, 0}, "A", 0, 0, nil},
		{State{20, 1}, "A", 0, 0, []int64{0}},
		{State{30, 1}, "B", 1, 0, []int64{0}},
		{State{40, 2}, "B", 1, 0, []int64{0, 0}},
		{State{50, 2}, "B", 1, 0, []int64{50, 0}},
		{State{60, 2}, "C", 2, 0, []int64{50, 0}},
		{State{70, 2}, "C", 2, 70, []int64{50, 0}},
		{State{90, 2}, "C", 2, 70, []int64{50, 90}},
		{State{20, 9}, "A", 0, 0, []int64{0, 0}},
		{State{20, -1}, "A", 0, 0, nil},
	} {
		was, handovers := At(now, accepted, tc.at)
		var ends []int64
		for _, a := range was.Assignments {
			ends = append(ends, a.ToMS)
		}
		if was.Custodian != tc.custodian || len(handovers) != tc.handovers || was.DeliveredMS != tc.delivered || !reflect.DeepEqual(ends, tc.ends) {
			t.Errorf("%+v: custodian %s, %d handovers, delivered %d, windows end %v; want %s, %d, %d, %v", tc.at, was.Custodian, len(handovers), was.DeliveredMS, ends, tc.custodian, tc.handovers, tc.delivered, tc.ends)
		}
	}
	if now.Assignments[1].ToMS != 90 || now.Custodian != "C" || accepted[0].N != 1 {
		t.Error("the record itself was changed")
	}
	if StateOf(now) != (State{90, 2}) {
		t.Errorf("state %+v", StateOf(now))
	}
}
