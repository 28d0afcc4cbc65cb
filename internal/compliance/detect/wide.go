package detect

import (
	"math/big"
	"math/bits"
)

// Wide is a number of 128 bits without a sign, for sums and products that 64 bits do not hold: integers are the same on every
// processor.
type Wide struct{ hi, lo uint64 }

// Product of two numbers.
func Product(a, b uint64) Wide {
	hi, lo := bits.Mul64(a, b)
	return Wide{hi, lo}
}

// Square of a number.
func Square(n int64) Wide { return Product(uint64(max(n, -n)), uint64(max(n, -n))) }

// Plus adds; the sum must fit.
func (w Wide) Plus(o Wide) Wide {
	lo, carry := bits.Add64(w.lo, o.lo, 0)
	hi, _ := bits.Add64(w.hi, o.hi, carry)
	return Wide{hi, lo}
}

// Minus takes away what is not larger.
func (w Wide) Minus(o Wide) Wide {
	lo, borrow := bits.Sub64(w.lo, o.lo, 0)
	hi, _ := bits.Sub64(w.hi, o.hi, borrow)
	return Wide{hi, lo}
}

// Times multiplies; the product must fit.
func (w Wide) Times(n uint64) Wide {
	p := Product(w.lo, n)
	p.hi += w.hi * n
	return p
}

// Over divides, rounded down; the quotient must fit 64 bits.
func (w Wide) Over(n uint64) uint64 {
	q, _ := bits.Div64(w.hi, w.lo, n)
	return q
}

// Big is the same number.
func (w Wide) Big() *big.Int {
	n := new(big.Int).SetUint64(w.hi)
	return n.Lsh(n, 64).Or(n, new(big.Int).SetUint64(w.lo))
}

// Root is the square root of a number below 2^126, rounded down.
func (w Wide) Root() int64 {
	if w == (Wide{}) {
		return 0
	}
	size := bits.Len64(w.lo)
	if w.hi != 0 {
		size = 64 + bits.Len64(w.hi)
	}
	// Newton from above: r² > w, so that the division fits.
	for r := uint64(1) << ((size + 1) / 2); ; {
		next := (r + w.Over(r)) / 2
		if next >= r {
			return int64(r)
		}
		r = next
	}
}

// Length is the root of the sum of squares, rounded down.
func Length(parts ...int64) int64 {
	var sum Wide
	for _, n := range parts {
		sum = sum.Plus(Square(n))
	}
	return sum.Root()
}

// Below reports whether part/whole is less than share, exactly.
func Below(part, whole int64, share Decimal) bool {
	a, b := Product(uint64(part), Micro), Product(uint64(whole), uint64(share))
	return a.hi < b.hi || a.hi == b.hi && a.lo < b.lo
}
