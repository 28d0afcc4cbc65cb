package ledger

import (
	"maps"
	"slices"
)

// Roles of a shipment's parties. An organisation may hold several, and a role several organisations.
const (
	Carrier   = "carrier"
	Shipper   = "shipper"
	Consignee = "consignee"
	Auditor   = "auditor"
)

// Roles in the order in which code walks them: never walk Parties itself where the order could show.
var Roles = []string{Carrier, Shipper, Consignee, Auditor}

// MaxPartiesOfRole bounds how many organisations hold one role of a shipment.
const MaxPartiesOfRole = 8

// Parties maps a role to the MSP ids of the organisations that hold it, sorted and each once.
type Parties map[string][]string

// Has reports whether the organisation with this MSP id holds the role.
func (p Parties) Has(role, msp string) bool { return slices.Contains(p[role], msp) }

// MSPs are the MSP ids of all that hold a role, sorted and each once.
func (p Parties) MSPs() []string {
	var all []string
	for _, role := range Roles {
		all = append(all, p[role]...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Equal reports whether both name the same organisations in the same roles.
func (p Parties) Equal(q Parties) bool { return maps.EqualFunc(p, q, slices.Equal) }

// validate checks the shape. Who is a member the contract looks up.
func (p Parties) validate() error {
	known := 0
	for _, role := range Roles {
		msps, ok := p[role]
		if !ok {
			continue
		}
		known++
		if len(msps) < 1 || len(msps) > MaxPartiesOfRole {
			return invalid("parties.%s must name 1 to %d organisations, not %d", role, MaxPartiesOfRole, len(msps))
		}
		for i, msp := range msps {
			if err := checkID("parties."+role, msp); err != nil {
				return err
			}
			if i > 0 && msp <= msps[i-1] {
				return invalid("parties.%s must be sorted, each MSP id once", role)
			}
		}
	}
	switch {
	case known != len(p):
		return invalid("parties: the roles are carrier, shipper, consignee, auditor")
	case len(p[Carrier]) == 0 || len(p[Consignee]) == 0:
		// Without them nobody could assign trackers or take delivery.
		return invalid("parties must name a carrier and a consignee")
	}
	return nil
}

// Has reports whether the organisation with this MSP id holds the role in the shipment.
func (s *Shipment) Has(role, msp string) bool { return s.Parties.Has(role, msp) }

// IsParty reports whether the organisation with this MSP id takes part in the shipment in any role.
func (s *Shipment) IsParty(msp string) bool { return slices.Contains(s.Parties.MSPs(), msp) }

// Handles reports whether the organisation with this MSP id looks after the goods: it is a carrier, or holds them.
func (s *Shipment) Handles(msp string) bool { return s.Has(Carrier, msp) || msp == s.Custodian }

// Declined is a member that was named as a party and said that it is none.
type Declined struct {
	Member string   `json:"member"` // MSP id
	Roles  []string `json:"roles"`  // that it was named in, in the order of Roles
	TimeMS int64    `json:"time_ms"`
	Tx     string   `json:"tx"`
}

// HasDeclined reports whether the organisation with this MSP id was named in the shipment and declined.
func (s *Shipment) HasDeclined(msp string) bool {
	return slices.ContainsFunc(s.Declined, func(d Declined) bool { return d.Member == msp })
}

// RolesOf are the roles that an organisation holds, in the order of Roles.
func (p Parties) RolesOf(msp string) []string {
	return slices.DeleteFunc(slices.Clone(Roles), func(role string) bool { return !p.Has(role, msp) })
}

// Without are the parties that remain without one: a role that nobody holds any more is gone.
func (p Parties) Without(msp string) Parties {
	rest := Parties{}
	for role, msps := range p {
		if others := slices.DeleteFunc(slices.Clone(msps), func(m string) bool { return m == msp }); len(others) > 0 {
			rest[role] = others
		}
	}
	return rest
}

// OpenAssignment returns the index of the tracker's open assignment to this shipment, or -1.
func (s *Shipment) OpenAssignment(tracker string) int {
	for i := range s.Assignments {
		if s.Assignments[i].Tracker == tracker && s.Assignments[i].ToMS == 0 {
			return i
		}
	}
	return -1
}

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
