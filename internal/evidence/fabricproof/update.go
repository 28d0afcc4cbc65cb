package fabricproof

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// A configuration block is signed by orderers. Who is a member is for the members to say: the block holds the update that led to it, which
// the administrators of more than half of them have signed. Without this check a quorum of orderers could make up members that endorse and answer
// as it likes, where the auditor takes the channel's word for who its members are.

// membership is the application group of a configuration, as far as it says who is a member.
type membership struct {
	version uint64
	groups  map[string]memberGroup // by the group's name
}

type memberGroup struct {
	msp     string // id; "" = not said, which an update does of who stays as it is
	version uint64 // of the definition
	value   string // its bytes
}

// checkUpdate requires that the members before agreed to a change of who is one of them, and an unpinned one to a change of its own definition.
func (c *Config) checkUpdate(before *Config, pins map[string][]Hash) error {
	changed := []string{} // MSP ids of whom another definition is given
	same := len(c.members.groups) == len(before.members.groups)
	for name, g := range c.members.groups {
		old, ok := before.members.groups[name]
		if same = same && ok && old.msp == g.msp; ok && old.msp == g.msp && old.value != g.value && pins[g.msp] == nil {
			changed = append(changed, g.msp)
		}
	}
	if same && len(changed) == 0 {
		return nil
	}
	u, err := decodeUpdate(c.update)
	if err != nil {
		return as(ConfigSig, err)
	}
	if u.channel != c.Channel {
		return fault(ConfigSig, "an update of "+c.Channel, "of %q", u.channel)
	}
	agreed := u.signedBy(before)
	if !same {
		// What they signed is this change, and not one of another time: a group's version never comes twice.
		if u.members.version != c.members.version || c.members.version != before.members.version+1 {
			return fault(ConfigSig, fmt.Sprintf("an update of the members to version %d", before.members.version+1), "to version %d, in a configuration with version %d", u.members.version, c.members.version)
		}
		if need := len(before.Application)/2 + 1; len(agreed) < need {
			return fault(ConfigSig, fmt.Sprintf("a change of the members that the administrators of %d of %v signed", need, slices.Sorted(maps.Keys(before.Application))), "of %v", slices.Sorted(maps.Keys(agreed)))
		}
	}
	for name, g := range c.members.groups {
		asked, named := u.members.groups[name]
		old, was := before.members.groups[name]
		switch {
		case !same && !named || (!was || old.msp != g.msp) && asked.value != g.value:
			return fault(ConfigSig, "the members that the update names", "%s", g.msp)
		case slices.Contains(changed, g.msp) && (asked.value != g.value || asked.version != g.version || g.version != old.version+1 || !agreed[g.msp]):
			return fault(ConfigSig, "another definition of "+g.msp+" that its own administrator signed", "signatures of %v", slices.Sorted(maps.Keys(agreed)))
		}
	}
	if !same && len(u.members.groups) != len(c.members.groups) {
		return fault(ConfigSig, fmt.Sprintf("the %d members that the update names", len(u.members.groups)), "%d", len(c.members.groups))
	}
	return nil
}

// update is what led to a configuration, as its proposers signed it.
type update struct {
	raw        []byte
	channel    string
	members    membership // as it is to be
	signatures []updateSignature
}

type updateSignature struct{ header, creator, signature []byte }

func decodeUpdate(envelope []byte) (*update, error) {
	if envelope == nil {
		return nil, errors.New("a configuration without the update that led to it")
	}
	env, err := decodeConfigEnvelope(envelope)
	if err != nil {
		return nil, err
	}
	p, err := decodePayload(env.payload)
	if err != nil {
		return nil, err
	}
	u := new(update)
	err = message(p.data, "configuration update", bytesOf(1, &u.raw), each(2, func(b []byte) error {
		var s updateSignature
		if err := message(b, "signature of an update", bytesOf(1, &s.header), bytesOf(2, &s.signature)); err != nil {
			return err
		}
		h, err := decodeSignatureHeader(s.header)
		s.creator = h.creator
		u.signatures = append(u.signatures, s)
		return err
	}))
	if err != nil {
		return nil, err
	}
	anything := func([]byte) error { return nil }
	err = message(u.raw, "configuration update", textOf(1, &u.channel), skip(2), sub(3, func(b []byte) error {
		return group(b, "update", nil, func(name string, g []byte) error {
			if name != "Application" {
				return nil
			}
			var err error
			u.members, err = decodeMembership(g)
			return err
		}, func(string, configValue) error { return nil })
	}), each(5, anything))
	return u, err
}

// signedBy are the organisations whose administrators signed. A signature that is not right is none, as it is to orderers.
func (u *update) signedBy(before *Config) map[string]bool {
	agreed := map[string]bool{}
	for _, s := range u.signatures {
		signer, err := before.member(before.Application, s.creator)
		if err == nil && signer.Role == Admin && signer.verify(slices.Concat(s.header, u.raw), s.signature) == nil {
			agreed[signer.MSP] = true
		}
	}
	return agreed
}

// decodeMembership reads an application group.
func decodeMembership(b []byte) (membership, error) {
	m := membership{groups: map[string]memberGroup{}}
	err := group(b, "Application", &m.version, func(name string, g []byte) error {
		var member memberGroup
		err := group(g, "Application/"+name, nil, func(string, []byte) error { return nil }, func(key string, v configValue) error {
			if key != "MSP" || len(v.value) == 0 {
				return nil
			}
			msp, err := decodeMSP(v.value)
			if err != nil {
				return fmt.Errorf("group Application/%s: %w", name, err)
			}
			member = memberGroup{msp.ID, v.version, string(v.value)}
			return nil
		})
		m.groups[name] = member
		return err
	}, func(string, configValue) error { return nil })
	return m, err
}
