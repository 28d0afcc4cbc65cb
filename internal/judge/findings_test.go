package judge

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/compliance/journey"
	"github.com/trackseal/trackseal/internal/ledger"
)

// found makes excursions of rule:start-end, end 0 for one that goes on.
func found(all ...[3]any) (out []compliance.Excursion) {
	for _, x := range all {
		e := compliance.Excursion{Rule: x[0].(string), Tracker: "T-1", StartMS: int64(x[1].(int)), EndMS: int64(x[2].(int))}
		e.ID = fmt.Sprintf("%s/T-1/%d", e.Rule, e.StartMS)
		e.Open = e.EndMS == 0
		out = append(out, e)
	}
	return out
}

func TestWhereJudgementsPart(t *testing.T) {
	many := func(n, shift int) (out []compliance.Excursion) {
		for i := range n {
			out = append(out, found([3]any{"warm", 1000*i + shift, 1000*i + 500})...)
		}
		return out
	}
	states := func(state string) []compliance.RuleResult { return []compliance.RuleResult{{ID: "gap", State: state}} }
	for name, tc := range map[string]struct {
		theirs, ours compliance.Result
		want         Parting
	}{
		"the same":             {compliance.Result{Excursions: found([3]any{"warm", 10, 20})}, compliance.Result{Excursions: found([3]any{"warm", 10, 20})}, Parting{}},
		"nothing":              {compliance.Result{}, compliance.Result{}, Parting{}},
		"only theirs":          {compliance.Result{Excursions: found([3]any{"warm", 10, 20}, [3]any{"warm", 30, 40})}, compliance.Result{Excursions: found([3]any{"warm", 30, 40})}, Parting{FromMS: 10, Rule: "warm"}},
		"only ours":            {compliance.Result{Excursions: found([3]any{"warm", 30, 40})}, compliance.Result{Excursions: found([3]any{"cold", 20, 25}, [3]any{"warm", 30, 40})}, Parting{FromMS: 20, Rule: "cold"}},
		"another end":          {compliance.Result{Excursions: found([3]any{"warm", 10, 20})}, compliance.Result{Excursions: found([3]any{"warm", 10, 25})}, Parting{FromMS: 20, Rule: "warm"}},
		"one goes on":          {compliance.Result{Excursions: found([3]any{"warm", 10, 0})}, compliance.Result{Excursions: found([3]any{"warm", 10, 25})}, Parting{FromMS: 25, Rule: "warm"}},
		"both go on":           {compliance.Result{Excursions: found([3]any{"warm", 10, 0})}, compliance.Result{Excursions: found([3]any{"warm", 10, 0})}, Parting{}},
		"a rule is unknown":    {compliance.Result{Rules: states("unknown")}, compliance.Result{Rules: states("met")}, Parting{Rule: "gap", Theirs: "unknown", Ours: "met"}},
		"a rule is met there":  {compliance.Result{Rules: states("met")}, compliance.Result{Rules: states("broken")}, Parting{Rule: "gap", Theirs: "met", Ours: "broken"}},
		"beyond what is told":  {compliance.Result{Excursions: many(30, 0)}, compliance.Result{Excursions: many(25, 0)}, Parting{}},
		"within what is told":  {compliance.Result{Excursions: many(30, 0)}, compliance.Result{Excursions: many(30, 1)}, Parting{FromMS: 0, Rule: "warm"}},
		"ours ends before it":  {compliance.Result{Excursions: many(30, 0)}, compliance.Result{Excursions: many(19, 0)}, Parting{FromMS: 19_000, Rule: "warm"}},
		"more that is unknown": {compliance.Result{Excursions: many(21, 0)}, compliance.Result{Excursions: many(20, 0)}, Parting{}},
	} {
		t.Run(name, func(t *testing.T) {
			v := ledger.Verdict{Detail: detail(tc.theirs, journey.State{LastMS: 5, Assignments: 1})}
			if got := Part(&v, &tc.ours); got != tc.want {
				t.Errorf("got %+v, want %+v; detail %s", got, tc.want, v.Detail)
			}
		})
	}
	for _, odd := range []string{"", "{}", `{"excursions":3}`, `{"first":7}`, `{"first":[{"start_ms":"x"}],"excursions":1}`, "null", "[]"} {
		v := ledger.Verdict{Detail: json.RawMessage(odd)}
		if got := Part(&v, &compliance.Result{}); got != (Parting{}) {
			t.Errorf("detail %q: %+v, want that nothing is known", odd, got)
		}
	}
}

// TestDetailFits: however much is found, the chaincode takes the detail, with the record's state in it.
func TestDetailFits(t *testing.T) {
	long := func(n int) string { return fmt.Sprintf("%064d", n) }
	var r compliance.Result
	for i := range 500 {
		r.Excursions = append(r.Excursions, compliance.Excursion{Rule: long(i), Tracker: long(i), StartMS: 1_800_000_000_000, EndMS: 1_800_000_000_001})
		r.Rules = append(r.Rules, compliance.RuleResult{ID: long(i), State: "broken"})
		r.Legs = append(r.Legs, compliance.LegResult{Custodian: long(i)})
		r.Budget = append(r.Budget, compliance.BudgetUse{Rule: long(i), Band: long(i), MaxMS: 1_000_000_000})
	}
	state := journey.State{LastMS: 1_800_000_000_000, Assignments: 40}
	v := ledger.Verdict{Detail: detail(r, state)}
	if len(v.Detail) > maxDetail {
		t.Errorf("%d bytes, the chaincode takes %d", len(v.Detail), maxDetail)
	}
	if got := findings(&v); got.Record != state || got.Excursions != 500 {
		t.Errorf("got %+v, want the record's state and the number of excursions", got)
	}
}
