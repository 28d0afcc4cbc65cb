package device

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"time"

	"github.com/trackseal/trackseal/internal/mqtt"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// DeriveKey makes the key that a seed gives to a tracker. Anyone who knows the seed has the key: for demonstrations and
// load tests only.
func DeriveKey(seed uint64, tracker string) crypto.Signer {
	h := sha256.Sum256(fmt.Appendf(nil, "trackseal/sim/key/1\n%d\n%s\nEd25519", seed, tracker))
	return ed25519.NewKeyFromSeed(h[:])
}

// NewKey makes a random key.
func NewKey(alg telemetry.Alg) (crypto.Signer, error) {
	switch alg {
	case telemetry.Ed25519:
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	case telemetry.ESP256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	return nil, fmt.Errorf("algorithm %s: must be Ed25519 or ESP256", alg)
}

// ParseKey reads a PEM key (PKCS #8); name is for the error.
func ParseKey(name string, data []byte) (crypto.Signer, error) {
	block, _ := pem.Decode(data)
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, fmt.Errorf("%s: not a PEM private key (PKCS #8)", name)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("%s: key cannot sign", name)
	}
	if _, err := telemetry.Public(signer); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return signer, nil
}

// newKeyFile makes a key and keeps it. The file is synced before use: a key that is enrolled and then lost could never be replaced
// without its owner.
func newKeyFile(path string, alg telemetry.Alg) (crypto.Signer, error) {
	key, err := NewKey(alg)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return key, keep(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// passwordLife stays below the 24 hours that a broker accepts, with room for clock skew.
const passwordLife = 12 * time.Hour

// Password is the MQTT password of a tracker that signs: a JWT by its own key.
func Password(signer crypto.Signer, tracker, deployment string, now time.Time) (string, error) {
	return mqtt.NewPassword(signer, tracker, deployment, now, passwordLife)
}
