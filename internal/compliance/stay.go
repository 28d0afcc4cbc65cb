package compliance

import "github.com/trackseal/trackseal/internal/compliance/detect"

// stay is one time beyond a limit.
type stay struct {
	start              int64
	out                int64 // known time beyond the limit
	peak               detect.Decimal
	first, worst, last [32]byte // messages
}

func newStay(ms int64, v detect.Decimal, message [32]byte) stay {
	return stay{start: ms, peak: v, first: message, worst: message, last: message}
}

// meet takes another breaking value.
func (s *stay) meet(b detect.Bound, v detect.Decimal, message [32]byte) {
	if b.Worse(v, s.peak) {
		s.peak, s.worst = v, message
	}
	s.last = message
}

// join adds a later stay.
func (s *stay) join(b detect.Bound, t stay) {
	if b.Worse(t.peak, s.peak) {
		s.peak, s.worst = t.peak, t.worst
	}
	s.out, s.last = s.out+t.out, t.last
}

func (s *stay) excursion(b detect.Bound, end int64, open bool) detect.Excursion {
	return detect.Excursion{StartMS: s.start, EndMS: end, Open: open, Peak: s.peak, Limit: b.Value, OutMS: s.out, Messages: detect.Messages(s.first, s.worst, s.last)}
}

// clock is the time of one metric.
type clock struct{ in, out, unknown int64 }

// split divides the time from a to b into known and unknown.
func split(a, b, gap int64) (known, unknown int64) {
	if known = b - a; known > gap {
		return gap, known - gap
	}
	return known, 0
}
