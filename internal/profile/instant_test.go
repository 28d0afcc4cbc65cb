package profile

import (
	"testing"
	"time"
)

func TestTimes(t *testing.T) {
	const want = 1_796_008_800_000 // 2026-11-30T03:20:00Z
	berlin := []Offset{{"2026-10-25T01:00:00Z", "+01:00"}}
	for _, c := range []struct {
		as, zone string
		offsets  []Offset
		in       string
		ms       int64 // past want; -1 = not a time
	}{
		{"auto", "", nil, "1796008800", 0}, {"auto", "", nil, "1796008800000", 0}, {"auto", "", nil, "1796008800000000", 0}, {"auto", "", nil, "1796008800000000123", 0},
		{"auto", "", nil, "1796008800.25", 250}, {"auto", "", nil, "2026-11-30T04:20:00.5+01:00", 500}, {"auto", "", nil, "soon", -1}, {"auto", "", nil, "1e9", -1}, {"auto", "", nil, "", -1},
		{"s", "", nil, "1796008800", 0}, {"s", "", nil, "1796008800.0004", 0}, {"s", "", nil, "1796008800.0005", 1}, {"s", "", nil, "1.7960088e9", 0},
		{"ms", "", nil, "1796008800123", 123}, {"us", "", nil, "1796008800123999", 124}, {"ns", "", nil, "1796008800123999999", 124}, {"ms", "", nil, "2026-11-30T03:20:00Z", -1},
		{"rfc3339", "", nil, "2026-11-30T03:20:00.123456789Z", 123}, {"rfc3339", "", nil, "1796008800", -1}, {"rfc3339", "", nil, "2026-11-30 03:20:00Z", -1},
		{"layout:2006-01-02 15:04:05", "", nil, "2026-11-30 03:20:00", 0}, {"layout:2006-01-02 15:04:05", "UTC", nil, "2026-11-30 03:20:00", 0},
		{"layout:2006-01-02 15:04:05", "+01:00", nil, "2026-11-30 04:20:00", 0}, {"layout:2006-01-02 15:04:05", "Europe/Berlin", berlin, "2026-11-30 04:20:00", 0},
		{"layout:02.01.2006 15:04:05.000", "-05:00", nil, "29.11.2026 22:20:00.250", 250}, {"layout:2006-01-02T15:04:05Z0700", "", nil, "2026-11-30T05:20:00+0200", 0},
		{"layout:2006-01-02 15:04:05", "", nil, "30.11.2026", -1},
	} {
		p := &problems{}
		in := p.time(&Time{From: "$", As: c.as, Zone: c.zone, Offsets: c.offsets}, false)
		if err := p.err(); err != nil {
			t.Errorf("%s %s: %v", c.as, c.zone, err)
			continue
		}
		ms, ok := in.read(c.in)
		if ok != (c.ms >= 0) || ok && ms != want+c.ms {
			t.Errorf("%q as %s %s: %d %v, want %d", c.in, c.as, c.zone, ms, ok, want+c.ms)
		}
	}
	for in, want := range map[string]int64{"-5": 0, "99999999999999999999": maxTimeMS - 1, "-99999999999999999999": 0} {
		if ms, ok := epoch(in, "s"); !ok || ms != want {
			t.Errorf("%s: %d %v, want %d", in, ms, ok, want)
		}
	}
	if _, ok := epoch("1e999999999", "s"); ok {
		t.Error("a time with a huge exponent was computed")
	}
}

// TestZonesAgreeWithTheTable over all changes of some years, an hour before and after each.
func TestZonesAgreeWithTheTable(t *testing.T) {
	for _, name := range []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Pacific/Apia"} {
		where, err := time.LoadLocation(name)
		if err != nil {
			t.Skip("no table of zones")
		}
		var offsets []Offset
		last := -1
		from := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
		for at := from; at.Year() < 2030; at = at.Add(30 * time.Minute) {
			if _, add := at.In(where).Zone(); add != last {
				offsets, last = append(offsets, Offset{at.Format(time.RFC3339), at.In(where).Format("-07:00")}), add
			}
		}
		z, err := newZone(name, offsets)
		if err != nil {
			t.Fatal(err)
		}
		for at := from; at.Year() < 2030; at = at.Add(30 * time.Minute) {
			_, add := at.In(where).Zone()
			got := z.utc(at.UnixMilli() + int64(add)*1000)
			// In the hour that comes twice the first one counts.
			if earlier := at.UnixMilli() - got; got != at.UnixMilli() && (earlier < 0 || earlier > 3_600_000) {
				t.Fatalf("%s: %s reads as %s", name, at.In(where), time.UnixMilli(got).UTC())
			}
		}
	}
}

func TestZonesRefused(t *testing.T) {
	for _, c := range []struct {
		name    string
		offsets []Offset
	}{
		{"Europe/Berlin", nil}, {"+1", nil}, {"+25:00", nil}, {"UTC", []Offset{{"2026-10-25T01:00:00Z", "+01:00"}}}, {"X", []Offset{{"2026-10-25", "+01:00"}}},
		{"X", []Offset{{"2026-10-25T01:00:00Z", "1"}}}, {"X", []Offset{{"2026-10-25T01:00:00Z", "+01:00"}, {"2026-10-25T01:00:00Z", "+02:00"}}}, {"X", []Offset{{"2026-10-25T01:00:00+01:00", "+01:00"}}},
	} {
		if _, err := newZone(c.name, c.offsets); err == nil {
			t.Errorf("%s %v was taken", c.name, c.offsets)
		}
	}
}
