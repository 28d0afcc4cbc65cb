package evidence

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"unicode/utf8"

	"github.com/trackseal/trackseal/internal/canon"
	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// Reader reads a bundle: the manifest at once, then leaf by leaf. It accepts each bundle in one form only. Errors that are
// not those of the underlying reader are *fabricproof.Fault with code E_BUNDLE_FORMAT.
type Reader struct {
	Manifest Manifest
	Kind     string
	// Proof is set for a bundle of one message.
	Proof *Proof

	d     decoder
	log   int
	count uint64 // leaves of the open log
	at    uint64
	ended bool
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

func (d *decoder) strings() [][]byte {
	n := d.array()
	var out [][]byte
	for i := 0; i < n && d.err == nil; i++ {
		out = append(out, d.bytes())
	}
	return out
}

func (d *decoder) blocks() []fabricproof.Block {
	n := d.array()
	var out []fabricproof.Block
	for i := 0; i < n && d.err == nil; i++ {
		d.tuple(5)
		var b fabricproof.Block
		b.Number = d.uint()
		b.Previous, b.DataHash = d.bytes(), d.bytes()
		b.Envelopes, b.Signatures = d.strings(), d.strings()
		if i > 0 && b.Number <= out[i-1].Number {
			d.fail("block %d after block %d", b.Number, out[i-1].Number)
		}
		out = append(out, b)
	}
	return out
}

// NewReader reads the manifest.
func NewReader(r io.Reader) (*Reader, error) {
	b := &Reader{d: decoder{r: bufio.NewReaderSize(r, 64<<10), sum: sha256.New(), budget: maxManifest}}
	d := &b.d
	if v := d.want(5, "a map"); d.err == nil && v != keyRuleSet+2 {
		d.fail("a map of %d", v)
	}
	d.key(keyVersion)
	if v := d.uint(); d.err == nil && v != FormatVersion {
		d.fail("version %d", v)
	}
	m := &b.Manifest
	d.key(keySubject)
	d.tuple(3)
	m.Channel, m.Chaincode, m.Shipment = d.text(), d.text(), d.text()
	d.key(keyConfigs)
	m.Configs = d.blocks()
	d.key(keyBlocks)
	m.Blocks = d.blocks()
	d.key(keyRecords)
	for n := d.array(); n > 0 && d.err == nil; n-- {
		d.tuple(2)
		m.Records = append(m.Records, Position{d.uint(), d.uint()})
	}
	d.key(keyInstances)
	for n := d.array(); n > 0 && d.err == nil; n-- {
		m.Instances = append(m.Instances, d.instance())
	}
	d.key(keyAttestations)
	for n := d.array(); n > 0 && d.err == nil; n-- {
		d.tuple(8)
		m.Attestations = append(m.Attestations, Attestation{
			Block: d.uint(), ChannelHeader: d.bytes(), SignatureHeader: d.bytes(), Proposal: d.bytes(), Head: d.bytes(),
			Tail: d.bytes(), Endorser: d.bytes(), Signature: d.bytes(),
		})
	}
	d.key(keyLogs)
	for n := d.array(); n > 0 && d.err == nil; n-- {
		m.Logs = append(m.Logs, b.readLog())
	}
	d.key(keyOutside)
	m.Outside = d.strings()
	d.key(keyRuleSet)
	m.RuleSet = d.bytes()
	switch k := d.uint(); {
	case d.err != nil:
	case k == keyLeaves:
		b.Kind = WholeShipment
		d.tuple(uint64(len(m.Logs)))
		b.log = -1
		b.open()
	case k == keyProof:
		b.Kind = OneMessage
		b.readProof()
		b.end()
	case k == keyHeadsLog:
		b.Kind = HeadsLog
		b.readHeadsLog()
		b.end()
	default:
		d.fail("key %d", k)
	}
	return b, d.err
}

func (d *decoder) instance() Instance {
	d.tuple(2)
	i := Instance{Ingest: d.text()}
	for n := d.array(); n > 0 && d.err == nil; n-- {
		d.tuple(3)
		a := Anchor{Position: Position{d.uint(), d.uint()}, Consistency: d.hashes()}
		i.Anchors = append(i.Anchors, a)
	}
	return i
}

func (b *Reader) readLog() Log {
	d := &b.d
	d.tuple(2)
	i := d.uint()
	if d.err == nil && i >= uint64(len(b.Manifest.Instances)) {
		d.fail("instance %d of %d", i, len(b.Manifest.Instances))
		return Log{}
	}
	l := Log{Instance: int(i)}
	n := d.array()
	if d.err == nil && n == 0 {
		d.fail("a log without a head")
	}
	for ; n > 0 && d.err == nil; n-- {
		d.tuple(4)
		a := d.uint()
		if d.err == nil && a >= uint64(len(b.Manifest.Instances[i].Anchors)) {
			d.fail("anchor %d of %d", a, len(b.Manifest.Instances[i].Anchors))
			return l
		}
		l.Heads = append(l.Heads, Head{Anchor: int(a), Index: d.uint(), Entry: d.bytes(), Path: d.hashes()})
	}
	return l
}

func (b *Reader) readProof() {
	d := &b.d
	d.tuple(4)
	p := &Proof{}
	i := d.uint()
	if d.err == nil && i >= uint64(len(b.Manifest.Logs)) {
		d.fail("log %d of %d", i, len(b.Manifest.Logs))
		return
	}
	p.Log, p.Index, p.Path = int(i), d.uint(), d.hashes()
	p.Leaf = b.leaf()
	b.Proof = p
}

// open goes on to the next log that has leaves.
func (b *Reader) open() {
	for b.d.err == nil {
		b.log++
		if b.log == len(b.Manifest.Logs) {
			b.end()
			return
		}
		b.count, b.at = b.d.want(4, "an array"), 0
		if b.count > 0 {
			return
		}
	}
}

func (b *Reader) end() {
	d := &b.d
	if d.err != nil {
		return
	}
	if _, err := d.r.ReadByte(); err == nil {
		d.fail("bytes after the end")
	} else if !errors.Is(err, io.EOF) {
		d.err = err
	}
	b.ended = true
}

// Next returns the next leaf of a whole-shipment bundle, which is number index of the log; io.EOF after the last.
func (b *Reader) Next() (log int, index uint64, leaf Leaf, err error) {
	if b.d.err == nil && b.ended {
		return 0, 0, Leaf{}, io.EOF
	}
	log, index = b.log, b.at
	leaf = b.leaf()
	b.at++
	if b.at == b.count {
		b.open()
	}
	return log, index, leaf, b.d.err
}

// Left is how many leaves the open log still has.
func (b *Reader) Left() uint64 { return b.count - b.at }

// maxLeaf bounds what one leaf costs; leaves do not come out of the manifest's budget.
const maxLeaf = 2*telemetry.MaxMessage + 4096

func (b *Reader) leaf() Leaf {
	d := &b.d
	d.budget = maxLeaf
	var l Leaf
	d.tuple(2)
	l.Entry = d.bytes()
	switch major, v := d.head(); {
	case d.err != nil:
	case major == 7 && v == 22:
	case major == 2:
		if l.Plain = d.body(v); len(l.Plain) == 0 {
			d.fail("an empty message")
		}
	case major == 4 && v == 2:
		l.COSE = d.bytes()
		switch major, v := d.head(); {
		case d.err != nil:
		case major == 7 && v == 22:
		case major == 2:
			l.Pack = d.body(v)
		default:
			d.fail("no readings")
		}
	default:
		d.fail("no message")
	}
	return l
}

// Sum is the SHA-256 of the whole bundle, once it was read to its end.
func (b *Reader) Sum() (sum Hash, ok bool) {
	if b.d.err != nil || !b.ended {
		return sum, false
	}
	return Hash(b.d.sum.Sum(nil)), true
}
