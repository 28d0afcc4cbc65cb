package compliance

import (
	"fmt"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/compliance"
)

// The offsets that are pinned are those of the wall clock, for years to come.
func TestPinnedZones(t *testing.T) {
	now := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	for _, name := range []string{"Europe/Berlin", "America/New_York", "Asia/Kolkata", "UTC", "Africa/Casablanca", "Australia/Lord_Howe"} {
		z := &compliance.Zone{Name: name}
		if err := pin(z, now); err != nil {
			t.Fatal(err)
		}
		r := compliance.RuleSet{Schema: compliance.Schema, ID: "x", Version: 1, MaxGapS: 60, Zone: z, Rules: []compliance.Rule{{ID: "day", Severity: "minor",
			Hours: &compliance.Hours{From: "07:00", To: "19:00"}, Limit: &compliance.Limit{Metric: "temperature", Op: ">", Value: "8", Mode: "instant"}}}}
		if err := r.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		where, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		const yearsBack, yearsAhead = 5, 15
		for day := range (yearsBack + yearsAhead) * 365 { // all but the last days
			at := time.Date(now.Year()-yearsBack, 1, 1+day, 12, 0, 0, 0, time.UTC)
			add := z.Offsets[0].Add
			for _, o := range z.Offsets {
				if o.From <= at.Format(time.RFC3339) {
					add = o.Add
				}
			}
			if want := at.In(where).Format("-07:00"); add != want {
				t.Fatalf("%s at %s: %s, want %s", name, at, add, want)
			}
		}
		if n := len(r.Canonical()); n > 4096 {
			t.Errorf("%s makes %d bytes", name, n)
		}
	}
	z := &compliance.Zone{Name: "Europe/Berlin"}
	if err := pin(z, now); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(z.Offsets[:2]); got != "[{2020-12-31T23:00:00Z +01:00} {2021-03-28T01:00:00Z +02:00}]" {
		t.Error(got)
	}
	for _, name := range []string{"", "Local", "Europe/Atlantis", "../../etc/passwd"} {
		if err := pin(&compliance.Zone{Name: name}, now); err == nil {
			t.Errorf("pinned %q", name)
		}
	}
}
