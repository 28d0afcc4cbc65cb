package httpapi_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trackseal/trackseal/api/internal/fakestore"
	"github.com/trackseal/trackseal/api/internal/judging"
	"github.com/trackseal/trackseal/api/internal/rest"
	telemetryapi "github.com/trackseal/trackseal/api/internal/telemetry"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/telemetry"
)

func TestQualityOfATracker(t *testing.T) {
	w := newWorld(t)
	w.must(201, "POST", "/v1/trackers", enrolBody(t, "carrier", "carrier.t-1"))
	const hour = int64(3_600_000)
	start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	for i := range int64(30) {
		h := stored.QualityHour{Tracker: "carrier.t-1", StartMS: start + i*hour, Readings: 120, Minutes: 45, Expected: 60, Flags: map[string]int64{"jump": i % 2, "drift": 0}}
		w.store.Hours = append(w.store.Hours, h, stored.QualityHour{Tracker: "carrier.t-2", StartMS: start + i*hour})
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
		if err := json.Unmarshal(w.must(200, "GET", "/v1/trackers/carrier.t-1/quality"+query, "").Body, &a); err != nil {
			t.Fatal(err)
		}
		return a
	}
	a := ask("?from=2026-03-01T02:30:00Z&to=2026-03-01T05:00:00Z")
	want(t, "hours in the range", len(a.Items), 3)
	want(t, "first hour", a.Items[0].Hour, "2026-03-01T02:00:00.000Z")
	want(t, "jumps of the second hour", a.Items[1].Flags["jump"], 1)
	want(t, "availability of the first hour", a.Items[0].Availability, 0.75)
	want(t, "hours in all", a.Total.Hours, 3)
	want(t, "readings in all", a.Total.Readings, 360)
	want(t, "availability in all", present(t, "availability", a.Total.Availability), 0.75)
	want(t, "jumps in all", a.Total.Flags["jump"], 1)
	if a = ask("?to=2026-03-02T06:00:00Z"); len(a.Items) != 24 {
		t.Errorf("a day has %d hours", len(a.Items))
	}
	a = ask("?from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00Z")
	want(t, "the empty list is a list", a.Items != nil, true)
	want(t, "hours where nothing is", len(a.Items), 0)
	want(t, "an availability where nothing is", a.Total.Availability != nil, false)
	for _, query := range []string{"?from=2026-03-02T00:00:00Z&to=2026-03-01T00:00:00Z", "?from=2026-01-01T00:00:00Z&to=2026-03-01T00:00:00Z", "?from=yesterday"} {
		if r := w.call("GET", "/v1/trackers/carrier.t-1/quality"+query, ""); r.Code != 422 {
			t.Errorf("%s: %d %s", query, r.Code, r.Body)
		}
	}
	w.store.SetDown(true)
	w.must(503, "GET", "/v1/trackers/carrier.t-1/quality", "")
}

// TestQualityOfReadings: with include=quality each reading tells why it is odd, page by page; without, nothing is asked.
func TestQualityOfReadings(t *testing.T) {
	w := newWorld(t)
	w.ship("carrier.s1")
	type reading struct {
		Time    rest.Instant
		Tracker string
		Quality []telemetryapi.Oddity
	}
	type page struct {
		Items []reading
		Next  string
	}
	ask := func(query string) (p page) {
		t.Helper()
		w.must(200, "GET", "/v1/shipments/carrier.s1/telemetry"+query, "").into(&p)
		return p
	}
	plain := ask("")
	want(t, "readings", len(plain.Items), 10)
	want(t, "quality that nobody asked for", plain.Items[0].Quality != nil, false)
	odd, other := int64(plain.Items[9].Time), int64(plain.Items[4].Time)
	w.store.Flags = []stored.QualityFlag{
		{Tracker: "carrier.t-s1", Shipment: "carrier.s1", Reason: "availability", TimeMS: other}, // of the hour, not of a reading
		{Tracker: "carrier.t-elsewhere", Shipment: "carrier.s2", Reason: "jump", Metric: "temperature", TimeMS: other},
		{Tracker: "carrier.t-s1", Shipment: "carrier.s1", Reason: "drift", Metric: "temperature", TimeMS: other + 1},
		{Tracker: "carrier.t-s1", Shipment: "carrier.s1", Reason: "jump", Metric: "temperature", TimeMS: odd, Value: 26, Against: 12},
		{Tracker: "carrier.t-s1", Shipment: "carrier.s1", Reason: "outlier", Metric: "temperature", TimeMS: odd, Value: 26, Against: 10},
	}
	reasons := []telemetryapi.Oddity{{Reason: "jump", Metric: "temperature", Against: 12}, {Reason: "outlier", Metric: "temperature", Against: 10}}
	for query, p := range map[string]page{"whole": ask("?include=quality"), "one quantity": ask("?include=quality&fields=humidity"), "tracker": ask("?include=quality&tracker=carrier.t-s1")} {
		if len(p.Items) != 10 {
			t.Fatalf("%s: got %d readings, want 10", query, len(p.Items))
		}
		for i, r := range p.Items {
			if i == 9 && !slices.Equal(r.Quality, reasons) || i < 9 && (r.Quality == nil || len(r.Quality) > 0) {
				t.Errorf("%s: reading %d: got %+v, want the empty list, and %+v at reading 9", query, i, r.Quality, reasons)
			}
		}
	}
	found, cursor := 0, ""
	for range 10 {
		p := ask("?include=quality&limit=3" + cursor)
		for _, r := range p.Items {
			found += len(r.Quality)
		}
		if p.Next == "" {
			break
		}
		cursor = "&cursor=" + p.Next
	}
	if found != 2 {
		t.Errorf("%d reasons over all pages", found)
	}
	want(t, "quality of windows", w.must(422, "GET", "/v1/shipments/carrier.s1/telemetry?include=quality&every=1m", "").problem().Errors[0].Field, "query.include")
	w.must(422, "GET", "/v1/shipments/carrier.s1/telemetry?include=all", "")
	none := ask("?include=quality&to=2001-01-01T00:00:00Z")
	want(t, "the empty list is a list", none.Items != nil, true)
	want(t, "readings before the trip", len(none.Items), 0)
}

// TestReadingsOfOneTrackerOfAShipment: pages are full of the tracker that was asked for, whoever else reports.
func TestReadingsOfOneTrackerOfAShipment(t *testing.T) {
	w := newWorld(t)
	w.ship("carrier.s1")
	for _, p := range slices.Clone(w.store.Points) {
		p.Tracker = "carrier.t-2"
		w.store.Points = append(w.store.Points, p)
	}
	walk := func(query string) (sizes []int, trackers map[string]int) {
		t.Helper()
		trackers = map[string]int{}
		for cursor := ""; ; {
			var p struct {
				Items []struct{ Tracker string }
				Next  string
			}
			w.must(200, "GET", "/v1/shipments/carrier.s1/telemetry?limit=4"+query+cursor, "").into(&p)
			sizes = append(sizes, len(p.Items))
			for _, r := range p.Items {
				trackers[r.Tracker]++
			}
			if p.Next == "" {
				return sizes, trackers
			}
			cursor = "&cursor=" + p.Next
		}
	}
	for _, every := range []string{"", "&every=1m"} {
		if sizes, trackers := walk("&tracker=carrier.t-s1" + every); !slices.Equal(sizes, []int{4, 4, 2}) || trackers["carrier.t-s1"] != 10 || len(trackers) != 1 {
			t.Errorf("%q: %v %v", every, sizes, trackers)
		}
		if sizes, trackers := walk(every); !slices.Equal(sizes, []int{4, 4, 4, 4, 4}) || trackers["carrier.t-2"] != 10 {
			t.Errorf("%q: %v %v", every, sizes, trackers)
		}
		if sizes, _ := walk("&tracker=carrier.t-3" + every); !slices.Equal(sizes, []int{0}) {
			t.Errorf("%q: %v", every, sizes)
		}
	}
}

// A reading tells which of its values are no measurements, by the sensors that the assignment keeps, and whether it was measured at another
// time than the shipment's. The online check finds nothing wrong with either.
func TestReadingsTellFaultsAndOtherTimes(t *testing.T) {
	w := newWorld(t)
	w.age = time.Hour
	w.must(201, "POST", "/v1/trackers", strings.Replace(enrolBody(t, "carrier", "carrier.t-s1"), `"id"`, `"sensors":[{"quantity":"temperature","model":"ds18b20"}],"id"`, 1))
	w.must(201, "POST", "/v1/shipments", shipmentBody("carrier.s1"))
	from := time.Now().Add(-time.Hour).Truncate(time.Second)
	w.must(201, "POST", "/v1/shipments/carrier.s1/assignments", `{"tracker":"carrier.t-s1","from":"`+rest.Instant(from.UnixMilli()).String()+`"}`)
	r, err := ledger.ShipmentGet.Ask(t.Context(), w.ledger, ledger.IDArgs{ID: "carrier.s1"})
	if err != nil {
		t.Fatal(err)
	}
	ingest := &fakestore.Ingest{Name: "carrier.ingest-1", Store: w.store, Ledger: w.ledger, Shipment: r, NowMS: func() int64 { return time.Now().UnixMilli() }}
	w.ingest.set(ingest)
	at := func(minutes int64) int64 { return from.UnixMilli() + minutes*60_000 }
	value := func(minutes int64, celsius float64) telemetry.Reading {
		return telemetry.Reading{TimeMS: at(minutes), Values: map[string]float64{"temperature": celsius, "lat": 0, "lon": 0}}
	}
	raw, err := telemetry.Encode(trackerKey("carrier.t-s1"), telemetry.Claims{Tracker: "carrier.t-s1", Boot: 1, TimeMS: at(10)},
		[]telemetry.Reading{value(-10, 31), value(-5, 30), value(0, 4), value(5, 85), value(10, 4)})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(ingest.Signed(raw), ingest.Anchor(t.Context(), false)); err != nil {
		t.Fatal(err)
	}
	var page struct {
		Items []struct {
			Values  map[string]float64
			Faults  []telemetryapi.Fault
			Outside bool
		}
	}
	w.must(200, "GET", "/v1/shipments/carrier.s1/telemetry", "").into(&page)
	var got []string
	for _, r := range page.Items {
		line := fmt.Sprint(r.Values["temperature"], " ", r.Outside)
		for _, f := range r.Faults {
			line += " " + f.Metric + " " + f.Reason
		}
		got = append(got, line)
	}
	const noFix = " lat no_fix lon no_fix"
	want(t, "readings", got, []string{"31 true" + noFix, "30 true" + noFix, "4 false" + noFix, "85 false temperature error_value" + noFix, "4 false" + noFix})
	var c judging.Compliance
	w.must(200, "GET", "/v1/shipments/carrier.s1/compliance", "").into(&c)
	want(t, "verdict", c.Verdict, "inconclusive")
	want(t, "excursions", len(c.Excursions), 0)
	var faults []string
	for _, f := range c.Faults {
		faults = append(faults, fmt.Sprint(f.Reason, " ", f.Readings, " ", f.Text))
	}
	want(t, "faults", faults, []string{"no_fix 3 no fix", "error_value 1 sensor error value 85"})
	var check struct{ OK bool }
	w.must(200, "GET", "/v1/shipments/carrier.s1/verification", "").into(&check)
	want(t, "the online check", check.OK, true)
}
