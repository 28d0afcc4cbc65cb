package recording

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // zones by name wherever this runs
)

// offset is a zone that is told by its distance from UTC.
var offset = regexp.MustCompile(`(?i)^(?:utc|gmt|z)?\s*(?:([+-])\s*(\d{1,2})(?::?(\d{2}))?)?$`)

// offsetOf reads UTC, GMT, Z, +01:00, -0700, UTC+1. Other short names, such as CST, mean several zones.
func offsetOf(text string) (*time.Location, bool) {
	text = strings.TrimSpace(strings.ReplaceAll(text, "−", "-"))
	m := offset.FindStringSubmatch(text)
	if m == nil || text == "" {
		return nil, false
	}
	hours, _ := strconv.Atoi(m[2]) // "" = 0
	minutes, _ := strconv.Atoi(m[3])
	if hours > 14 || minutes > 59 {
		return nil, false
	}
	seconds := hours*3600 + minutes*60
	if seconds == 0 {
		return time.UTC, true
	}
	if m[1] == "-" {
		seconds = -seconds
	}
	return time.FixedZone("", seconds), true
}

// zoneOf is an offset, or a zone of the IANA database by its name.
func zoneOf(text string) (*time.Location, error) {
	if l, ok := offsetOf(text); ok {
		return l, nil
	}
	l, err := time.LoadLocation(text)
	if err != nil || text == "" || strings.EqualFold(text, "local") {
		return nil, &Fault{Reason: fmt.Sprintf("option zone: %.40q is no zone; say for example Europe/Berlin, UTC or +01:00", text)}
	}
	return l, nil
}

// instant is a time as milliseconds since 1970. In an hour that the clocks went through twice, later is the same time in the second one.
type instant struct{ ms, later int64 }

// instants gives what a clock on the wall means in a zone: none where the clocks were put forward over it, two where they were put back.
func instants(wall time.Time, zone *time.Location) (instant, bool) {
	_, before := wall.Add(-24 * time.Hour).In(zone).Zone()
	_, after := wall.Add(24 * time.Hour).In(zone).Zone()
	at := func(offset int) (int64, bool) {
		t := wall.Add(-time.Duration(offset) * time.Second)
		_, o := t.In(zone).Zone()
		return t.UnixMilli(), o == offset
	}
	first, ok := at(before)
	if before == after {
		return instant{ms: first}, ok
	}
	second, also := at(after)
	switch {
	case ok && also:
		return instant{min(first, second), max(first, second)}, true
	case also:
		return instant{ms: second}, true
	}
	return instant{ms: first}, ok
}
