package quality

import (
	"slices"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

// steady are the quantities that change slowly, so that their past says something about their present.
var steady = [...]struct {
	metric detect.Metric
	// jump is the greatest change in a minute, jumpCap however long it took.
	jump, jumpCap detect.Decimal
	// floor is the least spread that Hampel's test assumes: what sensors resolve and air does.
	floor detect.Decimal
	// still is how long the value may stay exactly the same while partner moves by partnerBy; 0 = for ever.
	still     int64
	partner   detect.Metric
	partnerBy detect.Decimal
}{
	{detect.Temperature, 3 * one, 15 * one, 3 * one / 10, 240 * minuteMS, detect.Humidity, 5 * one},
	{detect.Humidity, 10 * one, 80 * one, 2 * one, 360 * minuteMS, detect.Temperature, 2 * one},
	{detect.Battery, 5 * one, 30 * one, 5 * one, 0, 0, 0},
}

const (
	neighbours = 7              // values of Hampel's window; the middle one is judged
	apart      = 12 * HourMS    // a window longer than this says nothing
	recent     = HourMS         // the rolling median's window, and the longest step that can be a jump
	longStill  = 24 * HourMS    // the same value for so long is odd without a partner, too
	plateau    = -60 * one      // at or below it, dry ice or a deep freezer holds one value for days
	stillLeast = 6              // readings that a run needs
	saturated  = 999 * one / 10 // humidity at its end says the same for as long as it is wet
)

// track is the past of one steady quantity: bounded.
type track struct {
	window [neighbours]sample // the newest last
	n      int                // of window
	run    run
}

type sample struct {
	ms     int64
	v      detect.Decimal
	jumped bool
}

// run is the time in which the value stayed exactly the same.
type run struct {
	startMS              int64
	n                    int
	v                    detect.Decimal
	partnerSeen          bool
	partnerLo, partnerHi detect.Decimal
}

func (t *track) last() *sample { return &t.window[neighbours-1] }

// add judges a value against the past, and its neighbour in the middle of the window.
func (t *track) add(i int, r *Reading, v detect.Decimal, flag func(Flag)) {
	s := sample{ms: r.MS, v: v}
	if t.n > 0 {
		t.jump(i, &s, flag)
	}
	t.constancy(i, r, v, flag)
	copy(t.window[:], t.window[1:])
	t.window[neighbours-1] = s
	if t.n = min(t.n+1, neighbours); t.n == neighbours {
		t.outlier(i, flag)
	}
}

// jump compares with the value before. Of the two, the one further from the rolling median is the odd one.
func (t *track) jump(i int, s *sample, flag func(Flag)) {
	before, p := t.last(), &steady[i]
	took := s.ms - before.ms
	if took > recent {
		return
	}
	allowed := min(p.jump*detect.Decimal(max(took, minuteMS))/detect.Decimal(minuteMS), p.jumpCap)
	if distance(s.v, before.v) <= allowed {
		return
	}
	var near []detect.Decimal
	for _, w := range t.window[neighbours-t.n:] {
		if s.ms-w.ms <= recent {
			near = append(near, w.v)
		}
	}
	middle := median(near)
	switch {
	case len(near) < 3 || distance(s.v, middle) >= distance(before.v, middle):
		s.jumped = true
		flag(Flag{s.ms, Jump, p.metric, s.v, before.v})
	case !before.jumped:
		before.jumped = true
		flag(Flag{before.ms, Jump, p.metric, before.v, s.v})
	}
}

// constancy looks for a frozen sensor. A sealed cold box is as still as one, so for some hours it takes a second quantity
// that moved meanwhile; and after a day the box must be at dry ice's temperature to be believed.
func (t *track) constancy(i int, r *Reading, v detect.Decimal, flag func(Flag)) {
	p, c := &steady[i], &t.run
	if p.still == 0 {
		return
	}
	if c.n == 0 || c.v != v {
		*c = run{startMS: r.MS, v: v}
	}
	c.n++
	if other, ok := r.get(p.partner); ok {
		if !c.partnerSeen {
			c.partnerSeen, c.partnerLo, c.partnerHi = true, other, other
		}
		c.partnerLo, c.partnerHi = min(c.partnerLo, other), max(c.partnerHi, other)
	}
	length := r.MS - c.startMS
	moved := c.partnerSeen && c.partnerHi-c.partnerLo >= p.partnerBy
	switch {
	case c.n < stillLeast, p.metric == detect.Humidity && v >= saturated:
	case length >= p.still && moved, length >= longStill && (p.metric != detect.Temperature || v > plateau):
		flag(Flag{r.MS, Constancy, p.metric, v, v})
	}
}

// outlier is Hampel's test: |x - median| > 3 * 1.4826 * MAD, of the middle of seven.
func (t *track) outlier(i int, flag func(Flag)) {
	if t.last().ms-t.window[0].ms > apart {
		return
	}
	values := make([]detect.Decimal, neighbours)
	for j, w := range t.window {
		values[j] = w.v
	}
	middle := median(values)
	for j, w := range t.window {
		values[j] = distance(w.v, middle)
	}
	spread := max(median(values), steady[i].floor)
	if x := t.window[neighbours/2]; distance(x.v, middle) > spread/10000*44478+spread%10000*44478/10000 {
		flag(Flag{x.ms, Outlier, steady[i].metric, x.v, middle})
	}
}

// distance of two values; both are below 2^50, so nothing overflows.
func distance(a, b detect.Decimal) detect.Decimal { return max(a-b, b-a) }

// median sorts values; of an even number it is the lower of the two in the middle. 0 without values.
func median(values []detect.Decimal) detect.Decimal {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[(len(values)-1)/2]
}
