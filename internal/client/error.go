package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Error is an answer that is not a success: an RFC 9457 problem, where the API gave one.
type Error struct {
	Problem
	Method, Path string

	after time.Duration // least wait before another try
	retry bool          // the answer named it
}

func newError(method, path string, status int, raw []byte) *Error {
	e := &Error{Method: method, Path: path}
	_ = json.Unmarshal(raw, &e.Problem) // a body that is no problem leaves the status to tell
	e.Status = int64(status)
	return e
}

func (e *Error) Error() string {
	text := e.Detail
	if text == "" {
		text = e.Title
	}
	if text == "" {
		text = http.StatusText(int(e.Status))
	}
	for _, f := range e.Errors {
		text += "; " + f.Field + ": " + f.Detail
	}
	status := strings.TrimSpace(fmt.Sprint(e.Status, " ", e.Code))
	return fmt.Sprintf("%s %s: %s: %s", e.Method, e.Path, status, text)
}

// Status returns the HTTP status of an *Error in err's chain, or 0.
func Status(err error) int {
	var e *Error
	if errors.As(err, &e) {
		return int(e.Status)
	}
	return 0
}

// repeatable tells whether the same call may succeed later, and the least wait before.
func repeatable(err error) (after time.Duration, again bool) {
	var e *Error
	if !errors.As(err, &e) {
		return 0, err != nil // nobody answered, or not to the end
	}
	switch e.Status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return e.after, true
	case http.StatusConflict: // two writers met on the ledger
		return e.after, e.retry
	}
	return 0, false
}
