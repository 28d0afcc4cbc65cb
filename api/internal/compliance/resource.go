// Package compliance answers the routes of verdicts, rule sets, breaches and signatures.
package compliance

import (
	"github.com/trackseal/trackseal/api/internal/judging"
	"github.com/trackseal/trackseal/api/internal/records"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/api/internal/shipmentlogs"
)

// Resource is made of these parts.
type Resource struct {
	*records.Records
	Logs      *shipmentlogs.Logs
	Judge     *judging.Judge
	Rules     *judging.Rules
	Telemetry judging.Telemetry
	Cursors   rest.Cursors
	Heavy     rest.Slots
}

// Register adds the routes.
func (s *Resource) Register(api *rest.API) {
	s.complianceRoutes(api)
	s.ruleSetRoutes(api)
	s.simulateRoutes(api)
	s.signOffRoutes(api)
	s.breachRoutes(api)
}
