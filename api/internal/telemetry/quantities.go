package telemetry

import (
	"context"
	"net/http"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/internal/compliance/detect"
)

// Quantity is one that a tracker can report, or that follows from what it reports.
type Quantity struct {
	Name      string `json:"name" doc:"In messages, readings and rules" example:"temperature"`
	Label     string `json:"label" doc:"For people" example:"Temperature"`
	Unit      string `json:"unit" doc:"SenML unit" example:"Cel"`
	Symbol    string `json:"symbol" doc:"The unit as people write it; empty for none" example:"°C"`
	Derived   bool   `json:"derived" doc:"Computed from others: rules can be about it, readings do not have it"`
	Accepted  Range  `json:"accepted" doc:"A message with a value outside is refused"`
	Plausible Range  `json:"plausible" doc:"A reading with a value outside is flagged out_of_bounds"`
}

// Range has both of its ends.
type Range struct {
	Min float64 `json:"min"`
	Max float64 `json:"max"`
}

func (s *Resource) quantityRoutes(api *rest.API) {
	out := &rest.Answer[rest.List[Quantity]]{}
	for m := range detect.Metrics {
		q := m.Quantity()
		out.Body.Items = append(out.Body.Items, Quantity{Name: q.Name, Label: q.Label, Unit: q.Unit, Symbol: q.Symbol, Derived: m == detect.Acceleration,
			Accepted: Range{q.Min, q.Max}, Plausible: Range{q.Low, q.High}})
	}
	rest.Add(api, rest.Operation{Method: http.MethodGet, Path: "/v1/quantities", ID: "list-quantities", Tag: "Telemetry", Scope: access.TelemetryRead,
		Summary: "List the quantities that trackers report", About: "With units and bounds; the last one is derived. In one answer."},
		func(context.Context, *struct{}) (*rest.Answer[rest.List[Quantity]], error) { return out, nil })
}
