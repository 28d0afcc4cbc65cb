package canon

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func TestCheckJSON(t *testing.T) {
	for name, tc := range map[string]struct{ in, problem, folded string }{
		"object":                     {`{"a":1,"b":{"a":[{"a":null}]}}`, "", ""},
		"scalar":                     {` "a" `, "", ""},
		"repeated":                   {`{"a":1,"a":1}`, `member "a" is repeated`, `member "a" is repeated`},
		"repeated escaped":           {`{"a":1,"\u0061":1}`, `member "a" is repeated`, `member "a" is repeated`},
		"repeated deep":              {`[{"x":[{"a":1,"a":1}]}]`, `member "a" is repeated`, `member "a" is repeated`},
		"another case":               {`{"a":1,"A":1}`, "", `member "A" is repeated`},
		"another case, beyond ASCII": {`{"scope":1,"\u017fcope":1}`, "", "is repeated"},
		"another case, Kelvin":       {`{"kid":1,"\u212aid":1}`, "", "is repeated"},
		"half of a surrogate pair":   {`{"a":"\ud800"}`, "surrogate", "surrogate"},
		"the other half":             {`{"a":"x\uDC00"}`, "surrogate", "surrogate"},
		"halves in the wrong order":  {`["\udc00\ud800"]`, "surrogate", "surrogate"},
		"half before something else": {`["\ud800\n\udc00"]`, "surrogate", "surrogate"},
		"half as a name":             {`{"\ud800":1}`, "surrogate", "surrogate"},
		"half after a backslash":     {`["\\\ud800"]`, "surrogate", "surrogate"},
		"a pair":                     {`["\ud83d\ude9a\ud83d\ude9a"]`, "", ""},
		"a backslash, then letters":  {`["\\ud800"]`, "", ""},
		"same in two places":         {`[{"a":1},{"a":1}]`, "", ""},
		"trailing":                   {`{} {}`, "more than one JSON value", "more than one JSON value"},
		"cut":                        {`{"a":`, "unexpected", "unexpected"},
		"empty":                      {``, "unexpected EOF", "unexpected EOF"},
		"not UTF-8":                  {"\"\xc3\"", "not UTF-8", "not UTF-8"},
		"deepest":                    {strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth), "", ""},
		"too deep":                   {strings.Repeat("[", MaxDepth+1) + strings.Repeat("]", MaxDepth+1), "nested deeper", "nested deeper"},
		"an object's comma":          {`{"a":1 "b":2}`, "invalid character", "invalid character"},
	} {
		for how, c := range map[string]struct {
			err  error
			want string
		}{"exact": {CheckJSON([]byte(tc.in)), tc.problem}, "folded": {CheckJSONFolded([]byte(tc.in)), tc.folded}} {
			if c.want == "" && c.err != nil || c.want != "" && (c.err == nil || !strings.Contains(c.err.Error(), c.want)) {
				t.Errorf("%s, %s: %v, expected %q", name, how, c.err, c.want)
			}
		}
	}
}

// What is accepted, encoding/json reads, and no two readers can pick different members of it.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{`{"a":1,"a":2}`, `{"a":[1,{"b":null}]}`, `[]`, `{"a":1}x`, "\xff", `{"\u0061":1,"a":2}`, `33333e333333`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		folded := CheckJSONFolded(data)
		if err := CheckJSON(data); err != nil {
			if folded == nil {
				t.Fatalf("%q is refused (%v), and taken when case does not count", data, err)
			}
			return
		}
		var v any
		dec := json.NewDecoder(bytes.NewReader(data))
		dec.UseNumber() // one that no float64 holds is a number of JSON, too
		if err := dec.Decode(&v); err != nil {
			t.Fatalf("%q is taken, and encoding/json says %v", data, err)
		}
	})
}
