package membership

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/ledger"
)

var now = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// issued is a certificate with its key.
type issued struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func (i issued) pem() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.cert.Raw}))
}

// issue signs a certificate by an authority, or by itself.
func issue(t *testing.T, name, unit string, by *issued) issued {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: name, OrganizationalUnit: []string{unit}},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), BasicConstraintsValid: true, IsCA: by == nil, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return issued{cert, key}
}

func asked(t *testing.T) (Request, issued) {
	t.Helper()
	ca, tlsca := issue(t, "ca", "", nil), issue(t, "tlsca", "", nil)
	admin := issue(t, "Admin@haulier", "admin", &ca)
	return Request{
		Name: "haulier", DisplayName: "Haulier Ltd", Kind: ledger.NodeMember, Operator: true, MSP: "HaulierMSP", CA: ca.pem(), TLSCA: tlsca.pem(),
		Peer: "10.0.0.5:7051", Admin: admin.pem(),
	}, admin
}

func file(t *testing.T, r Request, by issued) []byte {
	t.Helper()
	r, err := r.Sign(by.key)
	if err != nil {
		t.Fatal(err)
	}
	data, err := r.File()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestRequest(t *testing.T) {
	r, admin := asked(t)
	data := file(t, r, admin)
	got, err := ReadRequest(data, now)
	if err != nil {
		t.Fatal(err)
	}
	if got.Founder() != (ledger.Founder{Name: "haulier", MSP: "HaulierMSP", DisplayName: "Haulier Ltd", Operator: true, Kind: ledger.NodeMember}) {
		t.Errorf("got the member %+v", got.Founder())
	}
	if o := got.Organisation(); o.MSP != "HaulierMSP" || o.Roots != r.CA || o.TLSRoots != r.TLSCA || len(o.Addresses) != 1 || o.Addresses[0] != r.Peer {
		t.Errorf("got the organisation %+v", o)
	}
	var shown bytes.Buffer
	if err := got.Show(&shown); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"haulier", "Haulier Ltd", "HaulierMSP", "10.0.0.5:7051", "SHA-256", "runs ingest"} {
		if !strings.Contains(shown.String(), want) {
			t.Errorf("what is shown lacks %q:\n%s", want, shown.String())
		}
	}
}

func TestRequestsThatAreRefused(t *testing.T) {
	good, admin := asked(t)
	stranger := issue(t, "stranger", "admin", nil)
	for name, c := range map[string]struct {
		change func(*Request)
		by     issued
		want   string
	}{
		"somebody else's signature":       {func(*Request) {}, stranger, "signature does not hold"},
		"an administrator of another":     {func(r *Request) { r.Admin = stranger.pem() }, stranger, "admin"},
		"no administrator":                {func(r *Request) { r.Admin = r.CA }, admin, "admin"},
		"another MSP id":                  {func(r *Request) { r.MSP = "CarrierMSP" }, admin, "msp"},
		"a name with capitals":            {func(r *Request) { r.Name = "Haulier" }, admin, "name"},
		"one authority for both":          {func(r *Request) { r.TLSCA = r.CA }, admin, "the same"},
		"an authority that is none":       {func(r *Request) { r.CA = r.Admin }, admin, "no authority"},
		"two certificates":                {func(r *Request) { r.CA += r.TLSCA }, admin, "one certificate"},
		"no address":                      {func(r *Request) { r.Peer = "" }, admin, "peer"},
		"a client member with a peer":     {func(r *Request) { r.Kind, r.Operator = ledger.ClientMember, false }, admin, "runs none"},
		"a client member that has ingest": {func(r *Request) { r.Kind, r.Peer = ledger.ClientMember, "" }, admin, "client member"},
	} {
		t.Run(name, func(t *testing.T) {
			r := good
			c.change(&r)
			if _, err := ReadRequest(file(t, r, c.by), now); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, expected something about %q", err, c.want)
			}
		})
	}
	data := file(t, good, admin)
	for name, text := range map[string][]byte{
		"changed after it was signed": bytes.Replace(data, []byte("10.0.0.5"), []byte("10.0.0.6"), 1),
		"of another format":           bytes.Replace(data, []byte(requestFormat), []byte("trackseal-member-request/2"), 1),
		"with a member too many":      bytes.Replace(data, []byte(`"name"`), []byte(`"more": 1, "name"`), 1),
		"no JSON":                     []byte("hello"),
	} {
		if _, err := ReadRequest(text, now); err == nil {
			t.Errorf("%s: it was taken", name)
		}
	}
	if _, err := ReadRequest(data, now.Add(2*time.Hour)); err == nil {
		t.Error("an authority that has ended was taken")
	}
}

func TestInvitation(t *testing.T) {
	good := Invitation{
		Member: "haulier", MSP: "HaulierMSP", Channel: "trackseal", Chaincode: "trackseal", Genesis: strings.Repeat("ab", 32), Version: "1-0123",
		Orderers: []Orderer{{MSP: "AOrdererMSP", Addresses: []string{"10.0.0.1:7050"}, TLSRoots: "PEM"}},
	}
	data, err := good.File()
	if err != nil {
		t.Fatal(err)
	}
	got, err := ReadInvitation(data)
	if err != nil || got.Genesis != good.Genesis || len(got.Orderers) != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
	for name, text := range map[string]string{
		"no orderers":      strings.Replace(string(data), `"10.0.0.1:7050"`, "", 1),
		"a shorter hash":   strings.Replace(string(data), "abab", "ab", 1),
		"another format":   strings.Replace(string(data), invitationFormat, "x", 1),
		"a strange member": strings.Replace(string(data), `"version"`, `"versions"`, 1),
	} {
		if _, err := ReadInvitation([]byte(text)); err == nil {
			t.Errorf("%s: it was taken", name)
		}
	}
}

func FuzzReadRequest(f *testing.F) {
	f.Add([]byte(`{"format":"trackseal-member-request/1","name":"haulier"}`))
	f.Fuzz(func(_ *testing.T, b []byte) { _, _ = ReadRequest(b, now) })
}

func FuzzReadInvitation(f *testing.F) {
	f.Add([]byte(`{"format":"trackseal-member-invitation/1","member":"haulier"}`))
	f.Fuzz(func(_ *testing.T, b []byte) { _, _ = ReadInvitation(b) })
}

func FuzzGenesisHash(f *testing.F) {
	f.Add([]byte("\x0a\x00\x12\x00\x1a\x00"))
	f.Fuzz(func(_ *testing.T, b []byte) { _, _ = GenesisHash(b) })
}
