package httpapi

import (
	"context"
	"time"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/stored"
)

// Ledger submits and reads as this api's organisation. Submit returns after the transaction is committed as valid; its
// errors are those of fabric.Client.Submit. Safe for concurrent use.
type Ledger interface {
	Submit(ctx context.Context, fn string, arg any) (ledger.Result, error)
	Evaluate(ctx context.Context, fn string, arg any) ([]byte, error)
}

// Peers asks chosen organisations' peers, for comparing what they hold.
type Peers interface {
	EvaluateAt(ctx context.Context, org, fn string, arg any) ([]byte, error)
	Network(ctx context.Context) ([]ledger.Node, error)
	PeerOrgs() []string // that EvaluateAt can ask
}

// Telemetry reads what ingest stored. Callbacks run one after another; an error from one ends the call. Errors wrap
// stored.ErrUnavailable when trying again can help.
type Telemetry interface {
	Messages(ctx context.Context, log string, from, to uint64, fn func(stored.Message) error) error
	Readings(ctx context.Context, q stored.ReadingsQuery, fn func(stored.Reading, time.Time) error) error
	Windows(ctx context.Context, q stored.ReadingsQuery, every time.Duration, fn func(stored.Window) error) error
	Heads(ctx context.Context, log string) ([]stored.Head, error)
	// Latest is the newest value of each quantity of a log; ok is false for a log without readings.
	Latest(ctx context.Context, log string) (r stored.Reading, ok bool, err error)
	// QualityHours are a tracker's hours of data quality that start in [fromMS, toMS), oldest first.
	QualityHours(ctx context.Context, tracker string, fromMS, toMS int64, fn func(stored.QualityHour) error) error
	// QualityFlags are the odd readings of these trackers with times in [fromMS, toMS), oldest first.
	QualityFlags(ctx context.Context, trackers []string, fromMS, toMS int64, fn func(stored.QualityFlag) error) error
	Ping(ctx context.Context) error
}
