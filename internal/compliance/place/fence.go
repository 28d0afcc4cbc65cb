package place

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

// Fence is an area: a circle or a polygon.
type Fence struct {
	ID     string  `json:"id"`
	Circle *Circle `json:"circle,omitempty"`
	// Polygon is a ring of [latitude, longitude] in degrees, without a repeat of the first. Its sides are straight in latitude
	// and longitude, as in GeoJSON, and take the short way round the earth, so a fence may lie across the antimeridian.
	Polygon [][]string `json:"polygon,omitempty"`
}

// Circle is everything within radius_m of a position.
type Circle struct {
	Lat     string `json:"lat"`
	Lon     string `json:"lon"`
	RadiusM int    `json:"radius_m"`
}

// What one rule may name.
const (
	MaxFences  = 64
	MaxCorners = 200
	MaxRadiusM = 1_000_000
)

var fenceID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// region is an area, or the neighbourhood of a line: distance is how far outside of it a position is, in decimetres; inside
// it is 0 or less.
type region interface {
	distance(f *fix) int64
	// margin is how far outside a fix must be to count as gone.
	margin() int64
}

// fix is a position.
type fix struct {
	lat, lon detect.Decimal
	v        vec
	cosLat   int64
}

// position reads a fix from a reading; what is no place on earth is none.
func position(p *detect.Point) (f fix, ok bool) {
	lat, okLat := p.Get(detect.Latitude)
	lon, okLon := p.Get(detect.Longitude)
	if !okLat || !okLon || lat < -90*detect.Micro || lat > 90*detect.Micro || lon < -180*detect.Micro || lon > 180*detect.Micro {
		return fix{}, false
	}
	return newFix(lat, lon), true
}

func newFix(lat, lon detect.Decimal) fix {
	_, c := sine(lat)
	return fix{lat, lon, at(lat, lon), c}
}

func degrees(name, text string, limit int64) (detect.Decimal, error) {
	d, err := detect.ParseDecimal(text)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	if d < detect.Decimal(-limit*detect.Micro) || d > detect.Decimal(limit*detect.Micro) {
		return 0, fmt.Errorf("%s: %s is not within -%d and %d degrees", name, text, limit, limit)
	}
	return d, nil
}

// pair reads [latitude, longitude].
func pair(name string, texts []string) (lat, lon detect.Decimal, err error) {
	if len(texts) != 2 {
		return 0, 0, fmt.Errorf("%s: must be [latitude, longitude]", name)
	}
	lat, err1 := degrees(name+"[0]", texts[0], 90)
	lon, err2 := degrees(name+"[1]", texts[1], 180)
	return lat, lon, errors.Join(err1, err2)
}

// margin of a boundary, in decimetres, so that a position's noise at the boundary does not end a stay.
const margin = 200

type circle struct {
	centre vec
	radius int64
}

func (c *circle) distance(f *fix) int64 { return c.centre.distance(&f.v) - c.radius }
func (c *circle) margin() int64         { return max(margin, c.radius/10) }

// Fences is a compiled list.
type Fences struct {
	ids     []string
	regions []region
}

// Compile checks fences and makes them ready; name is the member that holds them.
func Compile(name string, fences []Fence) (Fences, error) {
	var out Fences
	var bad detect.Problems
	seen := map[string]bool{}
	if len(fences) > MaxFences {
		return out, fmt.Errorf("%s: at most %d fences", name, MaxFences)
	}
	for i, f := range fences {
		member := fmt.Sprintf("%s[%d]", name, i)
		if !fenceID.MatchString(f.ID) || seen[f.ID] {
			bad.Bad("%s.id %q: must be unique, letters, digits, dots, dashes, at most 64", member, f.ID)
		}
		seen[f.ID] = true
		var r region
		var err error
		switch {
		case (f.Circle != nil) == (f.Polygon != nil):
			err = fmt.Errorf("%s: must have a circle or a polygon, one of them", member)
		case f.Circle != nil:
			r, err = newCircle(member+".circle", f.Circle)
		default:
			r, err = newPolygon(member+".polygon", f.Polygon)
		}
		if err != nil {
			bad.Add(err)
			continue
		}
		out.ids, out.regions = append(out.ids, f.ID), append(out.regions, r)
	}
	return out, bad.Err()
}

func newCircle(member string, c *Circle) (region, error) {
	lat, errLat := degrees(member+".lat", c.Lat, 90)
	lon, errLon := degrees(member+".lon", c.Lon, 180)
	bad := detect.Problems{}
	bad.Add(errors.Join(errLat, errLon))
	bad.Within(member+".radius_m", c.RadiusM, 1, MaxRadiusM)
	return &circle{at(lat, lon), int64(c.RadiusM) * 10}, bad.Err()
}

// Around tells whether a reading has a position, and the id of the first fence that it lies in, "" when it lies in none.
func (fs *Fences) Around(p *detect.Point) (id string, known bool) {
	f, ok := position(p)
	if !ok {
		return "", false
	}
	for i, r := range fs.regions {
		if r.distance(&f) <= 0 {
			return fs.ids[i], true
		}
	}
	return "", true
}

// Len is how many fences there are.
func (fs *Fences) Len() int { return len(fs.regions) }

func names(fences []Fence) string {
	var ids []string
	for _, f := range fences {
		ids = append(ids, f.ID)
	}
	return strings.Join(ids, ", ")
}

// Except says that a rule does not apply in fences; "" without any.
func Except(fences []Fence) string {
	if len(fences) == 0 {
		return ""
	}
	return " except in " + names(fences)
}
