package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Map is where the goods were: each tracker's way, and the places that the rules name.
type Map struct {
	Tracks []Track
	Areas  []Area
}

// Track is one tracker's positions in the order of time; a step longer than GapMS is not joined.
type Track struct {
	Tracker string
	GapMS   int64
	Fixes   []Fix
}

// Fix is a position in degrees.
type Fix struct {
	MS       int64
	Lat, Lon float64
}

// Area is a fence of a rule: a ring.
type Area struct {
	Name string
	Ring []Fix
}

const mapHeight = 72.0

// trackMap draws the ways on a plain grid of degrees, to scale in the middle of the picture. No tiles are asked for.
func (d *document) trackMap(m *Map) {
	var fixes []Fix
	for _, t := range m.Tracks {
		fixes = append(fixes, t.Fixes...)
	}
	if len(fixes) == 0 {
		return
	}
	turn := turning(fixes)
	west, east, south, north := math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)
	for _, f := range fixes {
		west, east = min(west, turn(f.Lon)), max(east, turn(f.Lon))
		south, north = min(south, f.Lat), max(north, f.Lat)
	}
	d.need(mapHeight + 22)
	d.title("Where the goods were")
	x0, y0, w, h := left+axisWidth, d.GetY(), width-axisWidth, mapHeight
	squeeze := max(math.Cos((south+north)/2*math.Pi/180), 0.05) // a degree of longitude against one of latitude
	scale := min(w*0.9/max((east-west)*squeeze, 0.002), h*0.86/max(north-south, 0.002))
	midLon, midLat := (west+east)/2, (south+north)/2
	x := func(lon float64) float64 { return x0 + w/2 + (turn(lon)-midLon)*squeeze*scale }
	y := func(lat float64) float64 { return y0 + h/2 - (lat-midLat)*scale }
	d.degrees(x0, y0, w, h, midLon, midLat, squeeze*scale, scale)
	d.ClipRect(x0, y0, w, h, false)
	d.areas(m.Areas, x, y)
	for i, t := range m.Tracks {
		d.track(t, curves[i%len(curves)], x, y)
	}
	d.ClipEnd()
	d.line(soft)
	d.SetLineWidth(0.15)
	d.Rect(x0, y0, w, h, "D")
	d.scaleBar(x0, y0+h, scale)
	d.SetY(y0 + h + 5)
	names := make([]string, 0, len(m.Tracks))
	for _, t := range m.Tracks {
		names = append(names, t.Tracker)
	}
	d.note("Ways between the fixes of " + strings.Join(names, ", ") + ", straight from one to the next; ring: first fix, disc: last. What lies further apart than a value holds is not joined.")
}

// turning gives longitudes as they go on across the antimeridian.
func turning(fixes []Fix) func(float64) float64 {
	wide := func(turn func(float64) float64) float64 {
		low, high := math.Inf(1), math.Inf(-1)
		for _, f := range fixes {
			low, high = min(low, turn(f.Lon)), max(high, turn(f.Lon))
		}
		return high - low
	}
	plain := func(lon float64) float64 { return lon }
	east := func(lon float64) float64 {
		if lon < 0 {
			return lon + 360
		}
		return lon
	}
	if wide(east) < wide(plain) {
		return east
	}
	return plain
}

// degrees is the grid with its labels.
func (d *document) degrees(x0, y0, w, h, midLon, midLat, perLon, perLat float64) {
	d.line(rule)
	d.SetLineWidth(0.15)
	d.ink(soft)
	label := func(v float64, step float64, plus, minus string) string {
		letter := plus
		if v < 0 {
			letter, v = minus, -v
		}
		return fmt.Sprintf("%.*f° %s", places(step), v, letter)
	}
	step := nice(h / perLat / 4)
	for k := math.Ceil((midLat - h/2/perLat) / step); k*step <= midLat+h/2/perLat; k++ {
		at := y0 + h/2 - (k*step-midLat)*perLat
		d.Line(x0, at, x0+w, at)
		d.right(x0-1, at-1.4, style{size: 6}, label(k*step, step, "N", "S"))
	}
	step = nice(w / perLon / 7)
	for k := math.Ceil((midLon - w/2/perLon) / step); k*step <= midLon+w/2/perLon; k++ {
		at := x0 + w/2 + (k*step-midLon)*perLon
		d.Line(at, y0, at, y0+h)
		lon := k * step
		if lon > 180 {
			lon -= 360
		}
		text := label(lon, step, "E", "W")
		d.put(min(at-d.wide(chartText, text)/2, x0+w-d.wide(chartText, text)), y0+h+1, style{size: 6}, text)
	}
}

func (d *document) areas(areas []Area, x, y func(float64) float64) {
	for _, a := range areas {
		if len(a.Ring) == 0 {
			continue
		}
		d.line(unsure)
		d.SetLineWidth(0.25)
		d.SetDashPattern([]float64{1.4, 1}, 0)
		for i, f := range a.Ring {
			if i == 0 {
				d.MoveTo(x(f.Lon), y(f.Lat))
				continue
			}
			d.LineTo(x(f.Lon), y(f.Lat))
		}
		d.ClosePath()
		d.DrawPath("D")
		d.SetDashPattern(nil, 0)
		top := slices.MaxFunc(a.Ring, func(a, b Fix) int { return cmp.Compare(a.Lat, b.Lat) })
		d.ink(unsure)
		d.put(x(top.Lon)+1, y(top.Lat)-3, style{size: 6}, d.text(a.Name))
	}
}

func (d *document) track(t Track, shade rgb, x, y func(float64) float64) {
	d.line(shade)
	d.SetLineWidth(0.4)
	for i, f := range t.Fixes {
		if i == 0 || f.MS-t.Fixes[i-1].MS > t.GapMS {
			if i > 0 {
				d.DrawPath("D")
			}
			d.MoveTo(x(f.Lon), y(f.Lat))
			d.LineTo(x(f.Lon)+0.05, y(f.Lat)) // a lone fix is seen, too
			continue
		}
		d.LineTo(x(f.Lon), y(f.Lat))
	}
	if n := len(t.Fixes); n > 0 {
		d.DrawPath("D")
		d.Circle(x(t.Fixes[0].Lon), y(t.Fixes[0].Lat), 1, "D")
		d.fill(shade)
		d.Circle(x(t.Fixes[n-1].Lon), y(t.Fixes[n-1].Lat), 1, "F")
	}
}

// scaleBar says how long a way is; perLat is millimetres a degree of latitude.
func (d *document) scaleBar(x0, y float64, perLat float64) {
	const metres = 111_195.0 // a degree of latitude
	long := nice(30/perLat*metres) / 2
	mm := long / metres * perLat
	text := fmt.Sprintf("%.0f m", long)
	if long >= 1000 {
		text = fmt.Sprintf("%.*f km", places(long/1000), long/1000)
	}
	d.line(ink)
	d.SetLineWidth(0.4)
	d.Line(x0+3, y-3, x0+3+mm, y-3)
	d.ink(ink)
	d.put(x0+3, y-6.6, style{size: 6}, text)
}
