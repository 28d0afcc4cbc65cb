package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trackseal/trackseal/internal/service"
)

const good = `
id: ingest-carrier
deployment: trackseal
dir: /tmp/x
http: 127.0.0.1:0
partitions: "00-7f"
mqtt: {embedded: true, listen: "127.0.0.1:0", username: ingest-carrier, password_file: p}
influx: {url: "http://127.0.0.1:1", org: "", bucket: trackseal/autogen, token_file: t}
fabric: {profile: p, org: carrier, user: ingest, channel: trackseal, chaincode: trackseal}
anchor: {every: 10s, leaves: 4096}
journal: {max_bytes: 4294967296}
read_token_file: r
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
	_, err := load(t, "id: 'a b'\npartitions: zz\nmqtt: {url: 'nowhere'}\njournal: {max_bytes: 5}\n")
	if err == nil || strings.Contains(err.Error(), "\n") {
		t.Fatalf("want one line, got %v", err)
	}
	for _, problem := range []string{"id:", "deployment:", "dir:", "http:", "read_token_file:", "partitions", "mqtt.url:", "mqtt.username:", "mqtt.password_file:", "influx:", "fabric:", "journal.max_bytes:"} {
		if !strings.Contains(err.Error(), problem) {
			t.Errorf("%q is not named in: %v", problem, err)
		}
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{nil, {"--config", "/does/not/exist"}, {"--nope"}} {
		if err := command(t.Context(), args, &strings.Builder{}); err == nil {
			t.Errorf("%v: no error", args)
		}
	}
}
