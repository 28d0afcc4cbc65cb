package quality

import "github.com/trackseal/trackseal/internal/compliance/detect"

const (
	fastest    = 340        // m/s: faster than airliners
	noise      = 5000       // m that a fix may be off: by the cell, not by satellites
	microMetre = 111_195    // millionths of a degree of latitude, in micrometres
	believe    = 3          // odd fixes in a row become the new place: then the first one was wrong
	farthest   = 20_100_000 // m, half around the Earth
)

// fix is the last position that was believed.
type fix struct {
	ms       int64
	lat, lon detect.Decimal
	known    bool
	odd      int
}

func (f *fix) add(r *Reading, flag func(Flag)) {
	lat, hasLat := r.get(detect.Latitude)
	lon, hasLon := r.get(detect.Longitude)
	if !hasLat || !hasLon || distance(lat, 0) > 90*one || distance(lon, 0) > 180*one {
		return // no fix
	}
	if f.known && tooFar(f.lat, f.lon, lat, lon, r.MS-f.ms) {
		flag(Flag{r.MS, Teleport, detect.Latitude, lat, f.lat})
		if f.odd++; f.odd < believe {
			return
		}
	}
	*f = fix{ms: r.MS, lat: lat, lon: lon, known: true}
}

// tooFar compares squares of metres on a flat map that is right near a place and at most a fifth too long across oceans.
func tooFar(lat1, lon1, lat2, lon2 detect.Decimal, ms int64) bool {
	if ms >= farthest*1000/fastest {
		return false
	}
	across := distance(lon1, lon2)
	across = min(across, 360*one-across)
	dy := int64(distance(lat1, lat2)) * microMetre / detect.Micro
	dx := int64(across) * microMetre / detect.Micro * cosine((lat1+lat2)/2) / 10_000
	reach := max(fastest*ms/1000, noise)
	return dx*dx+dy*dy > reach*reach
}

// cosine of a latitude in ten-thousandths, between multiples of ten degrees by a straight line: off by less than 0.5 %.
func cosine(lat detect.Decimal) int64 {
	table := [...]int64{10000, 9848, 9397, 8660, 7660, 6428, 5000, 3420, 1736, 0, 0}
	ten := 10 * one
	a := min(max(lat, -lat), 90*one)
	i, rest := a/ten, int64(a%ten)
	return table[i] + (table[i+1]-table[i])*rest/int64(ten)
}
