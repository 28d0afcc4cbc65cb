package secure

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"sync"
)

// Server is the `tls` section of a listener. The zero Server is plain text.
type Server struct {
	Cert     string `yaml:"cert"`      // PEM file: the certificate, then those between it and the authority
	Key      string `yaml:"key"`       // PEM file of its private key, mode 0600
	ClientCA string `yaml:"client_ca"` // PEM file; set, every client must show a certificate of these authorities
}

// On tells whether the listener speaks TLS.
func (s Server) On() bool { return s != Server{} }

// Config reads the files; nil without any. The listener shows what they hold at the time of each connection: replacing them
// needs no restart. Files that do not fit together, as in the middle of a replacement, are logged and change nothing.
func (s Server) Config(log *slog.Logger) (*tls.Config, error) {
	if !s.On() {
		return nil, nil
	}
	r := &reloading{server: s, log: log}
	r.stamp = r.stamps()
	var err error
	if r.current, err = s.read(); err != nil {
		return nil, err
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return r.get(), nil }}, nil
}

func (s Server) read() (*tls.Config, error) {
	pair, err := readPair(s.Cert, s.Key)
	if err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}
	if s.ClientCA == "" {
		return c, nil
	}
	c.ClientAuth = tls.RequireAndVerifyClientCert
	// A session that goes on would not ask for the certificate again, which may be of an authority that was taken out.
	c.SessionTicketsDisabled = true
	if c.ClientCAs, err = readAuthorities(s.ClientCA); err != nil {
		return nil, fmt.Errorf("tls.client_ca: %w", err)
	}
	return c, nil
}

// reloading is what a listener's files hold.
type reloading struct {
	server Server
	log    *slog.Logger

	mu      sync.Mutex
	stamp   string
	current *tls.Config
}

// get looks at the files' times, which costs little beside a handshake. The times are older than the content that is read
// after them: a change in between is seen the next time.
func (r *reloading) get() *tls.Config {
	r.mu.Lock()
	defer r.mu.Unlock()
	stamp := r.stamps()
	if stamp == r.stamp {
		return r.current
	}
	r.stamp = stamp
	fresh, err := r.server.read()
	if err != nil {
		r.log.Error("changed TLS files cannot be used; those read before stay in use", "cert", r.server.Cert, "error", err)
		return r.current
	}
	r.log.Info("TLS files were read again", "cert", r.server.Cert)
	r.current = fresh
	return fresh
}

func (r *reloading) stamps() string {
	var all string
	for _, path := range []string{r.server.Cert, r.server.Key, r.server.ClientCA} {
		if info, err := os.Stat(path); err == nil {
			all += fmt.Sprintf("%d %d %v\n", info.ModTime().UnixNano(), info.Size(), info.Mode())
		} else {
			all += "absent\n"
		}
	}
	return all
}

func readPair(cert, key string) (tls.Certificate, error) {
	public, err := os.ReadFile(cert)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("cert: %w", err)
	}
	private, err := Private(key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("key: %w", err)
	}
	pair, err := tls.X509KeyPair(public, private)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("cert %s and key %s: %w", cert, key, err)
	}
	return pair, nil
}

func readAuthorities(path string) (*x509.CertPool, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("%s: %w", path, errNoCertificate)
	}
	return pool, nil
}
