package evidence_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/evidence/evidencetest"
	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// A reading that a limit at once forbids, of a clock that cannot be right: the message is the tracker's own, and whether the rule was kept
// is unknown. The verdict on the ledger was made by the same code, so nothing contradicts it.
func TestUndatedBreachIsUnknown(t *testing.T) {
	for name, clock := range map[string]func(nowMS int64) int64{
		"fell back to 1980":   func(int64) int64 { return 315_964_812_000 },
		"three minutes ahead": func(nowMS int64) int64 { return nowMS + 180_000 },
	} {
		t.Run(name, func(t *testing.T) {
			trip := evidencetest.NewTrip(evidencetest.New(fabricproof.BFT), evidencetest.NewTracker("T-ED", telemetry.Ed25519), evidencetest.NewTracker("T-EC", telemetry.ESP256))
			trip.Drive(4, 2)
			tr := trip.Trackers[0]
			tr.Temperature = func(int64) float64 { return 26 }
			trip.Log(tr.Message(clock(trip.C.NowMS), nil))
			tr.Temperature = nil
			trip.C.NowMS += trip.StepMS
			trip.Drive(2, 2)
			trip.Finish()
			r := check(t, trip.Bundle(), trip.C.Policy(), trip.Nonce)
			want := evidence.Verdicts{Authentic: "pass", Anchored: "pass", Final: "pass", Complete: "pass", Compliant: "unknown"}
			if r.Verdicts != want {
				t.Errorf("%+v, want %+v\n%v", r.Verdicts, want, r.Findings)
			}
			reason := strings.Join(r.Judgement.Reasons, "; ")
			if !strings.Contains(reason, "26 °C was measured at an unknown time") || strings.Contains(reason, "T-EC") {
				t.Errorf("reasons %q, want those of T-ED alone", reason)
			}
			for _, f := range r.Findings {
				if f.Severity == "fail" {
					t.Error(f)
				}
			}
			if !slices.ContainsFunc(r.Findings, func(f evidence.Finding) bool {
				return f.Code == evidence.Undated && strings.Contains(f.Where, "T-ED") && strings.Contains(f.Found, "1 message")
			}) {
				t.Errorf("no %s that names tracker and number: %v", evidence.Undated, r.Findings)
			}
		})
	}
}
