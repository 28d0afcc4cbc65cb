package profile

import (
	"math"
	"math/big"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/trackseal/trackseal/internal/telemetry"
)

// TestUnits: each unit by a value that everybody can check.
func TestUnits(t *testing.T) {
	for _, c := range []struct {
		quantity, unit, in string
		want               float64
	}{
		{"temperature", "", "4.41", 4.41}, {"temperature", "°C", "-0.0", 0}, {"temperature", "°F", "-40", -40}, {"temperature", "F", "39.92", 4.4}, {"temperature", "degF", "32", 0},
		{"temperature", "K", "277.55", 4.4}, {"temperature", "Cel", "1e1", 10}, {"temperature", "°F", "3.992e1", 4.4},
		{"humidity", "%", "51.2", 51.2}, {"humidity", "fraction", "0.512", 51.2}, {"battery", "fraction", "1", 100},
		{"pressure", "Pa", "100631", 1006.31}, {"pressure", "kPa", "100.631", 1006.31}, {"pressure", "mbar", "1006.31", 1006.31}, {"pressure", "bar", "1.00631", 1006.31},
		{"pressure", "atm", "1", 1013.25}, {"pressure", "psi", "14.5", 999.73980750936}, {"pressure", "mmHg", "760", 1013.250144354}, {"pressure", "inHg", "29.92", 1013.20748906667664},
		{"voltage", "mV", "3012", 3.012}, {"voltage", "V", "3.012", 3.012},
		{"speed", "kn", "38.9", 38.9 * 1852 / 3600}, {"speed", "km/h", "72", 20}, {"speed", "mph", "100", 44.704}, {"speed", "m/s", "20", 20},
		{"accel_z", "g", "1", 9.80665}, {"accel_z", "mg", "1068", 10.4735022}, {"shock", "m/s²", "30", 30}, {"light", "klx", "1.5", 1500}, {"tilt", "°", "30", 30},
		{"shock_ms", "s", "0.011", 11}, {"rssi", "dBm", "-73", -73}, {"co2", "ppm", "412", 412}, {"lat", "deg", "52.5", 52.5},
	} {
		q, ok := telemetry.FindQuantity(c.quantity)
		if !ok {
			t.Fatalf("no quantity %s", c.quantity)
		}
		u, ok := unitOf(&q, c.unit)
		if !ok {
			t.Errorf("%s in %s is not known", c.quantity, c.unit)
			continue
		}
		a := newAffine(u.mul, u.add)
		if got, ok := a.apply(c.in); !ok || got != c.want && math.Abs(got-c.want) > 1e-12*math.Abs(c.want) || math.Signbit(got) != math.Signbit(c.want) {
			t.Errorf("%s %s of %s: %v (%v), want %v", c.in, c.unit, c.quantity, got, ok, c.want)
		}
	}
}

// Every quantity has units, its own among them.
func TestEveryQuantityHasUnits(t *testing.T) {
	for i := range telemetry.Quantities {
		q := &telemetry.Quantities[i]
		if len(units[q.Unit]) == 0 {
			t.Errorf("%s (%s) has no units", q.Name, q.Unit)
		}
		if c, ok := unitOf(q, q.Unit); !ok || c.mul.Cmp(big.NewRat(1, 1)) != 0 || c.add.Sign() != 0 {
			t.Errorf("%s in its own unit is %v", q.Name, c)
		}
	}
}

// TestArithmeticIsExact: by both ways, what comes out is the float64 nearest to the exact result.
func TestArithmeticIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		decimalText := rapid.Custom(func(t *rapid.T) string {
			s := strconv.FormatInt(rapid.Int64Range(-1_000_000_000_000, 1_000_000_000_000).Draw(t, "digits"), 10)
			if n := rapid.IntRange(0, 9).Draw(t, "places"); n > 0 {
				r, _ := new(big.Rat).SetString(s + "e-" + strconv.Itoa(n))
				s = r.FloatString(n)
			}
			return s
		})
		in, scale, offset := decimalText.Draw(t, "value"), decimalText.Draw(t, "scale"), decimalText.Draw(t, "offset")
		rs, err := decimal(scale)
		if err != nil {
			t.Fatal(err)
		}
		ro, _ := decimal(offset)
		c := rapid.SampledFrom([]conversion{ratio("1"), shifted("5/9", "-160/9"), ratio("463/900"), ratio("0.00980665")}).Draw(t, "unit")
		mul, add := new(big.Rat).Mul(rs, c.mul), new(big.Rat).Add(new(big.Rat).Mul(ro, c.mul), c.add)
		a := newAffine(mul, add)
		v, _ := new(big.Rat).SetString(in)
		want, _ := new(big.Rat).Add(new(big.Rat).Mul(v, mul), add).Float64()
		if got, ok := a.apply(in); !ok || got != want {
			t.Fatalf("%s * %v + %v is %v (%v), want %v", in, mul, add, got, ok, want)
		}
		if got, ok := a.small(in); ok && got != want {
			t.Fatalf("by whole numbers %s * %v + %v is %v, want %v", in, mul, add, got, want)
		}
	})
}

func TestNumbersOutOfReason(t *testing.T) {
	tenth := newAffine(big.NewRat(1, 10), new(big.Rat))
	same := newAffine(big.NewRat(1, 1), new(big.Rat))
	for _, in := range []string{"1e400", "-1e999999999", "1e-999999999999999999999"} {
		if v, ok := tenth.apply(in); ok {
			t.Errorf("%s: %v", in, v)
		}
	}
	if v, ok := same.apply("1e400"); ok {
		t.Errorf("1e400: %v", v)
	}
	for _, s := range []string{"", "x", "1,5", "0x10", "1e400", "+1", ".5", "1.", "1_000", "1/3"} {
		if r, err := decimal(s); err == nil {
			t.Errorf("%q is %v as a profile's decimal", s, r)
		}
	}
}
