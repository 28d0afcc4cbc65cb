package e2e

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestStackIsEncrypted: a stack with TLS answers nobody in plain text, is believed by nobody who does not know its authority, and
// shows a replaced certificate without a restart. A stack without has addresses of this machine only.
func TestStackIsEncrypted(t *testing.T) {
	s := load(t)
	all := map[string]string{"mqtt": s.MQTT}
	for org, in := range s.Influx {
		all["influxdb "+org] = in.URL
	}
	for _, in := range s.Ingest {
		all["ingest "+in.ID] = in.URL
	}
	for org, a := range s.API {
		all["api "+org] = a.URL
	}
	for name, address := range all {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if ip := net.ParseIP(u.Hostname()); ip == nil || !ip.IsLoopback() {
			t.Errorf("%s is at %s, want a loopback address", name, address)
		}
		if s.CA == "" {
			continue
		}
		if u.Scheme != "https" && u.Scheme != "ssl" {
			t.Errorf("%s is at %s, want TLS", name, address)
		}
		if answer := plainly(t, u.Host); bytes.Contains(answer, []byte(" 200 ")) || bytes.Contains(answer, []byte(" 204 ")) {
			t.Errorf("%s answers plain text: %.200q", name, answer)
		}
		c, err := tls.Dial("tcp", u.Host, &tls.Config{RootCAs: x509.NewCertPool()})
		if err == nil {
			c.Close()
			t.Errorf("%s was believed without its authority", name)
		}
	}
	if s.CA == "" {
		return
	}
	replaces(t, s, "api-carrier", "api-shipper", s.API["carrier"].URL, "api-carrier")
	replaces(t, s, "mqtt-carrier", "ingest-carrier", s.MQTT, "ingest-carrier")
}

// plainly is what a listener says to somebody who speaks HTTP without TLS.
func plainly(t *testing.T, host string) []byte {
	t.Helper()
	c, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, "GET /ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	answer, _ := io.ReadAll(c) // it may be cut off
	return answer
}

// replaces gives a listener another program's certificate, which is as valid for this machine, wants to see it, and gives it
// back its own.
func replaces(t *testing.T, s *stack, listener, by, address, process string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	file := func(name string) string { return filepath.Join(s.Dir, "tls", name) }
	read := func(path string) []byte {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	write := func(path string, data []byte) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	shown := func() string {
		c, err := tls.Dial("tcp", u.Host, s.tls())
		if err != nil {
			return err.Error()
		}
		defer c.Close()
		return c.ConnectionState().PeerCertificates[0].Subject.CommonName
	}
	pid := filepath.Join(s.Dir, "run", process+".pid")
	before, own, key := read(pid), read(file(listener+".crt")), read(file(listener+".key"))
	back := func() {
		write(file(listener+".crt"), own)
		write(file(listener+".key"), key)
	}
	t.Cleanup(back)
	if got := shown(); got != listener {
		t.Fatalf("%s shows %s, want its own certificate", address, got)
	}
	write(file(listener+".crt"), read(file(by+".crt")))
	write(file(listener+".key"), read(file(by+".key")))
	eventually(t, 60*time.Second, "the replaced certificate is shown", func() (bool, string) { got := shown(); return got == by, got })
	back()
	eventually(t, 60*time.Second, "the first certificate is shown again", func() (bool, string) { got := shown(); return got == listener, got })
	if !bytes.Equal(before, read(pid)) {
		t.Errorf("%s was restarted", process)
	}
}
