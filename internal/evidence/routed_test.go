package evidence_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/evidence/evidencetest"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// beforehand gives the first tracker readings from before its assignment, which go out with its first message.
func beforehand(celsius float64) func(*evidencetest.Trip) {
	return func(t *evidencetest.Trip) {
		for i := range int64(30) {
			t.Trackers[0].Buffered = append(t.Trackers[0].Buffered, evidencetest.Reading(t.C.NowMS-(60-i)*minute, celsius))
		}
		t.Drive(6, 2)
	}
}

// takenOff unassigns the first tracker, which goes on elsewhere and sends late: its next message begins in the window and ends far behind it.
func takenOff(inside, elsewhere float64) func(*evidencetest.Trip) {
	return func(t *evidencetest.Trip) {
		off := t.Trackers[0]
		t.Drive(4, 2)
		for range 3 {
			off.Buffered = append(off.Buffered, evidencetest.Reading(t.C.NowMS, inside))
			t.Log(t.Trackers[1].Message(t.C.NowMS, nil))
			t.C.NowMS += minute
		}
		t.Unassign(off)
		for range 20 {
			t.C.NowMS += minute
			off.Buffered = append(off.Buffered, evidencetest.Reading(t.C.NowMS, elsewhere))
			t.Log(t.Trackers[1].Message(t.C.NowMS, nil))
		}
		t.C.NowMS += minute
		off.Temperature = func(int64) float64 { return elsewhere }
		raw := off.Message(t.C.NowMS, nil)
		t.Log(raw)
		cose, _ := evidencetest.Split(raw) // it stands in the next shipment's log, too
		t.Outside = append(t.Outside, cose)
		t.C.NowMS += minute
		for range 4 {
			t.Log(t.Trackers[1].Message(t.C.NowMS, nil))
			t.C.NowMS += minute
		}
		t.Anchor(false)
	}
}

// Batches that begin before an assignment or end after it are the shipment's by their readings, and nothing is wrong with them. What they hold
// of other times breaks no rule here; what they hold of the window does.
func TestBatchesAcrossAssignments(t *testing.T) {
	for name, tc := range map[string]struct {
		attack
		verdict string
	}{
		"begins before":              {attack{during: beforehand(4.5), policy: requireCompliant}, "compliant"},
		"begins before, warm":        {attack{during: beforehand(31), policy: requireCompliant}, "compliant"},
		"ends behind":                {attack{during: takenOff(4.5, 4.5), policy: requireCompliant}, "compliant"},
		"ends behind, warm there":    {attack{during: takenOff(4.5, 31), policy: requireCompliant}, "compliant"},
		"ends behind, warm until it": {attack{during: takenOff(31, 4.5), policy: requireCompliant}, "non_compliant"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := tc.run(t)
			if r.Judgement == nil || r.Judgement.Verdict != tc.verdict {
				t.Fatalf("judged %+v, want %s", r.Judgement, tc.verdict)
			}
			for _, f := range r.Findings {
				if f.Severity != "warn" && !(tc.verdict == "non_compliant" && f.Code == evidence.RulesBroken) || f.Code == evidence.Duplicate {
					t.Errorf("%s", f)
				}
			}
		})
	}
}

// What a sensor sends in the place of a measurement is unknown time for the auditor, too, by what the assignment recorded.
func TestFaultsInEvidence(t *testing.T) {
	trip := func(t *evidencetest.Trip) {
		n := 0
		t.Trackers[0].Temperature = func(int64) float64 {
			if n++; n == 3 || n == 4 {
				return 85
			}
			return 4.5
		}
		t.Drive(8, 2)
	}
	stated := written(ledger.ShipmentAssign, func(_ *evidencetest.Tx, s *ledger.Shipment) {
		s.Assignments[0].Sensors = []telemetry.Sensor{{Quantity: "temperature", Model: "ds18b20"}}
	})
	for name, tc := range map[string]struct {
		attack
		verdict string
	}{
		"stated":     {attack{setup: stated, during: trip, policy: requireCompliant}, "inconclusive"},
		"not stated": {attack{during: trip, policy: requireCompliant}, "non_compliant"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := tc.run(t)
			if r.Judgement == nil || r.Judgement.Verdict != tc.verdict {
				t.Fatalf("judged %+v, want %s", r.Judgement, tc.verdict)
			}
			said := slices.ContainsFunc(r.Judgement.Reasons, func(s string) bool {
				return strings.Contains(s, "2 readings of temperature without a measurement: sensor error value 85")
			})
			if said != (tc.verdict == "inconclusive") {
				t.Errorf("reasons %q", r.Judgement.Reasons)
			}
			if got := r.Verdicts.Of("authentic"); got != evidence.Pass {
				t.Errorf("authentic is %s", got)
			}
		})
	}
}
