package httpapi_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/influx"
)

func TestQualityOfATracker(t *testing.T) {
	w := newWorld(t)
	w.must(201, "POST", "/v1/trackers", enrolBody(t, "carrier", "t-1"))
	const hour = int64(3_600_000)
	start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	for i := range int64(30) {
		h := influx.QualityHour{Tracker: "t-1", StartMS: start + i*hour, Readings: 120, Minutes: 45, Expected: 60, Flags: map[string]int64{"jump": i % 2, "drift": 0}}
		w.store.Hours = append(w.store.Hours, h, influx.QualityHour{Tracker: "t-2", StartMS: start + i*hour})
	}
	type answer struct {
		Items []struct {
			Hour         string
			Readings     int64
			Availability float64
			Flags        map[string]int64
		}
		Total struct {
			Hours        int
			Readings     int64
			Availability *float64
			Flags        map[string]int64
		}
	}
	ask := func(query string) (a answer) {
		t.Helper()
		if err := json.Unmarshal(w.must(200, "GET", "/v1/trackers/t-1/quality"+query, "").Body, &a); err != nil {
			t.Fatal(err)
		}
		return a
	}
	a := ask("?from=2026-03-01T02:30:00Z&to=2026-03-01T05:00:00Z")
	if len(a.Items) != 3 || a.Items[0].Hour != "2026-03-01T02:00:00.000Z" && a.Items[0].Hour != "2026-03-01T02:00:00Z" || a.Items[1].Flags["jump"] != 1 || a.Items[0].Availability != 0.75 {
		t.Errorf("%+v", a)
	}
	if a.Total.Hours != 3 || a.Total.Readings != 360 || *a.Total.Availability != 0.75 || a.Total.Flags["jump"] != 1 {
		t.Errorf("%+v", a.Total)
	}
	if a = ask("?to=2026-03-02T06:00:00Z"); len(a.Items) != 24 {
		t.Errorf("a day has %d hours", len(a.Items))
	}
	if a = ask("?from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00Z"); a.Items == nil || len(a.Items) != 0 || a.Total.Availability != nil {
		t.Errorf("%+v", a)
	}
	for _, query := range []string{"?from=2026-03-02T00:00:00Z&to=2026-03-01T00:00:00Z", "?from=2026-01-01T00:00:00Z&to=2026-03-01T00:00:00Z", "?from=yesterday"} {
		if r := w.call("GET", "/v1/trackers/t-1/quality"+query, ""); r.Code != 422 {
			t.Errorf("%s: %d %s", query, r.Code, r.Body)
		}
	}
	w.store.SetDown(true)
	w.must(503, "GET", "/v1/trackers/t-1/quality", "")
}
