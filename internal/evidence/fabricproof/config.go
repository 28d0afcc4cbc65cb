package fabricproof

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
)

// Consensus types as the configuration spells them.
const (
	BFT  = "BFT"
	Raft = "etcdraft"
)

// Config is one configuration of the channel.
type Config struct {
	Block       uint64
	Channel     string
	Sequence    uint64
	Consensus   string
	Consenters  []Consenter     // BFT only, ascending id
	Application map[string]*MSP // who endorses, submits, attests
	Orderers    map[string]*MSP
	// Joined are the application organisations that the auditor's roots do not name, in the order of their ids.
	Joined  []string
	members membership
	update  []byte           // the envelope that led here; nil in the channel's first block
	signers map[Hash]*Signer // members found before: one certificate signs many things
}

// Consenter is one ordering node of a BFT channel.
type Consenter struct {
	ID          uint32
	MSP         string
	Certificate []byte // PEM
}

// DecodeConfig reads the configuration that a configuration block brings in. Fabric skips its check of canonical form for
// these blocks; here it is made.
func DecodeConfig(b *Block) (*Config, error) {
	if err := b.checkConfigData(); err != nil {
		return nil, err
	}
	c, err := decodeConfig(b.Envelopes[0])
	if err != nil {
		return nil, as(TxMalformed, err)
	}
	c.Block = b.Number
	return c, nil
}

// checkConfigData is CheckData for one envelope that nobody may have signed (block 0).
func (b *Block) checkConfigData() error {
	if len(b.Envelopes) != 1 {
		return fault(TxMalformed, "a configuration block with one envelope", "%d", len(b.Envelopes))
	}
	if sum := sha256.Sum256(b.Envelopes[0]); string(sum[:]) != string(b.DataHash) {
		return fault(DataHash, fmt.Sprintf("data hash %x as in the header", b.DataHash), "%x", sum)
	}
	return nil
}

func decodeConfig(raw []byte) (*Config, error) {
	env, err := decodeConfigEnvelope(raw)
	if err != nil {
		return nil, err
	}
	p, err := decodePayload(env.payload)
	if err != nil {
		return nil, err
	}
	head, err := decodeChannelHeader(p.channelHeader)
	if err != nil {
		return nil, err
	}
	if head.kind != typeConfig || head.channel == "" || head.epoch != 0 {
		return nil, fmt.Errorf("not a configuration of a channel: type %d", head.kind)
	}
	c := &Config{Channel: head.channel, Application: map[string]*MSP{}, Orderers: map[string]*MSP{}, signers: map[Hash]*Signer{}}
	err = message(p.data, "configuration envelope",
		sub(1, func(b []byte) error {
			return message(b, "configuration", uintOf(1, &c.Sequence), sub(2, c.channelGroup))
		}),
		bytesOf(2, &c.update))
	if err != nil {
		return nil, err
	}
	return c, c.check()
}

// configValue is a value of a ConfigGroup.
type configValue struct {
	version uint64
	value   []byte
}

// group reads a ConfigGroup; version may be nil. Policies and mod_policy are not used: the auditor's own policy decides.
func group(b []byte, what string, version *uint64, groups func(key string, b []byte) error, values func(key string, v configValue) error) error {
	if version == nil {
		version = new(uint64)
	}
	var mod string
	return message(b, what, uintOf(1, version), entries(2, groups),
		entries(3, func(key string, b []byte) error {
			var v configValue
			var mod string
			if err := message(b, what+" value "+key, uintOf(1, &v.version), bytesOf(2, &v.value), textOf(3, &mod)); err != nil {
				return err
			}
			return values(key, v)
		}),
		entries(4, func(string, []byte) error { return nil }), textOf(5, &mod))
}

func (c *Config) channelGroup(b []byte) error {
	return group(b, "channel group", nil,
		func(name string, g []byte) error {
			switch name {
			case "Application":
				var err error
				if c.members, err = decodeMembership(g); err != nil {
					return err
				}
				return organisations(g, name, c.Application, func(string, configValue) error { return nil })
			case "Orderer":
				return organisations(g, name, c.Orderers, c.ordererValue)
			}
			return fmt.Errorf("group %q is not known", name)
		},
		func(key string, v configValue) error {
			switch key {
			case "HashingAlgorithm":
				var name string
				if err := message(v.value, "hashing algorithm", textOf(1, &name)); err != nil {
					return err
				}
				if name != "SHA256" {
					return fmt.Errorf("hashing algorithm %q, only SHA256 is supported", name)
				}
			case "BlockDataHashingStructure":
				var width uint64
				if err := message(v.value, "hashing structure", uintOf(1, &width)); err != nil {
					return err
				}
				if width != math.MaxUint32 {
					return fmt.Errorf("block data hashing width %d is not supported", width)
				}
			}
			return nil
		})
}

func organisations(b []byte, what string, dst map[string]*MSP, values func(string, configValue) error) error {
	return group(b, what, nil, func(name string, g []byte) error {
		return group(g, what+"/"+name, nil,
			func(string, []byte) error { return errors.New("an organisation with groups") },
			func(key string, v configValue) error {
				if key != "MSP" {
					return nil
				}
				m, err := decodeMSP(v.value)
				if err != nil {
					return fmt.Errorf("%s/%s: %w", what, name, err)
				}
				if dst[m.ID] != nil {
					return fmt.Errorf("%s: two organisations use MSP %s", what, m.ID)
				}
				dst[m.ID] = m
				return nil
			})
	}, values)
}

func (c *Config) ordererValue(key string, v configValue) error {
	switch key {
	case "ConsensusType":
		var metadata []byte
		var state uint32
		return message(v.value, "consensus type", textOf(1, &c.Consensus), bytesOf(2, &metadata), intOf(3, &state))
	case "Orderers":
		return message(v.value, "consenter mapping", each(1, func(b []byte) error {
			var n Consenter
			var host string
			var port uint32
			var tls []byte
			if err := message(b, "consenter", intOf(1, &n.ID), textOf(2, &host), intOf(3, &port), textOf(4, &n.MSP),
				bytesOf(5, &n.Certificate), bytesOf(6, &tls), bytesOf(7, &tls)); err != nil {
				return err
			}
			if slices.ContainsFunc(c.Consenters, func(other Consenter) bool { return other.ID == n.ID }) {
				return fmt.Errorf("two consenters have id %d", n.ID)
			}
			c.Consenters = append(c.Consenters, n)
			return nil
		}))
	}
	return nil
}

func (c *Config) check() error {
	switch {
	case len(c.Application) == 0 || len(c.Orderers) == 0:
		return errors.New("configuration without application or orderer organisations")
	case c.Consensus != BFT && c.Consensus != Raft:
		return fmt.Errorf("consensus type %q is not supported", c.Consensus)
	case c.Consensus == BFT && len(c.Consenters) == 0:
		return errors.New("a BFT channel without consenters")
	}
	return nil
}

// checkRoots compares every organisation's roots with those that the auditor pinned, and notes who joined.
func (c *Config) checkRoots(t Trust) error {
	for _, side := range []map[string]*MSP{c.Application, c.Orderers} {
		for _, id := range slices.Sorted(maps.Keys(side)) {
			m := side[id]
			pins, named := t.Roots[id]
			if !named && t.Joined && c.Orderers[id] == nil {
				c.Joined = append(c.Joined, id)
				continue
			}
			for _, root := range m.RootHashes {
				switch {
				case !named:
					return fault(MSPRoot, "only organisations whose roots the policy pins", "organisation %s with root %x", id, root)
				case !slices.Contains(pins, root):
					return fault(MSPRoot, "only root certificates of "+id+" that the policy pins", "%x", root)
				}
			}
		}
	}
	return nil
}

// IsMember reports whether a serialised identity is one of the channel's application organisations.
func (c *Config) IsMember(serialized []byte) bool {
	_, err := c.member(c.Application, serialized)
	return err == nil
}

// member resolves a serialised identity against one side of the channel.
func (c *Config) member(side map[string]*MSP, serialized []byte) (*Signer, error) {
	var id string
	var cert []byte
	if err := message(serialized, "identity", textOf(1, &id), bytesOf(2, &cert)); err != nil {
		return nil, as(Identity, err)
	}
	return c.memberOf(side, id, cert)
}

func (c *Config) memberOf(side map[string]*MSP, id string, cert []byte) (*Signer, error) {
	m := side[id]
	if m == nil {
		return nil, fault(Identity, fmt.Sprintf("an organisation of the channel as configuration block %d has it", c.Block), "%q", id)
	}
	// The two sides are kept apart: an organisation's peers are not orderers even when both MSPs share a name.
	key := sha256.Sum256(fmt.Appendf(nil, "%p\x00%s", m, cert))
	if s := c.signers[key]; s != nil {
		return s, nil
	}
	s, err := m.Identify(cert)
	if err != nil {
		return nil, err
	}
	c.signers[key] = s
	return s, nil
}
