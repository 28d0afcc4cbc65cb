package rest

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/trackseal/trackseal/api/internal/problem"
)

// codesOf are the codes that a status can carry, for the document.
var codesOf = map[int][]problem.Code{
	http.StatusBadRequest:            {problem.BadRequest, problem.InvalidCursor, problem.InvalidKey},
	http.StatusUnauthorized:          {problem.Unauthenticated},
	http.StatusForbidden:             {problem.MissingScope, problem.WrongOrg, "forbidden"},
	http.StatusNotFound:              {problem.NotFound},
	http.StatusConflict:              {"exists", "bad_state", "conflict", problem.TxInvalid, problem.KeyInProgress},
	http.StatusRequestEntityTooLarge: {problem.TooLarge},
	http.StatusUnsupportedMediaType:  {problem.UnsupportedMedia},
	http.StatusUnprocessableEntity:   {problem.InvalidRequest, "invalid", "bad_proof", problem.KeyReused},
	http.StatusTooManyRequests:       {problem.RateLimited, problem.TooManyStreams},
	http.StatusInternalServerError:   {problem.Internal},
	http.StatusServiceUnavailable:    {problem.LedgerDown, problem.StoreUnavailable, problem.IngestDown, problem.NotAnchored},
	http.StatusGatewayTimeout:        {problem.CommitUnknown, problem.Timeout},
}

// headersOf are the headers that a status can carry.
var headersOf = map[int][]string{
	http.StatusNotModified:        {"ETag"},
	http.StatusUnauthorized:       {"WWW-Authenticate"},
	http.StatusForbidden:          {"WWW-Authenticate"},
	http.StatusConflict:           {"Retry-After"},
	http.StatusTooManyRequests:    {"Retry-After"},
	http.StatusServiceUnavailable: {"Retry-After"},
	http.StatusGatewayTimeout:     {"Retry-After"},
}

var aboutHeader = map[string]string{
	"ETag":                 "Hash of the answer",
	"WWW-Authenticate":     "What is wrong with the token, or which scope is missing (RFC 6750)",
	"Retry-After":          "Seconds; present when trying again can help",
	"Idempotency-Replayed": "true when the answer is that of an earlier request with the same Idempotency-Key",
}

// describeAnswers adds to an operation what all answers of one status have in common.
func describeAnswers(_ *huma.OpenAPI, op *huma.Operation) {
	rules := rulesOf(op)
	for text, r := range op.Responses {
		status, err := strconv.Atoi(text)
		if err != nil {
			continue
		}
		names := headersOf[status]
		if status < 300 && rules.Write {
			names = []string{"Idempotency-Replayed"}
		}
		for _, name := range names {
			if r.Headers == nil {
				r.Headers = map[string]*huma.Param{}
			}
			if r.Headers[name] == nil {
				r.Headers[name] = &huma.Param{Description: aboutHeader[name], Schema: &huma.Schema{Type: huma.TypeString}}
			}
		}
		codes := codesOf[status]
		if rules.Codes[status] != nil {
			codes = rules.Codes[status]
		}
		if status == http.StatusNotModified {
			r.Content = nil
		}
		if len(codes) > 0 {
			quoted := make([]string, len(codes))
			for i, c := range codes {
				quoted[i] = "`" + string(c) + "`"
			}
			r.Description = http.StatusText(status) + ": " + strings.Join(quoted, ", ")
		}
	}
	if rules.Example != nil {
		op.RequestBody.Content["application/json"].Example = rules.Example
	}
}
