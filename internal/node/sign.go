// Package node is how one member's node calls another's: each request carries a token that the caller's ledger identity has signed
// for it, and the called node looks up who that is in the channel's configuration and among the ledger's members. No secret is
// shared, so no member can act as another.
//
// A caller sends its requests through a Transport. A called node runs Callers, and asks it Who makes a request; what that member may
// ask for is the node's own matter. docs/formats.md has the token.
package node

import (
	"bytes"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"strings"
	"time"
)

// Identity signs as one user of a member, as its ledger client does.
type Identity interface {
	MSP() string
	// Certificate is PEM.
	Certificate() []byte
	// Sign is ECDSA over SHA-256, in DER.
	Sign(message []byte) ([]byte, error)
}

// Transport signs requests to one node, and sends them on.
type Transport struct {
	Identity Identity
	Audience string // the called node: an ingest instance's id, or for an API the member's name
	Through  http.RoundTripper
	Now      func() time.Time
}

// MaxBody bounds what one call carries.
const MaxBody = 256 << 10

// RoundTrip reads the body first, which the token covers.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := take(r)
	if err != nil {
		return nil, err
	}
	text, err := sign(t.Identity, claims{Audience: t.Audience, Method: r.Method, Target: r.URL.RequestURI(), Body: digest(body)}, t.Now())
	if err != nil {
		return nil, fmt.Errorf("sign the request: %w", err)
	}
	r = r.Clone(r.Context())
	if len(body) > 0 {
		r.Body, r.ContentLength, r.TransferEncoding = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	}
	r.Header.Set("Authorization", Scheme+" "+text)
	return t.Through.RoundTrip(r)
}

// take reads a request's body, and closes it.
func take(r *http.Request) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, MaxBody+1))
	if err = errors.Join(err, r.Body.Close()); err == nil && len(body) > MaxBody {
		err = fmt.Errorf("the body of a call between nodes has at most %d bytes", MaxBody)
	}
	return body, err
}

// digest is what a token says of a body.
func digest(body []byte) string {
	if len(body) == 0 {
		return ""
	}
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// sign fills what the claims lack.
func sign(by Identity, c claims, now time.Time) (string, error) {
	block, _ := pem.Decode(by.Certificate())
	if block == nil {
		return "", errors.New("the identity has no certificate")
	}
	c.Issuer, c.IssuedAt, c.Expires = by.MSP(), now.Unix(), now.Add(life).Unix()
	text, err := segments(header{Alg: algorithm, Typ: kind, X5C: []string{base64.StdEncoding.EncodeToString(block.Bytes)}}, c)
	if err != nil {
		return "", err
	}
	der, err := by.Sign([]byte(text))
	if err != nil {
		return "", err
	}
	raw, err := fixed(der)
	return text + "." + base64.RawURLEncoding.EncodeToString(raw), err
}

// segments is what is signed of a token.
func segments(parts ...any) (string, error) {
	text := make([]string, len(parts))
	for i, p := range parts {
		raw, err := json.Marshal(p)
		if err != nil {
			return "", err
		}
		text[i] = base64.RawURLEncoding.EncodeToString(raw)
	}
	return strings.Join(text, "."), nil
}

// fixed is a signature as JWS has it: r and s of 32 bytes each.
func fixed(der []byte) ([]byte, error) {
	var v struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(der, &v); err != nil || len(rest) != 0 {
		return nil, errors.New("the identity's signature is not DER")
	}
	if v.R.Sign() < 0 || v.S.Sign() < 0 || v.R.BitLen() > 256 || v.S.BitLen() > 256 {
		return nil, errors.New("the identity's key is not of P-256")
	}
	raw := make([]byte, 64)
	v.R.FillBytes(raw[:32])
	v.S.FillBytes(raw[32:])
	return raw, nil
}
