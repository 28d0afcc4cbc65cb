// Package judging judges a shipment's stored readings by a rule set and joins what the ledger holds about it.
package judging

import (
	"context"
	"time"

	"github.com/trackseal/trackseal/api/internal/records"
	"github.com/trackseal/trackseal/api/internal/shipmentlogs"
	"github.com/trackseal/trackseal/internal/stored"
)

// Telemetry is what the store holds of a log.
type Telemetry interface {
	Messages(ctx context.Context, log string, from, to uint64, fn func(stored.Message) error) error
	Readings(ctx context.Context, q stored.ReadingsQuery, fn func(stored.Reading, time.Time) error) error
}

// Judge of shipments.
type Judge struct {
	*records.Records
	Logs      *shipmentlogs.Logs
	Rules     *Rules
	Telemetry Telemetry
}
