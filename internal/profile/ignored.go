package profile

import (
	"strconv"
	"strings"
)

// use notes that something was read from a value.
func (t *tree) use(at int32) {
	t.nodes[at].used = true
	for !t.nodes[at].touched {
		t.nodes[at].touched = true
		at = t.nodes[at].parent
	}
}

// note that a codec was given what it takes of a message: it is not ignored.
func (d *decoding) note(t *tree) {
	if d.bytes == nil {
		t.use(0)
	}
	for _, p := range []*path{d.bytes, d.port} {
		if p == nil {
			continue
		}
		if at, ok := p.first(t, 0); ok {
			t.use(at)
		}
	}
}

// ignored appends the paths of what nothing was read from, the first ones: of a list or an object of which nothing was, its own.
func (t *tree) ignored(to []string, root string) []string {
	return t.unread(to, 0, []byte(root))
}

func (t *tree) unread(to []string, at int32, path []byte) []string {
	switch n := &t.nodes[at]; {
	case n.used || len(to) >= maxIgnored:
		return to
	case !n.touched:
		return append(to, string(path))
	}
	t.each(at, func(i int, c int32) {
		if !t.nodes[c].used {
			to = t.unread(to, c, t.child(path, at, i, c))
		}
	})
	return to
}

// child appends a step of a path.
func (t *tree) child(path []byte, at int32, i int, c int32) []byte {
	path = path[:len(path):len(path)]
	name := t.nodes[c].name
	switch {
	case t.nodes[at].kind == list:
		return append(strconv.AppendInt(append(path, '['), int64(i), 10), ']')
	case shorthand(name):
		return append(append(path, '.'), name...)
	}
	name = strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(cut(name))
	return append(append(append(path, "['"...), name...), "']"...)
}

// shorthand reports whether a name may stand after a dot.
func shorthand(name string) bool {
	for i := range len(name) {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || i > 0 && '0' <= c && c <= '9':
		default:
			return false
		}
	}
	return name != "" && len(name) <= 64
}
