package reports

import (
	"math"
	"strconv"

	"github.com/trackseal/trackseal/api/internal/report"
	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/compliance/place"
)

// areasOf are the fences of the rules, nested ones too, as rings to draw.
func areasOf(rules []compliance.Rule) []report.Area {
	var out []report.Area
	for i := range rules {
		r := &rules[i]
		if r.Geofence != nil {
			for _, f := range r.Geofence.Fences {
				if ring := ringOf(f); len(ring) > 0 {
					out = append(out, report.Area{Name: f.ID, Ring: ring})
				}
			}
		}
		out = append(append(out, areasOf(r.All)...), areasOf(r.Any)...)
	}
	return out
}

func ringOf(f place.Fence) []report.Fix {
	fix := func(lat, lon string) report.Fix {
		a, _ := strconv.ParseFloat(lat, 64) // checked when the rules were published
		b, _ := strconv.ParseFloat(lon, 64)
		return report.Fix{Lat: a, Lon: b}
	}
	var out []report.Fix
	if c := f.Circle; c != nil {
		const metres, corners = 111_195.0, 48
		mid := fix(c.Lat, c.Lon)
		lat := float64(c.RadiusM) / metres
		lon := lat / max(math.Cos(mid.Lat*math.Pi/180), 0.01)
		for i := range corners {
			sin, cos := math.Sincos(2 * math.Pi * float64(i) / corners)
			out = append(out, report.Fix{Lat: mid.Lat + lat*cos, Lon: mid.Lon + lon*sin})
		}
	}
	for _, p := range f.Polygon {
		if len(p) == 2 {
			out = append(out, fix(p[0], p[1]))
		}
	}
	return out
}
