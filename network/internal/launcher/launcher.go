// Package launcher builds, sets up, starts, watches and stops one stack in one folder.
package launcher

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/trackseal/trackseal/network/internal/proc"
	"github.com/trackseal/trackseal/network/internal/steps"
	"github.com/trackseal/trackseal/network/internal/topology"
)

// Launcher works on one stack.
type Launcher struct {
	Stack topology.Stack
	Out   io.Writer // for the operator

	table   proc.Table
	servers servers
	places  places
	killed  killed
	wishing sync.Mutex // one change of the wishes at a time
	opening sync.Once
	open    *http.Client // of the stack's own servers; see client
	cannot  error        // why there is none
	others  bool         // the chaincode program need not be the one in force
	broken  error        // why the settings cannot be read; what needs them refuses with it
}

// UpOptions is what `up` was asked for.
type UpOptions struct {
	Orderers  string // bft | raft; "" = as before, or bft
	Ports     string // default | auto | a number; "" = as before, or default
	Only      []topology.Group
	NoFleet   bool   // also stops a fleet that runs
	TLS       bool   // on every connection; decided once per folder
	Chaincode string // a chaincode program to run instead of the checkout's
	Servers   string // folders of installed servers, as in PATH; "" = as before, "build" = none
}

// Misuse is an order that no folder could fulfil.
type Misuse struct{ Err error }

func (m Misuse) Error() string { return m.Err.Error() }

func (m Misuse) Unwrap() error { return m.Err }

func misuse(format string, args ...any) error { return Misuse{fmt.Errorf(format, args...)} }

// validate finds what no folder could make right, before one is made.
func (o UpOptions) validate() error {
	switch topology.Consensus(o.Orderers) {
	case "", topology.BFT, topology.Raft:
	default:
		return misuse("--orderers %q: must be bft or raft", o.Orderers)
	}
	if o.Ports != "auto" {
		if _, err := choosePorts(topology.Stack{Members: topology.Founding()}, o.Ports); err != nil {
			return Misuse{err}
		}
	}
	if o.Chaincode != "" {
		if info, err := os.Stat(o.Chaincode); err != nil || info.IsDir() {
			return misuse("--chaincode %s: there is no such program", o.Chaincode)
		}
	}
	_, err := places{}.choose("", o.Servers)
	return err
}

// plainPath holds no character that means something in the files that we render.
var plainPath = regexp.MustCompile(`^[\pL\pN/._+@~ -]+$`)

// Open looks at a stack's folder without changing anything. root may be "". Broken settings are no error here: what runs can
// be stopped and deleted without them.
func Open(dir, root string, out io.Writer) (*Launcher, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if !plainPath.MatchString(dir) {
		return nil, fmt.Errorf("folder %q: use a path of letters, digits, blanks and . _ - + @ ~ only", dir)
	}
	l := &Launcher{Stack: topology.Stack{Dir: dir, Root: root, Members: topology.Founding(), Orderers: topology.BFT}, Out: out}
	l.Stack.Ports = l.Stack.DefaultPorts()
	l.table = proc.Table{Dir: l.Stack.RunDir()}
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		return nil, fmt.Errorf("%s is not a folder: choose another --dir", dir)
	}
	s, err := loadSettings(l.Stack.Settings())
	switch {
	case err == nil:
		l.follow(s)
	case !errors.Is(err, os.ErrNotExist):
		l.broken, l.Stack.Ports = err, topology.Ports{}
		if all := l.keyed(); len(all) > 0 {
			l.Stack.Members = all
		}
	}
	return l, nil
}

// Up makes the stack run: everything that is missing, dead or outdated is made, started or restarted, the rest is left alone.
func (l *Launcher) Up(ctx context.Context, opt UpOptions) error {
	if l.Stack.Root == "" {
		return errors.New("not inside a checkout of trackseal, nor installed from a package: change into a checkout and run `up` again")
	}
	if l.broken != nil {
		return l.broken
	}
	if err := opt.validate(); err != nil {
		return err
	}
	unlock, err := l.hold()
	if err != nil {
		return err
	}
	defer unlock()
	if err := l.whole(); err != nil {
		return err
	}
	if err := l.stopOrphans(ctx); err != nil {
		return err
	}
	if err := l.moveIngest(ctx); err != nil {
		return err
	}
	if err := l.settle(opt); err != nil {
		return err
	}
	if len(l.Stack.Founders()) == 0 {
		if _, err := l.invitation(); err != nil {
			return err
		}
	}
	if err := l.tools(); err != nil {
		return err
	}
	if len(opt.Only) == 0 {
		opt.Only = topology.Groups
	}
	with := func(g topology.Group) bool { return slices.Contains(opt.Only, g) }
	if err := l.checkPorts(ctx, opt.Only); err != nil {
		return err
	}

	p := steps.NewProgress(l.Out)
	list := []steps.Step{
		{Name: "servers", Run: l.findServers(with(topology.GroupFabric), with(topology.GroupInflux))},
		{Name: "programs", Run: l.buildPrograms(opt)},
		{Name: "secrets", Run: l.makeSecrets},
		{Name: "TLS", Run: l.makeTLS},
		{Name: "configuration", Run: l.writeFiles},
	}
	founds := len(l.Stack.Founders()) > 0
	channel := l.reachChannel
	if founds {
		channel = l.makeChannel
	}
	if with(topology.GroupFabric) {
		list = append(list, steps.Step{Name: "certificates", Run: l.makeCertificates}, steps.Step{Name: "channel", Run: channel})
	}
	if with(topology.GroupAPI) {
		list = append(list, steps.Step{Name: "dashboard", Run: l.buildDashboard})
	}
	if with(topology.GroupInflux) {
		list = append(list, steps.Step{Name: "influxdb", Run: l.startInflux})
	}
	if with(topology.GroupFabric) {
		list = append(list, steps.Step{Name: "ledger nodes", Run: l.startNodes})
		if !founds {
			list = append(list, steps.Step{Name: "blocks", Run: l.catchUp})
		}
		list = append(list, steps.Step{Name: "chaincode", Run: l.startChaincode(opt.Chaincode)})
		if founds {
			list = append(list, steps.Step{Name: "members", Run: l.foundMembers(opt.Chaincode)})
		}
		list = append(list,
			steps.Step{Name: "profiles", Run: l.followChannel},
			steps.Step{Name: "endpoints", Run: l.announce(opt.Chaincode)},
		)
	}
	if with(topology.GroupInflux) {
		list = append(list, steps.Step{Name: "database", Run: l.openDatabase})
	}
	for _, g := range []topology.Group{topology.GroupIngest, topology.GroupAPI} {
		if with(g) {
			list = append(list, steps.Step{Name: string(g), Run: l.startPrograms(g)})
		}
	}
	if opt.NoFleet && founds {
		list = append(list, steps.Step{Name: "fleet", Run: l.stopFleet})
	}
	list = append(list, steps.Step{Name: "supervisor", Run: l.startWatchers})
	if err := steps.Run(ctx, p, list...); err != nil {
		return err
	}
	// Everything is set up and looked after. What is not ready keeps nobody from using the rest.
	var unready error
	err = steps.Run(ctx, p, steps.Step{Name: "ready", Run: func(ctx context.Context, note func(string)) (said string, err error) {
		said, unready = l.awaitAll(ctx, note, last)
		if unready == nil && with(topology.GroupFabric) {
			unready = l.reachChaincode(ctx, opt.Chaincode)
		}
		return said, unready
	}})
	if err != nil && (ctx.Err() != nil || !errors.Is(err, ErrNotReady)) {
		return err
	}
	if with(topology.GroupFleet) && founds { // its trackers are enrolled over the APIs
		if err := steps.Run(ctx, p, steps.Step{Name: "fleet", Run: l.startPrograms(topology.GroupFleet)}); err != nil {
			return err
		}
	}
	fmt.Fprintf(l.Out, "\nup after %s\n", p.Elapsed())
	l.farewell(with)
	if unready != nil {
		return fmt.Errorf("up, but %w; the rest can be used, and `network status` shows when it is ready", unready)
	}
	return nil
}

// tools looks for what we cannot do without. Node is optional: see buildDashboard. What was installed needs Go for the servers only, where these
// are not installed.
func (l *Launcher) tools() error {
	if _, err := exec.LookPath("go"); err != nil && !l.fromPackage() {
		return errors.New("`go` is not on the PATH: install Go 1.26 or newer (https://go.dev/dl), then run `up` again")
	}
	if _, err := exec.LookPath("sh"); err != nil {
		return errors.New("`sh` is not on the PATH: the peers need a POSIX shell")
	}
	return nil
}

// module is the checkout's own module path.
const module = "github.com/trackseal/trackseal"

// FindRoot is the checkout that holds dir; "" when there is none.
func FindRoot(dir string) string {
	for {
		if isRoot(dir) {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return ""
		}
		dir = parent
	}
}

func isRoot(dir string) bool {
	f, err := os.Open(filepath.Join(dir, "go.mod"))
	if err != nil {
		return false
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if name, ok := strings.CutPrefix(s.Text(), "module "); ok {
			return strings.TrimSpace(name) == module
		}
	}
	return false
}

// DefaultDir is a checkout's own stack.
func DefaultDir(root string) string { return filepath.Join(root, ".trackseal") }
