package launcher

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/trackseal/trackseal/network/internal/proc"
	"github.com/trackseal/trackseal/network/internal/topology"
)

// needs names the program of each group. `tracker-sim` and `verify` are built with a whole stack for the operator's use.
var needs = map[topology.Group]string{
	topology.GroupFabric: "chaincode",
	topology.GroupIngest: "ingest",
	topology.GroupAPI:    "api",
	topology.GroupFleet:  "tracker-sim",
}

// buildPrograms puts our own programs that the wanted groups need into the stack's folder: compiled from the checkout, or as they are installed.
func (l *Launcher) buildPrograms(opt UpOptions) func(context.Context, func(string)) (string, error) {
	return func(ctx context.Context, note func(string)) (string, error) {
		var want []string
		for _, g := range topology.Groups {
			name := needs[g]
			if name == "" || !slices.Contains(opt.Only, g) || (name == "chaincode" && opt.Chaincode != "") {
				continue
			}
			want = append(want, name)
		}
		if slices.Contains(opt.Only, topology.GroupAPI) {
			want = append(want, "verify", "tracker-sim")
		}
		slices.Sort(want)
		want = slices.DeleteFunc(slices.Compact(want), func(name string) bool { return !l.has(name) })
		if len(want) == 0 {
			return "none", nil
		}
		said := strings.Join(want, ", ")
		want, err := l.takePrograms(want)
		if err != nil {
			return "", err
		}
		if len(want) == 0 {
			return said + ", as installed", nil
		}
		note("compiling " + strings.Join(want, ", "))
		// On one file system the finished program takes its place in one step, also while the old one runs.
		tmp := filepath.Join(l.Stack.BinDir(), ".tmp")
		if err := os.MkdirAll(tmp, 0o700); err != nil {
			return "", err
		}
		args := []string{"build", "-buildvcs=false", "-trimpath", "-o", l.Stack.BinDir() + string(filepath.Separator)}
		for _, name := range want {
			args = append(args, "./"+name)
		}
		err = goTool(ctx, l.Stack.Root, []string{"GOTMPDIR=" + tmp}, args...)
		if err := errors.Join(err, os.RemoveAll(tmp)); err != nil {
			return "", err
		}
		return said, nil
	}
}

func (l *Launcher) hasSource(program string) bool {
	_, err := os.Stat(filepath.Join(l.Stack.Root, program, "main.go"))
	return err == nil
}

// startPrograms starts the processes of one group of our own programs and does not wait for them: each answers what it can and says
// what it lacks.
func (l *Launcher) startPrograms(g topology.Group) func(context.Context, func(string)) (string, error) {
	return func(ctx context.Context, _ func(string)) (string, error) {
		if !l.has(needs[g]) {
			return "left out: the checkout has no " + needs[g], nil
		}
		var started counter
		total := 0
		for _, p := range l.Stack.Processes() {
			if p.Group != g {
				continue
			}
			spec, err := l.programSpec(p)
			if err != nil {
				return "", err
			}
			total++
			if err := l.begin(ctx, &started, spec, nil); err != nil {
				return "", err
			}
		}
		return started.of(total), nil
	}
}

func (l *Launcher) programSpec(p topology.Process) (proc.Spec, error) {
	s := proc.Spec{Name: p.Name, Path: l.Stack.Program(needs[p.Group]), Log: l.Stack.Log(p.Name)}
	read := []string{s.Path}
	o := p.Org
	switch p.Group {
	case topology.GroupIngest:
		s.Dir = l.Stack.IngestDir(o)
		s.Args = []string{"--config", l.Stack.IngestConfig(o)}
		read = append(read, l.Stack.IngestConfig(o), l.Stack.Profile(o), l.Stack.UserCert(o, topology.IngestUser), l.Stack.MQTTPassword(o), l.Stack.InfluxToken(o, influxIngest))
		s.Ready, s.Live = l.probe(l.Stack.Ops(p.Name), "/readyz"), l.probe(p.Name, "/healthz")
	case topology.GroupAPI:
		s.Dir = l.Stack.APIDir(o)
		s.Args = []string{"--config", l.Stack.APIConfig(o)}
		read = append(read, l.Stack.APIConfig(o), l.Stack.Profile(o), l.Stack.UserCert(o, topology.OperatorUser), l.Stack.APIClients(o), l.Stack.InfluxToken(o, influxAPI))
		s.Ready, s.Live = l.probe(l.Stack.Ops(p.Name), "/readyz"), l.probe(p.Name, "/healthz")
	case topology.GroupFleet:
		s.Dir = l.Stack.FleetDir()
		s.Args = []string{"run", "--stack", l.Stack.Dir}
		read = append(read, l.Stack.StackFile())
	default:
		return s, fmt.Errorf("%s is not one of our programs", p.Name)
	}
	s, err := reading(s, read...)
	return s, errors.Join(err, mkdir(s.Dir))
}

// stopFleet takes the fleet away from a stack that had one.
func (l *Launcher) stopFleet(ctx context.Context, _ func(string)) (string, error) {
	if err := l.unwish(topology.Fleet); err != nil {
		return "", err
	}
	if _, err := l.table.Stop(ctx, topology.Fleet); err != nil {
		return "", err
	}
	return "left out", nil
}

// inputs stands for the content of files; a change restarts the process that depends on them.
func inputs(paths ...string) (string, error) {
	var all []string
	for _, p := range paths {
		h, err := fileHash(p)
		if err != nil {
			return "", err
		}
		all = append(all, h)
	}
	return strings.Join(all, " "), nil
}

// fileHash stands for a file's content; "absent" when there is none.
func fileHash(path string) (string, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return "absent", nil
	}
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)[:8]), nil
}
