package profile

import (
	"errors"
	"fmt"
	"regexp"
	"time"
)

// Offset is what a zone adds to UTC from a moment on. The first one holds before it, too, and the last one for good.
//
// A profile carries the offsets of its zone, as a rule set does: the table of zones changes several times a year, machines have old ones,
// and all who read a message must get the same time from it, years later too.
type Offset struct {
	From string `json:"from"` // RFC 3339, in UTC
	Add  string `json:"add"`  // +01:00
}

const (
	maxOffsets = 400
	maxZone    = 64
)

// zone is what is added to UTC, in ms.
type zone []struct{ from, add int64 }

var fixedZone = regexp.MustCompile(`^[+-][0-9]{2}:[0-9]{2}$`)

// newZone makes a profile's zone ready; "" and UTC are UTC.
func newZone(name string, offsets []Offset) (zone, error) {
	if len(name) > maxZone {
		return nil, fmt.Errorf("longer than %d bytes", maxZone)
	}
	switch {
	case name == "" || name == "UTC" || name == "Z":
		if len(offsets) > 0 {
			return nil, errors.New("has offsets and is UTC")
		}
		return zone{{0, 0}}, nil
	case fixedZone.MatchString(name):
		add, err := addOf(name)
		if err != nil || len(offsets) > 0 {
			return nil, fmt.Errorf("%q: must be an offset such as +01:00, then without offsets", name)
		}
		return zone{{0, add}}, nil
	case len(offsets) == 0:
		return nil, fmt.Errorf("%q needs its offsets, [{\"from\":\"2025-03-30T01:00:00Z\",\"add\":\"+02:00\"}, …]: publishing by the API fills them in; or give an offset such as +01:00", name)
	case len(offsets) > maxOffsets:
		return nil, fmt.Errorf("has more than %d offsets", maxOffsets)
	}
	z := make(zone, len(offsets))
	for i, o := range offsets {
		from, err := time.Parse(time.RFC3339, o.From)
		if err != nil || from.Location() != time.UTC {
			return nil, fmt.Errorf("offset %d: from %q must be a time in UTC such as 2025-03-30T01:00:00Z", i, cut(o.From))
		}
		z[i].from = from.UnixMilli()
		if z[i].add, err = addOf(o.Add); err != nil {
			return nil, fmt.Errorf("offset %d: %w", i, err)
		}
		if i > 0 && z[i].from <= z[i-1].from {
			return nil, fmt.Errorf("offset %d is not later than the one before", i)
		}
	}
	return z, nil
}

func addOf(s string) (int64, error) {
	t, err := time.Parse("-07:00", s)
	if _, add := t.Zone(); err == nil && fixedZone.MatchString(s) && -15*3600 < add && add < 15*3600 {
		return int64(add) * 1000, nil
	}
	return 0, fmt.Errorf("add %q must be an offset such as +01:00", cut(s))
}

// utc is the moment of what a clock on the wall shows, both in ms. An hour that it shows twice is the first one; one that it skips counts by
// the new offset.
func (z zone) utc(wall int64) int64 {
	add := z[0].add
	for _, o := range z[1:] {
		if wall-add < o.from {
			break
		}
		add = o.add
	}
	return wall - add
}

// Complete fills in the offsets of a profile's zone that has a name alone, by a table of zones that the caller has. It returns other
// profiles as they are.
func Complete(raw []byte, offsets func(zone string) ([]Offset, error)) ([]byte, error) {
	d, err := decode(raw)
	if err != nil {
		return nil, err
	}
	if d.Time == nil || len(d.Time.Offsets) > 0 || d.Time.Zone == "" || d.Time.Zone == "UTC" || fixedZone.MatchString(d.Time.Zone) {
		return raw, nil
	}
	if d.Time.Offsets, err = offsets(d.Time.Zone); err != nil {
		return nil, fmt.Errorf("time.zone: %w", err)
	}
	return encode(d), nil
}
