// Package importer takes a codec of a public LoRaWAN collection over: it runs the examples that came with the script, compares what comes
// out, and proposes a profile. One codec at a time, by somebody who looks at it and at its licence: none is bundled.
package importer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/trackseal/trackseal/internal/codec"
)

// Runner runs a script: a codec.Pool.
type Runner interface {
	Run(ctx context.Context, kind string, script []byte, in codec.Input) ([]byte, error)
}

// Result is what came of an example.
type Result struct {
	Name    string
	Agrees  bool
	Problem string          // where it differs, or why nothing came out
	Decoded json.RawMessage // what came out; nil when nothing did
}

// Try runs examples. The error is for what is not the script's fault: codec.ErrUnavailable, or that ctx ended.
func Try(ctx context.Context, r Runner, kind string, script []byte, examples []Example) ([]Result, error) {
	results := make([]Result, 0, len(examples))
	for _, e := range examples {
		res := Result{Name: e.Name}
		decoded, err := r.Run(ctx, kind, script, e.Input)
		switch {
		case errors.Is(err, codec.ErrUnavailable), ctx.Err() != nil:
			return nil, errors.Join(err, ctx.Err())
		case err != nil && errors.Is(err, codec.ErrScript) && len(e.Errors) > 0:
			res.Agrees = slices.ContainsFunc(e.Errors, func(said string) bool { return strings.Contains(err.Error(), said) })
			if !res.Agrees {
				res.Problem = fmt.Sprintf("%v; the example expects the errors %q", err, e.Errors)
			}
		case err != nil:
			res.Problem = err.Error()
		case len(e.Errors) > 0:
			res.Decoded, res.Problem = decoded, fmt.Sprintf("no error; the example expects %q", e.Errors)
		default:
			res.Decoded, res.Problem = decoded, differs(decoded, e)
			res.Agrees = res.Problem == ""
		}
		results = append(results, res)
	}
	return results, nil
}

// differs says where the output is not what the example expects, "" when it is.
func differs(decoded []byte, e Example) string {
	var got struct {
		Data       any   `json:"data"`
		Normalized []any `json:"normalized"`
		Warnings   []any `json:"warnings"`
	}
	if err := json.Unmarshal(decoded, &got); err != nil {
		return err.Error()
	}
	if d := difference("data", e.Data, got.Data); d != "" {
		return d
	}
	if e.Normalized != nil {
		if d := difference("normalized", e.Normalized, any(got.Normalized)); d != "" {
			return d
		}
	}
	for _, w := range e.Warnings {
		if !slices.ContainsFunc(got.Warnings, func(g any) bool { return difference("", w, g) == "" }) {
			return fmt.Sprintf("warnings: %v is missing", w)
		}
	}
	return ""
}

// difference compares by value: 20 and 20.0 are one number, an absent member and null are one thing, and so are a time and its text.
func difference(at string, want, got any) string {
	show := func(v any) string {
		raw, err := json.Marshal(v)
		if err != nil {
			return fmt.Sprint(v)
		}
		if len(raw) > 80 {
			return string(raw[:80]) + "…"
		}
		return string(raw)
	}
	other := fmt.Sprintf("%s: the example expects %s, the script gave %s", at, show(want), show(got))
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return other
		}
		names := map[string]bool{}
		for name := range w {
			names[name] = true
		}
		for name := range g {
			names[name] = true
		}
		for _, name := range sorted(names) {
			if d := difference(at+"."+name, w[name], g[name]); d != "" {
				return d
			}
		}
		return ""
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return other
		}
		for i := range w {
			if d := difference(fmt.Sprintf("%s[%d]", at, i), w[i], g[i]); d != "" {
				return d
			}
		}
		return ""
	case time.Time:
		if s, ok := got.(string); ok {
			if g, err := time.Parse(time.RFC3339Nano, s); err == nil && g.Equal(w) {
				return ""
			}
		}
		return other
	case float64:
		// Engines differ in the last digits of powers and logarithms.
		if g, ok := got.(float64); ok && math.Abs(g-w) <= 1e-9*math.Max(math.Abs(g), math.Abs(w)) {
			return ""
		}
		return other
	default:
		if want != got {
			return other
		}
		return ""
	}
}

func sorted(names map[string]bool) []string {
	list := make([]string, 0, len(names))
	for n := range names {
		list = append(list, n)
	}
	slices.Sort(list)
	return list
}
