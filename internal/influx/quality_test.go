package influx_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/testkit"
)

func TestQualityHours(t *testing.T) {
	d := testkit.StartInfluxd(t)
	c := open(t, d)
	ctx := context.Background()
	const hour = int64(3_600_000)
	b := c.NewBatch()
	for i := range int64(3) {
		for _, tracker := range []string{"T-2", "T-1"} {
			b.QualityHour(&stored.QualityHour{Tracker: tracker, StartMS: i * hour, Readings: i, Minutes: i, Expected: 60, Flags: map[string]int64{"jump": i, "drift": 7}})
		}
	}
	b.QualityFlag(&stored.QualityFlag{Tracker: "T-1", Shipment: "S", Reason: "jump", Metric: "temperature", TimeMS: 5, Value: 85, Against: 5})
	b.QualityFlag(&stored.QualityFlag{Tracker: "T-1", Shipment: "S", Reason: "availability", TimeMS: 0})
	if err := b.Write(ctx); err != nil {
		t.Fatal(err)
	}
	// An hour that is written again without a reason keeps that reason's count.
	b.Reset()
	b.QualityHour(&stored.QualityHour{Tracker: "T-1", StartMS: hour, Readings: 30, Minutes: 30, Expected: 60, Flags: map[string]int64{"jump": 9}})
	if err := b.Write(ctx); err != nil {
		t.Fatal(err)
	}
	ask := func(tracker string, from, to int64) (got []string) {
		if err := c.QualityHours(ctx, tracker, from, to, func(h stored.QualityHour) error {
			got = append(got, fmt.Sprintf("%s %d %d/%d/%d %v", h.Tracker, h.StartMS/hour, h.Readings, h.Minutes, h.Expected, h.Flags))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got, want := fmt.Sprint(ask("T-1", 0, 2*hour)), "[T-1 0 0/0/60 map[drift:7 jump:0] T-1 1 30/30/60 map[drift:7 jump:9]]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got, want := fmt.Sprint(ask("", 2*hour, 0)), "[T-1 2 2/2/60 map[drift:7 jump:2] T-2 2 2/2/60 map[drift:7 jump:2]]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestReadingsOfOneTracker(t *testing.T) {
	d := testkit.StartInfluxd(t)
	c := open(t, d)
	ctx := context.Background()
	b := c.NewBatch()
	for i := range uint64(10) {
		reading(b, stored.Reading{Log: fmt.Sprint("log", i%2), Tracker: fmt.Sprint("T-", i%3), Leaf: i, TimeMS: int64(i), Values: map[string]float64{"temperature": float64(i)}})
	}
	if err := b.Write(ctx); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		q    stored.ReadingsQuery
		want string
	}{
		"all logs":   {stored.ReadingsQuery{Tracker: "T-0"}, "[0 3 6 9]"},
		"one log":    {stored.ReadingsQuery{Tracker: "T-0", Logs: []string{"log1"}}, "[3 9]"},
		"some time":  {stored.ReadingsQuery{Tracker: "T-0", FromMS: 3, ToMS: 9}, "[3 6]"},
		"of neither": {stored.ReadingsQuery{}, "[]"},
	} {
		var got []uint64
		if err := c.Readings(ctx, tc.q, func(r stored.Reading, _ time.Time) error {
			got = append(got, r.Leaf)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(got) != tc.want && !(len(got) == 0 && tc.want == "[]") {
			t.Errorf("%s: %v, want %s", name, got, tc.want)
		}
	}
}
