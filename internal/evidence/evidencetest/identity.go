package evidencetest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"sync/atomic"
	"time"
)

// Authority issues an organisation's certificates.
type Authority struct {
	MSP  string
	Cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// ID is a member of an organisation with its key.
type ID struct {
	MSP string
	PEM []byte
	Key *ecdsa.PrivateKey
}

// serial numbers are shared by consortiums that tests make side by side.
var serial atomic.Int64

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Epoch is the time at which every consortium starts.
var Epoch = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

// NewAuthority makes a root certificate.
func NewAuthority(msp string) *Authority {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	t := &x509.Certificate{
		SerialNumber: big.NewInt(serial.Add(1)), Subject: pkix.Name{CommonName: "ca." + msp}, NotBefore: Epoch.Add(-time.Hour),
		NotAfter: Epoch.AddDate(10, 0, 0), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der := must(x509.CreateCertificate(rand.Reader, t, t, key.Public(), key))
	return &Authority{MSP: msp, Cert: must(x509.ParseCertificate(der)), key: key}
}

// PEM of the root certificate.
func (a *Authority) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.Cert.Raw})
}

// Issue makes a member with a NodeOU role.
func (a *Authority) Issue(name string, units ...string) *ID {
	return a.IssueWith(name, nil, units...)
}

// IssueWith is Issue with extensions in the certificate.
func (a *Authority) IssueWith(name string, extensions []pkix.Extension, units ...string) *ID {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	t := &x509.Certificate{
		SerialNumber: big.NewInt(serial.Add(1)), Subject: pkix.Name{CommonName: name, OrganizationalUnit: units},
		NotBefore: Epoch.Add(-time.Hour), NotAfter: Epoch.AddDate(5, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtraExtensions: extensions,
	}
	der := must(x509.CreateCertificate(rand.Reader, t, a.Cert, key.Public(), a.key))
	return &ID{MSP: a.MSP, Key: key, PEM: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
}

// Serialized is Fabric's SerializedIdentity.
func (i *ID) Serialized() []byte { return Msg{}.Text(1, i.MSP).Bytes(2, i.PEM) }

// Sign signs as Fabric does: ECDSA over SHA-256, DER, low s.
func (i *ID) Sign(parts ...[]byte) []byte {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
	}
	r, s, err := ecdsa.Sign(rand.Reader, i.Key, h.Sum(nil))
	if err != nil {
		panic(err)
	}
	n := i.Key.Params().N
	if s.Cmp(new(big.Int).Rsh(n, 1)) > 0 {
		s.Sub(n, s)
	}
	return must(asn1.Marshal(struct{ R, S *big.Int }{r, s}))
}

// HighS turns a signature into its other form, which plain ECDSA accepts.
func HighS(i *ID, signature []byte) []byte {
	var v struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(signature, &v); err != nil {
		panic(err)
	}
	v.S.Sub(i.Key.Params().N, v.S)
	return must(asn1.Marshal(v))
}

// msp is the serialised MSPConfig of an authority.
func msp(a *Authority, revoked ...[]byte) []byte {
	unit := func(name string) []byte { return Msg{}.Bytes(1, a.PEM()).Text(2, name) }
	m := Msg{}.Text(1, a.MSP).Sub(2, a.PEM())
	for _, r := range revoked {
		m = m.Sub(5, r)
	}
	m = m.Sub(8, Msg{}.Text(1, "SHA2").Text(2, "SHA256")).
		Sub(11, Msg{}.Uint(1, 1).Sub(2, unit("client")).Sub(3, unit("peer")).Sub(4, unit("admin")).Sub(5, unit("orderer")))
	return Msg{}.Bytes(2, m)
}

// CRL is a revocation list with one certificate, PEM.
func (a *Authority) CRL(id *ID) []byte {
	block, _ := pem.Decode(id.PEM)
	c := must(x509.ParseCertificate(block.Bytes))
	der := must(x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number: big.NewInt(1), ThisUpdate: Epoch, NextUpdate: Epoch.AddDate(1, 0, 0),
		RevokedCertificateEntries: []x509.RevocationListEntry{{SerialNumber: c.SerialNumber, RevocationTime: Epoch}},
	}, a.Cert, a.key))
	return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})
}

// HighSRaw turns a raw r‖s signature of P-256 into its other form, in place.
func HighSRaw(signature []byte) {
	s := new(big.Int).SetBytes(signature[32:])
	s.Sub(elliptic.P256().Params().N, s).FillBytes(signature[32:])
}

// AddOrder turns an Ed25519 signature into a form that a verifier without the range check of RFC 8032 accepts: s becomes s + L,
// in place.
func AddOrder(signature []byte) {
	order, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	le := signature[32:]
	s := new(big.Int)
	for i := len(le) - 1; i >= 0; i-- {
		s.Lsh(s, 8).Or(s, big.NewInt(int64(le[i])))
	}
	sum := s.Add(s, order).FillBytes(make([]byte, 32))
	for i := range sum {
		le[i] = sum[len(sum)-1-i]
	}
}
