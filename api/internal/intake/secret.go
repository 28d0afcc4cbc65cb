package intake

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/problem"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/api/internal/shapes"
)

const defaultHeader = "X-Trackseal-Signature"

// Kept is where secrets lie.
type Kept interface {
	Get(key []byte) ([]byte, error)
	Set(key, value []byte) error
	Delete(key []byte) error
}

// intakeSecret is what a platform signs a tracker's messages with.
type intakeSecret struct {
	Header string `json:"header"`
	Secret string `json:"secret"`
}

// secrets are sealed by the node's key: to compute an HMAC takes the secret itself, not its hash.
type secrets struct {
	kept Kept
	seal cipher.AEAD
}

func newSecrets(kept Kept, key []byte) (*secrets, error) {
	h := hmac.New(sha256.New, key)
	h.Write([]byte("intake secrets"))
	block, err := aes.NewCipher(h.Sum(nil))
	if err != nil {
		return nil, err
	}
	seal, err := cipher.NewGCMWithRandomNonce(block)
	return &secrets{kept, seal}, err
}

func (s *secrets) of(tracker string) (secret intakeSecret, ok bool, err error) {
	sealed, err := s.kept.Get([]byte(tracker))
	if err != nil || sealed == nil {
		return secret, false, err
	}
	raw, err := s.seal.Open(nil, nil, sealed, []byte(tracker))
	if err == nil {
		err = json.Unmarshal(raw, &secret)
	}
	if err != nil {
		return secret, false, fmt.Errorf("intake secret of %s cannot be read (is it of another sealing key?): %w", tracker, err)
	}
	return secret, true, nil
}

func (s *secrets) set(tracker string, secret intakeSecret) error {
	raw, err := json.Marshal(secret)
	if err != nil {
		return err
	}
	return s.kept.Set([]byte(tracker), s.seal.Seal(nil, nil, raw, []byte(tracker)))
}

// IntakeSecret of a tracker.
type IntakeSecret struct {
	Tracker string `json:"tracker"`
	Header  string `json:"header" doc:"In which the platform sends the HMAC-SHA256 of the body"`
	Secret  string `json:"secret" doc:"Key of the HMAC; given once"`
	Path    string `json:"path" doc:"Where its messages go, by the profile that is pinned now" example:"/v1/intake/ttn-v3?tracker=carrier.gw-1"`
}

func (s *Resource) secretRoutes(api *rest.API) {
	const path = "/v1/trackers/{id}/intake-secret"
	rest.Add(api, rest.Operation{Method: http.MethodPost, Path: path, ID: "make-intake-secret", Tag: "Trackers", Scope: access.TrackersWrite, Status: http.StatusCreated, Write: true,
		Summary: "Make the secret that a platform signs a tracker's messages with", Errors: []int{http.StatusNotFound},
		About:   "For platforms that send an HMAC of the body instead of a secret. It replaces the one before. This node keeps it sealed; it is on no ledger and at no other node.",
		Example: rest.Object{"header": "X-Hub-Signature-256"}}, s.makeSecret)
	rest.Add(api, rest.Operation{Method: http.MethodDelete, Path: path, ID: "end-intake-secret", Tag: "Trackers", Scope: access.TrackersWrite, Write: true,
		Summary: "End it: from now on an HMAC proves nothing", Errors: []int{http.StatusNotFound}}, s.endSecret)
}

type secretInput struct {
	shapes.TrackerPath
	rest.Idempotent
	Body struct {
		Header string `json:"header,omitempty" maxLength:"64" pattern:"^([A-Za-z0-9][A-Za-z0-9-]*)?$" patternDescription:"a header's name" doc:"In which the platform sends the HMAC; X-Trackseal-Signature when absent"`
		Secret string `json:"secret,omitempty" maxLength:"256" pattern:"^([!-~]{16,256})?$" patternDescription:"16 to 256 visible ASCII characters" doc:"As the platform made it; made here when absent"`
	}
}

func (s *Resource) makeSecret(ctx context.Context, in *secretInput) (*rest.Answer[IntakeSecret], error) {
	t, err := s.Tracker(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if len(t.Keys) > 0 || t.RevokedMS != 0 {
		return nil, problem.New(http.StatusConflict, "bad_state", "tracker %s signs its messages itself, or is revoked: it has no intake", t.ID)
	}
	secret := intakeSecret{Header: in.Body.Header, Secret: in.Body.Secret}
	switch http.CanonicalHeaderKey(secret.Header) {
	case "":
		secret.Header = defaultHeader
	case "Authorization", secretHeader, "Content-Type", "Content-Length", "Host", "Cookie":
		return nil, rest.InvalidField("body.header", "is used for something else")
	}
	rest.WriteOf(ctx).Secret = true
	if secret.Secret == "" {
		secret.Secret = s.newSecret(ctx, t.ID)
	}
	if err := s.secrets.set(t.ID, secret); err != nil {
		return nil, err
	}
	return &rest.Answer[IntakeSecret]{Body: IntakeSecret{Tracker: t.ID, Header: secret.Header, Secret: secret.Secret, Path: "/v1/intake/" + pinnedBy(t) + "?tracker=" + t.ID}}, nil
}

// newSecret is random; with an Idempotency-Key it follows from the key, so that a repeated request gives the same one.
func (s *Resource) newSecret(ctx context.Context, tracker string) string {
	b := make([]byte, 32)
	if key := rest.WriteOf(ctx).Key; key != "" {
		h := hmac.New(sha256.New, s.Key)
		h.Write([]byte("intake-secret\x00" + key + "\x00" + tracker))
		b = h.Sum(nil)
	} else {
		rand.Read(b)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// IntakeEnded says whose intake secret is no more.
type IntakeEnded struct {
	Tracker string `json:"tracker"`
}

type endInput struct {
	shapes.TrackerPath
	rest.Idempotent
}

func (s *Resource) endSecret(ctx context.Context, in *endInput) (*rest.Answer[IntakeEnded], error) {
	t, err := s.Tracker(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return rest.Reply(IntakeEnded{t.ID}, s.secrets.kept.Delete([]byte(t.ID)))
}
