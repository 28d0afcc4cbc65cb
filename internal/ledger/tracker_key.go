package ledger

import (
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/trackseal/trackseal/internal/telemetry"
)

// KeyOf is the tracker's enrolled key that a message names, if it was in force; receivedMS is when the message was received. The error
// says why there is none.
func (t *Tracker) KeyOf(m *telemetry.Message, receivedMS int64) (telemetry.PublicKey, error) {
	kid := hex.EncodeToString(m.KID[:])
	for i, k := range t.Keys {
		if k.KID != kid {
			continue
		}
		raw, err := hex.DecodeString(k.Public)
		if err != nil {
			return telemetry.PublicKey{}, errors.New("the key on the ledger is not hex")
		}
		if !t.Term(i).Covers(m.TimeMS, receivedMS) {
			return telemetry.PublicKey{}, fmt.Errorf("key %s… was not in force then", kid[:16])
		}
		return telemetry.PublicKey{Alg: telemetry.Alg(k.Alg), Raw: raw}, nil
	}
	return telemetry.PublicKey{}, fmt.Errorf("key %s… was never enrolled for tracker %s", kid[:16], m.Tracker)
}
