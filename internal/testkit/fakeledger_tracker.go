package testkit

import (
	"encoding/hex"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/telemetry"
)

func (t *tx) tracker(id string) (ledger.Tracker, error) {
	var r ledger.Tracker
	if !t.get("tracker/"+id, &r) {
		return r, refuse(ledger.NotFound, "tracker %s does not exist", id)
	}
	return r, nil
}

// ownTracker is a tracker that the caller may change.
func (t *tx) ownTracker(id string) (ledger.Tracker, error) {
	r, err := t.tracker(id)
	if err == nil && r.Owner != t.msp {
		err = refuse(ledger.Forbidden, "tracker %s belongs to %s", id, r.Owner)
	}
	return r, err
}

func (t *tx) putTracker(r ledger.Tracker) (ledger.Tracker, error) {
	if err := t.put("tracker/"+r.ID, r); err != nil {
		return r, err
	}
	return r, t.emit(ledger.EventTracker, r)
}

func enrol(t *tx, a ledger.EnrolArgs) (ledger.Tracker, error) {
	var r ledger.Tracker
	if !telemetry.ValidID(a.ID) {
		return r, refuse(ledger.Invalid, "id %q is not a tracker id", a.ID)
	}
	if t.has("tracker/" + a.ID) {
		return r, refuse(ledger.Exists, "tracker %s exists", a.ID)
	}
	r = ledger.Tracker{ID: a.ID, Owner: t.msp, Alg: a.Alg, Keys: []ledger.TrackerKey{}, Model: a.Model, EnrolledMS: t.ms, EnrolTx: t.id}
	if a.Alg == 0 {
		if _, err := decodeHex("secret_hash", a.SecretHash, 32); err != nil {
			return r, err
		}
		if a.Public != "" || a.Proof != "" {
			return r, refuse(ledger.Invalid, "give a key or a secret hash, not both")
		}
		r.SecretHash = a.SecretHash
		return t.putTracker(r)
	}
	if a.SecretHash != "" {
		return r, refuse(ledger.Invalid, "give a key or a secret hash, not both")
	}
	key, err := t.key(a.ID, a.Alg, a.Public, a.Proof)
	if err != nil {
		return r, err
	}
	r.Keys = append(r.Keys, key)
	return t.putTracker(r)
}

// key checks the possession proof of a new key.
func (t *tx) key(id string, alg int, public, proof string) (ledger.TrackerKey, error) {
	var r ledger.TrackerKey
	raw, err := hex.DecodeString(public)
	if err != nil {
		return r, refuse(ledger.Invalid, "public must be hex")
	}
	key := telemetry.PublicKey{Alg: telemetry.Alg(alg), Raw: raw}
	if err := key.Validate(); err != nil {
		return r, refuse(ledger.Invalid, "public: %v", err)
	}
	sig, err := hex.DecodeString(proof)
	if err != nil {
		return r, refuse(ledger.Invalid, "proof must be hex")
	}
	if err := key.VerifyBytes(ledger.PossessionBytes(id, t.msp, alg, public), sig); err != nil {
		return r, refuse(ledger.BadProof, "proof: %v", err)
	}
	kid := key.KID()
	return ledger.TrackerKey{KID: hex.EncodeToString(kid[:]), Alg: alg, Public: public, FromMS: t.ms, Tx: t.id}, nil
}

func rotate(t *tx, a ledger.RotateArgs) (ledger.Tracker, error) {
	r, err := t.ownTracker(a.ID)
	if err != nil {
		return r, err
	}
	if r.RevokedMS != 0 || len(r.Keys) == 0 {
		return r, refuse(ledger.BadState, "tracker %s has no key in force", a.ID)
	}
	key, err := t.key(a.ID, a.Alg, a.Public, a.Proof)
	if err != nil {
		return r, err
	}
	old := &r.Keys[len(r.Keys)-1]
	if old.KID == key.KID {
		return r, refuse(ledger.Conflict, "the new key is the old one")
	}
	if !a.Lost {
		raw, _ := hex.DecodeString(old.Public)
		sig, _ := hex.DecodeString(a.Old)
		was := telemetry.PublicKey{Alg: telemetry.Alg(old.Alg), Raw: raw}
		if err := was.VerifyBytes(ledger.PossessionBytes(a.ID, t.msp, a.Alg, a.Public), sig); err != nil {
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
	if r.RevokedMS != 0 {
		return r, refuse(ledger.BadState, "tracker %s is revoked already", a.ID)
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
	if _, err := decodeHex("hash", a.Hash, 32); err != nil {
		return r, err
	}
	if a.Ref == "" || a.ValidToMS <= a.ValidFromMS {
		return r, refuse(ledger.Invalid, "a calibration needs a reference and a validity that ends after it starts")
	}
	r.Calibration = &ledger.Calibration{Ref: a.Ref, Hash: a.Hash, ValidFromMS: a.ValidFromMS, ValidToMS: a.ValidToMS, RecordedMS: t.ms, Tx: t.id}
	return t.putTracker(r)
}
