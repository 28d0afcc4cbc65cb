// Package trackers answers the routes of trackers: keys, calibration, quality of their readings.
package trackers

import (
	"context"
	"log/slog"
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
	Log       *slog.Logger
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

	Certificates [][]byte `json:"certificates,omitempty" maxItems:"4" doc:"DER, base64, as at the enrolment; without them the tracker is attested no more"`
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
	s.attachRoutes(api)
	s.importRoutes(api)
	s.qrRoutes(api)
	s.qualityRoutes(api)
	s.rejectedRoutes(api)
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
		ledger.RotateArgs{ID: in.ID, Alg: int(alg), Public: in.Body.PublicKey, Proof: in.Body.Proof, Old: in.Body.Old, Lost: in.Body.Lost, Certificates: in.Body.Certificates},
		func(r ledger.Tracker) bool {
			return len(r.Keys) > 0 && r.Keys[len(r.Keys)-1].Public == in.Body.PublicKey
		})
}

func (s *Resource) rotateSecret(ctx context.Context, in *rotateInput) (*rest.Answer[Tracker], error) {
	if b := in.Body; b.PublicKey != "" || b.Alg != "" || b.Proof != "" || b.Old != "" || b.Lost || len(b.Certificates) > 0 {
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
