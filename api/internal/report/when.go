package report

import (
	"time"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

// clock shows times in the reader's zone, with the offset from UTC, so that both hours of a change of clocks are told apart.
type clock struct{ zone *time.Location }

func clockOf(zone *time.Location) clock {
	if zone == nil {
		zone = time.UTC
	}
	return clock{zone}
}

// utc tells that there is no other zone to show.
func (c clock) utc() bool { return c.zone == time.UTC || c.zone.String() == "UTC" }

// name of the zone, as it was asked for.
func (c clock) name() string {
	if c.utc() {
		return "UTC"
	}
	return c.zone.String()
}

func (c clock) in(ms int64) time.Time { return time.UnixMilli(ms).In(c.zone) }

// local is the time in the zone: "2026-10-25 02:30:00 +02:00"; of UTC without an offset.
func (c clock) local(ms int64) string {
	if c.utc() {
		return c.in(ms).Format("2006-01-02 15:04:05")
	}
	return c.in(ms).Format("2006-01-02 15:04:05 -07:00")
}

// full is the time with the day of the week in the zone, and UTC beside it; a dash for none.
func (c clock) full(ms int64) string {
	switch {
	case ms == 0:
		return "–"
	case c.utc():
		return c.in(ms).Format("Mon 2006-01-02 15:04:05 UTC")
	}
	return c.in(ms).Format("Mon 2006-01-02 15:04:05 -07:00") + " (" + utc(ms) + ")"
}

// brief is the time with what tells its zone.
func (c clock) brief(ms int64) string {
	if c.utc() {
		return utc(ms)
	}
	return c.local(ms)
}

func utc(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02 15:04:05 UTC") }

// stamp is the machine-readable form; "" for none.
func stamp(ms int64) string {
	if ms == 0 {
		return ""
	}
	return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z")
}

// stamp in the zone: "2026-10-25T02:30:00.000+02:00".
func (c clock) stamp(ms int64) string {
	if ms == 0 {
		return ""
	}
	return c.in(ms).Format("2006-01-02T15:04:05.000-07:00")
}

// lasted shows a length of time; a dash for none.
func lasted(ms int64) string {
	if ms == 0 {
		return "–"
	}
	return detect.Span(ms)
}

// minutes is for columns that are summed.
func minutes(ms int64) float64 { return float64(ms) / 60000 }
