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
// weight(T) = 2^97 * exp(-k/T), rounded down. For both activations and all temperatures from coldest to hottest it lies
// between 2^18 and 2^63.
//
// Error, relative to the true weight, and what it makes of the result (dT = T*T/k * relative error):
//   - the exponent k/T*log2(e) has 56 fractional bits: below 2^-55, less than 1e-12 °C
//   - 2^f by Taylor's series to the 20th power of f*ln 2 < 0.6932, in 62 fractional bits: below 2^-58
//   - rounding down to an integer: below 2^-18 at -90 °C (0.00002 °C), below 2^-43 above 0 °C (1e-12 °C)
//
// Every step is monotone, so a warmer temperature never weighs less.
const weightShift = 97

// Readings beyond these count as these: no recorder for goods that are judged by a mean measures there.
const (
	coldest detect.Decimal = -90_000_000
	hottest detect.Decimal = 150_000_000
	zeroC                  = 273_150_000 // 0 °C in millionths of a kelvin
)

// Activation is dH/R in thousandths of a kelvin.
type activation uint64

const (
	log2e = 0xB8AA3B295C17F0BC // log2(e) * 2^63
	ln2   = 0xB17217F7D1CF79AB // ln(2) * 2^64
)

// weight of a temperature.
func (k activation) weight(t detect.Decimal) uint64 {
	kelvin := uint64(min(max(t, coldest), hottest) + zeroC)
	// u = k/T * log2(e), 56 fractional bits; k in thousandths and T in millionths leave a factor of 1000.
	hi, lo := bits.Mul64(uint64(k)*1000, log2e)
	u, _ := bits.Div64(hi>>7, hi<<57|lo>>7, kelvin)
	v := uint64(weightShift)<<56 - u
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
