package bundle_test

import (
	"context"
	"slices"
	"testing"

	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
)

// A bundle discloses the details that its records name, as far as they are here, and is as good without them.
func TestDetailsAreDisclosed(t *testing.T) {
	w := newWorld(t, fabricproof.BFT, true, nil)
	had := w.trip.Manifest.Details[0]
	var asked []string
	give := func(raw []byte) {
		w.request.Details = func(_ context.Context, by, hash string) ([]byte, error) {
			asked = append(asked, by)
			return raw, nil
		}
	}
	give(had)
	if r := w.judge(); !r.Passed || len(r.Facts.Details) != 1 || r.Facts.Details[0].Description != "vaccines, 2 pallets" || !slices.Equal(asked, []string{"ShipperMSP"}) {
		t.Errorf("passed %t, details %+v, asked for those of %v", r.Passed, r.Facts.Details, asked)
	}
	give(nil)
	if r := w.judge(); !r.Passed || len(r.Facts.Details) != 0 {
		t.Errorf("without details: passed %t, %+v", r.Passed, r.Facts.Details)
	}
}
