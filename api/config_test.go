package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trackseal/trackseal/internal/service"
)

const good = `org: carrier
listen: 127.0.0.1:8080
dir: /tmp/x
influx: {url: "http://127.0.0.1:8086", bucket: trackseal/autogen, token_file: t}
fabric: {profile: p, org: carrier, user: api}
ingest: [carrier.ingest-1]
mqtt_url: tcp://127.0.0.1:1883
auth: {issuer: "http://127.0.0.1:8080", audience: trackseal-api, clients_file: c, key_file: k}
`

func load(t *testing.T, text string) (Config, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "api.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var c Config
	return c, service.LoadConfig(file, &c)
}

// The example that packages install is a configuration.
func TestExample(t *testing.T) {
	var c Config
	if err := service.LoadConfig("../docs/operate/examples/api.yaml", &c); err != nil {
		t.Error(err)
	}
}

func TestConfig(t *testing.T) {
	var c Config
	file := filepath.Join(t.TempDir(), "api.yaml")
	if err := os.WriteFile(file, []byte(good), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := service.LoadConfig(file, &c); err != nil {
		t.Fatal(err)
	}
	if c.Fabric.Channel != "trackseal" || c.Fabric.Chaincode != "trackseal" || c.PublicURL != "http://127.0.0.1:8080" {
		t.Errorf("defaults: %+v", c)
	}
	type bent struct{ change, to, want string }
	issuers := func(members, want string) bent {
		return bent{"key_file: k", `key_file: k, issuers: [{issuer: "https://x", ` + members + `}]`, want}
	}
	for name, tc := range map[string]bent{
		"unknown member":           {"listen:", "listne:", "there is no key listne"},
		"no org":                   {"org: carrier\nlisten", "listen", "org is missing"},
		"ingest of another member": {"ingest: [carrier.ingest-1]", "ingest: [shipper.ingest-1]", `ingest[0] "shipper.ingest-1": must be the id of an instance of carrier`},
		"life of an ingest":        {"ingest: [carrier.ingest-1]", "ingest: [carrier.ingest-1.life-2]", "must be the id of an instance of carrier"},
		"half a certificate":       {"mqtt_url", "calls: {cert: f}\nmqtt_url", "calls: a client certificate needs both"},
		"bad public url":           {"org: carrier\nlisten", "org: carrier\npublic_url: api.example.com\nlisten", "must be a URL such as"},
		"bad listen":               {"127.0.0.1:8080\ndir", "8080\ndir", "must be host:port"},
		"nobody may call":          {"clients_file: c, ", "", "give clients_file"},
		"roles without a claim":    issuers(`roles: {a: [shipments:read]}`, "roles_claim and roles: give both"),
		"a scope that is none":     issuers(`roles_claim: r, roles: {a: [everything]}`, `roles.a: unknown scope "everything"`),
		"one and several":          issuers(`single_org: true, org_claim: tenant`, "single_org: then no org_claim"),
		"a page without a client":  issuers(`page: {scope: openid}`, "page.client_id is missing"),
		"a page without discovery": issuers(`jwks_url: "https://x/j", page: {client_id: page}`, "remove jwks_url"),
		"a page's fixed state":     issuers(`page: {client_id: page, parameters: {state: x}}`, "page.parameters.state"),
		"two pages":                issuers(`page: {client_id: page}}, {issuer: "https://y", page: {client_id: page}`, "at one provider only"),
		"bad log":                  {"org: carrier\nlisten", "log: {level: loud}\norg: carrier\nlisten", "log.level"},
		"issuer twice": {"key_file: k", `key_file: k, issuers: [{issuer: "http://127.0.0.1:8080", jwks_url: "https://x/j"}]`,
			"is given twice"},
	} {
		_, err := load(t, strings.Replace(good, tc.change, tc.to, 1))
		if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want one line with %q", name, err, tc.want)
		}
	}
	_, err := load(t, "org: carrier\n")
	for _, want := range []string{"listen", "dir is missing", "influx.url is missing", "auth: give"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("not all problems at once: %v", err)
		}
	}
}

// TestIssuer: what the configuration of a provider becomes. People are those who come by the page or by a client that is named.
func TestIssuer(t *testing.T) {
	c, err := load(t, strings.Replace(good, "key_file: k", `key_file: k, issuers: [{issuer: "https://login.example/realms/acme", types: [jwt], org_claim: tenant, org_value: acme-gmbh,
  roles_claim: /realm_access/roles, roles: {quality: [shipments:read, shipments:write]}, people_clients: [app], page: {client_id: page, parameters: {audience: trackseal-api}}}]`, 1))
	if err != nil {
		t.Fatal(err)
	}
	got := c.Auth.Issuers[0].claims()
	if got.Org != "tenant" || got.OrgValue != "acme-gmbh" || got.Roles != "/realm_access/roles" || len(got.Grants["quality"]) != 2 || strings.Join(got.People, ",") != "app,page" {
		t.Errorf("claims %+v", got)
	}
}

// What would be unsafe beyond this machine does not start, unless it is named where it stands.
func TestUnsafeConfigurations(t *testing.T) {
	const open, tls, plain = "0.0.0.0:8080\ndir", "0.0.0.0:8080\ntls: {cert: c, key: k}\ndir", "0.0.0.0:8080\ninsecure: true\ndir"
	oidc := strings.Replace(good, `issuer: "http://127.0.0.1:8080", audience: trackseal-api, clients_file: c, key_file: k`,
		`audience: trackseal-api, issuers: [{issuer: "https://id.example", jwks_url: "https://id.example/keys"}]`, 1)
	for name, tc := range map[string]struct{ text, change, to, want string }{
		"plain listener":             {oidc, "127.0.0.1:8080\ndir", open, "listen 0.0.0.0:8080: other machines would reach it in plain text"},
		"TLS listener":               {oidc, "127.0.0.1:8080\ndir", tls, ""},
		"plain listener by name":     {oidc, "127.0.0.1:8080\ndir", plain, ""},
		"half a certificate":         {oidc, "127.0.0.1:8080\ndir", "127.0.0.1:8080\ntls: {cert: c}\ndir", "both cert and key"},
		"development issuer":         {good, "127.0.0.1:8080\ndir", tls, "auth.insecure: true"},
		"development issuer, plain":  {good, "127.0.0.1:8080\ndir", plain, "the development issuer is for one machine"},
		"development issuer by name": {strings.Replace(good, "key_file: k", "key_file: k, insecure: true", 1), "127.0.0.1:8080\ndir", tls, ""},
		"InfluxDB in plain text":     {good, "http://127.0.0.1:8086", "http://db.example:8086", "influx.url"},
		"InfluxDB with TLS":          {good, `"http://127.0.0.1:8086"`, `"https://db.example:8086", ca: f`, ""},
		"authority of plain text":    {good, `"http://127.0.0.1:8086"`, `"http://127.0.0.1:8086", ca: f`, "are for TLS"},
	} {
		if !strings.Contains(tc.text, tc.change) {
			t.Fatalf("%s: the configuration does not hold %q", name, tc.change)
		}
		c, err := load(t, strings.Replace(tc.text, tc.change, tc.to, 1))
		if tc.want == "" {
			if err != nil {
				t.Errorf("%s: %v, want it to start", name, err)
			}
			if https := strings.HasPrefix(c.PublicURL, "https://"); https != c.TLS.On() {
				t.Errorf("%s: public URL %s", name, c.PublicURL)
			}
		} else if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want one line with %q", name, err, tc.want)
		}
	}
}

func TestMissingFilesAreNamed(t *testing.T) {
	var stderr bytes.Buffer
	err := run(t.Context(), []string{"--config", filepath.Join(t.TempDir(), "none.yaml")}, &stderr, &stderr)
	if err == nil || !strings.Contains(err.Error(), "none.yaml") {
		t.Errorf("got %v, want an error that names none.yaml", err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "api.yaml")
	if err := os.WriteFile(file, []byte(strings.Replace(good, "/tmp/x", filepath.Join(dir, "data"), 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), []string{"--config", file}, &stderr, &stderr); err == nil || !strings.Contains(err.Error(), "clients_file") {
		t.Errorf("got %v, want an error that names clients_file", err)
	}
}

func TestSealingKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	a, err := openSealingKey(path)
	if err != nil {
		t.Fatal(err)
	}
	b, err := openSealingKey(path)
	if err != nil || !bytes.Equal(a, b) || len(a) != 32 {
		t.Fatalf("the key does not survive: %v", err)
	}
	if err := os.WriteFile(path, []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openSealingKey(path); err == nil {
		t.Fatal("a damaged key is used")
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := openSealingKey(path); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Fatalf("a key that others can read: got %v, want a line with chmod 600", err)
	}
}
