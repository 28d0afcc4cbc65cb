package httpapi_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/influx"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/internal/testkit"
)

// TestReportOf10k measures a report of a trip of 10,000 readings of all quantities that are in a real InfluxDB.
func TestReportOf10k(t *testing.T) {
	if os.Getenv("TRACKSEAL_BENCH") == "" {
		t.Skip("set TRACKSEAL_BENCH=1 to measure")
	}
	d := testkit.StartInfluxd(t)
	c, err := influx.Open(influx.Config{URL: d.URL, Org: d.Org, Bucket: d.Bucket, TokenFile: d.TokenFile})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	w := newWorld(t)
	w.age = 3 * time.Hour
	w.ship("carrier.s1")
	log, start := w.store.Points[0].Log, w.store.Points[0].TimeMS
	b := c.NewBatch()
	const readings = 10_000
	for i := range uint64(readings) {
		b.Reading(log, "carrier.t-s1", i, start+int64(i)*1000, len(telemetry.Quantities), func(q int) (string, float64) {
			return telemetry.Quantities[q].Name, 4 + float64((i*uint64(q+7))%30)/10
		})
	}
	if err := b.Write(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.telemetry = c
	w.reopen()
	best := time.Hour
	for range 3 {
		at := time.Now()
		r := w.must(200, "GET", "/v1/shipments/carrier.s1/report", "")
		best = min(best, time.Since(at))
		if len(r.Body) < 10_000 {
			t.Fatalf("a report of %d bytes", len(r.Body))
		}
	}
	fmt.Printf("figure report_10k %.2f s\n", best.Seconds())
}
