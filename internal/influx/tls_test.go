package influx_test

import (
	"crypto/tls"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trackseal/trackseal/internal/influx"
	"github.com/trackseal/trackseal/internal/secure"
	"github.com/trackseal/trackseal/internal/testkit"
)

func TestSpeaksTLSToAServerOfItsAuthority(t *testing.T) {
	a := testkit.NewAuthority(t)
	cert, key := a.Issue("influxd")
	served, err := secure.Server{Cert: cert, Key: key}.Config(slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	srv.Listener = tls.NewListener(srv.Listener, served)
	srv.Start()
	defer srv.Close()
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("admin:x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := influx.Config{URL: "https://" + srv.Listener.Addr().String(), Bucket: "a/b", TokenFile: token}
	for name, tc := range map[string]struct {
		ca string
		ok bool
	}{"its authority": {a.CA, true}, "another": {testkit.NewAuthority(t).CA, false}, "the system's": {"", false}} {
		cfg.Client.CA = tc.ca
		c, err := influx.Open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.Ping(t.Context()); (err == nil) != tc.ok {
			t.Errorf("with the authority %s: got %v, want an answer %v", name, err, tc.ok)
		}
	}
	if err := os.Chmod(token, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := influx.Open(cfg); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a token that others can read: got %v, want a line with chmod 600", err)
	}
}
