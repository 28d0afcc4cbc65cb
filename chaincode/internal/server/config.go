package server

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
)

// Validate reports every missing or malformed member at once.
func (c Config) Validate() error {
	var problems []string
	for _, m := range []struct{ flag, value string }{
		{"--listen", c.Listen}, {"--id", c.ID}, {"--tls-cert", c.TLSCert}, {"--tls-key", c.TLSKey}, {"--client-ca", c.ClientCA},
	} {
		if m.value == "" {
			problems = append(problems, m.flag+" is missing")
		}
	}
	if _, _, err := net.SplitHostPort(c.Listen); c.Listen != "" && err != nil {
		problems = append(problems, fmt.Sprintf("--listen %q is not host:port", c.Listen))
	}
	if c.ID != "" && !strings.Contains(c.ID, ":") {
		problems = append(problems, fmt.Sprintf("--id %q is not a package id (label:hash, as `peer lifecycle chaincode queryinstalled` prints it)", c.ID))
	}
	if len(problems) > 0 {
		return errors.New(strings.Join(problems, "; "))
	}
	return nil
}

// tls accepts only peers whose certificate chains to the client roots: whoever reaches the port could otherwise play the peer
// and see every argument.
func (c Config) tls() (*tls.Config, error) {
	cert, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
	if err != nil {
		return nil, fmt.Errorf("--tls-cert, --tls-key: %w", err)
	}
	pem, err := os.ReadFile(c.ClientCA)
	if err != nil {
		return nil, fmt.Errorf("--client-ca: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("--client-ca: %s holds no PEM certificate", c.ClientCA)
	}
	return &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{cert},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    roots,
	}, nil
}
