package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"github.com/trackseal/trackseal/ingest/internal/journal"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// BySecret finds the tracker that cannot sign and has this secret. The ledger is not asked: whoever tries secrets costs nothing. A hash is
// there for every member to read and to enrol a tracker of its own with: when two have the same one, the secret alone says nothing.
func (r *Registry) BySecret(secret string) (*Tracker, bool) {
	sum := sha256.Sum256([]byte(secret))
	hash := hex.EncodeToString(sum[:])
	prefix := journal.SecretPrefix(hash)
	var of []*Tracker
	err := r.cfg.DB.Scan(prefix, func(key, _ []byte) error {
		t, err := r.get(string(key[len(prefix):]))
		if t != nil && t.SecretHash == hash && !t.Revoked && t.Elsewhere == "" {
			of = append(of, t)
		}
		return err
	})
	switch {
	case err != nil:
		r.cfg.Log.Error("tracker cannot be found by its secret", "err", err)
	case len(of) > 1:
		r.cfg.Log.Error("two trackers have one secret: they have to log in by their ids", "trackers", []string{of[0].ID, of[1].ID})
	case len(of) == 1:
		return of[0], true
	}
	return nil, false
}

// Device finds the tracker that a gateway calls so. One that was enrolled a moment ago under this name is asked for, within the bounds
// of Tracker.
func (r *Registry) Device(ctx context.Context, gateway, name string) (*Tracker, bool) {
	for again := false; ; again = true {
		if t := r.behind(gateway, name); t != nil && t.Gateway == gateway && t.Device == name {
			return t, true
		}
		id := ledger.MemberOf(gateway) + "." + name // as a device is called when nobody says otherwise
		if again || !telemetry.ValidID(id) {
			return nil, false
		}
		r.ask(ctx, id)
	}
}

// behind is the tracker that the journal has for a gateway's device, nil when it has none.
func (r *Registry) behind(gateway, name string) *Tracker {
	id, err := r.cfg.DB.Get(journal.DeviceKey(gateway, name))
	var t *Tracker
	if err == nil && id != nil {
		t, err = r.get(string(id))
	}
	if err != nil {
		r.cfg.Log.Error("device cannot be found in the journal", "gateway", gateway, "device", name, "err", err)
	}
	return t
}
