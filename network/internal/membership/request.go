// Package membership is what organisations exchange to join a network and what members do about it: the file in which one asks,
// the votes, the signatures of the channel's configuration, and the file that invites it.
package membership

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/trackseal/trackseal/internal/canon"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/network/internal/channelconfig"
	"github.com/trackseal/trackseal/network/internal/topology"
)

// Formats of the files. Another version is another name.
const (
	requestFormat    = "trackseal-member-request/1"
	invitationFormat = "trackseal-member-invitation/1"
)

// Request is how an organisation asks to become a member. It holds no secret.
type Request struct {
	Format      string `json:"format"`
	Name        string `json:"name"`
	DisplayName string `json:"display_name"`
	Kind        string `json:"kind"`     // node or client
	Operator    bool   `json:"operator"` // it will run ingest
	MSP         string `json:"msp"`
	CA          string `json:"ca"`     // certificate of the authority of its identities, PEM
	TLSCA       string `json:"tls_ca"` // certificate of the authority of its peer's TLS, PEM
	Peer        string `json:"peer,omitempty"`
	Admin       string `json:"admin"` // certificate of the administrator who signs this request, PEM
	Signature   []byte `json:"signature"`
}

// Sign signs the request with the administrator's key.
func (r Request) Sign(key crypto.Signer) (Request, error) {
	r.Format, r.Signature = requestFormat, nil
	digest, err := r.digest()
	if err != nil {
		return r, err
	}
	r.Signature, err = key.Sign(rand.Reader, digest, crypto.SHA256)
	return r, err
}

// digest of all but the signature.
func (r Request) digest() ([]byte, error) {
	r.Signature = nil
	data, err := json.Marshal(r)
	sum := sha256.Sum256(data)
	return sum[:], err
}

// File is the request as it is handed over.
func (r Request) File() ([]byte, error) {
	data, err := json.MarshalIndent(r, "", "  ")
	return append(data, '\n'), err
}

// ReadRequest reads a request and checks that it is whole: the administrator's certificate is of the authority that it names, and
// the signature is the administrator's. Whether that authority is the organisation's, people compare by its fingerprint.
func ReadRequest(data []byte, now time.Time) (Request, error) {
	var r Request
	if err := canon.UnmarshalJSON(data, &r); err != nil {
		return r, fmt.Errorf("it is no request: %w", err)
	}
	if r.Format != requestFormat {
		return r, fmt.Errorf("format is %q: this program reads %s", r.Format, requestFormat)
	}
	m := topology.Member{Name: topology.Org(r.Name), DisplayName: r.DisplayName, Kind: topology.Kind(r.Kind), Host: topology.Loopback, Ingest: r.Operator}
	if err := m.Validate(); err != nil {
		return r, err
	}
	if want := m.Name.MSP(); r.MSP != want {
		return r, fmt.Errorf("msp is %q: that of %s is %s", r.MSP, r.Name, want)
	}
	if err := r.checkPeer(); err != nil {
		return r, err
	}
	ca, err := authority("ca", r.CA, now)
	if err != nil {
		return r, err
	}
	tlsca, err := authority("tls_ca", r.TLSCA, now)
	if err != nil {
		return r, err
	}
	if ca.Equal(tlsca) {
		return r, errors.New("ca and tls_ca are the same: an identity would be a TLS server, too")
	}
	return r, r.checkSignature(ca, now)
}

func (r Request) checkPeer() error {
	if r.Kind == ledger.ClientMember {
		if r.Peer != "" {
			return errors.New("peer: a client member runs none")
		}
		return nil
	}
	host, port, err := net.SplitHostPort(r.Peer)
	if err != nil || host == "" || port == "" {
		return fmt.Errorf("peer is %q: must be host:port", r.Peer)
	}
	return nil
}

func (r Request) checkSignature(ca *x509.Certificate, now time.Time) error {
	admin, err := certificate("admin", r.Admin)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	if _, err := admin.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
		return fmt.Errorf("admin: %w", err)
	}
	if !slices.Contains(admin.Subject.OrganizationalUnit, "admin") {
		return errors.New("admin: its certificate is no administrator's")
	}
	key, ok := admin.PublicKey.(*ecdsa.PublicKey)
	if !ok {
		return errors.New("admin: not an EC key")
	}
	digest, err := r.digest()
	if err != nil {
		return err
	}
	if !ecdsa.VerifyASN1(key, digest, r.Signature) {
		return errors.New("the signature does not hold: the request was changed after it was signed")
	}
	return nil
}

func certificate(member, text string) (*x509.Certificate, error) {
	block, rest := pem.Decode([]byte(text))
	if block == nil || block.Type != "CERTIFICATE" || strings.TrimSpace(string(rest)) != "" {
		return nil, fmt.Errorf("%s must be one certificate in PEM", member)
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", member, err)
	}
	return c, nil
}

// authority is a certificate that signs others, and itself.
func authority(member, text string, now time.Time) (*x509.Certificate, error) {
	c, err := certificate(member, text)
	switch {
	case err != nil:
		return nil, err
	case !c.IsCA:
		return nil, fmt.Errorf("%s: it is no authority's certificate", member)
	case now.Before(c.NotBefore) || now.After(c.NotAfter):
		return nil, fmt.Errorf("%s: it is in force from %s to %s", member, c.NotBefore.Format(time.DateOnly), c.NotAfter.Format(time.DateOnly))
	}
	if err := c.CheckSignatureFrom(c); err != nil {
		return nil, fmt.Errorf("%s: %w", member, err)
	}
	return c, nil
}

// Founder is the member that it becomes.
func (r Request) Founder() ledger.Founder {
	return ledger.Founder{Name: r.Name, MSP: r.MSP, DisplayName: r.DisplayName, Operator: r.Operator, Kind: r.Kind}
}

// Organisation is its part of the channel's configuration.
func (r Request) Organisation() channelconfig.Organisation {
	o := channelconfig.Organisation{MSP: r.MSP, Roots: r.CA, TLSRoots: r.TLSCA}
	if r.Peer != "" {
		o.Addresses = []string{r.Peer}
	}
	return o
}

// Show tells people what they are asked to approve. They compare the fingerprints with what the organisation told them on another way.
func (r Request) Show(w io.Writer) error {
	kind := "a client member: it has keys and uses others' peers"
	if r.Kind == ledger.NodeMember {
		kind = "a node member, its peer at " + r.Peer
	}
	if r.Operator {
		kind += ", and an operator: it runs ingest"
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(tw, "%s\t%s (%s)\n", r.Name, r.DisplayName, r.MSP)
	fmt.Fprintf(tw, "  asks to be\t%s\n", kind)
	fmt.Fprintf(tw, "  identities of\t%s\n", fingerprint(r.CA))
	fmt.Fprintf(tw, "  TLS of\t%s\n", fingerprint(r.TLSCA))
	fmt.Fprintf(tw, "  signed by\t%s\n", fingerprint(r.Admin))
	return tw.Flush()
}

// fingerprint is the SHA-256 of a certificate, as browsers and openssl show it.
func fingerprint(text string) string {
	c, err := certificate("certificate", text)
	if err != nil {
		return err.Error()
	}
	sum := sha256.Sum256(c.Raw)
	var pairs []string
	for _, b := range sum {
		pairs = append(pairs, strings.ToUpper(hex.EncodeToString([]byte{b})))
	}
	return c.Subject.CommonName + ", SHA-256 " + strings.Join(pairs, ":")
}
