package profile

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/theory/jsonpath"
	"github.com/theory/jsonpath/spec"

	"github.com/trackseal/trackseal/internal/telemetry"
)

// path is a JSONPath (RFC 9535), read by the library and followed here: on a tree that knows where each value stands, in the order of the
// document (the RFC leaves the members of an object without one), and without making Go values of what nobody asks for.
type path struct {
	text     string
	segments []*spec.Segment
	steps    []step // instead of segments where the path leads to one place at most
}

// step is a member's name, or an element's place.
type step struct {
	name    string
	index   int
	element bool
}

// What a path may be. A hostile one must not make many of a message's values: each of these could multiply them.
const (
	maxPath      = 256 // bytes
	maxSelectors = 4   // in one segment
)

var forbiddenInFilters = []struct{ what, text string }{
	{"*", "a wildcard"}, {"..", "a descendant segment"}, {"?", "another filter"}, {":", "a slice"}, {"match(", "match()"}, {"search(", "search()"}, {"$", "a path from the top"},
}

// compile reads a path; "" is none.
func compile(s string) (*path, error) {
	if len(s) > maxPath {
		return nil, fmt.Errorf("longer than %d bytes", maxPath)
	}
	parsed, err := jsonpath.Parse(s)
	if err != nil {
		return nil, fmt.Errorf("%q is not a JSONPath (RFC 9535): %s", s, strings.TrimPrefix(err.Error(), "jsonpath: "))
	}
	p := &path{text: s, segments: parsed.Query().Segments()}
	descents, many := 0, 0
	for _, seg := range p.segments {
		if seg.IsDescendant() {
			descents++
		}
		if n := len(seg.Selectors()); n > maxSelectors {
			return nil, fmt.Errorf("%q: more than %d selectors in one segment", s, maxSelectors)
		} else if n > 1 {
			many++
		}
		for _, sel := range seg.Selectors() {
			f, ok := sel.(*spec.FilterSelector)
			if !ok {
				continue
			}
			inner := strings.TrimPrefix(unquoted(f.String()), "?")
			for _, bad := range forbiddenInFilters {
				if strings.Contains(inner, bad.what) {
					return nil, fmt.Errorf("%q: a filter must not hold %s", s, bad.text)
				}
			}
		}
	}
	if descents > 1 || many > 1 {
		return nil, errors.New("at most one .. and one segment with several selectors: " + s)
	}
	if parsed.Query().Singular() != nil {
		p.steps = make([]step, len(p.segments))
		for i, seg := range p.segments {
			switch sel := seg.Selectors()[0].(type) {
			case spec.Name:
				p.steps[i] = step{name: string(sel)}
			case spec.Index:
				p.steps[i] = step{index: int(sel), element: true}
			}
		}
		p.segments = nil
	}
	return p, nil
}

// unquoted is a path without the texts in it.
func unquoted(s string) string {
	var b strings.Builder
	quote := byte(0)
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quote != 0 && c == '\\':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// one finds the place of a path that leads to one at most.
func (p *path) one(t *tree, from int32) (int32, bool) {
	at, ok := from, t.work <= maxWork
	for i := range p.steps {
		if s := &p.steps[i]; s.element {
			at, ok = t.element(at, s.index)
		} else {
			at, ok = t.member(at, s.name)
		}
		if !ok {
			return 0, false
		}
	}
	return at, ok
}

// all finds what the path selects below from, in the order of the document, each once.
func (p *path) all(t *tree, from int32) []int32 {
	if p.segments == nil {
		if at, ok := p.one(t, from); ok {
			return []int32{at}
		}
		return nil
	}
	if t.work > maxWork {
		return nil // worked tells
	}
	found := []int32{from}
	for _, seg := range p.segments {
		var next []int32
		for _, at := range found {
			if seg.IsDescendant() {
				t.below(at, func(n int32) { next = t.selected(next, seg, n) })
			} else {
				next = t.selected(next, seg, at)
			}
		}
		slices.Sort(next)
		found = slices.Compact(next)
	}
	return found
}

// worked refuses what was looked through for too long: from then on nothing was found.
func (t *tree) worked() error {
	if t.work > maxWork {
		return reject(telemetry.Oversized, "the profile's paths look at more than %d values of the message", maxWork)
	}
	return nil
}

// first finds the first one.
func (p *path) first(t *tree, from int32) (int32, bool) {
	if p.segments == nil {
		return p.one(t, from)
	}
	if found := p.all(t, from); len(found) > 0 {
		return found[0], true
	}
	return 0, false
}

// below calls with a value and all that is in it.
func (t *tree) below(at int32, do func(int32)) {
	do(at)
	t.each(at, func(_ int, c int32) { t.below(c, do) })
}

// selected appends the children of at that a segment selects.
func (t *tree) selected(to []int32, seg *spec.Segment, at int32) []int32 {
	for _, sel := range seg.Selectors() {
		switch sel := sel.(type) {
		case spec.Name:
			if c, ok := t.member(at, string(sel)); ok {
				to = append(to, c)
			}
		case spec.Index:
			if c, ok := t.element(at, int(sel)); ok {
				to = append(to, c)
			}
		case spec.WildcardSelector:
			t.each(at, func(_ int, c int32) { to = append(to, c) })
		case spec.SliceSelector:
			if t.nodes[at].kind == list {
				low, high := sel.Bounds(int(t.nodes[at].children))
				t.each(at, func(i int, c int32) {
					if sliced(i, low, high, sel.Step()) {
						to = append(to, c)
					}
				})
			}
		case *spec.FilterSelector:
			t.each(at, func(_ int, c int32) {
				if holds(sel, t.any(c)) {
					to = append(to, c)
				}
			})
		}
	}
	return to
}

// sliced reports whether a slice with these bounds takes element i.
func sliced(i, low, high, step int) bool {
	switch {
	case step > 0:
		return low <= i && i < high && (i-low)%step == 0
	case step < 0:
		return low < i && i <= high && (high-i)%-step == 0
	}
	return false
}

// holds asks a filter. The library panics where a comparison meets what it cannot compare: that holds for nobody.
func holds(f *spec.FilterSelector, value any) (ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	return f.Eval(value, nil)
}
