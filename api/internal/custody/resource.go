// Package custody answers the routes of handovers.
package custody

import (
	"context"

	"github.com/trackseal/trackseal/api/internal/records"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/api/internal/shipmentlogs"
	"github.com/trackseal/trackseal/api/internal/shipmentview"
	"github.com/trackseal/trackseal/internal/stored"
)

// Telemetry knows the anchored heads of a log, oldest first.
type Telemetry interface {
	Heads(ctx context.Context, log string) ([]stored.Head, error)
}

// Resource is made of these parts.
type Resource struct {
	*records.Records
	Logs      *shipmentlogs.Logs
	View      *shipmentview.View
	Telemetry Telemetry
	Cursors   rest.Cursors
}

// Register adds the routes.
func (s *Resource) Register(api *rest.API) { s.handoverRoutes(api) }
