package identity

import (
	"bytes"
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trackseal/trackseal/network/internal/topology"
	"gopkg.in/yaml.v3"
)

// moment is not now: the clock is given.
var moment = time.Date(2030, 3, 1, 12, 0, 0, 0, time.UTC)

// folder holds a founder with ingest, a member without both that others reach, and a client.
func folder(t *testing.T) topology.Stack {
	t.Helper()
	s := topology.Stack{Dir: t.TempDir(), TLS: true, Members: []topology.Member{
		{Name: "carrier", DisplayName: "Carrier", Host: topology.Loopback, Kind: topology.Node, Orderer: true, Ingest: true},
		{Name: "best-foods", DisplayName: "Best Foods", Host: "node.best.example", Kind: topology.Node},
		{Name: "broker", DisplayName: "Broker", Host: topology.Loopback, Kind: topology.Client},
	}}
	for _, o := range s.Orgs() {
		if err := MakeOrganisation(s, o, Valid, moment); err != nil {
			t.Fatal(err)
		}
	}
	if made, err := MakeServers(s, Valid, moment); err != nil || made != len(Servers(s)) {
		t.Fatalf("%d servers' certificates made, %v; want %d", made, err, len(Servers(s)))
	}
	return s
}

func every(s topology.Stack) []Certificate {
	all := Servers(s)
	for _, o := range s.Orgs() {
		all = append(all, Of(s, o)...)
	}
	return all
}

func read(t *testing.T, c Certificate) *x509.Certificate {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(c.Cert, c.Key) // fails unless both belong together
	if err != nil {
		t.Fatal(err)
	}
	return pair.Leaf
}

func find(t *testing.T, all []Certificate, file string) Certificate {
	t.Helper()
	for _, c := range all {
		if strings.HasSuffix(c.Cert, file) {
			return c
		}
	}
	t.Fatalf("no certificate %s", file)
	panic("unreachable")
}

// Each certificate fits its key, comes from its authority, is signed in the lower form and ends when it should.
func TestEveryCertificate(t *testing.T) {
	s := folder(t)
	half := new(big.Int).Rsh(elliptic.P256().Params().N, 1)
	seen := map[string]bool{}
	for _, c := range every(s) {
		if seen[c.Cert] || seen[c.Key] {
			t.Errorf("%s is used twice", c.Cert)
		}
		seen[c.Cert], seen[c.Key] = true, true
		cert := read(t, c)
		root, err := readCertificate(c.authority[0])
		if err != nil {
			t.Fatal(err)
		}
		roots := x509.NewCertPool()
		roots.AddCert(root)
		if _, err := cert.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: cert.NotBefore.Add(time.Second), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
			t.Errorf("%s: %v", c.Cert, err)
		}
		want := moment.Add(Valid)
		if c.Pinned != "" {
			want = root.NotAfter
		}
		if !cert.NotAfter.Equal(want) || cert.NotBefore.Before(root.NotBefore) {
			t.Errorf("%s is valid from %s to %s, want to %s", c.Cert, cert.NotBefore, cert.NotAfter, want)
		}
		if years := root.NotAfter.Sub(moment).Hours() / 24 / 365; years < 14.9 {
			t.Errorf("%s ends in %.1f years", c.authority[0], years)
		}
		var sig struct{ R, S *big.Int }
		if _, err := asn1.Unmarshal(cert.Signature, &sig); err != nil || sig.S.Cmp(half) > 0 {
			t.Errorf("%s: its signature is not in its lower form (%v)", c.Cert, err)
		}
	}
}

// What a member is, its certificates say: its role to the chaincode, its kind to Fabric, its host to who calls.
func TestWhatCertificatesSay(t *testing.T) {
	s := folder(t)
	all := every(s)
	for file, unit := range map[string]string{
		"Admin@carrier.trackseal-cert.pem": "admin", "api@broker.trackseal-cert.pem": "client", "peer.best-foods.trackseal-cert.pem": "peer",
		"orderer.carrier-orderer.trackseal-cert.pem": "orderer", "Admin@carrier-orderer.trackseal-cert.pem": "admin",
	} {
		if got := read(t, find(t, all, file)).Subject.OrganizationalUnit; !slices.Equal(got, []string{unit}) {
			t.Errorf("%s is of %v, want %s", file, got, unit)
		}
	}
	var found string
	for _, e := range read(t, find(t, all, "ingest@carrier.trackseal-cert.pem")).Extensions {
		if e.Id.Equal(attributes) {
			found = string(e.Value)
		}
	}
	if found != `{"attrs":{"trackseal.role":"ingest"}}` {
		t.Errorf("attributes %q", found)
	}
	for file, hosts := range map[string][]string{
		"peers/peer.best-foods.trackseal/tls/server.crt": {"node.best.example", "127.0.0.1", "localhost", "peer.best-foods.trackseal"},
		"tls/api-best-foods.crt":                         {"node.best.example", "127.0.0.1"},
		"tls/mqtt-carrier.crt":                           {"127.0.0.1", "localhost"},
	} {
		cert := read(t, find(t, all, file))
		for _, h := range hosts {
			if err := cert.VerifyHostname(h); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
		if !slices.Contains(cert.ExtKeyUsage, x509.ExtKeyUsageServerAuth) {
			t.Errorf("%s is no server's", file)
		}
	}
	if cert := read(t, find(t, all, "chaincode/tls/server.crt")); slices.Contains(cert.ExtKeyUsage, x509.ExtKeyUsageClientAuth) {
		t.Error("the chaincode server's certificate passes for a client's")
	}
	s.Members[1].Host = "2001:db8::7"
	cert, err := find(t, every(s), "peers/peer.best-foods.trackseal/tls/server.crt").template()
	if err != nil || !slices.ContainsFunc(cert.IPAddresses, net.ParseIP("2001:db8::7").Equal) {
		t.Errorf("%v, %v: an address is no name", cert, err)
	}
}

// Nothing of one organisation is made of what another one has, and nothing is made twice.
func TestOrganisationsAreApart(t *testing.T) {
	s := folder(t)
	content := func() map[string]string {
		all := map[string]string{}
		err := filepath.WalkDir(s.Dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := os.ReadFile(path)
			all[strings.TrimPrefix(path, s.Dir)] = string(data)
			if info, e := d.Info(); e != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s has mode %v, %v", path, info.Mode(), e)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	before := content()
	for _, o := range s.Orgs() {
		if err := MakeOrganisation(s, o, time.Hour, moment.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := MakeServers(s, time.Hour, moment.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	for path, was := range before {
		if is := content()[path]; is != was {
			t.Errorf("%s was made again", path)
		}
	}
	if _, err := os.Stat(s.OrdererOrgDir("best-foods")); err == nil {
		t.Error("a member without an orderer has an authority for one")
	}
	if _, err := os.Stat(filepath.Dir(filepath.Dir(s.PeerMSPDir("broker")))); err == nil {
		t.Error("a client member has a peer")
	}
	alone := topology.Stack{Dir: t.TempDir(), Members: s.Members[1:2]}
	if err := MakeOrganisation(alone, "best-foods", Valid, moment); err != nil {
		t.Errorf("an organisation alone: %v", err)
	}
}

func TestMSPConfig(t *testing.T) {
	s := folder(t)
	for _, dir := range []string{s.OrgMSPDir("carrier"), s.PeerMSPDir("carrier"), s.UserMSPDir("carrier", "Admin"), s.OrdererMSPDir("carrier"), s.OrdererOrgMSPDir("carrier")} {
		raw, err := os.ReadFile(filepath.Join(dir, "config.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		var c struct {
			NodeOUs struct {
				Enable             bool
				PeerOUIdentifier   struct{ Certificate string } `yaml:"PeerOUIdentifier"`
				ClientOUIdentifier struct {
					OrganizationalUnitIdentifier string `yaml:"OrganizationalUnitIdentifier"`
				} `yaml:"ClientOUIdentifier"`
			} `yaml:"NodeOUs"`
		}
		raw = bytes.ReplaceAll(raw, []byte("Enable"), []byte("enable"))
		if err := yaml.Unmarshal(raw, &c); err != nil || !c.NodeOUs.Enable || c.NodeOUs.ClientOUIdentifier.OrganizationalUnitIdentifier != "client" {
			t.Errorf("%s: %+v, %v", dir, c, err)
		}
		if _, err := os.Stat(filepath.Join(dir, c.NodeOUs.PeerOUIdentifier.Certificate)); err != nil {
			t.Error(err)
		}
	}
}

// A certificate that is signed once more is for the same key and has another end; one that is pinned is not to be asked for.
func TestIssueAgain(t *testing.T) {
	s := folder(t)
	for _, c := range every(s) {
		before := read(t, c)
		later := moment.AddDate(0, 11, 0)
		if err := c.Issue(Valid, later); err != nil {
			t.Fatal(err)
		}
		after := read(t, c)
		if !bytes.Equal(before.SubjectKeyId, after.SubjectKeyId) || !bytes.Equal(before.RawSubject, after.RawSubject) {
			t.Errorf("%s became another one's", c.Cert)
		}
		if end, err := c.Ends(); err != nil || c.Pinned == "" && !end.Equal(later.Add(Valid)) {
			t.Errorf("%s ends %s, %v; want %s", c.Cert, end, err, later.Add(Valid))
		}
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
	s := folder(t)
	if err := os.Remove(s.CAKey("carrier")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(s.UserCert("carrier", "api")); err != nil {
		t.Fatal(err)
	}
	if err := MakeOrganisation(s, "carrier", Valid, moment); err == nil || !strings.Contains(err.Error(), s.CAKey("carrier")) {
		t.Errorf("%v, want that the authority's key is not there", err)
	}
}
