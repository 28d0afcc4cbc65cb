package compliance

import (
	"fmt"
	"time"
	_ "time/tzdata" // a machine may have none, or an old one

	"github.com/trackseal/trackseal/internal/compliance"
)

// The years around now for which a zone's offsets are pinned.
const (
	yearsBack  = 5
	yearsAhead = 15
)

// read reads a rule set that is to be published or tried, and pins its zone.
func (s *Resource) read(raw []byte) (compliance.RuleSet, error) {
	r, err := compliance.Decode(raw)
	if err != nil {
		return r, err
	}
	if r.Zone != nil && len(r.Zone.Offsets) == 0 {
		if err := pin(r.Zone, s.Now()); err != nil {
			return r, err
		}
	}
	return r, r.Validate()
}

// pin fills in the offsets of a zone, so that nobody who judges by the rules needs a table of zones.
func pin(z *compliance.Zone, now time.Time) error {
	where, err := time.LoadLocation(z.Name)
	if err != nil || z.Name == "" || z.Name == "Local" {
		return fmt.Errorf("zone.name %.80q: is not in the IANA table of time zones; a name such as Europe/Berlin, or give the offsets", z.Name)
	}
	// The same all year, for whoever publishes again. No zone changes at other moments than quarters of an hour.
	from, to := time.Date(now.Year()-yearsBack, 1, 1, 0, 0, 0, 0, where), time.Date(now.Year()+yearsAhead, 1, 1, 0, 0, 0, 0, where)
	last := 0
	for at := from.Truncate(time.Hour); at.Before(to); at = at.Add(15 * time.Minute) {
		if _, add := at.Zone(); len(z.Offsets) == 0 || add != last {
			z.Offsets = append(z.Offsets, compliance.Offset{From: at.UTC().Format(time.RFC3339), Add: at.Format("-07:00")})
			last = add
		}
	}
	return nil
}
