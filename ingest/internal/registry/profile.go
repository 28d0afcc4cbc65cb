package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/trackseal/trackseal/ingest/internal/journal"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/profile"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// keepProfiles is how many are in memory, compiled, in each of two generations.
const keepProfiles = 256

// ErrNoProfile: a profile is not here, and the ledger cannot be asked for it now. Later it can.
var ErrNoProfile = errors.New("the profile cannot be read from the ledger now")

// Profile is what a tracker's messages are read by: one that every node has, else a copy from the journal, else the ledger's, of which the
// journal gets a copy. So messages are read while the ledger is away.
func (r *Registry) Profile(ctx context.Context, pin ledger.ProfilePin) (*profile.Profile, error) {
	if p := r.knownProfile(pin.Hash); p != nil {
		return p, nil
	}
	p, err := r.readProfile(ctx, pin)
	if err != nil {
		r.cfg.Log.Debug("profile not read", "profile", pin.Ref, "err", err)
		return nil, fmt.Errorf("%w: %s: %w", ErrNoProfile, pin.Ref, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.profiles.Put(pin.Hash, p)
	r.profiles.Turn()
	return p, nil
}

func (r *Registry) knownProfile(hash string) *profile.Profile {
	r.mu.RLock()
	p, ok := r.profiles.Peek(hash)
	r.mu.RUnlock()
	if ok {
		return p
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	p, _ = r.profiles.Get(hash)
	return p
}

var errAskLater = errors.New("it was asked for a moment ago")

func (r *Registry) readProfile(ctx context.Context, pin ledger.ProfilePin) (*profile.Profile, error) {
	hash, err := hex.DecodeString(pin.Hash)
	if err != nil || len(hash) != sha256.Size {
		return nil, fmt.Errorf("%q is no hash", pin.Hash)
	}
	if p, ok := profile.ByHash(telemetry.Hash(hash)); ok {
		return p, nil
	}
	document, err := r.cfg.DB.Get(journal.ProfileKey(pin.Hash))
	if err != nil {
		return nil, err
	}
	if document != nil {
		return parse(document, pin.Hash)
	}
	// Who comes while it is asked for waits for the answer: behind another broker, what is refused until later is lost.
	found, err, _ := r.asking.Do(pin.Hash, func() (any, error) {
		if !r.may("profile " + pin.Hash) {
			return nil, errAskLater
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookupTimeout)
		defer cancel()
		return r.askProfile(ctx, pin)
	})
	if err != nil {
		return nil, err
	}
	return found.(*profile.Profile), nil
}

func (r *Registry) askProfile(ctx context.Context, pin ledger.ProfilePin) (*profile.Profile, error) {
	published, err := ledger.ProfileGet.Ask(ctx, r.cfg.Ledger, ledger.RefArgs{Ref: pin.Ref})
	if err != nil {
		return nil, err
	}
	p, err := parse(published.Document, pin.Hash)
	if err != nil {
		return nil, err
	}
	b := r.cfg.DB.Begin()
	b.Set(journal.ProfileKey(pin.Hash), published.Document)
	return p, b.Commit("registry")
}

// parse believes no document but the one that was pinned.
func parse(document []byte, hash string) (*profile.Profile, error) {
	p, err := profile.Parse(document)
	if err != nil {
		return nil, err
	}
	if h := p.Hash(); hex.EncodeToString(h[:]) != hash {
		return nil, fmt.Errorf("the document has the hash %x", h)
	}
	return p, nil
}

// fetch gets the profiles that trackers pin before their first message, for the ledger may be away then.
func (r *Registry) fetch(ctx context.Context, trackers []ledger.Tracker) {
	for i := range trackers {
		if pin, ok := trackers[i].Profile(); ok && trackers[i].RevokedMS == 0 && trackers[i].ServedBy(r.cfg.Ledger.MSP()) {
			_, _ = r.Profile(ctx, pin) // the first message asks again
		}
	}
}
