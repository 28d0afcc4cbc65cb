package httpapi

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

// tokenCodes are RFC 6749's, at the token endpoint only.
var tokenCodes = map[int][]problem.Code{
	http.StatusBadRequest:   {problem.BadRequest, "invalid_request", "unsupported_grant_type", "invalid_scope"},
	http.StatusUnauthorized: {"invalid_client"},
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
	write, _ := op.Metadata[metaWrite].(bool)
	for text, r := range op.Responses {
		status, err := strconv.Atoi(text)
		if err != nil {
			continue
		}
		names := headersOf[status]
		if status < 300 && write {
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
		if op.Path == tokenPath && tokenCodes[status] != nil {
			codes = tokenCodes[status]
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
	if op.RequestBody == nil {
		return
	}
	for kind, media := range op.RequestBody.Content {
		if e := examples[op.OperationID]; e != nil && kind == "application/json" {
			media.Example = e
		}
	}
}

// tags in the order in which a reader meets them.
var tags = []*huma.Tag{
	{Name: "Access", Description: "Access tokens of the development issuer. With an OIDC provider these routes are not there."},
	{Name: "Trackers", Description: "Devices, their keys and calibration; how they connect over MQTT."},
	{Name: "Shipments", Description: "Consignments, the trackers bound to them, delivery and close."},
	{Name: "Custody", Description: "Handovers: custody moves only by the word of both sides."},
	{Name: "Telemetry", Description: "Readings and messages as the store holds them."},
	{Name: "Live", Description: "Server-sent events."},
	{Name: "Compliance", Description: "Verdicts, excursions, signatures and dispositions."},
	{Name: "Rule sets", Description: "Versioned compliance rules that shipments pin."},
	{Name: "Evidence", Description: "Anchors, verification by this server, and bundles for verification without it."},
	{Name: "Reports", Description: "Files for people and authorities."},
	{Name: "Network", Description: "Health of what this api talks to."},
}
