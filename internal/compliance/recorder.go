package compliance

import (
	"fmt"
	"strings"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

// Recorder asks whether the tracker was fit to be judged by, for the trip's length. What it cannot have seen is unknown, not
// absent: an inadequate recorder makes the verdict inconclusive.
type Recorder struct {
	// Standard names what the demands follow. EN12830 brings its intervals (transport: 5 min below 24 h, 15 min below 7 days,
	// 60 min beyond) unless Intervals is there.
	Standard string `json:"standard,omitempty" enum:"EN12830"`
	// Min and Max are the sensor's range in the unit of Metric (absent = temperature): a reading outside cannot be trusted.
	Metric string `json:"metric,omitempty"`
	Min    string `json:"min,omitempty"`
	Max    string `json:"max,omitempty"`
	// Calibration: a certificate on the ledger must be valid for all the time that the tracker was judged.
	Calibration bool       `json:"calibration,omitempty"`
	Intervals   []Interval `json:"intervals,omitempty"`
	// Coverage is the share of the judged time that must lie between readings not further apart than the interval; absent = 1.
	Coverage string `json:"coverage,omitempty"`
	// Measures: at least one of these metrics must have been reported.
	Measures []string `json:"measures,omitempty"`
}

// Interval is the longest time between two readings on trips shorter than TripBelowS; 0 = of any length. Times between
// readings are taken in whole seconds, so that a recorder's jitter does not decide.
type Interval struct {
	TripBelowS   int `json:"trip_below_s,omitempty"`
	MaxIntervalS int `json:"max_interval_s"`
}

var en12830 = []Interval{{86_400, 300}, {7 * 86_400, 900}, {0, 3600}}

const maxIntervals = 8

// Detector implements detect.Kind.
func (c *Recorder) Detector(journey *detect.Journey, tracker string, _ int64) (detect.Detector, error) {
	var bad detect.Problems
	d := &recorderDetector{config: c, journey: journey, metric: detect.Temperature}
	if c.Standard != "" && c.Standard != "EN12830" {
		bad.Bad("standard %.80q: must be EN12830 or absent", c.Standard)
	}
	if m, ok := detect.MetricOf(c.Metric); ok {
		d.metric = m
	} else if c.Metric != "" {
		bad.Bad("metric %.80q is not known", c.Metric)
	}
	var errMin, errMax error
	d.min, errMin = optional(c.Min)
	d.max, errMax = optional(c.Max)
	if errMin != nil {
		bad.Bad("min %w", errMin)
	}
	if errMax != nil {
		bad.Bad("max %w", errMax)
	}
	if c.Min != "" && c.Max != "" && errMin == nil && errMax == nil && d.min >= d.max {
		bad.Bad("max must be above min")
	}
	if len(c.Intervals) > maxIntervals {
		bad.Bad("intervals has more than %d", maxIntervals)
	}
	below := 0
	for i, v := range c.Intervals {
		last := i == len(c.Intervals)-1
		if v.MaxIntervalS < 1 || v.MaxIntervalS > maxTime {
			bad.Bad("intervals[%d].max_interval_s must be 1 to %d", i, maxTime)
		}
		if last != (v.TripBelowS == 0) || !last && v.TripBelowS <= below {
			bad.Bad("intervals[%d].trip_below_s must grow; only the last one has none", i)
		}
		below = v.TripBelowS
	}
	if share, err := optional(c.Coverage); err != nil {
		bad.Bad("coverage %w", err)
	} else if c.Coverage != "" && (share <= 0 || share > detect.Micro) {
		bad.Bad("coverage must be above 0 and at most 1")
	}
	for i, name := range c.Measures {
		m, ok := detect.MetricOf(name)
		if !ok || len(c.Measures) > int(detect.Metrics) {
			bad.Bad("measures[%d] %.80q is not known", i, name)
		}
		d.measures = append(d.measures, m)
	}
	if len(c.intervals()) == 0 && c.Min == "" && c.Max == "" && !c.Calibration && len(c.Measures) == 0 {
		bad.Bad("standard, intervals, min, max, calibration or measures must be there")
	}
	for _, t := range journey.Trackers {
		if t.ID == tracker {
			d.calibrated = spansOf(t.Calibrations)
		}
	}
	return d, bad.Err()
}

// optional reads a decimal that may be absent.
func optional(s string) (detect.Decimal, error) {
	if s == "" {
		return 0, nil
	}
	return detect.ParseDecimal(s)
}

func (c *Recorder) intervals() []Interval {
	if len(c.Intervals) == 0 && c.Standard == "EN12830" {
		return en12830
	}
	return c.Intervals
}

// Need implements detect.Kind: any tracker will do.
func (c *Recorder) Need() detect.Need { return detect.Need{} }

// Asks implements detect.Kind.
func (c *Recorder) Asks() string {
	var parts []string
	if c.Standard != "" && len(c.Intervals) == 0 {
		parts = append(parts, "take readings as often as "+c.Standard+" asks")
	}
	for _, v := range c.Intervals {
		text := "take a reading every " + detect.Seconds(v.MaxIntervalS)
		if v.TripBelowS > 0 {
			text += " on trips shorter than " + detect.Seconds(v.TripBelowS)
		}
		parts = append(parts, text)
	}
	if share, err := optional(c.Coverage); err == nil && share > 0 {
		parts = append(parts, "cover "+(share*100).String()+" % of the time")
	}
	m, ok := detect.MetricOf(c.Metric)
	if !ok {
		m = detect.Temperature
	}
	switch {
	case c.Min != "" && c.Max != "":
		parts = append(parts, "measure from "+c.Min+" to "+m.With(c.Max))
	case c.Min != "":
		parts = append(parts, "measure down to "+m.With(c.Min))
	case c.Max != "":
		parts = append(parts, "measure up to "+m.With(c.Max))
	}
	if len(c.Measures) > 0 {
		parts = append(parts, "measure "+strings.Join(c.Measures, " or "))
	}
	if c.Calibration {
		parts = append(parts, "be calibrated for the whole trip")
	}
	return "Trackers must " + strings.Join(parts, ", ")
}

type recorderDetector struct {
	config     *Recorder
	journey    *detect.Journey
	metric     detect.Metric
	min, max   detect.Decimal
	calibrated []span // what the certificates cover together
	measures   []detect.Metric

	judged       bool
	lastMS       int64 // the last reading, or the end of judging
	total        int64
	covered      [maxIntervals]int64 // by interval: time between readings that are close enough
	longest      int64
	measured     bool
	outside      int
	worst        detect.Decimal
	uncalibrated int64
}

func (d *recorderDetector) begin(fromMS, _ int64) { d.judged, d.lastMS = true, fromMS }

// Step implements detect.Detector.
func (d *recorderDetector) Step(p *detect.Point) {
	if d.judged {
		d.spend(p.MS)
	}
	d.judged, d.lastMS = true, p.MS
	for _, m := range d.measures {
		if _, ok := p.Get(m); ok {
			d.measured = true
		}
	}
	if v, ok := p.Get(d.metric); ok {
		if d.config.Min != "" && v < d.min || d.config.Max != "" && v > d.max {
			if d.outside == 0 || far(v, d.min, d.max) > far(d.worst, d.min, d.max) {
				d.worst = v
			}
			d.outside++
		}
	}
}

// far is how far v lies outside.
func far(v, least, most detect.Decimal) detect.Decimal { return max(least-v, v-most) }

func (d *recorderDetector) spend(to int64) {
	took := to - d.lastMS
	d.total += took
	d.longest = max(d.longest, took)
	for i, v := range d.config.intervals() {
		if took/1000 <= int64(v.MaxIntervalS) {
			d.covered[i] += took
		}
	}
	if d.config.Calibration {
		d.uncalibrated += took - lengthOf(clip(d.calibrated, []span{{d.lastMS, to}}))
	}
}

// Cut implements detect.Detector.
func (d *recorderDetector) Cut(ms int64, _ bool) {
	if d.judged {
		d.spend(ms)
	}
	d.judged, d.lastMS = false, ms
}

// Clone implements detect.Detector.
func (d *recorderDetector) Clone() detect.Detector {
	c := *d
	return &c
}

// Finding implements detect.Detector.
func (d *recorderDetector) Finding() detect.Finding {
	f := detect.Finding{Fitness: true}
	bad := func(format string, args ...any) {
		f.Because(detect.Unknown, detect.Inadequate+": "+format, args...)
	}
	trip := d.trip()
	if i, ok := d.interval(trip); ok && d.total > 0 {
		v := d.config.intervals()[i]
		need, _ := optional(d.config.Coverage)
		if d.config.Coverage == "" {
			need = detect.Micro
		}
		if detect.Below(d.covered[i], d.total, need) {
			bad("a trip of %s needs a reading every %s; %s of %s were recorded so, the longest time between two readings was %s",
				detect.Span(trip), detect.Seconds(v.MaxIntervalS), detect.Span(d.covered[i]), detect.Span(d.total), detect.Span(d.longest))
		}
		f.Figure("longest_interval", inSeconds(d.longest).String(), "s")
		f.Figure("allowed_interval", fmt.Sprint(v.MaxIntervalS), "s")
	}
	if d.uncalibrated > 0 {
		bad("no calibration certificate on the ledger covers %s of the judged time", detect.Span(d.uncalibrated))
	} else if d.config.Calibration && len(d.calibrated) == 0 {
		bad("no calibration certificate on the ledger")
	}
	if d.outside > 0 {
		bad("%d readings of %s lie outside the sensor's range, worst %s", d.outside, d.metric, d.metric.With(d.worst.String()))
	}
	if len(d.measures) > 0 && !d.measured {
		bad("none of %s was ever measured", strings.Join(d.config.Measures, ", "))
	}
	return f
}

// trip is how long the shipment has been under way: from the first assignment to the delivery.
func (d *recorderDetector) trip() int64 {
	end := d.lastMS
	if d.journey.DeliverMS != 0 {
		end = min(end, d.journey.DeliverMS)
	}
	return max(0, end-d.journey.FromMS)
}

// interval is the one for a trip of that length.
func (d *recorderDetector) interval(trip int64) (int, bool) {
	for i, v := range d.config.intervals() {
		if v.TripBelowS == 0 || trip < int64(v.TripBelowS)*1000 {
			return i, true
		}
	}
	return 0, false
}
