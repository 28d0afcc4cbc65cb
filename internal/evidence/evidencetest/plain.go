package evidencetest

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/profile"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// Profile has a tracker's messages be read by a profile from now on, whose document goes into the bundle.
func (t *Trip) Profile(tracker string, p *profile.Profile) {
	id := p.Hash()
	hash := hex.EncodeToString(id[:])
	t.changeTracker(&Tracker{ID: tracker}, ledger.TrackerProfile, func(r *ledger.Tracker, s *Sim) {
		if n := len(r.Profiles); n > 0 {
			r.Profiles[n-1].ToMS, r.Profiles[n-1].EndTx = s.TimeMS, s.ID
		}
		r.Profiles = append(r.Profiles, ledger.ProfilePin{Ref: p.Ref(), Hash: hash, FromMS: s.TimeMS, Tx: s.ID})
	})
	t.Profiles = append(t.Profiles, p.Canonical())
	slices.SortFunc(t.Profiles, func(a, b []byte) int { x, y := sum(a), sum(b); return bytes.Compare(x[:], y[:]) })
}

// NoProfile has a tracker's messages be plain JSON again.
func (t *Trip) NoProfile(tracker string) {
	t.changeTracker(&Tracker{ID: tracker}, ledger.TrackerProfile, func(r *ledger.Tracker, s *Sim) {
		last := &r.Profiles[len(r.Profiles)-1]
		last.ToMS, last.EndTx = s.TimeMS, s.ID
	})
}

// Read makes the envelope of what a tracker with a profile publishes, as ingest does. decoded is what its codec made.
func (t *Trip) Read(tracker string, p *profile.Profile, topic, payload, decoded string) *telemetry.Envelope {
	e := &telemetry.Envelope{Tracker: tracker, Profile: p.Hash(), Topic: topic, Payload: []byte(payload)}
	if decoded != "" {
		e.Decoded = []byte(decoded)
	}
	r, err := p.Read(topic, e.Payload, e.Decoded, t.C.NowMS)
	if err != nil || r.Skip {
		panic(fmt.Sprintf("the profile does not read %s: %v", payload, err))
	}
	e.Reads = r.Reads
	return e
}

// Plain enrols a tracker that cannot sign, and assigns it.
func (t *Trip) Plain(id string) {
	tr := &Tracker{ID: id}
	t.Enrol(tr)
	t.Assign(tr)
}

// LogPlain stores a plain message of such a tracker.
func (t *Trip) LogPlain(tracker, json string) {
	t.LogEnvelope(telemetry.PlainEnvelope(tracker, []byte(json)))
}

// LogEnvelope stores an envelope.
func (t *Trip) LogEnvelope(raw []byte) { t.LogLeaf(telemetry.LeafUnsigned, nil, nil, raw) }
