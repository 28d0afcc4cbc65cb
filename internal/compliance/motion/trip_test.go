package motion

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

// trip reads the recorded trip where it is at hand: TRACKSEAL_TRIP, or shared/data beside the checkout.
func trip(t *testing.T) []detect.Point {
	path := os.Getenv("TRACKSEAL_TRIP")
	if path == "" {
		path = filepath.Join("..", "..", "..", "..", "shared", "data", "fragile-goods-trip.csv")
	}
	f, err := os.Open(path)
	if err != nil {
		t.Skip("no recorded trip; set TRACKSEAL_TRIP to its file: ", err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var out []detect.Point
	for i, row := range rows[1:] {
		at, err := time.Parse(time.RFC3339, row[0])
		if err != nil {
			t.Fatal(err)
		}
		number := func(col int, unit float64) float64 {
			v, err := strconv.ParseFloat(row[col], 64)
			if err != nil {
				t.Fatal(err)
			}
			return v * unit
		}
		out = append(out, detect.NewPoint(at.UnixMilli(), [32]byte{byte(i), byte(i >> 8)}, map[string]float64{
			"light": number(4, 1e-3), "accel_x": number(5, 9.80665e-3), "accel_y": number(6, 9.80665e-3), "accel_z": number(7, 9.80665e-3),
		}))
	}
	return out
}

// fragile are the limits of the built-in rule set for fragile goods.
var fragile = Drop{FreeFallBelow: "2.5", ImpactAbove: "14", MinHeight: "0.2"}

// A box of 3 kg rides in a car boot from 09:18:56 on, stands still from 09:40:40, and is dropped ten times from about 0.2 m
// between 09:41:42 and 09:42:10; then it stands still until somebody takes it up at 09:42:37. There is a sample every 500 ms.
//
// A fall from 0.2 m lasts 0.2 s, so that about four of the ten can have a sample in them. They do: the magnitude of the
// acceleration is 0.145 g at 09:41:45.4, 0.074 g at 52.4, 0.056 g at 56.9 and 0.198 g at 59.4. While the car drove it was never
// below 0.344 g (3.37 m/s2). Two more samples fell into an impact: 1.660 g at 09:42:01.9 and 1.705 g at 09:42:03.9; the car's worst
// bump is 1.561 g, and 2 g on other roads, so that an impact alone tells nothing. The other drops left nothing that is not in the
// drive as well: that is the recorder's inadequacy, not their absence.
func TestRecordedTripDrops(t *testing.T) {
	points := trip(t)
	d, err := fragile.Detector(nil, "", 900_000)
	if err != nil {
		t.Fatal(err)
	}
	for i := range points {
		d.Step(&points[i])
	}
	f := detect.Finish(d, points[len(points)-1].MS)
	want := []string{
		"09:41:45.438 1.42 free fall down to 1.42 m/s² for less than 1000 ms: drop of at most 4.9 m",
		"09:41:52.438 0.72 free fall down to 0.72 m/s² for less than 1000 ms: drop of at most 4.9 m",
		"09:41:56.938 0.55 free fall down to 0.55 m/s² for less than 1000 ms: drop of at most 4.9 m",
		"09:41:59.438 1.94 free fall down to 1.94 m/s² for less than 1000 ms: drop of at most 4.9 m",
	}
	var got []string
	for _, e := range f.Excursions {
		got = append(got, time.UnixMilli(e.StartMS).UTC().Format("15:04:05.000 ")+brief(e.Peak)+" "+e.Note)
		if len(e.Messages) != 1 {
			t.Errorf("%d messages decide %s", len(e.Messages), e.Note)
		}
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("drops:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	const inadequate = "recorder inadequate for drops: interval 500 ms, needs <= 100 ms (a fall from 0.2 m lasts 201 ms); not every drop shows in 23 min 52 s"
	if f.State != detect.Broken || len(f.Reasons) != 3 || f.Reasons[1] != inadequate || !strings.HasPrefix(f.Reasons[2], "9 impacts of 14 m/s² or more without a fall that could be seen") {
		t.Errorf("state %s, reasons %q; want %s, three of which the second is %q", f.State, f.Reasons, detect.Broken, inadequate)
	}
}

// Until the box stands still for the first drop nothing is found, and that is no pass.
func TestRecordedTripWithoutItsEnd(t *testing.T) {
	points := trip(t)
	for name, until := range map[string]string{"drive": "2019-03-24T09:41:41Z", "first minutes": "2019-03-24T09:22:00Z"} {
		at, err := time.Parse(time.RFC3339, until)
		if err != nil {
			t.Fatal(err)
		}
		d, err := fragile.Detector(nil, "", 900_000)
		if err != nil {
			t.Fatal(err)
		}
		var last int64
		for i := range points {
			if points[i].MS < at.UnixMilli() {
				d.Step(&points[i])
				last = points[i].MS
			}
		}
		f := detect.Finish(d, last)
		if f.State != detect.Unknown || len(f.Excursions) != 0 || f.InMS != 0 || !strings.HasPrefix(f.Reasons[0], "recorder inadequate for drops: interval 500 ms") {
			t.Errorf("%s: %s %q, %d drops", name, f.State, f.Reasons, len(f.Excursions))
		}
	}
}

// Twice light falls into the box while it is loaded into the car, and at the end it is opened: 28.8 lx at 09:42:43.9, then up
// to 1031 lx. The drops between them, in the dark, are no opening.
func TestRecordedTripOpening(t *testing.T) {
	points := trip(t)
	d, err := Opening{LightAbove: "10", Samples: 2}.Detector(nil, "", 900_000)
	if err != nil {
		t.Fatal(err)
	}
	for i := range points {
		d.Step(&points[i])
	}
	f := detect.Finish(d, points[len(points)-1].MS)
	var got []string
	for _, e := range f.Excursions {
		got = append(got, time.UnixMilli(e.StartMS).UTC().Format("15:04:05.000 ")+e.Peak.String())
	}
	if want := "09:21:22.937 129.6, 09:21:51.937 17.28, 09:42:43.938 1031.04"; strings.Join(got, ", ") != want || f.State != detect.Broken || !f.Excursions[2].Open {
		t.Errorf("%s %q: %s", f.State, f.Reasons, strings.Join(got, ", "))
	}
}
