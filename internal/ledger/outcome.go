package ledger

import (
	"errors"
	"fmt"
)

// Result of a valid transaction.
type Result struct {
	TxID    string
	Block   uint64
	Payload []byte
}

// Event is one chaincode event of a valid transaction.
type Event struct {
	Block   uint64
	TxID    string
	Name    string
	Payload []byte
}

// Node is the health of one peer or orderer of the channel.
type Node struct {
	Org     string `json:"org"`
	Role    string `json:"role"` // peer | orderer
	Address string `json:"address"`
	Up      bool   `json:"up"`     // answers
	Height  uint64 `json:"height"` // blocks that it holds; 0 when it does not answer
	Error   string `json:"error,omitempty"`
}

// Stage of a submit.
type Stage string

// The stages in their order. Nothing is on the ledger before StageSubmit.
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
	if e.TxID == "" {
		return fmt.Sprintf("%s: %v", e.Stage, e.Err)
	}
	return fmt.Sprintf("%s (tx %s): %v", e.Stage, e.TxID, e.Err)
}

func (e *StageError) Unwrap() error { return e.Err }
