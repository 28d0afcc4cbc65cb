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

func (l *Launcher) fabric() fabriccli.Runner { return fabriccli.Runner{Dir: l.servers.fabric} }

// makeChannel makes the channel's first block, once: everything on the ledger hangs on it.
func (l *Launcher) makeChannel(ctx context.Context, _ func(string)) (string, error) {
	if _, err := os.Stat(l.Stack.ChannelBlock()); err == nil {
		return "kept", nil
	}
	return "made", steps.Make(l.Stack.ChannelBlock(), func(tmp string) error {
		_, err := l.fabric().Run(ctx, fabriccli.GenesisBlock{
			ConfigDir: l.Stack.ConfigtxDir(), Profile: "Trackseal", Channel: topology.Channel, Output: tmp,
		})
		return err
	})
}

// startNodes starts every organisation's orderer and peer and has them join the channel, the organisations side by side.
func (l *Launcher) startNodes(ctx context.Context, note func(string)) (string, error) {
	note(fmt.Sprintf("starting %d orderers and as many peers", len(topology.Orgs)))
	g, ctx := errgroup.WithContext(ctx)
	var started counter
	for _, o := range topology.Orgs {
		g.Go(func() error {
			if err := l.runNode(ctx, &started, l.ordererSpec(o)); err != nil {
				return err
			}
			return l.joinOrderer(ctx, o)
		})
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
	return started.of(2 * len(topology.Orgs)), nil
}

// runNode starts a node with fresh data as long as it has not joined the channel: nothing is ordered before all have.
func (l *Launcher) runNode(ctx context.Context, started *counter, s proc.Spec) error {
	fresh := unlessMarked(l.nodeMark(s.Name, joined), l.Stack.NodeData(s.Name))
	if err := l.begin(ctx, started, s, fresh); err != nil {
		return err
	}
	return l.ready(ctx, s)
}

const joined = "joined"

// The marks of what a node has achieved lie in its data, and vanish with it.
func (l *Launcher) nodeMark(process, what string) steps.Mark {
	return steps.Mark(filepath.Join(l.Stack.NodeData(process), "."+what))
}

func (l *Launcher) joinOrderer(ctx context.Context, o topology.Org) error {
	process := topology.OrdererProcess(o)
	tls := l.Stack.OrdererAdminTLSDir(o)
	join := fabriccli.OrdererJoin{
		Channel: topology.Channel, Block: l.Stack.ChannelBlock(),
		Admin: fabriccli.OrdererAdmin{
			Address: l.Stack.Addr(process + ".admin"), CAFile: l.Stack.OrdererTLSCACert(o),
			ClientCert: filepath.Join(tls, "client.crt"), ClientKey: filepath.Join(tls, "client.key"),
		},
	}
	return l.nodeMark(process, joined).Once(topology.Channel, func() error {
		var out []byte
		err := l.eager(ctx, process, func() (err error) {
			out, err = l.fabric().Run(ctx, join)
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
			out, err := l.fabric().Run(ctx, fabriccli.PeerChannels{Admin: admin})
			if err != nil {
				return err
			}
			for line := range bytes.Lines(out) {
				if string(bytes.TrimSpace(line)) == topology.Channel {
					return nil
				}
			}
			_, err = l.fabric().Run(ctx, fabriccli.PeerJoin{Admin: admin, Block: l.Stack.ChannelBlock()})
			return err
		})
	})
}

// eager makes the first call to a node that just started: it reports good health a moment before it listens everywhere.
func (l *Launcher) eager(ctx context.Context, process string, call func() error) error {
	err := retry(ctx, 30*time.Second, func(error) bool {
		_, gone := l.table.Lookup(process)
		return gone == nil
	}, call)
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

// retry repeats until it works, an error is not worth it, or the time is over.
func retry(ctx context.Context, limit time.Duration, worth func(error) bool, fn func() error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	pause := 200 * time.Millisecond
	for {
		err := fn()
		if err == nil || ctx.Err() != nil || !worth(err) {
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
