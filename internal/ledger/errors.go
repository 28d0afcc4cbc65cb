package ledger

import (
	"errors"
	"regexp"
)

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
)

// Error is a refusal. Its text is "[CODE] message", which is how it crosses Fabric.
type Error struct {
	Code    Code
	Message string
}

func (e *Error) Error() string { return "[" + string(e.Code) + "] " + e.Message }

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

var refusal = regexp.MustCompile(`\[(NOT_FOUND|EXISTS|FORBIDDEN|INVALID|BAD_STATE|CONFLICT|BAD_PROOF)\] ([^\n]*)`)

// ParseError finds a refusal in a text that Fabric wrapped in its own words; nil when there is none.
func ParseError(text string) *Error {
	m := refusal.FindStringSubmatch(text)
	if m == nil {
		return nil
	}
	return &Error{Code: Code(m[1]), Message: m[2]}
}
