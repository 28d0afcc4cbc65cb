package httpapi

import (
	"context"
	"net/http"
	"slices"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/internal/ledger"
)

func (s *Server) handoverRoutes() {
	const tag = "Custody"
	op := func(path, id, summary string, status int, example rest.Object) rest.Operation {
		return rest.Operation{Method: http.MethodPost, Path: "/v1/shipments/{id}/handovers" + path, ID: id, Tag: tag, Scope: access.ShipmentsWrite, Status: status, Write: true,
			Summary: summary, Errors: []int{http.StatusNotFound}, Example: example}
	}
	rest.Add(s.api, op("", "propose-handover", "Propose to hand the goods over, as their custodian", http.StatusCreated, rest.Object{"to": "city-hospital", "note": "gate 4, seal 88123"}), s.propose)
	rest.Add(s.api, op("/current/accept", "accept-handover", "Accept the open handover, as the organisation that it names", 0, nil), s.accept)
	rest.Add(s.api, op("/current/reject", "reject-handover", "Reject the open handover, with a reason", 0, rest.Object{"reason": "seal broken"}), s.reject)
	rest.Add(s.api, op("/current/withdraw", "withdraw-handover", "Take the open handover back, as the organisation that proposed it", 0, rest.Object{"reason": "wrong dock"}), s.withdraw)
	rest.Add(s.api, rest.Operation{Method: http.MethodGet, Path: "/v1/shipments/{id}/handovers", ID: "list-handovers", Tag: tag, Scope: access.ShipmentsRead,
		Summary: "List the handovers, the open one last", Errors: []int{http.StatusBadRequest, http.StatusNotFound}}, s.listHandovers)
}

type proposeInput struct {
	ShipmentPath
	Idempotent
	Body struct {
		To   string `json:"to" doc:"Organisation, a party of the shipment"`
		Note string `json:"note,omitempty" maxLength:"512"`
	}
}

func (s *Server) propose(ctx context.Context, in *proposeInput) (*answer[Shipment], error) {
	to, err := s.member(ctx, "to", in.Body.To)
	if err != nil {
		return nil, err
	}
	r, err := s.shipment(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	heads, err := s.headsNow(ctx, r)
	if err != nil {
		return nil, err
	}
	return changeShipment(ctx, s, in.ID, ledger.ShipmentPropose, ledger.ProposeArgs{ID: in.ID, To: to, Heads: heads, Note: in.Body.Note}, func(r ledger.Shipment) bool {
		return r.Pending != nil && r.Pending.From == s.MSP && r.Pending.To == to && r.Pending.Note == in.Body.Note
	})
}

// headsNow is the state of the shipment's logs that both sides of a handover can check: the newest that is anchored.
func (s *Server) headsNow(ctx context.Context, r ledger.Shipment) ([]ledger.LogHead, error) {
	refs, err := s.logs(ctx, r)
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

func (s *Server) accept(ctx context.Context, in *struct {
	ShipmentPath
	Idempotent
}) (*answer[Shipment], error) {
	return changeShipment(ctx, s, in.ID, ledger.ShipmentAccept, ledger.IDArgs{ID: in.ID}, func(r ledger.Shipment) bool {
		return r.Pending == nil && r.Custodian == s.MSP
	})
}

type rejectInput struct {
	ShipmentPath
	Idempotent
	Body struct {
		Reason string `json:"reason" minLength:"1" maxLength:"512"`
	}
}

func (s *Server) reject(ctx context.Context, in *rejectInput) (*answer[Shipment], error) {
	return s.endHandover(ctx, ledger.ShipmentReject, in, func(last ledger.Handover) bool { return last.To == s.MSP && last.State == ledger.Rejected })
}

func (s *Server) withdraw(ctx context.Context, in *rejectInput) (*answer[Shipment], error) {
	return s.endHandover(ctx, ledger.ShipmentWithdraw, in, func(last ledger.Handover) bool { return last.From == s.MSP && last.State == ledger.Withdrawn })
}

// endHandover ends the open proposal without a change of custody; ours tells whether the newest ended one is what was asked for.
func (s *Server) endHandover(ctx context.Context, fn ledger.Change[ledger.RejectArgs, ledger.Shipment], in *rejectInput, ours func(ledger.Handover) bool) (*answer[Shipment], error) {
	return changeShipment(ctx, s, in.ID, fn, ledger.RejectArgs{ID: in.ID, Reason: in.Body.Reason}, func(r ledger.Shipment) bool {
		if r.Pending != nil || r.Handovers == 0 {
			return false
		}
		hs, err := ledger.ShipmentHandover.All(ctx, s.Ledger, in.ID, maxHandovers)
		if err != nil || len(hs) == 0 {
			return false
		}
		last := slices.MaxFunc(hs, func(a, b ledger.Handover) int { return a.N - b.N })
		return ours(last) && last.Reason == in.Body.Reason
	})
}

const maxHandovers = 1000

func (s *Server) listHandovers(ctx context.Context, in *struct {
	ShipmentPath
	Paging
}) (*answer[List[Handover]], error) {
	route := "handovers/" + in.ID
	var at bookmark
	if err := s.cursors.Open(route, in.Cursor, &at); err != nil {
		return nil, err
	}
	r, err := s.shipment(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	page, err := ledger.ShipmentHandover.Page(ctx, s.Ledger, ledger.ListArgs{ID: in.ID, Limit: in.Limit, Bookmark: at.B})
	if err != nil {
		return nil, err
	}
	out := List[Handover]{Items: []Handover{}}
	for _, h := range page.Items {
		out.Items = append(out.Items, showHandover(s.Members, h))
	}
	switch {
	case page.Bookmark != "":
		out.Next = s.cursors.Seal(route, bookmark{page.Bookmark})
	case r.Pending != nil:
		out.Items = append(out.Items, showHandover(s.Members, *r.Pending))
	}
	return &answer[List[Handover]]{Body: out}, nil
}
