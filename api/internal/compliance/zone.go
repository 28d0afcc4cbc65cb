package compliance

import (
	"fmt"
	"time"

	"github.com/trackseal/trackseal/api/internal/zones"
	"github.com/trackseal/trackseal/internal/compliance"
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
	offsets, err := zones.Offsets(z.Name, now)
	if err != nil {
		return fmt.Errorf("zone.name %w", err)
	}
	for _, o := range offsets {
		z.Offsets = append(z.Offsets, compliance.Offset(o))
	}
	return nil
}
