package place

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

type config = detect.Kind

// north is a fix some metres north of 0, 0.
func north(ms int64, metres float64) detect.Point {
	return detect.NewPoint(ms, [32]byte{byte(ms / 1000), byte(ms / 256_000), 1}, map[string]float64{"lat": metres / 111_194.92664, "lon": 0})
}

// track is one fix a minute.
func track(metres ...float64) (out []detect.Point) {
	for i, m := range metres {
		out = append(out, north(int64(i)*60_000, m))
	}
	return out
}

func judge(t testing.TB, c config, maxGapMS int64, points []detect.Point) detect.Finding {
	t.Helper()
	d, err := c.Detector(&detect.Journey{}, "t", maxGapMS)
	if err != nil {
		t.Fatal(err)
	}
	for i := range points {
		d.Step(&points[i])
	}
	return detect.Finish(d, points[len(points)-1].MS)
}

func minutes(f detect.Finding) string {
	s := fmt.Sprintf("%s in %d out %d unknown %d", f.State, f.InMS/60_000, f.OutMS/60_000, f.UnknownMS/60_000)
	for _, e := range f.Excursions {
		s += fmt.Sprintf(", %d-%d", e.StartMS/60_000, e.EndMS/60_000)
		if e.Open {
			s += "+"
		}
	}
	return s
}

var yard = []Fence{{ID: "yard", Circle: &Circle{Lat: "0", Lon: "0", RadiusM: 500}}}

// The fence is entered at 500 m and left beyond 550 m.
func TestGeofence(t *testing.T) {
	for name, tc := range map[string]struct {
		rule   Geofence
		points []detect.Point
		want   string
	}{
		"enter at the radius":               {Geofence{Fences: yard, Forbid: Enter}, track(900, 900, 500, 400, 900, 900), "broken in 3 out 2 unknown 0, 2-4"},
		"not just outside":                  {Geofence{Fences: yard, Forbid: Enter}, track(900, 501, 501, 900), "met in 3 out 0 unknown 0"},
		"one fix outside does not leave":    {Geofence{Fences: yard, Forbid: Exit}, track(100, 900, 100, 900, 100), "met in 4 out 0 unknown 0"},
		"two do, from the first on":         {Geofence{Fences: yard, Forbid: Exit}, track(100, 900, 900, 900), "broken in 1 out 2 unknown 0, 1-3+"},
		"within the margin does not leave":  {Geofence{Fences: yard, Forbid: Exit}, track(100, 549, 549, 549, 549), "met in 4 out 0 unknown 0"},
		"the margin breaks the row":         {Geofence{Fences: yard, Forbid: Exit}, track(100, 900, 540, 900, 540), "met in 4 out 0 unknown 0"},
		"outside before the first entry":    {Geofence{Fences: yard, Forbid: Exit}, track(900, 900, 900, 100), "met in 3 out 0 unknown 0"},
		"left and back":                     {Geofence{Fences: yard, Forbid: Exit}, track(100, 900, 900, 100, 100), "broken in 2 out 2 unknown 0, 1-3"},
		"expected inside but is not":        {Geofence{Fences: yard, Forbid: Outside}, track(900, 900, 900, 100, 100), "broken in 1 out 3 unknown 0, 0-3"},
		"inside as expected":                {Geofence{Fences: yard, Forbid: Outside}, track(100, 200, 510), "met in 2 out 0 unknown 0"},
		"a short visit is no stay":          {Geofence{Fences: yard, Forbid: Enter, DwellS: 180}, track(900, 900, 100, 100, 900, 900), "met in 3 out 2 unknown 0"},
		"a stay":                            {Geofence{Fences: yard, Forbid: Enter, DwellS: 120}, track(900, 900, 100, 100, 900, 900), "broken in 3 out 2 unknown 0, 2-4"},
		"one fix only is not enough to say": {Geofence{Fences: yard, Forbid: Enter}, append(track(900), north(60_000, 900))[:1], "met in 0 out 0 unknown 0"},
		"a gap":                             {Geofence{Fences: yard, Forbid: Enter}, []detect.Point{north(0, 900), north(60_000, 900), north(3_660_000, 900)}, "unknown in 16 out 0 unknown 45"},
		"no fix":                            {Geofence{Fences: yard, Forbid: Enter}, []detect.Point{detect.NewPoint(0, [32]byte{}, map[string]float64{"temperature": 4, "lat": 5})}, "unknown in 0 out 0 unknown 0"},
		"a stay that a gap leaves open":     {Geofence{Fences: yard, Forbid: Enter, DwellS: 1800}, []detect.Point{north(0, 100), north(2_400_000, 100)}, "unknown in 0 out 15 unknown 25"},
	} {
		if got := minutes(judge(t, tc.rule, 900_000, tc.points)); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
	f := judge(t, Geofence{Fences: yard, Forbid: Exit}, 900_000, track(100, 900, 1200, 800))
	if f.Reasons[0] != "left yard once, 2 min in all" || f.Excursions[0].Note != "left yard: up to 700 m outside the boundary" || f.Excursions[0].Peak.String() != "700" || len(f.Excursions[0].Messages) != 3 {
		t.Errorf("%q %+v", f.Reasons, f.Excursions)
	}
}

func TestPolygons(t *testing.T) {
	for name, tc := range map[string]struct {
		ring     [][]string
		lat, lon string
		metres   float64 // outside, below 0 inside
	}{
		"middle":                       {[][]string{{"0", "0"}, {"0", "0.01"}, {"0.01", "0.01"}, {"0.01", "0"}}, "0.005", "0.005", -555.97},
		"corner":                       {[][]string{{"0", "0"}, {"0", "0.01"}, {"0.01", "0.01"}, {"0.01", "0"}}, "0.01", "0.01", 0},
		"side":                         {[][]string{{"0", "0"}, {"0", "0.01"}, {"0.01", "0.01"}, {"0.01", "0"}}, "0", "0.003", 0},
		"north of it":                  {[][]string{{"0", "0"}, {"0", "0.01"}, {"0.01", "0.01"}, {"0.01", "0"}}, "0.011", "0.005", 111.19},
		"beyond a corner":              {[][]string{{"0", "0"}, {"0", "0.01"}, {"0.01", "0.01"}, {"0.01", "0"}}, "0.013", "0.014", 555.9},
		"at 60 degrees":                {[][]string{{"60", "10"}, {"60.1", "10"}, {"60.1", "10.1"}, {"60", "10.1"}}, "60.05", "10.11", 555.1},
		"across the antimeridian":      {[][]string{{"-1", "179"}, {"-1", "-179"}, {"1", "-179"}, {"1", "179"}}, "0", "-179.5", -55597},
		"across it, from the west":     {[][]string{{"-1", "179"}, {"-1", "-179"}, {"1", "-179"}, {"1", "179"}}, "0", "179.5", -55597},
		"not on the other side of it":  {[][]string{{"-1", "179"}, {"-1", "-179"}, {"1", "-179"}, {"1", "179"}}, "0", "178.99", 1112},
		"clockwise":                    {[][]string{{"0", "0"}, {"0.01", "0"}, {"0.01", "0.01"}, {"0", "0.01"}}, "0.005", "0.005", -555.97},
		"in the notch of a horseshoe":  {[][]string{{"0", "0"}, {"0", "0.03"}, {"0.03", "0.03"}, {"0.03", "0.02"}, {"0.01", "0.02"}, {"0.01", "0.01"}, {"0.03", "0.01"}, {"0.03", "0"}}, "0.02", "0.015", 555.97},
		"in the branch of a horseshoe": {[][]string{{"0", "0"}, {"0", "0.03"}, {"0.03", "0.03"}, {"0.03", "0.02"}, {"0.01", "0.02"}, {"0.01", "0.01"}, {"0.03", "0.01"}, {"0.03", "0"}}, "0.02", "0.025", -555.97},
	} {
		r, err := newPolygon("p", tc.ring)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		lat, lon := dec(t, tc.lat), dec(t, tc.lon)
		_, c := sine(lat)
		got := float64(r.distance(&fix{lat, lon, at(lat, lon), c})) / 10
		if d := got - tc.metres; d > 1+abs(tc.metres)/1000 || d < -1-abs(tc.metres)/1000 {
			t.Errorf("%s: %.1f m, want %.1f", name, got, tc.metres)
		}
	}
}

func abs(v float64) float64 { return max(v, -v) }

// Turning and mirroring a ring, and moving it round the earth, changes no distance.
func TestPolygonsDoNotDependOnWhereTheyBegin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var ring [][]string
		n := rapid.IntRange(3, 8).Draw(t, "corners")
		shift := rapid.Int64Range(-179_000_000, 179_000_000).Draw(t, "shift")
		wrap := func(lon int64) string {
			return detect.Decimal((lon+shift+3*turn/2)%turn - turn/2).String()
		}
		plain := [][]string{}
		for i := range n { // star-shaped about 0.5, 0.5: no sides cross
			angle := detect.Decimal(int64(i) * turn / int64(n))
			s, c := sine(angle)
			r := rapid.Int64Range(10_000, 400_000).Draw(t, "r")
			lat, lon := 500_000+mul(s, r), 500_000+mul(c, r)
			ring = append(ring, []string{detect.Decimal(lat).String(), wrap(lon)})
			plain = append(plain, []string{detect.Decimal(lat).String(), detect.Decimal(lon).String()})
		}
		k := rapid.IntRange(0, n-1).Draw(t, "turn")
		ring = append(ring[k:], ring[:k]...)
		a, err1 := newPolygon("a", plain)
		b, err2 := newPolygon("b", ring)
		if err1 != nil || err2 != nil {
			t.Skip("another draw: these corners make no polygon: ", err1, err2)
		}
		lat, lon := rapid.Int64Range(0, 1_000_000).Draw(t, "lat"), rapid.Int64Range(0, 1_000_000).Draw(t, "lon")
		moved, err := detect.ParseDecimal(wrap(lon))
		if err != nil {
			t.Fatal(err)
		}
		_, c := sine(detect.Decimal(lat))
		da := a.distance(&fix{lat: detect.Decimal(lat), lon: detect.Decimal(lon), cosLat: c})
		db := b.distance(&fix{lat: detect.Decimal(lat), lon: moved, cosLat: c})
		if da != db {
			t.Fatalf("%d and %d", da, db)
		}
	})
}

func TestCorridor(t *testing.T) {
	// North along the Greenwich meridian, then east along the equator's neighbour.
	rule := Corridor{Points: [][]string{{"0", "0"}, {"1", "0"}, {"1", "1"}}, WithinM: 1000}
	east := func(ms int64, lat, lon float64) detect.Point {
		return detect.NewPoint(ms, [32]byte{byte(ms / 1000)}, map[string]float64{"lat": lat, "lon": lon})
	}
	for name, tc := range map[string]struct {
		minS   int
		points []detect.Point
		want   string
	}{
		"on the line":        {0, []detect.Point{east(0, 0.2, 0), east(60_000, 0.9, 0.005), east(120_000, 1.0005, 0.5), east(180_000, 1, 1)}, "met in 3 out 0 unknown 0"},
		"one fix beside it":  {0, []detect.Point{east(0, 0.2, 0), east(60_000, 0.5, 0.02), east(120_000, 0.6, 0)}, "met in 2 out 0 unknown 0"},
		"two fixes":          {0, []detect.Point{east(0, 0.2, 0), east(60_000, 0.5, 0.02), east(120_000, 0.6, 0.02), east(180_000, 0.6, 0)}, "broken in 1 out 2 unknown 0, 1-3"},
		"two, but not long":  {300, []detect.Point{east(0, 0.2, 0), east(60_000, 0.5, 0.02), east(120_000, 0.6, 0.02), east(180_000, 0.6, 0)}, "met in 1 out 2 unknown 0"},
		"before its start":   {0, []detect.Point{east(0, -0.02, 0), east(60_000, -0.02, 0)}, "broken in 0 out 1 unknown 0, 0-1+"},
		"around the start":   {0, []detect.Point{east(0, -0.005, 0.005), east(60_000, -0.005, 0)}, "met in 1 out 0 unknown 0"},
		"on the other side":  {0, []detect.Point{east(0, 0, 180), east(60_000, 0, 180)}, "broken in 0 out 1 unknown 0, 0-1+"},
		"no position at all": {0, []detect.Point{detect.NewPoint(0, [32]byte{}, nil)}, "unknown in 0 out 0 unknown 0"},
	} {
		rule.MinS = tc.minS
		if got := minutes(judge(t, rule, 900_000, tc.points)); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
	// Between Hamburg and New York the great circle runs far north of the straight line on a map.
	l, err := Corridor{Points: [][]string{{"53.5", "9.9"}, {"40.7", "-74"}}, WithinM: 1}.compile()
	if err != nil {
		t.Fatal(err)
	}
	f, _ := position(ref(east(0, 55.194, -38.242)))
	if d := l.distance(&f) / 10; d > 100 {
		t.Errorf("the middle of the great circle is %d m off", d)
	}
	f, _ = position(ref(east(0, 47.1, -32.05)))
	if d := l.distance(&f) / 10; d < 700_000 {
		t.Errorf("the middle of the map's line is %d m off", d)
	}
}

func ref(p detect.Point) *detect.Point { return &p }

func TestStop(t *testing.T) {
	rule := Stop{MaxS: 240, RadiusM: 100}
	for name, tc := range map[string]struct {
		rule   Stop
		points []detect.Point
		want   string
	}{
		"moving":                       {rule, track(0, 500, 1000, 1500, 2000, 2500), "met in 5 out 0 unknown 0"},
		"exactly as long as allowed":   {rule, track(0, 10, 20, 0, 20), "met in 4 out 0 unknown 0"},
		"longer":                       {rule, track(0, 10, 20, 0, 20, 30), "broken in 4 out 1 unknown 0, 0-5+"},
		"one fix away does not end it": {rule, track(0, 0, 0, 400, 0, 0), "broken in 4 out 1 unknown 0, 0-5+"},
		"two do, from the first on":    {rule, track(0, 0, 0, 0, 400, 900, 1400), "met in 6 out 0 unknown 0"},
		"and a new stop begins there":  {rule, track(0, 0, 400, 400, 400, 400, 400, 400), "broken in 6 out 1 unknown 0, 2-7+"},
		"then on again":                {rule, track(0, 0, 0, 0, 0, 0, 900, 1800, 2700), "broken in 6 out 2 unknown 0, 0-6"},
		"in an allowed fence":          {Stop{MaxS: 240, RadiusM: 100, AllowedIn: yard}, track(0, 0, 0, 0, 0, 0, 0), "met in 6 out 0 unknown 0"},
		"outside of it":                {Stop{MaxS: 240, RadiusM: 100, AllowedIn: yard}, track(0, 900, 900, 900, 900, 900, 900), "broken in 5 out 1 unknown 0, 1-6+"},
		"a gap may hide that it went":  {rule, []detect.Point{north(0, 0), north(60_000, 0), north(3_000_000, 0)}, "broken in 4 out 12 unknown 34, 0-50+"},
		"a gap that decides":           {Stop{MaxS: 1800, RadiusM: 100}, []detect.Point{north(0, 0), north(3_000_000, 0)}, "unknown in 15 out 0 unknown 35"},
		"no position":                  {rule, []detect.Point{detect.NewPoint(0, [32]byte{}, nil)}, "unknown in 0 out 0 unknown 0"},
	} {
		if got := minutes(judge(t, tc.rule, 900_000, tc.points)); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
}

func TestValidateNamesEverything(t *testing.T) {
	poly := func(ring ...[]string) Geofence {
		return Geofence{Fences: []Fence{{ID: "p", Polygon: ring}}, Forbid: Enter}
	}
	for _, tc := range []struct {
		rule config
		want string
	}{
		{Geofence{}, "fences: must be one or more\nforbid: \"\": must be enter, exit or outside"},
		{Geofence{Fences: []Fence{{ID: "a", Circle: &Circle{Lat: "91", Lon: "x", RadiusM: 0}}}, Forbid: Enter, DwellS: -1},
			"fences[0].circle.lat: 91 is not within -90 and 90 degrees\nfences[0].circle.lon: \"x\": must be a decimal such as 8 or -0.5\nfences[0].circle.radius_m: must be 1 to 1000000\ndwell_s: must be 0 or more"},
		{Geofence{Fences: []Fence{{ID: "a"}, {ID: "a"}}, Forbid: Exit}, "fences[0]: must have a circle or a polygon, one of them\nfences[1].id \"a\": must be unique, letters, digits, dots, dashes, at most 64\nfences[1]: must have a circle or a polygon, one of them"},
		{poly([]string{"0", "0"}, []string{"1", "1"}), "fences[0].polygon: must have 3 to 200 corners"},
		{poly([]string{"0", "0"}, []string{"1", "1"}, []string{"2", "2"}), "fences[0].polygon: has no area"},
		{poly([]string{"0", "0"}, []string{"1", "1"}, []string{"1", "0"}, []string{"0", "1"}), "fences[0].polygon: sides 0 and 2 cross"},
		{poly([]string{"0", "0"}, []string{"0", "1"}, []string{"1", "1"}, []string{"0", "0"}), "fences[0].polygon: corners 3 and 0 are the same; a ring does not repeat its first corner"},
		{poly([]string{"80", "0"}, []string{"80", "120"}, []string{"80", "-120"}), "fences[0].polygon: goes round a pole; use a circle there"},
		{poly([]string{"0", "-100"}, []string{"0", "0"}, []string{"0", "100"}, []string{"1", "0"}), "fences[0].polygon: is wider than 180 degrees; divide it"},
		{poly([]string{"89.5", "0"}, []string{"80", "1"}, []string{"80", "0"}), "fences[0].polygon[0][0]: 89.5 is too near a pole for a polygon (89 degrees at most); use a circle there"},
		{Corridor{}, "within_m: must be 1 to 1000000\npoints: must be 2 to 500"},
		{Corridor{Points: [][]string{{"0", "0"}, {"0", "0"}, {"0", "120"}}, WithinM: 5, MinS: -1}, "min_s: must be 0 or more\npoints[1]: is the same place as the one before\npoints[2]: is 13343 km from the one before; put points between them, at most 10000 km apart"},
		{Corridor{Points: [][]string{{"0"}, {"0", "1", "2"}}, WithinM: 5}, "points[0]: must be [latitude, longitude]\npoints[1]: must be [latitude, longitude]"},
		{Stop{}, "max_s: must be 1 or more\nradius_m: must be 1 to 1000000"},
		{Geofence{Fences: []Fence{{ID: "pole", Circle: &Circle{Lat: "-90", Lon: "0", RadiusM: 1_000_000}}}, Forbid: Enter}, ""},
	} {
		err := detect.Validate(tc.rule)
		if got := fmt.Sprint(err); err == nil && tc.want != "" || err != nil && got != tc.want {
			t.Errorf("%+v:\n%s\nwant\n%s", tc.rule, got, tc.want)
		}
	}
}

// naive judges one circle of 500 m about 0, 0 with the whole track at hand.
func naive(kind string, ms []int64, metres []float64, maxGap, toMS int64) (in, out, unknown int64, runs [][2]int64) {
	state := make([]byte, len(ms)) // of the time after each fix
	for i, m := range metres {
		before := byte('?')
		if i > 0 {
			before = state[i-1]
		}
		limit := 500.0
		if before == 'i' {
			limit = 550
		}
		state[i] = before
		switch {
		case m <= 500:
			state[i] = 'i'
		case before != 'o' && m > limit && i+1 < len(ms) && metres[i+1] > limit:
			state[i] = 'o'
		}
	}
	visited, running := false, false
	for i := range ms {
		visited = visited || metres[i] <= 500
		bad := kind == Enter && state[i] == 'i' || kind == Outside && state[i] == 'o' || kind == Exit && visited && state[i] == 'o'
		end := toMS
		if i+1 < len(ms) {
			end = ms[i+1]
		}
		known := min(end-ms[i], maxGap)
		unknown += end - ms[i] - known
		switch {
		case bad:
			out += known
		case state[i] == '?':
			unknown += known
		default:
			in += known
		}
		if bad && !running {
			runs = append(runs, [2]int64{ms[i], 0})
		}
		if !bad && running {
			runs[len(runs)-1][1] = ms[i]
		}
		running = bad
	}
	if running {
		runs[len(runs)-1][1] = toMS
	}
	return in, out, unknown, runs
}

func TestGeofenceAgainstANaiveModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]string{Enter, Exit, Outside}).Draw(t, "kind")
		d, err := Geofence{Fences: yard, Forbid: kind}.Detector(nil, "", 300_000)
		if err != nil {
			t.Fatal(err)
		}
		var ms []int64
		var metres []float64
		now := int64(0)
		for range rapid.IntRange(1, 30).Draw(t, "fixes") {
			ms = append(ms, now)
			metres = append(metres, rapid.SampledFrom([]float64{0, 480, 500, 520, 549, 552, 900}).Draw(t, "m"))
			p := north(now, metres[len(metres)-1])
			d.Step(&p)
			now += rapid.SampledFrom([]int64{1000, 60_000, 300_000, 1_000_000}).Draw(t, "dt")
		}
		f := detect.Finish(d, now)
		in, out, unknown, runs := naive(kind, ms, metres, 300_000, now)
		if f.InMS != in || f.OutMS != out || f.UnknownMS != unknown || len(f.Excursions) != len(runs) {
			t.Fatalf("in %d out %d unknown %d %+v, naive %d %d %d %v", f.InMS, f.OutMS, f.UnknownMS, f.Excursions, in, out, unknown, runs)
		}
		for i, e := range f.Excursions {
			if e.StartMS != runs[i][0] || e.EndMS != runs[i][1] {
				t.Fatalf("%+v, naive %v", e, runs[i])
			}
		}
	})
}

func TestClonesGoOnAlike(t *testing.T) {
	two := append(yard, Fence{ID: "square", Polygon: [][]string{{"0.02", "-0.01"}, {"0.02", "0.01"}, {"0.03", "0.01"}, {"0.03", "-0.01"}}})
	for name, rule := range map[string]config{
		"enter": Geofence{Fences: two, Forbid: Enter, DwellS: 90}, "exit": Geofence{Fences: two, Forbid: Exit}, "outside": Geofence{Fences: two, Forbid: Outside},
		"corridor": Corridor{Points: [][]string{{"0", "-1"}, {"0", "1"}}, WithinM: 700}, "stop": Stop{MaxS: 100, RadiusM: 150, AllowedIn: yard},
	} {
		t.Run(name, rapid.MakeCheck(func(t *rapid.T) {
			d, err := rule.Detector(nil, "", 300_000)
			if err != nil {
				t.Fatal(err)
			}
			straight := d.Clone()
			now := int64(0)
			for range rapid.IntRange(1, 40).Draw(t, "steps") {
				now += rapid.SampledFrom([]int64{0, 1000, 60_000, 400_000}).Draw(t, "dt")
				if rapid.IntRange(0, 15).Draw(t, "cut") == 0 {
					d.Cut(now, false)
					straight.Cut(now, false)
					continue
				}
				p := north(now, rapid.SampledFrom([]float64{0, 400, 520, 600, 900, 2400, 3400}).Draw(t, "m"))
				d.Step(&p)
				straight.Step(&p)
				switch rapid.IntRange(0, 3).Draw(t, "then") {
				case 0: // the original goes astray
					old := d
					d = d.Clone()
					stray := north(now+1, 5000)
					old.Step(&stray)
					old.Step(&stray)
					old.Cut(now+500_000, false)
				case 1:
					if a, b := detect.Finish(d, now+700), detect.Finish(d, now+700); !reflect.DeepEqual(a, b) {
						t.Fatalf("%+v and then %+v", a, b)
					}
				}
			}
			a, b := detect.Finish(d, now+10), detect.Finish(straight, now+10)
			if !reflect.DeepEqual(a, b) {
				t.Fatalf("%+v\nbut straight\n%+v", a, b)
			}
			if sum := a.InMS + a.OutMS + a.UnknownMS; sum > now+10 || a.InMS < 0 || a.OutMS < 0 || a.UnknownMS < 0 {
				t.Fatalf("%d ms of %d: %+v", sum, now+10, a)
			}
			if a.State == detect.Met && (len(a.Excursions) > 0 || len(a.Reasons) > 0) || a.State != detect.Met && len(a.Reasons) == 0 || strings.Contains(fmt.Sprint(a.Reasons), "%!") {
				t.Fatalf("got %+v, want reasons of what is not met, and nothing against what is met", a)
			}
		}))
	}
}
