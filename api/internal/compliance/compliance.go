package compliance

import (
	"context"
	"net/http"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/judging"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/api/internal/shapes"
)

func (s *Resource) complianceRoutes(api *rest.API) {
	rest.Add(api, rest.Operation{Method: http.MethodGet, Path: "/v1/shipments/{id}/compliance", ID: "get-compliance", Tag: "Compliance", Scope: access.TelemetryRead, Limit: rest.LongTime,
		Summary: "Judge the shipment by its rule set", Errors: []int{http.StatusNotFound, http.StatusConflict},
		About: "Recomputed from the stored readings by the same code as at ingest and in the auditor's verifier, and joined with what the ledger holds."}, s.compliance)
}

func (s *Resource) compliance(ctx context.Context, in *shapes.ShipmentPath) (*rest.Answer[judging.Compliance], error) {
	r, err := s.Shipment(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	_, v, err := s.Judge.Pinned(ctx, r)
	if err != nil {
		return nil, err
	}
	return &rest.Answer[judging.Compliance]{Body: v}, nil
}
