package thermal

import (
	"fmt"
	"slices"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

// rolling is the detector of MKT.
type rolling struct {
	k             activation
	limit         detect.Decimal
	above         uint64 // the least mean weight that is above the limit
	window, step  int64  // ms; window = looks * step
	coverage      detect.Decimal
	gap           int64
	endMS         int64
	running, seen bool // judged time goes on; there was a reading
	reading       reading
	first         reading
	warmest       reading
	sinceLook     int64 // judged ms since the last look, below step
	judged        int64

	sum   total   // of all judged time
	marks []total // sums at the last looks, the oldest being looks before the newest once there are looks+1 of them
	head  int     // where the next mark goes once marks is full

	state      lookState
	mean, best uint64 // mean weight of the last window that could be evaluated, and the highest
	evaluated  bool
	leastKnown int64 // least known time of a full window
	time       detect.Tally
	blind      int64          // the steps at whose end the window was not evaluable
	untilMS    int64          // event time up to which was judged
	over       bool           // so is the trip
	open       detect.Episode // its peak is a mean weight
	done       detect.Excursions
}

// reading is the newest one that has a temperature.
type reading struct {
	ms      int64
	weight  uint64
	message [32]byte
	lost    bool // its value holds until lostMS at most
	lostMS  int64
}

// total is a sum of weight times milliseconds, and of the known milliseconds: below 2^63 * 2^63, exact.
type total struct {
	sum   detect.Wide
	known int64
}

func (t *total) add(weight uint64, ms int64) {
	t.sum = t.sum.Plus(detect.Product(weight, uint64(ms)))
	t.known += ms
}

func (t total) minus(o total) total { return total{t.sum.Minus(o.sum), t.known - o.known} }

// mean weight, rounded down: weights are integers, so it is at or above one exactly when the true mean is. known is not 0.
func (t total) mean() uint64 { return t.sum.Over(uint64(t.known)) }

// lookState is what the last look at the window said; it holds until the next.
type lookState uint8

const (
	early lookState = iota // no full window yet
	fine
	tooWarm
	blind // not evaluable
)

func (d *rolling) Step(p *detect.Point) {
	v, ok := p.Get(detect.Temperature)
	if !ok {
		return
	}
	if d.running {
		d.advance(p.MS)
	}
	d.reading = reading{ms: p.MS, weight: d.k.weight(v), message: p.Message}
	if !d.seen {
		d.seen, d.first, d.marks = true, d.reading, append(d.marks, total{})
	}
	if d.running = true; d.reading.weight > d.warmest.weight {
		d.warmest = d.reading
	}
	switch {
	case d.open.On:
		d.open.Last = p.Message
	case d.state == tooWarm: // after a Cut
		d.heed(tooWarm, p.MS)
	}
}

// Lose ends what the last reading says.
func (d *rolling) Lose(p *detect.Point) {
	if p.Lost(detect.Temperature) && !d.reading.lost {
		d.reading.lost, d.reading.lostMS = true, p.MS
	}
}

func (d *rolling) Cut(ms int64, open bool) {
	d.over = !d.running || d.endMS != 0 && ms >= d.endMS
	if d.running {
		d.advance(ms)
	}
	if !open {
		d.running = false
		d.shut(ms)
	}
}

func (d *rolling) Clone() detect.Detector {
	c := *d
	c.marks = slices.Clone(d.marks)
	c.done = d.done.Clone()
	return &c
}

// advance judges the time from the last reading to ms: known while its value holds, unknown from then on.
func (d *rolling) advance(ms int64) {
	from := d.reading.ms
	held := min(ms-from, d.gap)
	if d.reading.lost {
		held = min(held, d.reading.lostMS-from)
	}
	d.pass(from, held, true)
	d.pass(from+held, ms-from-held, false)
	d.untilMS = ms
}

// pass takes a stretch of one kind. A stretch that fills the whole window looks the same for ever after, so the rest of it is
// taken at once: a year of silence costs no more than a window.
func (d *rolling) pass(from, length int64, known bool) {
	for done, n := int64(0), 0; done < length; {
		part := min(length-done, d.step-d.sinceLook)
		d.charge(part, known)
		done += part
		if d.sinceLook < d.step {
			return
		}
		d.sinceLook = 0
		d.look(from + done)
		if n++; n > looks {
			rest := (length - done) / d.step * d.step
			d.charge(rest, known)
			if d.sinceLook = 0; d.state == blind {
				d.blind += rest
			}
			if known {
				for i := range d.marks {
					d.marks[i].add(d.reading.weight, rest)
				}
			}
			done += rest
		}
	}
}

func (d *rolling) charge(ms int64, known bool) {
	d.sinceLook += ms
	d.judged += ms
	switch {
	case !known:
		d.time.UnknownMS += ms
	case d.state == tooWarm:
		d.time.OutMS += ms
		d.open.OutMS += ms
	default:
		d.time.InMS += ms
	}
	if known {
		d.sum.add(d.reading.weight, ms)
	}
}

// look judges the window that ends now.
func (d *rolling) look(ms int64) {
	if len(d.marks) <= looks {
		d.marks = append(d.marks, d.sum)
	} else {
		d.marks[d.head] = d.sum
		d.head = (d.head + 1) % len(d.marks)
	}
	if len(d.marks) <= looks {
		return
	}
	w := d.windowSum()
	if d.state == early || w.known < d.leastKnown {
		d.leastKnown = w.known
	}
	if d.heed(d.judge(w, d.window), ms); d.state == blind {
		d.blind += d.step
	}
}

// heed takes a look's result: an excursion begins, goes on or ends.
func (d *rolling) heed(state lookState, ms int64) {
	if d.state = state; state != tooWarm {
		d.shut(ms)
		return
	}
	d.open.Meet(ms, detect.Decimal(d.mean), d.reading.message, d.mean > uint64(d.open.Peak))
}

// windowSum is the sum since the mark that was made a window before the newest one. marks is full.
func (d *rolling) windowSum() total { return d.sum.minus(d.marks[d.head]) }

// judge says what a window of the given length is.
func (d *rolling) judge(w total, length int64) lookState {
	if w.known == 0 || detect.Below(w.known, length, d.coverage) {
		return blind
	}
	d.mean, d.evaluated = w.mean(), true
	d.best = max(d.best, d.mean)
	if d.mean >= d.above {
		return tooWarm
	}
	return fine
}

func (d *rolling) shut(ms int64) {
	if d.open.On {
		d.done.Add(d.excursion(ms, false, detect.Span(d.window)))
	}
	d.open = detect.Episode{}
}

func (d *rolling) excursion(end int64, open bool, over string) detect.Excursion {
	x := d.open.Excursion(end, open, d.limit, "mean kinetic temperature over "+over)
	x.Peak = detect.Decimal(d.k.milli(uint64(x.Peak)) * 1000)
	return x
}

// Finding tells what was seen.
func (d *rolling) Finding() detect.Finding {
	if !d.seen {
		return detect.Finding{State: detect.Unknown, Reasons: []string{"no temperature"}}
	}
	length, known, of, warmNow := detect.Span(d.window), d.leastKnown, d.window, false
	if d.state == early {
		length, known, of = "trip", d.sum.known, d.judged
		switch d.state = d.judge(d.sum, d.judged); {
		case d.state == tooWarm && d.over:
			d.open = detect.Episode{On: true, StartMS: d.first.ms, OutMS: d.time.InMS, Peak: detect.Decimal(d.best),
				First: d.first.message, Worst: d.warmest.message, Last: d.reading.message}
			d.time.InMS, d.time.OutMS = 0, d.time.InMS
		case d.state == tooWarm:
			warmNow = true
		case d.state == blind:
			d.blind = d.judged
		}
	} else if d.over && d.sinceLook > 0 && d.state != tooWarm {
		if d.heed(d.judge(d.windowSum(), d.window+d.sinceLook), d.untilMS); d.state == blind {
			d.blind += d.sinceLook
		}
	}

	if d.open.On {
		d.done.Add(d.excursion(d.untilMS, !d.over, length))
	}
	f := d.time.Finding(&d.done)
	mean := milli(d.k.milli(d.best))
	if len(f.Excursions) > 0 {
		f.Because(detect.Broken, "mean kinetic temperature %s °C over %s, limit %s °C", mean, length, d.limit)
	}
	if warmNow {
		f.Because(detect.Unknown, "mean kinetic temperature %s °C so far, limit %s °C; %s is not over", mean, d.limit, detect.Span(d.window))
	}
	coverage := percent(tenths(known, of))
	if d.blind > 0 || d.judged == 0 {
		f.Because(detect.Unknown, "mean kinetic temperature not evaluable for %s: known for %s %% of %s, %s %% is needed",
			detect.Span((d.blind+999)/1000*1000), coverage, length, d.coverage*100)
	}
	if d.evaluated {
		f.Figure("mean_kinetic_temperature", mean, "Cel")
	}
	f.Figure("mean_over", length, "")
	f.Figure("mean_coverage", coverage, "%")
	return f
}

// tenths of a percent of the whole, rounded down.
func tenths(part, whole int64) int64 {
	if whole == 0 {
		return 0
	}
	return int64(detect.Product(uint64(part), 1000).Over(uint64(whole))) // fits: whole is 1000 ms or more, or not below part
}

// percent writes tenths of a percent.
func percent(tenths int64) string {
	if tenths%10 == 0 {
		return fmt.Sprint(tenths / 10)
	}
	return fmt.Sprintf("%d.%d", tenths/10, tenths%10)
}

// milli writes thousandths with all three places.
func milli(n int64) string {
	sign := ""
	if n < 0 {
		sign, n = "-", -n
	}
	return fmt.Sprintf("%s%d.%03d", sign, n/1000, n%1000)
}
