package fabricproof

import (
	"errors"
	"fmt"
	"slices"
)

// OrdererRule is the auditor's demand on a block's signatures.
type OrdererRule struct {
	// Consensus that the channel must use: BFT or Raft.
	Consensus string
	// Organisations that must have signed, each by one of its orderers. A Raft block carries the signature of a single
	// orderer, which its organisation could forge, so for Raft this number decides; for BFT it is in addition to the
	// quorum.
	Organisations int
}

// blockSignature is one entry of a block's SIGNATURES metadata.
type blockSignature struct {
	header     []byte // signature header or identifier header as signed
	creator    []byte // Raft
	consenter  uint32 // BFT
	identifier bool
	signature  []byte
}

type signatureSet struct {
	value      []byte
	lastConfig uint64
	signatures []blockSignature
}

// decodeSignatures is strict because the signed bytes are value ‖ header ‖ block header without lengths: bytes moved from
// one part to the next keep the signature valid, but then a part is empty, repeats a field or has one that is not known.
func decodeSignatures(raw []byte) (signatureSet, error) {
	var s signatureSet
	err := message(raw, "signatures", bytesOf(1, &s.value), each(2, func(b []byte) error {
		var e blockSignature
		var header, identifier []byte
		if err := message(b, "signature", bytesOf(1, &header), bytesOf(2, &e.signature), bytesOf(3, &identifier)); err != nil {
			return err
		}
		if e.signature == nil || (header == nil) == (identifier == nil) {
			return errors.New("signature: needs a signature and either a signature header or an identifier header")
		}
		if identifier != nil {
			e.header, e.identifier = identifier, true
			var nonce []byte
			if err := message(identifier, "identifier header", intOf(1, &e.consenter), bytesOf(2, &nonce)); err != nil {
				return err
			}
			if nonce == nil {
				return errors.New("identifier header: no nonce")
			}
		} else {
			e.header = header
			h, err := decodeSignatureHeader(header)
			if err != nil {
				return err
			}
			if h.creator == nil || h.nonce == nil {
				return errors.New("signature header: creator or nonce is missing")
			}
			e.creator = h.creator
		}
		s.signatures = append(s.signatures, e)
		return nil
	}))
	if err != nil {
		return s, as(SigFormat, err)
	}
	if len(s.value) == 0 {
		return s, as(SigFormat, errors.New("the signed value is empty"))
	}
	named := false
	err = message(s.value, "orderer metadata",
		sub(1, func(b []byte) error { named = true; return message(b, "last configuration", uintOf(1, &s.lastConfig)) }), skip(2))
	if err == nil && !named {
		err = errors.New("the last configuration is not named")
	}
	return s, as(SigFormat, err)
}

// LastConfig is the configuration block that the orderers named under their signatures.
func (b *Block) LastConfig() (uint64, error) {
	if len(b.Signatures) == 0 {
		return 0, fault(SigFormat, "signatures", "none")
	}
	s, err := decodeSignatures(b.Signatures[0])
	return s.lastConfig, err
}

// BlockSigners is who signed a block.
type BlockSigners struct {
	LastConfig uint64
	Signers    []*Signer
}

// CheckSignatures verifies the block's signatures under this configuration. Every signature given must be good and of
// another orderer: one that proves nothing has no place in evidence.
func (c *Config) CheckSignatures(b *Block, rule OrdererRule) (*BlockSigners, error) {
	if c.Consensus != rule.Consensus {
		return nil, fault(BlockQuorum, "a channel that orders by "+rule.Consensus, "%s", c.Consensus)
	}
	if len(b.Signatures) == 0 || c.Consensus == BFT && len(b.Signatures) != 1 {
		return nil, fault(SigFormat, "one set of signatures", "%d", len(b.Signatures))
	}
	out := new(BlockSigners)
	header := b.Header.Bytes()
	seen := map[Hash]bool{}
	organisations := map[string]bool{}
	for i, raw := range b.Signatures {
		set, err := decodeSignatures(raw)
		if err != nil {
			return nil, err
		}
		if i > 0 && set.lastConfig != out.LastConfig {
			return nil, fault(SigFormat, fmt.Sprintf("last configuration %d in every set", out.LastConfig), "%d", set.lastConfig)
		}
		out.LastConfig = set.lastConfig
		for _, sig := range set.signatures {
			s, err := c.orderer(sig)
			if err != nil {
				return nil, err
			}
			if s.Role != Orderer {
				return nil, fault(Identity, "the role orderer", "%q of %s is %s", s.Cert.Subject.CommonName, s.MSP, s.Role)
			}
			if seen[s.ID] {
				return nil, fault(BlockQuorum, "each orderer once", "%q of %s twice", s.Cert.Subject.CommonName, s.MSP)
			}
			seen[s.ID] = true
			signed := slices.Concat(set.value, sig.header, header)
			if err := s.verify(signed, sig.signature); err != nil {
				return nil, fault(BlockQuorum, "valid orderer signatures", "the one of %q of %s %v", s.Cert.Subject.CommonName, s.MSP, err)
			}
			organisations[s.MSP] = true
			out.Signers = append(out.Signers, s)
		}
	}
	if need := Quorum(len(c.Consenters)); c.Consensus == BFT && len(out.Signers) < need {
		return nil, fault(BlockQuorum, fmt.Sprintf("%d of %d consenters", need, len(c.Consenters)), "%d", len(out.Signers))
	}
	if len(organisations) < rule.Organisations {
		return nil, fault(BlockQuorum, fmt.Sprintf("orderers of %d organisations", rule.Organisations), "of %d", len(organisations))
	}
	return out, nil
}

func (c *Config) orderer(sig blockSignature) (*Signer, error) {
	if c.Consensus != BFT {
		if sig.identifier {
			return nil, fault(SigFormat, "signature headers on a Raft channel", "an identifier header")
		}
		return c.member(c.Orderers, sig.creator)
	}
	if !sig.identifier {
		return nil, fault(SigFormat, "identifier headers on a BFT channel", "a signature header")
	}
	for _, n := range c.Consenters {
		if n.ID == sig.consenter {
			return c.memberOf(c.Orderers, n.MSP, n.Certificate)
		}
	}
	return nil, fault(Identity, "a consenter of the channel", "id %d", sig.consenter)
}

// Quorum of n BFT nodes, f = (n-1)/3 of which may be faulty: any two quorums share an honest node.
func Quorum(n int) int {
	f := (n - 1) / 3
	return (n + f + 2) / 2
}

// SameSigner reports whether a set's signer has signed one of the others already: an orderer that caught up keeps the
// signature of the one that it copied from, and each may count once.
func SameSigner(sets [][]byte, set []byte) bool {
	creator := func(raw []byte) string {
		s, err := decodeSignatures(raw)
		if err != nil || len(s.signatures) == 0 {
			return ""
		}
		return string(s.signatures[0].creator)
	}
	return slices.ContainsFunc(sets, func(other []byte) bool { return creator(other) == creator(set) })
}
