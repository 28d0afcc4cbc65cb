package contract

import (
	"bytes"
	"encoding/hex"
	"strconv"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/profile"
)

// profiles is the registry of profiles beside those that are built in. Everybody on the channel may read it; a version never changes.
var profiles = []function{
	change(ledger.ProfilePublish, operator, ledger.EventProfile, publishProfile),
	read(ledger.ProfileGet, func(t *transaction, a ledger.RefArgs) (*ledger.Profile, error) {
		p, err := publishedProfile(t, a.Ref)
		if err == nil && p == nil {
			return nil, ledger.Refuse(ledger.NotFound, "there is no published profile %s", a.Ref)
		}
		return p, err
	}),
	list(ledger.ProfileList, maybeID, listProfiles),
}

// listProfiles gives all versions, by id and version, or those of one id.
func listProfiles(t *transaction, a ledger.ListArgs) (*ledger.Page[ledger.Profile], error) {
	item := func(key string, value []byte) (ledger.Profile, error) {
		p, err := stored[ledger.Profile](key, value)
		p.Document = nil
		return p, err
	}
	return page(t, a, item, ledger.ObjProfile, below(a.ID)...)
}

// publishProfile adds one version. The same bytes once more are EXISTS, which the sender may take as done.
func publishProfile(t *transaction, a ledger.PublishProfileArgs) (*ledger.Profile, error) {
	doc, err := profile.Parse(a.Document)
	if err != nil {
		return nil, ledger.Refuse(ledger.Invalid, "document: %.2000v", err)
	}
	ref, hash := doc.Ref(), hashOf(doc)
	id, version, ok := ledger.SplitRef(ref)
	switch {
	case !ok:
		return nil, ledger.Refuse(ledger.Invalid, "document: %.80q is not name@version", ref)
	case !bytes.Equal(doc.Canonical(), a.Document):
		return nil, ledger.Refuse(ledger.Invalid, "document: not in canonical form, whose SHA-256 is %s", hash)
	}
	if err := t.own("document: id", id); err != nil {
		return nil, err
	}
	p := &ledger.Profile{ID: id, Version: version, Hash: hash, Document: a.Document, Publisher: t.MSP, TimeMS: t.TimeMS, Tx: t.Tx}
	old, err := publishedProfile(t, ref)
	switch {
	case err != nil:
		return nil, err
	case old != nil && old.Hash == p.Hash:
		return nil, ledger.Refuse(ledger.Exists, "profile %s is published with this document already", ref)
	case old != nil:
		return nil, ledger.Refuse(ledger.Conflict, "profile %s is published with another document, of hash %s; a version never changes", ref, old.Hash)
	}
	if version > 1 {
		previous, err := publishedProfile(t, id+"@"+strconv.Itoa(version-1))
		switch {
		case err != nil:
			return nil, err
		case previous == nil:
			return nil, ledger.Refuse(ledger.BadState, "version %d of profile %s comes after version %d, which is not published", version, id, version-1)
		}
	}
	if err := t.put(ledger.ProfileKey(id, version), p); err != nil {
		return nil, err
	}
	// The sender has the document, and followers ask for the few that they need.
	p.Document = nil
	return p, nil
}

// publishedProfile reads a published profile; nil when there is none.
func publishedProfile(t *transaction, ref string) (*ledger.Profile, error) {
	id, version, ok := ledger.SplitRef(ref)
	if !ok {
		return nil, nil
	}
	return get[ledger.Profile](t, ledger.ProfileKey(id, version))
}

// trackerProfile changes what reads a tracker's messages from now on.
func trackerProfile(t *transaction, a ledger.TrackerProfileArgs) (*ledger.Tracker, error) {
	tr, err := ownTracker(t, a.ID)
	switch {
	case err != nil:
		return nil, err
	case len(tr.Keys) > 0:
		return nil, ledger.Refuse(ledger.BadState, "tracker %s signs its messages, which no profile reads", tr.ID)
	}
	hash, err := profileHash(t, a.Profile)
	if err != nil {
		return nil, err
	}
	if now, _ := tr.Profile(); now.Ref == a.Profile && now.Hash == hash {
		return tr, nil // said again because its sender did not hear the outcome
	}
	if err := pin(t, tr, a.Profile, hash); err != nil {
		return nil, err
	}
	return tr, t.put(ledger.TrackerKeyOf(tr.ID), tr)
}

// profileHash is the hash of a profile's document; "" for none.
func profileHash(t *transaction, ref string) (string, error) {
	if ref == "" {
		return "", nil
	}
	if built, ok := profile.Find(ref); ok {
		return hashOf(built), nil
	}
	p, err := publishedProfile(t, ref)
	switch {
	case err != nil:
		return "", err
	case p == nil:
		return "", ledger.Refuse(ledger.Invalid, "profile: %s is neither built in nor published; publish it with %s first", ref, ledger.ProfilePublish)
	}
	return p.Hash, nil
}

func hashOf(p *profile.Profile) string {
	h := p.Hash()
	return hex.EncodeToString(h[:])
}

// pin ends the pin in force and adds one, unless ref is "".
func pin(t *transaction, tr *ledger.Tracker, ref, hash string) error {
	if n := len(tr.Profiles); n > 0 {
		last := &tr.Profiles[n-1]
		if t.TimeMS < max(last.FromMS, last.ToMS) {
			return ledger.Refuse(ledger.BadState, "the transaction's time lies before that of the last change of the tracker's profile")
		}
		if last.ToMS == 0 {
			last.ToMS, last.EndTx = t.TimeMS, t.Tx
		}
	}
	switch {
	case ref == "":
		return nil
	case len(tr.Profiles) >= ledger.MaxProfiles:
		return ledger.Refuse(ledger.BadState, "tracker %s has had %d profiles, which is the most", tr.ID, ledger.MaxProfiles)
	}
	tr.Profiles = append(tr.Profiles, ledger.ProfilePin{Ref: ref, Hash: hash, FromMS: t.TimeMS, Tx: t.Tx})
	return nil
}
