package fabric

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Files: one authority for everything, one user per organisation, the profile.

type authority struct {
	cert   *x509.Certificate
	key    *ecdsa.PrivateKey
	pem    []byte
	server tls.Certificate
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test root"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(err)
	cert, err := x509.ParseCertificate(der)
	must(err)
	a := &authority{cert: cert, key: key, pem: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
	certPEM, keyPEM := a.issue("node")
	a.server, err = tls.X509KeyPair(certPEM, keyPEM)
	must(err)
	return a
}

func (a *authority) issue(name string) (certPEM, keyPEM []byte) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}, a.cert, key.Public(), a.key)
	must(err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	must(err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
}

func (f *fakeNetwork) writeProfile() {
	file := func(name string, content []byte) string {
		path := filepath.Join(f.dir, name)
		must(os.WriteFile(path, content, 0o600))
		return path
	}
	root := file("root.pem", f.ca.pem)
	var b bytes.Buffer
	fmt.Fprintf(&b, "version: 1.0.0\nclient:\n  organization: carrier\n  logging: {level: warning}\n  cryptoconfig: {path: %s}\n", f.dir)
	fmt.Fprint(&b, "  BCCSP: {security: {enabled: true, default: {provider: SW}, hashAlgorithm: SHA2, softVerify: true, level: 256}}\n")
	fmt.Fprint(&b, "organizations:\n")
	for _, org := range fakeOrgs {
		certPEM, keyPEM := f.ca.issue("api@" + org)
		fmt.Fprintf(&b, "  %s:\n    mspid: %sMSP\n    cryptoPath: none\n    peers: [peer-%s]\n    users: {api: {cert: {path: %s}, key: {path: %s}}}\n",
			org, org, org, file(org+".pem", certPEM), file(org+".key", keyPEM))
	}
	for _, role := range []string{"peer", "orderer"} {
		fmt.Fprintf(&b, "%ss:\n", role)
		for _, org := range fakeOrgs {
			n := map[string]map[string]*fakeNode{"peer": f.peers, "orderer": f.orderers}[role][org]
			fmt.Fprintf(&b, "  %s-%s: {url: \"grpcs://%s\", grpcOptions: {allow-insecure: false}, tlsCACerts: {path: %s}}\n", role, org, n.address, root)
		}
	}
	f.profile = file("profile.yaml", b.Bytes())
}
