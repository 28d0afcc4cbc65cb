package testkit

import (
	"encoding/hex"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/telemetry"
)

func (t *tx) tracker(id string) (ledger.Tracker, error) {
	var r ledger.Tracker
	if !t.get("tracker/"+id, &r) {
		return r, refuse(ledger.NotFound, "there is no tracker %s", id)
	}
	return r, nil
}

// ownTracker is a tracker in force that the caller may change.
func (t *tx) ownTracker(id string) (ledger.Tracker, error) {
	r, err := t.tracker(id)
	switch {
	case err != nil:
		return r, err
	case r.Owner != t.msp:
		return r, refuse(ledger.Forbidden, "tracker %s belongs to %s", id, r.Owner)
	case r.RevokedMS != 0:
		return r, refuse(ledger.BadState, "tracker %s is revoked", id)
	}
	return r, nil
}

func (t *tx) putTracker(r ledger.Tracker) (ledger.Tracker, error) {
	return r, t.put("tracker/"+r.ID, r)
}

func enrol(t *tx, a ledger.EnrolArgs) (ledger.Tracker, error) {
	r := ledger.Tracker{
		ID: a.ID, Owner: t.msp, Alg: a.Alg, Keys: []ledger.TrackerKey{}, SecretHash: a.SecretHash, Model: a.Model,
		EnrolledMS: t.ms, EnrolTx: t.id,
	}
	if t.has("tracker/" + a.ID) {
		return r, refuse(ledger.Exists, "tracker %s is enrolled already", a.ID)
	}
	if a.SecretHash == "" {
		key, err := t.possess(a.ID, a.Alg, a.Public, a.Proof)
		if err != nil {
			return r, err
		}
		r.Keys = append(r.Keys, key)
	}
	return t.putTracker(r)
}

// possess checks a new key with its possession proof and claims it, once for ever.
func (t *tx) possess(id string, alg int, public, proof string) (ledger.TrackerKey, error) {
	raw, _ := hex.DecodeString(public) // shape was checked
	key := telemetry.PublicKey{Alg: telemetry.Alg(alg), Raw: raw}
	if err := key.Validate(); err != nil {
		return ledger.TrackerKey{}, refuse(ledger.Invalid, "public: %v", err)
	}
	if err := t.signed(alg, public, id, alg, public, proof); err != nil {
		return ledger.TrackerKey{}, refuse(ledger.BadProof, "proof: %v", err)
	}
	kid := key.KID()
	r := ledger.TrackerKey{KID: hex.EncodeToString(kid[:]), Alg: alg, Public: public, FromMS: t.ms, Tx: t.id}
	if t.has("kid/" + r.KID) {
		return r, refuse(ledger.Conflict, "public: this key is or was another enrolment's")
	}
	return r, t.put("kid/"+r.KID, id)
}

// signed verifies a key's signature over the possession of another key (or itself) by tracker id of the caller.
func (t *tx) signed(byAlg int, byPublic, id string, alg int, public, signature string) error {
	raw, _ := hex.DecodeString(byPublic)
	sig, _ := hex.DecodeString(signature)
	return telemetry.PublicKey{Alg: telemetry.Alg(byAlg), Raw: raw}.VerifyBytes(ledger.PossessionBytes(id, t.msp, alg, public), sig)
}

func rotate(t *tx, a ledger.RotateArgs) (ledger.Tracker, error) {
	r, err := t.ownTracker(a.ID)
	if err != nil {
		return r, err
	}
	if len(r.Keys) == 0 {
		return r, refuse(ledger.BadState, "tracker %s cannot sign and has no key", a.ID)
	}
	key, err := t.possess(a.ID, a.Alg, a.Public, a.Proof)
	if err != nil {
		return r, err
	}
	old := &r.Keys[len(r.Keys)-1]
	if !a.Lost {
		if err := t.signed(old.Alg, old.Public, a.ID, a.Alg, a.Public, a.Old); err != nil {
			return r, refuse(ledger.BadProof, "old: %v", err)
		}
	}
	old.ToMS = t.ms
	r.Alg, r.Keys = a.Alg, append(r.Keys, key)
	return t.putTracker(r)
}

func revoke(t *tx, a ledger.RevokeArgs) (ledger.Tracker, error) {
	r, err := t.ownTracker(a.ID)
	if err != nil {
		return r, err
	}
	r.RevokedMS, r.RevokeCause = t.ms, a.Cause
	if n := len(r.Keys); n > 0 {
		r.Keys[n-1].ToMS = t.ms
	}
	return t.putTracker(r)
}

func calibrate(t *tx, a ledger.CalibrateArgs) (ledger.Tracker, error) {
	r, err := t.ownTracker(a.ID)
	if err != nil {
		return r, err
	}
	r.Calibration = &ledger.Calibration{Ref: a.Ref, Hash: a.Hash, ValidFromMS: a.ValidFromMS, ValidToMS: a.ValidToMS, RecordedMS: t.ms, Tx: t.id}
	return t.putTracker(r)
}
