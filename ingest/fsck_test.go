package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A wrong call is one line and 64; what cannot be asked is one line and 2.
func TestFsckCommand(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("token", "admin:x")
	config := write("ingest.yaml", `
id: carrier.ingest-1
deployment: d
dir: `+dir+`
http: 127.0.0.1:1
mqtt: {embedded: true, listen: "127.0.0.1:1", username: carrier.ingest-1, password_file: `+dir+`/token}
influx: {url: "http://127.0.0.1:1", bucket: trackseal/autogen, token_file: `+dir+`/token}
fabric: {profile: p.yaml, org: carrier, user: ingest}
`)
	for _, c := range []struct {
		args []string
		exit int
		text string
	}{
		{nil, 64, "usage: ingest fsck"},
		{[]string{"--help"}, 0, "--store-only"},
		{[]string{"--confg", config}, 64, "not defined"},
		{[]string{"--config", filepath.Join(dir, "none")}, 64, "none"},
		{[]string{"--config", config, "--from", "trip.tsb"}, 64, "add --repair"},
		{[]string{"--config", config}, 2, "does not answer"},
	} {
		var out, errs bytes.Buffer
		exit, err := fsckCommand(t.Context(), c.args, &out, &errs)
		if err != nil {
			errs.WriteString(err.Error())
		}
		if exit != c.exit || !strings.Contains(out.String()+errs.String(), c.text) {
			t.Errorf("%v: exit %d instead of %d, or no %q in %s%s", c.args, exit, c.exit, c.text, out.String(), errs.String())
		}
		if exit != 0 && strings.Contains(strings.TrimSpace(errs.String()), "\n") && c.exit == 64 {
			t.Errorf("%v: not one line: %s", c.args, errs.String())
		}
	}
}
