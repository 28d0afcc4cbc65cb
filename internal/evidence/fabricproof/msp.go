package fabricproof

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// Role of an identity by its certificate's organisational unit.
type Role string

// The four roles of NodeOUs.
const (
	Client  Role = "client"
	Peer    Role = "peer"
	Admin   Role = "admin"
	Orderer Role = "orderer"
)

// MSP is an organisation as the channel's configuration describes it.
type MSP struct {
	ID            string
	RootHashes    []Hash // SHA-256 of each root certificate's DER
	roots         *x509.CertPool
	intermediates *x509.CertPool
	units         []unit
	revoked       []revoked
	sha2          bool
}

type unit struct {
	role Role
	name string
	cert []byte // DER of the authority that must have issued, nil = any
}

type revoked struct {
	issuer []byte
	serial *big.Int
}

// Signer is a certificate that was found to belong to an organisation.
type Signer struct {
	MSP  string
	Role Role
	Cert *x509.Certificate
	// ID tells identities apart: hash of organisation and certificate.
	ID Hash
}

func decodeMSP(raw []byte) (*MSP, error) {
	var kind uint32
	var config []byte
	if err := message(raw, "MSP configuration", intOf(1, &kind), bytesOf(2, &config)); err != nil {
		return nil, err
	}
	if kind != 0 {
		return nil, fmt.Errorf("MSP of type %d: only X.509 is supported", kind)
	}
	m := &MSP{roots: x509.NewCertPool(), intermediates: x509.NewCertPool(), sha2: true}
	var roots, intermediates, lists [][]byte
	var family, function string
	enabled := false
	ou := func(num int32, role Role) field {
		return sub(protowire.Number(num), func(b []byte) error {
			u := unit{role: role}
			var cert []byte
			if err := message(b, "organisational unit", bytesOf(1, &cert), textOf(2, &u.name)); err != nil {
				return err
			}
			if cert != nil {
				c, err := certificate(cert)
				if err != nil {
					return err
				}
				u.cert = c.Raw
			}
			m.units = append(m.units, u)
			return nil
		})
	}
	anything := func([]byte) error { return nil }
	err := message(config, "MSP", textOf(1, &m.ID), list(2, &roots), list(3, &intermediates), each(4, anything),
		list(5, &lists), each(7, anything),
		sub(8, func(b []byte) error {
			return message(b, "MSP crypto configuration", textOf(1, &family), textOf(2, &function))
		}),
		each(9, anything), each(10, anything),
		sub(11, func(b []byte) error {
			return message(b, "node OUs", boolOf(1, &enabled), ou(2, Client), ou(3, Peer), ou(4, Admin), ou(5, Orderer))
		}))
	switch {
	case err != nil:
		return nil, err
	case !enabled:
		return nil, fmt.Errorf("MSP %s does not use node OUs: roles cannot be told apart", m.ID)
	case family != "" && family != "SHA2":
		return nil, fmt.Errorf("MSP %s hashes with %s, only SHA2 is supported", m.ID, family)
	case len(roots) == 0:
		return nil, fmt.Errorf("MSP %s has no root certificate", m.ID)
	}
	for _, p := range roots {
		c, err := certificate(p)
		if err != nil {
			return nil, err
		}
		m.roots.AddCert(c)
		m.RootHashes = append(m.RootHashes, sha256.Sum256(c.Raw))
	}
	for _, p := range intermediates {
		c, err := certificate(p)
		if err != nil {
			return nil, err
		}
		m.intermediates.AddCert(c)
	}
	for _, p := range lists {
		der := p
		if block, _ := pem.Decode(p); block != nil {
			der = block.Bytes
		}
		l, err := x509.ParseRevocationList(der)
		if err != nil {
			return nil, fmt.Errorf("MSP %s: revocation list: %w", m.ID, err)
		}
		for _, e := range l.RevokedCertificateEntries {
			m.revoked = append(m.revoked, revoked{l.RawIssuer, e.SerialNumber})
		}
	}
	return m, nil
}

func certificate(p []byte) (*x509.Certificate, error) {
	block, rest := pem.Decode(p)
	if block == nil || block.Type != "CERTIFICATE" || len(bytes.TrimSpace(rest)) != 0 {
		return nil, errors.New("not one PEM certificate")
	}
	return x509.ParseCertificate(block.Bytes)
}

// Identify finds the organisation's member behind a PEM certificate. As in Fabric its expiry does not count here: callers
// that know a time check it with ValidAt.
func (m *MSP) Identify(idBytes []byte) (*Signer, error) {
	c, err := certificate(idBytes)
	if err != nil {
		return nil, fault(Identity, "one PEM certificate of "+m.ID, "%v", err)
	}
	if c.IsCA {
		return nil, fault(Identity, "a certificate of a member", "an authority's certificate")
	}
	chains, err := c.Verify(x509.VerifyOptions{
		Roots: m.roots, Intermediates: m.intermediates, CurrentTime: c.NotBefore.Add(time.Second),
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err != nil {
		return nil, fault(Identity, "a certificate issued by "+m.ID, "%q: %v", c.Subject.CommonName, err)
	}
	if len(chains) != 1 {
		return nil, fault(Identity, "one chain to a root of "+m.ID, "%d chains", len(chains))
	}
	for _, r := range m.revoked {
		if r.serial.Cmp(c.SerialNumber) == 0 && bytes.Equal(r.issuer, c.RawIssuer) {
			return nil, fault(Identity, "a certificate in force", "%q is on the revocation list of %s", c.Subject.CommonName, m.ID)
		}
	}
	s := &Signer{MSP: m.ID, Cert: c, ID: sha256.Sum256(append([]byte(m.ID+"\x00"), c.Raw...))}
	for _, u := range m.units {
		if !slices.Contains(c.Subject.OrganizationalUnit, u.name) || !issuedUnder(chains[0], u.cert) {
			continue
		}
		if s.Role != "" {
			return nil, fault(Identity, "one role", "%q is %s and %s of %s", c.Subject.CommonName, s.Role, u.role, m.ID)
		}
		s.Role = u.role
	}
	if s.Role == "" {
		return nil, fault(Identity, "a role", "%q has none in %s", c.Subject.CommonName, m.ID)
	}
	return s, nil
}

func issuedUnder(chain []*x509.Certificate, authority []byte) bool {
	return authority == nil || slices.ContainsFunc(chain[1:], func(c *x509.Certificate) bool { return bytes.Equal(c.Raw, authority) })
}

// ValidAt refuses a certificate outside its dates.
func (s *Signer) ValidAt(ms int64) error {
	t := time.UnixMilli(ms)
	if t.Before(s.Cert.NotBefore) || t.After(s.Cert.NotAfter) {
		return fault(Identity, fmt.Sprintf("a certificate valid at %s", t.UTC().Format(time.RFC3339)), "%q of %s is valid %s to %s",
			s.Cert.Subject.CommonName, s.MSP, s.Cert.NotBefore.UTC().Format(time.RFC3339), s.Cert.NotAfter.UTC().Format(time.RFC3339))
	}
	return nil
}

// verify checks a signature as Fabric makes it: ECDSA over SHA-256 in DER with low s, or Ed25519 over the message.
func (s *Signer) verify(msg, signature []byte) error {
	switch key := s.Cert.PublicKey.(type) {
	case *ecdsa.PublicKey:
		if err := lowS(key, signature); err != nil {
			return err
		}
		digest := sha256.Sum256(msg)
		if !ecdsa.VerifyASN1(key, digest[:], signature) {
			return errors.New("does not verify")
		}
		return nil
	case ed25519.PublicKey:
		if !ed25519.Verify(key, msg, signature) {
			return errors.New("does not verify")
		}
		return nil
	}
	return errors.New("the key is neither ECDSA nor Ed25519")
}

// lowS: (r, n-s) verifies as well, so without this rule a signature would have two forms.
func lowS(key *ecdsa.PublicKey, signature []byte) error {
	var v struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(signature, &v); err != nil || len(rest) != 0 {
		return errors.New("is not a DER signature")
	}
	if v.S.Cmp(new(big.Int).Rsh(key.Params().N, 1)) > 0 {
		return errors.New("has high s")
	}
	return nil
}
