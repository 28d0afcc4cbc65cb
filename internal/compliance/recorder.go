package compliance

import (
	"errors"
	"fmt"
	"math/bits"
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

// Validate implements detect.Kind.
func (c *Recorder) Validate() error {
	var all []error
	bad := func(format string, args ...any) { all = append(all, fmt.Errorf(format, args...)) }
	if c.Standard != "" && c.Standard != "EN12830" {
		bad("standard %.80q: must be EN12830 or absent", c.Standard)
	}
	if _, ok := detect.MetricOf(c.Metric); c.Metric != "" && !ok {
		bad("metric %.80q is not known", c.Metric)
	}
	least, errMin := optional(c.Min)
	most, errMax := optional(c.Max)
	if errMin != nil {
		bad("min %w", errMin)
	}
	if errMax != nil {
		bad("max %w", errMax)
	}
	if c.Min != "" && c.Max != "" && errMin == nil && errMax == nil && least >= most {
		bad("max must be above min")
	}
	if len(c.Intervals) > maxIntervals {
		bad("intervals has more than %d", maxIntervals)
	}
	below := 0
	for i, v := range c.Intervals {
		last := i == len(c.Intervals)-1
		if v.MaxIntervalS < 1 || v.MaxIntervalS > maxTime {
			bad("intervals[%d].max_interval_s must be 1 to %d", i, maxTime)
		}
		if last != (v.TripBelowS == 0) || !last && v.TripBelowS <= below {
			bad("intervals[%d].trip_below_s must grow; only the last one has none", i)
		}
		below = v.TripBelowS
	}
	if share, err := optional(c.Coverage); err != nil {
		bad("coverage %w", err)
	} else if c.Coverage != "" && (share <= 0 || share > detect.Micro) {
		bad("coverage must be above 0 and at most 1")
	}
	for i, name := range c.Measures {
		if _, ok := detect.MetricOf(name); !ok || len(c.Measures) > int(detect.Metrics) {
			bad("measures[%d] %.80q is not known", i, name)
		}
	}
	if len(c.intervals()) == 0 && c.Min == "" && c.Max == "" && !c.Calibration && len(c.Measures) == 0 {
		bad("standard, intervals, min, max, calibration or measures must be there")
	}
	return errors.Join(all...)
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

// Detector implements detect.Kind.
func (c *Recorder) Detector(journey *detect.Journey, tracker string, _ int64) (detect.Detector, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	d := &recorderDetector{config: c, journey: journey, metric: detect.Temperature}
	if m, ok := detect.MetricOf(c.Metric); ok {
		d.metric = m
	}
	d.min, _ = optional(c.Min)
	d.max, _ = optional(c.Max)
	for _, t := range journey.Trackers {
		if t.ID == tracker {
			d.calibrations = t.Calibrations
		}
	}
	for _, name := range c.Measures {
		m, _ := detect.MetricOf(name)
		d.measures = append(d.measures, m)
	}
	return d, nil
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
	config       *Recorder
	journey      *detect.Journey
	metric       detect.Metric
	min, max     detect.Decimal
	calibrations []detect.Window
	measures     []detect.Metric

	judged       bool
	lastMS       int64
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
		d.uncalibrated += took - calibrated(d.calibrations, d.lastMS, to)
	}
}

// calibrated is how much of [from, to) the certificates cover together.
func calibrated(certificates []detect.Window, from, to int64) int64 {
	var covered int64
	for at := from; at < to; {
		end := at
		for _, w := range certificates {
			until := w.ToMS
			if until == 0 || until > to {
				until = to
			}
			if w.FromMS <= at && until > end {
				end = until
			}
		}
		if end == at { // not covered here: go on at the next certificate
			next := to
			for _, w := range certificates {
				if w.FromMS > at && w.FromMS < next {
					next = w.FromMS
				}
			}
			at = next
			continue
		}
		covered += end - at
		at = end
	}
	return covered
}

// Cut implements detect.Detector.
func (d *recorderDetector) Cut(ms int64) {
	if d.judged {
		d.spend(ms)
	}
	d.judged = false
}

// Clone implements detect.Detector.
func (d *recorderDetector) Clone() detect.Detector {
	c := *d
	return &c
}

// Finish implements detect.Detector.
func (d *recorderDetector) Finish(toMS int64) detect.Finding {
	c := *d
	if c.judged {
		c.spend(toMS)
	}
	var f detect.Finding
	bad := func(format string, args ...any) {
		f.State = detect.Unknown
		f.Reasons = append(f.Reasons, Inadequate+fmt.Sprintf(format, args...))
	}
	trip := c.trip(toMS)
	if i, ok := c.interval(trip); ok && c.total > 0 {
		v := c.config.intervals()[i]
		need, _ := optional(c.config.Coverage)
		if c.config.Coverage == "" {
			need = detect.Micro
		}
		if below(c.covered[i], c.total, need) {
			bad("a trip of %s needs a reading every %s; %s of %s were recorded so, the longest time between two readings was %s",
				detect.Span(trip), detect.Seconds(v.MaxIntervalS), detect.Span(c.covered[i]), detect.Span(c.total), detect.Span(c.longest))
		}
		f.Figures = append(f.Figures, detect.Figure{Name: "longest_interval", Value: inSeconds(c.longest).String(), Unit: "s"},
			detect.Figure{Name: "allowed_interval", Value: fmt.Sprint(v.MaxIntervalS), Unit: "s"})
	}
	if c.uncalibrated > 0 {
		bad("no calibration certificate on the ledger covers %s of the judged time", detect.Span(c.uncalibrated))
	} else if c.config.Calibration && len(c.calibrations) == 0 {
		bad("no calibration certificate on the ledger")
	}
	if c.outside > 0 {
		bad("%d readings of %s lie outside the sensor's range, worst %s", c.outside, c.metric, c.metric.With(c.worst.String()))
	}
	if len(c.measures) > 0 && !c.measured {
		bad("none of %s was ever measured", strings.Join(c.config.Measures, ", "))
	}
	return f
}

// Inadequate begins each reason that says what a recorder cannot have seen.
const Inadequate = "recorder inadequate: "

// trip is how long the shipment has been under way: from the first assignment to the delivery.
func (d *recorderDetector) trip(toMS int64) int64 {
	if d.journey.DeliverMS != 0 {
		toMS = min(toMS, d.journey.DeliverMS)
	}
	return max(0, toMS-d.journey.FromMS)
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

// below reports whether part/whole is less than share, exactly.
func below(part, whole int64, share detect.Decimal) bool {
	ph, pl := bits.Mul64(uint64(part), detect.Micro)
	wh, wl := bits.Mul64(uint64(whole), uint64(share))
	return ph < wh || ph == wh && pl < wl
}
