package profile

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/trackseal/trackseal/internal/canon"
)

// tree is a JSON value with the place of each part in the bytes that were read: what a path finds is given on as it was sent. Numbers stay
// text, so that nothing is lost before they are computed with. What two readers could understand differently is refused, as canon does:
// repeated members, text that is not UTF-8, half a surrogate pair, deep nesting, bytes after the value.
type tree struct {
	src    string
	nodes  []node        // in the order of the source; the first is the whole
	values map[int32]any // for filters, once one asked
	work   int           // values that paths have looked at
}

// maxWork bounds what paths look at in one message: a hostile profile and a hostile message together could make it millions of millions.
const maxWork = 4 << 20

// spare nodes of trees that were read: most of what reading would allocate.
var spare = sync.Pool{New: func() any { return new([]node) }}

// release gives the nodes back. Nothing may look into the tree any more; texts of it stay.
func (t *tree) release() {
	if cap(t.nodes) > 4096 {
		return
	}
	clear(t.nodes)
	t.nodes = t.nodes[:0]
	spare.Put(&t.nodes)
}

type kind uint8

const (
	null kind = iota
	truth
	falsehood
	number
	text
	list
	object
)

// node is one value. Its children stand behind it: the first one at its own place + 1, the others by next.
type node struct {
	kind       kind
	used       bool // a path of the profile found it
	touched    bool // or what is in it
	start, end int32
	next       int32 // sibling, 0 = none
	parent     int32
	children   int32
	name       string // in an object
	text       string // of a number as it stands, of a text its meaning
}

const maxNodes = 1 << 18 // 128 KiB of digits and commas have fewer

// parse reads one JSON value.
func parse(src string) (*tree, error) {
	p := parser{src: src, nodes: *spare.Get().(*[]node)}
	if p.nodes == nil {
		p.nodes = make([]node, 0, min(len(src)/8+4, 4096))
	}
	if !utf8.ValidString(src) {
		return nil, errors.New("the text is not UTF-8")
	}
	p.space()
	if err := p.value("", 0); err != nil {
		return nil, err
	}
	if p.space(); p.at != len(src) {
		return nil, fmt.Errorf("more than one JSON value, at byte %d", p.at)
	}
	return &tree{src: src, nodes: p.nodes}, nil
}

type parser struct {
	src   string
	at    int
	in    int32 // the list or object around
	nodes []node
}

func (p *parser) space() {
	for p.at < len(p.src) {
		switch p.src[p.at] {
		case ' ', '\t', '\r', '\n':
			p.at++
		default:
			return
		}
	}
}

func (p *parser) fail(want string) error {
	if p.at >= len(p.src) {
		return fmt.Errorf("it ends at byte %d where %s must be", p.at, want)
	}
	r, _ := utf8.DecodeRuneInString(p.src[p.at:])
	return fmt.Errorf("at byte %d: %q, where %s must be", p.at, r, want)
}

func (p *parser) value(name string, depth int) error {
	if p.at >= len(p.src) {
		return p.fail("a value")
	}
	if len(p.nodes) >= maxNodes {
		return fmt.Errorf("more than %d values", maxNodes)
	}
	me, parent := len(p.nodes), p.in
	p.in = int32(me)
	p.nodes = append(p.nodes, node{name: name, start: int32(p.at), parent: parent})
	var k kind
	var err error
	switch c := p.src[p.at]; {
	case c == '{':
		k, err = object, p.object(me, depth+1)
	case c == '[':
		k, err = list, p.list(me, depth+1)
	case c == '"':
		k = text
		p.nodes[me].text, err = p.text()
	case c == '-' || '0' <= c && c <= '9':
		k = number
		p.nodes[me].text, err = p.number()
	case strings.HasPrefix(p.src[p.at:], "null"):
		k = null
		p.at += 4
	case strings.HasPrefix(p.src[p.at:], "true"):
		k = truth
		p.at += 4
	case strings.HasPrefix(p.src[p.at:], "false"):
		k = falsehood
		p.at += 5
	default:
		err = p.fail("a value")
	}
	p.nodes[me].kind, p.nodes[me].end = k, int32(p.at)
	p.in = parent
	return err
}

// children reads what stands between the brackets. read takes one, which begins at p.at.
func (p *parser) children(me, depth int, closing byte, read func() error) error {
	if depth > canon.MaxDepth {
		return fmt.Errorf("nested deeper than %d", canon.MaxDepth)
	}
	p.at++
	p.space()
	if p.at < len(p.src) && p.src[p.at] == closing {
		p.at++
		return nil
	}
	before := 0
	for {
		here := len(p.nodes)
		if before > 0 {
			p.nodes[before].next = int32(here)
		}
		before = here
		if err := read(); err != nil {
			return err
		}
		p.nodes[me].children++
		p.space()
		if p.at >= len(p.src) || p.src[p.at] != ',' && p.src[p.at] != closing {
			return p.fail("a comma or " + string(closing))
		}
		p.at++
		if p.src[p.at-1] == closing {
			return nil
		}
		p.space()
	}
}

func (p *parser) list(me, depth int) error {
	return p.children(me, depth, ']', func() error { return p.value("", depth) })
}

// manyMembers is from when repeated names are looked up.
const manyMembers = 32

func (p *parser) object(me, depth int) error {
	var seen map[string]struct{}
	return p.children(me, depth, '}', func() error {
		if p.at >= len(p.src) || p.src[p.at] != '"' {
			return p.fail("a member's name")
		}
		name, err := p.text()
		if err != nil {
			return err
		}
		n := int(p.nodes[me].children)
		repeated := false
		switch {
		case n < manyMembers:
			for i, c := 0, me+1; i < n && !repeated; i, c = i+1, int(p.nodes[c].next) {
				repeated = p.nodes[c].name == name
			}
		default:
			if seen == nil {
				seen = make(map[string]struct{}, 4*manyMembers)
				for i, c := 0, me+1; i < n; i, c = i+1, int(p.nodes[c].next) {
					seen[p.nodes[c].name] = struct{}{}
				}
			}
			_, repeated = seen[name]
			seen[name] = struct{}{}
		}
		if repeated {
			return fmt.Errorf("member %q is repeated", cut(name))
		}
		p.space()
		if p.at >= len(p.src) || p.src[p.at] != ':' {
			return p.fail("a colon")
		}
		p.at++
		p.space()
		return p.value(name, depth)
	})
}

// number takes what the grammar of JSON allows and leaves it text.
func (p *parser) number() (string, error) {
	end := p.at + numberLen(p.src[p.at:])
	if end == p.at {
		return "", p.fail("a number")
	}
	s := p.src[p.at:end]
	p.at = end
	return s, nil
}

// numberLen is how many bytes at the beginning are a JSON number.
func numberLen(s string) int {
	i := 0
	digits := func() bool {
		from := i
		for i < len(s) && '0' <= s[i] && s[i] <= '9' {
			i++
		}
		return i > from
	}
	if i < len(s) && s[i] == '-' {
		i++
	}
	switch {
	case i < len(s) && s[i] == '0':
		i++
	case !digits():
		return 0
	}
	if i < len(s) && s[i] == '.' {
		i++
		if !digits() {
			return 0
		}
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		if !digits() {
			return 0
		}
	}
	return i
}

// text takes a string in quotes.
func (p *parser) text() (string, error) {
	start := p.at + 1
	for p.at = start; p.at < len(p.src); p.at++ {
		switch c := p.src[p.at]; {
		case c == '"':
			p.at++
			return p.src[start : p.at-1], nil
		case c == '\\':
			return p.escaped(start)
		case c < 0x20:
			return "", p.fail("no control character")
		}
	}
	return "", p.fail("the end of a text")
}

// escaped goes on with a text from its first backslash.
func (p *parser) escaped(start int) (string, error) {
	b := []byte(p.src[start:p.at])
	for p.at < len(p.src) {
		c := p.src[p.at]
		switch {
		case c == '"':
			p.at++
			return string(b), nil
		case c < 0x20:
			return "", p.fail("no control character")
		case c != '\\':
			b = append(b, c)
			p.at++
			continue
		}
		p.at++
		if p.at >= len(p.src) {
			return "", p.fail("an escape")
		}
		if at := strings.IndexByte(`"\/bfnrt`, p.src[p.at]); at >= 0 {
			b = append(b, "\"\\/\b\f\n\r\t"[at])
			p.at++
			continue
		}
		r, ok := p.unit()
		if !ok {
			return "", p.fail("an escape")
		}
		if utf16.IsSurrogate(r) {
			second := rune(-1)
			if strings.HasPrefix(p.src[p.at:], `\`) {
				p.at++
				second, _ = p.unit()
			}
			if r = utf16.DecodeRune(r, second); r == utf8.RuneError {
				return "", errors.New("the text has half of a surrogate pair")
			}
		}
		b = utf8.AppendRune(b, r)
	}
	return "", p.fail("the end of a text")
}

// unit takes uXXXX.
func (p *parser) unit() (r rune, ok bool) {
	if p.at+5 > len(p.src) || p.src[p.at] != 'u' {
		return -1, false
	}
	for _, c := range []byte(p.src[p.at+1 : p.at+5]) {
		d := strings.IndexByte("0123456789abcdef", c|0x20)
		if d < 0 || c < '0' {
			return -1, false
		}
		r = r<<4 | rune(d)
	}
	p.at += 5
	return r, true
}

// each calls with every child; index counts them.
func (t *tree) each(at int32, do func(index int, child int32)) {
	n := &t.nodes[at]
	t.work += int(n.children)
	for i, c := 0, at+1; i < int(n.children); i, c = i+1, t.nodes[c].next {
		do(i, c)
	}
}

// member finds a child of an object by its name, element one of a list by its place, counted from the end when negative.
func (t *tree) member(at int32, name string) (int32, bool) {
	n := &t.nodes[at]
	if n.kind != object {
		return 0, false
	}
	for i, c := int32(0), at+1; i < n.children; i, c = i+1, t.nodes[c].next {
		if t.nodes[c].name == name {
			t.work += int(i)
			return c, true
		}
	}
	t.work += int(n.children)
	return 0, false
}

func (t *tree) element(at int32, index int) (int32, bool) {
	n := &t.nodes[at]
	if index < 0 {
		index += int(n.children)
	}
	if n.kind != list || index < 0 || index >= int(n.children) {
		return 0, false
	}
	t.work += index
	c := at + 1
	for range index {
		c = t.nodes[c].next
	}
	return c, true
}

// raw are the bytes of a value as they were sent.
func (t *tree) raw(at int32) string { return t.src[t.nodes[at].start:t.nodes[at].end] }

// scalar is the text of a value that is no list, no object and not null.
func (t *tree) scalar(at int32) (string, bool) {
	switch n := &t.nodes[at]; n.kind {
	case number, text:
		return n.text, true
	case truth:
		return "true", true
	case falsehood:
		return "false", true
	}
	return "", false
}

// any is the value as filters take it.
func (t *tree) any(at int32) any {
	if v, ok := t.values[at]; ok {
		return v
	}
	n := &t.nodes[at]
	var v any
	switch n.kind {
	case truth, falsehood:
		v = n.kind == truth
	case number:
		v = json.Number(n.text)
	case text:
		v = n.text
	case list:
		l := make([]any, 0, n.children)
		t.each(at, func(_ int, c int32) { l = append(l, t.any(c)) })
		v = l
	case object:
		m := make(map[string]any, n.children)
		t.each(at, func(_ int, c int32) { m[t.nodes[c].name] = t.any(c) })
		v = m
	}
	if t.values == nil {
		t.values = map[int32]any{}
	}
	t.values[at] = v
	return v
}
