package evidence

import (
	"bufio"
	"crypto/sha256"
	"io"

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

// NewReader reads the manifest.
func NewReader(r io.Reader) (*Reader, error) {
	b := &Reader{d: decoder{r: bufio.NewReaderSize(r, 64<<10), sum: sha256.New(), budget: maxManifest}}
	d := &b.d
	if v := d.want(5, "a map"); d.err == nil && v != keyProfiles+2 {
		d.fail("a map of %d", v)
	}
	d.key(keyVersion)
	d.version()
	m := &b.Manifest
	d.key(keySubject)
	d.tuple(3)
	m.Channel, m.Chaincode, m.Shipment = d.text(), d.text(), d.text()
	d.key(keyConfigs)
	m.Configs = d.blocks()
	d.key(keyBlocks)
	m.Blocks = d.blocks()
	d.key(keyRecords)
	m.Records = listOf(d, func() Position {
		d.tuple(2)
		return d.position()
	})
	d.key(keyInstances)
	m.Instances = listOf(d, d.instance)
	d.key(keyAttestations)
	m.Attestations = listOf(d, d.attestation)
	d.key(keyLogs)
	m.Logs = listOf(d, b.readLog)
	d.key(keyOutside)
	m.Outside = d.strings()
	d.key(keyRuleSet)
	m.RuleSet = d.bytes()
	d.key(keyDetails)
	m.Details = d.strings()
	d.key(keyProfiles)
	m.Profiles = d.strings()
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
	return Instance{Ingest: d.text(), Anchors: listOf(d, func() Anchor {
		d.tuple(3)
		return Anchor{Position: d.position(), Consistency: d.hashes()}
	})}
}

func (d *decoder) attestation() (a Attestation) {
	d.tuple(8)
	a.Block = d.uint()
	a.ChannelHeader, a.SignatureHeader, a.Proposal = d.bytes(), d.bytes(), d.bytes()
	a.Head, a.Tail = d.bytes(), d.bytes()
	a.Endorser, a.Signature = d.bytes(), d.bytes()
	return a
}

func (b *Reader) readLog() Log {
	d := &b.d
	d.tuple(2)
	i := d.uint()
	if d.err == nil && i >= uint64(len(b.Manifest.Instances)) {
		d.fail("instance %d of %d", i, len(b.Manifest.Instances))
	}
	if d.err != nil {
		return Log{}
	}
	anchors := uint64(len(b.Manifest.Instances[i].Anchors))
	heads := listOf(d, func() Head {
		d.tuple(4)
		a := d.uint()
		if d.err == nil && a >= anchors {
			d.fail("anchor %d of %d", a, anchors)
		}
		return Head{Anchor: int(a), Index: d.uint(), Entry: d.bytes(), Path: d.hashes()}
	})
	if d.err == nil && len(heads) == 0 {
		d.fail("a log without a head")
	}
	return Log{Instance: int(i), Heads: heads}
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
	b.d.end()
	b.ended = b.d.err == nil
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
const maxLeaf = telemetry.MaxRaw + 4096

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
