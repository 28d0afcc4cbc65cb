package access

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"

	"github.com/trackseal/trackseal/internal/canon"
	"github.com/trackseal/trackseal/internal/secure"
)

// TokenLife is how long a token of the development issuer is good for.
const TokenLife = time.Hour

// Errors of Issue, with the words of RFC 6749 section 5.2.
var (
	ErrClient = errors.New("invalid_client")
	ErrScope  = errors.New("invalid_scope")
)

// Client may ask the development issuer for tokens.
type Client struct {
	ID           string   `json:"id"`
	SecretSHA256 string   `json:"secret_sha256"` // hex; secrets are random and long, so a plain hash does
	Scopes       []string `json:"scopes"`
}

// Issuer is the development issuer: client credentials against a file of clients. It is no authorisation server; put
// an OIDC provider in its place where people log in.
type Issuer struct {
	name, audience, org string
	clients             map[string]Client
	signer              crypto.Signer
	method              jwt.SigningMethod
	kid                 string
	jwks                []byte
	now                 func() time.Time
}

// OpenIssuer reads the clients and the signing key (PKCS #8 PEM, Ed25519 or P-256), which it makes when it is absent.
func OpenIssuer(name, audience, org, clientsFile, keyFile string, now func() time.Time) (*Issuer, error) {
	data, err := secure.Private(clientsFile)
	if err != nil {
		return nil, fmt.Errorf("clients_file: %w", err)
	}
	clients, err := ParseClients(data)
	if err != nil {
		return nil, fmt.Errorf("clients_file %s: %w", clientsFile, err)
	}
	signer, err := openKey(keyFile)
	if err != nil {
		return nil, fmt.Errorf("key_file %s: %w", keyFile, err)
	}
	return NewIssuer(name, audience, org, clients, signer, now)
}

// ParseClients reads a JSON array of clients.
func ParseClients(data []byte) ([]Client, error) {
	var clients []Client
	if err := canon.UnmarshalJSON(data, &clients); err != nil {
		return nil, err
	}
	for _, c := range clients {
		if b, err := hex.DecodeString(c.SecretSHA256); c.ID == "" || err != nil || len(b) != sha256.Size {
			return nil, fmt.Errorf("client %q: needs an id and secret_sha256 (64 hex digits)", c.ID)
		}
		for _, s := range c.Scopes {
			if !slices.Contains(Scopes, s) {
				return nil, fmt.Errorf("client %q: unknown scope %q", c.ID, s)
			}
		}
	}
	return clients, nil
}

// NewIssuer signs with an Ed25519 or P-256 key.
func NewIssuer(name, audience, org string, clients []Client, signer crypto.Signer, now func() time.Time) (*Issuer, error) {
	i := &Issuer{name: name, audience: audience, org: org, signer: signer, clients: make(map[string]Client, len(clients)), now: now}
	for _, c := range clients {
		i.clients[c.ID] = c
	}
	var alg jwkset.ALG
	switch k := signer.(type) {
	case ed25519.PrivateKey:
		i.method, alg = jwt.SigningMethodEdDSA, jwkset.AlgEdDSA
	case *ecdsa.PrivateKey:
		if k.Curve != elliptic.P256() {
			return nil, errors.New("key must be Ed25519 or P-256")
		}
		i.method, alg = jwt.SigningMethodES256, jwkset.AlgES256
	default:
		return nil, errors.New("key must be Ed25519 or P-256")
	}
	der, err := x509.MarshalPKIXPublicKey(signer.Public())
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(der)
	i.kid = base64.RawURLEncoding.EncodeToString(sum[:12])
	key, err := jwkset.NewJWKFromKey(signer.Public(), jwkset.JWKOptions{Metadata: jwkset.JWKMetadataOptions{ALG: alg, KID: i.kid, USE: jwkset.UseSig}})
	if err != nil {
		return nil, err
	}
	i.jwks, err = json.Marshal(map[string]any{"keys": []any{key.Marshal()}})
	return i, err
}

// Knows reports whether there is a client of this id, for logs: whoever asks for a token must not learn it.
func (i *Issuer) Knows(id string) bool {
	_, known := i.clients[id]
	return known
}

// Issue answers a client-credentials request: scope is "" for all that the client may have. Errors are ErrClient and
// ErrScope.
func (i *Issuer) Issue(id, secret, scope string) (token, granted string, err error) {
	c, known := i.clients[id]
	got := sha256.Sum256([]byte(secret))
	want, _ := hex.DecodeString(c.SecretSHA256)
	if !known {
		want = make([]byte, sha256.Size) // compare anyway: the time says nothing about which ids exist
	}
	if subtle.ConstantTimeCompare(got[:], want) != 1 || !known {
		return "", "", ErrClient
	}
	scopes := c.Scopes
	if scope != "" {
		scopes = strings.Fields(scope)
		for _, s := range scopes {
			if !slices.Contains(c.Scopes, s) {
				return "", "", ErrScope
			}
		}
	}
	now := i.now()
	var jti [16]byte
	rand.Read(jti[:])
	granted = strings.Join(scopes, " ")
	t := jwt.NewWithClaims(i.method, claims{
		RegisteredClaims: jwt.RegisteredClaims{Issuer: i.name, Subject: id, Audience: jwt.ClaimStrings{i.audience}, ID: hex.EncodeToString(jti[:]),
			IssuedAt: jwt.NewNumericDate(now), NotBefore: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(TokenLife))},
		ClientID: id, Scope: granted, Org: i.org,
	})
	t.Header["typ"] = "at+jwt"
	t.Header["kid"] = i.kid
	token, err = t.SignedString(i.signer)
	return token, granted, err
}

// Key is the issuer's own public key, for a Verifier in the same process.
func (i *Issuer) Key(_ context.Context, t *jwt.Token) (any, error) {
	if t.Header["kid"] != i.kid || t.Method.Alg() != i.method.Alg() {
		return nil, errors.New("kid or alg is not this issuer's")
	}
	return i.signer.Public(), nil
}

// Trusted is the issuer as a Verifier sees it.
func (i *Issuer) Trusted() Trusted { return Trusted{Issuer: i.name, Audience: i.audience, Keys: i} }

// Name is the value of iss.
func (i *Issuer) Name() string { return i.name }

// JWKS is the public key set, JSON.
func (i *Issuer) JWKS() []byte { return i.jwks }

func openKey(path string) (crypto.Signer, error) {
	data, err := secure.Private(path)
	if errors.Is(err, fs.ErrNotExist) {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return nil, err
		}
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return nil, err
		}
		return key, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600)
	}
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, errors.New("no PEM block; remove the file to have a new key made")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, errors.New("key must be Ed25519 or P-256")
	}
	return signer, nil
}
