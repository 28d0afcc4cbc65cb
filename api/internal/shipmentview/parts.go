// Package shipmentview shows shipments: what the ledger holds, with the newest verdict, values and counts.
package shipmentview

import (
	"context"
	"log/slog"

	"github.com/trackseal/trackseal/api/internal/cache"
	"github.com/trackseal/trackseal/api/internal/ingestclient"
	"github.com/trackseal/trackseal/api/internal/records"
	"github.com/trackseal/trackseal/api/internal/shipmentlogs"
	"github.com/trackseal/trackseal/internal/stored"
)

// Telemetry tells the newest value of each quantity of a log; ok is false for a log without readings.
type Telemetry interface {
	Latest(ctx context.Context, log string) (r stored.Reading, ok bool, err error)
}

// View of shipments.
type View struct {
	*records.Records
	Logs      *shipmentlogs.Logs
	Telemetry Telemetry
	Ingest    []ingestclient.Instance
	Cache     *cache.Cache
	Log       *slog.Logger
}
