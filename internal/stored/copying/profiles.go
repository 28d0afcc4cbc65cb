package copying

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/profile"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// read checks that what an envelope says was read is what its profile reads. A fault, or an error that the profile cannot be had now.
func (c *Copier) read(ctx context.Context, t *ledger.Tracker, e *telemetry.Envelope, receivedMS int64) (*Fault, error) {
	if e.Profile == (telemetry.Hash{}) {
		return nil, nil
	}
	p, err := c.Trackers.profile(ctx, t, e.Profile)
	if err != nil {
		return nil, err
	}
	if err := p.Check(e, receivedMS); err != nil {
		return faulty(Misread, "profile %s: %v", p.Ref(), err), nil
	}
	// Who cannot run a codec now takes what it made on the operator's word, as one without a sandbox does: the verifier has the last word.
	if err := p.CheckDecoded(e, c.Codec, receivedMS); err != nil && !errors.Is(err, profile.ErrNotRun) {
		return faulty(Misread, "profile %s: %v", p.Ref(), err), nil
	}
	return nil, nil
}

const maxProfiles = 1000

// profile is one that a tracker pinned: ready, known, or the ledger's.
func (c *Trackers) profile(ctx context.Context, t *ledger.Tracker, hash telemetry.Hash) (*profile.Profile, error) {
	if p, ok := profile.ByHash(hash); ok {
		return p, nil
	}
	c.mu.Lock()
	p := c.profiles[hash]
	c.mu.Unlock()
	if p != nil {
		return p, nil
	}
	ref, text := "", hex.EncodeToString(hash[:])
	for _, pin := range t.Profiles {
		if pin.Hash == text {
			ref = pin.Ref
		}
	}
	r, err := ledger.ProfileGet.Ask(ctx, c.ledger, ledger.RefArgs{Ref: ref})
	if err == nil {
		if p, err = profile.Parse(r.Document); err == nil && p.Hash() != hash {
			err = errors.New("the ledger has another document")
		}
	}
	if err != nil {
		return nil, fmt.Errorf("profile %s of tracker %s, with hash %.12s: %w", ref, t.ID, text, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.profiles) >= maxProfiles {
		clear(c.profiles)
	}
	c.profiles[hash] = p
	return p, nil
}
