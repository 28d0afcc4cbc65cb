package identity

import (
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/trackseal/trackseal/network/internal/topology"
)

// MakeOrganisation writes an organisation's authorities, what Fabric reads of an organisation, and its certificates, valid for so long.
// What is there already stays.
func MakeOrganisation(s topology.Stack, o topology.Org, valid time.Duration, now time.Time) error {
	for _, a := range []struct{ name, org, cert, key string }{
		{"ca." + o.Domain(), o.Domain(), s.CACert(o), s.CAKey(o)},
		{"tlsca." + o.Domain(), o.Domain(), s.TLSCACert(o), s.TLSCAKey(o)},
		{"ca." + o.OrdererDomain(), o.OrdererDomain(), s.OrdererCACert(o), s.OrdererCAKey(o)},
		{"tlsca." + o.OrdererDomain(), o.OrdererDomain(), s.OrdererTLSCACert(o), s.OrdererTLSCAKey(o)},
	} {
		if a.org == o.OrdererDomain() && !s.Member(o).Orderer {
			continue
		}
		if err := makeAuthority(pkix.Name{CommonName: a.name, Organization: []string{a.org}}, a.cert, a.key, now); err != nil {
			return err
		}
	}
	msps := []string{s.OrgMSPDir(o), s.UserMSPDir(o, "Admin")}
	for _, u := range s.Users(o) {
		msps = append(msps, s.UserMSPDir(o, u.Name))
	}
	if s.Member(o).Kind == topology.Node {
		msps = append(msps, s.PeerMSPDir(o))
	}
	for _, dir := range msps {
		if err := makeMSP(dir, s.CACert(o), s.TLSCACert(o)); err != nil {
			return err
		}
	}
	roots := map[string]string{} // of TLS, in a node's own folder
	if s.Member(o).Kind == topology.Node {
		roots[filepath.Join(s.PeerTLSDir(o), "ca.crt")] = s.TLSCACert(o)
	}
	if s.Member(o).Orderer {
		for _, dir := range []string{s.OrdererOrgMSPDir(o), s.OrdererAdminMSPDir(o), s.OrdererMSPDir(o)} {
			if err := makeMSP(dir, s.OrdererCACert(o), s.OrdererTLSCACert(o)); err != nil {
				return err
			}
		}
		roots[filepath.Join(s.OrdererTLSDir(o), "ca.crt")] = s.OrdererTLSCACert(o)
		roots[filepath.Join(s.OrdererAdminTLSDir(o), "ca.crt")] = s.OrdererTLSCACert(o)
	}
	for to, from := range roots {
		if err := copyFile(from, to); err != nil {
			return err
		}
	}
	_, err := makeAll(Of(s, o), valid, now)
	return err
}

// MakeMissing issues the certificates of an organisation that somebody took away, with their keys or without; made tells how many. One that
// is pinned, or whose authority is not here, is an error.
func MakeMissing(s topology.Stack, o topology.Org, valid time.Duration, now time.Time) (made int, err error) {
	all := Of(s, o)
	for _, c := range all {
		if _, err := os.Stat(c.Cert); c.Pinned != "" && errors.Is(err, fs.ErrNotExist) {
			return 0, fmt.Errorf("%s is gone, and another one would not do, since %s: put it back from a backup", c.Cert, c.Pinned)
		}
	}
	return makeAll(all, valid, now)
}

// MakeServers writes the folder's own authority and the certificates that it signs; made tells how many were not there.
func MakeServers(s topology.Stack, valid time.Duration, now time.Time) (made int, err error) {
	all := Servers(s)
	if len(all) == 0 {
		return 0, nil
	}
	if err := makeAuthority(pkix.Name{CommonName: "Trackseal stack"}, s.Authority(), s.AuthorityKey(), now); err != nil {
		return 0, err
	}
	return makeAll(all, valid, now)
}

// makeAuthority makes an authority that is not there. Crash order: its key is there before its certificate. A certificate whose key is
// gone stays, and says so when something is to be signed.
func makeAuthority(subject pkix.Name, cert, key string, now time.Time) error {
	if _, err := os.Stat(cert); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	a, err := newAuthority(subject, now)
	if err != nil {
		return err
	}
	if err := writeKey(key, a.key); err != nil {
		return err
	}
	return write(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw}))
}

// makeAll issues the certificates that are not there.
func makeAll(all []Certificate, valid time.Duration, now time.Time) (made int, err error) {
	for _, c := range all {
		if _, err := os.Stat(c.Cert); err == nil {
			continue
		} else if !errors.Is(err, fs.ErrNotExist) {
			return made, err
		}
		if err := c.Issue(valid, now); err != nil {
			return made, err
		}
		made++
	}
	return made, nil
}

// nodeOUs tells Fabric to know clients, peers, administrators and orderers of an organisation by a word in their certificates.
const nodeOUs = `NodeOUs:
  Enable: true
  ClientOUIdentifier: {Certificate: %[1]s, OrganizationalUnitIdentifier: client}
  PeerOUIdentifier: {Certificate: %[1]s, OrganizationalUnitIdentifier: peer}
  AdminOUIdentifier: {Certificate: %[1]s, OrganizationalUnitIdentifier: admin}
  OrdererOUIdentifier: {Certificate: %[1]s, OrganizationalUnitIdentifier: orderer}
`

// makeMSP fills a folder with what all of an organisation's have.
func makeMSP(dir, ca, tlsca string) error {
	in := filepath.Join("cacerts", filepath.Base(ca))
	return errors.Join(
		write(filepath.Join(dir, "config.yaml"), fmt.Appendf(nil, nodeOUs, in)),
		copyFile(ca, filepath.Join(dir, in)),
		copyFile(tlsca, filepath.Join(dir, "tlscacerts", filepath.Base(tlsca))),
	)
}

func copyFile(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return write(to, data)
}
