// Package zones gives the offsets of a time zone by its name, for documents that pin them: rule sets and profiles. So nobody who judges or
// reads by them needs a table of zones.
package zones

import (
	"fmt"
	"time"
	_ "time/tzdata" // a machine may have none, or an old one
)

// The years around now for which offsets are pinned.
const (
	yearsBack  = 5
	yearsAhead = 15
)

// Offset is what a zone adds to UTC from a moment on.
type Offset struct{ From, Add string }

// Offsets are the same all year, for whoever publishes again.
func Offsets(name string, now time.Time) ([]Offset, error) {
	where, err := time.LoadLocation(name)
	if err != nil || name == "" || name == "Local" {
		return nil, fmt.Errorf("%.80q: is not in the IANA table of time zones; a name such as Europe/Berlin, or give the offsets", name)
	}
	// No zone changes at other moments than quarters of an hour.
	from, to := time.Date(now.Year()-yearsBack, 1, 1, 0, 0, 0, 0, where), time.Date(now.Year()+yearsAhead, 1, 1, 0, 0, 0, 0, where)
	var all []Offset
	last := 0
	for at := from.Truncate(time.Hour); at.Before(to); at = at.Add(15 * time.Minute) {
		if _, add := at.Zone(); len(all) == 0 || add != last {
			all = append(all, Offset{at.UTC().Format(time.RFC3339), at.Format("-07:00")})
			last = add
		}
	}
	return all, nil
}
