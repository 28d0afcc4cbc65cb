// Package shipments answers the routes of shipments, of the trackers bound to them, and of their end.
package shipments

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/ingestclient"
	"github.com/trackseal/trackseal/api/internal/judging"
	"github.com/trackseal/trackseal/api/internal/problem"
	"github.com/trackseal/trackseal/api/internal/records"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/api/internal/shapes"
	"github.com/trackseal/trackseal/api/internal/shipmentview"
	"github.com/trackseal/trackseal/internal/ledger"
)

// Resource is made of these parts.
type Resource struct {
	*records.Records
	View    *shipmentview.View
	Rules   *judging.Rules
	Ingest  ingestclient.Instances
	Cursors rest.Cursors
}

// Register adds the routes.
func (s *Resource) Register(api *rest.API) {
	const tag = "Shipments"
	rest.Add(api, rest.Operation{Method: http.MethodPost, Path: "/v1/shipments", ID: "create-shipment", Tag: tag, Scope: access.ShipmentsWrite, Status: http.StatusCreated, Write: true,
		Summary: "Create a shipment",
		Example: rest.Object{"id": "SHIP-2026-0042", "rule_set": "general-2-8@1", "description": "vaccines", "quantity": "2", "unit": "pallets", "origin": "Rotterdam", "destination": "Vienna",
			"parties": rest.Object{ledger.Carrier: []string{"coldroad", "northferry"}, ledger.Shipper: []string{"vaxcorp"}, ledger.Consignee: []string{"city-hospital"}}}}, s.createShipment)
	rest.Add(api, rest.Operation{Method: http.MethodGet, Path: "/v1/shipments", ID: "list-shipments", Tag: tag, Scope: access.ShipmentsRead,
		Summary: "List the organisation's shipments", Errors: []int{http.StatusBadRequest}}, s.listShipments)
	rest.Add(api, rest.Operation{Method: http.MethodGet, Path: "/v1/shipments/{id}", ID: "get-shipment", Tag: tag, Scope: access.ShipmentsRead,
		Summary: "Get a shipment", Errors: []int{http.StatusNotModified, http.StatusNotFound}}, s.getShipment)
	rest.Add(api, rest.Operation{Method: http.MethodPost, Path: "/v1/shipments/{id}/deliver", ID: "deliver-shipment", Tag: tag, Scope: access.ShipmentsWrite, Write: true,
		Summary: "Declare the shipment delivered, as the consignee that holds it", Errors: []int{http.StatusNotFound}, Example: rest.Object{"stated_at": "2026-11-22T10:00:00.000Z"}}, s.deliver)
	rest.Add(api, rest.Operation{Method: http.MethodPost, Path: "/v1/shipments/{id}/decline", ID: "decline-shipment", Tag: tag, Scope: access.ShipmentsWrite, Write: true,
		Summary: "Decline to be a party of the shipment", Errors: []int{http.StatusNotFound},
		About: "For a party that another named and that has not acted: it did not create the shipment, bound no tracker, and never had the goods. " +
			"From then on the shipment does not exist for it; the others see that it declined."}, s.decline)
	rest.Add(api, rest.Operation{Method: http.MethodPost, Path: "/v1/shipments/{id}/assignments", ID: "assign-tracker", Tag: tag, Scope: access.ShipmentsWrite, Status: http.StatusCreated, Write: true,
		Summary: "Bind a tracker to the shipment", Errors: []int{http.StatusNotFound},
		Example: rest.Object{"tracker": "carrier.LOGGER-17"}}, s.assign)
	rest.Add(api, rest.Operation{Method: http.MethodDelete, Path: "/v1/shipments/{id}/assignments/{tracker}", ID: "unassign-tracker", Tag: tag, Scope: access.ShipmentsWrite, Write: true,
		Summary: "End the tracker's open assignment now", Errors: []int{http.StatusNotFound}}, s.unassign)
	s.closeRoutes(api)
}

// parties reads what a body names, in the ledger's form.
func (s *Resource) parties(ctx context.Context, named shapes.Parties) (ledger.Parties, error) {
	p := make(ledger.Parties, len(named))
	for _, role := range slices.Sorted(maps.Keys(named)) {
		if !slices.Contains(ledger.Roles, role) {
			return nil, rest.InvalidField("body.parties."+role, "is not a role; the roles are carrier, shipper, consignee and auditor")
		}
		if n := len(named[role]); n < 1 || n > ledger.MaxPartiesOfRole {
			return nil, rest.InvalidField("body.parties."+role, "must name 1 to 8 members")
		}
		for _, name := range named[role] {
			msp, err := s.Member(ctx, "parties."+role, name)
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
	ID          string         `json:"id" pattern:"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$" patternDescription:"1 to 64 of A-Z a-z 0-9 . _ - that begin with a letter or digit" doc:"Without a dot, the organisation's name and a dot are put before it; the answer has the id in full"`
	Parties     shapes.Parties `json:"parties" minProperties:"1" maxProperties:"4" doc:"Role (carrier, shipper, consignee, auditor) to the names of the members that hold it, 1 to 8; a carrier and a consignee must be there"`
	RuleSet     string         `json:"rule_set" maxLength:"128" doc:"id@version, see /v1/rule-sets" example:"general-2-8@1"`
	Description string         `json:"description,omitempty" maxLength:"256"`
	Origin      string         `json:"origin,omitempty" maxLength:"256" doc:"Where it is shipped from. For FSMA 204: business name, address and phone number"`
	Destination string         `json:"destination,omitempty" maxLength:"256" doc:"Where it is received, in the same form"`
	Lot         string         `json:"lot,omitempty" maxLength:"128" doc:"Traceability lot code; shipments of one lot share a stability budget"`
	LotSource   string         `json:"lot_source,omitempty" maxLength:"256" doc:"Traceability lot code source: where the lot got its code (business name, address, phone number), or a reference to it" example:"FFRN 12345678901"`
	Quantity    string         `json:"quantity,omitempty" maxLength:"20" pattern:"^(0|[1-9][0-9]*)(\\.[0-9]+)?$" patternDescription:"a decimal" doc:"How much there is, above zero" example:"40"`
	Unit        string         `json:"unit,omitempty" maxLength:"32" doc:"Unit of the quantity" example:"cases"`

	ReferenceType   string `json:"reference_type,omitempty" maxLength:"64" doc:"Document that goes with the goods" example:"bill of lading"`
	ReferenceNumber string `json:"reference_number,omitempty" maxLength:"128" doc:"Its number"`

	DeliverBy     string `json:"deliver_by,omitempty" maxLength:"40" doc:"When the goods are to be delivered: RFC 3339 with the zone's offset, or a local time beside deliver_by_zone. Rules of the kind deadline judge by it" example:"2026-12-01T18:00:00+01:00"`
	DeliverByZone string `json:"deliver_by_zone,omitempty" maxLength:"64" doc:"IANA zone of a deliver_by without an offset; an hour that its clocks skip or show twice is refused" example:"Europe/Vienna"`

	Release *shapes.Release `json:"release,omitempty" doc:"What the release of the goods needs beside the decision; it never changes"`

	CarriedFrom []string `json:"carried_from,omitempty" maxItems:"16" doc:"Delivered shipments of the lot whose spent budget this one goes on with"`
}

type createInput struct {
	rest.Idempotent
	Body createBody
}

func (s *Resource) createShipment(ctx context.Context, in *createInput) (*rest.Answer[shapes.Shipment], error) {
	b := in.Body
	rules, err := s.Rules.Find(ctx, b.RuleSet)
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
	if err := s.sameLot(ctx, b); err != nil {
		return nil, err
	}
	by, err := deliverBy(b.DeliverBy, b.DeliverByZone)
	if err != nil {
		return nil, err
	}
	release, err := releaseRule(b.Release, parties)
	if err != nil {
		return nil, err
	}
	said := ledger.Details{Description: b.Description, Origin: b.Origin, Destination: b.Destination, Lot: b.Lot, LotSource: b.LotSource, Quantity: b.Quantity, Unit: b.Unit,
		ReferenceType: b.ReferenceType, ReferenceNumber: b.ReferenceNumber}
	id := s.OwnID(b.ID)
	hash, err := s.Details.Keep(id, said)
	if err != nil {
		return nil, err
	}
	args := ledger.CreateArgs{ID: id, Parties: parties, RuleSet: b.RuleSet, RuleSetHash: rules.Hash, Details: hash, CarriedFrom: b.CarriedFrom, DeliverByMS: by, Release: release}
	r, sent, err := ledger.ShipmentCreate.Do(ctx, s.Ledger, args)
	tx := sent.TxID
	if rest.WriteOf(ctx).Again && ledger.CodeOf(err) == ledger.Exists {
		if was, gerr := s.Shipment(ctx, id); gerr == nil && createdAs(was, args, s.MSP) && s.Said(ctx, id, was.Details, said) {
			r, tx, err = was, was.CreateTx, nil
		}
	}
	return rest.Reply(shapes.ShowShipment(ctx, s.Records, r, tx), err)
}

// sameLot refuses to go on with the budget of another lot's shipments. The ledger does not know the lots.
func (s *Resource) sameLot(ctx context.Context, b createBody) error {
	if len(b.CarriedFrom) > 0 && b.Lot == "" {
		return rest.InvalidField("body.carried_from", "needs lot: only shipments of one lot share a budget")
	}
	for _, id := range b.CarriedFrom {
		from, err := s.Shipment(ctx, id)
		if err != nil {
			return err
		}
		switch d, here := s.Details.Read(ctx, id, from.Creator, from.Details); {
		case !here:
			return problem.New(http.StatusServiceUnavailable, problem.DetailsElsewhere, "carried_from: the lot of shipment %s is kept by %s's node, which does not answer; try again later",
				id, s.Members.Name(from.Creator)).RetryAfter("15")
		case d.Lot != b.Lot:
			return problem.New(http.StatusConflict, "conflict", "carried_from: shipment %s is of lot %q, not %q", id, d.Lot, b.Lot)
		}
	}
	return nil
}

func releaseRule(r *shapes.Release, parties ledger.Parties) (*ledger.ReleaseRule, error) {
	if r == nil {
		return nil, nil
	}
	if n := len(parties.MSPs()); r.ConfirmedBy > n {
		return nil, rest.InvalidField("body.release.confirmed_by", "the shipment has "+strconv.Itoa(n)+" parties")
	}
	return &ledger.ReleaseRule{ConfirmedBy: r.ConfirmedBy}, nil
}

// createdAs tells whether a shipment is what a request asks for, but for its details.
func createdAs(r ledger.Shipment, a ledger.CreateArgs, msp string) bool {
	return r.Creator == msp && r.Parties.Equal(a.Parties) && r.RuleSet == a.RuleSet && r.RuleSetHash == a.RuleSetHash && r.DeliverByMS == a.DeliverByMS && reflect.DeepEqual(r.Release, a.Release) &&
		slices.EqualFunc(r.CarriedFrom, a.CarriedFrom, func(c ledger.CarriedFrom, id string) bool { return c.Shipment == id })
}

type listShipmentsInput struct {
	rest.Paging
	State string `query:"state" enum:"created,in_transit,delivered,closed" doc:"Only shipments in this state"`
}

func (s *Resource) listShipments(ctx context.Context, in *listShipmentsInput) (*rest.Answer[rest.List[shapes.Shipment]], error) {
	route := "shipments/" + in.State
	var at records.Bookmark
	if err := s.Cursors.Open(route, in.Cursor, &at); err != nil {
		return nil, err
	}
	rs, next, err := records.Filtered(ctx, s.Ledger, ledger.ShipmentList, at.B, in.Limit, func(r *ledger.Shipment) bool {
		return r.IsParty(s.MSP) && (in.State == "" || r.State == in.State)
	})
	if err != nil {
		return nil, err
	}
	out := rest.List[shapes.Shipment]{Items: make([]shapes.Shipment, len(rs))}
	for i, r := range rs {
		out.Items[i] = shapes.ShowShipment(ctx, s.Records, r, "")
	}
	s.View.Enrich(ctx, rs, out.Items)
	if next != "" {
		out.Next = s.Cursors.Seal(route, records.Bookmark{B: next})
	}
	return &rest.Answer[rest.List[shapes.Shipment]]{Body: out}, nil
}

type getShipmentInput struct {
	shapes.ShipmentPath
	IfNoneMatch string `header:"If-None-Match" maxLength:"1024" doc:"An ETag that you have: 304 when it is still right"`
}

type shipmentOutput struct {
	ETag string `header:"ETag" doc:"Hash of the answer"`
	Body shapes.Shipment
}

func (s *Resource) getShipment(ctx context.Context, in *getShipmentInput) (*shipmentOutput, error) {
	r, err := s.Shipment(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	v := []shapes.Shipment{shapes.ShowShipment(ctx, s.Records, r, "")}
	s.View.Enrich(ctx, []ledger.Shipment{r}, v)
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

func (s *Resource) deliver(ctx context.Context, in *struct {
	shapes.ShipmentPath
	rest.Idempotent
	Body *shapes.Stated
}) (*rest.Answer[shapes.Shipment], error) {
	return shipmentview.Change(ctx, s.View, in.ID, ledger.ShipmentDeliver, ledger.StatedArgs{ID: in.ID, StatedMS: in.Body.MS()}, func(r ledger.Shipment) bool {
		return r.DeliveredMS != 0 && r.Custodian == s.MSP && r.StatedDeliveryMS == in.Body.MS()
	})
}

func (s *Resource) decline(ctx context.Context, in *struct {
	shapes.ShipmentPath
	rest.Idempotent
}) (*rest.Answer[shapes.Shipment], error) {
	if _, err := s.Shipment(ctx, in.ID); err != nil {
		return nil, err
	}
	r, sent, err := ledger.ShipmentDecline.Do(ctx, s.Ledger, ledger.IDArgs{ID: in.ID})
	return rest.Reply(shapes.ShowShipment(ctx, s.Records, r, sent.TxID), err)
}

type assignInput struct {
	shapes.ShipmentPath
	rest.Idempotent
	Body struct {
		Tracker string        `json:"tracker" pattern:"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$" patternDescription:"1 to 64 of A-Z a-z 0-9 . _ - that begin with a letter or digit"`
		From    *rest.Instant `json:"from,omitempty" doc:"Start of the window; now when absent. It may lie in the past"`
		To      *rest.Instant `json:"to,omitempty" doc:"End of the window of a recorded trip, whose logger was read out later: both ends lie in the past, and it is the tracker's only window in the shipment. Absent: the tracker goes on reporting"`
	}
}

func (s *Resource) assign(ctx context.Context, in *assignInput) (*rest.Answer[shapes.Shipment], error) {
	if _, err := s.Tracker(ctx, in.Body.Tracker); err != nil {
		return nil, err
	}
	a := ledger.AssignArgs{Shipment: in.ID, Tracker: in.Body.Tracker}
	if in.Body.From != nil {
		a.FromMS = int64(*in.Body.From)
	}
	if in.Body.To != nil {
		a.ToMS = int64(*in.Body.To)
		if a.FromMS == 0 || a.ToMS <= a.FromMS {
			return nil, rest.InvalidField("body.to", "is the end of a recorded trip: it needs from, and must be after it")
		}
	}
	out, err := shipmentview.Change(ctx, s.View, in.ID, ledger.ShipmentAssign, a, func(r ledger.Shipment) bool {
		return slices.ContainsFunc(r.Assignments, func(x ledger.Assignment) bool {
			return x.Tracker == a.Tracker && x.ToMS == a.ToMS && (a.FromMS == 0 || x.FromMS == a.FromMS)
		})
	})
	if err == nil {
		s.View.AwaitAssignment(ctx, in.ID, a.Tracker, out.Body.IsParty)
	}
	return out, err
}

type unassignInput struct {
	shapes.ShipmentPath
	rest.Idempotent
	Tracker string `path:"tracker" doc:"Tracker id" pattern:"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$" patternDescription:"1 to 64 of A-Z a-z 0-9 . _ - that begin with a letter or digit"`
}

func (s *Resource) unassign(ctx context.Context, in *unassignInput) (*rest.Answer[shapes.Shipment], error) {
	a := ledger.UnassignArgs{Shipment: in.ID, Tracker: in.Tracker}
	return shipmentview.Change(ctx, s.View, in.ID, ledger.ShipmentUnassign, a, func(r ledger.Shipment) bool {
		for i := len(r.Assignments) - 1; i >= 0; i-- {
			if x := r.Assignments[i]; x.Tracker == a.Tracker {
				return x.ToMS != 0
			}
		}
		return false
	})
}
