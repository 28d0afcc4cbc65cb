package contract

import (
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"math/big"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/ledger"
)

// authority is a maker's, or one below it.
type authority struct {
	cert *x509.Certificate
	key  ed25519.PrivateKey
}

// issue makes a certificate that is valid from a day before t0 for a year, changed as the test likes.
func (a *authority) issue(t testing.TB, key crypto.PublicKey, name string, ca bool, change func(*x509.Certificate)) *x509.Certificate {
	t.Helper()
	c := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: name}, NotBefore: time.UnixMilli(t0).AddDate(0, 0, -1), NotAfter: time.UnixMilli(t0).AddDate(1, 0, 0),
		BasicConstraintsValid: true, IsCA: ca,
	}
	if ca {
		c.KeyUsage = x509.KeyUsageCertSign
	}
	if change != nil {
		change(c)
	}
	parent := a.cert
	if parent == nil {
		parent = c
	}
	der, err := x509.CreateCertificate(nil, c, parent, key, a.key)
	if err != nil {
		t.Fatal(err)
	}
	issued, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return issued
}

func newAuthority(t testing.TB, name string, above *authority) *authority {
	t.Helper()
	seed := sha256.Sum256([]byte(name))
	a := &authority{key: ed25519.NewKeyFromSeed(seed[:])}
	by := above
	if by == nil {
		by = a
	}
	a.cert = by.issue(t, a.key.Public(), name, true, nil)
	return a
}

// chain is what attests a device's key: by the root itself or by an authority below it.
func (a *authority) chain(t testing.TB, d device, above ...*authority) [][]byte {
	t.Helper()
	certs := [][]byte{a.issue(t, d.signer.Public(), "logger 17", false, nil).Raw, a.cert.Raw}
	for _, b := range above {
		certs = append(certs, b.cert.Raw)
	}
	return certs
}

func (a *authority) hash() string {
	sum := sha256.Sum256(a.cert.Raw)
	return hex.EncodeToString(sum[:])
}

func acceptArgs(id string, a *authority) ledger.ProposeMemberArgs {
	return ledger.ProposeMemberArgs{ID: id, Act: ledger.AcceptMaker, Name: "Acme Loggers GmbH", Certificate: a.cert.Raw}
}

// accept has three of the four members accept a maker.
func (w *world) accept(id string, a *authority) {
	w.t.Helper()
	must[ledger.MemberProposal](w, carrierOp, ledger.MemberPropose, ledger.EventProposal, acceptArgs(id, a))
	w.vote(id, shipperOp, auditorOp)
	must[ledger.MemberProposal](w, carrierOp, ledger.MemberExecute, ledger.EventProposal, ledger.IDArgs{ID: id})
}

func attested(id string, d device, certs [][]byte) ledger.EnrolArgs {
	a := d.enrolArgs(id, carrier)
	a.Certificates = certs
	return a
}

func TestAKeyIsAttestedByAnAcceptedMaker(t *testing.T) {
	w := newWorld(t)
	root := newAuthority(t, "acme root", nil)
	below := newAuthority(t, "acme plant 2", root)
	ed, p256 := edDevice("carrier.T-1"), p256Device()
	w.refused(ledger.BadProof, carrierOp, ledger.TrackerEnrol, attested("carrier.T-1", ed, root.chain(t, ed)))
	w.accept("carrier.acme", root)
	makers := query[ledger.Page[ledger.Maker]](w, auditorOp, ledger.MemberMakers, ledger.ListArgs{})
	if len(makers.Items) != 1 || makers.Items[0].Root != root.hash() || makers.Items[0].Name != "Acme Loggers GmbH" || !makers.Items[0].InForce() || makers.Items[0].Proposal != "carrier.acme" {
		t.Fatalf("makers %+v", makers)
	}
	tr := must[ledger.Tracker](w, carrierOp, ledger.TrackerEnrol, ledger.EventTracker, attested("carrier.T-1", ed, root.chain(t, ed)))
	want := ledger.Attestation{KID: tr.Keys[0].KID, Maker: "Acme Loggers GmbH", Root: root.hash(), Subject: "CN=logger 17", Tx: tr.EnrolTx}
	if tr.Attestation == nil || *tr.Attestation != want || tr.Trust() != ledger.Attested {
		t.Fatalf("attested %+v, class %s; want %+v", tr.Attestation, tr.Trust(), want)
	}
	tr = must[ledger.Tracker](w, carrierOp, ledger.TrackerEnrol, ledger.EventTracker, attested("carrier.T-2", p256, below.chain(t, p256, root)))
	if tr.Trust() != ledger.Attested {
		t.Fatalf("P-256 with an authority between: %s", tr.Trust())
	}

	// A rotation renews it, or takes it away.
	rotate := func(from, to device, certs [][]byte) ledger.Tracker {
		t.Helper()
		return must[ledger.Tracker](w, carrierOp, ledger.TrackerRotate, ledger.EventTracker, ledger.RotateArgs{ID: "carrier.T-1", Alg: to.alg, Public: to.public,
			Proof: to.possess("carrier.T-1", carrier, to), Old: from.possess("carrier.T-1", carrier, to), Certificates: certs})
	}
	second, third := edDevice("second"), edDevice("third")
	if tr = rotate(ed, second, root.chain(t, second)); tr.Trust() != ledger.Attested || tr.Attestation.KID != tr.Keys[1].KID {
		t.Fatalf("renewed: %+v", tr.Attestation)
	}
	if tr = rotate(second, third, nil); tr.Attestation != nil || tr.Trust() != ledger.DeviceSigned {
		t.Fatalf("rotated without certificates: %+v, class %s", tr.Attestation, tr.Trust())
	}

	// The end counts for what comes after it.
	id := ledger.IDArgs{ID: "shipper.end-acme"}
	must[ledger.MemberProposal](w, shipperOp, ledger.MemberPropose, ledger.EventProposal, ledger.ProposeMemberArgs{ID: id.ID, Act: ledger.EndMaker, Root: root.hash()})
	w.refused(ledger.BadState, shipperOp, ledger.MemberExecute, id)
	w.vote(id.ID, carrierOp, consigneeOp)
	must[ledger.MemberProposal](w, shipperOp, ledger.MemberExecute, ledger.EventProposal, id)
	late := edDevice("late")
	w.refused(ledger.BadProof, carrierOp, ledger.TrackerEnrol, attested("carrier.T-3", late, root.chain(t, late)))
	if tr = query[ledger.Tracker](w, carrierOp, ledger.TrackerGet, ledger.IDArgs{ID: "carrier.T-2"}); tr.Trust() != ledger.Attested {
		t.Errorf("attested before the end: %s", tr.Trust())
	}
	w.refused(ledger.BadState, shipperOp, ledger.MemberPropose, ledger.ProposeMemberArgs{ID: "shipper.again", Act: ledger.EndMaker, Root: root.hash()})
	// It may be accepted anew.
	w.accept("carrier.acme-2", root)
	must[ledger.Tracker](w, carrierOp, ledger.TrackerEnrol, ledger.EventTracker, attested("carrier.T-3", late, root.chain(t, late)))
}

func TestCertificatesThatAttestNothing(t *testing.T) {
	d, other := edDevice("carrier.T-1"), edDevice("other")
	root := newAuthority(t, "acme root", nil)
	below, evil := newAuthority(t, "acme plant 2", root), newAuthority(t, "acme root ", nil)
	leaf := func(change func(*x509.Certificate)) [][]byte {
		return [][]byte{root.issue(t, d.signer.Public(), "logger 17", false, change).Raw, root.cert.Raw}
	}
	imposter := newAuthority(t, "acme root", nil) // calls itself as the root does, with a key of its own
	imposter.key, imposter.cert = evil.key, nil
	imposter.cert = imposter.issue(t, evil.key.Public(), "acme root", true, nil)
	notCA := &authority{cert: root.issue(t, evil.key.Public(), "a device", false, nil), key: evil.key}
	for name, certs := range map[string][][]byte{
		"of another key":                 root.chain(t, other),
		"of a root that nobody accepted": evil.chain(t, d),
		"signed by another key":          {imposter.issue(t, d.signer.Public(), "logger 17", false, nil).Raw, root.cert.Raw},
		"with a gap":                     {below.issue(t, d.signer.Public(), "logger 17", false, nil).Raw, root.cert.Raw},
		"by what is no authority":        notCA.chain(t, d, root),
		"the wrong way round":            {root.cert.Raw, root.issue(t, d.signer.Public(), "logger 17", false, nil).Raw},
		"expired":                        leaf(func(c *x509.Certificate) { c.NotAfter = time.UnixMilli(t0).Add(-time.Hour) }),
		"not yet valid":                  leaf(func(c *x509.Certificate) { c.NotBefore = time.UnixMilli(t0).AddDate(0, 1, 0) }),
		"an authority's":                 {root.issue(t, d.signer.Public(), "logger 17", true, nil).Raw, root.cert.Raw},
		"with a critical extension unread": leaf(func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: []int{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0}}}
		}),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.accept("carrier.acme", root)
			w.refused(ledger.BadProof, carrierOp, ledger.TrackerEnrol, attested("carrier.T-1", d, certs))
			// It can be enrolled without.
			tr := must[ledger.Tracker](w, carrierOp, ledger.TrackerEnrol, ledger.EventTracker, d.enrolArgs("carrier.T-1", carrier))
			if tr.Trust() != ledger.DeviceSigned {
				t.Errorf("class %s", tr.Trust())
			}
		})
	}
	w := newWorld(t)
	w.accept("carrier.acme", root)
	w.refused(ledger.Invalid, carrierOp, ledger.TrackerEnrol, attested("carrier.T-1", d, [][]byte{[]byte("no DER"), root.cert.Raw}))
	// The certificate is good, its time is over: at the transaction's time.
	w.ms += 400 * 24 * 3600 * 1000
	w.refused(ledger.BadProof, carrierOp, ledger.TrackerEnrol, attested("carrier.T-1", d, root.chain(t, d)))
}

func TestMakersThatCannotBeAccepted(t *testing.T) {
	w := newWorld(t)
	root := newAuthority(t, "acme root", nil)
	propose := func(by who, code ledger.Code, change func(*ledger.ProposeMemberArgs)) {
		t.Helper()
		a := acceptArgs("carrier.acme", root)
		change(&a)
		w.refused(code, by, ledger.MemberPropose, a)
	}
	propose(carrierIn, ledger.Forbidden, func(*ledger.ProposeMemberArgs) {})
	propose(fifthOp, ledger.Forbidden, func(a *ledger.ProposeMemberArgs) { a.ID = "fifth.acme" })
	propose(carrierOp, ledger.Invalid, func(a *ledger.ProposeMemberArgs) { a.Certificate = []byte("no DER") })
	propose(carrierOp, ledger.Invalid, func(a *ledger.ProposeMemberArgs) { a.Certificate = newAuthority(t, "plant", root).cert.Raw })
	propose(carrierOp, ledger.Invalid, func(a *ledger.ProposeMemberArgs) { a.Certificate = root.chain(t, edDevice("d"))[0] })
	old := &authority{key: root.key}
	old.cert = old.issue(t, root.key.Public(), "old", true, func(c *x509.Certificate) { c.NotAfter = time.UnixMilli(t0) })
	propose(carrierOp, ledger.Invalid, func(a *ledger.ProposeMemberArgs) { a.Certificate = old.cert.Raw })
	propose(carrierOp, ledger.NotFound, func(a *ledger.ProposeMemberArgs) {
		*a = ledger.ProposeMemberArgs{ID: a.ID, Act: ledger.EndMaker, Root: root.hash()}
	})
	// A maker is no member, whatever its name: nobody leaves or joins by this.
	a := acceptArgs("carrier.acme", root)
	a.Name = "shipper"
	must[ledger.MemberProposal](w, carrierOp, ledger.MemberPropose, ledger.EventProposal, a)
	w.refused(ledger.BadState, carrierOp, ledger.MemberExecute, ledger.IDArgs{ID: a.ID})
	w.vote(a.ID, auditorOp, consigneeOp)
	must[ledger.MemberProposal](w, carrierOp, ledger.MemberExecute, ledger.EventProposal, ledger.IDArgs{ID: a.ID})
	if m := query[ledger.Member](w, carrierOp, ledger.MemberGet, ledger.NameArgs{Name: "shipper"}); !m.InForce() {
		t.Errorf("the member is %+v", m)
	}
	propose(carrierOp, ledger.Exists, func(a *ledger.ProposeMemberArgs) { a.ID = "carrier.acme-2" })
}
