// Package client calls the REST API of one organisation. The calls and their shapes, in api.gen.go, are made from the API's
// OpenAPI document by `make generate`; oapi-codegen.yaml says which.
package client

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

//go:generate go tool -modfile=../../.ci/tools.mod oapi-codegen -config oapi-codegen.yaml -o api.gen.go ../../api/internal/httpapi/testdata/openapi.json

// Config of a client. It needs URL, and either Token or ID with Secret.
type Config struct {
	URL        string
	Token      string // used as it is
	ID, Secret string // of a client at the token endpoint (RFC 6749 section 4.4)
	TokenURL   string // "" = /oauth2/token of URL
	HTTP       *http.Client
	Transport  *http.Transport // of an HTTP that is nil; nil = a copy of Go's own
	Tries      int             // of one call; 0 = 8
	FirstWait  time.Duration   // after the first failure, doubled after each; 0 = 250 ms
}

// Client is safe for concurrent use. A write carries an Idempotency-Key and is repeated with the same key after a lost answer
// or a 503 or 504, so one call has one effect. What the API refuses is an *Error.
type Client struct {
	cfg   Config
	token token
}

// New makes a client; it does no I/O.
func New(cfg Config) *Client {
	cfg.URL = strings.TrimRight(cfg.URL, "/")
	cfg.TokenURL = cmp.Or(cfg.TokenURL, cfg.URL+"/oauth2/token")
	cfg.Tries, cfg.FirstWait = cmp.Or(cfg.Tries, 8), cmp.Or(cfg.FirstWait, 250*time.Millisecond)
	if cfg.HTTP == nil {
		t := cfg.Transport
		if t == nil {
			t = http.DefaultTransport.(*http.Transport).Clone()
		}
		t.MaxIdleConnsPerHost = 32
		// Above the longest that the API itself waits, for an anchor at a close: it answers first, and says what it waits for.
		cfg.HTTP = &http.Client{Timeout: 75 * time.Second, Transport: t}
	}
	return &Client{cfg: cfg}
}

// query holds the parameters of a call; what is empty is not sent.
type query map[string]string

func (q query) encode() string {
	v := url.Values{}
	for name, text := range q {
		if text != "" {
			v.Set(name, text)
		}
	}
	return v.Encode()
}

// text writes a parameter; the zero value is empty.
func text[T comparable](v T) string {
	var zero T
	if v == zero {
		return ""
	}
	if at, ok := any(v).(time.Time); ok {
		return at.UTC().Format(time.RFC3339Nano)
	}
	return fmt.Sprint(v)
}

type request struct {
	method, path string
	query        query
	body         any
}

// call makes one call with repeats and reads its answer. All calls of api.gen.go come here.
func call[T any](ctx context.Context, c *Client, r request) (answer T, err error) {
	raw, err := c.repeat(ctx, r)
	if err != nil || len(raw) == 0 {
		return answer, err
	}
	if bytes, ok := any(&answer).(*[]byte); ok {
		*bytes = raw
		return answer, nil
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return answer, fmt.Errorf("%s %s answers what is not JSON of this API: %w", r.method, r.path, err)
	}
	return answer, nil
}

func (c *Client) repeat(ctx context.Context, r request) ([]byte, error) {
	var body []byte
	if r.body != nil {
		var err error
		if body, err = json.Marshal(r.body); err != nil {
			return nil, err
		}
	}
	key, wait, renewed := rand.Text(), c.cfg.FirstWait, false
	for try := 1; ; try++ {
		bearer, err := c.bearer(ctx)
		var raw []byte
		if err == nil {
			raw, err = c.send(ctx, r, body, bearer, key)
		}
		if Status(err) == http.StatusUnauthorized && bearer != "" && !renewed && c.token.forget(bearer) {
			renewed, try = true, try-1 // it may have been revoked, or the API's keys are new
			continue
		}
		after, again := repeatable(err)
		if !again || try >= c.cfg.Tries || ctx.Err() != nil {
			return raw, err
		}
		if Status(err) == http.StatusConflict {
			key = rand.Text() // nothing was written, and the answer may be kept under the old key
		}
		select {
		case <-time.After(max(wait, after)):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		wait = min(2*wait, 10*time.Second)
	}
}

func (c *Client) send(ctx context.Context, r request, body []byte, bearer, key string) ([]byte, error) {
	at := c.cfg.URL + r.path
	if q := r.query.encode(); q != "" {
		at += "?" + q
	}
	req, err := http.NewRequestWithContext(ctx, r.method, at, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+bearer)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if r.method != http.MethodGet {
		req.Header.Set("Idempotency-Key", key)
	}
	resp, err := c.cfg.HTTP.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode >= 300 {
		e := newError(r.method, r.path, resp.StatusCode, raw)
		seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
		e.after, e.retry = min(time.Duration(max(seconds, 0))*time.Second, 30*time.Second), resp.Header.Get("Retry-After") != ""
		return nil, e
	}
	return raw, err
}

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
	text := cmp.Or(e.Detail, e.Title, http.StatusText(int(e.Status)))
	for _, f := range e.Errors {
		text += "; " + f.Field + ": " + f.Detail
	}
	status := strings.TrimSpace(fmt.Sprint(e.Status, " ", e.Code))
	return fmt.Sprintf("%s %s: %s: %s", e.Method, e.Path, status, text)
}

// Status returns the HTTP status of an *Error in err's chain, or 0.
func Status(err error) int {
	if e, ok := errors.AsType[*Error](err); ok {
		return int(e.Status)
	}
	return 0
}

// repeatable tells whether the same call may succeed later, and the least wait before.
func repeatable(err error) (after time.Duration, again bool) {
	e, ok := errors.AsType[*Error](err)
	if !ok {
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
