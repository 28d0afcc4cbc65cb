package motion

import (
	"math"
	"math/big"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

// naiveDrops finds the drops of samples with no other metric, with all of them at hand: runs below 3 m/s2 first, then
// impacts alone, then what lies within a second of an earlier drop is taken out.
func naiveDrops(ms []int64, a []float64) (starts []int64) {
	const need, within = 100, 1000
	type drop struct{ start, end int64 }
	var candidates []drop
	gap := func(i int) int64 { // before sample i
		if i == 0 {
			return need
		}
		return ms[i] - ms[i-1]
	}
	fallsAt := func(i int) bool { return i >= 0 && i < len(a) && a[i] < 3 }
	var quiet int64 = -1
	last := func(d drop) { candidates, quiet = append(candidates, d), d.end+within }
	for i := 0; i < len(a); i++ {
		if fallsAt(i) && ms[i] > quiet {
			j, slow := i, gap(i) > need
			for fallsAt(j + 1) {
				j++
				slow = slow || gap(j) > need
			}
			before, over := ms[i]-gap(i), ms[j]
			hit := -1
			if j+1 < len(a) {
				over = ms[j+1]
				slow = slow || gap(j+1) > need
				for k := j + 1; k < len(a) && ms[k] <= over+within && !fallsAt(k); k++ {
					if a[k] >= 14 {
						hit = k
						break
					}
				}
			}
			shows := j+1 < len(a) && gap(j+1) <= 10
			high := 9.80665*math.Pow(float64(over-before)/1000, 2)/2 >= 0.2
			if d := (drop{ms[i], over}); ms[j]-ms[i] <= 5000 && (slow || high && (hit >= 0 || !shows)) {
				if hit >= 0 {
					d.end = max(over, ms[hit])
				}
				last(d)
			}
			i = j
			if hit >= 0 {
				i = hit
			}
			continue
		}
	}
	for _, d := range candidates {
		starts = append(starts, d.start)
	}
	return starts
}

func TestDropAgainstANaiveModel(t *testing.T) {
	rule := Drop{FreeFallBelow: "3", ImpactAbove: "14", MinHeight: "0.2"}
	rapid.Check(t, func(t *rapid.T) {
		var ms []int64
		var a []float64
		d, err := rule.Detector(nil, "", 900_000)
		if err != nil {
			t.Fatal(err)
		}
		now := int64(0)
		pace := rapid.SampledFrom([][]int64{{5, 10}, {50, 100}, {500}, {5, 100, 101, 500, 2000}}).Draw(t, "pace")
		for range rapid.IntRange(1, 80).Draw(t, "samples") {
			ms, a = append(ms, now), append(a, rapid.SampledFrom([]float64{0.2, 0.2, 9.8, 9.8, 15, 17}).Draw(t, "a"))
			p := at(now, values{"accel_x": 0, "accel_y": a[len(a)-1], "accel_z": 0})
			d.Step(&p)
			for n := rapid.SampledFrom([]int{1, 1, 20}).Draw(t, "repeat"); n > 1; n-- { // the same for a while
				now += pace[0]
				ms, a = append(ms, now), append(a, a[len(a)-1])
				p := at(now, values{"accel_x": 0, "accel_y": a[len(a)-1], "accel_z": 0})
				d.Step(&p)
			}
			now += rapid.SampledFrom(pace).Draw(t, "dt")
		}
		f := detect.Finish(d, ms[len(ms)-1])
		var got []int64
		for _, e := range f.Excursions {
			got = append(got, e.StartMS)
		}
		if want := naiveDrops(ms, a); !slices.Equal(got, want) {
			t.Fatalf("%d, naive %d\n%v\n%v", got, want, ms, a)
		}
	})
}

func TestPulsesAgainstRationals(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		peak := rapid.Int64Range(0, 50_000_000_000).Draw(t, "peak")
		ms := rapid.Int64Range(0, 60_000_000_000).Draw(t, "ms")
		e := rapid.Int64Range(0, detect.Micro).Draw(t, "e")
		got := VelocityChange(detect.Decimal(peak), detect.Decimal(ms))
		want := 2 / math.Pi * float64(peak) * 1e-6 * float64(ms) * 1e-9
		if math.Abs(got.Float()-want) > 1e-6+want*1e-12 {
			t.Fatalf("%s m/s, want %g", got, want)
		}
		h := EquivalentHeight(got, detect.Decimal(e))
		r := new(big.Rat).SetFrac64(int64(got), detect.Micro)
		r.Mul(r, r).Quo(r, big.NewRat(1961330, 100000))
		f := big.NewRat(detect.Micro+e, detect.Micro)
		if exact, _ := r.Quo(r, f.Mul(f, f)).Float64(); exact < 1e8 && math.Abs(h.Float()-exact) > 0.6e-6 {
			t.Fatalf("%s m, want %g", h, exact)
		}
	})
}

// naiveVibration gives, of a second's windows of the tracker's own values, how long each is known and its mean square.
func TestVibrationAgainstANaiveModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const maxGap = 4000
		d, err := Vibration{Max: "3", WindowS: 1}.Detector(nil, "", maxGap)
		if err != nil {
			t.Fatal(err)
		}
		type reading struct {
			ms int64
			v  float64
		}
		var all []reading
		now := rapid.Int64Range(0, 3000).Draw(t, "first")
		for range rapid.IntRange(1, 20).Draw(t, "readings") {
			all = append(all, reading{now, rapid.SampledFrom([]float64{0, 2, 3, 4, 9}).Draw(t, "v")})
			p := at(now, values{"vibration": all[len(all)-1].v})
			d.Step(&p)
			now += rapid.SampledFrom([]int64{50, 400, 1000, 1700, 6000}).Draw(t, "dt")
		}
		// Millisecond by millisecond.
		var in, out, unknown int64
		for w := all[0].ms / 1000 * 1000; w < now; w += 1000 {
			from, to := max(w, all[0].ms), min(w+1000, now)
			var known, square int64
			k := 0
			for ms := from; ms < to; ms++ {
				for k+1 < len(all) && all[k+1].ms <= ms {
					k++
				}
				if ms < all[k].ms+maxGap {
					known, square = known+1, square+int64(all[k].v*all[k].v)
				}
			}
			switch {
			case known == 0 || 2*known < to-from:
				unknown += to - from
			case square > 9*known:
				out, unknown = out+known, unknown+to-from-known
			default:
				in, unknown = in+known, unknown+to-from-known
			}
		}
		if f := detect.Finish(d, now); f.InMS != in || f.OutMS != out || f.UnknownMS != unknown || (f.State == detect.Broken) != (out > 0) {
			t.Fatalf("in %d out %d unknown %d, naive %d %d %d: %v", f.InMS, f.OutMS, f.UnknownMS, in, out, unknown, all)
		}
	})
}
