package place

import (
	"fmt"
	"math"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

// Corridor is a route to keep to: the goods must stay within within_m of the line through the points, each leg of which is
// a great circle. One fix outside is not enough; two in a row are, from the first on. With min_s they must have been outside
// for that long.
type Corridor struct {
	Points  [][]string `json:"points"`
	WithinM int        `json:"within_m"`
	MinS    int        `json:"min_s,omitempty"`
	// BridgeS: a straight way out of the corridor and back between two fixes that are not further apart counts as having left it; between
	// others it is unknown. Absent: nobody looks, since a route has bends that a straight way cuts.
	BridgeS int `json:"bridge_s,omitempty"`
}

// MaxPoints of a corridor.
const MaxPoints = 500

// maxLeg is the longest leg in decimetres, a quarter of the earth, beyond which the short way round is no longer plain.
const maxLeg = 100_000_000

// line is a compiled corridor.
type line struct {
	points []vec
	normal []vec // of the plane of the leg from points[i] to points[i+1]
	within int64
}

func (c Corridor) compile() (*line, error) {
	var bad detect.Problems
	bad.Within("within_m", c.WithinM, 1, MaxRadiusM)
	bad.Within("min_s", c.MinS, 0, math.MaxInt)
	bad.Within("bridge_s", c.BridgeS, 0, math.MaxInt)
	if len(c.Points) < 2 || len(c.Points) > MaxPoints {
		bad.Bad("points: must be 2 to %d", MaxPoints)
		return nil, bad.Err()
	}
	l := &line{within: int64(c.WithinM) * 10}
	for i, p := range c.Points {
		lat, lon, err := pair(fmt.Sprintf("points[%d]", i), p)
		bad.Add(err)
		v := at(lat, lon)
		if i > 0 && err == nil {
			last := l.points[len(l.points)-1]
			n := last.cross(&v)
			switch d := last.distance(&v); {
			case n == vec{} || d == 0:
				bad.Bad("points[%d]: is the same place as the one before", i)
			case d > maxLeg:
				bad.Bad("points[%d]: is %d km from the one before; put points between them, at most 10000 km apart", i, d/10_000)
			default:
				l.normal = append(l.normal, n.unit())
			}
		}
		l.points = append(l.points, v)
	}
	return l, bad.Err()
}

// Detector of this rule on one tracker.
func (c Corridor) Detector(_ *detect.Journey, _ string, maxGapMS int64) (detect.Detector, error) {
	l, err := c.compile()
	r := &rule{kind: outside, regions: []region{l}, minMS: int64(c.MinS) * 1000, bridge: int64(c.BridgeS) * 1000, event: "left the corridor"}
	if c.BridgeS == 0 {
		r.bridge = noBridge
	}
	return newPresence(r, maxGapMS), err
}

// Need implements detect.Kind.
func (c Corridor) Need() detect.Need { return detect.Need{Metrics: []detect.Metric{detect.Latitude}} }

// Asks implements detect.Kind.
func (c Corridor) Asks() string {
	if c.MinS > 0 {
		return fmt.Sprintf("The goods must not be more than %d m off the route for %s or longer", c.WithinM, detect.Seconds(c.MinS))
	}
	return fmt.Sprintf("The goods must stay within %d m of the route", c.WithinM)
}

func (l *line) margin() int64 { return 0 }

func (l *line) distance(f *fix) int64 {
	nearest := l.points[0].distance(&f.v)
	for i := range l.normal {
		a, b, n := &l.points[i], &l.points[i+1], &l.normal[i]
		along, back := n.cross(a), b.cross(n)
		if along.dot(&f.v) >= 0 && back.dot(&f.v) >= 0 { // abreast of the leg
			d := f.v.dot(n)
			nearest = min(nearest, arc(arcsine(max(d, -d))))
		} else {
			nearest = min(nearest, b.distance(&f.v))
		}
	}
	return nearest - l.within
}
