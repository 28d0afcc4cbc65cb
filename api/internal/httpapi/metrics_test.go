package httpapi_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/trackseal/trackseal/api/internal/fakestore"
	"github.com/trackseal/trackseal/api/internal/replica"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/service"
	"github.com/trackseal/trackseal/internal/testkit"
)

// idle is an operator that has nothing to copy.
type idle struct{ replica.Operator }

func (idle) Name() string { return "carrier.ingest-1" }

type idleNodes struct{}

func (idleNodes) Operators() map[string]replica.Operator {
	return map[string]replica.Operator{"carrier.ingest-1": idle{}}
}
func (idleNodes) Party(string) replica.Party { return nil }
func (idleNodes) Ended(string) bool          { return false }

// TestMetricsAreThoseOfTheExample: dashboard and alerts are tried on what /metrics really gives.
func TestMetricsAreThoseOfTheExample(t *testing.T) {
	w := newWorld(t)
	w.must(200, "GET", "/v1/network", "")
	// What the program adds.
	w.metrics.MustRegister(service.Certificate("fabric", func() (time.Time, error) { return time.Now().Add(300 * 24 * time.Hour), nil }, time.Now))
	copies := replica.New(replica.Config{Channel: ledger.Channel, Nodes: idleNodes{}, Ledger: w.ledger, Store: new(fakestore.Store),
		Kept: w.state.Tenant("replica"), Metrics: w.metrics, Log: slog.New(slog.DiscardHandler), Now: time.Now})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- copies.Run(ctx) }()
	testkit.WaitFor(t, 10*time.Second, "it is known how far the copy is", func() bool { return copies.States()[0].Known })
	testkit.Exposition(t, w.metrics, "../../../network/monitoring/testdata/api.prom", *update)
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
