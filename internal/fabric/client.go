// Package fabric is the only importer of fabric-sdk-go: submit with a typed error per stage, evaluate, events with a
// checkpoint, blocks by transaction, health of the network.
package fabric

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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

// Result of a valid transaction.
type Result struct {
	TxID    string
	Block   uint64
	Payload []byte
}

// Submit endorses by two organisations, orders, and waits until the own peer has committed the transaction as valid.
// Errors: *ledger.Error (refused by chaincode; nothing was ordered), *StageError otherwise. A StageError at StageCommit wraps
// ErrCommitUnknown or ErrInvalid; at StageEndorse and StageSubmit it wraps ErrUnavailable when trying again can help.
func (c *Client) Submit(ctx context.Context, fn string, arg any) (Result, error) { panic("todo") }

// Evaluate asks the own peer (another organisation's when it is down) and orders nothing.
func (c *Client) Evaluate(ctx context.Context, fn string, arg any) ([]byte, error) { panic("todo") }

// Event is one chaincode event of a valid transaction.
type Event struct {
	Block   uint64
	TxID    string
	Name    string
	Payload []byte
}

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

// Node is the health of one peer or orderer of the channel.
type Node struct {
	Org     string `json:"org"`
	Role    string `json:"role"` // peer | orderer
	Address string `json:"address"`
	Up      bool   `json:"up"`
	Height  uint64 `json:"height"` // peers only
	Error   string `json:"error,omitempty"`
}

// Network asks every peer for its height; orderers are dialled only.
func (c *Client) Network(ctx context.Context) ([]Node, error) { panic("todo") }

// EvaluateAt asks one named organisation's peer; for comparing what peers hold.
func (c *Client) EvaluateAt(ctx context.Context, org, fn string, arg any) ([]byte, error) {
	panic("todo")
}

// Stage of a submit.
type Stage string

const (
	StageEndorse Stage = "endorse"
	StageSubmit  Stage = "submit"
	StageCommit  Stage = "commit"
)

var (
	// ErrUnavailable: nothing was ordered as far as is known; try again.
	ErrUnavailable = errors.New("ledger unavailable")
	// ErrCommitUnknown: sent to the orderer, outcome unknown. Look the record up before doing anything else.
	ErrCommitUnknown = errors.New("commit unknown")
	// ErrInvalid: ordered but not valid (for example a read conflict with another transaction); nothing was written.
	ErrInvalid = errors.New("transaction invalid")
)

// StageError says where a submit failed.
type StageError struct {
	Stage Stage
	TxID  string // "" before a proposal was made
	Code  int32  // validation code at StageCommit with ErrInvalid
	Err   error
}

func (e *StageError) Error() string {
	return fmt.Sprintf("%s (tx %s): %v", e.Stage, e.TxID, e.Err)
}
func (e *StageError) Unwrap() error { return e.Err }
