package shipments

import (
	"context"
	"net/http"
	"time"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/api/internal/shapes"
	"github.com/trackseal/trackseal/api/internal/shipmentview"
	"github.com/trackseal/trackseal/internal/ledger"
)

func (s *Resource) assignmentRoutes(api *rest.API) {
	const tag = "Shipments"
	rest.Add(api, rest.Operation{Method: http.MethodPost, Path: "/v1/shipments/{id}/assignments", ID: "assign-tracker", Tag: tag, Scope: access.ShipmentsWrite, Status: http.StatusCreated, Write: true,
		Summary: "Bind a tracker to the shipment", Errors: []int{http.StatusNotFound},
		Example: rest.Object{"tracker": "LOGGER-17"}}, s.assign)
	rest.Add(api, rest.Operation{Method: http.MethodDelete, Path: "/v1/shipments/{id}/assignments/{tracker}", ID: "unassign-tracker", Tag: tag, Scope: access.ShipmentsWrite, Write: true,
		Summary: "End the tracker's open assignment", Errors: []int{http.StatusNotFound}}, s.unassign)
}

type assignInput struct {
	shapes.ShipmentPath
	rest.Idempotent
	Body struct {
		Tracker string        `json:"tracker" pattern:"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$" patternDescription:"1 to 64 of A-Z a-z 0-9 . _ - that begin with a letter or digit"`
		From    *rest.Instant `json:"from,omitempty" doc:"Start of the window; now when absent. It may lie in the past, for a recorded trip"`
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
	out, err := shipmentview.Change(ctx, s.View, in.ID, ledger.ShipmentAssign, a, func(r ledger.Shipment) bool {
		i := r.OpenAssignment(a.Tracker)
		return i >= 0 && (a.FromMS == 0 || r.Assignments[i].FromMS == a.FromMS)
	})
	if err == nil {
		s.awaitAssignment(ctx, in.ID, a.Tracker)
	}
	return out, err
}

const (
	assignmentTries = 60
	assignmentPoll  = 50 * time.Millisecond
)

// awaitAssignment waits until every ingest instance has heard of an assignment that is on the ledger, or some seconds: what
// the tracker sends before goes to its own log and not to the shipment's, and a caller who has the answer expects that it
// does not. An instance that is down hears of it when it starts, before it takes messages.
func (s *Resource) awaitAssignment(ctx context.Context, shipment, tracker string) {
	for _, in := range s.Ingest {
		for range assignmentTries {
			known, err := in.Assigned(ctx, shipment, tracker)
			if err != nil {
				s.Log.DebugContext(ctx, "ingest does not say whether it knows an assignment", "ingest", in.ID(), "shipment", shipment, "error", err)
				break
			}
			if known {
				break
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(assignmentPoll):
			}
		}
	}
}

type unassignInput struct {
	shapes.ShipmentPath
	rest.Idempotent
	Tracker string    `path:"tracker" doc:"Tracker id" pattern:"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$" patternDescription:"1 to 64 of A-Z a-z 0-9 . _ - that begin with a letter or digit"`
	To      rest.When `query:"to" doc:"End of the window; now when absent"`
}

func (s *Resource) unassign(ctx context.Context, in *unassignInput) (*rest.Answer[shapes.Shipment], error) {
	a := ledger.UnassignArgs{Shipment: in.ID, Tracker: in.Tracker, ToMS: int64(in.To.Instant)}
	return shipmentview.Change(ctx, s.View, in.ID, ledger.ShipmentUnassign, a, func(r ledger.Shipment) bool {
		for i := len(r.Assignments) - 1; i >= 0; i-- {
			if x := r.Assignments[i]; x.Tracker == a.Tracker {
				return x.ToMS != 0 && (a.ToMS == 0 || x.ToMS == a.ToMS)
			}
		}
		return false
	})
}
