package launcher

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trackseal/trackseal/network/internal/topology"
)

// install makes what a package installs, and returns the prefix.
func install(t *testing.T, programs ...string) string {
	t.Helper()
	prefix := filepath.Join(t.TempDir(), "usr")
	for _, dir := range []string{"bin", "lib/trackseal/bin", "share/trackseal/network/servers", "share/trackseal/dashboards/dist"} {
		if err := os.MkdirAll(filepath.Join(prefix, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range programs {
		if err := os.WriteFile(filepath.Join(prefix, "lib/trackseal/bin", p), []byte("program "+p), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("../lib/trackseal/bin/network", filepath.Join(prefix, "bin", "trackseal-network")); err != nil {
		t.Fatal(err)
	}
	return prefix
}

func TestFindPackage(t *testing.T) {
	prefix := install(t, "network")
	want := filepath.Join(prefix, "share", "trackseal")
	for _, called := range []string{"bin/trackseal-network", "lib/trackseal/bin/network"} {
		if got := FindPackage(filepath.Join(prefix, called)); got != want {
			t.Errorf("%s: %q, want %q", called, got, want)
		}
	}
	elsewhere := filepath.Join(t.TempDir(), "network")
	if err := os.WriteFile(elsewhere, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, program := range []string{elsewhere, filepath.Join(prefix, "nowhere")} {
		if got := FindPackage(program); got != "" {
			t.Errorf("%s: %q, want that it was not installed", program, got)
		}
	}
}

// A package's programs are copied as they are; nothing is compiled, and one that it lacks is left out as in a checkout without it.
func TestInstalledPrograms(t *testing.T) {
	prefix := install(t, "network", "api", "verify")
	l, _ := open(t, t.TempDir())
	l.Stack.Root = FindPackage(filepath.Join(prefix, "bin", "trackseal-network"))
	t.Setenv("PATH", t.TempDir()) // no Go
	build := l.buildPrograms(UpOptions{Only: topology.Groups})
	for range 2 {
		said, err := build(t.Context(), func(what string) { t.Errorf("%s, want that nothing is compiled", what) })
		if err != nil || said != "api, verify, as installed" {
			t.Fatalf("%q, %v; want what is installed", said, err)
		}
	}
	for _, p := range []string{"api", "verify"} {
		if data, err := os.ReadFile(l.Stack.Program(p)); err != nil || string(data) != "program "+p {
			t.Errorf("%s: %q, %v", p, data, err)
		}
	}
	if l.has("ingest") || !l.has("api") {
		t.Errorf("ingest: %t, api: %t; want the installed one only", l.has("ingest"), l.has("api"))
	}
	// An upgrade reaches the stack with the next `up`.
	if err := os.WriteFile(filepath.Join(prefix, "lib/trackseal/bin/api"), []byte("newer"), 0o755); err != nil {
		t.Fatal(err)
	}
	if data, _ := os.ReadFile(l.Stack.Program("api")); string(data) != "program api" {
		t.Errorf("%q before the next up, want what it ran", data)
	}
	if _, err := build(t.Context(), func(string) {}); err != nil {
		t.Fatal(err)
	}
	if data, _ := os.ReadFile(l.Stack.Program("api")); string(data) != "newer" {
		t.Errorf("%q after it, want the newer one", data)
	}
	if said, err := l.buildDashboard(t.Context(), nil); err != nil || said != "left out: the package has no page" {
		t.Errorf("page: %q, %v", said, err)
	}
	if err := os.WriteFile(filepath.Join(l.Stack.DashboardDir(), "index.html"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if said, err := l.buildDashboard(t.Context(), nil); err != nil || said != "as installed" {
		t.Errorf("page: %q, %v", said, err)
	}
}

// Without Go the servers have to be installed, and the line says so.
func TestServersWithoutGo(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	err := goTool(t.Context(), t.TempDir(), nil, "install", "tool")
	if err == nil || !strings.Contains(err.Error(), "--servers DIR") {
		t.Errorf("%v, want what to do without Go", err)
	}
}
