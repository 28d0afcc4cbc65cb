// Package place judges where goods were: fences entered and left, a corridor kept, stops too long.
//
// Geometry is integer arithmetic only. The standard library's sine differs between processors (s390x has its own, and the
// compiler may fuse a multiplication and an addition on arm64, ppc64 and riscv64), so it has no part in a verdict. A
// position is a unit vector of three integers in steps of 2^-60, made from whole millionths of a degree by a series of fixed
// length; every distance is rounded to whole decimetres before it is compared with anything. The earth is a sphere of
// 6,371,008.8 m (the mean radius), which is within 0.6 % of the ellipsoid.
package place

import (
	"math/bits"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

// radius of the earth in decimetres.
const radius = 63_710_088

const (
	one    = 1 << 60                   // 1 in steps of 2^-60
	piHalf = 1_811_004_864_519_280_711 // pi/2 in the same steps
)

// vec is a point of the unit sphere, or a product of two, in steps of 2^-60.
type vec struct{ x, y, z int64 }

func at(lat, lon detect.Decimal) vec {
	const quarter = 90 * detect.Micro
	lat = min(max(lat, -quarter), quarter)
	sinLat, cosLat := sine(lat)
	sinLon, cosLon := sine(lon)
	return vec{mul(cosLat, cosLon), mul(cosLat, sinLon), sinLat}
}

// sine gives sine and cosine of an angle in degrees.
func sine(angle detect.Decimal) (sin, cos int64) {
	const quarter = 90 * detect.Micro
	turns := ((int64(angle) % (4 * quarter)) + 4*quarter) % (4 * quarter)
	a, b := series(turns%quarter), series(quarter-turns%quarter)
	switch turns / quarter {
	case 0:
		return a, b
	case 1:
		return b, -a
	case 2:
		return -a, -b
	default:
		return -b, a
	}
}

// series is the sine of micro millionths of a degree, 0 to 90 degrees.
func series(micro int64) int64 {
	const eighth = 45 * detect.Micro
	if micro > eighth {
		// cos x = 1 - x²/2 + …, with x at most 45 degrees.
		x := radians(90*detect.Micro - micro)
		x2, sum := mul(x, x), int64(one)
		for k := int64(22); k > 0; k -= 2 {
			sum = one - mul(x2, sum)/(k*(k-1))
		}
		return sum
	}
	// sin x = x - x³/6 + …
	x := radians(micro)
	x2, sum := mul(x, x), int64(one)
	for k := int64(23); k > 1; k -= 2 {
		sum = one - mul(x2, sum)/(k*(k-1))
	}
	return mul(x, sum)
}

// radians turns millionths of a degree, 0 to 90 degrees, into steps of 2^-60.
func radians(micro int64) int64 {
	return int64(detect.Product(piHalf, uint64(micro)).Over(90 * detect.Micro))
}

// mul multiplies two numbers below 4 in steps of 2^-60, rounded to the nearest, halves away from zero.
func mul(a, b int64) int64 {
	hi, lo := bits.Mul64(uint64(max(a, -a)), uint64(max(b, -b)))
	lo, carry := bits.Add64(lo, 1<<59, 0)
	r := int64((hi+carry)<<4 | lo>>60)
	if (a < 0) != (b < 0) {
		return -r
	}
	return r
}

func (a *vec) dot(b *vec) int64 { return mul(a.x, b.x) + mul(a.y, b.y) + mul(a.z, b.z) }

func (a *vec) cross(b *vec) vec {
	return vec{mul(a.y, b.z) - mul(a.z, b.y), mul(a.z, b.x) - mul(a.x, b.z), mul(a.x, b.y) - mul(a.y, b.x)}
}

// unit scales a vector that is not zero to length 1.
func (a *vec) unit() vec {
	n := detect.Length(a.x, a.y, a.z)
	return vec{ratio(a.x, n), ratio(a.y, n), ratio(a.z, n)}
}

// ratio is a/n in steps of 2^-60, for |a| <= n.
func ratio(a, n int64) int64 {
	q := int64(detect.Product(uint64(max(a, -a)), one).Over(uint64(n)))
	if a < 0 {
		return -q
	}
	return q
}

// distance by the chord, which is exact where points are near each other: 2 R asin(chord/2).
func (a *vec) distance(b *vec) int64 {
	chord := detect.Length(a.x-b.x, a.y-b.y, a.z-b.z)
	return arc(2 * arcsine(chord/2))
}

// arc is the length of an angle on the earth, in decimetres.
func arc(angle int64) int64 {
	hi, lo := bits.Mul64(uint64(angle), radius)
	lo, carry := bits.Add64(lo, 1<<59, 0)
	return int64((hi+carry)<<4 | lo>>60)
}

// arcsine of 0 to 1; a rounding error above 1 counts as 1.
func arcsine(x int64) int64 {
	switch {
	case x >= one:
		return piHalf
	case x > one/2:
		// asin x = pi/2 - 2 asin(sqrt((1-x)/2)), which is at most one half.
		return piHalf - 2*arcsine(detect.Product(uint64(one-x)/2, one).Root())
	}
	// asin x = x (1 + x²/2·(1/3) …), by Horner: the term of k is that of k-1 times x² (2k-1)²/(2k(2k+1)).
	x2, sum := mul(x, x), int64(one)
	for k := int64(28); k > 0; k-- {
		odd := 2*k - 1
		sum = one + mul(x2, sum)/(2*k*(2*k+1))*(odd*odd)
	}
	return mul(x, sum)
}
