package node

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/trackseal/trackseal/internal/canon"
	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
)

// Scheme of the Authorization header: no access token is taken for one of these, nor the other way round.
const Scheme = "Trackseal-Node"

const (
	kind      = "trackseal-node+jwt"
	algorithm = "ES256"

	life     = 30 * time.Second // of a token that is made
	maxLife  = time.Minute      // of one that is accepted
	skew     = 30 * time.Second // that clocks may differ
	maxToken = 8 << 10
)

type header struct {
	Alg string   `json:"alg"`
	Typ string   `json:"typ"`
	X5C []string `json:"x5c"`
}

// claims are good for one request to one node. There is no id: a token that is sent again asks for the same once more, which shows
// nothing that its holder has not seen, and the calls that change something can be repeated.
type claims struct {
	Issuer   string `json:"iss"` // MSP id
	Audience string `json:"aud"`
	IssuedAt int64  `json:"iat"`
	Expires  int64  `json:"exp"`
	Method   string `json:"htm"`
	Target   string `json:"htu"` // path and query as they are on the wire
	// Body is the SHA-256 of the body, hex; "" = there is none.
	Body string `json:"body,omitempty"`
}

// token is one that was read and not believed yet.
type token struct {
	claims
	certificate []byte // PEM
	signed      string
	signature   []byte
}

// read takes exactly one form: no member but ours, each once, in its own case.
func read(text string) (t token, err error) {
	parts := strings.Split(text, ".")
	if len(text) > maxToken || len(parts) != 3 {
		return t, fmt.Errorf("not a compact JWS of at most %d bytes", maxToken)
	}
	var raw [3][]byte
	for i, p := range parts {
		if raw[i], err = base64.RawURLEncoding.Strict().DecodeString(p); err != nil {
			return t, errors.New("not base64url")
		}
	}
	var h header
	if err := canon.UnmarshalJSON(raw[0], &h); err != nil {
		return t, fmt.Errorf("header: %w", err)
	}
	if err := canon.UnmarshalJSON(raw[1], &t.claims); err != nil {
		return t, fmt.Errorf("claims: %w", err)
	}
	switch {
	case h.Alg != algorithm:
		return t, fmt.Errorf("alg must be %s", algorithm)
	case h.Typ != kind:
		return t, fmt.Errorf("typ must be %s", kind)
	case len(h.X5C) != 1:
		return t, errors.New("x5c must hold one certificate, the caller's")
	}
	der, err := base64.StdEncoding.Strict().DecodeString(h.X5C[0])
	if err != nil {
		return t, errors.New("x5c is not base64")
	}
	t.certificate = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	t.signed, t.signature = text[:strings.LastIndexByte(text, '.')], raw[2]
	return t, nil
}

// fits checks what the token is good for.
func (t token) fits(audience, method, target string, now time.Time) error {
	age := now.Unix() - t.IssuedAt
	switch {
	case t.Audience != audience:
		return fmt.Errorf("made for another node than %s", audience)
	case t.Method != method || t.Target != target:
		return errors.New("made for another request")
	case t.IssuedAt < 0 || t.IssuedAt > now.Unix()+int64(skew/time.Second):
		return errors.New("made in the future: check the clocks")
	case t.Expires <= t.IssuedAt || t.Expires-t.IssuedAt > int64(maxLife/time.Second):
		return fmt.Errorf("good for longer than %s, or never", maxLife)
	case age > t.Expires-t.IssuedAt+int64(skew/time.Second):
		return errors.New("expired")
	}
	return nil
}

// signer finds the member's identity that has signed, by the authorities that the channel's configuration names for it.
func (t token) signer(channel *fabricproof.Config, now time.Time) (*fabricproof.Signer, error) {
	organisation := channel.Application[t.Issuer]
	if organisation == nil {
		return nil, errors.New("iss is no organisation of the channel")
	}
	s, err := organisation.Identify(t.certificate)
	if err != nil {
		return nil, err
	}
	if err := s.ValidAt(now.UnixMilli()); err != nil {
		return nil, err
	}
	if s.Role != fabricproof.Client {
		return nil, fmt.Errorf("the certificate is a %s's, not a client's", s.Role)
	}
	key, ok := s.Cert.PublicKey.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, errors.New("the certificate's key is not of P-256")
	}
	if err := jwt.SigningMethodES256.Verify(t.signed, t.signature, key); err != nil {
		return nil, errors.New("the signature does not verify")
	}
	return s, nil
}
