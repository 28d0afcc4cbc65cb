package detect

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

func TestDecimals(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want Decimal
		out  string
	}{
		{"0", 0, "0"}, {"8", 8_000_000, "8"}, {"-0.5", -500_000, "-0.5"}, {"0.000001", 1, "0.000001"}, {"-0", 0, "0"}, {"8.10", 8_100_000, "8.1"},
		{"999999999.999999", 999_999_999_999_999, "999999999.999999"},
	} {
		d, err := ParseDecimal(tc.in)
		if err != nil || d != tc.want || d.String() != tc.out {
			t.Errorf("%s: %d %q %v", tc.in, d, d, err)
		}
	}
	for _, in := range []string{"", "+1", "01", ".5", "1.", "1e3", "NaN", "1.0000001", "1000000000", " 1", "1\n"} {
		if d, err := ParseDecimal(in); err == nil {
			t.Errorf("%q was read as %s", in, d)
		}
	}
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1e9, -1e9} {
		if d, ok := FromFloat(v); ok {
			t.Errorf("%g was taken as %s", v, d)
		}
	}
}

func TestADecimalSurvivesFloat64(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := Decimal(rapid.Int64Range(-999_999_999_999_999, 999_999_999_999_999).Draw(t, "d"))
		if back, ok := FromFloat(d.Float()); !ok || back != d {
			t.Fatalf("%s became %s", d, back)
		}
		if back, err := ParseDecimal(d.String()); err != nil || back != d {
			t.Fatalf("%s became %s: %v", d, back, err)
		}
	})
}

func TestMagnitudeIsTheExactRoot(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		axis := rapid.OneOf(rapid.Int64Range(-999_999_999_999_999, 999_999_999_999_999), rapid.Int64Range(-20_000_000, 20_000_000), rapid.Int64Range(-3, 3))
		var v [3]Decimal
		sum := new(big.Int)
		for i := range v {
			n := axis.Draw(t, "axis")
			v[i] = Decimal(n)
			sum.Add(sum, new(big.Int).Mul(big.NewInt(n), big.NewInt(n)))
		}
		if want, got := sum.Sqrt(sum).Int64(), magnitude(v[0], v[1], v[2]); int64(got) != want {
			t.Fatalf("magnitude of %v is %d, want %d", v, got, want)
		}
	})
}

func TestPointsHoldWhatTheyWereGiven(t *testing.T) {
	p := NewPoint(5, [32]byte{1}, map[string]float64{"temperature": 4.1, "battery": 80, "accel_x": 3, "accel_y": 4, "accel_z": 0, "humidity": math.NaN(), "odd": 1})
	for m, want := range map[Metric]string{Temperature: "4.1", Battery: "80", Acceleration: "5", AccelZ: "0"} {
		if v, ok := p.Get(m); !ok || v.String() != want {
			t.Errorf("%s: %s %v", m, v, ok)
		}
	}
	if _, ok := p.Get(Humidity); ok {
		t.Error("NaN became a humidity")
	}
	q := NewPoint(5, [32]byte{1}, map[string]float64{"temperature": 4.2})
	if p.Compare(&p) != 0 || p.Compare(&q) == 0 || p.Compare(&q) != -q.Compare(&p) {
		t.Error("the order is not one")
	}
	for m := range Metrics {
		if got, ok := MetricOf(m.String()); !ok || got != m {
			t.Errorf("%s is %v", m, got)
		}
	}
}

func TestStages(t *testing.T) {
	c := Journey{FromMS: 10, DepartMS: 20, DeliverMS: 50, EndMS: 60}
	for s, want := range map[Stage]Window{AtOrigin: {10, 20}, InTransit: {20, 50}, AtDestination: {50, 60}} {
		if w, ok := c.StageWindow(s); !ok || w != want {
			t.Errorf("%s: %v %v", s, w, ok)
		}
	}
	c = Journey{FromMS: 10}
	if w, ok := c.StageWindow(InTransit); !ok || w != (Window{10, 0}) {
		t.Errorf("in transit without a handover: %v", w)
	}
	if _, ok := c.StageWindow(AtOrigin); ok {
		t.Error("at origin without a departure")
	}
	if _, ok := c.StageWindow(AtDestination); ok {
		t.Error("at destination without a delivery")
	}
}
