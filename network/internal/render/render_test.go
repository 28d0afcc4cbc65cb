package render

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trackseal/trackseal/network/internal/topology"
	"gopkg.in/yaml.v3"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func stack(c topology.Consensus) topology.Stack {
	s := topology.Stack{Dir: "/stack", Root: "/checkout", Members: topology.Founding(), Orderers: c}
	s.Ports = s.DefaultPorts()
	return s
}

func secured() topology.Stack {
	s := stack(topology.BFT)
	s.TLS = true
	return s
}

// joined is the folder of a firm that joined a network, and that others reach.
func joined() topology.Stack {
	s := secured()
	s.Members = []topology.Member{{Name: "best-foods", DisplayName: "Best Foods", Host: "node.best.example", Kind: topology.Node, Ingest: true}}
	s.Ports = s.DefaultPorts()
	return s
}

// everything renders all files of a stack.
func everything(t *testing.T, s topology.Stack) []File {
	t.Helper()
	all, err := All(s, Founded(s))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestGolden(t *testing.T) {
	// One of each kind; the other organisations' differ in names and ports only.
	kinds := []string{
		"configtx.yaml", "peer-shipper/core.yaml", "orderer-shipper/orderer.yaml", "profiles/carrier.yaml",
		"profiles/auditor.yaml", "influxdb-consignee/influxdb.conf", "ingest-carrier/config.yaml", "api-consignee/config.yaml", "best-foods/config.yaml", "best-foods/core.yaml", "stack.json", "bin/release", "prometheus.yml",
	}
	for c, s := range map[string]topology.Stack{"bft": stack(topology.BFT), "raft": stack(topology.Raft), "tls": secured(), "joined": joined()} {
		for _, f := range everything(t, s) {
			rel := strings.TrimPrefix(f.Path, "/stack/")
			if !matches(rel, kinds) {
				continue
			}
			t.Run(c+"/"+rel, func(t *testing.T) {
				golden := filepath.Join("testdata", c, strings.ReplaceAll(rel, "/", "_"))
				if *update {
					if err := os.MkdirAll(filepath.Dir(golden), 0o755); err != nil {
						t.Fatal(err)
					}
					if err := os.WriteFile(golden, f.Data, 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(golden)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(f.Data, want) {
					t.Errorf("%s differs from %s; run with -update and look at the difference:\n%s", rel, golden, f.Data)
				}
			})
		}
	}
}

func matches(path string, ends []string) bool {
	for _, e := range ends {
		if strings.HasSuffix(path, e) {
			return true
		}
	}
	return false
}

// The example that docs/operate/monitoring.md names is what a stack with the usual ports gets.
func TestPrometheusExample(t *testing.T) {
	const example = "../../monitoring/prometheus.yml"
	for _, f := range everything(t, stack(topology.BFT)) {
		if filepath.Base(f.Path) != "prometheus.yml" {
			continue
		}
		text := bytes.ReplaceAll(f.Data, []byte("/checkout/network/monitoring/"), nil)
		if *update {
			if err := os.WriteFile(example, text, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if want, err := os.ReadFile(example); err != nil || !bytes.Equal(text, want) {
			t.Errorf("%s (%v) differs from the template; run with -update:\n%s", example, err, text)
		}
		return
	}
	t.Error("no prometheus.yml is rendered")
}

// Ensure every YAML file of every stack is one valid document, also with a folder that holds blanks.
func TestYAMLIsValid(t *testing.T) {
	for _, s := range []topology.Stack{stack(topology.BFT), stack(topology.Raft), secured(), joined()} {
		s.Dir = "/home/some one/my stack"
		for _, f := range everything(t, s) {
			if ext := filepath.Ext(f.Path); ext != ".yaml" && ext != ".yml" {
				continue
			}
			var v map[string]any
			if err := yaml.Unmarshal(f.Data, &v); err != nil {
				t.Errorf("%s: %v", f.Path, err)
			}
		}
	}
}

// Ensure nothing that a stack renders listens on, or points to, another machine.
func TestLoopbackOnly(t *testing.T) {
	for _, f := range everything(t, stack(topology.BFT)) {
		for _, bad := range []string{"0.0.0.0", "[::]", "unix://"} {
			if bytes.Contains(f.Data, []byte(bad)) {
				t.Errorf("%s holds %s", f.Path, bad)
			}
		}
	}
}

// Ensure that no file of a stack with TLS names a plain address.
func TestTLSEverywhere(t *testing.T) {
	for _, f := range append(everything(t, secured()), everything(t, joined())...) {
		for _, bad := range []string{"http://", "tcp://", "grpc://"} {
			if bytes.Contains(f.Data, []byte(bad)) {
				t.Errorf("%s holds %s", f.Path, bad)
			}
		}
	}
}

func TestPrivateModes(t *testing.T) {
	for _, f := range everything(t, stack(topology.BFT)) {
		if f.Mode&0o077 != 0 {
			t.Errorf("%s: mode %o is readable by others", f.Path, f.Mode)
		}
	}
}
