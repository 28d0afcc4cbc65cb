package secure_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trackseal/trackseal/internal/secure"
	"github.com/trackseal/trackseal/internal/testkit"
)

func one(t *testing.T, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("got %v, want no refusal", err)
	case want != "" && (err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n")):
		t.Errorf("got %v, want one line with %q", err, want)
	}
}

// A listener that other machines reach starts with TLS, or when plain text is meant by name.
func TestRefusesAPlainListenerBeyondLoopback(t *testing.T) {
	on := secure.Server{Cert: "c", Key: "k"}
	for _, tc := range []struct {
		listen   string
		tls      secure.Server
		insecure bool
		want     string
	}{
		{"127.0.0.1:80", secure.Server{}, false, ""},
		{"127.9.9.9:80", secure.Server{}, false, ""},
		{"[::1]:80", secure.Server{}, false, ""},
		{"localhost:80", secure.Server{}, false, ""},
		{"", secure.Server{}, false, ""},
		{"0.0.0.0:80", secure.Server{}, false, "plain text"},
		{":80", secure.Server{}, false, "plain text"},
		{"[::]:80", secure.Server{}, false, "plain text"},
		{"192.0.2.7:80", secure.Server{}, false, "tls: {cert"},
		{"api.example:80", secure.Server{}, false, "insecure: true"},
		{"localhost.example:80", secure.Server{}, false, "plain text"},
		{"[::ffff:192.0.2.7]:80", secure.Server{}, false, "plain text"},
		{"0.0.0.0:80", on, false, ""},
		{"0.0.0.0:80", secure.Server{}, true, ""},
		{"0.0.0.0:80", secure.Server{Cert: "c"}, true, "both cert and key"},
		{"0.0.0.0:80", secure.Server{ClientCA: "c"}, false, "both cert and key"},
	} {
		t.Run(tc.listen, func(t *testing.T) { one(t, tc.tls.Check("listen", tc.listen, tc.insecure), tc.want) })
	}
}

func TestRefusesToSendPlainTextBeyondLoopback(t *testing.T) {
	for _, tc := range []struct {
		url    string
		client secure.Client
		want   string
	}{
		{"http://127.0.0.1:8086", secure.Client{}, ""},
		{"tcp://localhost:1883", secure.Client{}, ""},
		{"https://db.example:8086", secure.Client{}, ""},
		{"ssl://broker.example:8883", secure.Client{CA: "ca.pem"}, ""},
		{"http://db.example:8086", secure.Client{}, "write https://db.example:8086"},
		{"tcp://192.0.2.7:1883", secure.Client{}, "write ssl://192.0.2.7:1883"},
		{"mqtt://broker.example", secure.Client{}, "insecure: true"},
		{"ws://broker.example", secure.Client{}, "plain text"},
		{"http://127.0.0.1@db.example", secure.Client{}, "plain text"},
		{"http://localhost.example", secure.Client{}, "plain text"},
		{"http://db.example:8086", secure.Client{Insecure: true}, ""},
		{"http://127.0.0.1:8086", secure.Client{CA: "ca.pem"}, "are for TLS"},
		{"https://db.example", secure.Client{Cert: "c"}, "both cert and key"},
		{"http://user:hidden@db.example", secure.Client{}, "http://user:xxxxx@db.example"},
	} {
		t.Run(tc.url, func(t *testing.T) { one(t, tc.client.Check("influx.url", tc.url), tc.want) })
	}
}

func TestSecretsThatOthersCanReadAreRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	for _, tc := range []struct {
		mode os.FileMode
		text string
		want string
	}{
		{0o600, "s\n", ""},
		{0o400, "s", ""},
		{0o640, "s\n", "run chmod 600 " + path},
		{0o604, "s\n", "mode 0604"},
		{0o620, "s\n", "chmod 600"},
		{0o600, "\n", "is empty"},
	} {
		if err := os.WriteFile(path, []byte(tc.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, tc.mode); err != nil {
			t.Fatal(err)
		}
		got, err := secure.Secret(path)
		if one(t, err, tc.want); tc.want == "" && got != "s" {
			t.Errorf("mode %o: got %q, want the first line", tc.mode, got)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

// serve listens with s until the test ends.
func serve(t *testing.T, s secure.Server, log io.Writer) (url string) {
	t.Helper()
	cfg, err := s.Config(slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "here") }))
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	srv.Listener = tls.NewListener(srv.Listener, cfg)
	srv.Start()
	t.Cleanup(srv.Close)
	return "https://" + srv.Listener.Addr().String()
}

// ask makes one connection of its own and returns the common name of who answered.
func ask(t *testing.T, through *http.Transport, url string) (who string, err error) {
	t.Helper()
	defer through.CloseIdleConnections()
	resp, err := (&http.Client{Transport: through}).Get(url)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	return resp.TLS.PeerCertificates[0].Subject.CommonName, nil
}

func transport(t *testing.T, c secure.Client) *http.Transport {
	t.Helper()
	through, err := c.Transport()
	if err != nil {
		t.Fatal(err)
	}
	return through
}

func replace(t *testing.T, path, by string) {
	t.Helper()
	data, err := os.ReadFile(by)
	if err == nil {
		err = os.WriteFile(path, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestReplacedFilesAreUsedWithoutARestart(t *testing.T) {
	old, fresh := testkit.NewAuthority(t), testkit.NewAuthority(t)
	cert, key := old.Issue("before")
	ca := filepath.Join(t.TempDir(), "ca.pem")
	replace(t, ca, old.CA)
	var log bytes.Buffer
	url := serve(t, secure.Server{Cert: cert, Key: key}, &log)
	through := transport(t, secure.Client{CA: ca})
	if who, err := ask(t, through, url); err != nil || who != "before" {
		t.Fatalf("got %q, %v, want the first certificate", who, err)
	}

	// Half of a replacement: the certificate is new, the key is not.
	newCert, newKey := fresh.Issue("after")
	replace(t, cert, newCert)
	if who, err := ask(t, through, url); err != nil || who != "before" {
		t.Fatalf("got %q, %v, want the first certificate until its successor is whole", who, err)
	}
	if !strings.Contains(log.String(), "cannot be used") {
		t.Errorf("the log says %q, want that the files cannot be used", log.String())
	}
	replace(t, key, newKey)
	if _, err := ask(t, through, url); err == nil {
		t.Fatal("a certificate of an authority that the client does not trust was accepted")
	}
	replace(t, ca, fresh.CA)
	if who, err := ask(t, through, url); err != nil || who != "after" {
		t.Fatalf("got %q, %v, want the second certificate", who, err)
	}
	// A key that others may read is not taken, however it comes.
	if err := os.Chmod(key, 0o644); err != nil {
		t.Fatal(err)
	}
	if who, err := ask(t, through, url); err != nil || who != "after" || !strings.Contains(log.String(), "chmod 600") {
		t.Fatalf("got %q, %v, log %q; want what was read before, and a line", who, err, log.String())
	}
}

func TestClientCertificatesAreAskedFor(t *testing.T) {
	a, stranger := testkit.NewAuthority(t), testkit.NewAuthority(t)
	cert, key := a.Issue("server")
	url := serve(t, secure.Server{Cert: cert, Key: key, ClientCA: a.CA}, io.Discard)
	own, ownKey := a.Issue("client")
	foreign, foreignKey := stranger.Issue("client")
	for name, tc := range map[string]struct {
		client secure.Client
		ok     bool
	}{
		"of the authority": {secure.Client{CA: a.CA, Cert: own, Key: ownKey}, true},
		"none":             {secure.Client{CA: a.CA}, false},
		"of another":       {secure.Client{CA: a.CA, Cert: foreign, Key: foreignKey}, false},
	} {
		if _, err := ask(t, transport(t, tc.client), url); (err == nil) != tc.ok {
			t.Errorf("certificate %s: got %v, want accepted %v", name, err, tc.ok)
		}
	}
}

func TestFilesThatDoNotServeAreNamed(t *testing.T) {
	a := testkit.NewAuthority(t)
	cert, key := a.Issue("server")
	_, other := a.Issue("other")
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for want, s := range map[string]secure.Server{
		"tls: cert: open none":       {Cert: "none", Key: key},
		"tls: key: open none":        {Cert: cert, Key: "none"},
		"private key does not match": {Cert: cert, Key: other},
		"tls.client_ca: " + empty:    {Cert: cert, Key: key, ClientCA: empty},
	} {
		_, err := s.Config(slog.New(slog.DiscardHandler))
		one(t, err, want)
	}
	_, err := secure.Client{CA: empty}.Each()
	one(t, err, "no certificate in it")
	if _, err := (secure.Client{CA: empty}).Transport(); err == nil {
		t.Error("a transport with an empty ca file, want an error")
	}
}

// Files that break later make connections fail; they never make them trust more.
func TestABrokenAuthorityFileTrustsNobody(t *testing.T) {
	a := testkit.NewAuthority(t)
	cert, key := a.Issue("server")
	url := serve(t, secure.Server{Cert: cert, Key: key}, io.Discard)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	replace(t, ca, a.CA)
	each, err := secure.Client{CA: ca}.Each()
	if err != nil {
		t.Fatal(err)
	}
	dial := func() error {
		c, err := tls.Dial("tcp", strings.TrimPrefix(url, "https://"), each())
		if err == nil {
			c.Close()
		}
		return err
	}
	if err := dial(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(ca, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := dial(); err == nil {
		t.Fatal("connected with a broken ca file")
	}
}

// Old protocols and plain text find nobody.
func TestOldProtocolsAreRefused(t *testing.T) {
	a := testkit.NewAuthority(t)
	cert, key := a.Issue("server")
	url := serve(t, secure.Server{Cert: cert, Key: key}, io.Discard)
	old, err := secure.Client{CA: a.CA}.Config()
	if err != nil {
		t.Fatal(err)
	}
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	if c, err := tls.Dial("tcp", strings.TrimPrefix(url, "https://"), old); err == nil {
		c.Close()
		t.Error("TLS 1.1 was accepted")
	}
	c, err := net.Dial("tcp", strings.TrimPrefix(url, "https://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	if answer, _ := io.ReadAll(c); bytes.Contains(answer, []byte("here")) {
		t.Errorf("plain text got %q", answer)
	}
}
