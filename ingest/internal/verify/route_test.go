package verify

import (
	"fmt"
	"strings"
	"testing"

	"github.com/trackseal/trackseal/ingest/internal/message"
	"github.com/trackseal/trackseal/ingest/internal/registry"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// A message goes to every shipment that a reading of it belongs to, and to the one that its tracker was on when it sent it.
func TestRoutes(t *testing.T) {
	const minute, now = int64(60_000), int64(1_800_000_000_000)
	ago := func(m int64) int64 { return now - m*minute }
	tracker := &registry.Tracker{ID: "T-1", EnrolTx: "enrolled", Windows: []registry.Window{
		{Shipment: "S-2", CreateTx: "second", FromMS: ago(30), ToMS: ago(20)}, {Shipment: "S-1", CreateTx: "first", FromMS: ago(60), ToMS: ago(30)},
		{Shipment: "S-3", CreateTx: "third", FromMS: ago(10)},
	}}
	v := &Verifier{Registry: oneTracker{tracker}}
	for _, tc := range []struct {
		name    string
		times   []int64 // minutes ago; -1 = none given
		want    string
		flagged string
	}{
		{"one reading", []int64{40}, "S-1", ""},
		{"at the very end of a window", []int64{30}, "S-2", ""},
		{"in no window", []int64{15}, "", ""},
		{"before all windows", []int64{90, 80}, "", ""},
		{"a batch that begins before the assignment", []int64{90, 70, 50}, "S-1", ""},
		{"a batch that ends after it, in between", []int64{25, 15}, "S-2", ""},
		{"a batch across two", []int64{45, 35, 25}, "S-1 S-2", ""},
		{"a batch across all, newest first", []int64{5, 25, 45, 15, 70}, "S-1 S-2 S-3", ""},
		{"without a time", []int64{-1}, "S-3", ""},
		{"of a clock that is ahead by an hour", []int64{-60}, "S-3", "clock_ahead"},
		{"some of it undated", []int64{45, -60}, "S-1", "clock_ahead"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var objects []string
			for i, m := range tc.times {
				object := fmt.Sprintf(`{"temperature":%d}`, i)
				if m != -1 {
					object = fmt.Sprintf(`{"time":%d,"temperature":%d}`, ago(m), i)
				}
				objects = append(objects, object)
			}
			it := &message.Item{Topic: telemetry.Topic("T-1", telemetry.JSON), Raw: []byte("[" + strings.Join(objects, ",") + "]"), ReceivedMS: now}
			v.verify(t.Context(), []*message.Item{it}, new(batch))
			var got []string
			for _, r := range it.Routes {
				got = append(got, r.Shipment)
			}
			if it.Reject != nil || strings.Join(got, " ") != tc.want || it.TrackerTx != "enrolled" {
				t.Errorf("%v, routes %q, want %q", it.Reject, got, tc.want)
			}
			if flags := strings.Join(it.Flags.Names(), " "); flags != tc.flagged {
				t.Errorf("flags %q, want %q", flags, tc.flagged)
			}
		})
	}
}
