// Package shipments answers the routes of shipments, of the trackers bound to them, and of their end.
package shipments

import (
	"log/slog"

	"github.com/trackseal/trackseal/api/internal/ingestclient"
	"github.com/trackseal/trackseal/api/internal/judging"
	"github.com/trackseal/trackseal/api/internal/records"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/api/internal/shipmentview"
)

// Resource is made of these parts.
type Resource struct {
	*records.Records
	View    *shipmentview.View
	Rules   *judging.Rules
	Ingest  []ingestclient.Instance
	Cursors rest.Cursors
	Log     *slog.Logger
}

// Register adds the routes.
func (s *Resource) Register(api *rest.API) {
	s.shipmentRoutes(api)
	s.assignmentRoutes(api)
	s.closeRoutes(api)
}
