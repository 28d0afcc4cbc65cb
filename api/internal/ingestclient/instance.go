package ingestclient

import (
	"context"
	"encoding/json"
)

// Instance is one ingest instance, as the API asks it. Errors wrap problem.ErrIngest when it cannot be asked.
type Instance interface {
	ID() string
	// Logs of one shipment there.
	Logs(ctx context.Context, shipment string) ([]Log, error)
	// Seal ends the shipment's logs there and returns once their heads are anchored. Repeating it changes nothing.
	Seal(ctx context.Context, shipment string) (Sealed, error)
	// Assigned tells whether the instance has heard that the tracker is on the shipment.
	Assigned(ctx context.Context, shipment, tracker string) (bool, error)
	// Consistency is the RFC 9162 proof of the instance's heads log between two sizes.
	Consistency(ctx context.Context, first, second uint64) ([][32]byte, error)
	// Status is passed on as it is.
	Status(ctx context.Context) (json.RawMessage, error)
}

// Log is one log as its writer has it.
type Log struct {
	Log     string `json:"log"`
	Kind    string `json:"kind"`
	Subject string `json:"subject"`
	OpenTx  string `json:"open_tx"`
	Ingest  string `json:"ingest"`
	Size    uint64 `json:"size"`
	// Stored is how many of them InfluxDB has; nil when ingest does not know.
	Stored       *uint64 `json:"stored_size"`
	Root         string  `json:"root"`
	Sealed       bool    `json:"sealed"`
	AnchoredSize uint64  `json:"anchored_size"`
	Heads        string  `json:"heads"`
}

// Sealed are the final heads of a shipment's logs at one instance.
type Sealed struct {
	Heads []SealedHead `json:"heads"`
	// Anchored is true once the chaincode has accepted all of them.
	Anchored bool `json:"anchored"`
}

// SealedHead is the final state of one log.
type SealedHead struct {
	Log  string `json:"log"`
	Size uint64 `json:"size"`
	Root string `json:"root"`
}
