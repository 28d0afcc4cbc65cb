package testkit

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/profile"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// profiles: what reads the messages of trackers that speak another language, the largest document among them.
func (s *ledgerSuite) profiles() {
	carrier, shipper := s.clients["carrier"], s.clients["shipper"]
	document := func(version, filler int) []byte {
		p, err := profile.Parse(fmt.Appendf(nil, `{"id":%q,"version":%d,"title":"A probe","readings":[{"quantity":"temperature","from":"$.t"}],"codec":{"kind":"ttn","bytes":"$.b","encoding":"hex","script":"//%s"}}`,
			s.idOf("shipper", "probe"), version, strings.Repeat("x", filler)))
		if err != nil {
			s.t.Fatal(err)
		}
		return p.Canonical()
	}
	one, ref := document(1, ledger.MaxProfile-len(document(1, 0))), s.idOf("shipper", "probe")+"@1"
	s.refused(carrier, ledger.ProfilePublish, ledger.PublishProfileArgs{Document: one}, ledger.Invalid)
	s.refused(shipper, ledger.ProfilePublish, ledger.PublishProfileArgs{Document: append([]byte(" "), document(1, 0)...)}, ledger.Invalid)
	published, result := do[ledger.Profile](s, shipper, ledger.ProfilePublish, ledger.PublishProfileArgs{Document: one})
	if published.Tx != result.TxID || published.Document != nil || published.Publisher != shipper.MSP() {
		s.t.Fatalf("published %+v", published)
	}
	s.refused(shipper, ledger.ProfilePublish, ledger.PublishProfileArgs{Document: one}, ledger.Exists)
	s.refused(shipper, ledger.ProfilePublish, ledger.PublishProfileArgs{Document: document(1, 1)}, ledger.Conflict)
	s.refused(shipper, ledger.ProfilePublish, ledger.PublishProfileArgs{Document: document(3, 0)}, ledger.BadState)
	got := ask[ledger.Profile](s, carrier, ledger.ProfileGet, ledger.RefArgs{Ref: ref})
	if !bytes.Equal(got.Document, one) || got.Hash != published.Hash {
		s.t.Fatalf("read %d bytes of %s, want %d of %s", len(got.Document), got.Hash, len(one), published.Hash)
	}
	s.askRefused(carrier, ledger.ProfileGet, ledger.RefArgs{Ref: "thingsboard-device@1"}, ledger.NotFound) // built in
	if list := ask[ledger.Page[ledger.Profile]](s, carrier, ledger.ProfileList, ledger.ListArgs{ID: published.ID}); len(list.Items) != 1 || list.Items[0].Document != nil {
		s.t.Fatalf("listed %+v", list)
	}

	id := s.tracker("probed")
	s.refused(shipper, ledger.TrackerProfile, ledger.TrackerProfileArgs{ID: id, Profile: ref}, ledger.NotFound)
	s.refused(carrier, ledger.TrackerProfile, ledger.TrackerProfileArgs{ID: id, Profile: s.idOf("shipper", "none") + "@1"}, ledger.Invalid)
	for i, r := range []string{ref, "thingsboard-device@1"} {
		tr, _ := do[ledger.Tracker](s, carrier, ledger.TrackerProfile, ledger.TrackerProfileArgs{ID: id, Profile: r})
		if p, ok := tr.Profile(); !ok || p.Ref != r || len(tr.Profiles) != i+1 {
			s.t.Fatalf("pinned %+v, want %s", tr.Profiles, r)
		}
	}
	tr, _ := do[ledger.Tracker](s, carrier, ledger.TrackerProfile, ledger.TrackerProfileArgs{ID: id})
	if _, ok := tr.Profile(); ok {
		s.t.Fatalf("still pinned: %+v", tr.Profiles)
	}
	signed := newDevice(s).enrol
	if _, err := carrier.Submit(s.t.Context(), ledger.TrackerEnrol.Name(), signed(s.id("signs"), carrier)); err != nil {
		s.t.Fatal(err)
	}
	s.refused(carrier, ledger.TrackerProfile, ledger.TrackerProfileArgs{ID: s.id("signs"), Profile: ref}, ledger.BadState)
}

// gateways: one tracker speaks for others of its owner.
func (s *ledgerSuite) gateways() {
	carrier, shipper := s.clients["carrier"], s.clients["shipper"]
	enrol := func(name, gateway, device, profile string) ledger.EnrolArgs {
		return ledger.EnrolArgs{ID: s.id(name), SecretHash: strings.Repeat("ef", 32), Gateway: gateway, Device: device, Profile: profile}
	}
	gateway, _ := do[ledger.Tracker](s, carrier, ledger.TrackerEnrol, enrol("gateway", "", "", "thingsboard-gateway@1"))
	device, _ := do[ledger.Tracker](s, carrier, ledger.TrackerEnrol, enrol("device", gateway.ID, "Fridge 7 ü", ""))
	if p, ok := device.Profile(); device.Gateway != gateway.ID || device.Device != "Fridge 7 ü" || !ok || p.Ref != "thingsboard-gateway@1" {
		s.t.Fatalf("enrolled %+v, want it behind the gateway and read as that", device)
	}
	s.refused(carrier, ledger.TrackerEnrol, enrol("second", gateway.ID, "Fridge 7 ü", ""), ledger.Conflict)
	s.refused(carrier, ledger.TrackerEnrol, enrol("third", device.ID, "", ""), ledger.BadState)
	s.refused(carrier, ledger.TrackerEnrol, enrol("itself", s.id("itself"), "", ""), ledger.Invalid)
	foreign, _ := do[ledger.Tracker](s, shipper, ledger.TrackerEnrol, ledger.EnrolArgs{ID: s.idOf("shipper", "gateway"), SecretHash: strings.Repeat("ef", 32)})
	s.refused(carrier, ledger.TrackerGateway, ledger.GatewayArgs{ID: device.ID, Gateway: foreign.ID}, ledger.Invalid)
	s.refused(shipper, ledger.TrackerGateway, ledger.GatewayArgs{ID: device.ID, Gateway: foreign.ID}, ledger.NotFound)
	s.refused(carrier, ledger.TrackerGateway, ledger.GatewayArgs{ID: gateway.ID, Gateway: s.tracker("above")}, ledger.BadState)
	if device, _ = do[ledger.Tracker](s, carrier, ledger.TrackerGateway, ledger.GatewayArgs{ID: device.ID}); device.Gateway != "" || device.Device != "" {
		s.t.Fatalf("by itself: %+v", device)
	}
	// Its name is free for another, and a revoked device's too.
	second, _ := do[ledger.Tracker](s, carrier, ledger.TrackerEnrol, enrol("second", gateway.ID, "Fridge 7 ü", ""))
	do[ledger.Tracker](s, carrier, ledger.TrackerRevoke, ledger.RevokeArgs{ID: second.ID, Cause: "broken"})
	do[ledger.Tracker](s, carrier, ledger.TrackerGateway, ledger.GatewayArgs{ID: device.ID, Gateway: gateway.ID, Device: "Fridge 7 ü"})
	held := newDevice(s).enrol(s.id("held"), carrier)
	held.Gateway = gateway.ID
	if tr, _ := do[ledger.Tracker](s, carrier, ledger.TrackerEnrol, held); tr.Trust() != ledger.GatewaySigned {
		s.t.Fatalf("a key at a gateway: %s", tr.Trust())
	}
	s.refused(carrier, ledger.TrackerGateway, ledger.GatewayArgs{ID: held.ID}, ledger.BadState)
	do[ledger.Tracker](s, carrier, ledger.TrackerRevoke, ledger.RevokeArgs{ID: gateway.ID, Cause: "end of the test"})
	s.refused(carrier, ledger.TrackerEnrol, enrol("late", gateway.ID, "", ""), ledger.BadState)
}

// makers: the members accept one by their votes, and its certificates attest keys until they end that.
func (s *ledgerSuite) makers() {
	carrier, shipper, consignee, auditor := s.clients["carrier"], s.clients["shipper"], s.clients["consignee"], s.clients["auditor"]
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	certificate := func(of *x509.Certificate, public any) []byte {
		of.SerialNumber, of.NotBefore, of.NotAfter, of.BasicConstraintsValid = big.NewInt(time.Now().UnixNano()), time.Now().Add(-time.Hour), time.Now().Add(time.Hour), true
		parent := &x509.Certificate{Subject: pkix.Name{CommonName: "maker " + s.run}}
		der, err := x509.CreateCertificate(rand.Reader, of, parent, public, key)
		if err != nil {
			s.t.Fatal(err)
		}
		return der
	}
	root := certificate(&x509.Certificate{Subject: pkix.Name{CommonName: "maker " + s.run}, IsCA: true, KeyUsage: x509.KeyUsageCertSign}, key.Public())
	sum := sha256.Sum256(root)
	hash := hex.EncodeToString(sum[:])
	of := func(d device) [][]byte {
		return [][]byte{certificate(&x509.Certificate{Subject: pkix.Name{CommonName: "logger"}}, d.key.Public().(ed25519.PublicKey)), root}
	}
	d := newDevice(s)
	enrol := d.enrol(s.id("attested"), carrier)
	enrol.Certificates = of(d)
	s.refused(carrier, ledger.TrackerEnrol, enrol, ledger.BadProof)

	decide := func(p ledger.ProposeMemberArgs) {
		s.t.Helper()
		do[ledger.MemberProposal](s, carrier, ledger.MemberPropose, p)
		s.refused(carrier, ledger.MemberExecute, ledger.IDArgs{ID: p.ID}, ledger.BadState)
		for _, c := range []LedgerClient{shipper, consignee} {
			do[ledger.MemberProposal](s, c, ledger.MemberCast, ledger.VoteArgs{ID: p.ID, Yes: true})
		}
		do[ledger.MemberProposal](s, shipper, ledger.MemberExecute, ledger.IDArgs{ID: p.ID})
	}
	accept := ledger.ProposeMemberArgs{ID: s.id("accept"), Act: ledger.AcceptMaker, Name: "Maker " + s.run, Certificate: root}
	s.refused(carrier, ledger.MemberPropose, ledger.ProposeMemberArgs{ID: s.id("no-root"), Act: ledger.AcceptMaker, Name: "x", Certificate: enrol.Certificates[0]}, ledger.Invalid)
	decide(accept)
	accept.ID = s.id("accept-2")
	s.refused(carrier, ledger.MemberPropose, accept, ledger.Exists)
	makers, err := ledger.MemberMakers.All(s.t.Context(), auditor, "", 10_000)
	found := false
	for _, m := range makers {
		found = found || m.Root == hash && m.Name == accept.Name && m.InForce()
	}
	if err != nil || !found {
		s.t.Fatalf("listed %+v, %v; want root %s among them", makers, err, hash)
	}

	tr, result := do[ledger.Tracker](s, carrier, ledger.TrackerEnrol, enrol)
	if tr.Trust() != ledger.Attested || tr.Attestation.Root != hash || tr.Attestation.Tx != result.TxID {
		s.t.Fatalf("enrolled %+v, class %s", tr.Attestation, tr.Trust())
	}
	wrong := newDevice(s).enrol(s.id("another"), carrier)
	wrong.Certificates = enrol.Certificates
	s.refused(carrier, ledger.TrackerEnrol, wrong, ledger.BadProof)
	rotate := func(to device, certs [][]byte) ledger.TrustClass {
		s.t.Helper()
		tr, _ := do[ledger.Tracker](s, carrier, ledger.TrackerRotate, ledger.RotateArgs{ID: enrol.ID, Alg: int(telemetry.Ed25519), Public: to.public,
			Proof: to.sign(enrol.ID, carrier.MSP(), to.public), Lost: true, Certificates: certs})
		return tr.Trust()
	}
	next := newDevice(s)
	if got := rotate(next, of(next)); got != ledger.Attested {
		s.t.Errorf("rotated with certificates: %s", got)
	}
	if got := rotate(newDevice(s), nil); got != ledger.DeviceSigned {
		s.t.Errorf("rotated without: %s", got)
	}
	decide(ledger.ProposeMemberArgs{ID: s.id("end"), Act: ledger.EndMaker, Root: hash})
	late := newDevice(s)
	enrol = late.enrol(s.id("late"), carrier)
	enrol.Certificates = of(late)
	s.refused(carrier, ledger.TrackerEnrol, enrol, ledger.BadProof)
}
