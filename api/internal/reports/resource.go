// Package reports answers the routes of files for people and authorities.
package reports

import (
	"context"
	"time"

	"github.com/trackseal/trackseal/api/internal/judging"
	"github.com/trackseal/trackseal/api/internal/records"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/internal/stored"
)

// Telemetry is what the store holds of logs.
type Telemetry interface {
	Windows(ctx context.Context, q stored.ReadingsQuery, every time.Duration, fn func(stored.Window) error) error
	Heads(ctx context.Context, log string) ([]stored.Head, error)
}

// Resource is made of these parts.
type Resource struct {
	*records.Records
	Judge     *judging.Judge
	Telemetry Telemetry
	Org       string
	PublicURL string // printed in reports, without a slash at its end
	Heavy     rest.Slots
	Now       func() time.Time
}

// Register adds the routes.
func (s *Resource) Register(api *rest.API) { s.reportRoutes(api) }
