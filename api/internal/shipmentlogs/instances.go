// Package shipmentlogs says which logs a shipment has.
package shipmentlogs

import (
	"github.com/trackseal/trackseal/api/internal/cache"
	"github.com/trackseal/trackseal/api/internal/ingestclient"
	"github.com/trackseal/trackseal/api/internal/records"
)

// Logs of shipments.
type Logs struct {
	*records.Records
	Channel string // of the ledger; part of every log id
	Ingest  []ingestclient.Instance
	Cache   *cache.Cache
}
