// Package motion judges how goods were handled: shocks, drops, vibration, openings. (Tilt needs no detector of its own: it is a
// limit on the metric tilt.)
//
// Arithmetic is exact or rounded at one stated step: velocities to 1e-6 m/s, heights to 1e-6 m, times to the millisecond.
// 2/pi is the pinned rational 636619772367581/10^15 and standard gravity is 9.80665 m/s2.
package motion

import (
	"math/big"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

// Gravity is standard gravity.
const Gravity detect.Decimal = 9_806_650

// amount parses an optional decimal member between two bounds.
func amount(bad *detect.Problems, member, text string, low, high detect.Decimal) detect.Decimal {
	if text == "" {
		return 0
	}
	d, err := detect.ParseDecimal(text)
	switch {
	case err != nil:
		bad.Bad("%s: %w", member, err)
		return 0
	case d < low || d > high:
		bad.Bad("%s: %s is not within %s and %s", member, text, low, high)
		return 0
	}
	return d
}

// required parses a decimal member that must be there.
func required(bad *detect.Problems, member, text string, low, high detect.Decimal) detect.Decimal {
	if text == "" {
		bad.Bad("%s: is missing", member)
	}
	return amount(bad, member, text, low, high)
}

// VelocityChange of a half-sine pulse in m/s: 2/pi times peak (m/s2) times duration (ms), rounded to the millionth, halves up.
func VelocityChange(peak, ms detect.Decimal) detect.Decimal {
	n := big.NewInt(636_619_772_367_581)
	n.Mul(n, big.NewInt(int64(peak))).Mul(n, big.NewInt(int64(ms)))
	return quotient(n, new(big.Int).Exp(big.NewInt(10), big.NewInt(24), nil))
}

// EquivalentHeight in m is the drop that ends in a velocity change (m/s) at a coefficient of restitution: dV²/(2 g (1+e)²).
func EquivalentHeight(velocity, restitution detect.Decimal) detect.Decimal {
	n := new(big.Int).Mul(big.NewInt(int64(velocity)), big.NewInt(int64(velocity)))
	n.Mul(n, big.NewInt(detect.Micro*detect.Micro))
	e := big.NewInt(int64(detect.Micro + restitution))
	e.Mul(e, e).Mul(e, big.NewInt(int64(2*Gravity)))
	return quotient(n, e)
}

// quotient rounds halves up and stops at the largest decimal.
func quotient(n, d *big.Int) detect.Decimal {
	const most = 999_999_999_999_999
	n.Add(n.Lsh(n, 1), d).Quo(n, d.Lsh(d, 1))
	if !n.IsInt64() || n.Int64() > most {
		return most
	}
	return detect.Decimal(n.Int64())
}

// FallHeight in m of a free fall of ms, at most a minute: g t²/2, rounded down.
func FallHeight(ms int64) detect.Decimal {
	ms = min(ms, 60_000)
	return detect.Decimal(int64(Gravity) * ms * ms / (2 * detect.Micro))
}

// FallTime in ms of a free fall from a height of 1 km at most, rounded down.
func FallTime(height detect.Decimal) int64 {
	return new(big.Int).Sqrt(big.NewInt(2 * int64(height) * detect.Micro / int64(Gravity))).Int64()
}

// brief rounds to hundredths, for texts.
func brief(d detect.Decimal) string { return ((d + 5_000) / 10_000 * 10_000).String() }
