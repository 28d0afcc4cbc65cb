package run

import (
	"context"

	"github.com/trackseal/trackseal/ingest/internal/quality"
	"github.com/trackseal/trackseal/ingest/internal/registry"
	"github.com/trackseal/trackseal/ingest/internal/store"
	"github.com/trackseal/trackseal/ingest/internal/summary"
	"github.com/trackseal/trackseal/internal/judge"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// Source is the MQTT connection.
type Source interface {
	// Receive waits for a message. ack must be called once, after the message is durable or refused, with the reason, or never; a message
	// that is not acknowledged comes again. Only one goroutine receives.
	Receive(ctx context.Context) (topic string, payload []byte, ack func(refused *telemetry.Reject), err error)
	// Publish sends to a tracker and does not wait. It may be lost.
	Publish(topic string, payload []byte)
	// Ready says why nothing can arrive, or nil.
	Ready(ctx context.Context) error
}

// Database is InfluxDB.
type Database interface {
	store.Database
	judge.Store
	quality.Database
	summary.Database
	Ping(ctx context.Context) error
}

// Ledger is the Fabric channel, as the ingest user of one organisation. Errors are those of package ledger.
type Ledger interface {
	registry.Ledger
	Submit(ctx context.Context, fn string, arg any) (ledger.Result, error)
	TxStatus(ctx context.Context, txID string) (found bool, code int32, block uint64, err error)
	MSP() string
}
