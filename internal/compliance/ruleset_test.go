package compliance

import (
	"fmt"
	"strings"
	"testing"
)

func TestBuiltin(t *testing.T) {
	for _, r := range Builtin() {
		if err := r.Validate(); err != nil {
			t.Errorf("%s: %v", r.Ref(), err)
		}
		back, err := Parse(r.Canonical())
		if err != nil || back.Hash() != r.Hash() {
			t.Errorf("%s does not survive its canonical form: %v", r.Ref(), err)
		}
		if got, ok := Lookup(r.Ref()); !ok || got.Hash() != r.Hash() {
			t.Errorf("%s is not found", r.Ref())
		}
	}
	for _, ref := range []string{"general-2-8@1", "demo-2-8@1", "room-15-25@1", "frozen-20@1", "fragile-goods@1", "dry-goods@1"} {
		if _, ok := Lookup(ref); !ok {
			t.Errorf("%s is gone", ref)
		}
	}
}

func TestParseNamesAllProblems(t *testing.T) {
	_, err := Parse([]byte(`{"schema":"x","id":"X","version":0,"title":"","jurisdiction":"us","max_gap_s":0,"rules":[
		{"id":"a","severity":"bad","limit":{"metric":"taste","op":"!","value":"x","mode":"often","hysteresis":"-1"}},
		{"id":"a","severity":"minor","stages":["here"],"settle_s":-1,"per":"day","escalation":[{"after_s":0,"severity":"info"}]},
		{"id":"b","severity":"minor","silence":{"max_s":0},"recorder":{"intervals":[{"max_interval_s":0},{"max_interval_s":5}]}},
		{"id":"c","severity":"minor","all":[{"id":"d","severity":"major","limit":{"metric":"shock","op":">","value":"1","mode":"consecutive","duration_s":5}}]}]}`))
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{"schema must", `id "X"`, "version must", "jurisdiction must", "max_gap_s must", "rules[0].severity", "rules[0].limit.metric",
		"rules[0].limit.op", "rules[0].limit.value", "rules[0].limit.mode", "rules[0].limit.hysteresis", `rules[1].id "a" is there twice`, "rules[1].stages[0]",
		"rules[1].settle_s", "rules[1].per", "rules[1].escalation[0].after_s", "rules[1] must have exactly one of", "rules[2] must have exactly one of",
		"rules[2].silence.max_s", "rules[2].recorder.intervals[0]", "rules[3].all must have at least two", "rules[3].all[0] a nested rule has only",
		"rules[3].all[0].limit.mode"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not named in: %v", want, err)
		}
	}
}

func nested(depth int) string {
	leaf := `{"id":"r%d","limit":{"metric":"temperature","op":">","value":"8","mode":"instant"}}`
	out, n := fmt.Sprintf(leaf, 0), 1
	for range depth {
		out = fmt.Sprintf(`{"id":"r%d","any":[%s,`, n, out) + fmt.Sprintf(leaf, n+1) + "]}"
		n += 2
	}
	return strings.Replace(out, `","any"`, `","severity":"minor","any"`, 1)
}

func TestParseIsStrictAndBounded(t *testing.T) {
	head := `{"schema":"trackseal-rule-set/1","id":"x","version":1,"title":"","max_gap_s":60,"rules":[`
	rule := `{"id":"r%d","severity":"minor","limit":{"metric":"temperature","op":">","value":"8","mode":"instant"}}`
	var many []string
	for i := range MaxRules + 1 {
		many = append(many, fmt.Sprintf(rule, i))
	}
	for name, tc := range map[string]struct{ text, want string }{
		"unknown member":  {`{"id":"x","versions":1}`, "unknown member"},
		"repeated member": {strings.Replace(head, `"id":"x"`, `"id":"x","id":"x"`, 1) + many[0] + "]}", "repeated"},
		"repeated inside": {head + strings.Replace(many[0], `"op":">"`, `"op":">","op":">"`, 1) + "]}", "repeated"},
		"other case":      {strings.Replace(head, `"id"`, `"ID"`, 1) + many[0] + "]}", "unknown member"},
		"two values":      {head + many[0] + "]}{}", "more than one"},
		"too many rules":  {head + strings.Join(many, ",") + "]}", "has 65 rules"},
		"too large":       {head + many[0] + "]}" + strings.Repeat(" ", MaxBytes), "larger than"},
		"too deep":        {head + nested(MaxDepth+1) + "]}", "nested deeper than 3"},
		"no rules":        {head + "]}", "at least one rule"},
		"two kinds":       {head + strings.Replace(many[0], `"limit"`, `"silence":{"max_s":5},"limit"`, 1) + "]}", "exactly one of"},
		"fraction":        {strings.Replace(head, `"max_gap_s":60`, `"max_gap_s":60.5`, 1) + many[0] + "]}", "max_gap_s"},
	} {
		if _, err := Parse([]byte(tc.text)); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, text := range map[string]string{"deep": head + nested(MaxDepth) + "]}", "many": head + strings.Join(many[:MaxRules], ",") + "]}"} {
		if _, err := Parse([]byte(text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, r := range Builtin() {
		f.Add(r.Canonical())
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := Parse(raw)
		if err != nil {
			return
		}
		again, err := Parse(r.Canonical())
		if err != nil || again.Hash() != r.Hash() {
			t.Fatal("the canonical form is not stable")
		}
		if _, err := New(r, oneTracker()); err != nil {
			t.Fatalf("a valid rule set cannot be judged by: %v", err)
		}
	})
}
