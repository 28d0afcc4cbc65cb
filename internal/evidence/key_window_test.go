package evidence_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/evidence/evidencetest"
	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// oldKeyAfterRotation rotates the first tracker's key, and has the old one sign once more that much later.
func oldKeyAfterRotation(t *evidencetest.Trip, ms int64) {
	tr := t.Trackers[0]
	old := tr.Signer
	t.Rotate(tr, telemetry.Ed25519)
	next := tr.Signer
	t.C.NowMS += ms
	tr.Signer = old
	t.Log(tr.Message(t.C.NowMS, nil))
	tr.Signer = next
}

// The verifier answers as ingest, the peers and the API do.
func TestOldKeyAfterARotation(t *testing.T) {
	for _, minutes := range []int64{1, 4, 6, 7, 9, 11} {
		t.Run(fmt.Sprint(minutes), func(t *testing.T) {
			c := evidencetest.New(fabricproof.BFT)
			trip := evidencetest.NewTrip(c, evidencetest.NewTracker("T-1", telemetry.Ed25519))
			trip.Drive(2, 2)
			oldKeyAfterRotation(trip, minutes*60_000)
			trip.Drive(2, 2)
			trip.Finish()
			r := check(t, trip.Bundle(), c.Policy(), trip.Nonce)
			refused := slices.ContainsFunc(r.Findings, func(f evidence.Finding) bool { return f.Code == evidence.KeyWindow })
			if want := minutes > 10; refused != want || r.Passed == want {
				t.Errorf("signed %d minutes after the rotation: refused %v, expected %v; findings %v", minutes, refused, want, r.Findings)
			}
		})
	}
}
