package client_test

import (
	"bytes"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The calls and shapes are those of the API's document: generating them again changes nothing.
func TestGeneratedCodeIsCurrent(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "client.go", nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var args []string
	for _, group := range f.Comments {
		for _, line := range group.List {
			if command, ok := strings.CutPrefix(line.Text, "//go:generate "); ok {
				args = strings.Fields(command)
			}
		}
	}
	at := slices.Index(args, "api.gen.go")
	if at < 0 {
		t.Fatal("client.go names no command that makes api.gen.go")
	}
	out := filepath.Join(t.TempDir(), "api.gen.go")
	args[at] = out
	if said, err := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", args, err, said)
	}
	want, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("api.gen.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("api.gen.go is not what the API's document gives: run `make generate`")
	}
}
