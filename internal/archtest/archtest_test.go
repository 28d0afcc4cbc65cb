// Package archtest keeps the house in order: who may import whom, each rule with its reason. The picture is in
// docs/ARCHITECTURE.md.
package archtest

import (
	"bufio"
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/trackseal/trackseal/"

// pkg is what `go list -json` says of one package or test binary.
type pkg struct {
	ImportPath   string
	ForTest      string
	Imports      []string
	TestImports  []string
	XTestImports []string
	Deps         []string
	Standard     bool
}

func list(t *testing.T, args ...string) []pkg {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,ForTest,Imports,TestImports,XTestImports,Deps,Standard"}, args...)...)
	cmd.Dir = "../.."
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var pkgs []pkg
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return pkgs
		} else if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
}

// within reports whether path is pattern or below it; both without the module's prefix.
func within(path, pattern string) bool {
	return path == pattern || strings.HasPrefix(path, pattern+"/")
}

// owners says which of our packages alone may import a library.
var owners = []struct {
	library string
	owners  []string
	why     string
}{
	{"github.com/hyperledger/fabric-sdk-go", []string{"internal/fabric"}, "the SDK is deprecated: one adapter hides it"},
	{"github.com/hyperledger/fabric-protos-go", []string{"internal/fabric"}, "the SDK's generated types stay behind the adapter"},
	{"github.com/hyperledger/fabric-chaincode-go/v2", []string{"chaincode"}, "only the chaincode speaks to a peer as chaincode; the rules that it runs know no Fabric"},
	{"github.com/hyperledger/fabric-protos-go-apiv2", []string{"chaincode"}, "the shim's generated types stay in the chaincode"},
	{"github.com/eclipse/paho.mqtt.golang", []string{"internal/mqtt"}, "its traps (early acks, lost acks) are handled once"},
	{"github.com/mochi-mqtt/server/v2", []string{"internal/mqtt/broker"}, "the embedded broker can be replaced by any other"},
	{"github.com/influxdata/influxdb-client-go/v2", []string{"internal/influx"}, "its batching loses data: only our own batches write"},
	{"github.com/cockroachdb/pebble/v2", []string{"ingest", "api/internal/state"}, "the journal; and one store of all that the API keeps, whose tenants do not see one another"},
	{"github.com/oasisprotocol/curve25519-voi", []string{"ingest"}, "checking many signatures at once is for who receives many; all others use telemetry's one rule"},
	{"github.com/gin-gonic/gin", []string{"api"}, "HTTP routing belongs to the API"},
	{"github.com/danielgtaylor/huma/v2", []string{"api"}, "OpenAPI belongs to the API"},
	{"codeberg.org/go-pdf/fpdf", []string{"api"}, "reports are documents of the API; nothing else draws"},
	{"github.com/xuri/excelize/v2", []string{"api"}, "reports are documents of the API; nothing else writes workbooks"},
	{"go.etcd.io/bbolt", []string{"tracker-sim"}, "the buffer of a tracker; servers keep theirs in Pebble"},
	{"github.com/HdrHistogram/hdrhistogram-go", []string{"tracker-sim"}, "the load generator's latencies; servers measure with Prometheus"},
	{"golang.org/x/oauth2", []string{"internal/client"}, "one client of the API knows how it gets its tokens"},
	{"github.com/fxamacker/cbor/v2", []string{"internal/canon"}, "one CBOR reader and writer: two could take different bytes for the same"},
	{"golang.org/x/text/encoding", []string{"internal/recording"}, "what others wrote in other code pages is read in one place"},
	{"golang.org/x/text/unicode", []string{"api/internal/report"}, "what a document cannot show is spelled out in one place"},
	{"github.com/go-fonts/dejavu", []string{"api/internal/report"}, "one place sets text"},
	{"github.com/Shopify/toxiproxy/v2", []string{"internal/chaos"}, "bad connections are made in one place"},
	{"github.com/theory/jsonpath", []string{"internal/profile"}, "paths are read and followed in one place: two could find different values in one message"},
	{"github.com/dop251/goja", []string{"internal/codec"}, "foreign code runs in one place: a child process that can do nothing"},
	{"github.com/elastic/go-seccomp-bpf", []string{"internal/codec"}, "one place takes a process its rights"},
	{"github.com/transparency-dev/merkle", []string{"internal/merkle"}, "one place knows its gaps (consistency from size 0)"},
}

// forbidden says what a part of the house must not import, and why.
var forbidden = []struct {
	from, mustNot string
	why           string
}{
	{"chaincode", "internal/fabric", "chaincode is called by peers, it calls nobody; and two sets of generated Fabric types panic in one binary"},
	{"chaincode", "internal/influx", "every peer must compute the same: nothing from outside the ledger"},
	{"chaincode", "internal/mqtt", "every peer must compute the same: nothing from outside the ledger"},
	{"tracker-sim", "internal/influx", "a tracker only publishes; accounting goes through the public API"},
	{"tracker-sim", "internal/fabric", "a tracker only publishes; accounting goes through the public API"},
	{"network", "internal/fabric", "the launcher drives binaries, it links no Fabric library"},
	{"network", "internal/influx", "the launcher drives binaries"},
	{"verify", "internal/fabric", "the auditor's program trusts no server and links no Fabric library"},
	{"verify/internal", "internal/influx", "what judges for an auditor trusts no server: the store that `verify store` looks at is opened by the program, and is what is in question"},
	{"verify/wasm", "internal/influx", "what an auditor's browser runs asks nobody"},
	{"verify/standalone", "internal/influx", "a page that works from disk asks nobody"},
	{"verify/internal/browser", "internal/client", "what an auditor's browser runs asks nobody"},
	{"verify/wasm", "internal/client", "what an auditor's browser runs asks nobody"},
	{"internal/mqtt", "internal/influx", "adapters do not know one another"},
	{"internal/mqtt", "internal/fabric", "adapters do not know one another"},
	{"internal/influx", "internal/fabric", "adapters do not know one another"},
	{"internal/influx", "internal/mqtt", "adapters do not know one another"},
	{"internal/fabric", "internal/influx", "adapters do not know one another"},
	{"internal/fabric", "internal/mqtt", "adapters do not know one another"},
	{"verify/internal/browser", "internal/codec", "a page cannot put a codec into a process of its own: it says that it did not check"},
	{"chaincode", "internal/codec", "every peer must compute the same, and runs no foreign code"},
	{"internal/codec", "internal/influx", "adapters do not know one another"},
	{"internal/codec", "internal/mqtt", "adapters do not know one another"},
	{"internal/codec", "internal/fabric", "adapters do not know one another"},
}

// wired says which packages alone, tests aside, may name an adapter: those that open it.
var wired = []struct {
	adapter string
	by      []string
	why     string
}{
	{"internal/influx", []string{"api", "ingest", "verify"}, "what is stored has its shapes in internal/stored: another time-series store is one package"},
}

// resources of the API, a package each.
var resources = []string{"auditlog", "compliance", "custody", "evidence", "health", "intake", "live", "network", "profiles", "recordings", "reports", "shipments", "signin", "telemetry", "tokens", "trackers"}

func init() {
	for _, r := range resources {
		wired = append(wired, struct {
			adapter string
			by      []string
			why     string
		}{"api/internal/" + r, []string{"api/internal/httpapi"}, "resources do not know one another: what two need is a package of its own, such as shapes, records or judging"})
	}
}

// standsOn says what of ours a package may import, tests aside.
var standsOn = []struct {
	from string
	on   []string
	why  string
}{
	{"api/internal/rest", []string{"api/internal/access", "api/internal/audit", "api/internal/idempotency", "api/internal/problem", "internal/canon"}, "the kernel knows no resource and no record"},
	{"api/internal/access", []string{"internal/canon", "internal/secure"}, "who asks is settled before anything is looked up"},
	{"api/internal/pulse", []string{"internal/telemetry"}, "how a tracker is follows from when its messages came, and from nothing else"},
	{"api/internal/state", nil, "the store knows no tenant"},
	{"internal/judge", []string{"internal/anchor", "internal/compliance", "internal/compliance/detect", "internal/compliance/journey", "internal/ledger", "internal/merkle", "internal/stored", "internal/telemetry"},
		"a judge reads the store and the ledger alone: ingest runs it as the operator's, the API of any other party as that party's own"},
	{"api/internal/replica", []string{"api/internal/state", "internal/anchor", "internal/ledger", "internal/merkle", "internal/profile", "internal/service", "internal/stored", "internal/stored/copying", "internal/stored/outside", "internal/stored/transfer", "internal/telemetry"},
		"any node of a member can run it: it knows no route, no adapter, and of an operator only what it gives"},
}

// core is CORE's folders, one a line; .ci/test reads the same list.
//
//go:embed core.txt
var coreList string

var core = strings.Fields(coreList)

// coreLibraries are the readers and writers of formats that CORE may link; everything else makes the verifier larger and less sure.
var coreLibraries = []string{
	"github.com/fxamacker/cbor/v2", "github.com/theory/jsonpath", "github.com/transparency-dev/merkle", "filippo.io/edwards25519", "google.golang.org/protobuf/encoding/protowire",
}

// coreNever: CORE has no I/O and no clock of its own.
var coreNever = []string{"os", "os/exec", "net", "net/http", "log", "log/slog", "database/sql", "syscall", "io/ioutil"}

// facade is what outsiders build on. It stands on CORE alone: what they link opens no connection and reads no file.
const facade = "github.com/trackseal/trackseal"

var programs = []string{"chaincode", "ingest", "api", "tracker-sim", "network", "verify"}

func TestImports(t *testing.T) {
	for _, p := range list(t, "./...") {
		from := strings.TrimPrefix(p.ImportPath, module)
		for _, imp := range append(slices.Clone(p.Imports), append(p.TestImports, p.XTestImports...)...) {
			for _, o := range owners {
				if within(imp, o.library) && !slices.ContainsFunc(o.owners, func(owner string) bool { return within(from, owner) }) {
					t.Errorf("%s imports %s, which belongs to %s alone: %s", from, imp, strings.Join(o.owners, ", "), o.why)
				}
			}
			if imp == facade && from != facade {
				t.Errorf("%s imports the façade: it is for outsiders, who need it to stay small", from)
			}
			to, ours := strings.CutPrefix(imp, module)
			if !ours {
				continue
			}
			for _, f := range forbidden {
				if within(from, f.from) && within(to, f.mustNot) {
					t.Errorf("%s imports %s: %s", from, to, f.why)
				}
			}
			for _, w := range wired {
				if within(to, w.adapter) && !within(from, w.adapter) && slices.Contains(p.Imports, imp) && !slices.Contains(w.by, from) {
					t.Errorf("%s imports %s, which only %s may: %s", from, to, strings.Join(w.by, ", "), w.why)
				}
			}
			for _, s := range standsOn {
				if from == s.from && slices.Contains(p.Imports, imp) && !slices.Contains(s.on, to) {
					t.Errorf("%s imports %s: %s", from, to, s.why)
				}
			}
			for _, program := range programs {
				if within(to, program) && !within(from, program) {
					t.Errorf("%s imports %s: programs do not import one another; what two need lives in internal/", from, to)
				}
			}
		}
		if !slices.ContainsFunc(core, func(c string) bool { return within(from, c) }) && p.ImportPath != facade {
			continue
		}
		for _, imp := range p.Imports {
			to, ours := strings.CutPrefix(imp, module)
			switch {
			case ours && !slices.ContainsFunc(core, func(c string) bool { return within(to, c) }):
				t.Errorf("%s imports %s: CORE stands on std and CORE only", from, to)
			case !ours && strings.Contains(strings.SplitN(imp, "/", 2)[0], ".") && !slices.ContainsFunc(coreLibraries, func(l string) bool { return within(imp, l) }):
				t.Errorf("%s imports %s: CORE links codecs only", from, imp)
			case slices.Contains(coreNever, imp):
				t.Errorf("%s imports %s: CORE does no I/O and has no clock", from, imp)
			}
		}
	}
}

// CORE computes the same whenever it runs: it may name times, not ask for them, and it starts no goroutine (so that its tests
// need no race detector). Benchmarks below it are programs.
func TestCoreHasNoClockAndNoGoroutine(t *testing.T) {
	asks := []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTicker", "NewTimer"}
	for _, folder := range core {
		err := filepath.WalkDir(filepath.Join("../..", folder), func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() && d.Name() == "bench" {
				return filepath.SkipDir
			}
			if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return nil
			}
			f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			ast.Inspect(f, func(n ast.Node) bool {
				if _, ok := n.(*ast.GoStmt); ok {
					t.Errorf("%s starts a goroutine: CORE leaves that to its callers", path)
				}
				if s, ok := n.(*ast.SelectorExpr); ok {
					if x, ok := s.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains(asks, s.Sel.Name) {
						t.Errorf("%s uses time.%s: CORE has no clock", path, s.Sel.Name)
					}
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// jsonDecoders are the files that may take JSON from a stream, each with its reason. All others read whole values: strictly by canon
// when somebody else wrote them, else by json.Unmarshal.
var jsonDecoders = map[string]string{
	"internal/canon/json.go":                   "the one strict reader",
	"internal/influx/query.go":                 "InfluxDB's answer is a stream of values, of its own trust",
	"ingest/internal/fakeinflux/fakeinflux.go": "the fake of that",
}

// Two readers of one JSON text, of which one takes the first of a repeated member and one the last, see two things.
func TestOneJSONReader(t *testing.T) {
	used := map[string]bool{}
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if strings.HasPrefix(name, ".") && name != ".." || name == "node_modules" || name == "testdata" {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		file := filepath.ToSlash(strings.TrimPrefix(path, filepath.FromSlash("../../")))
		ast.Inspect(f, func(n ast.Node) bool {
			s, ok := n.(*ast.SelectorExpr)
			if !ok || s.Sel.Name != "NewDecoder" {
				return true
			}
			if x, ok := s.X.(*ast.Ident); ok && x.Name == "json" {
				if used[file] = true; jsonDecoders[file] == "" {
					t.Errorf("%s uses json.NewDecoder: canon has the one reader that walks JSON and refuses what two readers could understand differently", file)
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for file := range jsonDecoders {
		if !used[file] {
			t.Errorf("%s may use json.NewDecoder and does not: take it off the list", file)
		}
	}
}

// Both sets of generated Fabric types register the same files: a binary that links both panics when it starts.
func TestProtobufWall(t *testing.T) {
	for _, p := range list(t, "-test", "./...") {
		var old, new bool
		for _, d := range p.Deps {
			d, _, _ = strings.Cut(d, " ")
			old = old || strings.HasPrefix(d, "github.com/hyperledger/fabric-protos-go/")
			new = new || strings.HasPrefix(d, "github.com/hyperledger/fabric-protos-go-apiv2/")
		}
		if old && new {
			t.Errorf("%s links both fabric-protos-go and fabric-protos-go-apiv2", p.ImportPath)
		}
	}
}

// What has no child process to run a codec in does not link the engine, over whatever path.
func TestCodecsRunInPrograms(t *testing.T) {
	for _, p := range list(t, "./...") {
		from := strings.TrimPrefix(p.ImportPath, module)
		if !within(from, "chaincode") && !within(from, "verify/internal/browser") && p.ImportPath != facade && !slices.ContainsFunc(core, func(c string) bool { return within(from, c) }) {
			continue
		}
		for _, d := range p.Deps {
			if within(d, "github.com/dop251/goja") {
				t.Errorf("%s links %s", from, d)
			}
		}
	}
	// The browser's program is built for another system than `go list` looks at.
	cmd := exec.Command("go", "list", "-deps", "./verify/wasm")
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(out, []byte("github.com/dop251/goja")) {
		t.Error("verify/wasm links the engine of codecs")
	}
}

// Rules that name a package that is gone protect nothing.
func TestRulesNameRealPackages(t *testing.T) {
	check := func(path string) {
		if _, err := os.Stat(filepath.Join("../..", path)); err != nil {
			t.Errorf("a rule names %s: %v", path, err)
		}
	}
	for _, o := range owners {
		for _, owner := range o.owners {
			check(owner)
		}
	}
	for _, f := range forbidden {
		check(f.from)
		check(f.mustNot)
	}
	for _, w := range wired {
		check(w.adapter)
	}
	for _, s := range standsOn {
		check(s.from)
	}
	for _, p := range append(slices.Clone(core), programs...) {
		check(p)
	}
}

// One idea a file, named after it. What is generated (*.gen.go) has no ideas.
func TestFiles(t *testing.T) {
	const maxLines = 520
	bad := []string{"utils", "util", "common", "helpers", "types", "misc"}
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if strings.HasPrefix(name, ".") && name != ".." || name == "node_modules" || name == "dist" || name == "testdata" {
				return filepath.SkipDir
			}
			if slices.Contains(bad, name) {
				t.Errorf("folder %s: name it after its idea", path)
			}
			return nil
		}
		ext := filepath.Ext(name)
		if ext != ".go" && ext != ".ts" && ext != ".tsx" && ext != ".css" {
			return nil
		}
		if slices.Contains(bad, strings.TrimSuffix(name, ext)) {
			t.Errorf("%s: name it after its idea", path)
		}
		if strings.HasSuffix(name, "_test.go") || strings.HasSuffix(name, ".test.ts") || strings.HasSuffix(name, ".gen.go") {
			return nil
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		lines := 0
		for s := bufio.NewScanner(f); s.Scan(); lines++ {
		}
		if lines > maxLines {
			t.Errorf("%s has %d lines, more than %d: split it by idea", path, lines, maxLines)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
