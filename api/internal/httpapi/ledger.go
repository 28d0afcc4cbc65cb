package httpapi

import (
	"context"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/internal/ledger"
)

// maxScan bounds how many pages a filtered listing reads to fill one of its own; a shorter page with a cursor is fine.
const maxScan = 20

// filtered reads pages until limit items pass keep. It never asks for more than it still needs, so the ledger's bookmark is
// exactly where the next page starts.
func filtered[T any](ctx context.Context, l Ledger, fn ledger.Listing[T], bookmark string, limit int, keep func(*T) bool) (items []T, next string, err error) {
	items = []T{}
	for range maxScan {
		page, err := fn.Page(ctx, l, ledger.ListArgs{Limit: limit - len(items), Bookmark: bookmark})
		if err != nil {
			return nil, "", err
		}
		for i := range page.Items {
			if keep(&page.Items[i]) {
				items = append(items, page.Items[i])
			}
		}
		bookmark = page.Bookmark
		if bookmark == "" || len(items) == limit {
			break
		}
	}
	return items, bookmark, nil
}

// may asks the principal of the request, when it comes from one.
func may(ctx context.Context, kind access.Kind, id string) bool {
	p := access.PrincipalOf(ctx)
	return p == nil || p.May(kind, id)
}

// shipment reads one that this organisation takes part in, and that the caller is not narrowed away from; any other does not exist.
func (s *Server) shipment(ctx context.Context, id string) (ledger.Shipment, error) {
	if !may(ctx, access.Shipment, id) {
		return ledger.Shipment{}, rest.NotFound("shipment", id)
	}
	r, err := ledger.ShipmentGet.Ask(ctx, s.Ledger, ledger.IDArgs{ID: id})
	if code := ledger.CodeOf(err); code == ledger.Forbidden || code == ledger.NotFound || err == nil && !r.IsParty(s.MSP) {
		return r, rest.NotFound("shipment", id)
	}
	return r, err
}

// tracker reads one that is ours, and that the caller is not narrowed away from; any other does not exist.
func (s *Server) tracker(ctx context.Context, id string) (ledger.Tracker, error) {
	if !may(ctx, access.Tracker, id) {
		return ledger.Tracker{}, rest.NotFound("tracker", id)
	}
	r, err := ledger.TrackerGet.Ask(ctx, s.Ledger, ledger.IDArgs{ID: id})
	if code := ledger.CodeOf(err); code == ledger.Forbidden || code == ledger.NotFound || err == nil && r.Owner != s.MSP {
		return r, rest.NotFound("tracker", id)
	}
	return r, err
}

// member is the MSP id of the member that a field of the body names.
func (s *Server) member(ctx context.Context, field, name string) (string, error) {
	m, err := s.Members.Find(ctx, name)
	if code := ledger.CodeOf(err); code == ledger.NotFound || code == ledger.Invalid {
		return "", rest.InvalidField("body."+field, "is not a member of the network; /v1/members lists them")
	}
	return m.MSP, err
}
