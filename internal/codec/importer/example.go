package importer

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/trackseal/trackseal/internal/codec"
)

// MaxDescription bounds the file of examples; MaxExamples how many of them are run.
const (
	MaxDescription = 256 << 10
	MaxExamples    = 200
)

// Example is an input that came with a script, and what its author says comes out.
type Example struct {
	Name       string
	Input      codec.Input
	Data       any   // of encoding/json's kinds, and time.Time
	Normalized any   // nil when it says nothing
	Warnings   []any // they may be among others
	Errors     []string
}

// epoch is the time of receipt of an example that says none: 2020-01-01.
const epoch = 1577836800000

// Examples reads the files of examples that the collections have, in YAML or JSON: uplinkDecoder.examples with input and output, or a list
// of them with input and output or expected. Those about downlinks are left out.
func Examples(raw []byte) ([]Example, error) {
	if len(raw) > MaxDescription {
		return nil, fmt.Errorf("the description has %d bytes; at most %d", len(raw), MaxDescription)
	}
	doc, err := read(raw)
	if err != nil {
		return nil, fmt.Errorf("the description is no YAML and no JSON: %w", err)
	}
	list, ok := doc.([]any)
	if !ok {
		if list, ok = member(member(doc, "uplinkDecoder"), "examples").([]any); !ok {
			list, ok = member(doc, "examples").([]any)
		}
	}
	if !ok {
		return nil, errors.New("the description has no uplinkDecoder.examples, and is no list of examples")
	}
	var out []Example
	for i, v := range list {
		if kind, _ := member(v, "type").(string); kind != "" && kind != "uplink" && kind != "uplink-decode" {
			continue
		}
		e, err := example(v)
		if err != nil {
			return nil, fmt.Errorf("example %d: %w", i+1, err)
		}
		if e.Name == "" {
			e.Name = fmt.Sprint("example ", i+1)
		}
		if out = append(out, e); len(out) > MaxExamples {
			return nil, fmt.Errorf("more than %d examples", MaxExamples)
		}
	}
	if len(out) == 0 {
		return nil, errors.New("the description has no example of an uplink")
	}
	return out, nil
}

// comments as JavaScript has them stand in some files that are JSON otherwise.
var comments = regexp.MustCompile(`(?m)(^|[\s,])//.*$`)

// read gives values of the kinds of encoding/json, and time.Time.
func read(raw []byte) (any, error) {
	var v any
	if json.Unmarshal(raw, &v) == nil {
		return v, nil
	}
	err := yaml.Unmarshal(raw, &v)
	if err != nil {
		// JSON may be indented by tabs, YAML may not.
		text := strings.ReplaceAll(comments.ReplaceAllString(string(raw), "$1"), "\t", " ")
		if yaml.Unmarshal([]byte(text), &v) != nil {
			return nil, err
		}
	}
	return plain(v, 0)
}

// plain makes the kinds of encoding/json of what YAML gives. Its anchors can make a tree that is wider than its text.
func plain(v any, depth int) (any, error) {
	if depth > 64 {
		return nil, errors.New("it nests too deep")
	}
	switch v := v.(type) {
	case map[string]any:
		for name := range v {
			inner, err := plain(v[name], depth+1)
			if err != nil {
				return nil, err
			}
			v[name] = inner
		}
		return v, nil
	case map[any]any:
		m := make(map[string]any, len(v))
		for name, inner := range v {
			inner, err := plain(inner, depth+1)
			if err != nil {
				return nil, err
			}
			m[fmt.Sprint(name)] = inner
		}
		return m, nil
	case []any:
		for i := range v {
			inner, err := plain(v[i], depth+1)
			if err != nil {
				return nil, err
			}
			v[i] = inner
		}
		return v, nil
	case int:
		return float64(v), nil
	case int64:
		return float64(v), nil
	case uint64:
		return float64(v), nil
	default:
		return v, nil
	}
}

// member of an object; nil when it is none.
func member(v any, name string) any {
	m, _ := v.(map[string]any)
	return m[name]
}

func example(v any) (e Example, err error) {
	for _, name := range []string{"description", "name"} {
		if s, ok := member(v, name).(string); ok && e.Name == "" {
			e.Name = s
		}
	}
	in := member(v, "input")
	if e.Input.Bytes, err = octets(member(in, "bytes")); err != nil {
		return e, fmt.Errorf("input.bytes: %w", err)
	}
	port, ok := member(in, "fPort").(float64)
	if !ok {
		port = 1
	}
	if port < 0 || port > 255 || port != float64(int(port)) {
		return e, fmt.Errorf("input.fPort is %v; must be 0 to 255", port)
	}
	e.Input.FPort = int(port)
	e.Input.RecvMS = epoch
	switch at := member(in, "recvTime").(type) {
	case time.Time:
		e.Input.RecvMS = at.UnixMilli()
	case string:
		t, err := time.Parse(time.RFC3339Nano, at)
		if err != nil {
			return e, fmt.Errorf("input.recvTime %q is no RFC 3339 time", at)
		}
		e.Input.RecvMS = t.UnixMilli()
	}
	if vars, ok := member(in, "variables").(map[string]any); ok {
		e.Input.Variables = map[string]string{}
		for name, value := range vars {
			e.Input.Variables[name] = fmt.Sprint(value)
		}
	}
	out := member(v, "output")
	if out == nil {
		out = member(v, "expected")
	}
	if out == nil {
		return e, errors.New("it says no output")
	}
	e.Data = member(out, "data")
	e.Warnings, _ = member(out, "warnings").([]any)
	if errs, ok := member(out, "errors").([]any); ok {
		for _, said := range errs {
			e.Errors = append(e.Errors, fmt.Sprint(said))
		}
	}
	switch n := member(member(v, "normalizedOutput"), "data").(type) {
	case []any:
		e.Normalized = n
	case map[string]any:
		e.Normalized = []any{n}
	}
	return e, nil
}

// octets are a list of numbers, or hex.
func octets(v any) ([]byte, error) {
	switch v := v.(type) {
	case []any:
		out := make([]byte, len(v))
		for i, n := range v {
			f, ok := n.(float64)
			if !ok || f < 0 || f > 255 || f != float64(int(f)) {
				return nil, fmt.Errorf("%v is no byte", n)
			}
			out[i] = byte(f)
		}
		return out, nil
	case string:
		return hex.DecodeString(strings.NewReplacer(" ", "", ":", "", "-", "").Replace(v))
	default:
		return nil, errors.New("must be a list of numbers, or hex")
	}
}
