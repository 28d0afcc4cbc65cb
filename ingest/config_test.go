package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trackseal/trackseal/internal/service"
)

const good = `
id: carrier.ingest-1
deployment: trackseal
dir: /tmp/x
http: 127.0.0.1:0
partitions: "00-7f"
mqtt: {embedded: true, listen: "127.0.0.1:0", username: carrier.ingest-1, password_file: p}
influx: {url: "http://127.0.0.1:1", org: "", bucket: trackseal/autogen, token_file: t}
fabric: {profile: p, org: carrier, user: ingest, channel: trackseal, chaincode: trackseal}
anchor: {every: 10s, leaves: 4096}
journal: {max_bytes: 4294967296}
log: {level: info, format: text}
`

func load(t *testing.T, text string) (Config, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var c Config
	return c, service.LoadConfig(path, &c)
}

// The example that packages install is a configuration.
func TestExample(t *testing.T) {
	var c Config
	if err := service.LoadConfig("../docs/operate/examples/ingest.yaml", &c); err != nil {
		t.Error(err)
	}
}

func TestConfig(t *testing.T) {
	if c, err := load(t, good); err != nil || c.Anchor.Every.Seconds() != 10 {
		t.Fatalf("%+v, err %v", c, err)
	}
	if _, err := load(t, good+"unknown: 1\n"); err == nil || !strings.Contains(err.Error(), "unknown") {
		t.Fatalf("unknown member: %v", err)
	}
	if _, err := load(t, strings.Replace(good, "embedded: true", "embedded: true, url: 'tcp://127.0.0.1:1'", 1)); err == nil || !strings.Contains(err.Error(), "leave it out") {
		t.Fatalf("url beside the embedded broker: %v", err)
	}
	_, err := load(t, "id: 'a b'\npartitions: zz\nmqtt: {url: 'nowhere'}\njournal: {max_bytes: 5, min_free_bytes: 5}\n")
	if err == nil || strings.Contains(err.Error(), "\n") {
		t.Fatalf("want one line, got %v", err)
	}
	for _, problem := range []string{"id:", "deployment:", "dir:", "http:", "partitions", "mqtt.url:", "mqtt.username:", "mqtt.password_file:", "influx:", "fabric:", "journal.max_bytes:", "journal.min_free_bytes:"} {
		if !strings.Contains(err.Error(), problem) {
			t.Errorf("%q is not named in: %v", problem, err)
		}
	}
}

// What would be unsafe beyond this machine does not start, unless it is named where it stands.
func TestUnsafeConfigurations(t *testing.T) {
	const broker = `mqtt: {embedded: true, listen: "127.0.0.1:0", `
	for name, tc := range map[string]struct{ change, to, want string }{
		"plain http":           {"http: 127.0.0.1:0", "http: :8070", "http :8070: other machines would reach it in plain text"},
		"http with TLS":        {"http: 127.0.0.1:0", "http: :8070\ntls: {cert: c, key: k, client_ca: a}", ""},
		"plain ops":            {"http: 127.0.0.1:0", "http: 127.0.0.1:0\nops_listen: :9090", "ops_listen :9090: other machines would reach it in plain text"},
		"no port":              {"http: 127.0.0.1:0", "http: notaport", `http "notaport": must be host:port`},
		"no number":            {"http: 127.0.0.1:0", "http: 127.0.0.1:many", `http "127.0.0.1:many": must be host:port`},
		"no ops port":          {"http: 127.0.0.1:0", "http: 127.0.0.1:0\nops_listen: here", `ops_listen "here": must be host:port`},
		"no broker port":       {broker, `mqtt: {embedded: true, listen: "1883", `, `mqtt.listen "1883": must be host:port`},
		"no scheme":            {"http://127.0.0.1:1", "htp://127.0.0.1:1", `influx.url htp://127.0.0.1:1: "htp" is no scheme`},
		"no URL":               {"http://127.0.0.1:1", "127.0.0.1:1", "influx.url: must be an address"},
		"plain http by name":   {"http: 127.0.0.1:0", "http: :8070\ninsecure: true", ""},
		"plain broker":         {broker, `mqtt: {embedded: true, listen: ":1883", `, "mqtt.listen :1883: other machines"},
		"broker with TLS":      {broker, `mqtt: {embedded: true, listen: ":8883", tls: {cert: c, key: k}, `, ""},
		"plain broker by name": {broker, `mqtt: {embedded: true, listen: ":1883", insecure: true, `, ""},
		"one name is not two":  {broker, `mqtt: {embedded: true, listen: ":1883", `, "or set insecure: true"},
		"another's broker":     {broker, `mqtt: {url: "tcp://broker.example:1883", `, "mqtt.url tcp://broker.example:1883: secrets would leave"},
		"another's, TLS":       {broker, `mqtt: {url: "ssl://broker.example:8883", ca: a, cert: c, key: k, `, ""},
		"InfluxDB":             {"http://127.0.0.1:1", "http://db.example:1", "influx.url http://db.example:1: secrets would leave"},
	} {
		if !strings.Contains(good, tc.change) {
			t.Fatalf("%s: the configuration does not hold %q", name, tc.change)
		}
		text := strings.Replace(good, tc.change, tc.to, 1)
		if name == "one name is not two" {
			text += "insecure: true\n" // that of http
		}
		_, err := load(t, text)
		if tc.want == "" && err != nil {
			t.Errorf("%s: %v, want it to start", name, err)
		}
		if tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "\n")) {
			t.Errorf("%s: %v, want one line with %q", name, err, tc.want)
		}
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{nil, {"--config", "/does/not/exist"}, {"--nope"}} {
		err := command(t.Context(), args, io.Discard, io.Discard)
		if want := len(args) != 2; err == nil || (service.Exit("ingest", err, io.Discard) == 2) != want {
			t.Errorf("%v: %v, want an error and the exit status 2: %v", args, err, want)
		}
	}
	for arg, want := range map[string]string{"--help": "-config file", "--version": "trackseal ingest unknown, revision "} {
		var out strings.Builder
		if err := command(t.Context(), []string{arg}, &out, io.Discard); err != nil || !strings.Contains(out.String(), want) {
			t.Errorf("%s: %v, %q; want %q", arg, err, &out, want)
		}
	}
}
