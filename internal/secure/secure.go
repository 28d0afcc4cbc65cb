// Package secure is how every program of ours keeps one rule: no plain text beyond this machine, and no secret that others
// can read. TLS for listeners and for clients comes from files, which are read again when they change; the words in the
// configuration are the same everywhere: `tls: {cert, key, client_ca}` where a program listens, `ca` (and `cert`, `key` for a
// client certificate) where it asks. What would be unsafe does not start, unless `insecure: true` stands at that very place.
package secure

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
)

// loopback: only programs of this machine are reached there. A name may mean anything tomorrow; localhost may not (RFC 6761).
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Local tells whether an address that a program listens at (host:port) can be reached from this machine only. An empty host
// means all of its addresses.
func Local(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	return err == nil && loopback(host)
}

// Check says why a program must not listen there, or nil; "" is nowhere. name is the member of the configuration, for the error.
func (s Server) Check(name, listen string, insecure bool) error {
	_, port, err := net.SplitHostPort(listen)
	if _, number := strconv.ParseUint(port, 10, 16); err == nil {
		err = number
	}
	switch {
	case s.On() && (s.Cert == "" || s.Key == ""):
		return fmt.Errorf("%s: tls needs both cert and key", name)
	case listen == "":
		return nil
	case err != nil:
		return fmt.Errorf("%s %q: must be host:port, such as 127.0.0.1:8080", name, listen)
	case s.On() || insecure || Local(listen):
		return nil
	}
	return fmt.Errorf("%s %s: other machines would reach it in plain text; give tls: {cert: FILE, key: FILE}, listen at 127.0.0.1, or set insecure: true", name, listen)
}

// encrypted are the schemes of HTTP and MQTT addresses that mean TLS.
var encrypted = []string{"https", "ssl", "tls", "mqtts", "mqtt+ssl", "tcps", "wss"}

// plain are those that mean none.
var plain = []string{"http", "tcp", "mqtt", "ws"}

// Check says why a program must not speak to that address, or nil; "" is none. name is the member of the configuration, for the error.
func (c Client) Check(name, address string) error {
	if (c.Cert == "") != (c.Key == "") {
		return fmt.Errorf("%s: a client certificate needs both cert and key", name)
	}
	u, err := url.Parse(address)
	switch {
	case address == "":
		return nil
	case err != nil || u.Hostname() == "":
		return fmt.Errorf("%s: must be an address such as http://host:port, or tcp://host:port for MQTT", name) // it may hold a password
	case slices.Contains(encrypted, u.Scheme):
		return nil
	case !slices.Contains(plain, u.Scheme):
		return fmt.Errorf("%s %s: %q is no scheme that is known here; write http or https, for MQTT tcp or ssl", name, u.Redacted(), u.Scheme)
	}
	better := "https"
	if u.Scheme != "http" {
		better = "ssl"
	}
	switch {
	case c.CA != "" || c.Cert != "":
		return fmt.Errorf("%s %s: ca, cert and key are for TLS; write %s://%s", name, u.Redacted(), better, u.Host)
	case loopback(u.Hostname()) || c.Insecure:
		return nil
	}
	return fmt.Errorf("%s %s: secrets would leave this machine in plain text; write %s://%s, or set insecure: true", name, u.Redacted(), better, u.Host)
}

var errNoCertificate = errors.New("no certificate in it: give PEM")
