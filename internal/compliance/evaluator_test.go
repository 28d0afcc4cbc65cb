package compliance

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/trackseal/trackseal/internal/compliance/detect"
	"github.com/trackseal/trackseal/internal/compliance/motion"
	"github.com/trackseal/trackseal/internal/compliance/place"
	"github.com/trackseal/trackseal/internal/compliance/thermal"
)

// everything is a rule set with each kind, stages, legs, settling times and nested rules.
func everything() RuleSet {
	transit := limit("cold", "temperature", "<", "2", Consecutive, 120)
	transit.Stages, transit.SettleS = []string{"in_transit"}, 90
	leg := limit("sum-leg", "temperature", ">", "8", Cumulative, 240)
	leg.Per, leg.Escalation = "leg", []Escalation{{600, "critical"}}
	rolled := limit("sum-hour", "temperature", ">=", "8", Cumulative, 600)
	rolled.Limit.WindowS, rolled.Limit.Hysteresis = 3600, "0.5"
	held := limit("warm-hysteresis", "temperature", ">", "8", Consecutive, 180)
	held.Limit.Hysteresis, held.Limit.ClearS = "1", 90
	mkt := Rule{ID: "mkt", Severity: "minor", MKT: &thermal.MKT{Metric: "temperature", Max: "8", WindowS: 3600, MinCoverage: "0.8", ActivationK: "10000"}}
	budget := Rule{ID: "budget", Severity: "minor", Per: "leg", Budget: &thermal.Budget{Metric: "temperature", LabelMin: "2", LabelMax: "8", Unknown: "last",
		Bands: []thermal.Band{{ID: "warm", Min: "8", Max: "15", TotalS: 3000, SingleS: 600}}}}
	shock := Rule{ID: "shock", Severity: "major", Optional: true, Shock: &motion.Shock{Min: "100"}}
	pulse := limit("pulse", "shock", ">", "150", Instant, 0)
	pulse.Optional, pulse.Per = true, "leg"
	opening := Rule{ID: "opened", Severity: "info", Opening: &motion.Opening{LightAbove: "10", Samples: 2}, Stages: []string{"in_transit", "at_origin"}}
	fence := Rule{ID: "fence", Severity: "minor", Optional: true, Geofence: &place.Geofence{Forbid: "enter", Fences: []place.Fence{
		{ID: "f", Circle: &place.Circle{Lat: "52.5", Lon: "13.4", RadiusM: 500}}}}}
	stop := Rule{ID: "stop", Severity: "minor", Optional: true, Stop: &place.Stop{MaxS: 900, RadiusM: 100}}
	silence := Rule{ID: "silence", Severity: "minor", Silence: &Silence{MaxS: 300, Promise: true}}
	recorder := Rule{ID: "recorder", Severity: "minor", Recorder: &Recorder{Standard: "EN12830", Min: "-30", Max: "60", Calibration: true, Coverage: "0.5"}}
	both := Rule{ID: "both", Severity: "major", All: []Rule{
		{ID: "both-warm", Limit: &Limit{Metric: "temperature", Op: ">", Value: "6", Mode: Instant}},
		{ID: "both-damp", Any: []Rule{
			{ID: "both-damp-a", Limit: &Limit{Metric: "humidity", Op: ">", Value: "65", Mode: Consecutive, DurationS: 60}},
			{ID: "both-damp-b", Limit: &Limit{Metric: "light", Op: ">", Value: "10", Mode: Instant}}}}}}
	often := limit("often", "temperature", ">", "8", Consecutive, 60)
	often.Limit.MaxStays, often.Limit.ClearS, often.Hours = 2, 30, &Hours{From: "21:30", To: "22:45"}
	again := limit("again", "temperature", "<", "2", Instant, 0)
	again.Limit.After = &After{Op: ">", Value: "8"}
	rested := limit("rested", "temperature", "<=", "5", AtLeast, 600)
	rs := set(warm(Consecutive, 180), often, again, rested, limit("damp", "humidity", ">", "60", Consecutive, 60), transit, leg, rolled, held, mkt, budget, shock, pulse, opening, fence, stop,
		silence, recorder, both)
	rs.Zone = &Zone{Name: "Test/Zone", Offsets: []Offset{{"2023-01-01T00:00:00Z", "-00:30"}, {"2023-11-14T22:20:00Z", "+00:00"}}}
	return rs
}

func drawJourney(t *rapid.T, span int64) detect.Journey {
	when := rapid.Int64Range(t0, t0+span)
	c := detect.Journey{FromMS: t0}
	if rapid.Bool().Draw(t, "departs") {
		c.DepartMS = when.Draw(t, "depart")
		c.Legs = []detect.Leg{{Custodian: "A", FromMS: t0, ToMS: c.DepartMS}, {Custodian: "B", FromMS: c.DepartMS}}
		if c.DepartMS == t0 {
			c.Legs = c.Legs[1:]
		}
		if rapid.Bool().Draw(t, "arrives") {
			c.DeliverMS = rapid.Int64Range(c.DepartMS, t0+span).Draw(t, "deliver")
			if rapid.Bool().Draw(t, "ends") {
				c.EndMS = rapid.Int64Range(c.DeliverMS, t0+2*span).Draw(t, "end")
			}
		}
	}
	for _, id := range []string{"A", "B"}[:rapid.IntRange(1, 2).Draw(t, "trackers")] {
		x := detect.Tracker{ID: id, Windows: []detect.Window{{FromMS: t0}}, Calibrations: []detect.Window{{FromMS: t0 - 1, ToMS: t0 + span/2}}}
		if rapid.Bool().Draw(t, "reattached") {
			a, b := when.Draw(t, "off"), when.Draw(t, "on")
			if a > b {
				a, b = b, a
			}
			x.Windows = []detect.Window{{FromMS: t0, ToMS: a}, {FromMS: b}}
		}
		c.Trackers = append(c.Trackers, x)
	}
	return c
}

func drawReadings(t *rapid.T, most int) (out []Reading, end int64) {
	at := t0
	for range rapid.IntRange(0, most).Draw(t, "n") {
		at += rapid.SampledFrom([]int64{0, 1000, 60_000, 60_000, 61_000, 120_000, 120_000, 900_000}).Draw(t, "dt")
		v := map[string]float64{}
		if rapid.IntRange(0, 9).Draw(t, "has") > 0 {
			v["temperature"] = float64(rapid.IntRange(0, 12).Draw(t, "temp"))
		}
		if rapid.Bool().Draw(t, "h") {
			v["humidity"] = float64(rapid.IntRange(50, 70).Draw(t, "rh"))
		}
		switch rapid.IntRange(0, 7).Draw(t, "more") {
		case 0:
			v["shock"] = float64(rapid.IntRange(50, 200).Draw(t, "shock"))
		case 1:
			v["light"] = float64(rapid.SampledFrom([]int{0, 100}).Draw(t, "light"))
		case 2, 3:
			v["lat"], v["lon"] = 52.5, 13.4+float64(rapid.IntRange(0, 2).Draw(t, "lon"))*0.004
		}
		p := detect.NewPoint(at, [32]byte{byte(rapid.IntRange(0, 3).Draw(t, "message"))}, v)
		p.NextDueS = rapid.SampledFrom([]uint32{0, 0, 60, 1000}).Draw(t, "due")
		out = append(out, Reading{Tracker: rapid.SampledFrom([]string{"A", "A", "B"}).Draw(t, "tracker"), Point: p})
	}
	return out, at
}

// The same readings give the same bytes in whatever order, in whatever batches and however often they arrive, also when
// results are asked for in between, for any time.
func TestOrderDoesNotMatter(t *testing.T) {
	rs := everything()
	rapid.Check(t, func(t *rapid.T) {
		readings, end := drawReadings(t, 60)
		c := drawJourney(t, max(end-t0, 1))
		want, err := Judge(rs, c, slices.Clone(readings), 0)
		if err != nil {
			t.Fatal(err)
		}
		e, err := New(rs, c)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rapid.Permutation(append(slices.Clone(readings), readings...)).Draw(t, "order") {
			e.Add(r.Tracker, r.Point)
			if rapid.IntRange(0, 9).Draw(t, "ask") == 0 {
				if _, err := e.Result(rapid.SampledFrom([]int64{0, end, t0 + 600_000, end + 600_000}).Draw(t, "to")); err != nil {
					t.Fatal(err)
				}
			}
		}
		got, err := e.Result(0)
		if err != nil || !bytes.Equal(got.Encode(), want.Encode()) {
			t.Fatalf("%v\nin order %s\nshuffled %s", err, want.Encode(), got.Encode())
		}
	})
}

// Long histories are trimmed: late readings within the window change the result as if they had come in time, older ones make
// the evaluator stale, never wrong.
func TestLateReadingsInLongHistories(t *testing.T) {
	rs := everything()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(300, 1500).Draw(t, "n")
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		late := rapid.IntRange(1, 500).Draw(t, "late")
		var all []Reading
		for i := range n {
			v := map[string]float64{"temperature": float64(rng.IntN(11)), "humidity": float64(50 + rng.IntN(20))}
			if rng.IntN(5) == 0 {
				v["shock"] = float64(rng.IntN(250))
			}
			all = append(all, Reading{Tracker: "T", Point: detect.NewPoint(t0+int64(i)*minute+int64(rng.IntN(20_000)), [32]byte{byte(i)}, v)})
		}
		c := oneTracker()
		c.DepartMS = t0 + int64(n/2)*minute
		c.Legs = []detect.Leg{{Custodian: "A", FromMS: t0, ToMS: c.DepartMS}, {Custodian: "B", FromMS: c.DepartMS}}
		want, err := Judge(rs, c, slices.Clone(all), 0)
		if err != nil {
			t.Fatal(err)
		}
		e, err := New(rs, c)
		if err != nil {
			t.Fatal(err)
		}
		// Each reading may be delayed by up to late places.
		order := make([]int, n)
		for i := range order {
			order[i] = i + rng.IntN(late)
		}
		index := make([]int, n)
		for i := range index {
			index[i] = i
		}
		slices.SortStableFunc(index, func(a, b int) int { return order[a] - order[b] })
		for k, i := range index {
			e.Add("T", all[i].Point)
			if k%97 == 0 && !e.Stale() {
				if _, err := e.Result(0); err != nil {
					t.Fatal(err)
				}
			}
		}
		got, err := e.Result(0)
		switch {
		case e.Stale():
			if !errors.Is(err, ErrStale) || late < Window {
				t.Fatalf("stale with %d late: %v", late, err)
			}
		case err != nil || !bytes.Equal(got.Encode(), want.Encode()):
			t.Fatalf("%v\nin order %s\nshuffled %s", err, want.Encode(), got.Encode())
		}
		if size := e.Size(); size > Window+Checkpoint {
			t.Fatalf("%d readings in memory", size)
		}
		// An earlier moment within the window, too.
		if !e.Stale() {
			to := all[n-1].Point.MS - int64(rng.IntN(200))*minute
			var until []Reading
			for _, r := range all {
				if r.Point.MS <= to {
					until = append(until, r)
				}
			}
			want, _ := Judge(rs, c, until, to)
			if got, err := e.Result(to); err != nil || !bytes.Equal(got.Encode(), want.Encode()) {
				t.Fatalf("at %d: %v\nwant %s\ngot  %s", to, err, want.Encode(), got.Encode())
			}
		}
	})
}

// What the ledger says later is as if it had been known from the start.
func TestSetJourney(t *testing.T) {
	rs := everything()
	rapid.Check(t, func(t *rapid.T) {
		readings, end := drawReadings(t, 40)
		before, after := drawJourney(t, max(end-t0, 1)), drawJourney(t, max(end-t0, 1))
		want, err := Judge(rs, after, slices.Clone(readings), 0)
		if err != nil {
			t.Fatal(err)
		}
		e, err := New(rs, before)
		if err != nil {
			t.Fatal(err)
		}
		half := len(readings) / 2
		e.Load(slices.Clone(readings[:half]))
		if err := e.SetJourney(after); err != nil {
			t.Fatal(err)
		}
		e.Load(slices.Clone(readings[half:]))
		if e.Stale() {
			return // the first journey did not judge some
		}
		if got, err := e.Result(0); err != nil || !bytes.Equal(got.Encode(), want.Encode()) {
			t.Fatalf("%v\nwant %s\ngot  %s", err, want.Encode(), got.Encode())
		}
	})
	e, _ := New(set(warm(Instant, 0)), oneTracker())
	for i := range int64(1000) {
		e.Add("T", detect.NewPoint(t0+i*minute, [32]byte{}, map[string]float64{"temperature": 5}))
	}
	if err := e.SetJourney(oneTracker()); err != nil || e.Stale() {
		t.Fatalf("the same journey: %v", err)
	}
	c := oneTracker()
	c.DepartMS = t0 + minute
	if err := e.SetJourney(c); err != nil || !e.Stale() {
		t.Fatalf("not stale: %v", err)
	}
	if _, err := e.Result(0); !errors.Is(err, ErrStale) {
		t.Fatal(err)
	}
}

// A gap is inconclusive, never compliant by silence; late data that fills it changes the verdict.
func TestGapThenLateData(t *testing.T) {
	for name, tc := range map[string]struct {
		late float64
		want string
	}{"harmless": {5, Compliant}, "not harmless": {9, NonCompliant}} {
		e, err := New(set(warm(Consecutive, 1800)), oneTracker())
		if err != nil {
			t.Fatal(err)
		}
		var late []Reading
		for i := range int64(300) {
			if i > 100 && i < 190 {
				late = append(late, at(t0+i*minute, tc.late))
				continue
			}
			e.Add("T", at(t0+i*minute, 5).Point)
			r, err := e.Result(0)
			want := Compliant
			if i >= 190 {
				want = Inconclusive
			}
			if err != nil || r.Verdict != want {
				t.Fatalf("%s: minute %d: %s %v", name, i, r.Verdict, err)
			}
		}
		if r, _ := e.Result(t0 + 150*minute); r.Verdict != Inconclusive || r.metric("temperature").UnknownMS != 40*minute {
			t.Errorf("%s: in the gap: %s", name, r.Encode())
		}
		e.Load(late)
		if r, err := e.Result(0); err != nil || r.Verdict != tc.want {
			t.Errorf("%s: %s %v", name, r.Encode(), err)
		}
	}
}

// A month of readings takes seconds, and its arrival, in whatever order, leaves no trace.
func TestAMonthInSeconds(t *testing.T) {
	rs, _ := Lookup("general-2-8@1")
	rng := rand.New(rand.NewPCG(30, 30))
	var all []Reading
	v := 5.0
	for i := range int64(30 * 24 * 60) {
		v += rng.Float64() - 0.5 + (5-v)*0.02
		if rng.IntN(2000) > 0 {
			all = append(all, at(t0+i*minute, v))
		}
	}
	want := judge(t, rs, oneTracker(), all, 0)
	if want.Verdict == Compliant || len(want.Excursions) == 0 {
		t.Fatalf("nothing happens: %s", want.Encode())
	}
	rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	e, err := New(rs, oneTracker())
	if err != nil {
		t.Fatal(err)
	}
	rebuilt := 0
	for i := range all {
		e.Add("T", all[i].Point)
		if i%1000 != 999 && i != len(all)-1 || !e.Stale() {
			continue
		}
		rebuilt++
		if e, err = New(rs, oneTracker()); err != nil {
			t.Fatal(err)
		}
		e.Load(slices.Clone(all[:i+1]))
	}
	got, err := e.Result(0)
	if err != nil || !bytes.Equal(got.Encode(), want.Encode()) || rebuilt == 0 {
		t.Fatalf("%v, built %d times\nin order %s\nshuffled %s", err, rebuilt, want.Encode(), got.Encode())
	}
}
