// Package rest is the kernel of the REST API: what holds for every route, whatever its resource. A request passes one chain:
// trace, headers and panics hold for every answer (engine.go); then, for an operation, its time limit, the door (who asks, and
// may they), the audit log's record of a change, unambiguous parameters, and one effect for a repeated write.
package rest

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/audit"
	"github.com/trackseal/trackseal/api/internal/idempotency"
	"github.com/trackseal/trackseal/api/internal/problem"
)

// Config of the kernel. All members must be set.
type Config struct {
	Org      string // whose api this is
	Document Document
	Access   access.Chain
	Writes   *idempotency.Store
	Audit    *audit.Log
	Metrics  *prometheus.Registry
	Log      *slog.Logger
	// Elsewhere answers what no route does.
	Elsewhere http.Handler
}

// API routes requests to operations.
type API struct {
	Config
	engine  *gin.Engine
	huma    huma.API
	metrics *metrics
}

// New has no routes but the description of those that are added.
func New(cfg Config) *API {
	problem.Install()
	a := &API{Config: cfg, metrics: newMetrics(cfg.Metrics)}
	a.engine = a.newEngine()
	a.huma = humagin.New(a.engine, cfg.Document.config())
	a.huma.UseMiddleware(a.limitTime, a.audited, a.enter, a.begun, a.plainQuery, a.rememberWrites)
	a.documentRoutes()
	return a
}

// Handle adds a route that is not part of the description.
func (a *API) Handle(path string, h http.Handler) { a.engine.GET(path, gin.WrapH(h)) }

// ServeHTTP makes the API an http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// gin reads escaped path elements as if they stood in a query, where a plus is a blank.
	r.URL.RawPath = strings.ReplaceAll(r.URL.RawPath, "+", "%2B")
	a.engine.ServeHTTP(w, headAsGet(r))
}

// OpenAPI is the document that /openapi.json serves.
func (a *API) OpenAPI() *huma.OpenAPI { return a.huma.OpenAPI() }

// Problem answers an error; what the table does not know is logged here, once, and stays inside.
func (a *API) Problem(ctx context.Context, err error) *problem.Problem {
	p, internal := problem.Of(err)
	if internal {
		a.Log.ErrorContext(ctx, "request failed", "trace_id", problem.TraceID(ctx), "error", err)
	}
	noteProblem(audit.NoteOf(ctx), p)
	return p.In(ctx)
}

// limitTime ends a request that takes too long; streams have no limit.
func (a *API) limitTime(c huma.Context, next func(huma.Context)) {
	limit := rulesOf(c.Operation()).Limit
	if limit == Unlimited {
		next(c)
		return
	}
	ctx, cancel := context.WithTimeout(c.Context(), limit)
	defer cancel()
	next(huma.WithContext(c, ctx))
}

// NotFound is the answer to an id that does not exist, or is not the caller's.
func NotFound(what, id string) *problem.Problem {
	return problem.New(http.StatusNotFound, problem.NotFound, "%s %s does not exist", what, id)
}

// IsNotFound tells such an answer.
func IsNotFound(err error) bool {
	var p *problem.Problem
	return errors.As(err, &p) && p.Code == problem.NotFound
}

// InvalidField refuses one part of a request.
func InvalidField(field, detail string) *problem.Problem {
	return problem.Invalid(http.StatusUnprocessableEntity, problem.Field{Field: field, Detail: detail})
}
