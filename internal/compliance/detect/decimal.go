package detect

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// Decimal is an exact number in millionths: what a verdict depends on is compared as integers, so that every processor
// comes to the same answer.
type Decimal int64

// Micro is the number of steps in one unit.
const Micro = 1_000_000

var decimalText = regexp.MustCompile(`^-?(0|[1-9][0-9]{0,8})(\.[0-9]{1,6})?$`)

// ErrDecimal: not a decimal of at most nine digits before the point and six behind it.
var ErrDecimal = errors.New("must be a decimal such as 8 or -0.5")

// ParseDecimal reads "8", "-0.5", "0.000001".
func ParseDecimal(s string) (Decimal, error) {
	if !decimalText.MatchString(s) {
		return 0, fmt.Errorf("%q: %w", s, ErrDecimal)
	}
	whole, part, _ := strings.Cut(strings.TrimPrefix(s, "-"), ".")
	n, err := strconv.ParseInt(whole+(part + "000000")[:6], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q: %w", s, ErrDecimal)
	}
	if s[0] == '-' {
		n = -n
	}
	return Decimal(n), nil
}

// FromFloat gives the decimal that a float64 was read from, as long as that had at most six places and nine digits before
// the point; others round to the nearest millionth, halves away from zero. NaN and what is too large give ok = false.
func FromFloat(v float64) (d Decimal, ok bool) {
	const limit = 1e9
	if !(v > -limit && v < limit) {
		return 0, false
	}
	return Decimal(math.Round(v * Micro)), true
}

// String is the shortest text that ParseDecimal reads back.
func (d Decimal) String() string {
	sign, n := "", uint64(d)
	if d < 0 {
		sign, n = "-", uint64(-d)
	}
	s := sign + strconv.FormatUint(n/Micro, 10)
	if part := n % Micro; part != 0 {
		s += "." + strings.TrimRight(fmt.Sprintf("%06d", part), "0")
	}
	return s
}

// Float is for showing and plotting only.
func (d Decimal) Float() float64 { return float64(d) / Micro }
