package profile

import (
	"errors"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// affine is value*scale + offset and then the change of the unit, as one exact fraction: (value*mul + add) / div. What comes out is the
// number nearest to the exact result, so every machine gets the same.
type affine struct {
	same          bool // nothing to do
	mul, add, div int64
	exact         bool // mul, add and div hold it
	scale, offset *big.Rat
}

// maxDecimal bounds what a profile writes, and the exponent of what a tracker sends: nothing measured has more.
const (
	maxDecimal  = 40
	maxExponent = 320
)

// decimal reads a number of a profile.
func decimal(s string) (*big.Rat, error) {
	if len(s) > maxDecimal || s == "" || numberLen(s) != len(s) {
		return nil, errors.New(strconv.Quote(cut(s)) + ": must be a decimal such as 0.1")
	}
	r, ok := rational(s)
	if !ok {
		return nil, errors.New(s + ": too large or too small")
	}
	return r, nil
}

// rational is the exact value of a JSON number; none when its exponent is out of reason.
func rational(s string) (*big.Rat, bool) {
	if at := strings.IndexAny(s, "eE"); at >= 0 {
		if e, err := strconv.Atoi(strings.TrimPrefix(s[at+1:], "+")); err != nil || e > maxExponent || e < -maxExponent {
			return nil, false
		}
	}
	if len(s) > 4*maxExponent {
		return nil, false
	}
	return new(big.Rat).SetString(s)
}

func newAffine(scale, offset *big.Rat) affine {
	a := affine{scale: scale, offset: offset}
	a.same = scale.Cmp(big.NewRat(1, 1)) == 0 && offset.Sign() == 0
	div := new(big.Int).Mul(scale.Denom(), offset.Denom())
	div.Div(div, new(big.Int).GCD(nil, nil, scale.Denom(), offset.Denom()))
	mul := new(big.Int).Mul(scale.Num(), new(big.Int).Div(div, scale.Denom()))
	add := new(big.Int).Mul(offset.Num(), new(big.Int).Div(div, offset.Denom()))
	if mul.IsInt64() && add.IsInt64() && div.IsInt64() {
		a.mul, a.add, a.div, a.exact = mul.Int64(), add.Int64(), div.Int64(), true
	}
	return a
}

// apply computes with a JSON number. Not ok: too large or too small for any measurement.
func (a *affine) apply(s string) (v float64, ok bool) {
	switch {
	case a.same:
		var err error
		v, err = strconv.ParseFloat(s, 64)
		ok = err == nil
	default:
		if v, ok = a.small(s); !ok {
			v, ok = a.large(s)
		}
	}
	if v == 0 {
		v = 0 // not minus zero
	}
	return v, ok
}

// exactBelow: whole numbers below it are float64s, and dividing two float64s gives the one nearest to the quotient.
const exactBelow = 1 << 53

// small computes where all that occurs is a whole number that a float64 holds.
func (a *affine) small(s string) (float64, bool) {
	if !a.exact {
		return 0, false
	}
	m, shift, ok := digits(s)
	if !ok {
		return 0, false
	}
	left, okLeft := product(m, a.mul)
	right, okRight := product(a.add, shift)
	below, okBelow := product(a.div, shift)
	if sum := left + right; okLeft && okRight && okBelow && -exactBelow < sum && sum < exactBelow {
		return float64(sum) / float64(below), true
	}
	return 0, false
}

func product(a, b int64) (int64, bool) {
	p := float64(a) * float64(b)
	return a * b, -exactBelow < p && p < exactBelow
}

// digits reads a number without exponent as m/shift.
func digits(s string) (m, shift int64, ok bool) {
	shift = 1
	i, point := 0, false
	negative := strings.HasPrefix(s, "-")
	if negative {
		i++
	}
	if len(s)-i > 16 {
		return 0, 0, false
	}
	for ; i < len(s); i++ {
		switch c := s[i]; {
		case c == '.':
			point = true
		case c < '0' || c > '9':
			return 0, 0, false
		default:
			m = m*10 + int64(c-'0')
			if point {
				shift *= 10
			}
		}
	}
	if negative {
		m = -m
	}
	return m, shift, true
}

func (a *affine) large(s string) (float64, bool) {
	r, ok := rational(s)
	if !ok {
		return 0, false
	}
	r.Mul(r, a.scale)
	r.Add(r, a.offset)
	v, _ := r.Float64()
	return v, !math.IsInf(v, 0)
}
