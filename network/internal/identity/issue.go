// Package identity issues certificates that cryptogen cannot: client identities with attributes, and the pair for the
// connection between a peer and its chaincode.
package identity

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"time"
)

// attributes is the certificate extension in which Fabric CA, and so chaincode, keeps an identity's attributes.
var attributes = asn1.ObjectIdentifier{1, 2, 3, 4, 5, 6, 7, 8, 1}

// Authority signs certificates.
type Authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// Load reads an authority from PEM files.
func Load(certFile, keyFile string) (*Authority, error) {
	certPEM, err := os.ReadFile(certFile)
	if err != nil {
		return nil, err
	}
	keyPEM, err := os.ReadFile(keyFile)
	if err != nil {
		return nil, err
	}
	certBlock, _ := pem.Decode(certPEM)
	keyBlock, _ := pem.Decode(keyPEM)
	if certBlock == nil || keyBlock == nil {
		return nil, fmt.Errorf("%s, %s: no PEM", certFile, keyFile)
	}
	cert, err := x509.ParseCertificate(certBlock.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", certFile, err)
	}
	key, err := x509.ParsePKCS8PrivateKey(keyBlock.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", keyFile, err)
	}
	ec, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%s: not an EC key", keyFile)
	}
	return &Authority{cert, ec}, nil
}

// NewAuthority makes one that signs itself, for ten years.
func NewAuthority(name string) (Pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Pair{}, err
	}
	now := time.Now().UTC().Truncate(time.Second)
	t := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-time.Minute), NotAfter: now.AddDate(10, 0, 0),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := (&Authority{t, key}).sign(t, &key.PublicKey)
	if err != nil {
		return Pair{}, err
	}
	return encode(der, key)
}

// Pair is a certificate and its private key (PKCS 8), both PEM.
type Pair struct {
	Cert, Key []byte
}

// Client issues an identity that signs transactions. Its organisational unit makes it a client in the sense of NodeOUs.
func (a *Authority) Client(name string, attrs map[string]string) (Pair, error) {
	value, err := json.Marshal(map[string]any{"attrs": attrs})
	if err != nil {
		return Pair{}, err
	}
	return a.issue(&x509.Certificate{
		Subject:         pkix.Name{CommonName: name, OrganizationalUnit: []string{"client"}},
		KeyUsage:        x509.KeyUsageDigitalSignature,
		ExtraExtensions: []pkix.Extension{{Id: attributes, Value: value}},
	})
}

// TLS issues a certificate for a server or a client on this machine.
func (a *Authority) TLS(name string, usage x509.ExtKeyUsage) (Pair, error) {
	return a.issue(&x509.Certificate{
		Subject:     pkix.Name{CommonName: name},
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage: []x509.ExtKeyUsage{usage},
		DNSNames:    []string{name, "localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1).To4()},
	})
}

func (a *Authority) issue(t *x509.Certificate) (Pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Pair{}, err
	}
	// Fabric checks a chain at the first second of its last certificate: that must not lie before the authority's.
	t.NotBefore, t.NotAfter = a.cert.NotBefore, a.cert.NotAfter
	t.BasicConstraintsValid = true
	point, err := key.PublicKey.Bytes()
	if err != nil {
		return Pair{}, err
	}
	ski := sha256.Sum256(point) // what Fabric derives from a key, so that its key stores find it
	t.SubjectKeyId = ski[:]
	der, err := a.sign(t, &key.PublicKey)
	if err != nil {
		return Pair{}, err
	}
	return encode(der, key)
}

func encode(der []byte, key *ecdsa.PrivateKey) (Pair, error) {
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Pair{}, err
	}
	return Pair{
		Cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		Key:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}),
	}, nil
}

// sign repeats until the signature has the lower of its two forms: Fabric rewrites the other one, and then the certificate on
// the ledger would differ from the file.
func (a *Authority) sign(t *x509.Certificate, public *ecdsa.PublicKey) ([]byte, error) {
	half := new(big.Int).Rsh(elliptic.P256().Params().N, 1)
	for range 128 {
		serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
		if err != nil {
			return nil, err
		}
		t.SerialNumber = serial
		der, err := x509.CreateCertificate(rand.Reader, t, a.cert, public, a.key)
		if err != nil {
			return nil, err
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		var sig struct{ R, S *big.Int }
		if _, err := asn1.Unmarshal(cert.Signature, &sig); err != nil {
			return nil, err
		}
		if sig.S.Cmp(half) <= 0 {
			return der, nil
		}
	}
	return nil, errors.New("no signature in its lower form")
}
