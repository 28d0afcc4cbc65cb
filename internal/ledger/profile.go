package ledger

import (
	"slices"
	"strings"
)

// Profile is one published version of a profile: how messages of a kind of tracker are read (docs/profiles.md). It is created once and
// never changes. Version 1 makes its publisher the owner of the id: later versions come from the same organisation, one after the other.
type Profile struct {
	ID      string `json:"id"`
	Version int    `json:"version"`
	Hash    string `json:"hash"` // SHA-256 of Document, hex: what trackers pin
	// Document is the canonical JSON, byte for byte; base64 in the record. Only profile:Get answers it: a listing, and the answer
	// and event of its publication, leave it out.
	Document  []byte `json:"document,omitempty"`
	Publisher string `json:"publisher"` // MSP id
	TimeMS    int64  `json:"time_ms"`
	Tx        string `json:"tx"`
}

// ProfilePin is a profile of a tracker and the transaction times between which its messages were read by it.
type ProfilePin struct {
	Ref    string `json:"ref"`  // name@version
	Hash   string `json:"hash"` // of the profile's document, hex
	FromMS int64  `json:"from_ms"`
	ToMS   int64  `json:"to_ms"` // 0 = in force
	Tx     string `json:"tx"`
	EndTx  string `json:"end_tx,omitempty"` // that ended it
}

// PinToleranceMS is how far a message's receipt may lie outside of the term of the pin that it was read by: an ingest learns of a
// change a moment later, and the two clocks are not the same.
const PinToleranceMS = 5 * 60 * 1000

// Profile is the pin in force; ok is false for a tracker that sends plain JSON, or signs.
func (t *Tracker) Profile() (pin ProfilePin, ok bool) {
	if n := len(t.Profiles); n > 0 && t.Profiles[n-1].ToMS == 0 {
		return t.Profiles[n-1], true
	}
	return ProfilePin{}, false
}

// Pinned reports whether a message that was received then may have been read by the profile with this hash (hex). "", and 64 zeros,
// is no profile: plain JSON.
func (t *Tracker) Pinned(hash string, receivedMS int64) bool {
	from, to := receivedMS-PinToleranceMS, receivedMS+PinToleranceMS
	if hash != "" && hash != noProfile {
		return slices.ContainsFunc(t.Profiles, func(p ProfilePin) bool {
			return p.Hash == hash && p.FromMS <= to && (p.ToMS == 0 || from <= p.ToMS)
		})
	}
	// Was there a moment without a pin? Pins are in their order, and none overlap.
	since := t.EnrolledMS
	for _, p := range t.Profiles {
		if since < p.FromMS && since <= to && from < p.FromMS {
			return true
		}
		if p.ToMS == 0 {
			return false
		}
		since = p.ToMS
	}
	return since <= to || len(t.Profiles) == 0
}

var noProfile = strings.Repeat("0", 64)

// PublishProfileArgs publishes the next version of a profile, in canonical JSON (base64).
type PublishProfileArgs struct {
	Document []byte `json:"document"`
}

func (a PublishProfileArgs) Validate() error {
	if len(a.Document) == 0 || len(a.Document) > MaxProfile {
		return invalid("document must be 1 to %d bytes, base64", MaxProfile)
	}
	return nil
}

// TrackerProfileArgs pins a profile to a tracker that cannot sign.
type TrackerProfileArgs struct {
	ID      string `json:"id"`
	Profile string `json:"profile"` // name@version, published or built in; "" = plain JSON from now on
}

func (a TrackerProfileArgs) Validate() error {
	return first(checkID("id", a.ID), maybeRef("profile", a.Profile))
}

func maybeRef(member, ref string) error {
	if ref == "" {
		return nil
	}
	return checkRef(member, ref)
}
