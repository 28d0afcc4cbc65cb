// Package fabric is the only importer of fabric-sdk-go: submit with a typed error per stage, evaluate, events with a
// checkpoint, blocks by transaction, health of the network.
package fabric

import (
	"context"
	"log/slog"

	"github.com/trackseal/trackseal/internal/ledger"
)

// Config says as whom to speak to which network. The YAML form is part of ingest's and api's configuration.
type Config struct {
	Profile   string `yaml:"profile"`   // path of the connection profile that `network up` renders
	Org       string `yaml:"org"`       // organisation name in the profile: carrier, …
	User      string `yaml:"user"`      // identity below the profile's crypto path: ingest, api, …
	Channel   string `yaml:"channel"`   // default ledger.Channel
	Chaincode string `yaml:"chaincode"` // default ledger.Chaincode
}

// Client speaks as one user of one organisation. Safe for concurrent use.
type Client struct{}

// Open loads every peer's TLS root before the first call (a cold pool stalls the first submit for 20 s) and does not fail
// when peers are down: calls do, with ErrUnavailable.
func Open(ctx context.Context, cfg Config, log *slog.Logger) (*Client, error) { panic("todo") }

func (c *Client) Close() { panic("todo") }

// MSP is the caller's MSP id.
func (c *Client) MSP() string { panic("todo") }

// The shapes that cross this package's border live in package ledger, so that a program's guts and its tests can name them
// without linking the SDK.
type (
	Result     = ledger.Result
	Event      = ledger.Event
	Node       = ledger.Node
	Stage      = ledger.Stage
	StageError = ledger.StageError
)

const (
	StageEndorse = ledger.StageEndorse
	StageSubmit  = ledger.StageSubmit
	StageCommit  = ledger.StageCommit
)

var (
	ErrUnavailable   = ledger.ErrUnavailable
	ErrCommitUnknown = ledger.ErrCommitUnknown
	ErrInvalid       = ledger.ErrInvalid
)

// Submit endorses by two organisations, orders, and waits until the own peer has committed the transaction as valid.
// Errors: *ledger.Error (refused by chaincode; nothing was ordered), *StageError otherwise. A StageError at StageCommit wraps
// ErrCommitUnknown or ErrInvalid; at StageEndorse and StageSubmit it wraps ErrUnavailable when trying again can help.
func (c *Client) Submit(ctx context.Context, fn string, arg any) (Result, error) { panic("todo") }

// Evaluate asks the own peer (another organisation's when it is down) and orders nothing.
func (c *Client) Evaluate(ctx context.Context, fn string, arg any) ([]byte, error) { panic("todo") }

// Events delivers every event of the chaincode from block from on, in order, until ctx ends or handle fails. It reconnects by
// itself. An event may be delivered again after a reconnect: handle by (Block, TxID). atHead, if not nil, is called each
// time that the stream has caught up with the ledger.
func (c *Client) Events(ctx context.Context, from uint64, handle func(Event) error, atHead func(height uint64)) error {
	panic("todo")
}

// TxStatus looks a transaction up: found and its validation code (0 = valid).
func (c *Client) TxStatus(ctx context.Context, txID string) (found bool, code int32, block uint64, err error) {
	panic("todo")
}

// BlockByTx returns the serialised common.Block that holds the transaction, from the own peer.
func (c *Client) BlockByTx(ctx context.Context, txID string) ([]byte, error) { panic("todo") }

// Network asks every peer for its height; orderers are dialled only.
func (c *Client) Network(ctx context.Context) ([]Node, error) { panic("todo") }

// EvaluateAt asks one named organisation's peer; for comparing what peers hold.
func (c *Client) EvaluateAt(ctx context.Context, org, fn string, arg any) ([]byte, error) {
	panic("todo")
}
