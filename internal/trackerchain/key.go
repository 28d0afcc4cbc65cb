// Package trackerchain says what holds of one tracker's messages, for everybody who looks at them: ingest, the endorsing peers, the
// API and the auditor's verifier. Which key was in force when, and what follows what. Pure.
package trackerchain

// ToleranceMS is how far outside of its term a key still counts.
//
// The term is in the ledger's time, the message in the tracker's, and a clock in the field is off by minutes. A wide tolerance gives
// nothing away: who holds an old key can sign any time that he likes, an earlier one too. What tells a stolen key is the chain, where
// a message with an older key than the one before it has no place. A narrow tolerance refuses honest messages for good.
const ToleranceMS = 10 * 60 * 1000

// Term is when a key was in force by the ledger.
type Term struct {
	FromMS, ToMS int64 // ToMS 0 = still
	First        bool  // the tracker's first key: it was enrolled after it began to sign, when a recorded trip is read out
}

// Covers reports whether the key counts for a message. receivedMS is when ingest received it, 0 when nothing shows that, as in a
// claim to a peer.
//
// A clock that was never set says nothing about the beginning, and one that is ahead nothing about the end: there the receipt
// decides, and without one the signed time.
func (t Term) Covers(signedMS, receivedMS int64) bool {
	began, used := receivedMS, min(signedMS, receivedMS)
	if receivedMS == 0 {
		began, used = signedMS, signedMS
		if t.First {
			began = t.FromMS
		}
	}
	return began >= t.FromMS-ToleranceMS && (t.ToMS == 0 || used <= t.ToMS+ToleranceMS)
}
