package launcher

import (
	"context"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"

	"github.com/trackseal/trackseal/network/internal/fabriccli"
	"github.com/trackseal/trackseal/network/internal/identity"
	"github.com/trackseal/trackseal/network/internal/topology"
)

// errKeysLost: certificates cannot be made anew for a ledger that trusts the old ones.
var errKeysLost = errors.New("the certificates are gone but the ledger that trusts them is there: put fabric/crypto back from a backup, or start anew with " + startAnew)

// makeCertificates fills fabric/crypto in one step: it exists complete or not at all.
func (l *Launcher) makeCertificates(ctx context.Context, note func(string)) (string, error) {
	if _, err := os.Stat(l.Stack.CryptoDir()); err == nil {
		return "kept", nil
	}
	if _, err := os.Stat(l.Stack.ChannelBlock()); err == nil {
		return "", errKeysLost
	}
	// The same paths in a place of its own, so that the files can be written under their final names.
	draft := l.Stack
	draft.Dir = filepath.Join(l.Stack.RunDir(), "new")
	if err := os.RemoveAll(draft.Dir); err != nil {
		return "", err
	}
	if err := os.MkdirAll(draft.FabricDir(), 0o700); err != nil {
		return "", err
	}
	note("making certificates")
	if _, err := l.fabric(ctx, fabriccli.Cryptogen(l.Stack.CryptoConfig(), draft.CryptoDir())); err != nil {
		return "", err
	}
	for _, o := range l.Stack.Orgs() {
		if err := l.issue(draft, o); err != nil {
			return "", err
		}
	}
	if err := os.Rename(draft.CryptoDir(), l.Stack.CryptoDir()); err != nil {
		return "", err
	}
	return "made", os.RemoveAll(draft.Dir)
}

// issue adds what cryptogen cannot make: clients with a role, and both ends of the peer's connection to its chaincode.
func (l *Launcher) issue(s topology.Stack, o topology.Org) error {
	ca, err := identity.Load(s.CACert(o), s.CAKey(o))
	if err != nil {
		return err
	}
	for _, u := range s.Users(o) {
		pair, err := ca.Client(u.Name+"@"+o.Domain(), map[string]string{"trackseal.role": u.Role})
		if err != nil {
			return err
		}
		msp := s.UserMSPDir(o, u.Name)
		err = errors.Join(
			l.write(s.UserCert(o, u.Name), pair.Cert),
			l.write(s.UserKey(o, u.Name), pair.Key),
			l.copy(filepath.Join(s.OrgMSPDir(o), "config.yaml"), filepath.Join(msp, "config.yaml")),
			l.copy(s.CACert(o), filepath.Join(msp, "cacerts", filepath.Base(s.CACert(o)))),
			l.copy(s.TLSCACert(o), filepath.Join(msp, "tlscacerts", filepath.Base(s.TLSCACert(o)))),
		)
		if err != nil {
			return err
		}
	}
	tlsca, err := identity.Load(s.TLSCACert(o), s.TLSCAKey(o))
	if err != nil {
		return err
	}
	for name, usage := range map[string]x509.ExtKeyUsage{"server": x509.ExtKeyUsageServerAuth, "client": x509.ExtKeyUsageClientAuth} {
		pair, err := tlsca.TLS("chaincode-"+name+"."+o.Domain(), usage)
		if err != nil {
			return err
		}
		err = errors.Join(
			l.write(filepath.Join(s.ChaincodeTLSDir(o), name+".crt"), pair.Cert),
			l.write(filepath.Join(s.ChaincodeTLSDir(o), name+".key"), pair.Key),
		)
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *Launcher) copy(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return l.write(to, data)
}
