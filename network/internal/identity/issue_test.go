package identity

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// authority makes a root as cryptogen does.
func authority(t *testing.T) (*Authority, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Minute).UTC().Truncate(time.Second), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageCertSign, SubjectKeyId: []byte{1, 2, 3},
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert, keyFile := filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	write(t, cert, "CERTIFICATE", der)
	write(t, keyFile, "PRIVATE KEY", pkcs8)
	a, err := Load(cert, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(a.cert)
	return a, roots
}

func write(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

func parse(t *testing.T, p Pair) *x509.Certificate {
	t.Helper()
	pair, err := tls.X509KeyPair(p.Cert, p.Key) // fails unless both belong together
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func TestClient(t *testing.T) {
	a, roots := authority(t)
	half := new(big.Int).Rsh(elliptic.P256().Params().N, 1)
	for range 8 { // a high signature would show with probability 255/256
		p, err := a.Client("api@carrier", map[string]string{"trackseal.role": "operator"})
		if err != nil {
			t.Fatal(err)
		}
		cert := parse(t, p)
		if _, err := cert.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(cert.Subject.OrganizationalUnit, ","); got != "client" {
			t.Errorf("OU %q", got)
		}
		if cert.NotBefore.Before(a.cert.NotBefore) || cert.NotAfter.After(a.cert.NotAfter) {
			t.Error("valid outside of the authority's time")
		}
		var found string
		for _, e := range cert.Extensions {
			if e.Id.Equal(attributes) {
				found = string(e.Value)
			}
		}
		if found != `{"attrs":{"trackseal.role":"operator"}}` {
			t.Errorf("attributes %q", found)
		}
		var sig struct{ R, S *big.Int }
		if _, err := asn1.Unmarshal(cert.Signature, &sig); err != nil || sig.S.Cmp(half) > 0 {
			t.Error("signature is not in its lower form", err)
		}
	}
}

func TestTLS(t *testing.T) {
	a, roots := authority(t)
	p, err := a.TLS("chaincode.carrier", x509.ExtKeyUsageServerAuth)
	if err != nil {
		t.Fatal(err)
	}
	cert := parse(t, p)
	for _, name := range []string{"127.0.0.1", "localhost", "chaincode.carrier"} {
		if _, err := cert.Verify(x509.VerifyOptions{Roots: roots, DNSName: name}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := cert.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err == nil {
		t.Error("a server's certificate passes for a client's")
	}
}

func TestLoadRefusesNonsense(t *testing.T) {
	dir := t.TempDir()
	junk := filepath.Join(dir, "junk")
	if err := os.WriteFile(junk, []byte("junk"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, cert := range []string{junk, filepath.Join(dir, "absent")} {
		if _, err := Load(cert, junk); err == nil {
			t.Errorf("%s is accepted", cert)
		}
	}
}
