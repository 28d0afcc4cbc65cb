package compliance

import "testing"

// Stays that a rule allows are listed as such: begin, end, extreme. They have no part in the verdict and are no excursions.
func TestAllowedStaysAreListed(t *testing.T) {
	trip := func(stay int) (all []Reading) {
		m := int64(0)
		add := func(n int, v float64) {
			for range n {
				all = append(all, at(t0+m*minute, v))
				m += 5
			}
		}
		for range 3 {
			add(24, 5)
			add(stay, 9.3)
		}
		add(13, 5)
		return all
	}
	rs := builtinSet(t, "general-2-8@1")
	r := judge(t, rs, oneTracker(), trip(2), 0)
	if r.Verdict != Compliant || len(r.Excursions) != 0 || r.Allowed.Count != 3 || len(r.Allowed.Stays) != 3 || r.Allowed.OutMS != 30*minute {
		t.Fatalf("%s", r.Encode())
	}
	if x := r.Allowed.Stays[1]; x.Rule != "warm" || x.StartMS != t0+250*minute || x.EndMS != t0+260*minute || x.Peak != "9.3" || x.Limit != "8" || x.OutMS != 10*minute || x.Severity != "info" || x.Open {
		t.Errorf("%+v", x)
	}
	if r := judge(t, rs, oneTracker(), trip(6), 0); len(r.Excursions) != 3 || r.Allowed.Count != 0 {
		t.Errorf("%s", r.Encode())
	}
	if r := judge(t, rs, oneTracker(), append(trip(2), at(t0+500*minute, 9), at(t0+505*minute, 9)), 0); r.Allowed.Count != 4 || !r.Allowed.Stays[3].Open || r.Allowed.Stays[3].OutMS != 5*minute {
		t.Errorf("%s", r.Encode())
	}
	// In all: as long as the sum is allowed each stay is, and then they are one excursion.
	sum := set(warm(Cumulative, 30*60))
	sum.Rules[0].Limit.ListAllowed = true
	if r := judge(t, sum, oneTracker(), trip(1), 0); len(r.Excursions) != 0 || r.Allowed.Count != 3 {
		t.Errorf("%s", r.Encode())
	}
	if r := judge(t, sum, oneTracker(), trip(2), 0); len(r.Excursions) != 1 || r.Allowed.Count != 0 {
		t.Errorf("%s", r.Encode())
	}
	// A year of them is bounded, and counted.
	var year []Reading
	for i := range int64(3000) {
		year = append(year, at(t0+2*i*minute, 5), at(t0+(2*i+1)*minute, 9))
	}
	if r := judge(t, rs, oneTracker(), year, 0); len(r.Allowed.Stays) != 100 || r.Allowed.Count != 3000 || r.Allowed.OutMS != 2999*minute {
		t.Errorf("%d listed of %d, %d min", len(r.Allowed.Stays), r.Allowed.Count, r.Allowed.OutMS/minute)
	}
}

// Quick-frozen food may be 3 °C too warm for a short time, more for none (89/108/EEC, article 5).
func TestQuickFrozenTolerance(t *testing.T) {
	for v, want := range map[string]bool{"-15": false, "-14.999999": true, "-14": true} {
		c, all := hold(t, phase{5, "-19"}, phase{1.0 / 6, v}, phase{5, "-19"})
		r := judge(t, builtinSet(t, "quick-frozen-18@1"), c, all, 0)
		if broken := r.Verdict == NonCompliant; broken != want || r.Allowed.Count != 1 {
			t.Errorf("10 min at %s: %s", v, r.Encode())
		}
	}
	c, all := hold(t, phase{5, "-19"}, phase{2, "-16"}, phase{5, "-19"})
	if r := judge(t, builtinSet(t, "quick-frozen-18@1"), c, all, 0); r.Verdict != NonCompliant {
		t.Errorf("2 h at -16: %s", r.Encode())
	}
}

// A vaccine that was thawed is frozen again: the budget alone would allow it.
func TestThawedIsNotFrozenAgain(t *testing.T) {
	c, all := hold(t, phase{24, "-70"}, phase{24, "5"}, phase{24, "-20"}, phase{24, "5"})
	if r := judge(t, builtinSet(t, "deep-frozen-70-thaw@1"), c, all, 0); r.Verdict != NonCompliant || r.rule("refreeze").State != "broken" || len(r.Excursions) != 1 || r.Excursions[0].StartMS != t0+48*60*minute {
		t.Errorf("%s", r.Encode())
	}
	c, all = hold(t, phase{24, "-70"}, phase{24, "-20"}, phase{24, "5"})
	if r := judge(t, builtinSet(t, "deep-frozen-70-thaw@1"), c, all, 0); r.Verdict != Compliant {
		t.Errorf("%s", r.Encode())
	}
}
