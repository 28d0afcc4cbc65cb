// Package httpapi is the REST API: routes, their shapes, and the rules that hold for all of them.
package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/trackseal/trackseal/api/internal/auth"
	"github.com/trackseal/trackseal/api/internal/bundle"
	"github.com/trackseal/trackseal/api/internal/feed"
	"github.com/trackseal/trackseal/api/internal/idempotency"
	"github.com/trackseal/trackseal/api/internal/problem"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/service"
)

// Version of the API, in its OpenAPI document.
const Version = "1.0.0"

const (
	maxBody       = 64 << 10
	requestTime   = 30 * time.Second
	verifyTime    = 15 * time.Minute
	maxVerifying  = 2 // verifications at a time: each costs a core
	maxStreams    = 256
	maxStreamsOne = 16 // per client
)

// Config holds what the API is made of. All members but Issuer, Ingest, Evidence and DashboardDir must be set.
type Config struct {
	Org     string // whose api this is
	MSP     string
	Channel string // of the ledger; part of every log id
	MQTTURL string // told to those who enrol a tracker
	// PublicURL is where people reach this api and its pages, without a slash at its end; it is printed in reports.
	PublicURL string

	Ledger      Ledger
	Peers       Peers
	Telemetry   Telemetry
	Ingest      []Ingest
	Feed        *feed.Feed
	Evidence    *bundle.Source // nil: no evidence routes
	Verifier    *auth.Verifier
	Issuer      *auth.Issuer // nil: no development issuer
	Idempotency *idempotency.Store

	// Key (32 bytes) seals cursors and derives the secrets of trackers that cannot sign. It must survive restarts.
	Key          []byte
	DashboardDir string
	Health       *service.Health
	Metrics      *prometheus.Registry
	Log          *slog.Logger
	Now          func() time.Time
}

// Server answers HTTP requests.
type Server struct {
	Config
	engine    *gin.Engine
	api       huma.API
	recent    *recent
	rules     *rulebook
	verifying chan struct{}
	streams   streamCounter
	stopping  context.Context
	stop      context.CancelFunc
	metrics   *metrics
}

// New builds the routes; it does no I/O.
func New(cfg Config) *Server {
	problem.Install()
	cfg.Ledger = insistent{cfg.Ledger, pause}
	s := &Server{Config: cfg, rules: newRulebook(cfg.Ledger), recent: newRecent(cfg.Now), verifying: make(chan struct{}, maxVerifying), metrics: newMetrics(cfg.Metrics)}
	s.stopping, s.stop = context.WithCancel(context.Background())
	s.streams.byClient = map[string]int{}
	cfg.Feed.SetLogs(func(ctx context.Context, r ledger.Shipment) ([]string, error) {
		refs, err := s.logs(ctx, r)
		return logIDs(refs), err
	})
	s.engine = s.newEngine()
	s.api = humagin.New(s.engine, openapiConfig(cfg.Issuer))
	s.api.UseMiddleware(s.limitTime, s.authorise, s.onceEach, s.rememberWrites)

	s.tokenRoutes()
	s.trackerRoutes()
	s.shipmentRoutes()
	s.assignmentRoutes()
	s.handoverRoutes()
	s.closeRoutes()
	s.telemetryRoutes()
	s.quantityRoutes()
	s.messageRoutes()
	s.complianceRoutes()
	s.ruleSetRoutes()
	s.simulateRoutes()
	s.signOffRoutes()
	s.breachRoutes()
	s.reportRoutes()
	s.verificationRoutes()
	s.evidenceRoutes()
	s.anchorRoutes()
	s.headsRoutes()
	s.networkRoutes()
	s.streamRoutes()
	s.pageRoutes()
	return s
}

// ServeHTTP makes the server an http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// gin reads escaped path elements as if they stood in a query, where a plus is a blank.
	r.URL.RawPath = strings.ReplaceAll(r.URL.RawPath, "+", "%2B")
	s.engine.ServeHTTP(w, headAsGet(r))
}

// Stop ends the streams, so that the HTTP server can drain.
func (s *Server) Stop() { s.stop() }

// OpenAPI is the document that /openapi.json serves.
func (s *Server) OpenAPI() *huma.OpenAPI { return s.api.OpenAPI() }

// operation is what one route adds to the rules that hold for all.
type operation struct {
	method, path, id, summary, about string
	tag                              string
	scope                            string // "" = open to everybody
	status                           int    // of success; 0 = 200
	errors                           []int  // beside those of every route
	limit                            time.Duration
	write                            bool // honours Idempotency-Key
	body                             int  // largest body in bytes; 0 = maxBody
	own                              bool // the handler reads and checks the body itself
}

// add registers a route. Errors of the handler become problems here and nowhere else.
func add[I, O any](s *Server, o operation, handle func(context.Context, *I) (*O, error)) {
	huma.Register(s.api, o.huma(), func(ctx context.Context, in *I) (*O, error) {
		out, err := handle(ctx, in)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return out, nil
	})
}

const (
	metaWrite = "write"
	metaLimit = "limit"
)

func (o operation) huma() huma.Operation {
	if o.body == 0 {
		o.body = maxBody
	}
	op := huma.Operation{Method: o.method, Path: o.path, OperationID: o.id, Summary: o.summary, Description: o.about, Tags: []string{o.tag},
		DefaultStatus: o.status, MaxBodyBytes: int64(o.body), SkipValidateBody: o.own, Errors: o.errors, Metadata: map[string]any{metaWrite: o.write, metaLimit: o.limit}}
	op.Errors = append(op.Errors, http.StatusUnprocessableEntity, http.StatusInternalServerError)
	if o.scope != "" {
		op.Security = []map[string][]string{{securityScheme: {o.scope}}}
		op.Errors = append(op.Errors, http.StatusUnauthorized, http.StatusForbidden, http.StatusServiceUnavailable, http.StatusGatewayTimeout)
	} else {
		op.Security = []map[string][]string{}
	}
	if o.write {
		op.Errors = append(op.Errors, http.StatusBadRequest, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	return op
}

// problem answers an error; what the table does not know is logged here, once, and stays inside.
func (s *Server) problem(ctx context.Context, err error) *problem.Problem {
	p, internal := problem.Of(err)
	if internal {
		s.Log.ErrorContext(ctx, "request failed", "trace_id", problem.TraceID(ctx), "error", err)
	}
	return p.In(ctx)
}

func notFound(what, id string) *problem.Problem {
	return problem.New(http.StatusNotFound, problem.NotFound, "%s %s does not exist", what, id)
}
