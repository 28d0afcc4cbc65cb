// Package identity makes the keys and certificates of one organisation, out of nothing that another organisation has: its two
// authorities (for identities and for TLS), and what they sign for its nodes, its administrator and its clients. Files lie where
// Fabric's own tools put and look for them.
package identity

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"time"
)

// authorityYears is how long an authority is valid. The channel's configuration names it: a new one is a change that all agree to.
const authorityYears = 15

// backdated is what the clock of a machine that checks a new certificate may be behind.
const backdated = 5 * time.Minute

// Authority signs certificates.
type Authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// Load reads an authority from PEM files.
func Load(certFile, keyFile string) (*Authority, error) {
	cert, err := readCertificate(certFile)
	if err != nil {
		return nil, err
	}
	key, err := readKey(keyFile)
	if err != nil {
		return nil, err
	}
	return &Authority{cert, key}, nil
}

// readPEM reads the first block of a file.
func readPEM(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s: no PEM", path)
	}
	return block.Bytes, nil
}

func readCertificate(path string) (*x509.Certificate, error) {
	der, err := readPEM(path)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return cert, nil
}

func readKey(path string) (*ecdsa.PrivateKey, error) {
	der, err := readPEM(path)
	if err != nil {
		return nil, err
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	ec, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%s: not an EC key", path)
	}
	return ec, nil
}

// newAuthority makes one that signs itself.
func newAuthority(subject pkix.Name, now time.Time) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	begin := now.UTC().Truncate(time.Second).Add(-backdated)
	t := &x509.Certificate{
		Subject: subject, NotBefore: begin, NotAfter: begin.AddDate(authorityYears, 0, 0),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	a := &Authority{t, key}
	if a.cert, err = a.sign(t, &key.PublicKey); err != nil {
		return nil, err
	}
	return a, nil
}

// sign repeats until the signature has the lower of its two forms: Fabric rewrites the other one, and then the certificate on
// the ledger would differ from the file.
func (a *Authority) sign(t *x509.Certificate, public *ecdsa.PublicKey) (*x509.Certificate, error) {
	half := new(big.Int).Rsh(elliptic.P256().Params().N, 1)
	point, err := public.Bytes()
	if err != nil {
		return nil, err
	}
	t.SubjectKeyId = keyID(point)
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
			return cert, nil
		}
	}
	return nil, errors.New("no signature in its lower form")
}
