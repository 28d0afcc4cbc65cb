package ledger

import "slices"

// Leg is the time during which one organisation answered for the goods, [FromMS, ToMS); ToMS 0 = it still does.
type Leg struct {
	Custodian string // MSP id
	FromMS    int64
	ToMS      int64
}

// Legs tells who held the goods when, from a shipment and all its handover records in any order. Custody changes when a
// handover is accepted; what is proposed, rejected or withdrawn changes nothing. The first leg begins with the creation, or
// with the first assignment where that lies before it (a recorded trip); the last ends with the delivery.
func Legs(s Shipment, handovers []Handover) []Leg {
	taken := slices.DeleteFunc(slices.Clone(handovers), func(h Handover) bool { return h.State != Accepted })
	slices.SortFunc(taken, func(a, b Handover) int { return a.N - b.N })

	from := s.CreatedMS
	for _, a := range s.Assignments {
		from = min(from, a.FromMS)
	}
	holder := s.Custodian
	if len(taken) > 0 {
		holder = taken[0].From
	}
	legs := []Leg{{Custodian: holder, FromMS: from}}
	for _, h := range taken {
		legs[len(legs)-1].ToMS = h.AnswerMS
		legs = append(legs, Leg{Custodian: h.To, FromMS: h.AnswerMS})
	}
	legs[len(legs)-1].ToMS = s.DeliveredMS
	return legs
}
