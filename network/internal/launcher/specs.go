package launcher

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/trackseal/trackseal/network/internal/proc"
	"github.com/trackseal/trackseal/network/internal/topology"
	"golang.org/x/sync/errgroup"
)

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

func (l *Launcher) ordererSpec(o topology.Org) proc.Spec {
	name := topology.OrdererProcess(o)
	in, _ := inputs(l.Stack.OrdererConfig(o)) // unreadable: the orderer says so itself
	return proc.Spec{
		Name: name, Path: filepath.Join(l.servers.fabric, "orderer"), Dir: l.Stack.NodeDir(name), Log: l.Stack.Log(name),
		Env:    append(fabricLogging(), "FABRIC_CFG_PATH="+l.Stack.NodeDir(name)),
		Inputs: in,
		Ready:  proc.Probe{HTTP: l.Stack.URL(name+".ops") + "/healthz"},
	}
}

func (l *Launcher) peerSpec(o topology.Org) proc.Spec {
	name := topology.PeerProcess(o)
	in, _ := inputs(l.Stack.PeerConfig(o)) // unreadable: the peer says so itself
	return proc.Spec{
		Name: name, Path: filepath.Join(l.servers.fabric, "peer"), Args: []string{"node", "start"},
		Dir: l.Stack.NodeDir(name), Log: l.Stack.Log(name),
		Env:    append(fabricLogging(), "FABRIC_CFG_PATH="+l.Stack.NodeDir(name)),
		Inputs: in,
		Ready:  proc.Probe{HTTP: l.Stack.URL(name+".ops") + "/healthz"},
	}
}

// fabricLogging keeps the nodes' logs short: at info they write several lines per block, and gossip complains for a while
// about every node that starts later. FABRIC_LOGGING_SPEC of the caller has its way.
func fabricLogging() []string {
	spec := os.Getenv("FABRIC_LOGGING_SPEC")
	if spec == "" {
		spec = "warn:gossip=error:grpc=error"
	}
	return []string{
		"FABRIC_LOGGING_SPEC=" + spec,
		"FABRIC_LOGGING_FORMAT=%{time:2006-01-02T15:04:05.000Z07:00} %{level:.4s} [%{module}] %{message}",
	}
}

// startPrograms starts the processes of one group of our own programs side by side.
func (l *Launcher) startPrograms(g topology.Group) func(context.Context, func(string)) (string, error) {
	return func(ctx context.Context, note func(string)) (string, error) {
		if !l.hasSource(needs[g]) {
			return "left out: the checkout has no " + needs[g], nil
		}
		var started counter
		total := 0
		eg, ctx := errgroup.WithContext(ctx)
		for _, p := range topology.Processes() {
			if p.Group != g {
				continue
			}
			spec, err := l.programSpec(p)
			if err != nil {
				return "", err
			}
			total++
			note("starting " + string(g))
			eg.Go(func() error { return l.run(ctx, &started, spec) })
		}
		if err := eg.Wait(); err != nil {
			return "", err
		}
		return started.of(total), nil
	}
}

func (l *Launcher) programSpec(p topology.Process) (proc.Spec, error) {
	s := proc.Spec{Name: p.Name, Path: l.Stack.Program(needs[p.Group]), Log: l.Stack.Log(p.Name)}
	read := []string{s.Path}
	switch p.Group {
	case topology.GroupIngest:
		s.Dir = l.Stack.IngestDir()
		s.Args = []string{"--config", l.Stack.IngestConfig()}
		read = append(read, l.Stack.IngestConfig(), l.Stack.Profile(topology.Operator), l.Stack.IngestReadToken(),
			l.Stack.MQTTPassword(), l.Stack.InfluxToken(influxIngest))
		s.Ready.HTTP = l.Stack.URL(p.Name) + "/readyz"
	case topology.GroupAPI:
		o := orgOf(p.Name)
		s.Dir = l.Stack.APIDir(o)
		s.Args = []string{"--config", l.Stack.APIConfig(o)}
		read = append(read, l.Stack.APIConfig(o), l.Stack.Profile(o), l.Stack.APIClients(o), l.Stack.IngestReadToken(),
			l.Stack.InfluxToken(influxAPI))
		s.Ready.HTTP = l.Stack.URL(p.Name) + "/readyz"
	case topology.GroupFleet:
		s.Dir = l.Stack.FleetDir()
		s.Args = []string{"run", "--stack", l.Stack.Dir}
		read = append(read, l.Stack.StackFile())
	default:
		return s, fmt.Errorf("%s is not one of our programs", p.Name)
	}
	in, err := inputs(read...)
	s.Inputs = in
	return s, errors.Join(err, mkdir(s.Dir))
}

// orgOf a process by its name.
func orgOf(process string) topology.Org {
	_, org, _ := strings.Cut(process, "-")
	return topology.Org(org)
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
