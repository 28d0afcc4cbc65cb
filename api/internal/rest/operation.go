package rest

import (
	"context"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/problem"
)

const (
	requestTime = 30 * time.Second
	requestBody = 64 << 10
	// Unlimited is the limit of a stream.
	Unlimited = -1
	// LongTime is the limit of what computes or sends for long.
	LongTime = 15 * time.Minute
)

// Object is a JSON object in an example.
type Object = map[string]any

// Operation is what one route adds to the rules that hold for all.
type Operation struct {
	Method, Path, ID, Summary, About string
	Tag                              string
	Scope                            string // "" = open to everybody
	Status                           int    // of success; 0 = 200
	Errors                           []int  // beside those of every route
	Limit                            time.Duration
	Write                            bool   // honours Idempotency-Key
	Body                             int    // largest body in bytes; 0 = 64 KiB. Nothing else bounds it
	Own                              bool   // the handler reads and checks the body itself
	Example                          Object // a JSON body
	// Codes replace those that the description names for a status.
	Codes map[int][]problem.Code
	// Answers replace the description of successes; what is no JSON needs one.
	Answers map[string]*huma.Response
}

// rules is what the chain needs of an operation.
type rules struct {
	Operation
	of access.Kind // of the resource that the path names as {id}, "" for none
}

// kindOf asks an input which kind of resource its path names; that it embeds ShipmentPath or the like says so.
func kindOf[I any]() access.Kind {
	if in, ok := any(new(I)).(interface{ Kind() access.Kind }); ok {
		return in.Kind()
	}
	return ""
}

const metaRules = "rules"

func rulesOf(op *huma.Operation) rules {
	r, _ := op.Metadata[metaRules].(rules)
	return r
}

// Add registers a route. Errors of the handler become problems here and nowhere else.
func Add[I, O any](a *API, o Operation, handle func(context.Context, *I) (*O, error)) {
	huma.Register(a.huma, o.describe(kindOf[I]()), func(ctx context.Context, in *I) (*O, error) {
		out, err := handle(ctx, in)
		if err != nil {
			return nil, a.Problem(ctx, err)
		}
		return out, nil
	})
}

func (o Operation) describe(of access.Kind) huma.Operation {
	if o.Body == 0 {
		o.Body = requestBody
	}
	if o.Limit == 0 {
		o.Limit = requestTime
	}
	op := huma.Operation{Method: o.Method, Path: o.Path, OperationID: o.ID, Summary: o.Summary, Description: o.About, Tags: []string{o.Tag}, Responses: o.Answers,
		DefaultStatus: o.Status, MaxBodyBytes: int64(o.Body) + 1, // huma refuses a body that reaches its limit
		SkipValidateBody: o.Own, Errors: o.Errors, Metadata: map[string]any{metaRules: rules{o, of}}}
	op.Errors = append(op.Errors, http.StatusUnprocessableEntity, http.StatusInternalServerError)
	if o.Scope != "" {
		op.Security = []map[string][]string{{securityScheme: {o.Scope}}}
		op.Errors = append(op.Errors, http.StatusUnauthorized, http.StatusForbidden, http.StatusServiceUnavailable, http.StatusGatewayTimeout)
	} else {
		op.Security = []map[string][]string{}
	}
	if o.Write {
		op.Errors = append(op.Errors, http.StatusBadRequest, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	return op
}

// Schema registers a type as a component of the OpenAPI document.
func (a *API) Schema(t reflect.Type) *huma.Schema {
	return a.OpenAPI().Components.Schemas.Schema(t, true, t.Name())
}

// DescribeBody replaces what huma says of a body that the handler itself reads.
func (a *API) DescribeBody(path, contentType string, schema *huma.Schema, example any) {
	a.OpenAPI().Paths[path].Post.RequestBody.Content[contentType] = &huma.MediaType{Schema: schema, Example: example}
}

// Files describes an answer that is a file of one of these media types.
func Files(about string, types ...string) map[string]*huma.Response {
	content := map[string]*huma.MediaType{}
	for _, t := range types {
		content[t] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}
	}
	return map[string]*huma.Response{"200": {Description: about, Content: content}}
}
