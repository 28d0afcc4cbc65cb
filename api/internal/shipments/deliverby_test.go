package shipments

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/trackseal/trackseal/api/internal/problem"
)

func TestDeliverBy(t *testing.T) {
	for _, tc := range []struct{ text, zone, want, err string }{
		{"", "", "", ""},
		{"2026-12-01T18:00:00+01:00", "", "2026-12-01T17:00:00Z", ""},
		{"2026-12-01T17:00:00Z", "", "2026-12-01T17:00:00Z", ""},
		{"2026-12-01T18:00", "Europe/Vienna", "2026-12-01T17:00:00Z", ""},
		{"2026-07-01T18:00:30", "Europe/Vienna", "2026-07-01T16:00:30Z", ""},
		{"2026-12-01T18:00", "America/St_Johns", "2026-12-01T21:30:00Z", ""},
		{"2026-12-01T18:00", "", "", "with its zone"},
		{"2026-12-01T18:00:00+01:00", "Europe/Vienna", "", "without a zone"},
		{"2026-03-29T02:30", "Europe/Vienna", "", "skip this time"},
		{"2026-10-25T02:30", "Europe/Vienna", "", "show this time twice"},
		{"2026-10-25T03:00", "Europe/Vienna", "2026-10-25T02:00:00Z", ""},
		{"2026-12-01T18:00", "Vienna", "", "is no zone"},
		{"2026-12-01T18:00", "Local", "", "is no zone"},
		{"", "Europe/Vienna", "", "is for deliver_by"},
		{"tomorrow", "", "", "with its zone"},
	} {
		ms, err := deliverBy(tc.text, tc.zone)
		got := ""
		if ms != 0 {
			got = time.UnixMilli(ms).UTC().Format(time.RFC3339)
		}
		said := ""
		if p, is := errors.AsType[*problem.Problem](err); is {
			said = fmt.Sprint(p.Errors)
		}
		if got != tc.want || (err == nil) != (tc.err == "") || !strings.Contains(said, tc.err) {
			t.Errorf("%q in %q: came %q (%v: %s), expected %q, %q", tc.text, tc.zone, got, err, said, tc.want, tc.err)
		}
	}
}
