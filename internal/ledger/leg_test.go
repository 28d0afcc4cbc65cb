package ledger

import (
	"slices"
	"testing"
)

func TestLegs(t *testing.T) {
	accepted := func(n int, from, to string, ms int64) Handover {
		return Handover{N: n, From: from, To: to, State: Accepted, AnswerMS: ms}
	}
	ended := func(n int, state string, ms int64) Handover {
		return Handover{N: n, From: "A", To: "X", State: state, AnswerMS: ms}
	}
	for _, tc := range []struct {
		name      string
		s         Shipment
		handovers []Handover
		want      []Leg
	}{
		{"no handover", Shipment{Custodian: "A", CreatedMS: 10}, nil, []Leg{{"A", 10, 0}}},
		{"pending", Shipment{Custodian: "A", CreatedMS: 10, Pending: &Handover{From: "A", To: "B", State: Proposed}}, nil, []Leg{{"A", 10, 0}}},
		{"rejected and withdrawn", Shipment{Custodian: "A", CreatedMS: 10}, []Handover{ended(0, Rejected, 20), ended(1, Withdrawn, 30)}, []Leg{{"A", 10, 0}}},
		{"accepted", Shipment{Custodian: "B", CreatedMS: 10}, []Handover{accepted(0, "A", "B", 20)}, []Leg{{"A", 10, 20}, {"B", 20, 0}}},
		{"there and back, in any order", Shipment{Custodian: "A", CreatedMS: 10},
			[]Handover{accepted(3, "B", "A", 40), ended(1, Rejected, 25), accepted(0, "A", "B", 20)}, []Leg{{"A", 10, 20}, {"B", 20, 40}, {"A", 40, 0}}},
		{"delivered", Shipment{Custodian: "B", CreatedMS: 10, State: Delivered, DeliveredMS: 50}, []Handover{accepted(0, "A", "B", 20)}, []Leg{{"A", 10, 20}, {"B", 20, 50}}},
		{"closed", Shipment{Custodian: "B", CreatedMS: 10, State: Closed, DeliveredMS: 50, ClosedMS: 90}, []Handover{accepted(0, "A", "B", 20)}, []Leg{{"A", 10, 20}, {"B", 20, 50}}},
		{"recorded trip", Shipment{Custodian: "A", CreatedMS: 10, Assignments: []Assignment{{FromMS: 7}, {FromMS: 3}}}, nil, []Leg{{"A", 3, 0}}},
		{"assigned later", Shipment{Custodian: "A", CreatedMS: 10, Assignments: []Assignment{{FromMS: 12}}}, nil, []Leg{{"A", 10, 0}}},
	} {
		before := slices.Clone(tc.handovers)
		if got := Legs(tc.s, tc.handovers); !slices.Equal(got, tc.want) {
			t.Errorf("%s: got %v, want %v", tc.name, got, tc.want)
		}
		for i := range before {
			if before[i].N != tc.handovers[i].N {
				t.Errorf("%s: changed its argument", tc.name)
			}
		}
	}
}
