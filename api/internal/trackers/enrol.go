package trackers

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"

	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/telemetry"
)

type enrolBody struct {
	ID        string `json:"id" pattern:"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$" patternDescription:"1 to 64 of A-Z a-z 0-9 . _ - that begin with a letter or digit" doc:"Without a dot, the organisation's name and a dot are put before it; the answer has the id in full"`
	PublicKey string `json:"public_key,omitempty" pattern:"^([0-9a-f]{64}|04[0-9a-f]{128})?$" doc:"Hex: Ed25519 32 bytes, P-256 uncompressed point 65 bytes"`
	Alg       string `json:"alg,omitempty" enum:"Ed25519,ESP256"`
	Proof     string `json:"proof,omitempty" pattern:"^([0-9a-f]{128})?$" doc:"Hex: the key's signature over the possession bytes of the id in full, owner, algorithm and key"`
	Unsigned  bool   `json:"unsigned,omitempty" doc:"true for a tracker that cannot sign: it gets a secret instead of giving a key"`
	Model     string `json:"model,omitempty" maxLength:"128"`

	Sensors []telemetry.Sensor `json:"sensors,omitempty" doc:"What tells its measurements from the numbers that it sends in the place of one"`

	Operator string `json:"operator,omitempty" doc:"Organisation whose ingest takes its messages, one that runs ingest; without it any operator's does"`

	Profile      string   `json:"profile,omitempty" maxLength:"74" doc:"What its messages are read by, name@version of GET /v1/profiles; only of one that cannot sign. Absent = plain JSON, or what its gateway is read by"`
	Gateway      string   `json:"gateway,omitempty" maxLength:"64" doc:"Tracker of this organisation that speaks for it. With a key: that holds the key"`
	Device       string   `json:"device,omitempty" maxLength:"128" doc:"What the gateway calls it; absent = its id without the organisation's name. Without a gateway: what its own messages call it, of a device that is sent by such a platform alone"`
	Certificates [][]byte `json:"certificates,omitempty" maxItems:"4" doc:"DER, base64: the certificate of the key first, each signed by the next, the last one the root of a maker that the members accepted (GET /v1/makers)"`
}

type enrolInput struct {
	rest.Idempotent
	Body enrolBody
}

func (s *Resource) enrol(ctx context.Context, in *enrolInput) (*rest.Answer[Tracker], error) {
	b := in.Body
	if err := telemetry.CheckSensors(b.Sensors); err != nil {
		return nil, rest.InvalidField("body.sensors", err.Error())
	}
	args := ledger.EnrolArgs{ID: s.OwnID(b.ID), Model: b.Model, Sensors: b.Sensors, Profile: b.Profile, Device: b.Device, Certificates: b.Certificates}
	if b.Gateway != "" {
		args.Gateway = s.OwnID(b.Gateway)
	}
	var err error
	if args.Operator, err = s.operatorMSP(ctx, b.Operator); err != nil {
		return nil, err
	}
	secret := ""
	switch {
	case b.Unsigned && (b.PublicKey != "" || b.Alg != "" || b.Proof != ""):
		return nil, rest.InvalidField("body.unsigned", "a tracker that cannot sign has no key: leave out public_key, alg and proof")
	case b.Unsigned:
		secret, args.SecretHash = s.trackerSecret(ctx, "tracker-secret", args.ID)
	case b.PublicKey == "" || b.Alg == "" || b.Proof == "":
		return nil, rest.InvalidField("body", "give public_key, alg and proof, or unsigned: true")
	default:
		alg, err := telemetry.ParseAlg(b.Alg)
		if err != nil {
			return nil, rest.InvalidField("body.alg", err.Error())
		}
		args.Alg, args.Public, args.Proof = int(alg), b.PublicKey, b.Proof
	}
	r, sent, err := ledger.TrackerEnrol.Do(ctx, s.Ledger, args)
	tx := sent.TxID
	if rest.WriteOf(ctx).Again && ledger.CodeOf(err) == ledger.Exists {
		// The attempt before may have enrolled it: then it is exactly what was asked for.
		if was, gerr := s.Tracker(ctx, args.ID); gerr == nil && enrolledAs(was, args) {
			r, tx, err = was, was.EnrolTx, nil
		}
	}
	t := s.showTracker(r, tx)
	t.Secret = secret
	return rest.Reply(t, err)
}

func enrolledAs(r ledger.Tracker, a ledger.EnrolArgs) bool {
	if !sameSensors(r.Sensors, a.Sensors) || r.Model != a.Model || r.Operator != a.Operator || r.Gateway != a.Gateway || (r.Attestation != nil) != (len(a.Certificates) > 0) {
		return false
	}
	if a.Device != "" && r.Device != a.Device || a.Profile != "" && (len(r.Profiles) == 0 || r.Profiles[0].Ref != a.Profile) {
		return false
	}
	if a.SecretHash != "" {
		return r.SecretHash == a.SecretHash
	}
	return len(r.Keys) > 0 && r.Keys[0].Public == a.Public && r.Keys[0].Alg == a.Alg
}

// trackerSecret is random; with an Idempotency-Key it follows from the key, so that a repeated enrolment or rotation gives the
// same secret although only its hash was ever stored. act tells the two apart.
func (s *Resource) trackerSecret(ctx context.Context, act, tracker string) (secret, hash string) {
	rest.WriteOf(ctx).Secret = true
	var b []byte
	if key := rest.WriteOf(ctx).Key; key != "" {
		h := hmac.New(sha256.New, s.Key)
		h.Write([]byte(act + "\x00" + key + "\x00" + tracker))
		b = h.Sum(nil)
	} else {
		b = make([]byte, 32)
		rand.Read(b)
	}
	secret = base64.RawURLEncoding.EncodeToString(b)
	sum := sha256.Sum256([]byte(secret))
	return secret, hex.EncodeToString(sum[:])
}
