package verification

import (
	"encoding/hex"
	"testing"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// The API answers as ingest, the peers and the auditor's verifier do.
func TestOldKeyAfterARotation(t *testing.T) {
	const rotated = int64(1_800_000_000_000)
	kid := [32]byte{1}
	tracker := enrolled{Tracker: ledger.Tracker{ID: "T-1", Keys: []ledger.TrackerKey{
		{KID: hex.EncodeToString(kid[:]), Alg: -19, FromMS: rotated - 3_600_000, ToMS: rotated}, {KID: "other", Alg: -19, FromMS: rotated}}}}
	for _, minutes := range []int64{1, 4, 6, 7, 9, 11} {
		signed := rotated + minutes*60_000
		m := &telemetry.Message{KID: kid, Claims: telemetry.Claims{Tracker: "T-1", TimeMS: signed}}
		if _, why := tracker.key(m, signed+500); (why != "") != (minutes > 10) {
			t.Errorf("signed %d minutes after the rotation: %q", minutes, why)
		}
	}
}
