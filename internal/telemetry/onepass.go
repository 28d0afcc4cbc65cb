package telemetry

import (
	"bytes"
	"crypto/sha256"
	"math"
)

// onePass reads a message that is what trackers send nearly always, in one pass and in place: every head in its shortest form,
// every map in its order, so that nothing has to be encoded again to see that it is canonical. It answers false for everything
// else, be it rare or wrong, and Decode then takes the long way, which alone says what is wrong. What onePass accepts, the long
// way accepts with the same result (FuzzOnePass). The message's slices point into raw.
func onePass(raw []byte) (*Message, bool) {
	r := reader{b: raw}
	r.exactly(0x82)
	cose, pack := r.text(majorBytes), r.text(majorBytes)
	if !r.done() {
		return nil, false
	}
	m, ok := onePassCOSE(cose)
	if !ok || sha256.Sum256(pack) != m.PackHash {
		return nil, false
	}
	m.Pack = pack
	j := joiner{tracker: m.Tracker}
	if !j.onePass(pack) || m.Kind == Data && len(j.readings) == 0 {
		return nil, false
	}
	m.Readings = j.sorted()
	return m, true
}

// onePassCOSE reads the signed part.
func onePassCOSE(cose []byte) (*Message, bool) {
	s := reader{b: cose}
	s.exactly(0x84)
	m := &Message{COSE: cose, protected: s.text(majorBytes)}
	s.exactly(0xa0)
	s.hash(&m.PackHash)
	m.signature = s.text(majorBytes)
	if !s.done() || len(m.signature) != 64 || !m.onePassClaims(m.protected) {
		return nil, false
	}
	m.COSEHash = sha256.Sum256(cose)
	return m, true
}

// The labels of the claims as CBOR, in the order of deterministic encoding.
var (
	labelBoot   = []byte{0x19, 0x01, 0x0b}             // 267
	labelSeq    = []byte{0x3a, 0x00, 0x01, 0x11, 0x70} // -70001
	labelPrev   = []byte{0x3a, 0x00, 0x01, 0x11, 0x71}
	labelKind   = []byte{0x3a, 0x00, 0x01, 0x11, 0x72}
	labelTime   = []byte{0x3a, 0x00, 0x01, 0x11, 0x73}
	labelDue    = []byte{0x3a, 0x00, 0x01, 0x11, 0x75} // -70006
	labelBeacon = []byte{0x3a, 0x00, 0x01, 0x11, 0x76}
)

func (m *Message) onePassClaims(protected []byte) bool {
	r := reader{b: protected}
	r.exactly(0xa3, 0x01)
	switch r.byte() {
	case 0x32:
		m.Alg = Ed25519
	case 0x28:
		m.Alg = ESP256
	default:
		return false
	}
	r.exactly(0x04)
	r.hash(&m.KID)
	r.exactly(0x0f)
	n := r.byte()
	if n != 0xa7 && n != 0xa8 {
		return false
	}
	r.exactly(0x02)
	tracker := r.text(majorText)
	r.exactly(labelBoot...)
	m.Boot = r.uint(majorUint)
	r.exactly(labelSeq...)
	m.Seq = r.uint(majorUint)
	r.exactly(labelPrev...)
	r.hash(&m.Prev)
	r.exactly(labelKind...)
	kind := r.uint(majorUint)
	r.exactly(labelTime...)
	ms := r.uint(majorUint)
	r.exactly(labelDue...)
	m.NextDueS = r.uint(majorUint)
	if n == 0xa8 {
		m.Beacon = new(Beacon)
		r.exactly(labelBeacon...)
		r.exactly(0x82)
		m.Beacon.Block = r.uint(majorUint)
		r.hash(&m.Beacon.Root)
	}
	if !r.done() || kind > uint64(End) || ms >= maxTimeMS {
		return false
	}
	m.Tracker, m.Kind, m.TimeMS = string(tracker), Kind(kind), int64(ms)
	if details[m.Kind] != 0 {
		return false
	}
	_, err := m.check(0)
	return err == nil
}

// onePass adds the records of a pack.
func (j *joiner) onePass(pack []byte) bool {
	r := reader{b: pack}
	n := r.uint(majorArray)
	if n > MaxRecords {
		return false
	}
	for i := range int(n) {
		fields := r.uint(majorMap)
		var rec flatRecord
		r.exactly(0x00)
		rec.name = r.text(majorText)
		r.exactly(0x01)
		rec.unit = r.text(majorText)
		r.exactly(0x02)
		rec.value = r.number()
		fields -= 3
		if r.follows(0x06) {
			rec.hasTime, rec.time = true, r.number()
			fields--
		}
		if i == 0 {
			r.exactly(0x21)
			rec.hasName, rec.baseName = true, r.text(majorText)
			r.exactly(0x22)
			rec.hasBase, rec.base = true, r.number()
			fields -= 2
		}
		if fields != 0 || r.failed || j.add(i, &rec) != nil {
			return false
		}
	}
	return r.done()
}

// reader takes canonical CBOR apart. After the first failure everything it answers is empty.
type reader struct {
	b      []byte
	failed bool
}

const (
	majorUint  = 0x00
	majorNeg   = 0x20
	majorBytes = 0x40
	majorText  = 0x60
	majorArray = 0x80
	majorMap   = 0xa0
)

func (r *reader) fail() { r.b, r.failed = nil, true }

func (r *reader) done() bool { return !r.failed && len(r.b) == 0 }

func (r *reader) exactly(want ...byte) {
	if !bytes.HasPrefix(r.b, want) {
		r.fail()
		return
	}
	r.b = r.b[len(want):]
}

// follows takes b if it is next.
func (r *reader) follows(b byte) bool {
	if len(r.b) == 0 || r.b[0] != b {
		return false
	}
	r.b = r.b[1:]
	return true
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.fail()
		return 0
	}
	b := r.b[0]
	r.b = r.b[1:]
	return b
}

// bigEndian takes n bytes as a number.
func (r *reader) bigEndian(n int) (v uint64) {
	if len(r.b) < n {
		r.fail()
		return 0
	}
	for _, b := range r.b[:n] {
		v = v<<8 | uint64(b)
	}
	r.b = r.b[n:]
	return v
}

// uint takes the head of an item of a major type and answers its argument, which must stand in the shortest form.
func (r *reader) uint(major byte) uint64 {
	head := r.byte()
	if head&0xe0 != major {
		r.fail()
		return 0
	}
	var v, least uint64
	switch low := head & 0x1f; low {
	case 24:
		v, least = r.bigEndian(1), 24
	case 25:
		v, least = r.bigEndian(2), 1<<8
	case 26:
		v, least = r.bigEndian(4), 1<<16
	case 27:
		v, least = r.bigEndian(8), 1<<32
	default:
		if low > 24 {
			r.fail()
		}
		return uint64(low)
	}
	if v < least {
		r.fail()
	}
	return v
}

// text takes a byte or text string; the caller checks its bytes.
func (r *reader) text(major byte) []byte {
	n := r.uint(major)
	if n > uint64(len(r.b)) {
		r.fail()
		return nil
	}
	s := r.b[:n:n]
	r.b = r.b[n:]
	return s
}

func (r *reader) hash(h *Hash) {
	if s := r.text(majorBytes); len(s) == len(h) {
		copy(h[:], s)
	} else {
		r.fail()
	}
}

// number takes an integer or a float that a float64 holds exactly; a float must stand in its shortest form. Floats that are
// smaller than a half-precision float has at full precision are left to the long way.
func (r *reader) number() float64 {
	if len(r.b) == 0 {
		r.fail()
		return 0
	}
	var v float64
	switch head := r.b[0]; {
	case head < majorNeg:
		n := r.uint(majorUint)
		if n > 1<<53 {
			r.fail()
		}
		return float64(n)
	case head < majorBytes:
		n := r.uint(majorNeg)
		if n >= 1<<53 {
			r.fail()
		}
		return -1 - float64(n)
	case head == 0xf9:
		r.b = r.b[1:]
		bits := r.bigEndian(2)
		exponent := int(bits>>10) & 0x1f
		switch {
		case bits&0x7fff == 0: // zero
		case exponent == 0 || exponent == 0x1f:
			r.fail()
		default:
			v = math.Ldexp(float64(1<<10|bits&0x3ff), exponent-25)
		}
		if bits>>15 == 1 {
			v = math.Copysign(v, -1)
		}
		return v
	case head == 0xfa:
		r.b = r.b[1:]
		bits := uint32(r.bigEndian(4))
		v = float64(math.Float32frombits(bits))
		if fitsHalf(v, uint64(bits)<<29) {
			r.fail()
		}
	case head == 0xfb:
		r.b = r.b[1:]
		v = math.Float64frombits(r.bigEndian(8))
		if float64(float32(v)) == v {
			r.fail()
		}
	default:
		r.fail()
	}
	if math.IsNaN(v) || math.IsInf(v, 0) {
		r.fail()
	}
	return v
}

// fitsHalf says whether half precision may hold v too; fraction has v's fraction in its lower 52 bits.
func fitsHalf(v float64, fraction uint64) bool {
	size := math.Abs(v)
	return size < 1.0/(1<<14) || size < 1<<16 && fraction&(1<<42-1) == 0
}
