// Package custody answers the routes of handovers.
package custody

import (
	"context"
	"net/http"
	"slices"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/records"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/api/internal/shapes"
	"github.com/trackseal/trackseal/api/internal/shipmentview"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/stored"
)

// Telemetry knows the anchored heads of a log, oldest first.
type Telemetry interface {
	Heads(ctx context.Context, log string) ([]stored.Head, error)
}

// Resource is made of these parts.
type Resource struct {
	*records.Records
	Logs      *records.Logs
	View      *shipmentview.View
	Telemetry Telemetry
	Cursors   rest.Cursors
}

// Register adds the routes.
func (s *Resource) Register(api *rest.API) {
	const tag = "Custody"
	op := func(path, id, summary string, status int, example rest.Object) rest.Operation {
		return rest.Operation{Method: http.MethodPost, Path: "/v1/shipments/{id}/handovers" + path, ID: id, Tag: tag, Scope: access.ShipmentsWrite, Status: status, Write: true,
			Summary: summary, Errors: []int{http.StatusNotFound}, Example: example}
	}
	rest.Add(api, op("", "propose-handover", "Propose to hand the goods over, as their custodian", http.StatusCreated, rest.Object{"to": "city-hospital", "note": "gate 4, seal 88123", "stated_at": "2026-11-22T10:00:00.000Z"}), s.propose)
	rest.Add(api, op("/current/accept", "accept-handover", "Accept the open handover, as the organisation that it names", 0, rest.Object{"stated_at": "2026-11-22T10:00:00.000Z"}), s.accept)
	rest.Add(api, op("/current/reject", "reject-handover", "Reject the open handover, with a reason", 0, rest.Object{"reason": "seal broken"}), s.reject)
	rest.Add(api, op("/current/withdraw", "withdraw-handover", "Take the open handover back, as the organisation that proposed it", 0, rest.Object{"reason": "wrong dock"}), s.withdraw)
	rest.Add(api, rest.Operation{Method: http.MethodGet, Path: "/v1/shipments/{id}/handovers", ID: "list-handovers", Tag: tag, Scope: access.ShipmentsRead,
		Summary: "List the handovers, the open one last", Errors: []int{http.StatusBadRequest, http.StatusNotFound}}, s.listHandovers)
}

type proposeInput struct {
	shapes.ShipmentPath
	rest.Idempotent
	Body struct {
		To   string `json:"to" doc:"Organisation, a party of the shipment"`
		Note string `json:"note,omitempty" maxLength:"512"`
		shapes.Stated
	}
}

func (s *Resource) propose(ctx context.Context, in *proposeInput) (*rest.Answer[shapes.Shipment], error) {
	to, err := s.Member(ctx, "to", in.Body.To)
	if err != nil {
		return nil, err
	}
	r, err := s.Shipment(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	heads, err := s.headsNow(ctx, r)
	if err != nil {
		return nil, err
	}
	said := ledger.Details{Note: in.Body.Note}
	hash, err := s.Details.Keep(in.ID, said)
	if err != nil {
		return nil, err
	}
	return shipmentview.Change(ctx, s.View, in.ID, ledger.ShipmentPropose, ledger.ProposeArgs{ID: in.ID, To: to, Heads: heads, Details: hash, StatedMS: in.Body.MS()}, func(r ledger.Shipment) bool {
		return r.Pending != nil && r.Pending.From == s.MSP && r.Pending.To == to && r.Pending.StatedMS == in.Body.MS() && s.Said(ctx, in.ID, r.Pending.Details, said)
	})
}

// headsNow is the state of the shipment's logs that both sides of a handover can check: the newest that is anchored.
func (s *Resource) headsNow(ctx context.Context, r ledger.Shipment) ([]ledger.LogHead, error) {
	refs, err := s.Logs.Of(ctx, r)
	if err != nil {
		return nil, err
	}
	heads := []ledger.LogHead{}
	for _, ref := range refs {
		hs, err := s.Telemetry.Heads(ctx, ref.ID)
		if err != nil {
			return nil, err
		}
		if n := len(hs); n > 0 {
			heads = append(heads, ledger.LogHead{Log: ref.ID, Size: hs[n-1].Size, Root: hs[n-1].Root})
		}
	}
	return heads, nil
}

func (s *Resource) accept(ctx context.Context, in *struct {
	shapes.ShipmentPath
	rest.Idempotent
	Body *shapes.Stated
}) (*rest.Answer[shapes.Shipment], error) {
	return shipmentview.Change(ctx, s.View, in.ID, ledger.ShipmentAccept, ledger.StatedArgs{ID: in.ID, StatedMS: in.Body.MS()}, func(r ledger.Shipment) bool {
		return r.Pending == nil && r.Custodian == s.MSP
	})
}

type rejectInput struct {
	shapes.ShipmentPath
	rest.Idempotent
	Body struct {
		Reason string `json:"reason" minLength:"1" maxLength:"512"`
	}
}

func (s *Resource) reject(ctx context.Context, in *rejectInput) (*rest.Answer[shapes.Shipment], error) {
	return s.endHandover(ctx, ledger.ShipmentReject, in, func(last ledger.Handover) bool { return last.To == s.MSP && last.State == ledger.Rejected })
}

func (s *Resource) withdraw(ctx context.Context, in *rejectInput) (*rest.Answer[shapes.Shipment], error) {
	return s.endHandover(ctx, ledger.ShipmentWithdraw, in, func(last ledger.Handover) bool { return last.From == s.MSP && last.State == ledger.Withdrawn })
}

// endHandover ends the open proposal without a change of custody; ours tells whether the newest ended one is what was asked for.
func (s *Resource) endHandover(ctx context.Context, fn ledger.Change[ledger.RejectArgs, ledger.Shipment], in *rejectInput, ours func(ledger.Handover) bool) (*rest.Answer[shapes.Shipment], error) {
	if _, err := s.Shipment(ctx, in.ID); err != nil {
		return nil, err
	}
	said := ledger.Details{Reason: in.Body.Reason}
	hash, err := s.Details.Keep(in.ID, said)
	if err != nil {
		return nil, err
	}
	return shipmentview.Change(ctx, s.View, in.ID, fn, ledger.RejectArgs{ID: in.ID, Details: hash}, func(r ledger.Shipment) bool {
		if r.Pending != nil || r.Handovers == 0 {
			return false
		}
		hs, err := ledger.ShipmentHandover.All(ctx, s.Ledger, in.ID, records.MaxHandovers)
		if err != nil || len(hs) == 0 {
			return false
		}
		last := slices.MaxFunc(hs, func(a, b ledger.Handover) int { return a.N - b.N })
		return ours(last) && s.Said(ctx, in.ID, last.AnswerDetails, said)
	})
}

func (s *Resource) listHandovers(ctx context.Context, in *struct {
	shapes.ShipmentPath
	rest.Paging
}) (*rest.Answer[rest.List[shapes.Handover]], error) {
	route := "handovers/" + in.ID
	var at records.Bookmark
	if err := s.Cursors.Open(route, in.Cursor, &at); err != nil {
		return nil, err
	}
	r, err := s.Shipment(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	page, err := ledger.ShipmentHandover.Page(ctx, s.Ledger, ledger.ListArgs{ID: in.ID, Limit: in.Limit, Bookmark: at.B})
	if err != nil {
		return nil, err
	}
	out := rest.List[shapes.Handover]{Items: []shapes.Handover{}}
	for _, h := range page.Items {
		out.Items = append(out.Items, shapes.ShowHandover(ctx, s.Records, in.ID, h))
	}
	switch {
	case page.Bookmark != "":
		out.Next = s.Cursors.Seal(route, records.Bookmark{B: page.Bookmark})
	case r.Pending != nil:
		out.Items = append(out.Items, shapes.ShowHandover(ctx, s.Records, in.ID, *r.Pending))
	}
	return &rest.Answer[rest.List[shapes.Handover]]{Body: out}, nil
}
