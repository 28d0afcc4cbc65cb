package device

import (
	"crypto"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

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
	data, err := os.ReadFile(h.KeyPath())
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
	data, err := os.ReadFile(h.secretPath())
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
