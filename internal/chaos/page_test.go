package chaos

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func recoveries(fault string, seconds ...float64) []Recovery {
	var all []Recovery
	for _, s := range seconds {
		all = append(all, Recovery{Fault: fault, Acked: time.Second, Anchored: time.Duration(s * float64(time.Second))})
	}
	return all
}

// A row holds when nothing is lost, doubled or phantom in any view, everything could be judged, and recoveries keep the bound.
func TestVerdictOfARow(t *testing.T) {
	good := func() Result {
		return Result{Row: Row{Number: 1, Name: "n"}, Sent: 9, Acked: 9, Injected: []string{"kill x"}, Recoveries: recoveries("kill x", 2)}
	}
	for name, c := range map[string]struct {
		spoil func(*Result)
		want  string
	}{
		"good":          {func(*Result) {}, "yes"},
		"one lost":      {func(r *Result) { r.worse("logs", 1, 0, 0, nil) }, "**no**"},
		"one doubled":   {func(r *Result) { r.worse("logs", 0, 1, 0, nil) }, "**no**"},
		"one phantom":   {func(r *Result) { r.worse("logs", 0, 0, 1, nil) }, "**no**"},
		"hole in a log": {func(r *Result) { r.Findings = []string{"a hole"} }, "**no**"},
		"not judged":    {func(r *Result) { r.Err = errors.New("no answer") }, "not judged"},
		"late":          {func(r *Result) { r.Recoveries = recoveries("kill x", 2, 31); r.judge() }, "late: 1 above 30s"},
		"a longer bound": {func(r *Result) {
			r.Row.Bound, r.Row.Why = time.Minute, "why"
			r.Recoveries = recoveries("kill x", 31)
			r.judge()
		}, "yes, within 1m0s"},
	} {
		r := good()
		c.spoil(&r)
		if got := verdict(r); got != c.want || r.OK() != strings.HasPrefix(c.want, "yes") {
			t.Errorf("%s: %q, OK %v; want %q", name, got, r.OK(), c.want)
		}
	}
	r := good()
	r.Recoveries = append(recoveries("kill x", 31), recoveries("kill x", make([]float64, 99)...)...)
	if r.judge(); r.Late != 0 {
		t.Errorf("one late of a hundred counts as %d, want 0", r.Late)
	}
	if got := spread(Result{Recoveries: recoveries("", 3, 1, 2)}, anchored); got != "2.0 / 3.0 s" {
		t.Errorf("median and 99th percentile are %s, want 2.0 / 3.0 s", got)
	}
}

// The page says of all thirty rows where they are held, and puts the same fault at different processes together.
func TestPage(t *testing.T) {
	results := []Result{
		{Row: Rows[0], Injected: []string{"kill ingest-a"}, Sent: 10, Acked: 10, Recoveries: recoveries("kill ingest-a", 2)},
		{Row: Rows[4], Injected: []string{"kill orderer-a", "kill orderer-b"}, Recoveries: append(recoveries("kill orderer-a", 4), recoveries("kill orderer-b", 8)...), Left: []string{"not possible here: so"}},
	}
	var b strings.Builder
	if err := WritePage(&b, Facts{Date: "2026-01-02", Seed: 7, Replay: "again", Busy: "busy"}, Result{Recoveries: recoveries("", 6)}, results); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, want := range []string{"seed 7", "`again`", "busy", "takes 6.0 / 6.0 s.", "| 1 | ingest killed at any moment | 1 | 10 | 0 | 0 | 0 | 1.0 / 1.0 s | 2.0 / 2.0 s | yes |",
		"| kill orderer | 2 | 1.0 / 1.0 s | 4.0 / 8.0 s |", "| 30 | launcher", "Row 5: not possible here: so.", "Row 5 may take up to 1m30s"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q:\n%s", want, page)
		}
	}
	if strings.Count(page, "\n| ") != 2*3+2+2+len(Rows) {
		t.Errorf("%d lines of tables, want one of each result and kind, and %d rows:\n%s", strings.Count(page, "\n| "), len(Rows), page)
	}
}
