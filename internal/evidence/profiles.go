package evidence

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/profile"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// givenProfiles reads the documents in the bundle. Each must be one that is named, by its hash: of a whole shipment in the record of an assigned
// tracker, of one message in that message.
func (v *verifier) givenProfiles() error {
	v.profiles = map[Hash]*profile.Profile{}
	var last Hash
	for i, raw := range v.in.Manifest.Profiles {
		where := fmt.Sprintf("profile %d", i)
		sum := sha256.Sum256(raw)
		if i > 0 && bytes.Compare(sum[:], last[:]) <= 0 {
			return stop(BundleFormat, where, "profiles in the order of their hashes, each once", "%x after %x", sum, last)
		}
		last = sum
		if !v.names(sum) {
			return stop(BundleFormat, where, "a profile by which messages here were read", "one with hash %x", sum)
		}
		p, err := profile.Parse(raw)
		if err == nil && p.Hash() != sum {
			err = errors.New("not in its canonical form")
		}
		if err != nil {
			v.book.unknown(NoProfile, where, "a profile that this program can read", "%v", err)
			continue
		}
		v.profiles[sum] = p
	}
	return nil
}

// names reports whether a profile's document has its place in the bundle.
func (v *verifier) names(sum Hash) bool {
	if p := v.in.Proof; p != nil {
		e, err := telemetry.DecodeEnvelope(p.Leaf.Plain)
		return err == nil && e.Profile == sum
	}
	hash := hex.EncodeToString(sum[:])
	for _, tr := range v.trackers {
		if slices.ContainsFunc(tr.record.Profiles, func(pin ledger.ProfilePin) bool { return pin.Hash == hash }) {
			return true
		}
	}
	return false
}

// readings checks that what an envelope says was read of a message is what the profile that its tracker had then reads of it.
func (v *verifier) readings(where string, tr *tracker, e *telemetry.Envelope, receivedMS int64) {
	hash, said := "", "none: it was read as plain JSON"
	if e.Profile != (Hash{}) {
		hash = hex.EncodeToString(e.Profile[:])
		said = hash
	}
	if !tr.record.Pinned(hash, receivedMS) {
		v.book.fail(WrongProfile, where, fmt.Sprintf("the profile that %s had when it was received, %d", tr.record.ID, receivedMS), "%s", said)
		return
	}
	if hash == "" {
		return
	}
	p := v.profiles[e.Profile]
	if p == nil {
		var ready bool
		if p, ready = profile.ByHash(e.Profile); !ready {
			v.book.unknown(NoProfile, where, "the profile with hash "+hash, "none in the bundle: what it read is not checked")
			return
		}
	}
	if err := p.Check(e, receivedMS); err != nil {
		v.book.fail(ReadDiffers, where, "what profile "+p.Ref()+" reads", "%s: %v", bounded(e.Reads), err)
		return
	}
	err := p.CheckDecoded(e, v.options.Codec, receivedMS)
	expected := "what the codec of profile " + p.Ref() + " makes of the message"
	switch {
	case errors.Is(err, profile.ErrNotRun):
		v.book.unknown(NotDecoded, where, expected, "decoded values that are not checked: %v", err)
	case err != nil:
		v.book.fail(DecodedDiffers, where, expected, "%s: %v", bounded(e.Decoded), err)
	}
}

// bounded is the beginning of a text, for a finding.
func bounded(b []byte) string {
	const most = 200
	if len(b) > most {
		return string(bytes.ToValidUTF8(b[:most], nil)) + "…"
	}
	return string(bytes.ToValidUTF8(b, []byte("\ufffd")))
}
