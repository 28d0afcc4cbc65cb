package launcher

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDashboardKeyFollowsTheSources(t *testing.T) {
	dir := t.TempDir()
	put := func(path, text string) {
		t.Helper()
		full := filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	key := func() string {
		t.Helper()
		k, err := dashboardKey(dir)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	put("src/app.ts", "a")
	first := key()
	put("dist/app.js", "result")
	put("node_modules/x/index.js", "dependency")
	if key() != first {
		t.Error("results or dependencies change the key")
	}
	put("src/app.ts", "b")
	second := key()
	if second == first {
		t.Error("a source does not change the key")
	}
	put(".verifier/verify.wasm", "another verifier")
	if key() == second {
		t.Error("another verifier does not change the key")
	}
}

func TestDashboardIsOptional(t *testing.T) {
	root := t.TempDir()
	l, err := Open(filepath.Join(t.TempDir(), "stack"), root, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	build := func() string {
		t.Helper()
		outcome, err := l.buildDashboard(t.Context(), func(string) {})
		if err != nil {
			t.Fatal(err)
		}
		return outcome
	}
	if got := build(); !strings.Contains(got, "no dashboards") {
		t.Error(got)
	}
	if err := l.write(filepath.Join(root, "dashboards", "package-lock.json"), []byte("{}")); err != nil {
		t.Fatal(err)
	}
	tools := t.TempDir()
	t.Setenv("PATH", tools)
	tool := func(name, script string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(tools, name), []byte("#!/bin/sh\n"+script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if got := build(); got != "left out: there is no npm: install Node 20 or newer (https://nodejs.org) and run `up` again to get the page" {
		t.Error(got)
	}
	tool("npm", "echo no such package\nexit 1\n")
	if got := build(); !strings.Contains(got, "there is no node: install Node 20") {
		t.Error(got)
	}
	tool("node", "echo v18.20.4\n")
	if got := build(); !strings.Contains(got, "node is v18.20.4: install Node 20") {
		t.Error(got)
	}
	tool("node", "echo v22.1.0\n")
	// A checkout in which nothing can be written: here a file is in the way of its folder.
	shared := DefaultDir(root)
	if err := os.RemoveAll(shared); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(shared, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := build(); !strings.Contains(got, "left out: mkdir") {
		t.Error(got)
	}
	if err := os.Remove(shared); err != nil {
		t.Fatal(err)
	}
	if got := build(); !strings.Contains(got, "npm ci: exit status 1; see") {
		t.Error(got)
	}
}
