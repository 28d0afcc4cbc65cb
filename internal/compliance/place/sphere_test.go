package place

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

func dec(t testing.TB, s string) detect.Decimal {
	t.Helper()
	d, err := detect.ParseDecimal(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Distances between airports as great-circle tables give them, on the ellipsoid: a sphere must be within 0.5 %.
func TestDistancesBetweenAirports(t *testing.T) {
	for name, tc := range map[string]struct {
		a, b [2]string
		km   float64
	}{
		"New York JFK to London LHR":   {[2]string{"40.639751", "-73.778925"}, [2]string{"51.4775", "-0.461389"}, 5554},
		"Sydney to Los Angeles":        {[2]string{"-33.946111", "151.177222"}, [2]string{"33.942536", "-118.408075"}, 12051},
		"Singapore to Newark":          {[2]string{"1.350189", "103.994433"}, [2]string{"40.6925", "-74.168667"}, 15344},
		"one degree along the equator": {[2]string{"0", "179.5"}, [2]string{"0", "-179.5"}, 111.195},
		"pole to pole":                 {[2]string{"90", "13"}, [2]string{"-90", "77"}, 20015.1},
	} {
		got := float64(between(dec(t, tc.a[0]), dec(t, tc.a[1]), dec(t, tc.b[0]), dec(t, tc.b[1]))) / 10_000
		if math.Abs(got-tc.km)/tc.km > 0.005 {
			t.Errorf("%s: %.1f km, published %.1f", name, got, tc.km)
		}
	}
}

// Exact results, so that a processor or compiler that computes otherwise fails here.
func TestDistancesAreTheSameEverywhere(t *testing.T) {
	for _, tc := range []struct {
		a, b [2]string
		dm   int64
	}{
		{[2]string{"52.5", "13.4"}, [2]string{"52.5", "13.4"}, 0},
		{[2]string{"52.5", "13.4"}, [2]string{"52.500001", "13.4"}, 1},
		{[2]string{"0", "0"}, [2]string{"0", "180"}, 200_151_144},
		{[2]string{"90", "0"}, [2]string{"-90", "0"}, 200_151_144},
		{[2]string{"0", "0"}, [2]string{"0", "0.001"}, 1_112},
		{[2]string{"40.639751", "-73.778925"}, [2]string{"51.4775", "-0.461389"}, 55_394_569},
	} {
		if got := between(dec(t, tc.a[0]), dec(t, tc.a[1]), dec(t, tc.b[0]), dec(t, tc.b[1])); got != tc.dm {
			t.Errorf("%v to %v: %d dm, want %d", tc.a, tc.b, got, tc.dm)
		}
	}
}

// bigSine is the sine of micro millionths of a degree by its series in 300 bits.
func bigSine(micro int64) *big.Float {
	f := func(v float64) *big.Float { return new(big.Float).SetPrec(300).SetFloat64(v) }
	pi, _, _ := big.ParseFloat("3.14159265358979323846264338327950288419716939937510582097494459230781640628620899862803482534211707", 10, 300, big.ToNearestEven)
	x := new(big.Float).Quo(new(big.Float).Mul(pi, f(float64(micro))), f(180e6))
	x2 := new(big.Float).Mul(x, x)
	term, sum := new(big.Float).Copy(x), new(big.Float).Copy(x)
	for k := 2.0; k < 80; k += 2 {
		term = new(big.Float).Neg(new(big.Float).Quo(new(big.Float).Mul(term, x2), f(k*(k+1))))
		sum = new(big.Float).Add(sum, term)
	}
	return sum
}

func TestSineAgainstBigPrecision(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		micro := rapid.Int64Range(-360_000_000, 360_000_000).Draw(t, "angle")
		got, cos := sine(detect.Decimal(micro))
		for _, c := range []struct{ got, micro int64 }{{got, micro}, {cos, micro + 90_000_000}} {
			want, _ := new(big.Float).SetMantExp(bigSine(c.micro), 60).Int64()
			if d := c.got - want; d < -32 || d > 32 {
				t.Fatalf("sine of %d: off by %d steps of 2^-60", c.micro, d)
			}
		}
	})
}

func TestDistanceProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		place := func() (lat, lon detect.Decimal) {
			return detect.Decimal(rapid.Int64Range(-90_000_000, 90_000_000).Draw(t, "lat")), detect.Decimal(rapid.Int64Range(-180_000_000, 180_000_000).Draw(t, "lon"))
		}
		lat1, lon1 := place()
		lat2, lon2 := place()
		if rapid.Bool().Draw(t, "near") {
			lat2 = min(lat1+detect.Decimal(rapid.Int64Range(0, 2000).Draw(t, "dlat")), 90_000_000)
			lon2 = lon1 + detect.Decimal(rapid.Int64Range(-2000, 2000).Draw(t, "dlon"))
		}
		got := between(lat1, lon1, lat2, lon2)
		if back := between(lat2, lon2, lat1, lon1); back != got {
			t.Fatalf("%d there and %d back", got, back)
		}
		if round := between(lat1, lon1+360*detect.Micro, lat2, lon2); round != got {
			t.Fatalf("%d, and %d with a turn", got, round)
		}
		// The formula that is well-conditioned for all angles.
		rad := func(d detect.Decimal) float64 { return d.Float() * math.Pi / 180 }
		s1, c1 := math.Sincos(rad(lat1))
		s2, c2 := math.Sincos(rad(lat2))
		sl, cl := math.Sincos(rad(lon2 - lon1))
		want := math.Atan2(math.Hypot(c2*sl, c1*s2-s1*c2*cl), s1*s2+c1*c2*cl) * radius
		if math.Abs(float64(got)-want) > 0.6 {
			t.Fatalf("%d dm, want %.2f", got, want)
		}
	})
}

// between is the great-circle distance in decimetres between two positions in degrees.
func between(lat1, lon1, lat2, lon2 detect.Decimal) int64 {
	a, b := at(lat1, lon1), at(lat2, lon2)
	return a.distance(&b)
}
