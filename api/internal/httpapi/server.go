// Package httpapi is the REST API: routes, their shapes, and the rules that hold for all of them.
package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/bundle"
	"github.com/trackseal/trackseal/api/internal/feed"
	"github.com/trackseal/trackseal/api/internal/idempotency"
	"github.com/trackseal/trackseal/api/internal/ingestclient"
	"github.com/trackseal/trackseal/api/internal/members"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/service"
)

// Version of the API, in its OpenAPI document.
const Version = "1.0.0"

const (
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
	Members     *members.Directory
	Telemetry   Telemetry
	Ingest      []ingestclient.Instance
	Feed        *feed.Feed
	Evidence    *bundle.Source // nil: no evidence routes
	Access      access.Chain
	Issuer      *access.Issuer // nil: no development issuer
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
	api      *rest.API
	cursors  rest.Cursors
	recent   *recent
	rules    *rulebook
	heavy    rest.Slots
	streams  streamCounter
	stopping context.Context
	stop     context.CancelFunc
	metrics  *metrics
}

// New builds the routes; it does no I/O.
func New(cfg Config) *Server {
	cfg.Ledger = insistent{cfg.Ledger, pause}
	s := &Server{Config: cfg, rules: newRulebook(cfg.Ledger, cfg.Members), recent: newRecent(cfg.Now), heavy: make(rest.Slots, maxVerifying), metrics: newMetrics(cfg.Metrics)}
	s.stopping, s.stop = context.WithCancel(context.Background())
	s.streams.byClient = map[string]int{}
	cfg.Feed.SetLogs(func(ctx context.Context, r ledger.Shipment) ([]string, error) {
		refs, err := s.logs(ctx, r)
		return logIDs(refs), err
	})
	s.cursors = cfg.Key
	document := rest.Document{Title: "Trackseal", Version: Version, About: about, Tags: tags, Scopes: scopes}
	if cfg.Issuer != nil {
		document.TokenURL = tokenPath
	}
	s.api = rest.New(rest.Config{Org: cfg.Org, Document: document, Access: cfg.Access, Writes: cfg.Idempotency, Metrics: cfg.Metrics, Log: cfg.Log, Elsewhere: http.HandlerFunc(s.dashboard)})
	s.api.Handle("/healthz", http.HandlerFunc(cfg.Health.ServeLive))
	s.api.Handle("/readyz", http.HandlerFunc(cfg.Health.ServeReady))
	s.api.Handle("/metrics", cfg.Health.Mux(cfg.Metrics))

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
	s.memberRoutes()
	s.streamRoutes()
	return s
}

// ServeHTTP makes the server an http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.api.ServeHTTP(w, r) }

// Stop ends the streams, so that the HTTP server can drain.
func (s *Server) Stop() { s.stop() }

// OpenAPI is the document that /openapi.json serves.
func (s *Server) OpenAPI() *huma.OpenAPI { return s.api.OpenAPI() }

type metrics struct {
	streams  prometheus.Gauge
	findings *prometheus.CounterVec
}

func newMetrics(r *prometheus.Registry) *metrics {
	m := &metrics{
		streams:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "trackseal_api_streams", Help: "Open event streams."}),
		findings: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "trackseal_api_verification_findings_total", Help: "Findings of verifications, by check."}, []string{"check"}),
	}
	r.MustRegister(m.streams, m.findings)
	return m
}
