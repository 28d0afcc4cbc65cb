// Package problem is the one error form of the API: RFC 9457 problem details with a stable code and a trace id.
package problem

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

// Code says what a client can do about a problem. The text of a code never changes.
type Code string

// Codes that do not come from the ledger (those are the ledger's own, in lower case).
const (
	BadRequest       Code = "bad_request"
	InvalidRequest   Code = "invalid_request" // see the member errors
	Unauthenticated  Code = "unauthenticated"
	WrongOrg         Code = "wrong_organisation"
	MissingScope     Code = "missing_scope"
	NotFound         Code = "not_found"
	MethodNotAllowed Code = "method_not_allowed"
	TooLarge         Code = "too_large"
	UnsupportedMedia Code = "unsupported_media_type"
	InvalidCursor    Code = "invalid_cursor"
	KeyInProgress    Code = "idempotency_in_progress"
	KeyReused        Code = "idempotency_key_reused"
	InvalidKey       Code = "invalid_idempotency_key"
	RateLimited      Code = "rate_limited"
	StoreUnavailable Code = "store_unavailable"
	LedgerDown       Code = "ledger_unavailable"
	NoBeat           Code = "no_beat"
	IngestDown       Code = "ingest_unavailable"
	DetailsElsewhere Code = "details_unavailable"  // the node that keeps them does not answer
	ProviderDown     Code = "provider_unavailable" // the OIDC provider
	CodecsDown       Code = "codecs_unavailable"   // codecs cannot run at this node
	NotAnchored      Code = "not_anchored"
	CommitUnknown    Code = "commit_unknown"
	TxInvalid        Code = "transaction_invalid"
	Refuses          Code = "message_refused" // see the member refused
	TooManyStreams   Code = "too_many_streams"
	Timeout          Code = "timeout"
	Internal         Code = "internal"
)

// Field names one wrong part of a request.
type Field struct {
	Field  string `json:"field" doc:"Where: path.id, query.limit, body.parties.carrier"`
	Detail string `json:"detail" doc:"What is wrong there"`
}

// RefusedPart is a part of a message that was not taken.
type RefusedPart struct {
	Tracker string `json:"tracker,omitempty" doc:"Absent when it is of none that is known"`
	Device  string `json:"device,omitempty" doc:"As the gateway calls it"`
	Reason  string `json:"reason" doc:"A code; docs/formats.md tells what each means" example:"no_match"`
	Detail  string `json:"detail" doc:"What was wrong, in words"`
	Again   bool   `json:"again,omitempty" doc:"true: it is not refused for good, send the message again"`
}

// Problem is an RFC 9457 problem details object.
type Problem struct {
	Type    string  `json:"type" doc:"URI of the problem type: urn:trackseal:problem:CODE" example:"urn:trackseal:problem:not_found"`
	Title   string  `json:"title" doc:"Name of the HTTP status"`
	Status  int     `json:"status" doc:"HTTP status"`
	Detail  string  `json:"detail" doc:"What happened and what to do"`
	Code    Code    `json:"code" doc:"Stable code"`
	TraceID string  `json:"trace_id,omitempty" doc:"Id of this request in the server's log"`
	Errors  []Field `json:"errors,omitempty" doc:"Wrong parts of the request"`
	// Refused are parts of a message that were not taken.
	Refused []RefusedPart `json:"refused,omitempty" doc:"Parts of a message that were not taken, at POST /v1/intake only"`
	OAuth   string        `json:"error,omitempty" doc:"RFC 6749 error code, at the token endpoint only"`

	header http.Header
}

var (
	_ huma.StatusError       = (*Problem)(nil)
	_ huma.HeadersError      = (*Problem)(nil)
	_ huma.ContentTypeFilter = (*Problem)(nil)
)

// New makes a problem of a status and a code.
func New(status int, code Code, format string, args ...any) *Problem {
	return &Problem{Type: typeOf(code), Title: http.StatusText(status), Status: status, Code: code, Detail: fmt.Sprintf(format, args...)}
}

// Invalid names the wrong parts of a request.
func Invalid(status int, wrong ...Field) *Problem {
	p := New(status, InvalidRequest, "a part of the request is wrong; errors names it and what it must be")
	if len(wrong) > 1 {
		p.Detail = fmt.Sprintf("%d parts of the request are wrong; errors names each and what it must be", len(wrong))
	}
	p.Errors = wrong
	return p
}

func typeOf(code Code) string { return "urn:trackseal:problem:" + string(code) }

// With returns a copy that also sends a header.
func (p *Problem) With(header, value string) *Problem {
	c := *p
	c.header = p.header.Clone()
	if c.header == nil {
		c.header = http.Header{}
	}
	c.header.Set(header, value)
	return &c
}

// WithOAuth returns a copy with an OAuth error code.
func (p *Problem) WithOAuth(oauth string) *Problem {
	c := *p
	c.OAuth = oauth
	return &c
}

// WithRefused returns a copy that says which parts were not taken.
func (p *Problem) WithRefused(all []RefusedPart) *Problem {
	c := *p
	c.Refused = all
	return &c
}

// In returns a copy that names the request of ctx.
func (p *Problem) In(ctx context.Context) *Problem {
	c := *p
	c.TraceID = TraceID(ctx)
	return &c
}

func (p *Problem) Error() string             { return string(p.Code) + ": " + p.Detail }
func (p *Problem) GetStatus() int            { return p.Status }
func (p *Problem) GetHeaders() http.Header   { return p.header }
func (p *Problem) ContentType(string) string { return "application/problem+json" }
func (p *Problem) Unauthenticated() *Problem {
	return p.With("WWW-Authenticate", `Bearer realm="trackseal"`)
}
func (p *Problem) RetryAfter(sec string) *Problem { return p.With("Retry-After", sec) }

// Write answers a plain HTTP request with the problem.
func (p *Problem) Write(w http.ResponseWriter, r *http.Request) {
	for k, v := range p.header {
		w.Header()[k] = v
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p.In(r.Context())) // the client is gone: nobody to tell
}

type traceKey struct{}

// WithTraceID marks a request's context.
func WithTraceID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, traceKey{}, id)
}

// TraceID of the request, "" outside of one.
func TraceID(ctx context.Context) string {
	id, _ := ctx.Value(traceKey{}).(string)
	return id
}

// byStatus gives huma's own refusals (validation, body size, content type) a code.
var byStatus = map[int]Code{
	http.StatusBadRequest:            BadRequest,
	http.StatusRequestTimeout:        BadRequest,
	http.StatusRequestEntityTooLarge: TooLarge,
	http.StatusUnsupportedMediaType:  UnsupportedMedia,
	http.StatusUnprocessableEntity:   InvalidRequest,
	http.StatusInternalServerError:   Internal,
}

// Install makes huma answer with this package's problems. It is global in huma; calling it again changes nothing.
func Install() {
	huma.DefaultArrayNullable = false
	huma.ValidateStrictCasing = true
	huma.NewErrorWithContext = func(ctx huma.Context, status int, msg string, errs ...error) huma.StatusError {
		return fromHuma(status, msg, errs...).In(ctx.Context())
	}
	huma.NewError = func(status int, msg string, errs ...error) huma.StatusError {
		return fromHuma(status, msg, errs...)
	}
}

func fromHuma(status int, msg string, errs ...error) *Problem {
	code, known := byStatus[status]
	if !known {
		code = BadRequest
	}
	if status >= 500 {
		// The texts of internal errors stay inside.
		return New(status, Internal, "internal error; quote the trace id when you report it")
	}
	if status == http.StatusRequestEntityTooLarge {
		return New(status, code, "the body has more bytes than this route takes")
	}
	if status == http.StatusUnsupportedMediaType {
		return New(status, code, "this Content-Type cannot be read here; send application/json, or what /openapi.json names for the route")
	}
	var fields []Field
	for _, err := range errs {
		var d huma.ErrorDetailer
		if errors.As(err, &d) {
			e := d.ErrorDetail()
			fields = append(fields, Field{Field: e.Location, Detail: e.Message})
		} else if err != nil {
			fields = append(fields, Field{Field: "body", Detail: err.Error()})
		}
	}
	if len(fields) == 0 {
		return New(status, code, "%s", msg)
	}
	p := Invalid(status, fields...)
	p.Type, p.Code = typeOf(code), code
	return p
}
