// Package evidence answers the routes of anchors, of verification here, and of bundles for verification elsewhere.
package evidence

import (
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/trackseal/trackseal/api/internal/bundle"
	"github.com/trackseal/trackseal/api/internal/ingestclient"
	"github.com/trackseal/trackseal/api/internal/judging"
	"github.com/trackseal/trackseal/api/internal/records"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/api/internal/shipmentlogs"
	"github.com/trackseal/trackseal/api/internal/verification"
)

// Peers are those of other organisations too.
type Peers interface {
	verification.Peers
	PeerOrgs() []string // that EvaluateAt can ask
}

// Resource is made of these parts.
type Resource struct {
	*records.Records
	Logs      *shipmentlogs.Logs
	Rules     *judging.Rules
	Telemetry verification.Store
	Peers     Peers
	Ingest    []ingestclient.Instance
	Evidence  *bundle.Source // nil: no bundles
	Cursors   rest.Cursors
	Heavy     rest.Slots
	Metrics   *prometheus.Registry
	Log       *slog.Logger
	Now       func() time.Time

	findings *prometheus.CounterVec
}

// Register adds the routes.
func (s *Resource) Register(api *rest.API) {
	s.findings = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "trackseal_api_verification_findings_total", Help: "Findings of verifications, by check."}, []string{"check"})
	s.Metrics.MustRegister(s.findings)
	s.verificationRoutes(api)
	s.evidenceRoutes(api)
	s.anchorRoutes(api)
	s.headsRoutes(api)
}
