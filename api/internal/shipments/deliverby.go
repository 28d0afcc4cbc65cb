package shipments

import (
	"fmt"
	"time"

	"github.com/trackseal/trackseal/api/internal/rest"
)

// deliverBy reads the time to deliver by: one with its distance from UTC, or what the clocks of a zone show. The ledger keeps the moment,
// so that a later change of the zone's rules changes nothing. "" = none.
func deliverBy(text, zone string) (ms int64, err error) {
	switch {
	case text == "" && zone == "":
		return 0, nil
	case text == "":
		return 0, rest.InvalidField("body.deliver_by_zone", "is for deliver_by")
	case zone == "":
		t, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return 0, rest.InvalidField("body.deliver_by", "must be a time with its zone, such as 2026-12-01T18:00:00+01:00, or one without beside deliver_by_zone")
		}
		return t.UnixMilli(), nil
	}
	place, err := time.LoadLocation(zone)
	if err != nil || zone == "Local" {
		return 0, rest.InvalidField("body.deliver_by_zone", fmt.Sprintf("%.40q is no zone; say for example Europe/Berlin", zone))
	}
	wall, err := time.Parse("2006-01-02T15:04", text)
	if err != nil {
		if wall, err = time.Parse("2006-01-02T15:04:05", text); err != nil {
			return 0, rest.InvalidField("body.deliver_by", "must be a time without a zone beside deliver_by_zone, such as 2026-12-01T18:00")
		}
	}
	// Each offset that the zone has around then may show this time.
	var found []int64
	for _, around := range []time.Duration{-24 * time.Hour, 24 * time.Hour} {
		_, offset := wall.Add(around).In(place).Zone()
		at := wall.Add(-time.Duration(offset) * time.Second)
		if _, o := at.In(place).Zone(); o == offset && (len(found) == 0 || found[0] != at.UnixMilli()) {
			found = append(found, at.UnixMilli())
		}
	}
	switch len(found) {
	case 0:
		return 0, rest.InvalidField("body.deliver_by", "the clocks of "+zone+" skip this time: state it with its distance from UTC")
	case 2:
		return 0, rest.InvalidField("body.deliver_by", "the clocks of "+zone+" show this time twice: state it with its distance from UTC")
	}
	return found[0], nil
}
