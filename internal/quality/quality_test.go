package quality

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/trackseal/trackseal/internal/compliance/detect"
	"github.com/trackseal/trackseal/internal/telemetry"
)

const start = int64(1_700_000_000_000) / HourMS * HourMS

// ds18b20 is the sensor of all readings.
var ds18b20 = telemetry.SensorsOf([]telemetry.Sensor{{Quantity: "temperature", Model: "ds18b20", Min: "-80"}})

// at makes a reading of pairs of a metric and a value.
func at(ms int64, pairs ...any) Reading {
	values := map[string]float64{}
	for i := 0; i < len(pairs); i += 2 {
		switch v := pairs[i+1].(type) {
		case float64:
			values[pairs[i].(detect.Metric).String()] = v
		case int:
			values[pairs[i].(detect.Metric).String()] = float64(v)
		}
	}
	return NewReading(ms, values, ds18b20)
}

// wiggle is a small change that no check minds.
func wiggle(i int) float64 { return float64(i%5) / 20 }

// tide goes up and down by 6 within two hours.
func tide(i int) float64 {
	if i %= 120; i > 60 {
		i = 120 - i
	}
	return float64(i) / 10
}

// count scores readings one minute apart and tells how often each reason was flagged.
func count(t testing.TB, n int, reading func(i int) Reading) map[string]int {
	t.Helper()
	flags := map[string]int{}
	var s Scorer
	for i := range n {
		if !s.Add(reading(i), func(f Flag) { flags[f.Reason.String()+" "+name(f.Metric)]++ }) {
			t.Fatalf("reading %d is late", i)
		}
	}
	return flags
}

func name(m detect.Metric) string {
	if m == detect.Metrics {
		return "hour"
	}
	return m.String()
}

func TestEachFaultHasItsReason(t *testing.T) {
	minute := func(i int) int64 { return start + int64(i)*minuteMS }
	const temp, hum, lat, lon, bat = detect.Temperature, detect.Humidity, detect.Latitude, detect.Longitude, detect.Battery
	for _, tc := range []struct {
		name    string
		n       int
		reading func(i int) Reading
		want    string
	}{
		{"a quiet trip", 2000, func(i int) Reading {
			return at(minute(i), temp, 5+wiggle(i), hum, 50+wiggle(i+2), lat, 52+float64(i)/1000, lon, 13.4, bat, 100-float64(i)/100)
		}, ""},
		{"a warm room entered at once", 200, func(i int) Reading {
			v := 5.0
			if i >= 100 {
				v = 17
			}
			return at(minute(i), temp, v+wiggle(i))
		}, "jump temperature 1"},
		{"a slow warming", 300, func(i int) Reading { return at(minute(i), temp, 5+float64(i)/10) }, ""},
		{"a spike", 100, func(i int) Reading {
			v := 5.0
			if i == 50 {
				v = 45
			}
			return at(minute(i), temp, v+wiggle(i))
		}, "jump temperature 1, outlier temperature 1"},
		{"a spike in the first readings", 100, func(i int) Reading {
			v := 5.0
			if i == 1 {
				v = 45
			}
			return at(minute(i), temp, v+wiggle(i))
		}, "jump temperature 2"}, // two readings alone: nobody knows which is odd
		{"a broken wire", 3, func(i int) Reading { return at(minute(i), temp, -250) }, "sensor_fault temperature 3"},
		{"a half-open door", 2, func(i int) Reading { return at(minute(i), detect.Door, 0.5) }, "sensor_fault door 2"},
		{"no fix", 3, func(i int) Reading { return at(minute(i), lat, 0, lon, 0) }, "sensor_fault lat 3"},
		{"error values are no outliers", 100, func(i int) Reading {
			v := 5.0
			switch i % 20 {
			case 7:
				v = 85
			case 13:
				v = -127
			}
			return at(minute(i), temp, v+wiggle(0))
		}, "sensor_fault temperature 10"},
		{"frozen while the air changes", 300, func(i int) Reading {
			return at(minute(i), temp, 5, hum, 40+tide(i))
		}, "constancy temperature 60"},
		{"a still room", 300, func(i int) Reading { return at(minute(i), temp, 5, hum, 40, bat, 100-float64(i)/100) }, ""},
		{"a sealed box with dry ice for three days", 3 * 1440, func(i int) Reading {
			return at(minute(i), temp, -78.5, bat, 100-float64(i)/100)
		}, ""},
		{"still for more than a day", 1500, func(i int) Reading { return at(minute(i), temp, 5) }, "constancy temperature 60"},
		{"wet for days", 3000, func(i int) Reading { return at(minute(i), hum, 100, temp, 5+tide(i)) }, ""},
		{"a humidity sensor that froze", 500, func(i int) Reading { return at(minute(i), hum, 55, temp, 5+tide(i)) }, "constancy humidity 140"},
		{"a teleport and back", 100, func(i int) Reading {
			v := 52.5
			if i == 50 {
				v = 48.1
			}
			return at(minute(i), lat, v, lon, 13.4)
		}, "teleport lat 1"},
		{"over the date line", 100, func(i int) Reading {
			v := 179.5 + float64(i)/100
			if v > 180 {
				v -= 360
			}
			return at(minute(i), lat, 10, lon, v)
		}, ""},
		{"a first fix that was wrong", 100, func(i int) Reading {
			v := 52.5
			if i == 0 {
				v = 1
			}
			return at(minute(i), lat, v, lon, 13.4)
		}, "teleport lat 3"},
		{"an airliner", 40, func(i int) Reading { return at(start+int64(i)*15*minuteMS, lat, 60, lon, float64(i)*4-90) }, ""},
		{"half of the readings of an hour", 120, func(i int) Reading {
			if i >= 90 {
				i += 30
			}
			return at(minute(i), temp, 5+wiggle(i))
		}, "availability hour 1"},
		{"bursts of readings once a minute", 1200, func(i int) Reading {
			return at(start+int64(i/10)*minuteMS+int64(i%10)*500, temp, 5+wiggle(i))
		}, ""},
		{"one reading in a quarter of an hour", 200, func(i int) Reading { return at(start+int64(i)*15*minuteMS, temp, 5+wiggle(i)) }, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			flags := count(t, tc.n, tc.reading)
			var got []string
			for _, reason := range slices.Sorted(maps.Keys(flags)) {
				got = append(got, fmt.Sprintf("%s %d", reason, flags[reason]))
			}
			if got := strings.Join(got, ", "); got != tc.want {
				t.Errorf("flags %q, want %q", got, tc.want)
			}
		})
	}
}

func TestDriftAgainstTheOthers(t *testing.T) {
	run := func(trackers int, value func(tracker, i int) float64) map[string]int {
		var g Group
		flags := map[string]int{}
		for i := range 400 {
			for n := range trackers {
				r := at(start+int64(i)*minuteMS, detect.Temperature, value(n, i))
				g.Add(fmt.Sprint(n), &r, func(f Flag) { flags[fmt.Sprint(n)]++ })
			}
		}
		return flags
	}
	slow := func(tracker, i int) float64 {
		v := 5 + float64(tracker) + wiggle(i+tracker) // the usual differences are no drift
		if tracker == 2 && i > 100 {
			v += float64(i-100) / 100
		}
		return v
	}
	if flags := run(4, slow); flags["2"] < 100 || len(flags) != 1 {
		t.Errorf("a slow drift: %v", flags)
	}
	if flags := run(4, func(tracker, i int) float64 {
		if v := 5 + wiggle(i); tracker != 1 || i%50 != 7 {
			return v
		} else if i%100 == 7 {
			return v + 60
		}
		return -250
	}); len(flags) != 0 {
		t.Errorf("outliers are no drift, neither the tracker's own nor another's: %v", flags)
	}
	if flags := run(2, slow); len(flags) != 0 {
		t.Errorf("two trackers cannot say who drifts: %v", flags)
	}
	if flags := run(4, func(tracker, i int) float64 { return 5 + float64(tracker) + float64(i)/10 }); len(flags) != 0 {
		t.Errorf("all warm up together: %v", flags)
	}
	if flags := run(4, func(tracker, i int) float64 {
		if tracker == 1 && i > 200 && i < 205 {
			return 12
		}
		return 5 + wiggle(i)
	}); len(flags) != 0 {
		t.Errorf("a door stood open for some minutes: %v", flags)
	}
}

func TestHoursAreCounted(t *testing.T) {
	var s Scorer
	add := func(ms int64, v float64) {
		if !s.Add(at(ms, detect.Temperature, v), func(Flag) {}) {
			t.Fatalf("%d is late", ms)
		}
	}
	for i := range int64(60) {
		add(start+i*minuteMS, 5+wiggle(int(i)))
	}
	add(start+3*HourMS, 5) // two silent hours
	var got []string
	for _, h := range s.Drain() {
		got = append(got, fmt.Sprintf("%d: %d readings, %d of %d, %v", (h.StartMS-start)/HourMS, h.Readings, h.Minutes, h.Expected, h.Flags))
	}
	want := []string{
		"0: 60 readings, 60 of 60, [0 0 0 0 0 0 0]", "1: 0 readings, 0 of 60, [0 0 0 0 0 0 1]", "2: 0 readings, 0 of 60, [0 0 0 0 0 0 1]",
		"3: 1 readings, 1 of 1, [0 0 0 0 0 0 0]",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if again := s.Drain(); len(again) != 0 {
		t.Errorf("nothing changed: %v", again)
	}
	if s.Add(at(start, detect.Temperature, 5), func(Flag) {}) {
		t.Error("a late reading was taken")
	}
	s.Count(Flag{MS: start + 3*HourMS + 1, Reason: Drift})
	if hours := s.Drain(); len(hours) != 1 || hours[0].Flags[Drift] != 1 {
		t.Errorf("drift is counted from outside: %v", hours)
	}
	// Between two shipments nothing is expected.
	s.Pause()
	add(start+9*HourMS+30*minuteMS, 5)
	add(start+10*HourMS, 5)
	for _, h := range s.Drain() {
		if h.Flags[Availability] != 0 && h.StartMS != start+9*HourMS {
			t.Errorf("a pause was counted: %+v", h)
		}
	}
}

// Any readings: no panic, as many readings counted as were given, flags only of what was read.
func TestAnyReadings(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s Scorer
		var g Group
		ms, n, flags := rapid.Int64Range(-1e12, 1e13).Draw(t, "start"), int64(0), int64(0)
		hear := func(f Flag) {
			if f.Reason >= Reasons || f.Metric > detect.Metrics {
				t.Fatalf("got %+v, want a known reason and metric", f)
			}
			flags++
		}
		var readings, counted int64
		latest := map[int64]Hour{}
		drain := func() {
			for _, h := range s.Drain() {
				latest[h.StartMS] = h
			}
		}
		for range rapid.IntRange(1, 100).Draw(t, "n") {
			r := Reading{MS: ms}
			for m := range detect.Acceleration {
				if rapid.IntRange(0, 3).Draw(t, "has") == 0 {
					r.Values = append(r.Values, Value{m, detect.Decimal(rapid.OneOf(rapid.Int64Range(-1e15, 1e15), rapid.Int64Range(0, 1e8)).Draw(t, "v"))})
				}
			}
			if n == 0 || ms > s.last.MS || !slices.Equal(r.Values, s.last.Values) {
				readings++
			}
			n++
			if !s.Add(r, hear) {
				t.Fatal("late")
			}
			g.Add(rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "tracker"), &r, hear)
			ms += rapid.OneOf(rapid.Int64Range(0, minuteMS), rapid.Int64Range(0, 3*HourMS), rapid.Int64Range(0, 1e11)).Draw(t, "wait")
			if rapid.Bool().Draw(t, "drain") {
				drain()
			}
		}
		drain()
		for _, h := range latest {
			counted += h.Readings
			if h.Minutes > h.Expected || h.Minutes > h.Readings && h.Minutes > 0 {
				t.Fatalf("got %+v, want no more minutes than expected, nor than readings", h)
			}
		}
		if counted != readings {
			t.Fatalf("%d readings counted, %d given", counted, readings)
		}
	})
}

func BenchmarkAdd(b *testing.B) {
	var s Scorer
	r := at(start, detect.Temperature, 5, detect.Humidity, 50, detect.Battery, 90, detect.Latitude, 52.5, detect.Longitude, 13.4)
	b.ReportAllocs()
	for i := range b.N {
		r.MS = start + int64(i)*minuteMS
		r.Values[0].Value = detect.Decimal(5_000_000 + i%7*10_000)
		s.Add(r, func(Flag) {})
		if i%600 == 0 {
			s.Drain()
		}
	}
}
