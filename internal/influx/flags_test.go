package influx_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/testkit"
)

func TestQualityFlags(t *testing.T) {
	d := testkit.StartInfluxd(t)
	c := open(t, d)
	ctx := context.Background()
	b := c.NewBatch()
	for _, f := range []stored.QualityFlag{
		{Tracker: "T-1", Shipment: `S"1`, Reason: "outlier", Metric: "temperature", TimeMS: 1000, Value: 85.5, Against: 5},
		{Tracker: "T-1", Shipment: `S"1`, Reason: "jump", Metric: "temperature", TimeMS: 1000, Value: 85.5, Against: 4},
		{Tracker: "T-1", Shipment: `S"1`, Reason: "jump", Metric: "humidity", TimeMS: 1000, Value: -1, Against: 50},
		{Tracker: "T-1", Reason: "availability", TimeMS: 1000, Value: 0.5}, // of the hour
		{Tracker: "T-1", Shipment: "S-2", Reason: "jump", Metric: "temperature", TimeMS: 2000},
		{Tracker: "T-2", Shipment: "S-2", Reason: "drift", Metric: "temperature", TimeMS: 1000},
		{Tracker: "T-3", Shipment: "S-2", Reason: "drift", Metric: "temperature", TimeMS: 1000},
	} {
		b.QualityFlag(&f)
	}
	if err := b.Write(ctx); err != nil {
		t.Fatal(err)
	}
	ask := func(from, to int64, trackers ...string) (got []string) {
		t.Helper()
		if err := c.QualityFlags(ctx, trackers, from, to, func(f stored.QualityFlag) error {
			got = append(got, fmt.Sprintf("%s %s %s %s %d %g %g", f.Tracker, f.Shipment, f.Reason, f.Metric, f.TimeMS, f.Value, f.Against))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return got
	}
	want := `[T-1 S"1 jump humidity 1000 -1 50 T-1 S"1 jump temperature 1000 85.5 4 T-1 S"1 outlier temperature 1000 85.5 5 T-2 S-2 drift temperature 1000 0 0]`
	if got := fmt.Sprint(ask(1000, 2000, "T-2", "T-1")); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := ask(0, 1000, "T-1"); len(got) != 0 {
		t.Errorf("before: %v", got)
	}
	if got := ask(2000, 0, "T-1"); len(got) != 1 {
		t.Errorf("without an end: %v", got)
	}
	if got := ask(0, 0); len(got) != 0 {
		t.Errorf("of nobody: %v", got)
	}
}
