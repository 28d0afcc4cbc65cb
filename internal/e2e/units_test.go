package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var execStart = regexp.MustCompile(`(?m)^ExecStart=(.*)$`)

// What the unit that looks after a hanging program does, with a curl that answers as told.
func TestUnitRestartsOnlyWhatDoesNotAnswer(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no sh on this machine")
	}
	unit, err := os.ReadFile("../../docs/operate/systemd/trackseal-alive@.service")
	if err != nil {
		t.Fatal(err)
	}
	line := string(execStart.FindSubmatch(unit)[1])
	script, ok := strings.CutPrefix(line, "/bin/sh -c '")
	if !ok || !strings.HasSuffix(script, "'") {
		t.Fatalf("not a shell's: %s", line)
	}
	script = strings.ReplaceAll(strings.TrimSuffix(script, "'"), "%i", "ingest")
	script = strings.ReplaceAll(script, "$$", "$") // systemd's way to write one
	for _, tt := range []struct {
		name    string
		curl    string // the exit status of each look, one after the other
		restart bool
	}{
		{"it answers", "0", false},
		{"it answers late", "28 28 0", false},
		{"it hangs", "28 28 28", true},
		{"it says that it does not work", "22 22 22", true},
		{"it starts", "7 7 7", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range map[string]string{
				"curl":      "#!/bin/sh\nread -r now rest < looks; echo $rest > looks.new; mv looks.new looks; exit $now\n",
				"sleep":     "#!/bin/sh\n",
				"systemctl": "#!/bin/sh\necho \"$@\" > restarted\n",
				"looks":     tt.curl + "\n",
			} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			cmd := exec.Command(sh, "-c", script)
			cmd.Dir, cmd.Env = dir, []string{"PATH=" + dir + string(filepath.ListSeparator) + os.Getenv("PATH"), "ALIVE=http://127.0.0.1:1/healthz"}
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
			did, _ := os.ReadFile(filepath.Join(dir, "restarted"))
			if want := map[bool]string{true: "try-restart trackseal-ingest\n", false: ""}[tt.restart]; string(did) != want {
				t.Errorf("systemctl %q, want %q", did, want)
			}
		})
	}
}
