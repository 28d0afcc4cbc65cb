package run

import (
	"flag"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/service"
	"github.com/trackseal/trackseal/internal/testkit"
)

var update = flag.Bool("update", false, "rewrite network/monitoring/testdata/ingest.prom")

// TestMetricsAreThoseOfTheExample: dashboard and alerts are tried on what /metrics really gives.
func TestMetricsAreThoseOfTheExample(t *testing.T) {
	s := newSetup(t)
	s.send(t, 10)
	s.src.send(up("carrier.T-1"), []byte("no message"))
	s.settle(s.src)
	r := s.Gatherer()
	r.MustRegister(service.Certificate("fabric", func() (time.Time, error) { return time.Now().Add(300 * 24 * time.Hour), nil }, time.Now)) // as the program does
	testkit.Exposition(t, r, "../../../network/monitoring/testdata/ingest.prom", *update)
}
