package fabric

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"
)

func TestConfig(t *testing.T) {
	profile := filepath.Join(t.TempDir(), "profile.yaml")
	if err := os.WriteFile(profile, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		yaml string
		want []string // in the error; none = valid
	}{
		"complete":     {"profile: " + profile + "\norg: carrier\nuser: api\nchannel: c\nchaincode: d\ntimeouts: {commit: 1m, hedge: 500ms}", nil},
		"without rest": {"profile: " + profile + "\norg: carrier\nuser: api", nil},
		"empty":        {"{}", []string{"fabric.profile", "fabric.org", "fabric.user"}},
		"no profile":   {"profile: /none\norg: carrier\nuser: api", []string{"/none", "start the network first"}},
		"negative":     {"profile: " + profile + "\norg: carrier\nuser: api\ntimeouts: {idle: -1s}", []string{"fabric.timeouts.idle"}},
	} {
		t.Run(name, func(t *testing.T) {
			var cfg Config
			if err := yaml.Unmarshal([]byte(tc.yaml), &cfg); err != nil {
				t.Fatal(err)
			}
			err := cfg.Validate()
			if (err == nil) != (tc.want == nil) {
				t.Fatalf("got %v", err)
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q lacks %q", err, want)
				}
			}
		})
	}
	full := Config{Timeouts: Timeouts{Commit: time.Minute}}.withDefaults()
	if full.Channel == "" || full.Chaincode == "" || full.Timeouts.Commit != time.Minute || full.Timeouts.Connect == 0 {
		t.Fatalf("defaults %+v", full)
	}
}

// Open says what is wrong with a profile in one line, and needs no node to be up.
func TestOpen(t *testing.T) {
	f := newFakeNetwork(t)
	for _, n := range f.nodes() {
		n.kill()
	}
	f.open("carrier").Close()
	for name, change := range map[string]func(*Config, string) string{
		"organisation": func(c *Config, p string) string { c.Org = "nobody"; return p },
		"user":         func(c *Config, p string) string { c.User = "nobody"; return p },
		"root": func(c *Config, p string) string {
			before, rest, _ := strings.Cut(p, "orderers:")
			return before + "orderers:" + strings.ReplaceAll(rest, "root.pem", "none.pem")
		},
		"orderers": func(c *Config, p string) string { before, _, _ := strings.Cut(p, "orderers:"); return before },
		"text":     func(c *Config, p string) string { return "{" },
	} {
		t.Run(name, func(t *testing.T) {
			raw, err := os.ReadFile(f.profile)
			if err != nil {
				t.Fatal(err)
			}
			cfg := Config{Profile: filepath.Join(t.TempDir(), "p.yaml"), Org: "carrier", User: "api"}
			if err := os.WriteFile(cfg.Profile, []byte(change(&cfg, string(raw))), 0o600); err != nil {
				t.Fatal(err)
			}
			c, err := Open(t.Context(), cfg, slog.New(slog.DiscardHandler))
			if err == nil {
				c.Close()
				t.Fatal("opened")
			}
			if strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), cfg.Profile) {
				t.Errorf("error %q", err)
			}
		})
	}
}
