package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

var block = regexp.MustCompile("(?s)<!-- run: ([a-z]+) -->\n```sh\n(.*?)```")

// TestStackReadme runs the README's commands as they stand, in one shell, in their order; only the way to start our programs
// is replaced, so that they speak to the stack under test.
func TestStackReadme(t *testing.T) {
	s := load(t)
	network := os.Getenv("TRACKSEAL_NETWORK")
	if network == "" {
		t.Skip("TRACKSEAL_NETWORK names no network program")
	}
	if _, err := exec.LookPath("mosquitto_pub"); err != nil {
		t.Skip("mosquitto_pub is not installed (package mosquitto-clients)")
	}
	raw, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := block.FindAllStringSubmatch(string(raw), -1)
	if len(blocks) < 5 {
		t.Fatalf("only %d blocks to run", len(blocks))
	}
	script := "set -eu\n"
	for _, b := range blocks {
		script += "echo '=== " + b[1] + "'\n" + b[2]
	}
	script = strings.ReplaceAll(script, "/tmp/", t.TempDir()+"/")
	script = strings.ReplaceAll(script, "go run ./network env", network+" env --dir "+s.Dir)
	script = strings.ReplaceAll(script, "go run ./tracker-sim replay", filepath.Join(s.Dir, "bin", "tracker-sim")+" replay --stack "+s.Dir)
	script = strings.ReplaceAll(script, "go run ./verify", filepath.Join(s.Dir, "bin", "verify"))
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", script)
	cmd.Dir = "../.."
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{`"non_compliant"`, `"ok":true`, `"temperature":5.5`, `"temperature":6.25`, `"reason":"malformed"`, "authentic"} {
		if !strings.Contains(strings.ReplaceAll(string(out), `": `, `":`), want) {
			t.Errorf("%s is not in the output:\n%s", want, out)
		}
	}
}
