package compliance

import (
	"math/rand/v2"
	"testing"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

// naive judges one limit on one tracker second by second, from the words of docs/compliance.md and nothing else. All times are
// whole seconds from t0.
type naive struct {
	c        detect.Journey
	rule     Rule
	gap      int64
	readings map[int64]float64 // second -> value
}

// window is the start of the tracker's window that holds a second, or -1.
func (n naive) window(s int64) int64 {
	for _, w := range n.c.Trackers[0].Windows {
		from, to := (w.FromMS-t0)/1000, (orForever(w.ToMS)-t0)/1000
		if n.c.EndMS != 0 {
			to = min(to, (n.c.EndMS-t0)/1000)
		}
		if from <= s && s < to {
			return from
		}
	}
	return -1
}

// applies tells whether the rule is judged at a second: in a stage, and settled since the assignment or the stage began.
func (n naive) applies(s int64) bool {
	in := func(s int64) bool {
		if n.window(s) < 0 {
			return false
		}
		if len(n.rule.Stages) == 0 {
			return true
		}
		for _, name := range n.rule.Stages {
			if w, ok := n.c.StageWindow(detect.Stage(name)); ok && w.FromMS <= t0+s*1000 && t0+s*1000 < orForever(w.ToMS) {
				return true
			}
		}
		return false
	}
	for back := int64(0); back <= int64(n.rule.SettleS); back++ {
		if !in(s - back) {
			return false
		}
	}
	return true
}

// value that holds at a second: known, or at least heard of within the gap since the window began.
func (n naive) value(s int64) (v float64, known, grace bool) {
	from := n.window(s)
	for x := s; x >= from; x-- {
		if v, ok := n.readings[x]; ok {
			return v, s-x < n.gap, false
		}
	}
	return 0, false, s-from < n.gap
}

func (n naive) judge(to int64) (in, out, unknown int64, broken bool) {
	l := n.rule.Limit
	b := l.bound()
	run := int64(0)
	sum := int64(0)
	var outAt []int64
	for s := int64(0); s < to; s++ {
		if !n.applies(s) {
			run = 0
			continue
		}
		v, known, grace := n.value(s)
		d, _ := detect.FromFloat(v)
		switch {
		case known && b.Breaks(d):
			out, run, sum = out+1, run+1, sum+1
			outAt = append(outAt, s)
		case known:
			in, run = in+1, 0
		case grace:
			run = 0
		default:
			unknown, run = unknown+1, 0
		}
		window := int64(0)
		for _, x := range outAt {
			if x > s-int64(l.WindowS) {
				window++
			}
		}
		switch l.Mode {
		case Instant:
			broken = broken || run > 0
		case Consecutive:
			broken = broken || run >= int64(l.DurationS)
		default:
			broken = broken || l.WindowS == 0 && sum >= int64(l.DurationS) || l.WindowS > 0 && window >= int64(l.DurationS)
		}
	}
	return in, out, unknown, broken
}

func TestLimitsAgainstNaiveModel(t *testing.T) {
	judged := 0
	for seed := range uint64(4000) {
		if compareWithNaive(t, rand.New(rand.NewPCG(seed, 7))) {
			judged++
		}
	}
	if judged < 2500 {
		t.Errorf("only %d trips say something", judged)
	}
}

func compareWithNaive(t *testing.T, rng *rand.Rand) bool {
	t.Helper()
	const length = 240
	maybe := func() bool { return rng.IntN(2) == 0 }
	at := func() int64 { return t0 + rng.Int64N(length+1)*1000 }
	c := detect.Journey{FromMS: t0, Trackers: []detect.Tracker{{ID: "T", Windows: []detect.Window{{FromMS: t0}}}}}
	if maybe() {
		c.DepartMS = at()
		if maybe() {
			c.DeliverMS = max(c.DepartMS, at())
			if maybe() {
				c.EndMS = max(c.DeliverMS, at(), t0+1000)
			}
		}
	}
	if a, b := at(), at(); maybe() && a != t0 && a < b {
		c.Trackers[0].Windows = []detect.Window{{FromMS: b}, {FromMS: t0, ToMS: a}}
	}
	r := limit("warm", "temperature", []string{">", ">="}[rng.IntN(2)], "8", []string{Instant, Consecutive, Cumulative}[rng.IntN(3)], 0)
	if r.Limit.Mode != Instant {
		r.Limit.DurationS = 1 + rng.IntN(60)
	}
	if r.Limit.Mode == Cumulative && maybe() {
		r.Limit.WindowS = r.Limit.DurationS + rng.IntN(60)
	}
	r.SettleS = []int{0, 0, 5, 30}[rng.IntN(4)]
	for _, s := range stages {
		if maybe() {
			r.Stages = append(r.Stages, s)
		}
	}
	rs := set(r)
	rs.MaxGapS = 1 + rng.IntN(60)
	to := 1 + rng.Int64N(length)
	if c.EndMS != 0 {
		to = min(to, (c.EndMS-t0)/1000)
	}
	n := naive{c, r, int64(rs.MaxGapS), map[int64]float64{}}
	var all []Reading
	step := 1 + rng.Int64N(40)
	for s := rng.Int64N(20); s < to; s += 1 + rng.Int64N(step) { // a reading at the very end would be judged without time
		v := float64(6 + rng.IntN(5))
		all = append(all, reading("T", t0+s*1000, map[string]float64{"temperature": v}))
		if n.window(s) >= 0 {
			n.readings[s] = v
		}
	}
	if len(n.readings) == 0 {
		return false // nothing was heard at all: another rule
	}
	rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	got, err := Judge(rs, c, all, t0+to*1000)
	if err != nil {
		t.Fatal(err)
	}
	in, out, unknown, broken := n.judge(to)
	m, x := got.metric("temperature"), got.rule("warm")
	if m.InMS != in*1000 || m.OutMS != out*1000 || m.UnknownMS != unknown*1000 || x.InMS != in*1000 || x.OutMS != out*1000 || x.UnknownMS != unknown*1000 ||
		(x.State == "broken") != broken {
		t.Fatalf("to %d: %d s in, %d s out, %d s unknown, broken %v, but\n%s\nreadings %v\n%+v\n%+v %v %d, gap %d", to, in, out, unknown, broken, got.Encode(), n.readings, c,
			*r.Limit, r.Stages, r.SettleS, rs.MaxGapS)
	}
	return x.State != NotJudged
}
