package thermal

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

// refrigerated allows 12 h at up to 15 °C but 4 h at a time, 2 h at up to 25 °C, and half an hour down to 0 °C.
func refrigerated(unknown string) Budget {
	return Budget{Metric: "temperature", LabelMin: "2", LabelMax: "8", Unknown: unknown, Bands: []Band{
		{ID: "warm", Min: "8", Max: "15", TotalS: 12 * 3600, SingleS: 4 * 3600}, {ID: "hot", Min: "15", Max: "25", TotalS: 2 * 3600}, {ID: "cold", Min: "0", Max: "2", SingleS: 1800}}}
}

func spendingOf(t testing.TB, c Budget, carried ...detect.Carried) detect.Detector {
	t.Helper()
	d, err := c.Detector(&detect.Journey{Carried: carried}, "t", 900_000)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestBudgets(t *testing.T) {
	for _, tc := range []struct {
		name    string
		carried []detect.Carried
		phases  []phase
		state   detect.State
		level   string
		used    string
		reason  string
	}{
		{"inside the label", nil, []phase{{30, "8"}, {1, "2"}}, detect.Met, "OK", "0", ""},
		{"edges belong to the milder band", nil, []phase{{3, "15"}, {1, "25"}}, detect.Met, "WATCH", "50", ""},
		{"just below a half", nil, []phase{{3, "10"}, {1, "5"}, {2, "10"}}, detect.Met, "OK", "41.6", ""},
		{"critical", nil, []phase{{4, "10"}, {1, "5"}, {4, "10"}, {1, "5"}, {2, "10"}}, detect.Met, "CRITICAL", "83.3", ""},
		{"exhausted exactly is held", nil, []phase{{2, "16"}}, detect.Met, "EXHAUSTED", "100", ""},
		{"exhausted", nil, []phase{{1, "16"}, {5, "5"}, {2, "16"}}, detect.Broken, "EXHAUSTED", "150", "band hot: 3 h spent, 2 h is allowed"},
		{"one stay too long", nil, []phase{{5, "12"}}, detect.Broken, "EXHAUSTED", "41.6", "one stay of 5 h, 4 h is allowed"},
		{"frost", nil, []phase{{1, "1.999"}}, detect.Broken, "EXHAUSTED", "200", "band cold"},
		{"too hot", nil, []phase{{1, "5"}, {1, "25.001"}}, detect.Broken, "EXHAUSTED", "0", "beyond all bands once, worst 25.001 °C"},
		{"too cold", nil, []phase{{1, "5"}, {1, "-0.001"}}, detect.Broken, "EXHAUSTED", "0", "beyond all bands once, worst -0.001 °C"},
		{"carried", []detect.Carried{{Band: "hot", SpentMS: hour}}, []phase{{1, "16"}}, detect.Met, "EXHAUSTED", "100", ""},
		{"carried and spent", []detect.Carried{{Band: "hot", SpentMS: hour}}, []phase{{2, "16"}}, detect.Broken, "EXHAUSTED", "150", "1 h of it before this shipment"},
		{"carried too much", []detect.Carried{{Band: "hot", SpentMS: 3 * hour}}, []phase{{2, "5"}}, detect.Broken, "EXHAUSTED", "150", "3 h of it before this shipment"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f, _ := drive(t, spendingOf(t, refrigerated(ChargeNone), tc.carried...), 0, tc.phases...)
			if f.State != tc.state || figure(f, "budget_state") != tc.level || figure(f, "budget_used") != tc.used {
				t.Errorf("%s %v %v", f.State, f.Figures, f.Reasons)
			}
			if all := strings.Join(f.Reasons, "; "); !strings.Contains(all, tc.reason) || (tc.reason == "") != (all == "") {
				t.Errorf("reasons: %s", all)
			}
		})
	}
}

func TestAnExcursionBeginsWhenTheBudgetIsSpent(t *testing.T) {
	f, _ := drive(t, spendingOf(t, refrigerated(ChargeNone)), 0, phase{3, "16"}, phase{1, "5"}, phase{1, "17"})
	if len(f.Excursions) != 2 {
		t.Fatal(f.Excursions)
	}
	a, b := f.Excursions[0], f.Excursions[1]
	if a.StartMS != 2*hour || a.EndMS != 3*hour || a.Open || a.OutMS != hour || a.Peak.String() != "16" || a.Limit.String() != "8" || !strings.Contains(a.Note, "hot") {
		t.Errorf("got %+v, want it from hour 2 to 3, peak 16 of 8, with a note on hot", a)
	}
	if b.StartMS != 4*hour || b.EndMS != 5*hour || !b.Open || b.Peak.String() != "17" {
		t.Errorf("got %+v, want it open, from hour 4 to 5, peak 17", b)
	}
}

func TestUnknownTimeIsChargedByPolicy(t *testing.T) {
	for policy, want := range map[string]string{
		ChargeNone:  "unknown, warm 3 h 5 min of it charged 0 s, cold 0 s",
		ChargeLast:  "broken, warm 5 h 50 min of it charged 2 h 45 min, cold 0 s",
		ChargeWorst: "broken, warm 3 h 5 min of it charged 0 s, cold 2 h 45 min", // cold has the smallest limit
	} {
		d := spendingOf(t, refrigerated(policy))
		drive(t, d, 0, phase{3, "10"}) // the last reading is at 2 h 50 min and holds for a quarter of an hour
		d.Step(at(21_000_000, "5"))
		f := detect.Finish(d, 21_000_000)
		got := fmt.Sprintf("%s, warm %s of it charged %s, cold %s", f.State, detect.Span(f.Spent[0].SpentMS), detect.Span(f.Spent[0].ChargedMS), detect.Span(f.Spent[2].ChargedMS))
		if got != want {
			t.Errorf("%s: %s, want %s", policy, got, want)
		}
	}
	c := refrigerated(ChargeWorst)
	c.Bands[2].SingleS = 5 * 3600
	d := spendingOf(t, c)
	d.Step(at(0, "5"))
	d.Step(at(hour, "5"))
	if f := detect.Finish(d, hour); f.State != detect.Met || f.UnknownMS != hour-900_000 || f.Spent[1].ChargedMS != hour-900_000 {
		t.Errorf("the worst band bears it: %+v", f)
	}
}

func TestBudgetValidate(t *testing.T) {
	if err := detect.Validate(refrigerated(ChargeWorst)); err != nil {
		t.Error(err)
	}
	bad := Budget{Metric: "light", LabelMin: "9", LabelMax: "8", Unknown: "maybe", Bands: []Band{
		{ID: "A", Min: "8", Max: "15", TotalS: -1}, {ID: "b", Min: "5", Max: "9.5"}, {ID: "b", Min: "x", Max: "3", SingleS: 1 << 60}}}
	err := detect.Validate(bad)
	for _, want := range []string{"metric ", "label_min 9", "unknown ", "bands[0].id", "bands[0].total_s -1", "bands[1].min", "bands[1].total_s: a band needs",
		"bands[2].id", `bands[2].min "x"`, "bands[2].single_s"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in %v", want, err)
		}
	}
	for name, bands := range map[string][]Band{
		"hole":             {{ID: "a", Min: "9", Max: "15", TotalS: 1}},
		"hole between":     {{ID: "a", Min: "8", Max: "15", TotalS: 1}, {ID: "b", Min: "16", Max: "20", TotalS: 1}},
		"overlap":          {{ID: "a", Min: "8", Max: "15", TotalS: 1}, {ID: "b", Min: "12", Max: "20", TotalS: 1}},
		"the same twice":   {{ID: "a", Min: "8", Max: "15", TotalS: 1}, {ID: "b", Min: "8", Max: "12", TotalS: 1}},
		"hole on the left": {{ID: "a", Min: "-1", Max: "1", TotalS: 1}},
	} {
		c := refrigerated(ChargeNone)
		if c.Bands = bands; detect.Validate(c) == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

// drawBudget is a label of 2 to 8 with bands of a few seconds, on whole seconds.
func drawBudget(t *rapid.T) Budget {
	limit := rapid.Int64Range(1, 40)
	c := Budget{Metric: "temperature", LabelMin: "2", LabelMax: "8", Unknown: rapid.SampledFrom([]string{ChargeNone, ChargeLast, ChargeWorst}).Draw(t, "policy"),
		Bands: []Band{{ID: "hot", Min: "15", Max: "20"}, {ID: "warm", Min: "8", Max: "15"}, {ID: "cold", Min: "0", Max: "2"}}}
	for i := range c.Bands {
		which := rapid.IntRange(0, 2).Draw(t, "limits")
		if which != 1 {
			c.Bands[i].TotalS = limit.Draw(t, "total")
		}
		if which != 0 {
			c.Bands[i].SingleS = limit.Draw(t, "single")
		}
	}
	return c
}

// The naive model looks at every second, and for each of them at all events.
func TestBudgetAgainstTheNaiveModel(t *testing.T) {
	const gap = 5
	rapid.Check(t, func(t *rapid.T) {
		c := drawBudget(t)
		carried := rapid.Int64Range(0, 10).Draw(t, "carried")
		d, err := c.Detector(&detect.Journey{Carried: []detect.Carried{{Band: "warm", SpentMS: carried * 1000}}}, "t", gap*1000)
		if err != nil {
			t.Fatal(err)
		}
		var events []event
		s := int64(0)
		for range rapid.IntRange(1, 30).Draw(t, "events") {
			e := event{ms: s * 1000}
			if rapid.IntRange(0, 12).Draw(t, "cut") != 0 {
				temp := rapid.SampledFrom([]int64{2_000, 5_000, 8_000, 8_001, 15_000, 15_001, 20_000, 20_001, 1_999, 0, -1}).Draw(t, "temp")
				e.temp = &temp
			}
			events = append(events, e)
			step(d, e)
			s += rapid.Int64Range(1, 9).Draw(t, "wait")
		}
		end := s + rapid.Int64Range(-1, 5).Draw(t, "more")
		end = max(end, events[len(events)-1].ms/1000)
		f := detect.Finish(d, end*1000)

		const in, out, none = 10, 11, 12
		place := func(temp int64) int {
			for i, b := range [][2]int64{{15_001, 20_000}, {8_001, 15_000}, {0, 1_999}} {
				if temp >= b[0] && temp <= b[1] {
					return i
				}
			}
			if temp >= 2000 && temp <= 8000 {
				return in
			}
			return out
		}
		least := func(b Band) int64 {
			if b.TotalS > 0 && (b.SingleS == 0 || b.TotalS < b.SingleS) {
				return b.TotalS
			}
			return b.SingleS
		}
		worst := 0
		for i, b := range c.Bands {
			if least(b) < least(c.Bands[worst]) {
				worst = i
			}
		}
		var inS, outS, unknownS, run int64
		var spent, charged, longest [3]int64
		spent[1] = carried
		broken, over, excursions := carried > c.Bands[1].TotalS && c.Bands[1].TotalS > 0, false, 0
		before := none
		for sec := int64(0); sec < end; sec++ {
			var last *event
			for i := range events {
				if events[i].ms <= sec*1000 {
					last = &events[i]
				}
			}
			now, known := none, false
			switch {
			case last == nil || last.temp == nil:
			case sec-last.ms/1000 < gap:
				now, known = place(*last.temp), true
			default:
				unknownS++
				switch c.Unknown {
				case ChargeLast:
					now = place(*last.temp)
				case ChargeWorst:
					now = worst
				}
			}
			if now != before {
				run, over = 0, false
			}
			run++
			before = now
			if known && now == in {
				inS++
			} else if known {
				outS++
			}
			breach := now == out
			if now < 3 {
				spent[now]++
				if !known {
					charged[now]++
				}
				longest[now] = max(longest[now], run)
				b := c.Bands[now]
				breach = b.TotalS > 0 && spent[now] > b.TotalS || b.SingleS > 0 && run > b.SingleS
			}
			if breach && !over {
				over = true
				excursions++
			}
			broken = broken || breach
		}
		if last := events[len(events)-1]; last.ms == end*1000 && last.temp != nil && place(*last.temp) == out && before != out {
			broken = true
			excursions++
		}
		seen := false
		for _, e := range events {
			seen = seen || e.temp != nil
		}
		state := detect.Met
		switch {
		case broken:
			state = detect.Broken
		case !seen, unknownS > 0 && c.Unknown != ChargeWorst:
			state = detect.Unknown
		}
		want := fmt.Sprint(state, excursions, inS*1000, outS*1000, unknownS*1000)
		if got := fmt.Sprint(f.State, len(f.Excursions), f.InMS, f.OutMS, f.UnknownMS); got != want {
			t.Fatalf("%s, want %s: %+v", got, want, f)
		}
		for i, s := range f.Spent {
			if s.SpentMS != spent[i]*1000 || s.ChargedMS != charged[i]*1000 || s.LongestMS != longest[i]*1000 {
				t.Fatalf("band %d: %+v, want %d %d %d", i, s, spent[i], charged[i], longest[i])
			}
		}
		for i, x := range f.Excursions {
			if x.EndMS < x.StartMS || i > 0 && x.StartMS < f.Excursions[i-1].EndMS || x.OutMS > x.EndMS-x.StartMS {
				t.Fatalf("excursion %d: %+v", i, x)
			}
		}
	})
}

func TestBudgetHoldsTheContract(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawBudget(t)
		events := drawEvents(t, 5_000, rapid.Int64Range(-1_000, 21_000))
		toMS := events[len(events)-1].ms + rapid.Int64Range(0, 20_000).Draw(t, "wait")
		holdsTheContract(t, func() detect.Detector {
			d, _ := c.Detector(&detect.Journey{}, "t", 5_000)
			return d
		}, events, toMS)
	})
}

func BenchmarkBudgetStep(b *testing.B) {
	d := spendingOf(b, refrigerated(ChargeNone))
	p := *at(0, "9")
	for i := range b.N {
		p.MS = int64(i)
		d.Step(&p)
	}
}
