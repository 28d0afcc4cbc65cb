package evidence

import (
	"bufio"
	"errors"
	"fmt"
	"hash"
	"io"
	"unicode/utf8"

	"github.com/trackseal/trackseal/internal/canon"
	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
)

// encoder writes deterministic CBOR (RFC 8949 section 4.2.1).
type encoder struct{ w *bufio.Writer }

func (e *encoder) head(major byte, v uint64) {
	e.w.Write(canon.AppendHead(e.w.AvailableBuffer(), major, v)) // bufio keeps the error until Flush
}

func (e *encoder) uint(v uint64)  { e.head(canon.Uint, v) }
func (e *encoder) bytes(b []byte) { e.head(canon.Bytes, uint64(len(b))); e.w.Write(b) }
func (e *encoder) text(s string)  { e.head(canon.Text, uint64(len(s))); e.w.WriteString(s) }
func (e *encoder) array(n int)    { e.head(canon.Array, uint64(n)) }
func (e *encoder) null()          { e.w.WriteByte(canon.Null) }

func (e *encoder) hashes(list []Hash) {
	e.array(len(list))
	for i := range list {
		e.bytes(list[i][:])
	}
}

func (e *encoder) strings(list [][]byte) {
	e.array(len(list))
	for _, b := range list {
		e.bytes(b)
	}
}

func (e *encoder) blocks(list []fabricproof.Block) {
	e.array(len(list))
	for i := range list {
		b := &list[i]
		e.array(5)
		e.uint(b.Number)
		e.bytes(b.Previous)
		e.bytes(b.DataHash)
		e.strings(b.Envelopes)
		e.strings(b.Signatures)
	}
}

// decoder reads deterministic CBOR strictly: shortest forms, definite lengths, only the types that a bundle has. Lengths
// are not trusted for allocation.
type decoder struct {
	r      *bufio.Reader
	sum    hash.Hash
	off    int64
	budget int64
	err    error
}

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = &fabricproof.Fault{Code: BundleFormat, Where: fmt.Sprintf("byte %d", d.off), Expected: "a bundle of version 1 in deterministic CBOR", Found: fmt.Sprintf(format, args...)}
	}
}

func (d *decoder) read(b []byte) {
	if d.err != nil {
		return
	}
	n, err := io.ReadFull(d.r, b)
	d.sum.Write(b[:n])
	switch {
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		d.fail("the end of the file")
	case err != nil:
		d.err = err
	}
	d.off += int64(n)
}

func (d *decoder) head() (major byte, v uint64) {
	var b [9]byte
	d.read(b[:1])
	if d.err != nil {
		return 0, 0
	}
	if major = b[0] >> 5; major == 7 {
		return major, uint64(b[0] & 31)
	}
	n := canon.HeadSize(b[0])
	if n == 0 {
		d.fail("an indefinite or reserved length")
		return 0, 0
	}
	d.read(b[1:n])
	v, ok := canon.Head(b[:n])
	if !ok {
		d.fail("a number that is longer than needed")
	}
	return major, v
}

func (d *decoder) want(major byte, what string) uint64 {
	m, v := d.head()
	if d.err == nil && m != major {
		d.fail("major type %d instead of %s", m, what)
	}
	return v
}

func (d *decoder) uint() uint64 { return d.want(0, "a number") }

// spend charges the budget of what is kept in memory.
func (d *decoder) spend(n uint64) {
	if n > maxString || int64(n) > d.budget {
		d.fail("more than may be held in memory")
		return
	}
	d.budget -= int64(n)
}

func (d *decoder) string(major byte, what string) []byte {
	return d.body(d.want(major, what))
}

func (d *decoder) body(n uint64) []byte {
	d.spend(n + 24)
	if d.err != nil {
		return nil
	}
	// A length that the file does not have must not cost its memory: grow with what is there.
	const step = 64 << 10
	b := make([]byte, 0, min(n, step))
	for uint64(len(b)) < n && d.err == nil {
		from := len(b)
		b = append(b, make([]byte, min(n-uint64(from), step))...)
		d.read(b[from:])
	}
	return b
}

func (d *decoder) bytes() []byte { return d.string(2, "a byte string") }

func (d *decoder) text() string {
	b := d.string(3, "a text")
	if d.err == nil && !utf8.Valid(b) {
		d.fail("text that is not UTF-8")
	}
	return string(b)
}

// array reads an array of any length; each element costs a little of the budget.
func (d *decoder) array() int {
	n := d.want(4, "an array")
	if d.err == nil && n > 1<<24 {
		d.fail("an array of %d", n)
	}
	d.spend(32 * n)
	if d.err != nil {
		return 0
	}
	return int(n)
}

func (d *decoder) tuple(n uint64) {
	if v := d.want(4, "an array"); d.err == nil && v != n {
		d.fail("an array of %d instead of %d", v, n)
	}
}

func (d *decoder) key(k uint64) {
	if v := d.uint(); d.err == nil && v != k {
		d.fail("key %d instead of %d", v, k)
	}
}

func (d *decoder) hashes() []Hash {
	n := d.array()
	if n > maxPath {
		d.fail("a path of %d hashes", n)
	}
	var out []Hash
	for i := 0; i < n && d.err == nil; i++ {
		b := d.bytes()
		if d.err == nil && len(b) != 32 {
			d.fail("a hash of %d bytes", len(b))
		}
		if d.err == nil {
			out = append(out, Hash(b))
		}
	}
	return out
}

// listOf reads an array of items.
func listOf[T any](d *decoder, item func() T) []T {
	var list []T
	for n := d.array(); n > 0 && d.err == nil; n-- {
		list = append(list, item())
	}
	return list
}

func (d *decoder) strings() [][]byte { return listOf(d, d.bytes) }

func (d *decoder) position() Position { return Position{d.uint(), d.uint()} }

func (d *decoder) blocks() []fabricproof.Block {
	var before *uint64 // number of the block before
	return listOf(d, func() (b fabricproof.Block) {
		d.tuple(5)
		b.Number = d.uint()
		b.Previous, b.DataHash = d.bytes(), d.bytes()
		b.Envelopes, b.Signatures = d.strings(), d.strings()
		if before != nil && b.Number <= *before {
			d.fail("block %d after block %d", b.Number, *before)
		}
		before = new(b.Number)
		return b
	})
}

// version refuses another version than this package's.
func (d *decoder) version() {
	if v := d.uint(); d.err == nil && v != FormatVersion {
		d.fail("version %d", v)
	}
}

// end refuses what follows the end.
func (d *decoder) end() {
	if d.err != nil {
		return
	}
	if _, err := d.r.ReadByte(); err == nil {
		d.fail("bytes after the end")
	} else if !errors.Is(err, io.EOF) {
		d.err = err
	}
}
