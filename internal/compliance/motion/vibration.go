package motion

import (
	"fmt"
	"math/big"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

// Vibration limits the RMS over windows of window_s, which follow one another from 1970-01-01T00:00:00Z on, so that
// anybody cuts them alike. A window that has readings of the tracker's own vibration is judged by these, each weighted by the
// time until the next. Any other is judged by the acceleration, if it was sampled at least every max_sample_ms: the RMS of
// its three axes, each without its mean in the window (gravity, whatever the pose). Half of a window must be known.
type Vibration struct {
	Max         string `json:"max"` // m/s2
	WindowS     int    `json:"window_s"`
	MaxSampleMS int    `json:"max_sample_ms,omitempty"` // 20 where it is absent: vibration to 25 Hz shows
}

type vibrationRule struct {
	max                    detect.Decimal
	windowMS, need, maxGap int64
}

// Detector of this rule on one tracker.
func (v Vibration) Detector(_ *detect.Journey, _ string, maxGapMS int64) (detect.Detector, error) {
	var bad detect.Problems
	r := &vibrationRule{
		max:      required(&bad, "max", v.Max, 1, 5000*detect.Micro),
		windowMS: int64(v.WindowS) * 1000, need: int64(v.MaxSampleMS), maxGap: maxGapMS,
	}
	bad.Within("window_s", v.WindowS, 1, 86_400)
	bad.Within("max_sample_ms", v.MaxSampleMS, 0, 100)
	if r.need == 0 {
		r.need = 20
	}
	return &vibrations{cfg: r}, bad.Err()
}

// Need implements detect.Kind.
func (v Vibration) Need() detect.Need {
	return detect.Need{Metrics: []detect.Metric{detect.Vibration, detect.Acceleration}}
}

// Asks implements detect.Kind.
func (v Vibration) Asks() string {
	return fmt.Sprintf("Vibration must not be above %s RMS over %s", detect.Vibration.With(v.Max), detect.Seconds(v.WindowS))
}

type vibrations struct {
	cfg *vibrationRule

	on     bool
	atMS   int64 // everything before is accounted
	startM int64 // of the current window
	fromMS int64 // where judging began in it
	w      window

	value      detect.Decimal // the tracker's own, from valueMS on
	valueMS    int64
	held       bool
	heldBy     [32]byte
	sampleMS   int64
	sampled    bool
	seenOwn    bool
	seenSample bool

	slowPairs, slowSum int64

	run   detect.Episode // a row of windows beyond the limit
	found detect.Excursions
	most  detect.Decimal

	time detect.Tally
}

// window is what one window has so far.
type window struct {
	ownMS   int64
	own     detect.Wide // sum of value² times ms
	n       int64
	sums    [3]int64
	squares detect.Wide
	nearMS  int64 // time between samples near enough

	values detect.Episode // that it is judged by
}

func (w *window) value(ms int64, v detect.Decimal, message [32]byte) {
	w.values.Meet(ms, v, message, v > w.values.Peak)
}

// bounded keeps sums within their 128 bits whatever a file claims: no sensor reads more.
func bounded(v detect.Decimal) int64 { return min(max(int64(v), -1e10), 1e10) }

// Step takes the next reading.
func (d *vibrations) Step(p *detect.Point) {
	v, own := p.Get(detect.Vibration)
	a, sampled := p.Get(detect.Acceleration)
	if !own && !sampled {
		return
	}
	if !d.on {
		d.on, d.atMS, d.fromMS = true, p.MS, p.MS
		d.startM = p.MS - ((p.MS%d.cfg.windowMS)+d.cfg.windowMS)%d.cfg.windowMS
	}
	d.advance(p.MS, sampled)
	if own {
		d.held, d.seenOwn, d.value, d.valueMS, d.heldBy = true, true, max(v, 0), p.MS, p.Message
	}
	if sampled {
		d.sample(p, a)
	}
}

func (d *vibrations) sample(p *detect.Point, a detect.Decimal) {
	if since := p.MS - d.sampleMS; d.near(p.MS) {
		d.w.nearMS += p.MS - max(d.sampleMS, d.fromMS)
	} else if d.sampled && since <= d.cfg.maxGap {
		d.slowPairs, d.slowSum = d.slowPairs+1, d.slowSum+since
	}
	d.sampleMS, d.sampled, d.seenSample = p.MS, true, true
	d.w.n++
	for i, m := range [3]detect.Metric{detect.AccelX, detect.AccelY, detect.AccelZ} {
		axis, _ := p.Get(m)
		d.w.sums[i] += bounded(axis)
		d.w.squares = d.w.squares.Plus(detect.Square(bounded(axis)))
	}
	if d.w.ownMS == 0 {
		d.w.value(p.MS, a, p.Message)
	}
}

// near reports whether a sample at ms is near enough to the last one.
func (d *vibrations) near(ms int64) bool { return d.sampled && ms-d.sampleMS <= d.cfg.need }

// advance accounts the time until ms and judges the windows that end by then. A sample at ms speaks for the time since the
// one before it, part of which may lie in a window that ends.
func (d *vibrations) advance(ms int64, sampled bool) {
	if end := d.startM + d.cfg.windowMS; sampled && ms >= end && d.near(ms) {
		d.w.nearMS += max(0, end-max(d.sampleMS, d.fromMS))
	}
	for size := d.cfg.windowMS; ms >= d.startM+size; {
		end := d.startM + size
		// Whole windows of one value, or of nothing, are judged in one step.
		times := int64(1)
		if d.atMS == d.startM {
			if whole := (ms - d.startM) / size; d.held && d.valueMS+d.cfg.maxGap >= end {
				times = max(1, min(whole, (d.valueMS+d.cfg.maxGap-d.startM)/size))
			} else if d.w.n == 0 && d.w.ownMS == 0 && (!d.held || d.valueMS+d.cfg.maxGap <= d.startM) {
				times = max(1, whole)
			}
			if d.w.n > 0 {
				times = 1
			}
		}
		d.hold(end)
		d.judge(end, times)
		d.startM += times * size
		d.atMS, d.fromMS, d.w = d.startM, d.startM, window{}
	}
	d.hold(ms)
}

// hold accounts the tracker's own value until ms, which is in the current window.
func (d *vibrations) hold(ms int64) {
	if known := min(ms, d.valueMS+d.cfg.maxGap) - max(d.atMS, d.valueMS); d.held && known > 0 {
		if d.w.ownMS == 0 {
			d.w.values = detect.Episode{} // the messages are those of the values now
		}
		d.w.own = d.w.own.Plus(detect.Square(bounded(d.value)).Times(uint64(known)))
		d.w.ownMS += known
		d.w.value(ms, d.value, d.heldBy)
	}
	d.atMS = ms
}

// judge decides on the current window until endMS, and on times-1 that are like it.
func (d *vibrations) judge(endMS, times int64) {
	span := endMS - d.fromMS
	if !d.held && d.w.n < 2 && span <= d.cfg.need {
		return // too short to say anything of it
	}
	limit := new(big.Int).Mul(big.NewInt(int64(d.cfg.max)), big.NewInt(int64(d.cfg.max)))
	var known int64
	var square, weight *big.Int // RMS² is square/weight
	switch {
	case d.w.ownMS > 0 && 2*d.w.ownMS >= span:
		known, square, weight = d.w.ownMS, d.w.own.Big(), big.NewInt(d.w.ownMS)
	case d.w.n > 0 && 2*d.w.nearMS >= span:
		// n·Σa² - (Σa)² over n², summed over the axes.
		n := big.NewInt(d.w.n)
		known, square, weight = min(d.w.nearMS, span), d.w.squares.Big(), new(big.Int).Mul(n, n)
		square.Mul(square, n)
		for _, s := range d.w.sums {
			square.Sub(square, new(big.Int).Mul(big.NewInt(s), big.NewInt(s)))
		}
	default:
		d.time.UnknownMS += span * times
		d.over(d.fromMS, false)
		return
	}
	d.time.UnknownMS += (span - known) * times
	rms := detect.Decimal(new(big.Int).Sqrt(new(big.Int).Quo(square, weight)).Int64())
	d.most = max(d.most, rms)
	if square.Cmp(limit.Mul(limit, weight)) <= 0 {
		d.time.InMS += known * times
		d.over(d.fromMS, false)
		return
	}
	d.time.OutMS += known * times
	r, seen := &d.run, &d.w.values
	if !r.On {
		*r = detect.Episode{On: true, StartMS: d.fromMS, First: seen.First}
	}
	if rms > r.Peak { // the first one is: no limit is below 0
		r.Peak, r.Worst = rms, seen.Worst
	}
	r.OutMS, r.Last = r.OutMS+known*times, seen.Last
}

// over ends the run, if there is one, at ms.
func (d *vibrations) over(ms int64, open bool) {
	if r := &d.run; r.On {
		d.found.Add(r.Excursion(ms, open, d.cfg.max, "vibration of up to "+brief(r.Peak)+" m/s² RMS"))
	}
	d.run = detect.Episode{}
}

// Lose ends what the tracker's own vibration said. A sample of the acceleration that is none is missing.
func (d *vibrations) Lose(p *detect.Point) {
	if d.on && p.Lost(detect.Vibration) {
		d.advance(p.MS, false)
		d.held = false
	}
}

// Cut ends judging at ms.
func (d *vibrations) Cut(ms int64, open bool) {
	if !d.on {
		return
	}
	d.advance(ms, true) // a sample holds for as long as the next may be away
	if d.near(ms) && d.w.n > 0 {
		d.w.nearMS += ms - max(d.sampleMS, d.fromMS)
	}
	if ms > d.fromMS {
		d.judge(ms, 1)
	}
	d.over(ms, open)
	d.on, d.held, d.sampled, d.w = false, false, false, window{}
}

// Clone gives an independent copy.
func (d *vibrations) Clone() detect.Detector {
	c := *d
	c.found = d.found.Clone()
	return &c
}

// Finding tells what was found.
func (d *vibrations) Finding() detect.Finding {
	f := d.time.Finding(&d.found)
	if d.found.Count() > 0 {
		f.Because(detect.Broken, "vibration above %s m/s² RMS for %s, up to %s m/s²", d.cfg.max, detect.Span(d.time.OutMS), brief(d.most))
	}
	switch {
	case !d.seenOwn && !d.seenSample:
		f.Because(detect.Unknown, "no vibration at all")
	case d.time.UnknownMS > 0 && !d.seenOwn && d.slowPairs > 0:
		f.Because(detect.Unknown, detect.Inadequate+" for vibration: interval %d ms, needs <= %d ms", mean(d.slowSum, d.slowPairs), d.cfg.need)
	case d.time.UnknownMS > 0:
		f.Because(detect.Unknown, "vibration unknown for %s", detect.Span(d.time.UnknownMS))
	}
	if d.seenOwn || d.most > 0 {
		f.Figure("strongest_vibration_rms", d.most.String(), "m/s2")
	}
	return f
}
