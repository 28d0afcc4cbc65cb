// Package trackers answers the routes of trackers: keys, calibration, quality of their readings.
package trackers

import (
	"context"
	"time"

	"github.com/trackseal/trackseal/api/internal/records"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/internal/stored"
)

// Telemetry knows a tracker's hours of data quality that start in [fromMS, toMS), oldest first.
type Telemetry interface {
	QualityHours(ctx context.Context, tracker string, fromMS, toMS int64, fn func(stored.QualityHour) error) error
}

// Resource is made of these parts.
type Resource struct {
	*records.Records
	Telemetry Telemetry
	Cursors   rest.Cursors
	Key       []byte // derives the secrets of trackers that cannot sign
	MQTTURL   string // told to those who enrol a tracker
	Now       func() time.Time
}

// Register adds the routes.
func (s *Resource) Register(api *rest.API) { s.trackerRoutes(api) }
