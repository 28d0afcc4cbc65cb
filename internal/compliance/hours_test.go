package compliance

import (
	"strings"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

var berlin = &Zone{Name: "Europe/Berlin", Offsets: []Offset{{"2025-10-26T01:00:00Z", "+01:00"}, {"2026-03-29T01:00:00Z", "+02:00"}, {"2026-10-25T01:00:00Z", "+01:00"}}}

func within(r Rule, from, to string) Rule {
	r.Hours = &Hours{from, to}
	return r
}

// Each minute of a year is in the hours or not as the clock on the wall says, also where it is set forward and back.
func TestHoursAgainstTheWallClock(t *testing.T) {
	for _, h := range []Hours{{"07:00", "19:00"}, {"19:00", "07:00"}, {"02:30", "03:10"}, {"23:59", "00:00"}, {"00:00", "23:59"}} {
		rs := set(within(warm(Instant, 0), h.From, h.To))
		rs.Zone = berlin
		if err := rs.Validate(); err != nil {
			t.Fatal(err)
		}
		c := clockOf(&rs, rs.Rules[0].Hours)
		want := func(ms int64) bool {
			offset := time.Hour
			if at := time.UnixMilli(ms).UTC().Format("01-02T15:04"); at >= "03-29T01:00" && at < "10-25T01:00" {
				offset = 2 * time.Hour
			}
			wall := time.UnixMilli(ms).UTC().Add(offset).Format("15:04")
			if h.From < h.To {
				return h.From <= wall && wall < h.To
			}
			return wall >= h.From || wall < h.To
		}
		from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
		to := from + 365*dayMS
		var total int64
		for ms := from; ms < to; ms += minute {
			within, until := c.at(ms)
			if within != want(ms) || until <= ms {
				t.Fatalf("%v: at %s within is %v", h, time.UnixMilli(ms).UTC(), within)
			}
			if within {
				total += minute
			}
			if until < to && c.sameUntil(ms, until) {
				t.Fatalf("%v: at %s nothing changes at %s", h, time.UnixMilli(ms).UTC(), time.UnixMilli(until).UTC())
			}
		}
		if got := (spans{[]span{{from, to}}, c}).until(to); got != total {
			t.Errorf("%v: %d min in all, want %d", h, got/minute, total/minute)
		}
	}
}

// sameUntil tells that neither the hours nor the offset change at until.
func (c *clock) sameUntil(ms, until int64) bool {
	a, _ := c.at(ms)
	b, _ := c.at(until)
	for _, o := range c.offsets {
		if o.from == until {
			return false
		}
	}
	return a == b
}

// 20 °C by day and 10 °C by night, from 07:00 to 19:00: the same values are right in one zone and wrong in another.
func TestDayLimitAndNightLimit(t *testing.T) {
	for name, tc := range map[string]struct {
		zone *Zone
		want string
	}{
		"UTC":    {&Zone{"UTC", []Offset{{"1970-01-01T00:00:00Z", "+00:00"}}}, Compliant},
		"Berlin": {berlin, NonCompliant},
	} {
		day, night := limit("day", "temperature", ">", "20", Instant, 0), limit("night", "temperature", ">", "10", Instant, 0)
		rs := set(within(day, "07:00", "19:00"), within(night, "19:00", "07:00"))
		rs.Zone, rs.MaxGapS = tc.zone, 900
		if err := rs.Validate(); err != nil {
			t.Fatal(err)
		}
		from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
		var all []Reading
		for i := range int64(2*96 + 1) {
			v := 6.0
			if h := i % 96 / 4; h >= 7 && h < 19 {
				v = 18
			}
			all = append(all, at(from+i*15*minute, v))
		}
		c := detect.Journey{FromMS: from, Trackers: []detect.Tracker{{ID: "T", Windows: []detect.Window{{FromMS: from}}}}}
		r := judge(t, rs, c, all, 0)
		if r.Verdict != tc.want {
			t.Errorf("%s: %s", name, r.Encode())
		}
		if m := r.metric("temperature"); m.InMS+m.OutMS != 2*dayMS || m.UnknownMS != 0 || (m.OutMS == 0) != (tc.want == Compliant) {
			t.Errorf("%s: %d min in, %d min out", name, m.InMS/minute, m.OutMS/minute)
		}
		if got, want := rs.Text(1), "Temperature must not be above 10 °C at any moment, from 19:00 to 07:00 in "+tc.zone.Name; got != want {
			t.Errorf("%q, want %q", got, want)
		}
		if _, err := rs.InstantLimit("day"); err == nil {
			t.Error("one reading alone is said to break a rule with hours")
		}
	}
}

func TestHoursAreChecked(t *testing.T) {
	for want, change := range map[string]func(rs *RuleSet){
		"rules[0].hours the rule set must have a zone": func(rs *RuleSet) { rs.Zone = nil },
		"zone.offsets must be 1 to":                    func(rs *RuleSet) { rs.Zone.Offsets = nil },
		"zone.name must":                               func(rs *RuleSet) { rs.Zone.Name = "" },
		"zone.offsets[1].from must be later":           func(rs *RuleSet) { rs.Zone.Offsets[1].From = rs.Zone.Offsets[0].From },
		"zone.offsets[0].from \"2026\"":                func(rs *RuleSet) { rs.Zone.Offsets[0].From = "2026" },
		"zone.offsets[0].add \"CET\"":                  func(rs *RuleSet) { rs.Zone.Offsets[0].Add = "CET" },
		"rules[0].hours.from \"7:00\"":                 func(rs *RuleSet) { rs.Rules[0].Hours.From = "7:00" },
		"rules[0].hours.to \"24:00\"":                  func(rs *RuleSet) { rs.Rules[0].Hours.To = "24:00" },
		"rules[0].hours.to must be another time":       func(rs *RuleSet) { rs.Rules[0].Hours.To = "07:00" },
	} {
		rs := set(within(warm(Instant, 0), "07:00", "19:00"))
		rs.Zone = &Zone{berlin.Name, append([]Offset(nil), berlin.Offsets...)}
		change(&rs)
		if err := rs.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
