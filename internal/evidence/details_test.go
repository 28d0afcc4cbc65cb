package evidence_test

import (
	"testing"

	"github.com/trackseal/trackseal/internal/evidence/evidencetest"
	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
)

// What is disclosed stands in the report, with whose words they are; what is not is nobody's fault.
func TestDisclosedDetails(t *testing.T) {
	trip := evidencetest.Standard(fabricproof.BFT, 4)
	r := check(t, trip.Bundle(), trip.C.Policy(), trip.Nonce)
	if len(r.Facts.Details) != 1 {
		t.Fatalf("expected the shipment's details, got %+v", r.Facts.Details)
	}
	if d := r.Facts.Details[0]; !r.Passed || d.Of != "shipment" || d.By != "ShipperMSP" || d.Description != "vaccines, 2 pallets" || d.Origin != "Basel" || d.Destination != "Oslo" {
		t.Errorf("got %+v", d)
	}
	trip.Manifest.Details = nil
	if r := check(t, trip.Bundle(), trip.C.Policy(), trip.Nonce); !r.Passed || len(r.Facts.Details) != 0 {
		t.Errorf("without details: passed %t, %+v", r.Passed, r.Facts.Details)
	}
}
