package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"codeberg.org/go-pdf/fpdf"
)

const (
	chartHeight = 48.0
	leastHeight = 40.0 // where that much is left of a page
	axisWidth   = 14.0
)

// chart draws one metric over time: the envelope and the mean of each tracker, the limits, unknown and out-of-range time
// shaded. A gap stays a gap.
func (d *document) chart(s *Series) {
	from, to, low, high, ok := extent(s)
	if !ok {
		return
	}
	around := 20 + 3.9*math.Ceil(float64(min(len(s.Curves), len(curves)))/4)
	d.need(leastHeight + around)
	h := min(chartHeight, bottom-d.GetY()-around)
	d.title(s.title())
	x0, y0, w := left+axisWidth, d.GetY(), width-axisWidth
	x := func(ms int64) float64 { return x0 + w*float64(ms-from)/float64(to-from) }
	y := func(v float64) float64 { return y0 + h*(high-v)/(high-low) }
	shade := func(spans []Span, c rgb) {
		d.fill(c)
		for _, sp := range spans {
			a, b := max(sp.FromMS, from), min(sp.ToMS, to)
			if b >= a {
				d.Rect(x(a), y0, max(x(b)-x(a), 0.2), h, "F")
			}
		}
	}
	shade(s.Unknown, shadeUnknown)
	shade(s.Out, shadeOut)
	d.grid(x0, y0, w, h, from, to, low, high, x, y)
	d.ClipRect(x0, y0, w, h, false)
	for i, c := range s.Curves {
		if s.Stems {
			d.stems(c, curves[i%len(curves)], x, y)
			continue
		}
		d.curve(c, curves[i%len(curves)], len(s.Curves) <= 3, x, y)
	}
	d.ClipEnd()
	d.limits(s, x0, y0, w, h, low, high, y)
	d.SetY(y0 + h + 5)
	d.legend(s)
}

var (
	shadeUnknown = rgb{236, 236, 236}
	shadeOut     = rgb{252, 228, 226}
	chartText    = style{size: 6.5}
)

func (s *Series) title() string {
	name := inWords(s.Metric)
	name = strings.ToUpper(name[:1]) + name[1:]
	if s.Unit != "" {
		name += ", " + s.Unit
	}
	return name
}

// limits are lines with their labels above them at the right; labels of lines that are close to each other move apart.
func (d *document) limits(s *Series, x0, y0, w, h, low, high float64, y func(float64) float64) {
	type label struct {
		at   float64
		text string
	}
	var labels []label
	for _, l := range s.Limits {
		if l.Value < low || l.Value > high {
			continue
		}
		d.line(bad)
		d.SetLineWidth(0.25)
		d.SetDashPattern([]float64{1.4, 1}, 0)
		d.Line(x0, y(l.Value), x0+w, y(l.Value))
		d.SetDashPattern(nil, 0)
		text := d.fit(chartText, d.text(l.Label), w/2)
		if i := slices.IndexFunc(labels, func(o label) bool { return o.text == text }); i < 0 {
			labels = append(labels, label{y(l.Value) - chartText.high(), text})
		}
	}
	slices.SortStableFunc(labels, func(a, b label) int { return cmp.Compare(a.at, b.at) })
	next := y0 + 0.3
	d.ink(bad)
	for _, l := range labels {
		l.at = max(l.at, next)
		if l.at+chartText.high() > y0+h {
			break // no room; the rules say them all
		}
		wide := d.wide(chartText, l.text)
		d.fill(rgb{255, 255, 255})
		d.SetAlpha(0.75, "Normal")
		d.Rect(x0+w-wide-1.6, l.at-0.2, wide+1.2, chartText.high(), "F")
		d.SetAlpha(1, "Normal")
		d.right(x0+w-1, l.at, chartText, l.text)
		next = l.at + chartText.high()
	}
}

// stems draw values of a moment.
func (d *document) stems(c Curve, shade rgb, x func(int64) float64, y func(float64) float64) {
	d.line(shade)
	d.fill(shade)
	d.SetLineWidth(0.3)
	for _, p := range c.Points {
		at := x(p.MS + p.WidthMS/2)
		d.Line(at, y(0), at, y(p.Max))
		d.Circle(at, y(p.Max), 0.45, "F")
	}
}

func (d *document) curve(c Curve, shade rgb, filled bool, x func(int64) float64, y func(float64) float64) {
	for begin := 0; begin < len(c.Points); {
		end := begin + 1
		for end < len(c.Points) && c.Points[end].MS-(c.Points[end-1].MS+c.Points[end-1].WidthMS) <= c.GapMS {
			end++
		}
		run := c.Points[begin:end]
		begin = end
		envelope := make([]fpdf.PointType, 0, 2*len(run))
		for _, p := range run {
			envelope = append(envelope, fpdf.PointType{X: x(p.MS), Y: y(p.Max)})
		}
		for i := len(run) - 1; i >= 0; i-- {
			envelope = append(envelope, fpdf.PointType{X: x(run[i].MS), Y: y(run[i].Min)})
		}
		if len(run) > 1 && filled {
			d.fill(rgb{(shade.r + 2*255) / 3, (shade.g + 2*255) / 3, (shade.b + 2*255) / 3})
			d.Polygon(envelope, "F")
		}
		d.line(shade)
		d.SetLineWidth(0.3)
		for i, p := range run {
			if i == 0 {
				d.MoveTo(x(p.MS), y(p.Mean))
				d.LineTo(x(p.MS+p.WidthMS), y(p.Mean)) // a lone point is seen, too
				continue
			}
			d.LineTo(x(p.MS), y(p.Mean))
		}
		d.DrawPath("D")
	}
}

func (d *document) grid(x0, y0, w, h float64, from, to int64, low, high float64, x func(int64) float64, y func(float64) float64) {
	d.line(rule)
	d.SetLineWidth(0.15)
	d.ink(soft)
	step := nice((high - low) / 5)
	for k := math.Ceil(low / step); k*step <= high; k++ {
		v := k*step + 0 // plus nothing: no "-0"
		d.Line(x0, y(v), x0+w, y(v))
		d.right(x0-1.2, y(v)-1.4, chartText, fmt.Sprintf("%.*f", places(step), v))
	}
	for _, t := range d.clock.ticks(from, to) {
		d.Line(x(t.ms), y0, x(t.ms), y0+h)
		wide := d.wide(chartText, t.text)
		d.put(min(max(x(t.ms)-wide/2, x0-8), x0+w-wide), y0+h+1, chartText, t.text)
	}
	d.line(soft)
	d.Rect(x0, y0, w, h, "D")
}

type tick struct {
	ms   int64
	text string
}

// ticks are the marks of the time axis, at whole hours and days of the zone.
func (c clock) ticks(from, to int64) []tick {
	length := tickLength(to - from)
	layout := "01-02 15:04"
	switch {
	case length >= 24*3600_000:
		layout = "2006-01-02"
	case length < 60_000:
		layout = "15:04:05"
	}
	first := c.in(from)
	begin := time.Date(first.Year(), first.Month(), first.Day(), 0, 0, 0, 0, c.zone).UnixMilli()
	var out []tick
	for t := begin; t <= to; {
		if t >= from {
			out = append(out, tick{t, c.in(t).Format(layout)})
		}
		if length < 24*3600_000 {
			t += length
			continue
		}
		day := c.in(t)
		t = time.Date(day.Year(), day.Month(), day.Day()+int(length/(24*3600_000)), 0, 0, 0, 0, c.zone).UnixMilli() // days have 23 to 25 hours
	}
	return out
}

func (d *document) legend(s *Series) {
	text := style{size: 7}
	x, y := left+axisWidth, d.GetY()
	swatch := func(c rgb, name string) {
		wide := d.wide(text, name)
		if x+wide+8 > right {
			x, y = left+axisWidth, y+text.high()+0.6
		}
		if c != (rgb{}) {
			d.fill(c)
			d.Rect(x, y+0.5, 3, 2, "F")
			x += 4
		}
		d.ink(soft)
		d.put(x, y, text, name)
		x += wide + 4
	}
	for i, c := range s.Curves {
		if i == len(curves) {
			swatch(soft, fmt.Sprintf("and %d more loggers", len(s.Curves)-i))
			break
		}
		swatch(curves[i%len(curves)], d.text(c.Tracker))
	}
	if len(s.Unknown) > 0 {
		swatch(rgb{220, 220, 220}, "unknown")
	}
	if len(s.Out) > 0 {
		swatch(rgb{248, 205, 202}, "out of range")
	}
	swatch(rgb{}, "times in "+d.clock.name())
	d.SetY(y + 5)
}

// extent is what the axes cover; ok is false when there is nothing to draw.
func extent(s *Series) (from, to int64, low, high float64, ok bool) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, c := range s.Curves {
		for _, p := range c.Points {
			if !ok || p.MS < from {
				from = p.MS
			}
			to = max(to, p.MS+p.WidthMS)
			low, high = min(low, p.Min), max(high, p.Max)
			ok = true
		}
	}
	if !ok || math.IsInf(low, 0) || math.IsInf(high, 0) || math.IsNaN(low) || math.IsNaN(high) {
		return 0, 0, 0, 0, false
	}
	if s.Stems {
		low, high = min(low, 0), max(high, 0)
	}
	// Unknown time at the end is shown, but years of it must not press the curve into a line.
	last := to
	for _, sp := range s.Unknown {
		to = max(to, min(sp.ToMS, last+(last-from)/4))
	}
	// A limit that is near belongs into the picture; one far away would squeeze the curve.
	reach := max(high-low, 2)
	seenLow, seenHigh := low, high
	for _, l := range s.Limits {
		if l.Value > seenLow-reach && l.Value < seenHigh+reach {
			low, high = min(low, l.Value), max(high, l.Value)
		}
	}
	if to == from {
		to = from + 1000
	}
	margin := max((high-low)*0.08, 0.5)
	if s.Stems {
		return from - (to-from)/50, to + (to-from)/50, low, high + margin, true
	}
	return from, to, low - margin, high + margin, true
}

// nice rounds a step up to 1, 2 or 5 times a power of ten.
func nice(step float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(step)))
	for _, m := range []float64{1, 2, 5, 10} {
		if m*power >= step {
			return m * power
		}
	}
	return 10 * power
}

func places(step float64) int { return max(0, -int(math.Floor(math.Log10(step)+1e-9))) }

// tickLength is the distance of the marks on the time axis: at most eight of them.
func tickLength(length int64) int64 {
	const minute = 60_000
	for _, t := range []int64{1000, 5000, 10_000, 30_000, minute, 2 * minute, 5 * minute, 10 * minute, 15 * minute, 30 * minute, 60 * minute, 120 * minute, 180 * minute, 360 * minute, 720 * minute, 1440 * minute,
		2 * 1440 * minute, 7 * 1440 * minute, 14 * 1440 * minute, 28 * 1440 * minute, 56 * 1440 * minute} {
		if length/t <= 8 {
			return t
		}
	}
	return (length/8/(1440*minute) + 1) * 1440 * minute
}
