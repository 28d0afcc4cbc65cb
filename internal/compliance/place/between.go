package place

import "github.com/trackseal/trackseal/internal/compliance/detect"

// The straight way between two fixes is looked at piece by piece. Around each end of a piece the distance to the nearest boundary is
// known: where the two distances reach as far as the piece is long, nothing changes on it; else it is halved.

const (
	shortest  = 50   // decimetres: what happens on a shorter piece is not told
	mostPlace = 2000 // places that are looked at between two fixes; beyond that nobody knows
)

// way is whether something holds anywhere on the straight way between two fixes.
type way uint8

const (
	never way = iota
	maybe
	somewhere
)

// between tells whether the goods come into a region on the straight way between two fixes that lie outside of all (enter), or leave
// all of them between two that lie inside of one.
func (r *rule) between(a, b *seen, enter bool) way {
	look := looking{r.regions, enter, 0}
	return look.at(&a.fix, &b.fix, look.clear(a.distance), look.clear(b.distance))
}

type looking struct {
	regions []region
	enter   bool
	n       int
}

// clear is how far the nearest change is, by the distance from the nearest region; 0 or less where it has happened.
func (l *looking) clear(distance int64) int64 {
	if !l.enter {
		return 1 - distance // the boundary is part of the region
	}
	return distance
}

func (l *looking) distance(f *fix) int64 {
	l.n++
	nearest := int64(1) << 62
	for _, r := range l.regions {
		nearest = min(nearest, r.distance(f))
	}
	return nearest
}

func (l *looking) at(a, b *fix, clearA, clearB int64) way {
	length := a.v.distance(&b.v)
	switch {
	case (clearA+clearB)/2 >= length, length <= shortest: // half: distances of a polygon are rough far away from it
		return never
	case l.n >= mostPlace:
		return maybe
	}
	m := middle(a, b)
	clear := l.clear(l.distance(&m))
	if clear <= 0 {
		return somewhere
	}
	if w := l.at(a, &m, clearA, clear); w == somewhere {
		return w
	} else if v := l.at(&m, b, clear, clearB); v != never {
		return v
	} else {
		return w
	}
}

// middle lies half-way in latitude and longitude, the short way round.
func middle(a, b *fix) fix {
	lat := (a.lat + b.lat) / 2
	lon := (int64(a.lon) + near(int64(b.lon), int64(a.lon))) / 2
	return newFix(lat, detect.Decimal(near(lon, 0)))
}
