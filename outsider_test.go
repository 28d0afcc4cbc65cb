package trackseal_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

const outsider = `package main

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"time"

	"github.com/trackseal/trackseal"
)

func main() {
	t := trackseal.Tracker{ID: "T-1", Key: ed25519.NewKeyFromSeed(make([]byte, 32)), Boot: 1}
	now := time.UnixMilli(1_800_000_000_000)
	payload, err := t.Sign(trackseal.Message{Time: now, Readings: []trackseal.Reading{{Time: now, Values: map[string]float64{"temperature": 4}}}})
	fmt.Println(len(payload) > 0, err)
	_, err = trackseal.Verify(bytes.NewReader(nil), new(trackseal.Policy), nil)
	fmt.Println(err)
}
`

// A program in a module of its own can use the package, and links little for it.
func TestOutsiderCanBuildOnIt(t *testing.T) {
	root, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	sums, err := os.ReadFile("go.sum")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, content := range map[string]string{
		"main.go": outsider,
		"go.sum":  string(sums),
		"go.mod":  fmt.Sprintf("module example.org/outsider\n\ngo 1.26\n\nrequire github.com/trackseal/trackseal v0.0.0\n\nreplace github.com/trackseal/trackseal => %s\n", root),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("go", "run", "-mod=mod", ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-trimpath", "GOWORK=off", "GOPROXY=off")
	out, err := cmd.CombinedOutput()
	const want = "true <nil>\nverify: a policy is needed, which ParsePolicy reads\n"
	if err != nil || string(out) != want {
		t.Errorf("the outsider's program: %v, %q, expected %q", err, out, want)
	}
}
