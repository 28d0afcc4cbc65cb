package launcher

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trackseal/trackseal/network/internal/topology"
)

// An override lasts: each start merges it over what is rendered, and the process that it changes is another one by its spec.
func TestOverrideLasts(t *testing.T) {
	l := held(t, filepath.Join(t.TempDir(), "stack"))
	spec := func() string {
		t.Helper()
		for _, p := range l.Stack.Processes() {
			if p.Name == topology.IngestProcess(operator) {
				s, err := l.programSpec(p)
				if err != nil {
					t.Fatal(err)
				}
				return s.Hash()
			}
		}
		panic("unreachable")
	}
	write := func(want string) {
		t.Helper()
		if got, err := l.writeFiles(t.Context(), nil); err != nil || got != want {
			t.Fatalf("%q %v, want %q", got, err, want)
		}
	}
	write("27 files, 27 changed")
	plain := spec()
	file := filepath.Join(l.Stack.OverrideDir(), topology.IngestProcess(operator)+".yaml")
	if err := l.write(file, []byte("journal: {min_free_bytes: 1048576}\nlog: {level: debug}\n")); err != nil {
		t.Fatal(err)
	}
	write("27 files, 1 changed; overridden: ingest-carrier")
	write("27 files, 0 changed; overridden: ingest-carrier")
	config, err := os.ReadFile(l.Stack.IngestConfig(operator))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"min_free_bytes: 1048576", "level: debug", "max_bytes: 4294967296"} {
		if !strings.Contains(string(config), want) {
			t.Errorf("no %q in\n%s", want, config)
		}
	}
	if spec() == plain {
		t.Error("the process is not restarted")
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	write("27 files, 1 changed")
	if spec() != plain {
		t.Error("without the override the process is another one than before")
	}
}

func TestOverridesThatDoNothingAreRefused(t *testing.T) {
	for name, want := range map[string]string{
		"ingest.yaml": "overrides nothing", "ingest-carrier.yml": "overrides nothing", "influxdb-carrier.yaml": "PROCESS one of orderer-carrier, orderer-shipper",
		"api-shipper.yaml": "must be keys and values", ".api-shipper.yaml.swp": "", "api-shipper.yaml~": "",
	} {
		l := held(t, filepath.Join(t.TempDir(), "stack"))
		if err := l.write(filepath.Join(l.Stack.OverrideDir(), name), []byte("5\n")); err != nil {
			t.Fatal(err)
		}
		_, err := l.writeFiles(t.Context(), nil)
		if (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), name)) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
}
