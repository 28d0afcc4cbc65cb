package secure

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Client is how a program speaks to a server: inlined in the section that names the server's address. The zero Client trusts
// the system's authorities.
type Client struct {
	CA       string `yaml:"ca"`       // PEM file of the authorities that the server's certificate may come from
	Cert     string `yaml:"cert"`     // PEM file, shown to a server that asks for a certificate
	Key      string `yaml:"key"`      // PEM file of its private key, mode 0600
	Insecure bool   `yaml:"insecure"` // plain text is meant, although other machines can read it

	PEM string `yaml:"-"` // more authorities, as text: a member announces those of its servers
}

// Config reads the files. Ask for one before each connection, and what was replaced is used without a restart.
func (c Client) Config() (*tls.Config, error) {
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	var err error
	if c.CA != "" {
		if t.RootCAs, err = readAuthorities(c.CA); err != nil {
			return nil, fmt.Errorf("ca: %w", err)
		}
	}
	if c.PEM != "" {
		if t.RootCAs == nil {
			t.RootCAs = x509.NewCertPool()
		}
		if !t.RootCAs.AppendCertsFromPEM([]byte(c.PEM)) {
			return nil, errNoCertificate
		}
	}
	if c.Cert != "" || c.Key != "" {
		pair, err := readPair(c.Cert, c.Key)
		if err != nil {
			return nil, err
		}
		t.Certificates = []tls.Certificate{pair}
	}
	return t, nil
}

// Each checks the files and returns Config for a library that takes no error: with files that cannot be read, the connection
// fails and says so.
func (c Client) Each() (func() *tls.Config, error) {
	if _, err := c.Config(); err != nil {
		return nil, err
	}
	return func() *tls.Config {
		t, err := c.Config()
		if err != nil {
			return &tls.Config{MinVersion: tls.VersionTLS12, VerifyConnection: func(tls.ConnectionState) error { return err }}
		}
		return t
	}, nil
}

// Transport is Go's own with the files of now for each connection. The caller closes its idle connections.
func (c Client) Transport() (*http.Transport, error) {
	through, err := c.Config()
	if err != nil {
		return nil, err
	}
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = through // for a proxy; without one:
	t.DialTLSContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		now, err := c.Config()
		if err != nil {
			return nil, err
		}
		d := tls.Dialer{NetDialer: &net.Dialer{Timeout: dialTimeout, KeepAlive: dialTimeout}, Config: now}
		return d.DialContext(ctx, network, addr)
	}
	return t, nil
}

const dialTimeout = 30 * time.Second // as in http.DefaultTransport
