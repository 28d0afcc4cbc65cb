package ledger

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"
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

// Fabric's validation codes for a transaction that read what changed meanwhile. Other codes do not go away by themselves.
const (
	mvccReadConflict    = 11
	phantomReadConflict = 12
)

// LostRace reports whether a transaction was ordered, found to have read what another one changed meanwhile, and so without
// effect: the same request may well succeed now.
func LostRace(err error) bool {
	var e *StageError
	return errors.Is(err, ErrInvalid) && errors.As(err, &e) && (e.Code == mvccReadConflict || e.Code == phantomReadConflict)
}

// SignedAnswer is a peer's answer about a block with the peer's signature, every part as it went over the wire. Response
// is what was signed, together with Endorser; it holds the block with its validity filter.
type SignedAnswer struct {
	Org             string // organisation name
	ChannelHeader   []byte
	SignatureHeader []byte
	Proposal        []byte // ChaincodeProposalPayload
	Response        []byte // ProposalResponsePayload
	Endorser        []byte
	Signature       []byte
}

// Code says what the caller can do about a refusal by the chaincode. The text of a code never changes.
type Code string

const (
	NotFound  Code = "NOT_FOUND"
	Exists    Code = "EXISTS"    // create-only key is taken
	Forbidden Code = "FORBIDDEN" // the caller's organisation or role may not
	Invalid   Code = "INVALID"   // an argument is wrong
	BadState  Code = "BAD_STATE" // right arguments, wrong moment
	Conflict  Code = "CONFLICT"  // another head, another owner, another writer
	BadProof  Code = "BAD_PROOF" // a signature or a Merkle proof does not verify
	NoBeat    Code = "NO_BEAT"   // the transaction's time is too far from the beat's: renew the beat and try again
)

// Error is a refusal. Its text is "[CODE] message", which is how it crosses Fabric.
type Error struct {
	Code    Code
	Message string
}

func (e *Error) Error() string { return "[" + string(e.Code) + "] " + e.Message }

// maxRefusal bounds the text of a refusal: it quotes what callers sent, and peers, orderers and clients keep it in their logs.
const maxRefusal = 4 << 10

// Refuse makes an *Error. Its text never spans lines, which is what ParseError relies on.
func Refuse(code Code, format string, args ...any) *Error {
	text := fmt.Sprintf(format, args...)
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
	if len(text) > maxRefusal {
		text = strings.ToValidUTF8(text[:maxRefusal], "") + " …"
	}
	return &Error{Code: code, Message: text}
}

func invalid(format string, args ...any) error { return Refuse(Invalid, format, args...) }

// Is makes errors.Is(err, &Error{Code: NotFound}) true for every error of that code.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code && (t.Message == "" || t.Message == e.Message)
}

// CodeOf returns the code of the first *Error in err's chain, or "".
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

var refusal = regexp.MustCompile(`\[(NOT_FOUND|EXISTS|FORBIDDEN|INVALID|BAD_STATE|CONFLICT|BAD_PROOF|NO_BEAT)\] ([^\n]*)`)

// ParseError finds a refusal in a text that Fabric wrapped in its own words; nil when there is none.
func ParseError(text string) *Error {
	m := refusal.FindStringSubmatch(text)
	if m == nil {
		return nil
	}
	return &Error{Code: Code(m[1]), Message: m[2]}
}
