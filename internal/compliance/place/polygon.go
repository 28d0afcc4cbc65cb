package place

import (
	"fmt"
	"math/bits"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

// polygon is a ring in millionths of a degree. Longitudes run on across the antimeridian, so they may leave ±180 degrees.
type polygon struct {
	ring   []corner
	middle int64 // longitude
}

type corner struct{ lat, lon int64 }

const turn = 360 * detect.Micro

func newPolygon(member string, corners [][]string) (region, error) {
	if len(corners) < 3 || len(corners) > MaxCorners {
		return nil, fmt.Errorf("%s: must have 3 to %d corners", member, MaxCorners)
	}
	var bad detect.Problems
	p := &polygon{}
	for i, c := range corners {
		lat, lon, err := pair(fmt.Sprintf("%s[%d]", member, i), c)
		if lat < -89*detect.Micro || lat > 89*detect.Micro {
			err = fmt.Errorf("%s[%d][0]: %s is too near a pole for a polygon (89 degrees at most); use a circle there", member, i, c[0])
		}
		bad.Add(err)
		p.ring = append(p.ring, corner{int64(lat), int64(lon)})
	}
	if err := bad.Err(); err != nil {
		return nil, err
	}
	return p, p.unroll(member)
}

// unroll lets each side take the short way round and refuses rings that are no area.
func (p *polygon) unroll(member string) error {
	first := p.ring[0].lon
	low, high := first, first
	for i := 1; i < len(p.ring); i++ {
		p.ring[i].lon = near(p.ring[i].lon, p.ring[i-1].lon)
		low, high = min(low, p.ring[i].lon), max(high, p.ring[i].lon)
	}
	if last := p.ring[len(p.ring)-1].lon; near(first, last) != first {
		return fmt.Errorf("%s: goes round a pole; use a circle there", member)
	}
	if high-low >= turn/2 {
		return fmt.Errorf("%s: is wider than 180 degrees; divide it", member)
	}
	p.middle = (low + high) / 2
	var area int64
	for i, a := range p.ring {
		if j := (i + 1) % len(p.ring); a == p.ring[j] {
			return fmt.Errorf("%s: corners %d and %d are the same; a ring does not repeat its first corner", member, i, j)
		}
	}
	for i, a := range p.ring {
		b := p.ring[(i+1)%len(p.ring)]
		area += (a.lon-p.middle)*b.lat - (b.lon-p.middle)*a.lat // below 200 · 2 · 9e7 · 9e7
		for j := i + 1; j < len(p.ring); j++ {
			neighbours := j == i+1 || (i == 0 && j == len(p.ring)-1)
			if !neighbours && meet(a, b, p.ring[j], p.ring[(j+1)%len(p.ring)]) {
				return fmt.Errorf("%s: sides %d and %d cross", member, i, j)
			}
		}
	}
	if area == 0 {
		return fmt.Errorf("%s: has no area", member)
	}
	return nil
}

// near is the longitude, plus or minus whole turns, that is at most half a turn from other.
func near(lon, other int64) int64 {
	for lon-other > turn/2 {
		lon -= turn
	}
	for lon-other < -turn/2 {
		lon += turn
	}
	return lon
}

// side is above 0 when c is left of a to b, 0 on the line. Exact: the products stay below 2^59.
func side(a, b, c corner) int64 {
	return (b.lon-a.lon)*(c.lat-a.lat) - (b.lat-a.lat)*(c.lon-a.lon)
}

// on reports whether c, on the line through a and b, is between them.
func on(a, b, c corner) bool {
	return min(a.lat, b.lat) <= c.lat && c.lat <= max(a.lat, b.lat) && min(a.lon, b.lon) <= c.lon && c.lon <= max(a.lon, b.lon)
}

// meet reports whether the sides a-b and c-d have a point in common.
func meet(a, b, c, d corner) bool {
	ac, ad, ca, cb := side(a, b, c), side(a, b, d), side(c, d, a), side(c, d, b)
	if (ac > 0 && ad < 0 || ac < 0 && ad > 0) && (ca > 0 && cb < 0 || ca < 0 && cb > 0) {
		return true
	}
	return ac == 0 && on(a, b, c) || ad == 0 && on(a, b, d) || ca == 0 && on(c, d, a) || cb == 0 && on(c, d, b)
}

// distance is negative inside. The boundary is part of the area. The plane is the one that touches the earth at the fix's
// latitude: right near the boundary, where it decides, and a bound far away, where it does not.
func (p *polygon) distance(f *fix) int64 {
	c := corner{int64(f.lat), near(int64(f.lon), p.middle)}
	inside := false
	nearest := uint64(1) << 62
	for i, a := range p.ring {
		b := p.ring[(i+1)%len(p.ring)]
		if side(a, b, c) == 0 && on(a, b, c) {
			return 0
		}
		if (a.lat > c.lat) != (b.lat > c.lat) && (side(a, b, c) > 0) == (b.lat > a.lat) {
			inside = !inside
		}
		nearest = min(nearest, squared(plane(a, c, f.cosLat), plane(b, c, f.cosLat)))
	}
	d := detect.Product(nearest, 1).Root()
	if inside {
		return -d
	}
	return max(d, 1) // outside, however near
}

func (p *polygon) margin() int64 { return margin }

// plane gives decimetres east and north of the fix, below 2^28.
func plane(a, c corner, cosLat int64) [2]int64 {
	// A millionth of a degree of arc is 1.1119492664 dm: R pi / 180 / 10^6, here with ten digits.
	const arcDM = 11_119_492_664
	scale := func(micro int64) int64 {
		n := uint64(max(micro, -micro))
		hi, lo := bits.Mul64(n, arcDM)
		lo, carry := bits.Add64(lo, 5_000_000_000, 0)
		q, _ := bits.Div64(hi+carry, lo, 10_000_000_000)
		if micro < 0 {
			return -int64(q)
		}
		return int64(q)
	}
	return [2]int64{mul(scale(a.lon-c.lon), cosLat), scale(a.lat - c.lat)}
}

// squared is the square of the distance of a side from the origin, rounded down.
func squared(a, b [2]int64) uint64 {
	dx, dy := b[0]-a[0], b[1]-a[1]
	length := dx*dx + dy*dy
	along := -(a[0]*dx + a[1]*dy)
	switch {
	case length == 0 || along <= 0:
		return uint64(a[0]*a[0] + a[1]*a[1])
	case along >= length:
		return uint64(b[0]*b[0] + b[1]*b[1])
	}
	area := a[0]*b[1] - a[1]*b[0]
	return detect.Square(area).Over(uint64(length))
}
