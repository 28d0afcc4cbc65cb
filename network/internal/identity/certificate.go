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
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/trackseal/trackseal/network/internal/proc"
	"github.com/trackseal/trackseal/network/internal/topology"
)

// Valid is how long a certificate is, unless somebody says otherwise.
const Valid = 365 * 24 * time.Hour

// Certificate is one that an authority of the folder signs for something that runs or acts here: what it says, and where it lies.
type Certificate struct {
	Name      string // common name
	Cert, Key string // PEM files
	// Pinned, unless "", says who names this very certificate, so that it lives as long as its authority and is not renewed.
	Pinned string

	authority    [2]string         // its certificate and its key, files
	unit         string            // what makes it a client, a peer, … in the sense of NodeOUs; "" in TLS
	attributes   map[string]string // that chaincode reads
	hosts        []string          // where its server is reached, beside its name
	client, serv bool              // of TLS
}

// attributes is the certificate extension in which Fabric CA, and so chaincode, keeps an identity's attributes.
var attributes = asn1.ObjectIdentifier{1, 2, 3, 4, 5, 6, 7, 8, 1}

const (
	pinnedByChannel   = "the channel's configuration names it"
	pinnedByChaincode = "the chaincode's package holds it"
)

// Of lists the certificates of an organisation.
func Of(s topology.Stack, o topology.Org) []Certificate {
	ca, tlsca := [2]string{s.CACert(o), s.CAKey(o)}, [2]string{s.TLSCACert(o), s.TLSCAKey(o)}
	m := s.Member(o)
	user := func(name string, c Certificate) Certificate {
		c.Name, c.Cert, c.Key, c.authority = name+"@"+o.Domain(), s.UserCert(o, name), s.UserKey(o, name), ca
		return c
	}
	all := []Certificate{user("Admin", Certificate{unit: "admin"})}
	for _, u := range s.Users(o) {
		all = append(all, user(u.Name, Certificate{unit: "client", attributes: map[string]string{"trackseal.role": u.Role}}))
	}
	if m.Kind == topology.Node {
		in, code := s.PeerTLSDir(o), s.ChaincodeTLSDir(o)
		all = append(all,
			Certificate{Name: o.PeerHost(), Cert: s.PeerSignCert(o), Key: keyIn(s.PeerMSPDir(o)), authority: ca, unit: "peer"},
			Certificate{Name: o.PeerHost(), Cert: filepath.Join(in, "server.crt"), Key: filepath.Join(in, "server.key"), authority: tlsca, hosts: []string{m.Host}, serv: true, client: true},
			Certificate{Name: "chaincode-server." + o.Domain(), Cert: filepath.Join(code, "server.crt"), Key: filepath.Join(code, "server.key"), authority: tlsca, serv: true},
			Certificate{Name: "chaincode-client." + o.Domain(), Cert: filepath.Join(code, "client.crt"), Key: filepath.Join(code, "client.key"), authority: tlsca, client: true, Pinned: pinnedByChaincode},
		)
	}
	if m.Orderer {
		ca, tlsca := [2]string{s.OrdererCACert(o), s.OrdererCAKey(o)}, [2]string{s.OrdererTLSCACert(o), s.OrdererTLSCAKey(o)}
		in, admin := s.OrdererTLSDir(o), s.OrdererAdminTLSDir(o)
		name := "Admin@" + o.OrdererDomain()
		all = append(all,
			Certificate{Name: name, Cert: s.OrdererAdminCert(o), Key: keyIn(s.OrdererAdminMSPDir(o)), authority: ca, unit: "admin"},
			Certificate{Name: name, Cert: filepath.Join(admin, "client.crt"), Key: filepath.Join(admin, "client.key"), authority: tlsca, client: true},
			Certificate{Name: o.OrdererHost(), Cert: s.OrdererSignCert(o), Key: keyIn(s.OrdererMSPDir(o)), authority: ca, unit: "orderer", Pinned: pinnedByChannel},
			Certificate{Name: o.OrdererHost(), Cert: filepath.Join(in, "server.crt"), Key: filepath.Join(in, "server.key"), authority: tlsca, hosts: []string{m.Host}, serv: true, client: true, Pinned: pinnedByChannel},
		)
	}
	return all
}

// keyIn is where an identity's folder has its private key.
func keyIn(msp string) string { return filepath.Join(msp, "keystore", "priv_sk") }

// Servers lists the certificates of what listens in a folder with TLS and is not one of Fabric's own listeners, and the one with which
// the launcher reads metrics. The folder's own authority signs them.
func Servers(s topology.Stack) []Certificate {
	if !s.TLS {
		return nil
	}
	ca := [2]string{s.Authority(), s.AuthorityKey()}
	of := func(name string, c Certificate) Certificate {
		c.Name, c.Cert, c.Key, c.authority = name, s.ServerCert(name), s.ServerKey(name), ca
		return c
	}
	all := []Certificate{of(topology.LauncherName, Certificate{client: true})}
	for _, p := range s.Processes() {
		if len(p.Listeners) > 0 {
			all = append(all, of(p.Name, Certificate{serv: true, hosts: []string{s.Member(p.Org).Host}}))
		}
	}
	for _, o := range s.Ingests() {
		all = append(all, of(topology.MQTT(o), Certificate{serv: true, hosts: []string{s.Member(o).Host}}))
	}
	return all
}

// Ends tells when it ends.
func (c Certificate) Ends() (time.Time, error) {
	cert, err := readCertificate(c.Cert)
	if err != nil {
		return time.Time{}, err
	}
	return cert.NotAfter, nil
}

// Issue has the authority sign the certificate, for so long. A key that is there stays: then one file is replaced, in one step, and fits at
// any moment. Crash order: the key is there before its certificate.
func (c Certificate) Issue(valid time.Duration, now time.Time) error {
	a, err := Load(c.authority[0], c.authority[1])
	if err != nil {
		return err
	}
	key, err := readKey(c.Key)
	if errors.Is(err, fs.ErrNotExist) {
		key, err = newKey(c.Key)
	}
	if err != nil {
		return err
	}
	t, err := c.template()
	if err != nil {
		return err
	}
	// Fabric checks a chain at the first second of its last certificate: that must not lie before the authority's.
	begin := now.UTC().Truncate(time.Second)
	if t.NotBefore = begin.Add(-backdated); t.NotBefore.Before(a.cert.NotBefore) {
		t.NotBefore = a.cert.NotBefore
	}
	if t.NotAfter = begin.Add(valid); c.Pinned != "" || t.NotAfter.After(a.cert.NotAfter) {
		t.NotAfter = a.cert.NotAfter
	}
	cert, err := a.sign(t, &key.PublicKey)
	if err != nil {
		return err
	}
	return write(c.Cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}))
}

func (c Certificate) template() (*x509.Certificate, error) {
	t := &x509.Certificate{Subject: pkix.Name{CommonName: c.Name}, KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true}
	if c.unit != "" {
		t.Subject.OrganizationalUnit = []string{c.unit}
	}
	if c.attributes != nil {
		value, err := json.Marshal(map[string]any{"attrs": c.attributes})
		if err != nil {
			return nil, err
		}
		t.ExtraExtensions = []pkix.Extension{{Id: attributes, Value: value}}
	}
	if c.serv {
		t.ExtKeyUsage = append(t.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	if c.client {
		t.ExtKeyUsage = append(t.ExtKeyUsage, x509.ExtKeyUsageClientAuth)
	}
	if c.serv || c.client {
		t.KeyUsage |= x509.KeyUsageKeyEncipherment
		for _, host := range append([]string{c.Name, "localhost", topology.Loopback}, c.hosts...) {
			ip := net.ParseIP(host)
			switch {
			case ip == nil && !slices.Contains(t.DNSNames, host):
				t.DNSNames = append(t.DNSNames, host)
			case ip != nil && !slices.ContainsFunc(t.IPAddresses, ip.Equal):
				t.IPAddresses = append(t.IPAddresses, ip)
			}
		}
	}
	return t, nil
}

func newKey(path string) (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	return key, writeKey(path, key)
}

func writeKey(path string, key *ecdsa.PrivateKey) error {
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return write(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
}

// write replaces a private file.
func write(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return proc.WriteFile(path, data, 0o600)
}

// keyID is what Fabric derives from a key, so that its key stores find it.
func keyID(point []byte) []byte {
	sum := sha256.Sum256(point)
	return sum[:]
}
