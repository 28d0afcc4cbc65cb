package ledger

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/trackseal/trackseal/internal/telemetry"
)

func TestCarry(t *testing.T) {
	line := func(rule, band string, spent int64) BudgetLine { return BudgetLine{rule, band, spent, 100} }
	for _, tc := range []struct {
		budgets [][]BudgetLine
		want    []Spent
	}{
		{nil, nil},
		{[][]BudgetLine{{}}, nil},
		{[][]BudgetLine{{line("r", "b", 5), line("r", "a", 0)}}, []Spent{{"r", "a", 0}, {"r", "b", 5}}},
		{[][]BudgetLine{{line("r", "a", 5), line("q", "z", 1)}, {line("r", "a", 7)}, {line("r", "a", 6), line("r", "c", 2)}},
			[]Spent{{"q", "z", 1}, {"r", "a", 7}, {"r", "c", 2}}},
	} {
		if got := Carry(tc.budgets...); !slices.Equal(got, tc.want) {
			t.Errorf("%v: got %v", tc.budgets, got)
		}
		slices.Reverse(tc.budgets)
		if got := Carry(tc.budgets...); !slices.Equal(got, tc.want) {
			t.Errorf("%v, backwards: got %v", tc.budgets, got)
		}
	}
	a, b := []Spent{{"r", "a", 1}, {"r", "b", 2}}, []Spent{{"r", "b", 2}, {"r", "a", 1}}
	if !SameSpent(a, b) || SameSpent(a, b[:1]) || SameSpent(a, []Spent{{"r", "a", 1}, {"r", "b", 3}}) || !SameSpent(nil, nil) {
		t.Error("same and other")
	}
}

func TestBudgetOfADetail(t *testing.T) {
	lines := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `,{"rule":"r","band":"b%d","spent_s":1,"max_s":2}`, i)
		}
		return `{"budget":[` + strings.TrimPrefix(b.String(), ",") + `]}`
	}
	for _, tc := range []struct {
		detail string
		lines  int // -1 = refused
	}{
		{"", 0}, {"{}", 0}, {`{"budget":[]}`, 0}, {lines(1), 1}, {lines(MaxBudget), MaxBudget}, {lines(MaxBudget + 1), -1},
		{`{"BUDGET":1,"legs":[{}]}`, 0}, {"null", -1}, {"[]", -1}, {"1", -1}, {`{"budget":{"a":1}}`, -1}, {`{"budget":[1]}`, -1},
		{`{"budget":[{"rule":"r","band":"b","spent_s":9007199254740993,"max_s":1}]}`, -1},
		{`{"budget":[{"rule":"","band":"b","spent_s":1,"max_s":1}]}`, -1},
	} {
		v := Verdict{Detail: json.RawMessage(tc.detail)}
		if tc.detail == "" {
			v.Detail = nil
		}
		got, err := v.Budget()
		if tc.lines < 0 && CodeOf(err) != Invalid || tc.lines >= 0 && (err != nil || got == nil || len(got) != tc.lines) {
			t.Errorf("%.80s: %d lines, %v", tc.detail, len(got), err)
		}
	}
	if len(lines(MaxBudget)) > MaxDetail {
		t.Error("a full budget is larger than a detail may be")
	}
}

// The largest claim is accepted as an argument.
func TestTheLargestBreachFits(t *testing.T) {
	if n := base64.StdEncoding.EncodedLen(telemetry.MaxMessage) + MaxWitnesses*64 + 1024; n > MaxArg {
		t.Errorf("%d bytes, at most %d", n, MaxArg)
	}
	if n := base64.StdEncoding.EncodedLen(MaxRules) + 64; n > MaxArg {
		t.Errorf("rules: %d bytes, at most %d", n, MaxArg)
	}
}

func TestSplitRef(t *testing.T) {
	if id, v, ok := SplitRef("general-2-8@12"); id != "general-2-8" || v != 12 || !ok {
		t.Error(id, v, ok)
	}
	for _, s := range []string{"", "a", "a@", "@1", "a@0", "a@01", "a@1@2", "a@-1", "a b@1", "a@1 ", "a@1234567890"} {
		if _, _, ok := SplitRef(s); ok {
			t.Errorf("%q was taken", s)
		}
	}
}
