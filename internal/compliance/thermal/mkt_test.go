package thermal

import (
	"fmt"
	"math/big"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

const hour = int64(3_600_000)

func at(ms int64, celsius string) *detect.Point {
	d, err := detect.ParseDecimal(celsius)
	if err != nil {
		panic(err)
	}
	return milliPoint(ms, int64(d)/1000)
}

func milliPoint(ms, milliCelsius int64) *detect.Point {
	p := detect.NewPoint(ms, [32]byte{byte(ms), byte(ms >> 8), byte(ms >> 16), byte(ms >> 24)}, map[string]float64{"temperature": float64(milliCelsius) / 1000})
	return &p
}

type phase struct {
	hours int64
	temp  string
}

// drive steps through stays with a reading every 10 minutes, and finishes at their end.
func drive(t testing.TB, d detect.Detector, from int64, stays ...phase) (f detect.Finding, end int64) {
	t.Helper()
	ms := from
	for _, s := range stays {
		for range s.hours * 6 {
			d.Step(at(ms, s.temp))
			ms += 600_000
		}
	}
	return detect.Finish(d, ms), ms
}

func newMKT(t testing.TB, limit string, window int64, end int64) detect.Detector {
	t.Helper()
	d, err := MKT{Metric: "temperature", Max: limit, WindowS: window / 1000, MinCoverage: "0.9", ActivationK: "10000"}.
		Detector(&detect.Journey{EndMS: end, Trackers: []detect.Tracker{{ID: "t", Windows: []detect.Window{{}}}}}, "t", 900_000)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func figure(f detect.Finding, name string) string {
	for _, g := range f.Figures {
		if g.Name == name {
			return g.Value
		}
	}
	return ""
}

// The vectors of the research: windows filled exactly.
func TestMeanKineticTemperatures(t *testing.T) {
	for _, tc := range []struct {
		name, limit string
		window      int64
		stays       []phase
		want        string
		state       detect.State
	}{
		{"18 h at 5 and 6 h at 14 fail 8", "8", 24 * hour, []phase{{18, "5"}, {6, "14"}}, "8.285", detect.Broken},
		{"20 h at 5 and 4 h at 12 hold 8", "8", 24 * hour, []phase{{20, "5"}, {4, "12"}}, "6.650", detect.Met},
		{"22 h at 5 and 2 h at 15 hold 8", "8", 24 * hour, []phase{{22, "5"}, {2, "15"}}, "6.462", detect.Met},
		{"15 d at 20 and 15 d at 28 hold 25", "25", 30 * 24 * hour, []phase{{15 * 24, "20"}, {15 * 24, "28"}}, "24.825", detect.Met},
		{"29 d at 24 and 1 d at 40 fail 25", "25", 30 * 24 * hour, []phase{{29 * 24, "24"}, {24, "40"}}, "25.260", detect.Broken},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f, _ := drive(t, newMKT(t, tc.limit, tc.window, 0), 1_700_000_000_123, tc.stays...)
			if got := figure(f, "mean_kinetic_temperature"); got != tc.want || f.State != tc.state || figure(f, "mean_over") != detect.Span(tc.window) {
				t.Errorf("%s over %s, %s: %v", got, figure(f, "mean_over"), f.State, f.Reasons)
			}
			if (f.State == detect.Broken) != (len(f.Excursions) == 1) {
				t.Errorf("excursions %v", f.Excursions)
			}
		})
	}
}

// Rounded to 0.001 °C, half up, then compared: 8.0004 holds 8, 8.0005 does not.
func TestTheMeanIsRoundedBeforeItIsCompared(t *testing.T) {
	for temp, want := range map[string]detect.State{"8.000499": detect.Met, "8.0005": detect.Broken} {
		d := newMKT(t, "8", hour, 0)
		v, _ := detect.ParseDecimal(temp)
		for ms := int64(0); ms <= hour; ms += 600_000 {
			p := detect.NewPoint(ms, [32]byte{}, map[string]float64{"temperature": v.Float()})
			d.Step(&p)
		}
		if f := detect.Finish(d, hour); f.State != want {
			t.Errorf("%s: %s, %v", temp, f.State, f.Figures)
		}
	}
}

func TestATripShorterThanTheWindow(t *testing.T) {
	// Going on: cold hours may follow, so warmth is not yet a breach.
	f, end := drive(t, newMKT(t, "8", 24*hour, 0), 0, phase{5, "12"})
	if f.State != detect.Unknown || !strings.Contains(f.Reasons[0], "12.000 °C so far") || len(f.Excursions) != 0 {
		t.Errorf("going on: %s %v", f.State, f.Reasons)
	}
	// Over: judged over the trip.
	f, _ = drive(t, newMKT(t, "8", 24*hour, end), 0, phase{5, "12"})
	if f.State != detect.Broken || figure(f, "mean_over") != "trip" || len(f.Excursions) != 1 || f.Excursions[0].EndMS != end || f.OutMS != 5*hour {
		t.Errorf("over: %+v", f)
	}
	f, _ = drive(t, newMKT(t, "8", 24*hour, 0), 0, phase{5, "6"})
	if f.State != detect.Met || figure(f, "mean_over") != "trip" || figure(f, "mean_kinetic_temperature") != "6.000" {
		t.Errorf("cool: %+v", f)
	}
	// Nothing at all is not a pass.
	if f := detect.Finish(newMKT(t, "8", 24*hour, 1), 1); f.State != detect.Unknown {
		t.Errorf("no reading: %+v", f)
	}
}

func TestTooLittleKnownIsNeverAPass(t *testing.T) {
	d := newMKT(t, "8", 24*hour, 0)
	_, end := drive(t, d, 0, phase{20, "5"})
	f, _ := drive(t, d, end+3*hour, phase{30, "5"}) // 2 h 55 min unknown of 24 h: less than 90 % known
	if f.State != detect.Unknown || figure(f, "mean_coverage") != "87.8" || f.UnknownMS != 3*hour+600_000-900_000 {
		t.Errorf("%s %v %d %v", f.State, f.Figures, f.UnknownMS, f.Reasons)
	}
	// A later breach outweighs it.
	if f, _ = drive(t, d, end+33*hour, phase{24, "12"}); f.State != detect.Broken || len(f.Reasons) != 2 {
		t.Errorf("%s %v", f.State, f.Reasons)
	}
	// A shorter gap leaves the windows evaluable.
	d = newMKT(t, "8", 24*hour, 0)
	_, end = drive(t, d, 0, phase{20, "5"})
	if f, _ = drive(t, d, end+2*hour, phase{30, "5"}); f.State != detect.Met {
		t.Errorf("%s %v", f.State, f.Reasons)
	}
}

func TestYearsOfSilenceCostNoMoreThanAWindow(t *testing.T) {
	d := newMKT(t, "8", hour, 0)
	d.Step(at(0, "5"))
	const years = 100 * 366 * 24 * hour
	d.Step(at(years, "5"))
	if f := detect.Finish(d, years); f.State != detect.Unknown || f.InMS+f.UnknownMS != years || f.UnknownMS != years-900_000 {
		t.Errorf("got %+v, want it unknown but for 900 s", f)
	}
}

func TestMKTValidate(t *testing.T) {
	good := MKT{Metric: "temperature", Max: "8", WindowS: 86400, MinCoverage: "0.9", ActivationK: "9999.913", NotIn: []string{"DE"}}
	if err := detect.Validate(good); err != nil || good.Barred("DE") == "" || good.Barred("US") != "" || good.Barred("") != "" {
		t.Error(err)
	}
	bad := MKT{Metric: "humidity", Max: "-18", WindowS: 5000, MinCoverage: "1.1", ActivationK: "10", NotIn: []string{"de", "FR", "FR"}}
	err := detect.Validate(bad)
	for _, want := range []string{"metric ", "max -18", "frozen", "window_s 5000", "min_coverage 1.1", "activation_k ", "not_in[0]", "not_in[2]"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in %v", want, err)
		}
	}
	for _, limit := range []string{"", "8.0001", "101", "x"} {
		if c := good; true {
			if c.Max = limit; detect.Validate(c) == nil {
				t.Errorf("max %q was taken", limit)
			}
		}
	}
}

// event is a reading, or a Cut where temp is nil.
type event struct {
	ms   int64
	temp *int64 // thousandths of a degree
}

func drawEvents(t *rapid.T, maxGap int64, temps *rapid.Generator[int64]) []event {
	var events []event
	ms := rapid.Int64Range(0, 1e12).Draw(t, "start")
	for range rapid.IntRange(1, 60).Draw(t, "events") {
		e := event{ms: ms}
		if !rapid.Custom(func(t *rapid.T) bool { return rapid.IntRange(0, 15).Draw(t, "cut") == 0 }).Draw(t, "isCut") {
			temp := temps.Draw(t, "temp")
			e.temp = &temp
		}
		events = append(events, e)
		ms += rapid.OneOf(rapid.Int64Range(0, maxGap), rapid.Int64Range(0, maxGap), rapid.Int64Range(0, 8*maxGap)).Draw(t, "wait")
	}
	return events
}

func step(d detect.Detector, e event) {
	if e.temp == nil {
		d.Cut(e.ms, false)
	} else {
		d.Step(milliPoint(e.ms, *e.temp))
	}
}

// piece is a stretch of judged time.
type piece struct {
	from, ms, judged int64 // event time, length, judged time before it
	weight           *big.Int
	known            bool
}

// naiveMKT looks at every window anew, over all pieces.
type naiveMKT struct {
	k                      activation
	coverage               int64 // per mille
	pieces                 []piece
	judged                 int64
	state                  detect.State
	evaluable, unevaluable bool
}

func (n *naiveMKT) mean(from, to int64) (milli int64, ok bool) {
	sum, known := new(big.Int), int64(0)
	for _, p := range n.pieces {
		if o := min(to, p.judged+p.ms) - max(from, p.judged); o > 0 && p.known {
			sum.Add(sum, new(big.Int).Mul(p.weight, big.NewInt(o)))
			known += o
		}
	}
	if known == 0 || known*1000 < n.coverage*(to-from) {
		return 0, false
	}
	return n.k.milli(sum.Quo(sum, big.NewInt(known)).Uint64()), true
}

func naiveFinding(k activation, limit, window, gap, endMS int64, events []event, toMS int64) (state detect.State, best string, in, out, unknown int64) {
	n := naiveMKT{k: k, coverage: 900}
	running, seen := false, false
	var last event
	until := func(ms int64) {
		if !running {
			return
		}
		held := min(ms-last.ms, gap)
		n.pieces = append(n.pieces, piece{last.ms, held, n.judged, new(big.Int).SetUint64(k.weight(detect.Decimal(*last.temp * 1000))), true})
		n.pieces = append(n.pieces, piece{last.ms + held, ms - last.ms - held, n.judged + held, nil, false})
		n.judged += ms - last.ms
	}
	for _, e := range events {
		until(e.ms)
		if running = e.temp != nil; running {
			seen, last = true, e
		}
	}
	over := !running || endMS != 0 && toMS >= endMS
	until(toMS)
	if !seen {
		return detect.Unknown, "", 0, 0, 0
	}
	top := int64(-1 << 60)
	var hotFrom []int64 // looks that were too warm
	see := func(from, to int64) (warm bool) {
		m, ok := n.mean(from, to)
		if !ok {
			n.unevaluable = true
			return false
		}
		n.evaluable, top = true, max(top, m)
		return m > limit
	}
	warmAtLast := false
	if n.judged < window {
		warm := see(0, n.judged)
		switch {
		case warm && over:
			n.state = detect.Broken
			hotFrom = append(hotFrom, 0)
		case warm:
			n.state = detect.Unknown
		}
	} else {
		for at := window; at <= n.judged; at += window / looks {
			if warmAtLast = see(at-window, at); warmAtLast {
				n.state = detect.Broken
				hotFrom = append(hotFrom, at)
			}
		}
		if tail := n.judged % (window / looks); over && tail > 0 && !warmAtLast {
			if see(n.judged-tail-window, n.judged) {
				n.state = detect.Broken
			}
		}
	}
	if n.unevaluable {
		n.state = max(n.state, detect.Unknown)
	}
	for _, p := range n.pieces {
		if !p.known {
			unknown += p.ms
			continue
		}
		warm := int64(0)
		for _, from := range hotFrom {
			to := from + window/looks
			if n.judged < window {
				to = n.judged
			}
			warm += max(0, min(to, p.judged+p.ms)-max(from, p.judged))
		}
		out += warm
		in += p.ms - warm
	}
	if n.evaluable {
		best = milli(top)
	}
	return n.state, best, in, out, unknown
}

func TestMKTAgainstTheNaiveModel(t *testing.T) {
	const gap = 300_000
	rapid.Check(t, func(t *rapid.T) {
		k := rapid.SampledFrom([]string{"10000", "9999.913", "12027.222"}).Draw(t, "k")
		var end int64
		events := drawEvents(t, gap, rapid.OneOf(rapid.Int64Range(2_000, 12_000), rapid.Just[int64](7_990), rapid.Int64Range(-100_000, 200_000)))
		toMS := events[len(events)-1].ms + rapid.Int64Range(0, 2*hour).Draw(t, "wait")
		if rapid.Bool().Draw(t, "ended") {
			end = toMS
		}
		d, err := MKT{Metric: "temperature", Max: "8", WindowS: 3600, MinCoverage: "0.9", ActivationK: k}.Detector(&detect.Journey{EndMS: end}, "t", gap)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			step(d, e)
		}
		f := detect.Finish(d, toMS)
		state, best, in, out, unknown := naiveFinding(activationOf(must(k)), 8000, hour, gap, end, events, toMS)
		got := fmt.Sprint(f.State, " ", figure(f, "mean_kinetic_temperature"), f.InMS, f.OutMS, f.UnknownMS)
		if want := fmt.Sprint(state, " ", best, in, out, unknown); got != want {
			t.Fatalf("%s, want %s: %v", got, want, f)
		}
		if (f.State == detect.Broken) != (len(f.Excursions) > 0) {
			t.Fatalf("%s with %d excursions", f.State, len(f.Excursions))
		}
		for i, x := range f.Excursions {
			if x.EndMS < x.StartMS || i > 0 && x.StartMS < f.Excursions[i-1].EndMS || int64(x.Peak) <= 8_000_000 || x.OutMS > x.EndMS-x.StartMS {
				t.Fatalf("excursion %d: %+v", i, x)
			}
		}
	})
}

// holdsTheContract steps a detector with clones and finishes in between; none of it may change what it finds.
func holdsTheContract(t *rapid.T, fresh func() detect.Detector, events []event, toMS int64) {
	plain := fresh()
	for _, e := range events {
		step(plain, e)
	}
	want := detect.Finish(plain, toMS)
	if again := detect.Finish(plain, toMS); !reflect.DeepEqual(again, want) {
		t.Fatalf("a second Finish says %+v, not %+v", again, want)
	}
	busy := fresh()
	var clones []detect.Detector
	for i, e := range events {
		if rapid.IntRange(0, 3).Draw(t, "clone") == 0 {
			c := busy.Clone()
			clones = append(clones, c)
			if rapid.Bool().Draw(t, "swap") {
				busy, clones[len(clones)-1] = c, busy
			}
		}
		for _, c := range clones { // another continuation
			c.Step(milliPoint(e.ms, 30_000-int64(i)*100))
			c.Cut(e.ms, false)
		}
		step(busy, e)
		detect.Finish(busy, e.ms+rapid.Int64Range(0, hour).Draw(t, "finish"))
	}
	if got := detect.Finish(busy, toMS); !reflect.DeepEqual(got, want) {
		t.Fatalf("with clones and finishes in between:\n%+v\nnot\n%+v", got, want)
	}
}

func TestMKTHoldsTheContract(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := drawEvents(t, 300_000, rapid.Int64Range(2_000, 12_000))
		toMS := events[len(events)-1].ms + rapid.Int64Range(0, hour).Draw(t, "wait")
		holdsTheContract(t, func() detect.Detector {
			d, _ := MKT{Metric: "temperature", Max: "8", WindowS: 3600, MinCoverage: "0.5", ActivationK: "10000"}.Detector(&detect.Journey{}, "t", 300_000)
			return d
		}, events, toMS)
	})
}

func BenchmarkMKTStep(b *testing.B) {
	d := newMKT(b, "8", 24*hour, 0)
	p := *at(0, "5.5")
	for i := range b.N {
		p.MS = int64(i) * 60_000
		d.Step(&p)
	}
}

func BenchmarkMKTClone(b *testing.B) {
	d := newMKT(b, "8", 24*hour, 0)
	drive(b, d, 0, phase{48, "5"})
	b.ReportAllocs()
	for b.Loop() {
		d.Clone()
	}
}

func must(text string) detect.Decimal {
	d, err := detect.ParseDecimal(text)
	if err != nil {
		panic(err)
	}
	return d
}

// The product's own activation energy decides: 100, 83.144 and 65 kJ/mol make three means of the same readings.
func TestOwnActivationEnergy(t *testing.T) {
	for k, want := range map[string]string{"12027.222": "24.781", "10000": "24.650", "7817.694": "24.504"} {
		d, err := MKT{Metric: "temperature", Max: "25", WindowS: 86_400, MinCoverage: "0.9", ActivationK: k}.Detector(&detect.Journey{}, "t", 6*hour)
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range []float64{20, 27, 21, 28} {
			p := detect.NewPoint(int64(i)*6*hour, [32]byte{}, map[string]float64{"temperature": v})
			d.Step(&p)
		}
		f := detect.Finish(d, 24*hour)
		if got := figure(f, "mean_kinetic_temperature"); got != want || f.State != detect.Met {
			t.Errorf("with dH/R = %s K: %s, %s; want %s, met", k, got, f.State, want)
		}
	}
	for _, k := range []string{"", "4999.999", "20000.001", "12027.2222", "1e4"} {
		if err := detect.Validate(MKT{Metric: "temperature", Max: "25", WindowS: 86_400, MinCoverage: "0.9", ActivationK: k}); err == nil {
			t.Errorf("accepted activation_k %q", k)
		}
	}
}
