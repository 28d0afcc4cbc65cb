package launcher

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/trackseal/trackseal/network/internal/fabriccli"
	"github.com/trackseal/trackseal/network/internal/proc"
	"github.com/trackseal/trackseal/network/internal/steps"
	"github.com/trackseal/trackseal/network/internal/topology"
	"golang.org/x/sync/errgroup"
)

// fabric runs one of Fabric's command-line programs and returns what it answers.
func (l *Launcher) fabric(ctx context.Context, c fabriccli.Call) ([]byte, error) {
	return fabriccli.Run(ctx, l.servers.fabric, c)
}

// makeChannel makes the channel's first block, once: everything on the ledger hangs on it.
func (l *Launcher) makeChannel(ctx context.Context, _ func(string)) (string, error) {
	if _, err := os.Stat(l.Stack.ChannelBlock()); err == nil {
		return "kept", nil
	}
	return "made", steps.Make(l.Stack.ChannelBlock(), func(tmp string) error {
		_, err := l.fabric(ctx, fabriccli.GenesisBlock(l.Stack.ConfigtxDir(), "Trackseal", topology.Channel, tmp))
		return err
	})
}

// startNodes starts every organisation's orderer and peer and has them join the channel, the organisations side by side.
func (l *Launcher) startNodes(ctx context.Context, note func(string)) (string, error) {
	orderers, peers := l.Stack.Founders(), l.Stack.Nodes()
	note(fmt.Sprintf("starting %d orderers and %d peers", len(orderers), len(peers)))
	g, ctx := errgroup.WithContext(ctx)
	var started counter
	for _, o := range orderers {
		g.Go(func() error {
			if err := l.runNode(ctx, &started, l.ordererSpec(o)); err != nil {
				return err
			}
			return l.joinOrderer(ctx, o)
		})
	}
	for _, o := range peers {
		g.Go(func() error {
			if err := l.runNode(ctx, &started, l.peerSpec(o)); err != nil {
				return err
			}
			return l.joinPeer(ctx, o)
		})
	}
	if err := g.Wait(); err != nil {
		return "", err
	}
	return started.of(len(orderers) + len(peers)), nil
}

// runNode starts a node with fresh data as long as it has not joined the channel: nothing is ordered before all have.
func (l *Launcher) runNode(ctx context.Context, started *counter, s proc.Spec) error {
	mark := l.nodeMark(s.Name, joined)
	setUp := mark.Exists()
	if err := l.begin(ctx, started, s, unlessMarked(mark, l.Stack.NodeData(s.Name))); err != nil {
		return err
	}
	return l.await(ctx, s, setUp)
}

const joined = "joined"

// The marks of what a node has achieved lie in its data, and vanish with it.
func (l *Launcher) nodeMark(process, what string) steps.Mark {
	return steps.Mark(filepath.Join(l.Stack.NodeData(process), "."+what))
}

func (l *Launcher) joinOrderer(ctx context.Context, o topology.Org) error {
	process := topology.OrdererProcess(o)
	tls := l.Stack.OrdererAdminTLSDir(o)
	admin := fabriccli.OrdererAdmin{
		Address: l.Stack.Addr(process + ".admin"), CAFile: l.Stack.OrdererTLSCACert(o),
		ClientCert: filepath.Join(tls, "client.crt"), ClientKey: filepath.Join(tls, "client.key"),
	}
	return l.nodeMark(process, joined).Once(topology.Channel, func() error {
		var out []byte
		err := l.eager(ctx, process, func() (err error) {
			out, err = l.fabric(ctx, admin.Join(topology.Channel, l.Stack.ChannelBlock()))
			return err
		})
		if err != nil {
			return err
		}
		code, rest, err := fabriccli.Status(out)
		if err != nil {
			return fmt.Errorf("%s: %w", process, err)
		}
		ok := code == http.StatusCreated || (code == http.StatusMethodNotAllowed && strings.Contains(rest, "already exists"))
		if !ok {
			return fmt.Errorf("%s does not join: %d %s", process, code, rest)
		}
		return nil
	})
}

func (l *Launcher) joinPeer(ctx context.Context, o topology.Org) error {
	process := topology.PeerProcess(o)
	return l.nodeMark(process, joined).Once(topology.Channel, func() error {
		admin := l.admin(o)
		// A join that was cut short goes on inside the peer, and is listed only at its end: ask again after a refusal.
		return l.eager(ctx, process, func() error {
			out, err := l.fabric(ctx, admin.Channels())
			if err != nil {
				return err
			}
			for line := range bytes.Lines(out) {
				if string(bytes.TrimSpace(line)) == topology.Channel {
					return nil
				}
			}
			_, err = l.fabric(ctx, admin.Join(l.Stack.ChannelBlock()))
			return err
		})
	})
}

// eager makes the first call to a node that just started: it reports good health a moment before it listens everywhere.
func (l *Launcher) eager(ctx context.Context, process string, call func() error) error {
	patient, giveUp := context.WithCancel(ctx)
	defer giveUp()
	err := retry(patient, 30*time.Second, func() error {
		err := call()
		if _, gone := l.table.Lookup(process); gone != nil {
			giveUp()
		}
		return err
	})
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("%s: %w (see %s)", process, err, l.Stack.Log(process))
	}
	return err
}

// admin is an organisation's administrator at its peer.
func (l *Launcher) admin(o topology.Org) fabriccli.Admin {
	return fabriccli.Admin{
		ConfigDir: filepath.Dir(l.Stack.PeerConfig(o)),
		MSP:       o.MSP(), MSPDir: l.Stack.UserMSPDir(o, "Admin"),
		Address: l.Stack.Addr(topology.PeerProcess(o)), TLSRoot: l.Stack.TLSCACert(o),
	}
}

// retry repeats until it works or the time is over.
func retry(ctx context.Context, limit time.Duration, fn func() error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	pause := 200 * time.Millisecond
	for {
		err := fn()
		if err == nil || ctx.Err() != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
		pause = min(2*pause, 2*time.Second)
	}
}

func (l *Launcher) ordererSpec(o topology.Org) proc.Spec {
	files := []string{l.Stack.OrdererConfig(o), l.Stack.OrdererSignCert(o), filepath.Join(l.Stack.OrdererTLSDir(o), "server.crt")}
	return l.nodeSpec(topology.OrdererProcess(o), files, "orderer")
}

func (l *Launcher) peerSpec(o topology.Org) proc.Spec {
	files := []string{l.Stack.PeerConfig(o), l.Stack.PeerSignCert(o), filepath.Join(l.Stack.PeerTLSDir(o), "server.crt")}
	return l.nodeSpec(topology.PeerProcess(o), files, "peer", "node", "start")
}

func (l *Launcher) nodeSpec(name string, files []string, program string, args ...string) proc.Spec {
	path := filepath.Join(l.servers.fabric, program)
	s, _ := reading(proc.Spec{ // unreadable: the node says so itself
		Name: name, Path: path, Args: args, Dir: l.Stack.NodeDir(name), Log: l.Stack.Log(name),
		Env:   append(fabricLogging(), "FABRIC_CFG_PATH="+l.Stack.NodeDir(name)),
		Ready: l.probe(name+".ops", "/healthz"),
		Live:  l.probe(name+".ops", "/healthz"),
	}, append(append(l.mayChange(path), l.Stack.ServerCert(name)), files...)...)
	return s
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
