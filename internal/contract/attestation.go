package contract

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"slices"
	"time"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// attest checks that a key stands in a certificate that leads to the root of a maker whom the members accepted, at the transaction's
// time. Revocation lists are the maker's, off the ledger: nobody asks them here.
func attest(t *transaction, key ledger.TrackerKey, certs [][]byte) (*ledger.Attestation, error) {
	chain := make([]*x509.Certificate, len(certs))
	for i, der := range certs {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, ledger.Refuse(ledger.Invalid, "certificates[%d]: %.500v", i, err)
		}
		chain[i] = c
	}
	device, root := chain[0], chain[len(chain)-1]
	maker, err := get[ledger.Maker](t, ledger.MakerKey(rootHash(root)))
	switch {
	case err != nil:
		return nil, err
	case maker == nil:
		return nil, ledger.Refuse(ledger.BadProof, "certificates: the members accepted no maker with the root %s, which is the last one", rootHash(root))
	case !maker.InForce():
		return nil, ledger.Refuse(ledger.BadProof, "certificates: the members ended the acceptance of this root of maker %s", maker.Name)
	}
	public, err := telemetry.PublicOf(device.PublicKey)
	if err != nil || hex.EncodeToString(public.Raw) != key.Public {
		return nil, ledger.Refuse(ledger.BadProof, "certificates: the first one is of another key than the tracker's")
	}
	if device.IsCA {
		return nil, ledger.Refuse(ledger.BadProof, "certificates: the first one is an authority's, not a device's")
	}
	opts := x509.VerifyOptions{
		Roots: pool(root), Intermediates: pool(chain[1 : len(chain)-1]...), CurrentTime: time.UnixMilli(t.TimeMS),
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}, // makers name usages of their own
	}
	if _, err := device.Verify(opts); err != nil {
		return nil, ledger.Refuse(ledger.BadProof, "certificates: %.500v", err)
	}
	return &ledger.Attestation{KID: key.KID, Maker: maker.Name, Root: maker.Root, Subject: short(device.Subject.String(), 256), Tx: t.Tx}, nil
}

func pool(certs ...*x509.Certificate) *x509.CertPool {
	p := x509.NewCertPool()
	for _, c := range certs {
		p.AddCert(c)
	}
	return p
}

func rootHash(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}

// short keeps text within bytes.
func short(text string, max int) string {
	if len(text) > max {
		text = string(bytes.ToValidUTF8([]byte(text[:max]), nil))
	}
	return text
}

// possibleMaker refuses a proposal about a maker that could not be executed whatever the votes, and gives the record as it would be then.
func possibleMaker(t *transaction, p *ledger.MemberProposal) (*ledger.Maker, error) {
	if p.Act == ledger.EndMaker {
		m, err := existing[ledger.Maker](t, ledger.MakerKey(p.Root), "the members accepted no maker with the root %s", p.Root)
		switch {
		case err != nil:
			return nil, err
		case !m.InForce():
			return nil, ledger.Refuse(ledger.BadState, "root: the acceptance of %s of maker %s has ended", m.Root, m.Name)
		}
		m.EndedMS, m.EndedTx = t.TimeMS, t.Tx
		return m, nil
	}
	root, err := x509.ParseCertificate(p.Certificate)
	switch {
	case err != nil:
		return nil, ledger.Refuse(ledger.Invalid, "certificate: %.500v", err)
	case !root.IsCA || !bytes.Equal(root.RawIssuer, root.RawSubject) || root.CheckSignatureFrom(root) != nil:
		return nil, ledger.Refuse(ledger.Invalid, "certificate: not the certificate of a root, which is an authority's and signed by itself")
	case time.UnixMilli(t.TimeMS).After(root.NotAfter):
		return nil, ledger.Refuse(ledger.Invalid, "certificate: expired at %s", root.NotAfter.UTC().Format(time.RFC3339))
	}
	hash := rootHash(root)
	old, err := get[ledger.Maker](t, ledger.MakerKey(hash))
	switch {
	case err != nil:
		return nil, err
	case old != nil && old.InForce():
		return nil, ledger.Refuse(ledger.Exists, "certificate: this root is accepted already, as one of maker %s", old.Name)
	}
	return &ledger.Maker{Name: p.Name, Root: hash, Certificate: slices.Clone(p.Certificate), Proposal: p.ID, AcceptedMS: t.TimeMS, Tx: t.Tx}, nil
}
