package compliance

import (
	"strings"
	"testing"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

func TestTakingTheTrackerOffIsNoWayOut(t *testing.T) {
	rs, ok := Lookup("general-2-8@1")
	if !ok {
		t.Fatal("no rule set")
	}
	const minute = 60_000
	for _, tc := range []struct {
		name    string
		off, on int64 // minutes without a tracker
		want    string
	}{
		{"changed at once", 60, 60, Compliant},
		{"changed within the gap", 60, 74, Compliant},
		{"nothing for an hour", 60, 120, Inconclusive},
		{"off until the delivery", 60, 180, Inconclusive},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := detect.Journey{FromMS: 0, EndMS: 180 * minute, Trackers: []detect.Tracker{{ID: "a", Windows: []detect.Window{{FromMS: 0, ToMS: tc.off * minute}}}}}
			if tc.on < 180 {
				c.Trackers = append(c.Trackers, detect.Tracker{ID: "b", Windows: []detect.Window{{FromMS: tc.on * minute}}})
			}
			var all []Reading
			for m := int64(0); m < 180; m += 5 {
				tracker := "a"
				if m >= tc.off {
					tracker = "b"
				}
				if m >= tc.off && m < tc.on {
					continue
				}
				all = append(all, Reading{Tracker: tracker, Point: detect.NewPoint(m*minute, [32]byte{byte(m)}, map[string]float64{"temperature": 5})})
			}
			got, err := Judge(rs, c, all, 0)
			if err != nil || got.Verdict != tc.want || (got.Verdict == Inconclusive) != strings.Contains(strings.Join(got.Reasons, ";"), "no tracker was assigned for") {
				t.Errorf("%s %q %v", got.Verdict, got.Reasons, err)
			}
		})
	}
}
