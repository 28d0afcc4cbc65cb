// Package live answers the streams of events.
package live

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/trackseal/trackseal/api/internal/feed"
	"github.com/trackseal/trackseal/api/internal/records"
	"github.com/trackseal/trackseal/api/internal/rest"
)

// Resource is made of these parts.
type Resource struct {
	*records.Records
	Feed     *feed.Feed
	Stopping context.Context // ends the streams, so that the server can drain
	Metrics  *prometheus.Registry
	Log      *slog.Logger
	Now      func() time.Time

	streams streamCounter
	open    prometheus.Gauge
}

// Register adds the routes.
func (s *Resource) Register(api *rest.API) {
	s.streams.byClient = map[string]int{}
	s.open = prometheus.NewGauge(prometheus.GaugeOpts{Name: "trackseal_api_streams", Help: "Open event streams."})
	s.Metrics.MustRegister(s.open)
	s.streamRoutes(api)
}
