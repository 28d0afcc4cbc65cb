package motion

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/trackseal/trackseal/internal/compliance/detect"
	"github.com/trackseal/trackseal/internal/compliance/place"
)

func dec(t testing.TB, s string) detect.Decimal {
	t.Helper()
	d, err := detect.ParseDecimal(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

type values = map[string]float64

// config is what every rule of this package is.
type config = detect.Kind

func judge(t testing.TB, c config, maxGapMS, toMS int64, points ...detect.Point) detect.Finding {
	t.Helper()
	d, err := c.Detector(&detect.Journey{}, "t", maxGapMS)
	if err != nil {
		t.Fatal(err)
	}
	for i := range points {
		d.Step(&points[i])
	}
	return detect.Finish(d, toMS)
}

func at(ms int64, v values) detect.Point {
	return detect.NewPoint(ms, [32]byte{byte(ms), byte(ms >> 8), byte(ms >> 16)}, v)
}

// The published example: 50 g for 11 ms.
func TestHalfSine(t *testing.T) {
	dv := VelocityChange(dec(t, "490.3325"), dec(t, "11"))
	if got := brief(dv); got != "3.43" {
		t.Errorf("velocity change %s", dv)
	}
	for e, want := range map[string]string{"0": "0.6", "0.5": "0.27", "1": "0.15"} {
		if h := EquivalentHeight(dv, dec(t, e)); brief(h) != want {
			t.Errorf("e=%s: %s m, want %s", e, h, want)
		}
	}
	if FallTime(dec(t, "0.2")) != 201 || FallHeight(1000).String() != "4.903325" {
		t.Errorf("%d ms, %s m", FallTime(dec(t, "0.2")), FallHeight(1000))
	}
}

func TestShock(t *testing.T) {
	const g = 9.80665
	noise, serious, hard := values{"shock": 18 * g, "shock_ms": 2}, values{"shock": 10 * g, "shock_ms": 10}, values{"shock": 50 * g, "shock_ms": 11}
	for name, tc := range map[string]struct {
		rule  Shock
		pulse values
		want  detect.State
	}{
		"peak alone misleads":                  {Shock{Min: "147.1"}, noise, detect.Broken},
		"peak alone misses":                    {Shock{Min: "147.1"}, serious, detect.Met},
		"short noise is no shock by duration":  {Shock{Min: "90", MinMS: "5"}, noise, detect.Met},
		"a long pulse is one by duration":      {Shock{Min: "90", MinMS: "5"}, serious, detect.Broken},
		"short noise is no shock by velocity":  {Shock{MinVelocity: "0.5"}, noise, detect.Met},
		"a long pulse is one by velocity":      {Shock{MinVelocity: "0.5"}, serious, detect.Broken},
		"exactly at both limits":               {Shock{Min: "490.3325", MinMS: "11"}, hard, detect.Broken},
		"just below the duration":              {Shock{Min: "490.3325", MinMS: "11.000001"}, hard, detect.Met},
		"just above the velocity":              {Shock{MinVelocity: "3.433735"}, hard, detect.Met},
		"either of the two":                    {Shock{Min: "1000", MinMS: "1", MinVelocity: "3.4"}, hard, detect.Broken},
		"one is allowed":                       {Shock{Min: "90", MaxEvents: 1}, hard, detect.Met},
		"a strong pulse without duration":      {Shock{Min: "90", MinMS: "5"}, values{"shock": 100}, detect.Unknown},
		"any pulse without duration, velocity": {Shock{MinVelocity: "3"}, values{"shock": 1}, detect.Unknown},
		"no pulse needs no duration":           {Shock{MinVelocity: "3"}, values{"shock": 0}, detect.Met},
		"no shock metric":                      {Shock{Min: "90"}, values{"accel_x": 1}, detect.Unknown},
	} {
		if f := judge(t, tc.rule, 60_000, 1000, at(0, tc.pulse)); f.State != tc.want {
			t.Errorf("%s: %s %q", name, f.State, f.Reasons)
		}
	}
	f := judge(t, Shock{Min: "490", MinMS: "11", Restitution: "0.5"}, 60_000, 120_000, at(0, hard))
	if len(f.Excursions) != 1 || f.Excursions[0].Note != "490.3325 m/s² for 11 ms: velocity change 3.43 m/s, as from a drop of 0.27 m" {
		t.Errorf("got %+v, want one: 490.3325 m/s² for 11 ms, a drop of 0.27 m", f.Excursions)
	}
	if f.InMS != 60_000 || f.UnknownMS != 60_000 {
		t.Errorf("%d in, %d unknown", f.InMS, f.UnknownMS)
	}
}

// falls makes samples every stepMS of goods that rest, fall from fallMS to hitMS, hit, and rest.
func falls(stepMS, untilMS, fallMS, hitMS int64, hit float64) []detect.Point {
	var out []detect.Point
	for ms := int64(0); ms <= untilMS; ms += stepMS {
		a := 9.81
		switch {
		case ms >= fallMS && ms < hitMS:
			a = 0.3
		case ms >= hitMS && ms < hitMS+12:
			a = hit
		}
		out = append(out, at(ms, values{"accel_x": 0, "accel_y": 0, "accel_z": a}))
	}
	return out
}

// bumps are those of a car at two samples a second: 1.7 to 2 g, eight times in ten minutes, and no fall.
func bumps() (out []detect.Point) {
	for i := range int64(1200) {
		a := 9.4 + float64(i%7)/10
		if i%150 == 75 {
			a = 16.8 + float64(i/150)*0.4
		}
		out = append(out, at(i*500, values{"accel_x": 0, "accel_y": 0, "accel_z": a}))
	}
	return out
}

func TestDrop(t *testing.T) {
	rule := Drop{FreeFallBelow: "3", ImpactAbove: "20", MinHeight: "0.2"}
	for name, tc := range map[string]struct {
		rule   Drop
		points []detect.Point
		state  detect.State
		drops  int
		says   string
	}{
		"fast: fall and impact":            {rule, falls(5, 3000, 1000, 1250, 200), detect.Broken, 1, "for 245 to 255 ms: drop of 0.29 to 0.32 m; impact of 200 m/s²"},
		"fast: caught softly":              {rule, falls(5, 3000, 1000, 1250, 12), detect.Met, 0, ""},
		"fast: too low":                    {rule, falls(5, 3000, 1000, 1150, 200), detect.Met, 0, ""},
		"fast: an impact alone":            {rule, falls(5, 3000, 1000, 1000, 200), detect.Met, 0, ""},
		"middling: no impact shows":        {rule, falls(100, 3000, 1000, 1250, 9.81), detect.Broken, 1, "for 200 to 400 ms: drop of 0.2 to 0.78 m"},
		"slow: nothing seen":               {rule, falls(500, 3000, 1100, 1350, 200), detect.Unknown, 0, "interval 500 ms, needs <= 100 ms (a fall from 0.2 m lasts 201 ms)"},
		"slow: a sample in the fall":       {rule, falls(500, 3000, 900, 1150, 200), detect.Broken, 1, "for less than 1000 ms: drop of at most 4.9 m"},
		"slow: an impact alone is no drop": {rule, falls(500, 3000, 750, 1000, 200), detect.Unknown, 0, "1 impact of 20 m/s² or more without a fall that could be seen, strongest 200 m/s²"},
		"slow: speed bumps are no drops":   {fragile, bumps(), detect.Unknown, 0, "8 impacts of 14 m/s² or more without a fall that could be seen, strongest 19.6 m/s²: such slow samples do not tell a drop from a bump"},
		"two are allowed":                  {Drop{FreeFallBelow: "3", ImpactAbove: "20", MinHeight: "0.2", MaxEvents: 2}, falls(5, 3000, 1000, 1250, 200), detect.Met, 0, ""},
		"a dead sensor falls for ever":     {rule, falls(5, 30_000, 1000, 29_000, 9.81), detect.Unknown, 0, "the sensor does not work"},
		"no samples":                       {rule, []detect.Point{at(0, values{"temperature": 4})}, detect.Unknown, 0, "no acceleration at all"},
	} {
		f := judge(t, tc.rule, 900_000, tc.points[len(tc.points)-1].MS, tc.points...)
		text := fmt.Sprint(f.Reasons)
		for _, e := range f.Excursions {
			text += e.Note
		}
		if f.State != tc.state || len(f.Excursions) != tc.drops || !strings.Contains(text, tc.says) {
			t.Errorf("%s: %s %s", name, f.State, text)
		}
	}
}

// A bounce is no second drop, a drop later on is.
func TestDropBounces(t *testing.T) {
	var points []detect.Point
	for ms := int64(0); ms <= 6000; ms += 5 {
		a := 9.81
		switch in := ms % 3000; {
		case in >= 1000 && in < 1300, in >= 1320 && in < 1550:
			a = 0.2
		case in >= 1300 && in < 1320, in >= 1550 && in < 1560:
			a = 150
		}
		points = append(points, at(ms, values{"accel_x": a, "accel_y": 0, "accel_z": 0}))
	}
	f := judge(t, Drop{FreeFallBelow: "3", ImpactAbove: "20", MinHeight: "0.2"}, 900_000, 6000, points...)
	if len(f.Excursions) != 2 || f.Excursions[0].StartMS != 1000 || f.Excursions[1].StartMS != 4000 || f.UnknownMS != 0 {
		t.Errorf("got %+v, want drops at 1000 and 4000 and nothing unknown", f)
	}
}

// A tracker that catches pulses itself is adequate at any interval.
func TestDropByTheTrackersPulses(t *testing.T) {
	rule := Drop{FreeFallBelow: "3", ImpactAbove: "20", MinHeight: "0.2", Restitution: "0.5"}
	calm := values{"shock": 0, "accel_x": 9.81, "accel_y": 0, "accel_z": 0}
	f := judge(t, rule, 900_000, 1_200_000, at(0, calm), at(600_000, calm), at(1_200_000, calm))
	if f.State != detect.Met || f.InMS != 1_200_000 {
		t.Errorf("calm: %s %q", f.State, f.Reasons)
	}
	f = judge(t, rule, 900_000, 1_200_000, at(0, calm), at(600_000, values{"shock": 490.3325, "shock_ms": 11}), at(1_200_000, calm))
	if f.State != detect.Broken || len(f.Excursions) != 1 || len(f.Reasons) != 1 || !strings.Contains(f.Excursions[0].Note, "as from a drop of 0.27 m") {
		t.Errorf("drop: %s %q %+v", f.State, f.Reasons, f.Excursions)
	}
	f = judge(t, rule, 900_000, 1_200_000, at(0, calm), at(600_000, values{"shock": 176.5, "shock_ms": 2}), at(1_200_000, calm))
	if f.State != detect.Met {
		t.Errorf("noise: %s %q", f.State, f.Reasons)
	}
}

func TestVibration(t *testing.T) {
	own := func(v ...float64) (out []detect.Point) {
		for i, v := range v {
			out = append(out, at(int64(i)*10_000, values{"vibration": v}))
		}
		return out
	}
	shake := func(stepMS int64, amplitude float64) (out []detect.Point) {
		for ms := int64(0); ms <= 120_000; ms += stepMS {
			a := amplitude
			if ms/stepMS%2 == 1 {
				a = -a
			}
			out = append(out, at(ms, values{"accel_x": a, "accel_y": 0.6 * 9.8, "accel_z": 0.8 * 9.8}))
		}
		return out
	}
	rule := Vibration{Max: "5", WindowS: 60}
	for name, tc := range map[string]struct {
		points              []detect.Point
		state               detect.State
		says                string
		in, out, unknown, n int64
	}{
		"exactly at the limit":        {own(5, 5, 5, 5, 5, 5, 5), detect.Met, "", 60_000, 0, 0, 0},
		"a millionth more":            {own(5, 5, 5, 5, 5, 5.000001, 5), detect.Broken, "for 1 min", 0, 60_000, 0, 1},
		"the mean of squares":         {own(8, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), detect.Met, "", 110_000, 0, 0, 0},
		"two windows in a row":        {own(9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 0), detect.Broken, "for 2 min", 0, 120_000, 0, 1},
		"sampled, gravity is removed": {shake(20, 4), detect.Met, "", 120_000, 0, 0, 0},
		"sampled, too much":           {shake(20, 6), detect.Broken, "up to 6 m/s²", 0, 120_000, 0, 1},
		"sampled too slowly":          {shake(500, 6), detect.Unknown, "recorder inadequate for vibration: interval 500 ms, needs <= 20 ms", 0, 0, 120_000, 0},
		"nothing":                     {[]detect.Point{at(0, values{"temperature": 4})}, detect.Unknown, "no vibration at all", 0, 0, 0, 0},
	} {
		f := judge(t, rule, 900_000, tc.points[len(tc.points)-1].MS, tc.points...)
		if f.State != tc.state || !strings.Contains(fmt.Sprint(f.Reasons), tc.says) || f.InMS != tc.in || f.OutMS != tc.out || f.UnknownMS != tc.unknown || int64(len(f.Excursions)) != tc.n {
			t.Errorf("%s: %s %q in %d out %d unknown %d, %d excursions", name, f.State, f.Reasons, f.InMS, f.OutMS, f.UnknownMS, len(f.Excursions))
		}
	}
	// A value that holds over many windows, and then a gap.
	f := judge(t, rule, 900_000, 2_000_000, at(30_000, values{"vibration": 6}))
	if f.OutMS != 900_000 || f.UnknownMS != 1_070_000 || len(f.Excursions) != 1 || f.Excursions[0].StartMS != 30_000 || f.Excursions[0].EndMS != 960_000 {
		t.Errorf("held: %+v", f)
	}
}

func TestOpening(t *testing.T) {
	dock := place.Fence{ID: "dock", Circle: &place.Circle{Lat: "52.5", Lon: "13.4", RadiusM: 100}}
	light := func(ms int64, lx float64) detect.Point { return at(ms, values{"light": lx}) }
	there := func(ms int64, lx, lat float64) detect.Point {
		return at(ms, values{"light": lx, "lat": lat, "lon": 13.4})
	}
	for name, tc := range map[string]struct {
		rule   Opening
		points []detect.Point
		state  detect.State
		says   string
	}{
		"dark":                        {Opening{LightAbove: "10"}, []detect.Point{light(0, 10), light(10_000, 3)}, detect.Met, ""},
		"light":                       {Opening{LightAbove: "10"}, []detect.Point{light(0, 3), light(10_000, 10.5), light(20_000, 3)}, detect.Broken, "1 opening not allowed, 10 s in all"},
		"one flash of two":            {Opening{LightAbove: "10", Samples: 2}, []detect.Point{light(0, 30), light(10_000, 3), light(20_000, 30)}, detect.Met, ""},
		"two in a row":                {Opening{LightAbove: "10", Samples: 2}, []detect.Point{light(0, 30), light(10_000, 30), light(20_000, 3)}, detect.Broken, "20 s in all"},
		"the door":                    {Opening{Door: true}, []detect.Point{at(0, values{"door": 0}), at(5000, values{"door": 1}), at(9000, values{"door": 0})}, detect.Broken, "4 s in all"},
		"open for as long as allowed": {Opening{Door: true, MaxOpenS: 60}, []detect.Point{at(0, values{"door": 1}), at(60_000, values{"door": 0})}, detect.Met, ""},
		"open for longer":             {Opening{Door: true, MaxOpenS: 60}, []detect.Point{at(0, values{"door": 1}), at(60_001, values{"door": 0})}, detect.Broken, ""},
		"inside an allowed fence":     {Opening{LightAbove: "10", AllowedIn: []place.Fence{dock}}, []detect.Point{there(0, 30, 52.5), light(60_000, 3)}, detect.Met, ""},
		"outside of it":               {Opening{LightAbove: "10", AllowedIn: []place.Fence{dock}}, []detect.Point{there(0, 30, 52.6), light(60_000, 3)}, detect.Broken, ""},
		"taken out of it, still open": {Opening{LightAbove: "10", AllowedIn: []place.Fence{dock}}, []detect.Point{there(0, 30, 52.5), there(30_000, 30, 52.6), light(60_000, 3)}, detect.Broken, "30 s in all"},
		"nobody knows where":          {Opening{LightAbove: "10", AllowedIn: []place.Fence{dock}}, []detect.Point{light(0, 30), light(60_000, 3)}, detect.Unknown, "1 opening at an unknown place"},
		"too long even there":         {Opening{LightAbove: "10", MaxOpenS: 30, AllowedIn: []place.Fence{dock}}, []detect.Point{there(0, 30, 52.5), light(60_000, 3)}, detect.Broken, ""},
		"no light metric":             {Opening{LightAbove: "10"}, []detect.Point{at(0, values{"temperature": 4})}, detect.Unknown, "no light at all"},
		"a gap":                       {Opening{LightAbove: "10"}, []detect.Point{light(0, 3), light(1_000_000, 3)}, detect.Unknown, "light unknown for 1 min 40 s"},
	} {
		f := judge(t, tc.rule, 900_000, tc.points[len(tc.points)-1].MS, tc.points...)
		if f.State != tc.state || !strings.Contains(fmt.Sprint(f.Reasons), tc.says) {
			t.Errorf("%s: %s %q %+v", name, f.State, f.Reasons, f.Excursions)
		}
	}
}

func TestValidateNamesEverything(t *testing.T) {
	for _, tc := range []struct {
		rule config
		want string
	}{
		{Shock{}, "min: give min or min_velocity"},
		{Shock{Min: "x", MinVelocity: "-1", Restitution: "2"}, "min: \"x\": must be a decimal such as 8 or -0.5\nmin_velocity: -1 is not within 0.000001 and 1000\nrestitution: 2 is not within 0 and 1"},
		{Shock{MinMS: "3", MinVelocity: "2"}, "min_ms: goes with min"},
		{Drop{}, "free_fall_below: is missing\nimpact_above: is missing\nmin_height: is missing"},
		{Drop{FreeFallBelow: "3", ImpactAbove: "20", MinHeight: "0.2", MaxSampleMS: 500}, "max_sample_ms: a fall from 0.2 m lasts 201 ms and would go unseen; at most that"},
		{Vibration{}, "max: is missing\nwindow_s: must be 1 to 86400"},
		{Opening{Samples: -1}, "light_above: give light_above or door\nsamples: must be 0 to 1000"},
		{fragile, ""},
	} {
		err := detect.Validate(tc.rule)
		if got := fmt.Sprint(err); err == nil && tc.want != "" || err != nil && got != tc.want {
			t.Errorf("%+v: %s", tc.rule, got)
		}
	}
}

// Cloning anywhere and going on, with Finish asked in between, changes nothing; and the time adds up.
func TestClonesGoOnAlike(t *testing.T) {
	dock := []place.Fence{{ID: "dock", Circle: &place.Circle{Lat: "0", Lon: "0", RadiusM: 500}}}
	rules := map[string]config{
		"shock":     Shock{Min: "90", MinMS: "5", MinVelocity: "1"},
		"drop":      Drop{FreeFallBelow: "3", ImpactAbove: "14", MinHeight: "0.2", Restitution: "0.5"},
		"vibration": Vibration{Max: "3", WindowS: 1},
		"opening":   Opening{LightAbove: "10", Door: true, Samples: 2, AllowedIn: dock, MaxOpenS: 2},
	}
	for name, rule := range rules {
		t.Run(name, rapid.MakeCheck(func(t *rapid.T) {
			d, err := rule.Detector(nil, "", 2000)
			if err != nil {
				t.Fatal(err)
			}
			straight := d.Clone()
			first, now := int64(-1), int64(0)
			cuts := false
			for range rapid.IntRange(1, 60).Draw(t, "steps") {
				now += rapid.SampledFrom([]int64{0, 5, 10, 20, 50, 100, 300, 1000, 5000}).Draw(t, "dt")
				if rapid.IntRange(0, 20).Draw(t, "cut") == 0 {
					d.Cut(now, false)
					straight.Cut(now, false)
					cuts = true
					continue
				}
				v := values{}
				for m, pick := range map[string][]float64{"shock": {0, 100, 500}, "shock_ms": {2, 11}, "vibration": {1, 4}, "light": {0, 30}, "door": {0, 1}, "lat": {0, 1}} {
					if x := rapid.SampledFrom(append(pick, -1)).Draw(t, m); x >= 0 {
						v[m] = x
					}
				}
				v["lon"] = 0
				if rapid.Bool().Draw(t, "sampled") {
					v["accel_x"], v["accel_y"], v["accel_z"] = 0, 0, rapid.SampledFrom([]float64{0.1, 9.8, 15, 30}).Draw(t, "a")
				}
				p := at(now, v)
				if first < 0 {
					first = now
				}
				d.Step(&p)
				straight.Step(&p)
				switch rapid.IntRange(0, 3).Draw(t, "then") {
				case 0: // the original goes astray
					old := d
					d = d.Clone()
					stray := at(now+1, values{"shock": 500, "shock_ms": 11, "light": 90, "vibration": 9, "accel_x": 0, "accel_y": 0, "accel_z": 0})
					old.Step(&stray)
					old.Cut(now+5000, false)
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
			if sum := a.InMS + a.OutMS + a.UnknownMS; first >= 0 && (sum > now+10-first || a.InMS < 0 || a.OutMS < 0 || a.UnknownMS < 0) && name != "opening" {
				t.Fatalf("%d ms of %d: %+v (cuts: %v)", sum, now+10-first, a, cuts)
			}
		}))
	}
}
