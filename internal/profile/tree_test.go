package profile

import (
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/theory/jsonpath"

	"github.com/trackseal/trackseal/internal/canon"
)

func TestTreeRefuses(t *testing.T) {
	for in, want := range map[string]string{
		``: "ends at byte 0", `{`: "ends", `{"a":1,}`: "member's name", `{"a":1,"a":1}`: `member "a" is repeated`, `{"a":1,"\u0061":1}`: "repeated",
		`[1,]`: "value", `[1 2]`: "comma", `nul`: "value", `01`: "more than one", `1.`: "number", `-`: "number", `1e`: "number", `+1`: "value", `"a`: "end of a text",
		"\"\n\"": "control", `"\x"`: "escape", `"\ud800"`: "surrogate", `"\ud800\u0041"`: "surrogate", `"\u12"`: "escape", "\"\xff\"": "UTF-8", `{} {}`: "more than one",
		`{"a" 1}`: "colon", `{1:2}`: "member's name", `NaN`: "value", "\xef\xbb\xbf{}": "value",
		strings.Repeat("[", canon.MaxDepth+1) + strings.Repeat("]", canon.MaxDepth+1): "deeper",
	} {
		if _, err := parse(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: %v, want %q", in, err, want)
		}
	}
	var many strings.Builder
	for i := range 3 * manyMembers {
		many.WriteString(`,"` + strings.Repeat("x", i+1) + `":1`)
	}
	if _, err := parse(`{` + many.String()[1:] + `}`); err != nil {
		t.Error(err)
	}
	if _, err := parse(`{` + many.String()[1:] + `,"xxx":2}`); err == nil {
		t.Error("a repeated member among many was taken")
	}
}

// FuzzTree: what is taken is what canon takes, with the same meaning, and each value's bytes are a value again.
func FuzzTree(f *testing.F) {
	for _, s := range []string{`{"a":[1,-2.5e3,"x\n\u00e9\ud83d\ude00",true,false,null],"b":{"":{}}}`, ` [ ] `, `"\/"`, `-0`, `{"a":1,"A":2}`, `1e999`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		tr, err := parse(s)
		want := canon.CheckJSON([]byte(s))
		if (err == nil) != (want == nil) {
			t.Fatalf("%q: %v, canon says %v", s, err, want)
		}
		if err != nil {
			return
		}
		var v any
		d := json.NewDecoder(strings.NewReader(s))
		d.UseNumber()
		if err := d.Decode(&v); err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		if got := tr.any(0); !reflect.DeepEqual(got, v) {
			t.Fatalf("%q: %#v, want %#v", s, got, v)
		}
		for i := range tr.nodes {
			if !json.Valid([]byte(tr.raw(int32(i)))) {
				t.Fatalf("%q: value %d is %q", s, i, tr.raw(int32(i)))
			}
		}
	})
}

const pathsOn = `{"a":{"b":[10,{"c":"x","d":null},[30,[31]]],"a":1},"list":[{"n":"t","v":1},{"n":"h","v":2},{"n":"t","v":"3"}],"":{"a":true},"z":2}`

// TestPathsAsTheLibrary follows each path and compares with the library's own selection, which has no order among the members of an object.
func TestPathsAsTheLibrary(t *testing.T) {
	tr, err := parse(pathsOn)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{
		"$", "$.a", "$.a.b[0]", "$.a.b[-1]", "$.a.b[-4]", "$.a.b[5]", "$['a']['b'][1].c", "$.*", "$.a.*", "$.list[*].v", "$.list[0:2]", "$.list[::-1]", "$.list[::2].n", "$.list[-2:]",
		"$.list[1:0:-1]", "$.list[0:3:0]", "$..a", "$..*", "$..[0]", "$.list[?@.n == 't'].v", "$.list[?@.v > 1]", "$.list[?@.n == 't' && @.v == 1].v", "$.list[?!@.d]",
		"$['a','z']", "$..['n','v']", "$.a.b[0,1]", "$['']", "$.nothing", "$.list.n", "$.a[0]", "$.list[?length(@.n) == 1].v", "$.list[?@.v == '3'].n", "$.a.b[?@ == 10]", "$.list[?@.nothing == @.none].n",
	} {
		p, err := compile(s)
		if err != nil {
			t.Errorf("%s: %v", s, err)
			continue
		}
		want := map[string]int{}
		for _, n := range jsonpath.MustParse(s).Select(tr.any(0)) {
			raw, _ := json.Marshal(n)
			want[string(raw)] = 1
		}
		got, before := map[string]int{}, int32(-1)
		for _, at := range p.all(tr, 0) {
			if at <= before {
				t.Errorf("%s: not in the order of the document", s)
			}
			before = at
			raw, _ := json.Marshal(tr.any(at))
			got[string(raw)] = 1
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, want %v", s, got, want)
		}
		first, ok := p.first(tr, 0)
		if all := p.all(tr, 0); ok != (len(all) > 0) || ok && first != all[0] {
			t.Errorf("%s: first is %d %v of %v", s, first, ok, all)
		}
	}
}

func TestPathsRefused(t *testing.T) {
	for s, want := range map[string]string{
		"": "JSONPath", "a": "JSONPath", "$.": "JSONPath", "$.a[": "JSONPath", "$..a..b": "at most one ..", "$['a','b']['c','d']": "at most one", "$[1,2,3,4,5]": "more than 4",
		"$[?@..a]": "descendant", "$[?@.*]": "wildcard", "$[?@[?@.a]]": "another filter", "$[?match(@.a, 'x')]": "match()", "$[?search(@.a, 'x')]": "search()", "$[?@[0:1]]": "slice", "$[?@.a == $.b]": "from the top",
		"$." + strings.Repeat("a", maxPath): "longer",
	} {
		if _, err := compile(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %q", s, err, want)
		}
	}
	if _, err := compile("$[?@.a == '..*?:match($']"); err != nil {
		t.Errorf("a text in a filter is no path: %v", err)
	}
}

// TestPathsBounded: the dearest paths that are allowed on the widest message take a moment, not minutes.
func TestPathsBounded(t *testing.T) {
	wide, err := parse("[" + strings.Repeat(`{"a":[1,2]},`, 10_000) + `0]`)
	if err != nil {
		t.Fatal(err)
	}
	deep, err := parse(strings.Repeat(`[[],`, canon.MaxDepth-2) + `1` + strings.Repeat("]", canon.MaxDepth-2))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"$..[*,*,*,*]", "$..[?@.a == @[0].a]", "$..*[*][*][*]", "$[*][*][*]", "$..[?count(@.a) > 0]"} {
		p, err := compile(s)
		if err != nil {
			t.Fatal(err)
		}
		for _, tr := range []*tree{wide, deep} {
			if n := len(p.all(tr, 0)); n > len(tr.nodes) {
				t.Errorf("%s finds %d of %d values", s, n, len(tr.nodes))
			}
		}
	}
}

func TestWorkBounded(t *testing.T) {
	p, err := Parse([]byte(`{"id":"ours.x","version":1,"title":"t","each":"$.l","readings":[{"quantity":"temperature","from":"$.missing","of":"message"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	var wide strings.Builder
	for range 8000 {
		wide.WriteString(`,"` + strconv.Itoa(wide.Len()) + `":1`)
	}
	_, err = p.Read("", []byte(`{"l":[`+strings.Repeat(`1,`, 4000)+`1]`+wide.String()+`}`), nil, receivedMS)
	if got := refusedAs(err); !strings.Contains(got, "oversized: the profile's paths") {
		t.Errorf("%v, want oversized", err)
	}
}
