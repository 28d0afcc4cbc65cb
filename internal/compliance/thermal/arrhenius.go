package thermal

import (
	"math/bits"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

// Mean kinetic temperature is the temperature whose weight exp(-k/T) is the mean weight of the readings; k = dH/R in
// kelvin. Everything is integers: math.Exp is assembly on some processors, and a compiler may fuse float operations, so
// two machines could disagree about a verdict. Weights are integers, their sums over time are exact, and so windows can be
// added and taken away without drift. No logarithm is needed: a mean weight is compared with the weights of temperatures.
//
// weight(T) = 2^shift * exp(-k/T), rounded down, where the shift is such that the hottest weighs 2^62 to 2^63.
//
// Error, relative to the true weight, and what it makes of the result (dT = T*T/k * relative error):
//   - the exponent k/T*log2(e) has 56 fractional bits: below 2^-55, less than 1e-12 °C
//   - 2^f by Taylor's series to the 20th power of f*ln 2 < 0.6932, in 62 fractional bits: below 2^-58
//   - rounding down to an integer: for k = 10000 below 2^-18 at -90 °C (0.00002 °C) and 2^-43 above 0 °C (1e-12 °C); for the largest
//     k below 2^-25 above 0 °C (1e-7 °C), and what is far below weighs nothing
//
// Every step is monotone, so a warmer temperature never weighs less.

// Readings beyond these count as these: no recorder for goods that are judged by a mean measures there.
const (
	coldest detect.Decimal = -90_000_000
	hottest detect.Decimal = 150_000_000
	zeroC                  = 273_150_000 // 0 °C in millionths of a kelvin
)

// activation is dH/R.
type activation struct {
	ratio uint64 // thousandths of a kelvin
	shift uint64
}

// The range of dH/R: 42 to 166 kJ/mol. Most goods lie between 60 and 100 kJ/mol.
const (
	leastActivation = 5_000 * detect.Micro
	mostActivation  = 20_000 * detect.Micro
)

func activationOf(k detect.Decimal) activation {
	a := activation{ratio: uint64(k / 1000)}
	a.shift = 62 + (a.exponent(hottest)+1<<56-1)>>56
	return a
}

const (
	log2e = 0xB8AA3B295C17F0BC // log2(e) * 2^63
	ln2   = 0xB17217F7D1CF79AB // ln(2) * 2^64
)

// exponent is k/T*log2(e), with 56 fractional bits.
func (k activation) exponent(t detect.Decimal) uint64 {
	kelvin := uint64(min(max(t, coldest), hottest) + zeroC)
	hi, lo := bits.Mul64(k.ratio*1000, log2e) // k in thousandths and T in millionths leave a factor of 1000
	u, _ := bits.Div64(hi>>7, hi<<57|lo>>7, kelvin)
	return u
}

// weight of a temperature.
func (k activation) weight(t detect.Decimal) uint64 {
	u, whole := k.exponent(t), k.shift<<56
	if u >= whole {
		return 0
	}
	v := whole - u
	return exp2(v&(1<<56-1)) >> (62 - v>>56)
}

// exp2 is 2^f with 62 fractional bits, for f in [0, 1) with 56 fractional bits.
func exp2(f uint64) uint64 {
	z, _ := bits.Mul64(f<<8, ln2) // f*ln 2, 64 fractional bits
	const one = 1 << 62
	sum := uint64(one)
	for i := uint64(20); i > 0; i-- { // Horner: 1 + z/1*(1 + z/2*(1 + ...))
		product, _ := bits.Mul64(z, sum)
		sum = one + product/i
	}
	return sum
}

// milli is the temperature in thousandths of a degree, rounded half up, whose weight is mean: the greatest m with
// weight(m - 0.0005 °C) <= mean.
func (k activation) milli(mean uint64) int64 {
	lo, hi := int64(coldest/1000), int64(hottest/1000) // weight(lo) <= mean, whatever it is
	for lo < hi {
		mid := lo + (hi-lo+1)/2
		if k.reaches(mid) <= mean {
			lo = mid
		} else {
			hi = mid - 1
		}
	}
	return lo
}

// reaches is the least mean weight that rounds to milli thousandths of a degree or more.
func (k activation) reaches(milli int64) uint64 { return k.weight(detect.Decimal(milli*1000 - 500)) }
