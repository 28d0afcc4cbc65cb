package detect

import (
	"fmt"
	"strings"
)

// Span shows milliseconds as people write a time, in its largest units: "59.003 s", "56 min 59 s", "26 h 5 min", "5 d 3 h".
// What is left over is cut off.
func Span(ms int64) string {
	s := ms / 1000
	switch {
	case ms < 60_000:
		return Decimal(ms*1000).String() + " s"
	case s < 3600:
		return strings.TrimSuffix(fmt.Sprintf("%d min %d s", s/60, s%60), " 0 s")
	case s < 100*3600:
		return strings.TrimSuffix(fmt.Sprintf("%d h %d min", s/3600, s%3600/60), " 0 min")
	}
	return strings.TrimSuffix(fmt.Sprintf("%d d %d h", s/86400, s%86400/3600), " 0 h")
}

// Seconds is Span of whole seconds.
func Seconds(s int) string { return Span(int64(s) * 1000) }

// Label is what people call the metric: "Temperature".
func (m Metric) Label() string { return m.Quantity().Label }

// With shows a value and the metric's unit: "8 °C".
func (m Metric) With(value string) string {
	if unit := m.Quantity().Symbol; unit != "" {
		return value + " " + unit
	}
	return value
}

// Plural shows a number of things: "1 shock", "2 shocks".
func Plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// AtMost asks that something happens no more than n times: "No shock", "At most 2 shocks".
func AtMost(n int, what string) string {
	if n == 0 {
		return "No " + what
	}
	return "At most " + Plural(n, what)
}

// Times says how often: "once", "3 times".
func Times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}
