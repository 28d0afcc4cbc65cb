package contract

import (
	"encoding/hex"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// trackers: only the organisation that enrolled a tracker may change it.
var trackers = []function{
	timed(ledger.TrackerEnrol, operator, ledger.EventTracker, enrol),
	timed(ledger.TrackerRotate, operator, ledger.EventTracker, rotate),
	timed(ledger.TrackerRevoke, operator, ledger.EventTracker, revoke),
	change(ledger.TrackerCalibrate, operator, ledger.EventTracker, calibrate),
	timed(ledger.TrackerSensors, operator, ledger.EventTracker, sensors),
	timed(ledger.TrackerServe, operator, ledger.EventTracker, serve),
	timed(ledger.TrackerProfile, operator, ledger.EventTracker, trackerProfile),
	timed(ledger.TrackerGateway, operator, ledger.EventTracker, trackerGateway),
	read(ledger.TrackerGet, getTracker),
	list(ledger.TrackerList, noID, listTrackers),
}

// getTracker is for the owner, for an operator's ingest, which lets trackers in whoever owns them, and for who is party of a shipment
// on which the tracker is or was.
func getTracker(t *transaction, a ledger.TrackerArgs) (*ledger.Tracker, error) {
	tr, err := get[ledger.Tracker](t, ledger.TrackerKeyOf(a.ID))
	if err != nil {
		return nil, err
	}
	gate, err := letsIn(t)
	if err != nil {
		return nil, err
	}
	may := tr != nil && (tr.Owner == t.MSP || gate)
	if tr != nil && !may && a.Shipment != "" {
		s, err := shipment(t, a.Shipment)
		if err != nil {
			return nil, err
		}
		may = hasWindow(s, tr.ID, true)
	}
	if !may {
		return nil, ledger.Refuse(ledger.NotFound, "there is no tracker %s for %s", a.ID, t.MSP)
	}
	return tr, hide(t, tr, gate)
}

// letsIn reports whether the caller lets trackers in: an ingest of a member that is an operator.
func letsIn(t *transaction) (bool, error) {
	if t.Role != Ingest {
		return false, nil
	}
	m, err := memberOf(t, t.MSP)
	return m != nil && m.Operator, err
}

// listTrackers gives an operator's ingest all trackers, and anybody else their own. Their ids begin with the owner's name, so they lie together.
func listTrackers(t *transaction, a ledger.ListArgs) (*ledger.Page[ledger.Tracker], error) {
	gate, err := letsIn(t)
	if err != nil {
		return nil, err
	}
	owner := ""
	if !gate {
		name, err := t.member()
		if err != nil {
			return nil, err
		}
		owner = name + "."
	}
	item := func(key string, value []byte) (ledger.Tracker, error) {
		tr, err := stored[ledger.Tracker](key, value)
		if err != nil {
			return tr, err
		}
		return tr, hide(t, &tr, gate)
	}
	return pageOf(t, a, item, ledger.Key(ledger.ObjTracker), owner)
}

// hide takes out what only the owner may know, and those who need it: the hash of the secret, by which gate, who lets the tracker in,
// knows it again, and the shipment that it is on, which its parties know.
func hide(t *transaction, tr *ledger.Tracker, gate bool) error {
	if tr.Owner == t.MSP {
		return nil
	}
	if !gate || !tr.ServedBy(t.MSP) {
		tr.SecretHash = ""
	}
	if tr.Assigned == "" {
		return nil
	}
	_, err := shipment(t, tr.Assigned)
	if ledger.CodeOf(err) == ledger.NotFound {
		tr.Assigned, err = "", nil
	}
	return err
}

func enrol(t *transaction, a ledger.EnrolArgs) (*ledger.Tracker, error) {
	if err := t.own("id", a.ID); err != nil {
		return nil, err
	}
	tr := &ledger.Tracker{
		ID: a.ID, Owner: t.MSP, Alg: a.Alg, Keys: []ledger.TrackerKey{}, SecretHash: a.SecretHash,
		Model: a.Model, Sensors: a.Sensors, Operator: a.Operator, EnrolledMS: t.TimeMS, EnrolTx: t.Tx,
	}
	if err := t.free(ledger.TrackerKeyOf(a.ID), ledger.Refuse(ledger.Exists, "tracker %s is enrolled already", a.ID)); err != nil {
		return nil, err
	}
	if err := canServe(t, a.Operator); err != nil {
		return nil, err
	}
	if a.SecretHash == "" {
		k, err := possess(t, tr, a.Alg, a.Public, a.Proof)
		if err != nil {
			return nil, err
		}
		tr.Keys = append(tr.Keys, k)
		if len(a.Certificates) > 0 {
			if tr.Attestation, err = attest(t, k, a.Certificates); err != nil {
				return nil, err
			}
		}
	}
	if a.Profile != "" {
		hash, err := profileHash(t, a.Profile)
		if err != nil {
			return nil, err
		}
		if err := pin(t, tr, a.Profile, hash); err != nil {
			return nil, err
		}
	}
	if tr.Device = a.Device; a.Gateway != "" {
		if err := joinGateway(t, tr, a.Gateway, a.Device); err != nil {
			return nil, err
		}
	}
	return tr, t.put(ledger.TrackerKeyOf(a.ID), tr)
}

func rotate(t *transaction, a ledger.RotateArgs) (*ledger.Tracker, error) {
	tr, err := ownTracker(t, a.ID)
	if err != nil {
		return nil, err
	}
	switch {
	case a.SecretHash != "":
		return newSecret(t, tr, a.SecretHash)
	case len(tr.Keys) == 0:
		return nil, ledger.Refuse(ledger.BadState, "tracker %s cannot sign and has no key: give secret_hash; enrol a signing device under its own id", a.ID)
	case tr.Gateway != "" && len(a.Certificates) > 0:
		return nil, ledger.Refuse(ledger.BadState, "gateway %s holds the key of tracker %s: certificates attest nothing of the device", tr.Gateway, tr.ID)
	case len(tr.Keys) >= ledger.MaxKeys:
		return nil, ledger.Refuse(ledger.BadState, "tracker %s has had %d keys, which is the most", a.ID, ledger.MaxKeys)
	}
	old := &tr.Keys[len(tr.Keys)-1]
	if t.TimeMS < old.FromMS {
		return nil, ledger.Refuse(ledger.BadState, "the transaction's time lies before the current key's")
	}
	k, err := possess(t, tr, a.Alg, a.Public, a.Proof)
	if err != nil {
		return nil, err
	}
	if !a.Lost {
		// The old key's signature shows that the device itself, not only its owner, went along.
		if err := verify(old.Alg, old.Public, possession(tr, a.Alg, a.Public), a.Old); err != nil {
			return nil, ledger.Refuse(ledger.BadProof, "old: the key in force did not sign this rotation: %v", err)
		}
	}
	// A certificate is of one key.
	tr.Attestation = nil
	if len(a.Certificates) > 0 {
		if tr.Attestation, err = attest(t, k, a.Certificates); err != nil {
			return nil, err
		}
	}
	old.ToMS = t.TimeMS
	tr.Keys = append(tr.Keys, k)
	tr.Alg = a.Alg
	return tr, t.put(ledger.TrackerKeyOf(a.ID), tr)
}

// newSecret is the rotation of a tracker that cannot sign. Nothing else of it changes: the secret only opens its connection.
func newSecret(t *transaction, tr *ledger.Tracker, hash string) (*ledger.Tracker, error) {
	switch {
	case len(tr.Keys) > 0:
		return nil, ledger.Refuse(ledger.BadState, "tracker %s signs and has no secret: give the new key (alg, public, proof)", tr.ID)
	case tr.SecretHash == hash:
		return nil, ledger.Refuse(ledger.Conflict, "secret_hash: tracker %s has this secret already", tr.ID)
	}
	tr.SecretHash = hash
	return tr, t.put(ledger.TrackerKeyOf(tr.ID), tr)
}

func revoke(t *transaction, a ledger.RevokeArgs) (*ledger.Tracker, error) {
	tr, err := ownTracker(t, a.ID)
	if err != nil {
		return nil, err
	}
	tr.RevokedMS, tr.RevokeCause = t.TimeMS, a.Cause
	if n := len(tr.Keys); n > 0 {
		tr.Keys[n-1].ToMS = max(t.TimeMS, tr.Keys[n-1].FromMS)
	}
	leaveGateway(t, tr)
	return tr, t.put(ledger.TrackerKeyOf(a.ID), tr)
}

func calibrate(t *transaction, a ledger.CalibrateArgs) (*ledger.Tracker, error) {
	tr, err := ownTracker(t, a.ID)
	if err != nil {
		return nil, err
	}
	tr.Calibration = &ledger.Calibration{
		Ref: a.Ref, Hash: a.Hash, ValidFromMS: a.ValidFromMS, ValidToMS: a.ValidToMS, RecordedMS: t.TimeMS, Tx: t.Tx,
	}
	return tr, t.put(ledger.TrackerKeyOf(a.ID), tr)
}

// sensors states them anew. A window keeps what counted when the tracker was assigned, so this moves no judgement that has begun.
func sensors(t *transaction, a ledger.SensorsArgs) (*ledger.Tracker, error) {
	tr, err := ownTracker(t, a.ID)
	if err != nil {
		return nil, err
	}
	tr.Sensors = a.Sensors
	return tr, t.put(ledger.TrackerKeyOf(a.ID), tr)
}

// serve moves a tracker to another operator. Its windows stay as they are: a shipment has a log at each operator that took messages of it.
func serve(t *transaction, a ledger.ServeArgs) (*ledger.Tracker, error) {
	tr, err := ownTracker(t, a.ID)
	if err != nil {
		return nil, err
	}
	if err := canServe(t, a.Operator); err != nil {
		return nil, err
	}
	tr.Operator = a.Operator
	return tr, t.put(ledger.TrackerKeyOf(tr.ID), tr)
}

// canServe refuses an operator that is none. "" is any.
func canServe(t *transaction, msp string) error {
	if msp == "" {
		return nil
	}
	m, err := memberOf(t, msp)
	if err == nil && (m == nil || !m.InForce() || !m.Operator) {
		return ledger.Refuse(ledger.Invalid, "operator: %s is not a member that runs ingest", msp)
	}
	return err
}

func tracker(t *transaction, id string) (*ledger.Tracker, error) {
	return existing[ledger.Tracker](t, ledger.TrackerKeyOf(id), "there is no tracker %s", id)
}

// ownTracker is a tracker in force that the caller's organisation owns.
func ownTracker(t *transaction, id string) (*ledger.Tracker, error) {
	tr, err := get[ledger.Tracker](t, ledger.TrackerKeyOf(id))
	switch {
	case err != nil:
		return nil, err
	case tr == nil || tr.Owner != t.MSP: // told alike, so that nobody learns what another has
		return nil, ledger.Refuse(ledger.NotFound, "%s has no tracker %s", t.MSP, id)
	case tr.RevokedMS != 0:
		return nil, ledger.Refuse(ledger.BadState, "tracker %s is revoked", id)
	}
	return tr, nil
}

func possession(tr *ledger.Tracker, alg int, public string) []byte {
	return ledger.PossessionBytes(tr.ID, tr.Owner, alg, public)
}

// possess checks a new key with its possession proof and claims it for the tracker. A key serves one tracker and only once:
// a revoked or replaced key never comes back, under this id or another.
func possess(t *transaction, tr *ledger.Tracker, alg int, public, proof string) (ledger.TrackerKey, error) {
	raw, _ := hex.DecodeString(public) // shape was checked
	key := telemetry.PublicKey{Alg: telemetry.Alg(alg), Raw: raw}
	if err := key.Validate(); err != nil {
		return ledger.TrackerKey{}, ledger.Refuse(ledger.Invalid, "public: %v", err)
	}
	if err := verify(alg, public, possession(tr, alg, public), proof); err != nil {
		return ledger.TrackerKey{}, ledger.Refuse(ledger.BadProof, "proof: the key did not sign the enrolment of %s by %s: %v", tr.ID, tr.Owner, err)
	}
	kid := key.KID()
	k := ledger.TrackerKey{KID: hex.EncodeToString(kid[:]), Alg: alg, Public: public, FromMS: t.TimeMS, Tx: t.Tx}
	return k, t.create(ledger.KIDKey(k.KID), tr.ID, ledger.Refuse(ledger.Conflict, "public: this key is or was another enrolment's"))
}

func verify(alg int, public string, msg []byte, signature string) error {
	raw, _ := hex.DecodeString(public)
	sig, _ := hex.DecodeString(signature)
	return telemetry.PublicKey{Alg: telemetry.Alg(alg), Raw: raw}.VerifyBytes(msg, sig)
}
