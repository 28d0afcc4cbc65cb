package detect

import (
	"errors"
	"math"
	"math/big"
	"reflect"
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

func TestALengthIsTheExactRoot(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		axis := rapid.OneOf(rapid.Int64Range(-999_999_999_999_999, 999_999_999_999_999), rapid.Int64Range(-20_000_000, 20_000_000), rapid.Int64Range(-3, 3))
		var v [3]int64
		sum := new(big.Int)
		for i := range v {
			n := axis.Draw(t, "axis")
			v[i] = n
			sum.Add(sum, new(big.Int).Mul(big.NewInt(n), big.NewInt(n)))
		}
		if want, got := sum.Sqrt(sum).Int64(), Length(v[:]...); got != want {
			t.Fatalf("length of %v is %d, want %d", v, got, want)
		}
	})
}

func TestWideNumbersAreExact(t *testing.T) {
	big128 := func(n uint64) *big.Int { return new(big.Int).SetUint64(n) }
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := rapid.Uint64().Draw(t, "a"), rapid.Uint64().Draw(t, "b"), rapid.Uint64Range(1, 1<<31).Draw(t, "c")
		w, want := Product(a, b), new(big.Int).Mul(big128(a), big128(b))
		check := func(what string, got Wide, want *big.Int) {
			if got.Big().Cmp(want) != 0 {
				t.Fatalf("%s: got %s, want %s", what, got.Big(), want)
			}
		}
		check("product", w, want)
		small := Product(a, c)
		check("times", Product(a>>1, 1<<32).Times(c), new(big.Int).Mul(new(big.Int).Lsh(big128(a>>1), 32), big128(c)))
		check("plus", w.Plus(small).Minus(small), want)
		if got := small.Over(max(a, c)); got != min(a, c) {
			t.Fatalf("%d times %d over the larger one: got %d", a, c, got)
		}
		part, whole, share := int64(a>>1), int64(b>>1), Decimal(rapid.Int64Range(0, Micro).Draw(t, "share"))
		l, r := new(big.Int).Mul(big.NewInt(part), big.NewInt(Micro)), new(big.Int).Mul(big.NewInt(whole), big.NewInt(int64(share)))
		if got := Below(part, whole, share); got != (l.Cmp(r) < 0) {
			t.Fatalf("%d of %d is below %s: got %v", part, whole, share, got)
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

func TestAnEpisodeKeepsItsWorstValueAndTheMessagesThatDecide(t *testing.T) {
	var e Episode
	for i, v := range []Decimal{9, 12, 11} {
		e.Meet(int64(i)*10, v, [32]byte{byte(i)}, v > e.Peak)
	}
	e.OutMS = 20
	want := Excursion{StartMS: 0, EndMS: 30, Open: true, Peak: 12, Limit: 8, OutMS: 20, Messages: [][32]byte{{0}, {1}, {2}}, Note: "n"}
	if got := e.Excursion(30, true, 8, "n"); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	var sum Episode
	sum.Join(e, false)
	later := Episode{On: true, StartMS: 50, OutMS: 5, Peak: 10, First: [32]byte{5}, Worst: [32]byte{5}, Last: [32]byte{6}}
	sum.Join(later, later.Peak > sum.Peak)
	want.Open, want.OutMS, want.Messages = false, 25, [][32]byte{{0}, {1}, {6}}
	if got := sum.Excursion(30, false, 8, "n"); !reflect.DeepEqual(got, want) {
		t.Errorf("joined: got %+v, want %+v", got, want)
	}
	e = Episode{}
	e.Meet(7, 3, [32]byte{7}, false) // the first value is the worst, whatever it is compared with
	if want := (Episode{On: true, StartMS: 7, Peak: 3, First: [32]byte{7}, Worst: [32]byte{7}, Last: [32]byte{7}}); e != want {
		t.Errorf("got %+v, want %+v", e, want)
	}
}

func TestAClockCountsWhatReadingsSpeakFor(t *testing.T) {
	c := Clock{GapMS: 10}
	c.Stop(5, false) // nothing was read yet
	c.Read(100, false)
	c.Read(108, true)
	if known, unknown := c.Pass(125, true); known != 10 || unknown != 7 {
		t.Errorf("got %d ms known and %d unknown of 17, want 10 and 7", known, unknown)
	}
	c.Stop(130, false)
	c.Read(200, true) // the time since the stop counts for nothing
	if want := (Tally{InMS: 13, OutMS: 10, UnknownMS: 7}); c.Tally != want {
		t.Errorf("got %+v, want %+v", c.Tally, want)
	}
	var f Finding
	c.Doubt(&f, "light")
	(&Clock{}).Doubt(&f, "door")
	if want := []string{"light unknown for 0.007 s", "no door at all"}; f.State != Unknown || !reflect.DeepEqual(f.Reasons, want) {
		t.Errorf("got %s because of %q, want unknown because of %q", f.State, f.Reasons, want)
	}
}

func TestProblemsAreOneFlatList(t *testing.T) {
	var p Problems
	p.Within("a", 5, 0, 5)
	p.Within("b", 6, 0, 5)
	p.Within("c", -1, 0, math.MaxInt)
	p.Add(nil)
	p.Add(errors.Join(errors.New("d"), errors.Join(errors.New("e"), errors.New("f"))))
	if want := "b: must be 0 to 5\nc: must be 0 or more\nd\ne\nf"; len(p) != 5 || p.Err().Error() != want {
		t.Errorf("got %q, want %q", p.Err(), want)
	}
	if p = nil; p.Err() != nil {
		t.Errorf("got %v without problems, want nil", p.Err())
	}
}
