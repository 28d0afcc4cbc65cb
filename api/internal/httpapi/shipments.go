package httpapi

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"slices"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/members"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/internal/ledger"
)

// Shipment as the API shows it.
type Shipment struct {
	ID              string            `json:"id"`
	State           string            `json:"state" enum:"created,in_transit,delivered,closed"`
	Parties         Parties           `json:"parties" doc:"Role to the members that hold it"`
	Custodian       string            `json:"custodian" doc:"Organisation that holds the goods"`
	RuleSet         string            `json:"rule_set"`
	RuleSetHash     string            `json:"rule_set_hash"`
	Description     string            `json:"description"`
	Origin          string            `json:"origin"`
	Destination     string            `json:"destination"`
	Lot             string            `json:"lot" doc:"Whose stability budget it draws on"`
	Carried         []ledger.Spent    `json:"carried" doc:"What earlier shipments of the lot had spent, by rule and band"`
	CarriedFrom     []CarriedFrom     `json:"carried_from"`
	CreatedAt       Instant           `json:"created_at"`
	DeliveredAt     Null[Instant]     `json:"delivered_at"`
	ClosedAt        Null[Instant]     `json:"closed_at"`
	Assignments     []Assignment      `json:"assignments"`
	PendingHandover Null[Handover]    `json:"pending_handover"`
	Verdict         string            `json:"verdict" enum:"compliant,non_compliant,inconclusive,none" doc:"Newest on the ledger"`
	Last            Null[LastReading] `json:"last" doc:"Newest value of each quantity"`
	Messages        uint64            `json:"messages" doc:"Logged so far"`
	Unknown         []string          `json:"unknown,omitempty" doc:"Members that could not be asked for just now and say nothing: verdict, last, messages" example:"last"`
	Tx              string            `json:"tx" doc:"Transaction that answered, or that created it"`
}

// CarriedFrom names the verdict whose budget was carried over.
type CarriedFrom struct {
	Shipment string `json:"shipment"`
	Revision int    `json:"revision"`
}

// LastReading is the newest that is known of a shipment.
type LastReading struct {
	Time   Instant            `json:"time"`
	Values map[string]float64 `json:"values" doc:"Newest value of each quantity that was ever reported"`
}

// Assignment of a tracker.
type Assignment struct {
	Tracker string        `json:"tracker"`
	From    Instant       `json:"from"`
	To      Null[Instant] `json:"to"`
	By      string        `json:"by"`
}

// Handover of custody.
type Handover struct {
	N          int                   `json:"n"`
	From       string                `json:"from"`
	To         string                `json:"to"`
	State      string                `json:"state" enum:"proposed,accepted,rejected,withdrawn"`
	Note       string                `json:"note"`
	Reason     string                `json:"reason"`
	ProposedAt Instant               `json:"proposed_at"`
	AnsweredAt Null[Instant]         `json:"answered_at"`
	Heads      []ledger.LogHead      `json:"heads" doc:"Logs as they were when the handover was proposed"`
	ProposeTx  string                `json:"propose_tx"`
	AnswerTx   string                `json:"answer_tx"`
	AtProposal Null[ComplianceState] `json:"at_proposal" doc:"What the ledger held about the goods at that moment"`
	AtAnswer   Null[ComplianceState] `json:"at_answer"`
}

func showHandover(names *members.Directory, h ledger.Handover) Handover {
	v := Handover{N: h.N, From: names.Name(h.From), To: names.Name(h.To), State: h.State, Note: h.Note, Reason: h.Reason, ProposedAt: Instant(h.ProposeMS),
		AnsweredAt: rest.InstantOrNull(h.AnswerMS), Heads: h.Heads, ProposeTx: h.ProposeTx, AnswerTx: h.AnswerTx,
		AtProposal: showComplianceState(h.AtProposal), AtAnswer: showComplianceState(h.AtAnswer)}
	if v.Heads == nil {
		v.Heads = []ledger.LogHead{}
	}
	return v
}

// showShipment is what the ledger alone knows.
func showShipment(names *members.Directory, r ledger.Shipment, tx string) Shipment {
	if tx == "" {
		tx = r.CreateTx
	}
	v := Shipment{ID: r.ID, State: r.State, Parties: showParties(names, r.Parties), Custodian: names.Name(r.Custodian), RuleSet: r.RuleSet,
		RuleSetHash: r.RuleSetHash, Description: r.Description, Origin: r.Origin, Destination: r.Destination, CreatedAt: Instant(r.CreatedMS),
		DeliveredAt: rest.InstantOrNull(r.DeliveredMS), ClosedAt: rest.InstantOrNull(r.ClosedMS), Assignments: []Assignment{}, Verdict: "none", Tx: tx,
		Lot: r.Lot, Carried: r.Carried, CarriedFrom: []CarriedFrom{}}
	if v.Carried == nil {
		v.Carried = []ledger.Spent{}
	}
	for _, c := range r.CarriedFrom {
		v.CarriedFrom = append(v.CarriedFrom, CarriedFrom(c))
	}
	for _, a := range r.Assignments {
		v.Assignments = append(v.Assignments, Assignment{Tracker: a.Tracker, From: Instant(a.FromMS), To: rest.InstantOrNull(a.ToMS), By: names.Name(a.By)})
	}
	if r.Pending != nil {
		v.PendingHandover = rest.Some(showHandover(names, *r.Pending))
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

// parties reads what a body names, in the ledger's form.
func (s *Server) parties(ctx context.Context, named Parties) (ledger.Parties, error) {
	p := make(ledger.Parties, len(named))
	for _, role := range slices.Sorted(maps.Keys(named)) {
		if !slices.Contains(ledger.Roles, role) {
			return nil, rest.InvalidField("body.parties."+role, "is not a role; the roles are carrier, shipper, consignee and auditor")
		}
		if n := len(named[role]); n < 1 || n > ledger.MaxPartiesOfRole {
			return nil, rest.InvalidField("body.parties."+role, "must name 1 to 8 members")
		}
		for _, name := range named[role] {
			msp, err := s.member(ctx, "parties."+role, name)
			if err != nil {
				return nil, err
			}
			p[role] = append(p[role], msp)
		}
		slices.Sort(p[role])
		if len(slices.Compact(slices.Clone(p[role]))) != len(p[role]) {
			return nil, rest.InvalidField("body.parties."+role, "names a member twice")
		}
	}
	return p, nil
}

type createBody struct {
	ID          string   `json:"id" pattern:"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$" patternDescription:"1 to 64 of A-Z a-z 0-9 . _ - that begin with a letter or digit"`
	Parties     Parties  `json:"parties" minProperties:"1" maxProperties:"4" doc:"Role (carrier, shipper, consignee, auditor) to the names of the members that hold it, 1 to 8; a carrier and a consignee must be there"`
	Custodian   string   `json:"custodian,omitempty" doc:"Organisation that holds the goods now; the caller's when absent"`
	RuleSet     string   `json:"rule_set" maxLength:"128" doc:"id@version, see /v1/rule-sets" example:"general-2-8@1"`
	Description string   `json:"description,omitempty" maxLength:"256"`
	Origin      string   `json:"origin,omitempty" maxLength:"128"`
	Destination string   `json:"destination,omitempty" maxLength:"128"`
	Lot         string   `json:"lot,omitempty" maxLength:"128" doc:"Traceability lot code; shipments of one lot share a stability budget"`
	CarriedFrom []string `json:"carried_from,omitempty" maxItems:"16" doc:"Delivered shipments of the lot whose spent budget this one goes on with"`
}

func (s *Server) shipmentRoutes() {
	const tag = "Shipments"
	rest.Add(s.api, rest.Operation{Method: http.MethodPost, Path: "/v1/shipments", ID: "create-shipment", Tag: tag, Scope: access.ShipmentsWrite, Status: http.StatusCreated, Write: true,
		Summary: "Create a shipment",
		Example: rest.Object{"id": "SHIP-2026-0042", "rule_set": "general-2-8@1", "description": "vaccines, 2 pallets", "origin": "Rotterdam", "destination": "Vienna",
			"parties": rest.Object{ledger.Carrier: []string{"coldroad", "northferry"}, ledger.Shipper: []string{"vaxcorp"}, ledger.Consignee: []string{"city-hospital"}}}}, s.createShipment)
	rest.Add(s.api, rest.Operation{Method: http.MethodGet, Path: "/v1/shipments", ID: "list-shipments", Tag: tag, Scope: access.ShipmentsRead,
		Summary: "List the organisation's shipments", Errors: []int{http.StatusBadRequest}}, s.listShipments)
	rest.Add(s.api, rest.Operation{Method: http.MethodGet, Path: "/v1/shipments/{id}", ID: "get-shipment", Tag: tag, Scope: access.ShipmentsRead,
		Summary: "Get a shipment", Errors: []int{http.StatusNotModified, http.StatusNotFound}}, s.getShipment)
	rest.Add(s.api, rest.Operation{Method: http.MethodPost, Path: "/v1/shipments/{id}/deliver", ID: "deliver-shipment", Tag: tag, Scope: access.ShipmentsWrite, Write: true,
		Summary: "Declare the shipment delivered, as the consignee that holds it", Errors: []int{http.StatusNotFound}}, s.deliver)
}

type createInput struct {
	Idempotent
	Body createBody
}

func (s *Server) createShipment(ctx context.Context, in *createInput) (*answer[Shipment], error) {
	b := in.Body
	rules, err := s.rules.find(ctx, b.RuleSet)
	if rest.IsNotFound(err) {
		return nil, rest.InvalidField("body.rule_set", "no such rule set; /v1/rule-sets lists them")
	}
	if err != nil {
		return nil, err
	}
	parties, err := s.parties(ctx, b.Parties)
	if err != nil {
		return nil, err
	}
	args := ledger.CreateArgs{ID: b.ID, Parties: parties, RuleSet: b.RuleSet, RuleSetHash: rules.Hash,
		Description: b.Description, Origin: b.Origin, Destination: b.Destination, Lot: b.Lot, CarriedFrom: b.CarriedFrom}
	if b.Custodian != "" {
		if args.Custodian, err = s.member(ctx, "custodian", b.Custodian); err != nil {
			return nil, err
		}
	}
	r, sent, err := ledger.ShipmentCreate.Do(ctx, s.Ledger, args)
	tx := sent.TxID
	if rest.WriteOf(ctx).Again && ledger.CodeOf(err) == ledger.Exists {
		if was, gerr := s.shipment(ctx, b.ID); gerr == nil && createdAs(was, args, s.MSP) {
			r, tx, err = was, was.CreateTx, nil
		}
	}
	if err != nil {
		return nil, err
	}
	return &answer[Shipment]{Body: showShipment(s.Members, r, tx)}, nil
}

func createdAs(r ledger.Shipment, a ledger.CreateArgs, msp string) bool {
	return r.Creator == msp && r.Parties.Equal(a.Parties) && r.RuleSet == a.RuleSet && r.RuleSetHash == a.RuleSetHash &&
		r.Description == a.Description && r.Origin == a.Origin && r.Destination == a.Destination && r.Lot == a.Lot &&
		slices.EqualFunc(r.CarriedFrom, a.CarriedFrom, func(c ledger.CarriedFrom, id string) bool { return c.Shipment == id })
}

type listShipmentsInput struct {
	Paging
	State string `query:"state" enum:"created,in_transit,delivered,closed" doc:"Only shipments in this state"`
}

func (s *Server) listShipments(ctx context.Context, in *listShipmentsInput) (*answer[List[Shipment]], error) {
	route := "shipments/" + in.State
	var at bookmark
	if err := s.cursors.Open(route, in.Cursor, &at); err != nil {
		return nil, err
	}
	rs, next, err := filtered(ctx, s.Ledger, ledger.ShipmentList, at.B, in.Limit, func(r *ledger.Shipment) bool {
		return r.IsParty(s.MSP) && (in.State == "" || r.State == in.State)
	})
	if err != nil {
		return nil, err
	}
	out := List[Shipment]{Items: make([]Shipment, len(rs))}
	for i, r := range rs {
		out.Items[i] = showShipment(s.Members, r, "")
	}
	s.enrich(ctx, rs, out.Items)
	if next != "" {
		out.Next = s.cursors.Seal(route, bookmark{next})
	}
	return &answer[List[Shipment]]{Body: out}, nil
}

type getShipmentInput struct {
	ShipmentPath
	IfNoneMatch string `header:"If-None-Match" maxLength:"1024" doc:"An ETag that you have: 304 when it is still right"`
}

type shipmentOutput struct {
	ETag string `header:"ETag" doc:"Hash of the answer"`
	Body Shipment
}

func (s *Server) getShipment(ctx context.Context, in *getShipmentInput) (*shipmentOutput, error) {
	r, err := s.shipment(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	v := []Shipment{showShipment(s.Members, r, "")}
	s.enrich(ctx, []ledger.Shipment{r}, v)
	body, err := json.Marshal(v[0])
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(body)
	tag := `"` + base64.RawURLEncoding.EncodeToString(sum[:18]) + `"`
	if err := rest.NotModified(in.IfNoneMatch, tag); err != nil {
		return nil, err
	}
	return &shipmentOutput{ETag: tag, Body: v[0]}, nil
}

func (s *Server) deliver(ctx context.Context, in *struct {
	ShipmentPath
	Idempotent
}) (*answer[Shipment], error) {
	return changeShipment(ctx, s, in.ID, ledger.ShipmentDeliver, ledger.IDArgs{ID: in.ID}, func(r ledger.Shipment) bool {
		return r.DeliveredMS != 0 && r.Custodian == s.MSP
	})
}

// changeShipment submits unless an earlier attempt of the same request has done it already.
func changeShipment[A ledger.Argument](ctx context.Context, s *Server, id string, fn ledger.Change[A, ledger.Shipment], args A, done func(ledger.Shipment) bool) (*answer[Shipment], error) {
	r, err := s.shipment(ctx, id)
	if err != nil {
		return nil, err
	}
	var sent ledger.Result
	if !(rest.WriteOf(ctx).Again && done(r)) {
		if r, sent, err = fn.Do(ctx, s.Ledger, args); err != nil {
			return nil, err
		}
	}
	v := []Shipment{showShipment(s.Members, r, sent.TxID)}
	s.enrich(ctx, []ledger.Shipment{r}, v)
	return &answer[Shipment]{Body: v[0]}, nil
}
