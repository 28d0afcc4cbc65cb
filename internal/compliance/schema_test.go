package compliance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

func readSchema(t *testing.T) (schema map[string]any, defs map[string]any) {
	t.Helper()
	if err := json.Unmarshal(JSONSchema, &schema); err != nil {
		t.Fatal(err)
	}
	return schema, schema["$defs"].(map[string]any)
}

// The schema and the Go types name the same members, and agree on which may be absent.
func TestSchemaAgreesWithTypes(t *testing.T) {
	schema, defs := readSchema(t)
	compare := func(name string, typ reflect.Type, s map[string]any) {
		var members, required []string
		for i := range typ.NumField() {
			member, options, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
			if member == "-" {
				continue
			}
			members = append(members, member)
			if !strings.Contains(options, "omitempty") {
				required = append(required, member)
			}
		}
		got := slices.Sorted(maps.Keys(s["properties"].(map[string]any)))
		var must []string
		for _, x := range s["required"].([]any) {
			must = append(must, x.(string))
		}
		slices.Sort(members)
		if !slices.Equal(got, members) {
			t.Errorf("%s has members %v, the schema %v", name, members, got)
		}
		if !slices.Equal(slices.Sorted(slices.Values(required)), slices.Sorted(slices.Values(must))) {
			t.Errorf("%s needs %v, the schema %v", name, required, must)
		}
		if s["additionalProperties"] != false {
			t.Errorf("%s lets other members in", name)
		}
	}
	compare("RuleSet", reflect.TypeFor[RuleSet](), schema)
	seen := map[string]bool{"decimal": true, "metric": true, "severity": true}
	var walk func(typ reflect.Type)
	walk = func(typ reflect.Type) {
		for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct || seen[typ.Name()] {
			return
		}
		seen[typ.Name()] = true
		if s, ok := defs[typ.Name()].(map[string]any); ok {
			compare(typ.Name(), typ, s)
		} else {
			t.Errorf("the schema has no %s", typ.Name())
		}
		for i := range typ.NumField() {
			walk(typ.Field(i).Type)
		}
	}
	walk(reflect.TypeFor[Rule]())
	walk(reflect.TypeFor[Zone]())
	for name := range defs {
		if !seen[name] {
			t.Errorf("the schema has %s, which no type is", name)
		}
	}
	for m := range detect.Metrics {
		if !slices.Contains(defs["metric"].(map[string]any)["enum"].([]any), any(m.String())) {
			t.Errorf("the schema lacks the metric %s", m)
		}
	}
	if n := len(defs["metric"].(map[string]any)["enum"].([]any)); n != int(detect.Metrics) {
		t.Errorf("the schema has %d metrics", n)
	}
	if n := len(defs["Rule"].(map[string]any)["oneOf"].([]any)); n != len(kindNames) {
		t.Errorf("the schema has %d kinds", n)
	}
}

// What Parse accepts the schema accepts.
func TestSchemaAcceptsRuleSets(t *testing.T) {
	schema, defs := readSchema(t)
	sets := append(Builtin(), everything())
	for _, r := range sets {
		if err := checkSchema(schema, defs, decode(t, r.Canonical()), "$"); err != nil {
			t.Errorf("%s: %v", r.Ref(), err)
		}
	}
	text := string(everything().Canonical())
	for old, bad := range map[string]string{
		`"version":1`:                    `"version":"1"`,
		`"max_gap_s":600`:                `"max_gap_s":0`,
		`"op":">"`:                       `"op":"="`,
		`"value":"8"`:                    `"value":8`,
		`"severity":"major"`:             `"severity":"bad"`,
		`"unknown":"last"`:               `"unknown":"best"`,
		`"id":"test"`:                    `"id":"Test"`,
		`"silence":{"max_s":300`:         `"silence":{"least_s":1,"max_s":300`,
		`"radius_m":500`:                 `"radius_m":0`,
		`"schema":"trackseal-rule-set/1`: `"schema":"trackseal-rule-set/2`,
	} {
		broken := strings.Replace(text, old, bad, 1)
		if broken == text {
			t.Fatalf("%s is not there", old)
		}
		if checkSchema(schema, defs, decode(t, []byte(broken)), "$") == nil {
			t.Errorf("accepted with %s", bad)
		}
		if _, err := Parse([]byte(broken)); err == nil {
			t.Errorf("Parse accepts %s", bad)
		}
	}
}

func decode(t *testing.T, data []byte) (v any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// checkSchema knows the words of JSON Schema that ours uses, and fails at others.
func checkSchema(s, defs map[string]any, v any, at string) error {
	if x, ok := s["type"]; ok { // first: the other words rely on it
		if err := checkWord(s, defs, "type", x, v, at); err != nil {
			return err
		}
	}
	for word, x := range s {
		if err := checkWord(s, defs, word, x, v, at); err != nil {
			return err
		}
	}
	return nil
}

func checkWord(s, defs map[string]any, word string, x, v any, at string) error {
	bad := func() error { return fmt.Errorf("%s: %v is not %s %v", at, v, word, x) }
	number := func(x any) (n int64) { _, _ = fmt.Sscan(fmt.Sprint(x), &n); return n }
	must := func(ok bool) error {
		if !ok {
			return bad()
		}
		return nil
	}
	switch word {
	case "$schema", "$id", "$defs", "title", "description":
		return nil
	case "$ref":
		return checkSchema(defs[strings.TrimPrefix(x.(string), "#/$defs/")].(map[string]any), defs, v, at)
	case "allOf", "oneOf":
		n := 0
		for _, sub := range x.([]any) {
			if checkSchema(sub.(map[string]any), defs, v, at) == nil {
				n++
			}
		}
		return must(word == "oneOf" && n == 1 || word == "allOf" && n == len(x.([]any)))
	case "enum":
		return must(slices.Contains(x.([]any), v))
	case "const":
		return must(x == v)
	case "type":
		switch v.(type) {
		case string:
			return must(x == "string")
		case bool:
			return must(x == "boolean")
		case []any:
			return must(x == "array")
		case map[string]any:
			return must(x == "object")
		case json.Number:
			return must(x == "integer" && !strings.ContainsAny(fmt.Sprint(v), ".eE"))
		}
		return bad()
	case "pattern":
		return must(regexp.MustCompile(x.(string)).MatchString(v.(string)))
	case "maxLength":
		return must(utf8.RuneCountInString(v.(string)) <= int(x.(float64)))
	case "minimum":
		return must(number(v) >= int64(x.(float64)))
	case "maximum":
		return must(number(v) <= int64(x.(float64)))
	case "minItems":
		return must(len(v.([]any)) >= int(x.(float64)))
	case "maxItems":
		return must(len(v.([]any)) <= int(x.(float64)))
	case "uniqueItems":
		return nil
	case "items":
		for i, e := range v.([]any) {
			if err := checkSchema(x.(map[string]any), defs, e, fmt.Sprintf("%s[%d]", at, i)); err != nil {
				return err
			}
		}
		return nil
	case "required":
		for _, name := range x.([]any) {
			if _, ok := v.(map[string]any)[name.(string)]; !ok {
				return fmt.Errorf("%s lacks %s", at, name)
			}
		}
		return nil
	case "properties":
		return nil
	case "additionalProperties":
		for name, e := range v.(map[string]any) {
			p, ok := s["properties"].(map[string]any)[name].(map[string]any)
			if !ok {
				return fmt.Errorf("%s.%s is not known", at, name)
			}
			if err := checkSchema(p, defs, e, at+"."+name); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("%s: the checker does not know %s", at, word)
}
