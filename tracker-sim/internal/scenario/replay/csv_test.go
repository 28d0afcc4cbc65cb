package replay

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/telemetry"
)

func TestCommonHeadersAreFound(t *testing.T) {
	in := "timestamp,device_id,temperature_c,humidity_pct,light_mlx,accel_x_mg,speed_kmh,Latitude,lng,battery\n" +
		"2019-03-24T09:18:56.437Z,abc,16.241,33,500,800,36,52.1,4.5,\n"
	rec, err := Read(strings.NewReader(in), Mapping{})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]float64{"temperature": 16.241, "humidity": 33, "light": 0.5, "accel_x": 7.84532, "speed": 10, "lat": 52.1, "lon": 4.5}
	got := rec.Readings[0]
	if len(got.Values) != len(want) {
		t.Errorf("got %v", got.Values)
	}
	for q, v := range want {
		if math.Abs(got.Values[q]-v) > 1e-9 {
			t.Errorf("%s = %v, want %v", q, got.Values[q], v)
		}
	}
	if got.TimeMS != 1553419136437 || strings.Join(rec.Unused, ",") != "device_id" {
		t.Errorf("time %d, unused %v", got.TimeMS, rec.Unused)
	}
}

func TestMappingByHand(t *testing.T) {
	columns, err := ParseMap("temperature=probe*0.5556+-17.778,light=l")
	if err != nil {
		t.Fatal(err)
	}
	rec, err := Read(strings.NewReader("when;probe\n"), Mapping{Time: "when", Quantities: columns})
	if err == nil || !strings.Contains(err.Error(), "line 1") {
		t.Errorf("semicolons: %v, %v", rec, err)
	}
	rec, err = Read(strings.NewReader("when,probe,l\n1700000000,50,3\n1700000001500,32,4\n"), Mapping{Time: "when", Quantities: columns})
	if err != nil {
		t.Fatal(err)
	}
	if v := rec.Readings[0].Values["temperature"]; math.Abs(v-10.002) > 1e-9 {
		t.Errorf("50 °F = %v °C", v)
	}
	if rec.Readings[1].TimeMS != 1_700_000_001_500 {
		t.Errorf("times %d %d", rec.Readings[0].TimeMS, rec.Readings[1].TimeMS)
	}
}

func TestBadMaps(t *testing.T) {
	for _, text := range []string{"temperature", "temp=a", "temperature=a*x", "temperature=a+x", "temperature=a,temperature=b", "temperature=", "temperature=a*NaN"} {
		if _, err := ParseMap(text); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestBadFilesNameTheLine(t *testing.T) {
	head := "time,temperature\n"
	for _, c := range []struct{ in, want string }{
		{"", "empty"},
		{"a,b\n1,2\n", "line 1: no column looks like a time"},
		{"time,b\n1,2\n", "line 1: no column looks like a quantity"},
		{"time,time\n", `line 1: column "time" stands twice`},
		{head, "no line with a value"},
		{head + "2020-01-01T00:00:00Z,\n", "no line with a value"},
		{head + "2020-01-01T00:00:00Z,4\nyesterday,5\n", `line 3: column time: "yesterday" is not a time`},
		{head + "2020-01-01T00:00:00Z,warm\n", `line 2: column temperature: "warm" is not a number`},
		{head + "2020-01-01T00:00:00Z,NaN\n", `line 2: column temperature: "NaN" is not a number`},
		{head + "2020-01-01T00:00:00Z,5000\n", "line 2: column temperature: temperature of 5000 Cel is outside"},
		{head + "2020-01-01T00:00:00Z,4,5\n", "line 2: wrong number of fields"},
		{head + "2020-01-01T00:00:00Z,\"4\n", "line 2"},
		{head + "0,4\n", "line 2: column time: time 0 is not between"},
		{head + "1970-06-01T00:00:00Z,4\n", "is before 1978"},
	} {
		_, err := Read(strings.NewReader(c.in), Mapping{})
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v, want %s", c.in, err, c.want)
		}
	}
}

func TestBatches(t *testing.T) {
	at := func(ms ...int64) (out []telemetry.Reading) {
		for _, m := range ms {
			out = append(out, telemetry.Reading{TimeMS: m, Values: map[string]float64{"temperature": 1}})
		}
		return out
	}
	sizes := func(b []Batch) (n []int) {
		for _, x := range b {
			n = append(n, len(x.Readings))
		}
		return n
	}
	for _, c := range []struct {
		in   []telemetry.Reading
		size int
		want []int
	}{
		{at(1, 2, 3, 4, 5), 2, []int{2, 2, 1}},
		{at(1, 2, 2, 3), 10, []int{2, 2}},
		{at(7, 7, 7), 10, []int{1, 1, 1}},
		{at(3, 1, 3), 10, []int{2, 1}},
	} {
		if got := sizes(batches(c.in, c.size)); !slices.Equal(got, c.want) {
			t.Errorf("batches of %v, want %v", got, c.want)
		}
	}
	three := Mapping{Quantities: map[string]Column{"temperature": {}, "humidity": {}, "light": {}}}
	for batch, ok := range map[int]bool{0: false, 1: true, MaxBatch(3): true, MaxBatch(3) + 1: false} {
		cfg := Config{Wait: WaitNone, Batch: batch, Recording: &Recording{Mapping: three}}
		if err := cfg.Validate(); (err == nil) != ok {
			t.Errorf("%d readings of three quantities in a message: %v, want accepted: %v", batch, err, ok)
		}
	}
}

// The largest batch of every number of quantities fits one message, with the widest values.
func TestLargestBatchFits(t *testing.T) {
	for n := 1; n <= len(telemetry.Quantities); n++ {
		var readings []telemetry.Reading
		for i := range MaxBatch(n) {
			r := telemetry.Reading{TimeMS: 1_700_000_000_123 + int64(i)*1001, Values: make(map[string]float64)}
			for _, q := range telemetry.Quantities[len(telemetry.Quantities)-n:] {
				r.Values[q.Name] = q.Max / 3
			}
			readings = append(readings, r)
		}
		if err := encodes(readings); err != nil {
			t.Errorf("%d readings of %d quantities: %v", len(readings), n, err)
		}
	}
}

func TestShift(t *testing.T) {
	in := []telemetry.Reading{{TimeMS: 1000}, {TimeMS: 3000}}
	out := shift(in, time.UnixMilli(1_700_000_000_000), 4)
	if out[0].TimeMS != 1_700_000_000_000 || out[1].TimeMS != 1_700_000_000_500 || in[0].TimeMS != 1000 {
		t.Errorf("%v of %v, want 1700000000000 and half a second later", out, in)
	}
	if out := shift(in, time.UnixMilli(1_700_000_000_000), 0); out[0].TimeMS != 1_699_999_998_000 || out[1].TimeMS != 1_700_000_000_000 {
		t.Errorf("%v, want the last reading at 1700000000000 and the first two seconds before", out)
	}
}

func FuzzRead(f *testing.F) {
	f.Add("time,temperature\n2020-01-01T00:00:00Z,4\n")
	f.Add("ts,accel_x_mg,light\n1700000000,\"3\",\n")
	f.Fuzz(func(t *testing.T, in string) {
		rec, err := Read(strings.NewReader(in), Mapping{})
		if err != nil {
			if strings.Contains(err.Error(), "\n") && !strings.Contains(in, "\n") {
				t.Errorf("error of several lines: %q", err)
			}
			return
		}
		for _, r := range rec.Readings {
			for name, v := range r.Values {
				if q, ok := telemetry.FindQuantity(name); !ok || !(v >= q.Min && v <= q.Max) {
					t.Errorf("%s = %v", name, v)
				}
			}
		}
	})
}
