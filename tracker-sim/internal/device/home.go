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
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/trackseal/trackseal/internal/mqtt"
	"github.com/trackseal/trackseal/internal/secure"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// Home is where one tracker keeps its key, its secret and its unacknowledged messages. One process at a time may have it:
// two with one identity would fork the chain.
type Home struct {
	*FileStore        // the buffer of unacknowledged messages
	path       string // without the endings of its files
}

// OpenHome opens or makes a tracker's place in dir.
func OpenHome(dir, id string) (*Home, error) {
	if !telemetry.ValidID(id) {
		return nil, fmt.Errorf("tracker id %q: must match [A-Za-z0-9][A-Za-z0-9._-]{0,63}", id)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	store, err := OpenFile(filepath.Join(dir, id+".outbox"))
	if err != nil {
		return nil, fmt.Errorf("tracker %s: %w", id, err)
	}
	return &Home{FileStore: store, path: filepath.Join(dir, id)}, nil
}

// KeyPath is the PEM file of the tracker's key.
func (h *Home) KeyPath() string { return h.path + ".key.pem" }

// Key reads the tracker's key, or makes one of that algorithm.
func (h *Home) Key(alg telemetry.Alg) (crypto.Signer, error) {
	data, err := secure.Private(h.KeyPath())
	if errors.Is(err, os.ErrNotExist) {
		return newKeyFile(h.KeyPath(), alg)
	}
	if err != nil {
		return nil, err
	}
	return ParseKey(h.KeyPath(), data)
}

func (h *Home) secretPath() string { return h.path + ".secret" }

// Secret reads the MQTT secret of a tracker that cannot sign; "" when none was kept.
func (h *Home) Secret() (string, error) {
	data, err := secure.Private(h.secretPath())
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	return strings.TrimSpace(string(data)), err
}

// KeepSecret writes the secret; the API tells it once.
func (h *Home) KeepSecret(secret string) error { return keep(h.secretPath(), []byte(secret+"\n")) }

// keep writes a synced file that nobody else may read.
func keep(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}

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
