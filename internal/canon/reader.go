package canon

import (
	"bytes"
	"math"
)

// Reader takes an item of deterministic CBOR apart, in place. After the first failure everything it answers is empty.
type Reader struct {
	b      []byte
	failed bool
}

// NewReader begins at the first byte.
func NewReader(b []byte) Reader { return Reader{b: b} }

func (r *Reader) fail() { r.b, r.failed = nil, true }

// Failed reports whether something was not as it was asked for.
func (r *Reader) Failed() bool { return r.failed }

// Done reports whether everything was taken, and was right.
func (r *Reader) Done() bool { return !r.failed && len(r.b) == 0 }

// Exactly takes these bytes.
func (r *Reader) Exactly(want ...byte) {
	if !bytes.HasPrefix(r.b, want) {
		r.fail()
		return
	}
	r.b = r.b[len(want):]
}

// Follows takes b if it is next.
func (r *Reader) Follows(b byte) bool {
	if len(r.b) == 0 || r.b[0] != b {
		return false
	}
	r.b = r.b[1:]
	return true
}

// Byte takes one byte.
func (r *Reader) Byte() byte {
	if len(r.b) == 0 {
		r.fail()
		return 0
	}
	b := r.b[0]
	r.b = r.b[1:]
	return b
}

// bigEndian takes n bytes as a number.
func (r *Reader) bigEndian(n int) (v uint64) {
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

// Head takes the head of an item of a major type and answers its argument, which must stand in the shortest form.
func (r *Reader) Head(major byte) uint64 {
	if len(r.b) == 0 || r.b[0]&0xe0 != major {
		r.fail()
		return 0
	}
	n := HeadSize(r.b[0])
	if n == 0 || n > len(r.b) {
		r.fail()
		return 0
	}
	v, ok := Head(r.b[:n])
	r.b = r.b[n:]
	if !ok {
		r.fail()
	}
	return v
}

// String takes a byte or text string; the caller checks its bytes.
func (r *Reader) String(major byte) []byte {
	n := r.Head(major)
	if n > uint64(len(r.b)) {
		r.fail()
		return nil
	}
	s := r.b[:n:n]
	r.b = r.b[n:]
	return s
}

// Hash takes a byte string of 32.
func (r *Reader) Hash(h *[32]byte) {
	if s := r.String(Bytes); len(s) == len(h) {
		copy(h[:], s)
	} else {
		r.fail()
	}
}

// Number takes an integer or a float that a float64 holds exactly; a float must stand in its shortest form. Floats that are
// smaller than a half-precision float has at full precision are left to the long way.
func (r *Reader) Number() float64 {
	if len(r.b) == 0 {
		r.fail()
		return 0
	}
	var v float64
	switch head := r.b[0]; {
	case head < Neg:
		n := r.Head(Uint)
		if n > 1<<53 {
			r.fail()
		}
		return float64(n)
	case head < Bytes:
		n := r.Head(Neg)
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
