package report

import (
	"fmt"
	"math"
	"strings"
	"time"

	"codeberg.org/go-pdf/fpdf"
)

const (
	chartHeight = 52.0
	axisWidth   = 14.0
)

// chart draws one metric over time: the envelope and the mean of each tracker, the limits, unknown and out-of-range time
// shaded. A gap stays a gap.
func (d *document) chart(s *Series) {
	from, to, low, high, ok := extent(s)
	if !ok {
		return
	}
	d.need(chartHeight + 20)
	d.title(strings.ToUpper(s.Metric[:1]) + s.Metric[1:] + ", " + s.Unit)
	x0, y0, w, h := left+axisWidth, d.GetY(), width-axisWidth, chartHeight
	x := func(ms int64) float64 { return x0 + w*float64(ms-from)/float64(to-from) }
	y := func(v float64) float64 { return y0 + h*(high-v)/(high-low) }
	shade := func(spans []Span, c rgb) {
		d.fill(c)
		for _, sp := range spans {
			a, b := max(sp.FromMS, from), min(sp.ToMS, to)
			if b > a {
				d.Rect(x(a), y0, max(x(b)-x(a), 0.2), h, "F")
			}
		}
	}
	shade(s.Unknown, rgb{236, 236, 236})
	shade(s.Out, rgb{252, 228, 226})
	d.grid(x0, y0, w, h, from, to, low, high, x, y)
	for _, l := range s.Limits {
		if l.Value <= low || l.Value >= high {
			continue
		}
		d.line(bad)
		d.SetLineWidth(0.25)
		d.SetDashPattern([]float64{1.4, 1}, 0)
		d.Line(x0, y(l.Value), x0+w, y(l.Value))
		d.SetDashPattern(nil, 0)
		d.SetFont("go", "", 6.5)
		d.ink(bad)
		d.SetXY(x0+w-40, y(l.Value)-3.2)
		d.CellFormat(40, 3, plain(l.Label), "", 0, "R", false, 0, "")
	}
	d.ClipRect(x0, y0, w, h, false)
	for i, c := range s.Curves {
		d.curve(c, curves[i%len(curves)], x, y)
	}
	d.ClipEnd()
	d.SetXY(left, y0+h+5)
	d.legend(s)
}

func (d *document) curve(c Curve, shade rgb, x func(int64) float64, y func(float64) float64) {
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
		if len(run) > 1 {
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
	d.SetFont("go", "", 6.5)
	d.ink(soft)
	step := nice((high - low) / 5)
	for k := math.Ceil(low / step); k*step <= high; k++ {
		v := k*step + 0 // plus nothing: no "-0"
		d.Line(x0, y(v), x0+w, y(v))
		d.SetXY(left, y(v)-1.6)
		d.CellFormat(axisWidth-1, 3.2, fmt.Sprintf("%.*f", places(step), v), "", 0, "R", false, 0, "")
	}
	tick := ticks(to - from)
	for t := (from + tick - 1) / tick * tick; t <= to; t += tick {
		d.Line(x(t), y0, x(t), y0+h)
		layout := "02 Jan 15:04"
		switch {
		case tick >= 24*3600_000:
			layout = "02 Jan"
		case tick < 60_000:
			layout = "15:04:05"
		}
		d.SetXY(x(t)-12, y0+h+0.5)
		d.CellFormat(24, 3.2, time.UnixMilli(t).UTC().Format(layout), "", 0, "C", false, 0, "")
	}
	d.line(soft)
	d.Rect(x0, y0, w, h, "D")
}

func (d *document) legend(s *Series) {
	d.SetFont("go", "", 7)
	d.SetX(left + axisWidth)
	swatch := func(c rgb, text string) {
		if d.GetX()+d.GetStringWidth(text)+8 > right {
			d.Ln(4)
			d.SetX(left + axisWidth)
		}
		d.fill(c)
		d.Rect(d.GetX(), d.GetY()+1, 3, 2, "F")
		d.SetX(d.GetX() + 4)
		d.ink(soft)
		d.CellFormat(d.GetStringWidth(text)+4, 4, text, "", 0, "L", false, 0, "")
	}
	for i, c := range s.Curves {
		if i == 6 {
			swatch(soft, fmt.Sprintf("and %d more trackers", len(s.Curves)-i))
			break
		}
		swatch(curves[i%len(curves)], plain(c.Tracker))
	}
	if len(s.Unknown) > 0 {
		swatch(rgb{220, 220, 220}, "unknown")
	}
	if len(s.Out) > 0 {
		swatch(rgb{248, 205, 202}, "excursion")
	}
	d.SetFont("go", "", 7)
	d.CellFormat(40, 4, "times in UTC", "", 0, "L", false, 0, "")
	d.Ln(5)
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

// ticks is the distance of the marks on the time axis: at most eight of them.
func ticks(length int64) int64 {
	const minute = 60_000
	for _, t := range []int64{1000, 5000, 10_000, 30_000, minute, 2 * minute, 5 * minute, 10 * minute, 15 * minute, 30 * minute, 60 * minute, 120 * minute, 180 * minute, 360 * minute, 720 * minute, 1440 * minute,
		2 * 1440 * minute, 7 * 1440 * minute, 14 * 1440 * minute} {
		if length/t <= 8 {
			return t
		}
	}
	return length/8 + 1
}
