package fleet

import (
	_ "embed"
	"encoding/json"
	"math"
	"time"
)

// point is a place on a route. KMH is the mean speed on the way to it.
type point struct {
	Place   string  `json:"place"`
	Lat     float64 `json:"lat"`
	Lon     float64 `json:"lon"`
	KMH     float64 `json:"kmh"`
	StopMin float64 `json:"stop_min"`
	DoorMin float64 `json:"door_min"` // of the stop, from its third minute on
}

// Route is a road between two cities.
type Route struct {
	Name     string  `json:"name"`
	Goods    string  `json:"goods"`
	SetPoint float64 `json:"set_point"` // of the reefer, °C
	Points   []point `json:"points"`
}

// Origin and Destination are the ends.
func (r Route) Origin() string { return r.Points[0].Place }

// Destination is where the route ends.
func (r Route) Destination() string { return r.Points[len(r.Points)-1].Place }

//go:embed routes.json
var routesJSON []byte

// Routes of the fleet.
var Routes = func() []Route {
	var r []Route
	if err := json.Unmarshal(routesJSON, &r); err != nil {
		panic(err)
	}
	return r
}()

// roads are longer than the straight lines between the points.
const roadFactor = 1.18

// leg is a piece of the timetable: a drive to a point, or a stop at it.
type leg struct {
	from, to  point
	begin     time.Duration
	length    time.Duration
	stop      bool
	doorFrom  time.Duration // of the trip
	doorUntil time.Duration
}

// timetable lays the route out in time. A door that is forgotten stays open at the stop in the middle of the route, which
// lasts as long.
func (r Route) timetable(forgotten time.Duration) []leg {
	var legs []leg
	var at time.Duration
	add := func(l leg) {
		l.begin = at
		at += l.length
		legs = append(legs, l)
	}
	middle := r.middleStop()
	for i, p := range r.Points {
		if i > 0 {
			km := distance(r.Points[i-1], p) * roadFactor
			add(leg{from: r.Points[i-1], to: p, length: hours(km / p.KMH)})
		}
		if p.StopMin == 0 {
			continue
		}
		l := leg{from: p, to: p, stop: true, length: hours(p.StopMin / 60)}
		open := hours(p.DoorMin / 60)
		if i == middle && forgotten > 0 {
			open = forgotten
			l.length = forgotten + 20*time.Minute
		}
		l.doorFrom = at + 3*time.Minute
		l.doorUntil = l.doorFrom + open
		add(l)
	}
	return legs
}

// middleStop is the stop nearest to the middle of the route.
func (r Route) middleStop() int {
	best, at := len(r.Points), 0
	for i := 1; i < len(r.Points)-1; i++ {
		if off := max(2*i-len(r.Points), len(r.Points)-2*i); r.Points[i].StopMin > 0 && off < best {
			best, at = off, i
		}
	}
	return at
}

func hours(h float64) time.Duration { return time.Duration(h * float64(time.Hour)).Round(time.Second) }

// distance in km on the sphere.
func distance(a, b point) float64 {
	const radius = 6371.0
	rad := math.Pi / 180
	dLat, dLon := (b.Lat-a.Lat)*rad, (b.Lon-a.Lon)*rad
	h := math.Pow(math.Sin(dLat/2), 2) + math.Cos(a.Lat*rad)*math.Cos(b.Lat*rad)*math.Pow(math.Sin(dLon/2), 2)
	return 2 * radius * math.Asin(math.Sqrt(h))
}
