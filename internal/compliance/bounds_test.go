package compliance

import (
	"math"
	"math/rand/v2"
	"testing"
)

// way judges one way in which everything can have been, second by second, from the words of docs/compliance.md and nothing else.
// NaN is not judged.
func (l *Limit) way(values []float64) bool {
	beyond := func(v float64) bool { return v > 8 }
	if l.Mode == AtLeast {
		beyond = func(v float64) bool { return v <= 8 }
	}
	armed, on, out, back := l.After == nil, false, 0, -1
	var outAt []int
	stays, sum, longest := 0, 0, 0
	end := func() {
		if on && (l.Mode == Instant || out >= l.DurationS) {
			stays++
		}
		on, out, back = false, 0, -1
	}
	most := 0
	for s, v := range values {
		if math.IsNaN(v) {
			continue
		}
		if on && back >= 0 && s-back >= l.ClearS {
			end()
		}
		switch bad := armed && beyond(v); {
		case bad:
			on, back = true, -1
			out++
			sum++
			outAt = append(outAt, s)
			longest = max(longest, out)
		case on && (l.Hysteresis == "" || v <= 7):
			if back < 0 {
				back = s
			}
			if l.ClearS == 0 {
				end()
			}
		case on:
			back = -1
		}
		armed = armed || v < 2
		n := 0
		for _, x := range outAt {
			if x > s-l.WindowS {
				n++
			}
		}
		most = max(most, n)
	}
	end()
	switch {
	case l.Mode == AtLeast:
		return longest < l.DurationS
	case l.Mode == Cumulative && l.WindowS > 0:
		return most >= l.DurationS
	case l.Mode == Cumulative:
		return sum >= l.DurationS
	}
	return stays > l.MaxStays
}

// A rule is broken when every way in which the unknown time can have been breaks it, met when none does, and unknown between: all
// ways are tried. Where stays are counted, and where something must have been before, the evaluator may say unknown although a way at
// whole seconds does not exist: it knows of milliseconds.
func TestUnknownTimeAgainstEveryWay(t *testing.T) {
	seen := map[string]int{}
	for seed := range uint64(3000) {
		rng := rand.New(rand.NewPCG(seed, 11))
		maybe := func() bool { return rng.IntN(2) == 0 }
		rule := limit("warm", "temperature", ">", "8", []string{Instant, Consecutive, Cumulative, AtLeast}[rng.IntN(4)], 0)
		l := rule.Limit
		if l.Mode == AtLeast {
			l.Op = "<="
		}
		if l.Mode != Instant {
			l.DurationS = 1 + rng.IntN(8)
		}
		if l.Mode == Cumulative && maybe() {
			l.WindowS = l.DurationS + rng.IntN(5)
		}
		if l.Mode != AtLeast && maybe() {
			l.Hysteresis, l.ClearS = "1", rng.IntN(4)
		}
		exact := true
		if (l.Mode == Instant || l.Mode == Consecutive) && maybe() {
			l.MaxStays, exact = 1+rng.IntN(2), false
		}
		if l.Mode != AtLeast && rng.IntN(4) == 0 {
			l.After, exact = &After{Op: "<", Value: "2"}, false
		}
		rs := set(rule)
		rs.MaxGapS = 1 + rng.IntN(3)
		levels := []float64{5, 9, 7.5, 1}[:2]
		if l.Hysteresis != "" {
			levels = []float64{5, 9, 7.5}
		}
		if l.After != nil {
			levels = []float64{5, 9, 1}
			if l.Hysteresis != "" {
				levels = []float64{5, 9, 7.5, 1}
			}
		}
		const length = 16
		values, unknown := make([]float64, length), []int{}
		var all []Reading
		for s, last := 0, -1; s < length; s++ {
			if room := len(unknown) < 7; s == 0 && maybe() || s > 0 && (!room || rng.IntN(4) == 0) {
				v := levels[rng.IntN(len(levels))]
				all = append(all, at(t0+int64(s)*1000, v))
				values[s], last = v, s
				continue
			}
			switch {
			case last >= 0 && s-last < rs.MaxGapS:
				values[s] = values[s-1]
			case last < 0 && s < rs.MaxGapS:
				values[s] = math.NaN()
			default:
				unknown = append(unknown, s)
			}
		}
		if len(all) == 0 {
			continue
		}
		journey := oneTracker()
		journey.EndMS = t0 + length*1000
		broken, held := 0, 0
		var try func(n int)
		try = func(n int) {
			if n == len(unknown) {
				if l.way(values) {
					broken++
				} else {
					held++
				}
				return
			}
			for _, v := range levels {
				values[unknown[n]] = v
				try(n + 1)
			}
		}
		try(0)
		want := "unknown"
		switch {
		case held == 0:
			want = "broken"
		case broken == 0:
			want = "met"
		}
		res := judge(t, rs, journey, all, 0)
		got := res.rule("warm").State
		if got != want && (exact || got != "unknown") {
			t.Fatalf("seed %d: %s, but of all ways %d are broken and %d are not; unknown %v, gap %d s, %+v, after %+v\n%s", seed, got, broken, held, unknown, rs.MaxGapS, *l, l.After, res.Encode())
		}
		seen[got]++
	}
	for _, s := range []string{"met", "unknown", "broken"} {
		if seen[s] < 200 {
			t.Errorf("only %d trips are %s", seen[s], s)
		}
	}
}

// 25 minutes without a reading hide neither an hour in a row nor ten hours in all; but they hide a moment, and what was beyond
// the limit on both sides of them may have been beyond it all the time.
func TestGapTooShortToHideABreach(t *testing.T) {
	rs := set(limit("freeze", "temperature", "<=", "-0.5", Consecutive, 3600), limit("heat", "temperature", ">=", "30", Cumulative, 36000))
	rs.MaxGapS = 900
	trip := func(around float64) (all []Reading) {
		for m := int64(0); m <= 12*60; m += 5 {
			v := 5.0
			if m > 340 && m <= 400 {
				v = around
			}
			if m <= 360 || m >= 400 { // unknown from 06:15 to 06:40
				all = append(all, at(t0+m*minute, v))
			}
		}
		return all
	}
	if r := judge(t, rs, oneTracker(), trip(5), 0); r.Verdict != Compliant || r.rule("freeze").UnknownMS != 25*minute || len(r.Reasons) != 0 {
		t.Errorf("%s", r.Encode())
	}
	for around, want := range map[float64]string{-1: "unknown", 30: "met"} { // 30 min and 5 min known, 25 min between
		if r := judge(t, rs, oneTracker(), trip(around), 0); r.rule("freeze").State != want {
			t.Errorf("%g: %s, want %s: %s", around, r.rule("freeze").State, want, r.Encode())
		}
	}
	if r := judge(t, set(warm(Instant, 0)), oneTracker(), trip(5), 0); r.Verdict != Inconclusive {
		t.Errorf("%s", r.Encode())
	}
}
