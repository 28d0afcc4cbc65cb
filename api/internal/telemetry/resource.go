// Package telemetry answers the routes of readings, messages and quantities.
package telemetry

import (
	"context"
	"time"

	"github.com/trackseal/trackseal/api/internal/records"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/api/internal/shipmentlogs"
	"github.com/trackseal/trackseal/internal/stored"
)

// Telemetry is what the store holds.
type Telemetry interface {
	Messages(ctx context.Context, log string, from, to uint64, fn func(stored.Message) error) error
	Readings(ctx context.Context, q stored.ReadingsQuery, fn func(stored.Reading, time.Time) error) error
	Windows(ctx context.Context, q stored.ReadingsQuery, every time.Duration, fn func(stored.Window) error) error
	Heads(ctx context.Context, log string) ([]stored.Head, error)
	// QualityFlags are the odd readings of these trackers with times in [fromMS, toMS), oldest first.
	QualityFlags(ctx context.Context, trackers []string, fromMS, toMS int64, fn func(stored.QualityFlag) error) error
}

// Resource is made of these parts.
type Resource struct {
	*records.Records
	Logs      *shipmentlogs.Logs
	Telemetry Telemetry
	Cursors   rest.Cursors
}

// Register adds the routes.
func (s *Resource) Register(api *rest.API) {
	s.telemetryRoutes(api)
	s.quantityRoutes(api)
	s.messageRoutes(api)
}
