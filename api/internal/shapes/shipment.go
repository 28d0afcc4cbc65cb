package shapes

import (
	"slices"

	"github.com/trackseal/trackseal/api/internal/members"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/internal/ledger"
)

// Shipment as the API shows it.
type Shipment struct {
	ID              string                  `json:"id"`
	State           string                  `json:"state" enum:"created,in_transit,delivered,closed"`
	Parties         Parties                 `json:"parties" doc:"Role to the members that hold it"`
	Custodian       string                  `json:"custodian" doc:"Organisation that holds the goods"`
	RuleSet         string                  `json:"rule_set"`
	RuleSetHash     string                  `json:"rule_set_hash"`
	Description     string                  `json:"description"`
	Origin          string                  `json:"origin"`
	Destination     string                  `json:"destination"`
	Lot             string                  `json:"lot" doc:"Whose stability budget it draws on"`
	Carried         []ledger.Spent          `json:"carried" doc:"What earlier shipments of the lot had spent, by rule and band"`
	CarriedFrom     []CarriedFrom           `json:"carried_from"`
	CreatedAt       rest.Instant            `json:"created_at"`
	DeliveredAt     rest.Null[rest.Instant] `json:"delivered_at"`
	ClosedAt        rest.Null[rest.Instant] `json:"closed_at"`
	Assignments     []Assignment            `json:"assignments"`
	PendingHandover rest.Null[Handover]     `json:"pending_handover"`
	Verdict         string                  `json:"verdict" enum:"compliant,non_compliant,inconclusive,none" doc:"Newest on the ledger"`
	Last            rest.Null[LastReading]  `json:"last" doc:"Newest value of each quantity"`
	Messages        uint64                  `json:"messages" doc:"Logged so far"`
	Unknown         []string                `json:"unknown,omitempty" doc:"Members that could not be asked for just now and say nothing: verdict, last, messages" example:"last"`
	Tx              string                  `json:"tx" doc:"Transaction that answered, or that created it"`
}

// CarriedFrom names the verdict whose budget was carried over.
type CarriedFrom struct {
	Shipment string `json:"shipment"`
	Revision int    `json:"revision"`
}

// LastReading is the newest that is known of a shipment.
type LastReading struct {
	Time   rest.Instant       `json:"time"`
	Values map[string]float64 `json:"values" doc:"Newest value of each quantity that was ever reported"`
}

// Assignment of a tracker.
type Assignment struct {
	Tracker string                  `json:"tracker"`
	From    rest.Instant            `json:"from"`
	To      rest.Null[rest.Instant] `json:"to"`
	By      string                  `json:"by"`
}

// Handover of custody.
type Handover struct {
	N          int                        `json:"n"`
	From       string                     `json:"from"`
	To         string                     `json:"to"`
	State      string                     `json:"state" enum:"proposed,accepted,rejected,withdrawn"`
	Note       string                     `json:"note"`
	Reason     string                     `json:"reason"`
	ProposedAt rest.Instant               `json:"proposed_at"`
	AnsweredAt rest.Null[rest.Instant]    `json:"answered_at"`
	Heads      []ledger.LogHead           `json:"heads" doc:"Logs as they were when the handover was proposed"`
	ProposeTx  string                     `json:"propose_tx"`
	AnswerTx   string                     `json:"answer_tx"`
	AtProposal rest.Null[ComplianceState] `json:"at_proposal" doc:"What the ledger held about the goods at that moment"`
	AtAnswer   rest.Null[ComplianceState] `json:"at_answer"`
}

func ShowHandover(names *members.Directory, h ledger.Handover) Handover {
	v := Handover{N: h.N, From: names.Name(h.From), To: names.Name(h.To), State: h.State, Note: h.Note, Reason: h.Reason, ProposedAt: rest.Instant(h.ProposeMS),
		AnsweredAt: rest.InstantOrNull(h.AnswerMS), Heads: h.Heads, ProposeTx: h.ProposeTx, AnswerTx: h.AnswerTx,
		AtProposal: ShowComplianceState(h.AtProposal), AtAnswer: ShowComplianceState(h.AtAnswer)}
	if v.Heads == nil {
		v.Heads = []ledger.LogHead{}
	}
	return v
}

// ShowShipment is what the ledger alone knows.
func ShowShipment(names *members.Directory, r ledger.Shipment, tx string) Shipment {
	if tx == "" {
		tx = r.CreateTx
	}
	v := Shipment{ID: r.ID, State: r.State, Parties: showParties(names, r.Parties), Custodian: names.Name(r.Custodian), RuleSet: r.RuleSet,
		RuleSetHash: r.RuleSetHash, Description: r.Description, Origin: r.Origin, Destination: r.Destination, CreatedAt: rest.Instant(r.CreatedMS),
		DeliveredAt: rest.InstantOrNull(r.DeliveredMS), ClosedAt: rest.InstantOrNull(r.ClosedMS), Assignments: []Assignment{}, Verdict: "none", Tx: tx,
		Lot: r.Lot, Carried: r.Carried, CarriedFrom: []CarriedFrom{}}
	if v.Carried == nil {
		v.Carried = []ledger.Spent{}
	}
	for _, c := range r.CarriedFrom {
		v.CarriedFrom = append(v.CarriedFrom, CarriedFrom(c))
	}
	for _, a := range r.Assignments {
		v.Assignments = append(v.Assignments, Assignment{Tracker: a.Tracker, From: rest.Instant(a.FromMS), To: rest.InstantOrNull(a.ToMS), By: names.Name(a.By)})
	}
	if r.Pending != nil {
		v.PendingHandover = rest.Some(ShowHandover(names, *r.Pending))
	}
	return v
}

// Parties maps a role to the names of the members that hold it.
type Parties = map[string][]string

func showParties(names *members.Directory, p ledger.Parties) Parties {
	v := make(Parties, len(p))
	for role, msps := range p {
		for _, msp := range msps {
			v[role] = append(v[role], names.Name(msp))
		}
		slices.Sort(v[role])
	}
	return v
}
