package place

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

func fixAt(ms int64, lat, lon float64) detect.Point {
	return detect.NewPoint(ms, [32]byte{byte(ms / 1000)}, map[string]float64{"lat": lat, "lon": lon})
}

// A track crosses a small forbidden area between two fixes that are a minute apart.
func TestDriveThroughBetweenTwoFixes(t *testing.T) {
	area := []Fence{{ID: "f", Polygon: [][]string{{"9.1935", "-75.8161"}, {"9.1935", "-75.8158"}, {"9.1921", "-75.8157"}, {"9.1921", "-75.8161"}}}}
	track := []detect.Point{fixAt(0, 9.19, -75.8159), fixAt(60_000, 9.196, -75.8159), fixAt(120_000, 9.2, -75.8159)}
	beside := []detect.Point{fixAt(0, 9.19, -75.8151), fixAt(60_000, 9.196, -75.8151), fixAt(120_000, 9.2, -75.8151)}
	for name, tc := range map[string]struct {
		rule   Geofence
		points []detect.Point
		want   string
		reason string
	}{
		"through":                {Geofence{Fences: area, Forbid: Enter}, track, "unknown in 2 out 0 unknown 0", "may have entered f once between two fixes: the straight way goes there"},
		"through, and it counts": {Geofence{Fences: area, Forbid: Enter, BridgeS: 60}, track, "broken in 2 out 0 unknown 0, 0-1", "entered f once"},
		"too far apart":          {Geofence{Fences: area, Forbid: Enter, BridgeS: 59}, track, "unknown in 2 out 0 unknown 0", "may have entered f once"},
		"beside":                 {Geofence{Fences: area, Forbid: Enter, BridgeS: 60}, beside, "met in 2 out 0 unknown 0", ""},
		"too short for a stay":   {Geofence{Fences: area, Forbid: Enter, DwellS: 61}, track, "met in 2 out 0 unknown 0", ""},
		"long enough":            {Geofence{Fences: area, Forbid: Enter, DwellS: 60, BridgeS: 60}, track, "unknown in 2 out 0 unknown 0", "may have entered f once"},
	} {
		f := judge(t, tc.rule, 900_000, tc.points)
		if got := minutes(f); got != tc.want || !strings.Contains(strings.Join(f.Reasons, "; "), tc.reason) {
			t.Errorf("%s: %s %q, want %s %q", name, got, f.Reasons, tc.want, tc.reason)
		}
	}
}

// From one allowed fence straight into another one: the goods were outside between them, unless the fences meet.
func TestStraightWayOutOfTheFences(t *testing.T) {
	two := func(gap float64) []Fence {
		metres := 1000 + gap
		at := detect.Decimal(metres / 111_194.92664 * 1e6)
		return []Fence{{ID: "a", Circle: &Circle{Lat: "0", Lon: "0", RadiusM: 500}}, {ID: "b", Circle: &Circle{Lat: at.String(), Lon: "0", RadiusM: 500}}}
	}
	points := []detect.Point{north(0, 0), north(60_000, 1000), north(120_000, 1000)}
	for gap, want := range map[float64]string{100: "unknown", -100: "met"} {
		for _, forbid := range []string{Outside, Exit} {
			if f := judge(t, Geofence{Fences: two(gap), Forbid: forbid}, 900_000, points); f.State.String() != want {
				t.Errorf("%s, %g m between the fences: %s %q", forbid, gap, f.State, f.Reasons)
			}
		}
	}
	if f := judge(t, Geofence{Fences: two(100), Forbid: Outside, BridgeS: 60}, 900_000, points); f.State != detect.Broken {
		t.Errorf("%s %q", f.State, f.Reasons)
	}
}

// A route with a bend: a straight way cuts it only where the rule says that it counts.
func TestStraightWayOutOfACorridor(t *testing.T) {
	bend := Corridor{Points: [][]string{{"0", "0"}, {"0.1", "0.1"}, {"0", "0.2"}}, WithinM: 500}
	points := []detect.Point{fixAt(0, 0, 0), fixAt(60_000, 0, 0.2)}
	for bridge, want := range map[int]detect.State{0: detect.Met, 30: detect.Unknown, 60: detect.Broken} {
		bend.BridgeS = bridge
		if f := judge(t, bend, 900_000, points); f.State != want {
			t.Errorf("bridge_s %d: %s %q, want %s", bridge, f.State, f.Reasons, want)
		}
	}
	along := []detect.Point{fixAt(0, 0, 0), fixAt(60_000, 0.05, 0.05), fixAt(120_000, 0.1, 0.1), fixAt(180_000, 0.05, 0.15), fixAt(240_000, 0, 0.2)}
	if f := judge(t, bend, 900_000, along); f.State != detect.Met {
		t.Errorf("along the route: %s %q", f.State, f.Reasons)
	}
}

// The search finds what lies on the way when the way is looked at metre by metre, across the antimeridian and far north as well.
func TestStraightWaysAgainstEachMetre(t *testing.T) {
	found := 0
	rapid.Check(t, func(t *rapid.T) {
		num := func(name string, most float64) float64 { return rapid.Float64Range(-most, most).Draw(t, name) }
		lat0, lon0 := rapid.SampledFrom([]float64{0, 52, -70}).Draw(t, "lat"), rapid.SampledFrom([]float64{0, 179.999, -75}).Draw(t, "lon")
		scale := 1 / math.Cos(lat0*math.Pi/180)
		place := func(name string) (lat, lon float64) {
			lat, lon = lat0+num(name+" north", 0.004), lon0+num(name+" east", 0.004)*scale
			return lat, math.Remainder(lon, 360)
		}
		text := func(v float64) string { return detect.Decimal(math.Round(v * 1e6)).String() }
		var fences []Fence
		for i := range rapid.IntRange(1, 3).Draw(t, "fences") {
			lat, lon := place("fence")
			id := string(rune('a' + i))
			if rapid.Bool().Draw(t, "round") {
				fences = append(fences, Fence{ID: id, Circle: &Circle{Lat: text(lat), Lon: text(lon), RadiusM: rapid.IntRange(20, 400).Draw(t, "radius")}})
				continue
			}
			const half = 0.001
			fences = append(fences, Fence{ID: id, Polygon: [][]string{{text(lat - half), text(lon)}, {text(lat), text(math.Remainder(lon+half*scale, 360))},
				{text(lat + half), text(lon)}, {text(lat), text(math.Remainder(lon-half*scale, 360))}}})
		}
		compiled, err := Compile("fences", fences)
		if err != nil {
			t.Fatal(err)
		}
		fix := func(name string) seen {
			lat, lon := place(name)
			f := newFix(detect.Decimal(math.Round(lat*1e6)), detect.Decimal(math.Round(lon*1e6)))
			l := looking{regions: compiled.regions}
			return seen{fix: f, distance: l.distance(&f)}
		}
		a, b := fix("a"), fix("b")
		if (a.distance > 0) != (b.distance > 0) {
			return
		}
		enter := a.distance > 0
		deepest := int64(math.MinInt64)
		dLon := math.Remainder(float64(b.fix.lon-a.fix.lon)/1e6, 360)
		for i := range 4001 {
			s := float64(i) / 4000
			lat, lon := float64(a.fix.lat)/1e6*(1-s)+float64(b.fix.lat)/1e6*s, math.Remainder(float64(a.fix.lon)/1e6+dLon*s, 360)
			f := newFix(detect.Decimal(math.Round(lat*1e6)), detect.Decimal(math.Round(lon*1e6)))
			l := looking{regions: compiled.regions}
			d := l.distance(&f)
			if enter {
				d = -d
			}
			deepest = max(deepest, d)
		}
		r := &rule{regions: compiled.regions}
		got := r.between(&a, &b, enter)
		if got == maybe {
			t.Fatalf("undecided: %v %v", fences, enter)
		}
		if deepest >= 100 && got != somewhere || deepest < -20 && got != never { // 10 m deep, or 2 m off
			t.Fatalf("%d for a way that goes %d dm deep; enter %v, from %v to %v, %+v", got, deepest, enter, a.fix, b.fix, fences)
		}
		if got == somewhere {
			found++
		}
	})
	if found == 0 {
		t.Errorf("only %d ways go through a fence", found)
	}
}

// Unknown time hides a stay only where it has room for one, with what is known on both sides of it.
func TestStaysThatUnknownTimeHides(t *testing.T) {
	gap := func(before, after float64, lengthMin int64) []detect.Point {
		out := []detect.Point{north(0, before), north(600_000, before)}
		at := 600_000 + lengthMin*60_000
		return append(out, north(at, after), north(at+600_000, after), north(at+1_200_000, after))
	}
	dwell := Geofence{Fences: yard, Forbid: Enter, DwellS: 3600}
	stop := Stop{MaxS: 3600, RadiusM: 100}
	for name, tc := range map[string]struct {
		rule   config
		points []detect.Point
		want   detect.State
	}{
		"too short":                      {dwell, gap(900, 900, 60), detect.Met},
		"an hour is unknown":             {dwell, gap(900, 900, 75), detect.Unknown},
		"with what is known before":      {dwell, gap(100, 900, 50), detect.Unknown},
		"with what is known after":       {dwell, gap(900, 100, 55), detect.Unknown},
		"not enough with what is known":  {dwell, gap(900, 100, 30), detect.Met},
		"a stop: too short":              {stop, gap(0, 5000, 40), detect.Met},
		"a stop: with what comes before": {stop, gap(0, 5000, 51), detect.Unknown},
		"a stop: with what comes after":  {stop, append(gap(0, 5000, 40), north(3_900_000, 5000), north(5_400_000, 5000), north(6_000_000, 9000), north(6_060_000, 9000)), detect.Unknown},
	} {
		if f := judge(t, tc.rule, 900_000, tc.points); f.State != tc.want {
			t.Errorf("%s: %s %q, want %s", name, f.State, f.Reasons, tc.want)
		}
	}
}
