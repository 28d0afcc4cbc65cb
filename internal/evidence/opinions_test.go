package evidence_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/evidence/evidencetest"
	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// TestOpinionsInTheReport: each party's opinion is listed with what is thought of it, and those are counted that confirm the result.
func TestOpinionsInTheReport(t *testing.T) {
	trip := evidencetest.NewTrip(evidencetest.New(fabricproof.BFT), evidencetest.NewTracker("T-ED", telemetry.Ed25519))
	trip.Drive(8, 4)
	trip.OnClose = func(c *ledger.Close) {
		whole := slices.Clone(c.Compliance.Opinions[0].Logs)
		fromBeginning(trip, c, 4, compliance.Compliant) // the carrier's was of the first leaves
		for _, o := range []ledger.Opinion{{By: "ConsigneeMSP", Result: compliance.Compliant}, {By: "ShipperMSP", Result: compliance.NonCompliant}} {
			of := c.Compliance.Opinions[0]
			of.By, of.Result, of.Logs = o.By, o.Result, whole
			c.Compliance.Opinions = append(c.Compliance.Opinions, of)
		}
	}
	trip.Finish()
	r := check(t, trip.Bundle(), trip.C.Policy(), trip.Nonce)
	passes(t, r)
	if c := r.Confirmed; c == nil || *c != (evidence.Confirmed{By: 2, Of: 4}) {
		t.Errorf("confirmed %+v, want by 2 of 4", c)
	}
	var got []string
	for _, o := range r.Opinions {
		got = append(got, fmt.Sprintf("%s %s %t %s %s", o.By, o.Result, o.Whole, o.Standing, o.Expected))
	}
	want := []string{"CarrierMSP compliant false right ", "ConsigneeMSP compliant true right ", "ShipperMSP non_compliant true wrong compliant, as the readings and the pinned rules give"}
	if !slices.Equal(got, want) {
		t.Errorf("opinions\n%q\nwant\n%q", got, want)
	}
	for _, f := range r.Findings {
		if f.Code == evidence.OldClaim {
			t.Errorf("%s, and another opinion is of all leaves and right", f)
		}
	}
}

// Nothing can be compared where readings are withheld: the opinions are listed, and nothing is said of them.
func TestOpinionsUnchecked(t *testing.T) {
	trip := evidencetest.Standard(fabricproof.BFT, 4)
	for i := range trip.Leaves {
		trip.Leaves[i].Pack = nil
	}
	r := check(t, trip.Bundle(), trip.C.Policy(), trip.Nonce)
	if r.Confirmed == nil || r.Confirmed.By != 0 || len(r.Opinions) != 1 || r.Opinions[0].Standing != evidence.OpinionUnchecked {
		t.Errorf("%+v of %+v, want one that is not checked: %v", r.Confirmed, r.Opinions, r.Findings)
	}
}
