// Package trackers answers the routes of trackers: keys, calibration, quality of their readings.
package trackers

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/ingestclient"
	"github.com/trackseal/trackseal/api/internal/records"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/api/internal/shapes"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// Telemetry knows a tracker's hours of data quality that start in [fromMS, toMS), oldest first.
type Telemetry interface {
	QualityHours(ctx context.Context, tracker string, fromMS, toMS int64, fn func(stored.QualityHour) error) error
}

// Resource is made of these parts.
type Resource struct {
	*records.Records
	Telemetry Telemetry
	Ingest    ingestclient.Instances
	Cursors   rest.Cursors
	Key       []byte // derives the secrets of trackers that cannot sign
	MQTTURL   string // told to those who enrol a tracker
	Now       func() time.Time
}

// Tracker as the API shows it.
type Tracker struct {
	ID          string                  `json:"id"`
	Owner       string                  `json:"owner" doc:"Organisation"`
	Alg         string                  `json:"alg" doc:"Ed25519, ESP256, or empty for a tracker that cannot sign"`
	KID         string                  `json:"kid" doc:"Thumbprint of the key in force, hex"`
	Trust       string                  `json:"trust" enum:"signed,unsigned"`
	Model       string                  `json:"model"`
	EnrolledAt  rest.Instant            `json:"enrolled_at"`
	RevokedAt   rest.Null[rest.Instant] `json:"revoked_at"`
	Assigned    rest.Null[string]       `json:"assigned" doc:"Shipment of the open assignment"`
	Calibration rest.Null[Calibration]  `json:"calibration"`
	Sensors     []telemetry.Sensor      `json:"sensors" doc:"What its owner states of its sensors; counts for assignments that are made from then on"`
	Operator    rest.Null[string]       `json:"operator" doc:"Organisation whose ingest takes its messages; null = any operator's"`
	MQTT        MQTT                    `json:"mqtt"`
	Tx          string                  `json:"tx" doc:"Transaction that answered, or that enrolled it"`
	Secret      string                  `json:"secret,omitempty" doc:"MQTT password of a tracker that cannot sign; given once, at enrolment and at a rotation"`
}

// Calibration of a tracker.
type Calibration struct {
	Ref       string       `json:"ref"`
	Hash      string       `json:"hash"`
	ValidFrom rest.Instant `json:"valid_from"`
	ValidTo   rest.Instant `json:"valid_to"`
	Tx        string       `json:"tx"`
}

// MQTT is how the tracker connects.
type MQTT struct {
	URL         string `json:"url" doc:"Of its operator as that has announced it, empty when it has not; without an operator this node's own"`
	Username    string `json:"username" doc:"The client id may be any"`
	TopicUp     string `json:"topic_up,omitempty" doc:"Signed messages"`
	TopicJSON   string `json:"topic_json,omitempty" doc:"Plain messages, of a tracker that cannot sign"`
	TopicDown   string `json:"topic_down"`
	TopicStatus string `json:"topic_status"`
}

func (s *Resource) showTracker(r ledger.Tracker, tx string) Tracker {
	if tx == "" {
		tx = r.EnrolTx
	}
	t := Tracker{ID: r.ID, Owner: s.Members.Name(r.Owner), Trust: "unsigned", Model: r.Model, EnrolledAt: rest.Instant(r.EnrolledMS),
		RevokedAt: rest.InstantOrNull(r.RevokedMS), Assigned: rest.OrNull(r.Assigned), Tx: tx,
		Operator: rest.OrNull(s.operator(r.Operator)), MQTT: MQTT{URL: s.publishAt(r.Operator), Username: r.ID, TopicDown: telemetry.Topic(r.ID, telemetry.Down), TopicStatus: telemetry.Topic(r.ID, telemetry.Status)}}
	if n := len(r.Keys); n > 0 {
		t.Trust, t.Alg, t.KID = "signed", telemetry.Alg(r.Alg).String(), r.Keys[n-1].KID
		t.MQTT.TopicUp = telemetry.Topic(r.ID, telemetry.Up)
	} else {
		t.MQTT.TopicJSON = telemetry.Topic(r.ID, telemetry.JSON)
	}
	if t.Sensors = r.Sensors; t.Sensors == nil {
		t.Sensors = []telemetry.Sensor{}
	}
	if c := r.Calibration; c != nil {
		t.Calibration = rest.Some(Calibration{Ref: c.Ref, Hash: c.Hash, ValidFrom: rest.Instant(c.ValidFromMS), ValidTo: rest.Instant(c.ValidToMS), Tx: c.Tx})
	}
	return t
}

// operator is the name of the one that serves a tracker, "" for any.
func (s *Resource) operator(msp string) string {
	if msp == "" {
		return ""
	}
	return s.Members.Name(msp)
}

// publishAt is where the trackers of an operator connect.
func (s *Resource) publishAt(msp string) string {
	for _, m := range s.Members.All() {
		if m.MSP == msp && m.Endpoints != nil && m.Endpoints.MQTT != "" {
			return m.Endpoints.MQTT
		}
	}
	if msp == "" || msp == s.MSP {
		return s.MQTTURL
	}
	return ""
}

type enrolBody struct {
	ID        string `json:"id" pattern:"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$" patternDescription:"1 to 64 of A-Z a-z 0-9 . _ - that begin with a letter or digit" doc:"Without a dot, the organisation's name and a dot are put before it; the answer has the id in full"`
	PublicKey string `json:"public_key,omitempty" pattern:"^([0-9a-f]{64}|04[0-9a-f]{128})?$" doc:"Hex: Ed25519 32 bytes, P-256 uncompressed point 65 bytes"`
	Alg       string `json:"alg,omitempty" enum:"Ed25519,ESP256"`
	Proof     string `json:"proof,omitempty" pattern:"^([0-9a-f]{128})?$" doc:"Hex: the key's signature over the possession bytes of the id in full, owner, algorithm and key"`
	Unsigned  bool   `json:"unsigned,omitempty" doc:"true for a tracker that cannot sign: it gets a secret instead of giving a key"`
	Model     string `json:"model,omitempty" maxLength:"128"`

	Sensors []telemetry.Sensor `json:"sensors,omitempty" doc:"What tells its measurements from the numbers that it sends in the place of one"`

	Operator string `json:"operator,omitempty" doc:"Organisation whose ingest takes its messages, one that runs ingest; without it any operator's does"`
}

type serveBody struct {
	Operator string `json:"operator" doc:"Organisation whose ingest takes its messages from now on; empty = any operator's"`
}

type sensorsBody struct {
	Sensors []telemetry.Sensor `json:"sensors" doc:"All that is stated from now on"`
}

type keyBody struct {
	PublicKey string `json:"public_key,omitempty" pattern:"^([0-9a-f]{64}|04[0-9a-f]{128})?$"`
	Alg       string `json:"alg,omitempty" enum:"Ed25519,ESP256"`
	Proof     string `json:"proof,omitempty" pattern:"^([0-9a-f]{128})?$" doc:"The new key's signature over the possession bytes"`
	Old       string `json:"old,omitempty" pattern:"^([0-9a-f]{128})?$" doc:"The old key's signature over the same bytes"`
	Lost      bool   `json:"lost,omitempty" doc:"true when the old key is lost"`
	Unsigned  bool   `json:"unsigned,omitempty" doc:"true for a tracker that cannot sign: it gets a new secret, and the old one ends"`
}

type calibrationBody struct {
	Ref       string       `json:"ref" minLength:"1" maxLength:"256" doc:"URI or number of the certificate"`
	Hash      string       `json:"hash" pattern:"^[0-9a-f]{64}$" doc:"SHA-256 of the certificate"`
	ValidFrom rest.Instant `json:"valid_from"`
	ValidTo   rest.Instant `json:"valid_to"`
}

// Register adds the routes.
func (s *Resource) Register(api *rest.API) {
	const tag = "Trackers"
	rest.Add(api, rest.Operation{Method: http.MethodPost, Path: "/v1/trackers", ID: "enrol-tracker", Tag: tag, Scope: access.TrackersWrite, Status: http.StatusCreated, Write: true,
		Summary: "Enrol a tracker",
		Example: rest.Object{"id": "LOGGER-17", "unsigned": true, "model": "our logger"}}, s.enrol)
	rest.Add(api, rest.Operation{Method: http.MethodGet, Path: "/v1/trackers", ID: "list-trackers", Tag: tag, Scope: access.TrackersRead,
		Summary: "List the organisation's trackers", Errors: []int{http.StatusBadRequest}}, s.listTrackers)
	rest.Add(api, rest.Operation{Method: http.MethodGet, Path: "/v1/trackers/{id}", ID: "get-tracker", Tag: tag, Scope: access.TrackersRead,
		Summary: "Get a tracker", Errors: []int{http.StatusNotFound}}, s.getTracker)
	change := func(verb, summary string, example rest.Object) rest.Operation {
		return rest.Operation{Method: http.MethodPost, Path: "/v1/trackers/{id}/" + verb, ID: verb + "-tracker", Tag: tag, Scope: access.TrackersWrite,
			Summary: summary, Write: true, Errors: []int{http.StatusNotFound}, Example: example}
	}
	rest.Add(api, change("rotate", "Replace the tracker's key, or its secret", rest.Object{"public_key": "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
		"alg": "Ed25519", "proof": strings.Repeat("5a", 64), "old": strings.Repeat("a5", 64)}), s.rotate)
	rest.Add(api, change("revoke", "Revoke the tracker: its messages are refused from now on", rest.Object{"cause": "lost in the harbour"}), s.revoke)
	rest.Add(api, change("calibration", "Record a calibration certificate", rest.Object{"ref": "https://lab.example/certificates/4711",
		"hash": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "valid_from": "2026-01-01T00:00:00Z", "valid_to": "2027-01-01T00:00:00Z"}), s.calibrate)
	rest.Add(api, change("sensors", "State the tracker's sensors anew, for the assignments that are made from now on", rest.Object{"sensors": []any{rest.Object{"quantity": "temperature", "model": "ds18b20"}}}), s.sensors)
	rest.Add(api, change("serve", "Say which operator takes the tracker's messages from now on", rest.Object{"operator": "north-haulage"}), s.serve)
	s.qualityRoutes(api)
	s.rejectedRoutes(api)
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
	args := ledger.EnrolArgs{ID: s.OwnID(b.ID), Model: b.Model, Sensors: b.Sensors}
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
	if !sameSensors(r.Sensors, a.Sensors) || r.Model != a.Model || r.Operator != a.Operator {
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

func (s *Resource) listTrackers(ctx context.Context, in *struct{ rest.Paging }) (*rest.Answer[rest.List[Tracker]], error) {
	const route = "trackers"
	var at records.Bookmark
	if err := s.Cursors.Open(route, in.Cursor, &at); err != nil {
		return nil, err
	}
	page, err := ledger.TrackerList.Page(ctx, s.Ledger, ledger.ListArgs{Limit: in.Limit, Bookmark: at.B})
	if err != nil {
		return nil, err
	}
	out := rest.List[Tracker]{Items: make([]Tracker, len(page.Items))}
	for i, r := range page.Items {
		out.Items[i] = s.showTracker(r, "")
	}
	if page.Bookmark != "" {
		out.Next = s.Cursors.Seal(route, records.Bookmark{B: page.Bookmark})
	}
	return &rest.Answer[rest.List[Tracker]]{Body: out}, nil
}

func (s *Resource) getTracker(ctx context.Context, in *shapes.TrackerPath) (*rest.Answer[Tracker], error) {
	r, err := s.Tracker(ctx, in.ID)
	return rest.Reply(s.showTracker(r, ""), err)
}

type rotateInput struct {
	shapes.TrackerPath
	rest.Idempotent
	Body keyBody
}

func (s *Resource) rotate(ctx context.Context, in *rotateInput) (*rest.Answer[Tracker], error) {
	if in.Body.Unsigned {
		return s.rotateSecret(ctx, in)
	}
	if in.Body.PublicKey == "" || in.Body.Alg == "" || in.Body.Proof == "" {
		return nil, rest.InvalidField("body", "give public_key, alg and proof, or unsigned: true")
	}
	alg, err := telemetry.ParseAlg(in.Body.Alg)
	if err != nil {
		return nil, rest.InvalidField("body.alg", err.Error())
	}
	if in.Body.Old == "" && !in.Body.Lost {
		return nil, rest.InvalidField("body.old", "give the old key's signature, or lost: true")
	}
	return changeTracker(ctx, s, in.ID, ledger.TrackerRotate,
		ledger.RotateArgs{ID: in.ID, Alg: int(alg), Public: in.Body.PublicKey, Proof: in.Body.Proof, Old: in.Body.Old, Lost: in.Body.Lost},
		func(r ledger.Tracker) bool {
			return len(r.Keys) > 0 && r.Keys[len(r.Keys)-1].Public == in.Body.PublicKey
		})
}

func (s *Resource) rotateSecret(ctx context.Context, in *rotateInput) (*rest.Answer[Tracker], error) {
	if in.Body != (keyBody{Unsigned: true}) {
		return nil, rest.InvalidField("body.unsigned", "a tracker that cannot sign has no key: give nothing else")
	}
	secret, hash := s.trackerSecret(ctx, "rotated-secret", in.ID)
	answer, err := changeTracker(ctx, s, in.ID, ledger.TrackerRotate, ledger.RotateArgs{ID: in.ID, SecretHash: hash},
		func(r ledger.Tracker) bool { return r.SecretHash == hash })
	if err == nil {
		answer.Body.Secret = secret
	}
	return answer, err
}

type revokeInput struct {
	shapes.TrackerPath
	rest.Idempotent
	Body struct {
		Cause string `json:"cause" minLength:"1" maxLength:"256"`
	}
}

func (s *Resource) revoke(ctx context.Context, in *revokeInput) (*rest.Answer[Tracker], error) {
	return changeTracker(ctx, s, in.ID, ledger.TrackerRevoke, ledger.RevokeArgs{ID: in.ID, Cause: in.Body.Cause},
		func(r ledger.Tracker) bool { return r.RevokedMS != 0 && r.RevokeCause == in.Body.Cause })
}

type sensorsInput struct {
	shapes.TrackerPath
	rest.Idempotent
	Body sensorsBody
}

func (s *Resource) sensors(ctx context.Context, in *sensorsInput) (*rest.Answer[Tracker], error) {
	if err := telemetry.CheckSensors(in.Body.Sensors); err != nil {
		return nil, rest.InvalidField("body.sensors", err.Error())
	}
	a := ledger.SensorsArgs{ID: in.ID, Sensors: in.Body.Sensors}
	return changeTracker(ctx, s, in.ID, ledger.TrackerSensors, a, func(r ledger.Tracker) bool { return sameSensors(r.Sensors, a.Sensors) })
}

type serveInput struct {
	shapes.TrackerPath
	rest.Idempotent
	Body serveBody
}

func (s *Resource) serve(ctx context.Context, in *serveInput) (*rest.Answer[Tracker], error) {
	msp, err := s.operatorMSP(ctx, in.Body.Operator)
	if err != nil {
		return nil, err
	}
	return changeTracker(ctx, s, in.ID, ledger.TrackerServe, ledger.ServeArgs{ID: in.ID, Operator: msp}, func(r ledger.Tracker) bool { return r.Operator == msp })
}

// operatorMSP is the MSP id of an operator by its name, "" for none.
func (s *Resource) operatorMSP(ctx context.Context, name string) (string, error) {
	if name == "" {
		return "", nil
	}
	m, err := s.Members.Find(ctx, name)
	switch code := ledger.CodeOf(err); {
	case code == ledger.NotFound || code == ledger.Invalid:
		return "", rest.InvalidField("body.operator", "is not a member of the network; /v1/members lists them")
	case err == nil && (!m.Operator || !m.InForce()):
		return "", rest.InvalidField("body.operator", name+" is no operator: it runs no ingest")
	}
	return m.MSP, err
}

func sameSensors(a, b []telemetry.Sensor) bool {
	return slices.EqualFunc(a, b, func(x, y telemetry.Sensor) bool { return reflect.DeepEqual(x, y) })
}

type calibrateInput struct {
	shapes.TrackerPath
	rest.Idempotent
	Body calibrationBody
}

func (s *Resource) calibrate(ctx context.Context, in *calibrateInput) (*rest.Answer[Tracker], error) {
	if in.Body.ValidTo <= in.Body.ValidFrom {
		return nil, rest.InvalidField("body.valid_to", "must be after valid_from")
	}
	a := ledger.CalibrateArgs{ID: in.ID, Ref: in.Body.Ref, Hash: in.Body.Hash, ValidFromMS: int64(in.Body.ValidFrom), ValidToMS: int64(in.Body.ValidTo)}
	return changeTracker(ctx, s, in.ID, ledger.TrackerCalibrate, a, func(r ledger.Tracker) bool {
		c := r.Calibration
		return c != nil && c.Ref == a.Ref && c.Hash == a.Hash && c.ValidFromMS == a.ValidFromMS && c.ValidToMS == a.ValidToMS
	})
}

func changeTracker[A ledger.Argument](ctx context.Context, s *Resource, id string, fn ledger.Change[A, ledger.Tracker], args A, done func(ledger.Tracker) bool) (*rest.Answer[Tracker], error) {
	r, err := s.Tracker(ctx, id)
	if err != nil {
		return nil, err
	}
	r, tx, err := records.Change(ctx, s.Ledger, fn, args, r, done)
	return rest.Reply(s.showTracker(r, tx), err)
}
