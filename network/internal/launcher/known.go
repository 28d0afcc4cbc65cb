package launcher

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/trackseal/trackseal/network/internal/channelconfig"
	"github.com/trackseal/trackseal/network/internal/render"
	"github.com/trackseal/trackseal/network/internal/topology"
)

// known is who has nodes on the channel, as this folder learnt it last: founders know themselves before there is a channel.
func (l *Launcher) known() (render.Channel, error) {
	data, err := os.ReadFile(l.Stack.ChannelConfig())
	if errors.Is(err, os.ErrNotExist) {
		return render.Founded(l.Stack), nil
	}
	if err != nil {
		return render.Channel{}, err
	}
	c, err := channelconfig.Parse(data)
	if err != nil {
		return render.Channel{}, fmt.Errorf("%s: %w; delete it, `network up` writes it anew", l.Stack.ChannelConfig(), err)
	}
	members, err := c.Members()
	if err != nil {
		return render.Channel{}, err
	}
	orderers, err := c.Orderers()
	if err != nil {
		return render.Channel{}, err
	}
	return render.Channel{
		Peers:    l.nodes(members, "MSP", topology.PeerProcess),
		Orderers: l.nodes(orderers, "OrdererMSP", topology.OrdererProcess),
	}, nil
}

// onChannel are the folder's members with a peer that are on the channel, as this folder knows it: an evicted one's programs may run on, but
// it has no say. All are, as long as nothing is known.
func (l *Launcher) onChannel() []topology.Org {
	known, err := l.known()
	if err != nil {
		return l.Stack.Nodes() // who needs it says so
	}
	return slices.DeleteFunc(l.Stack.Nodes(), func(o topology.Org) bool {
		return len(known.Peers) > 0 && !slices.ContainsFunc(known.Peers, func(n render.Node) bool { return n.Org == o })
	})
}

// nodes of organisations; several of one get numbers.
func (l *Launcher) nodes(all []channelconfig.Organisation, suffix string, name func(topology.Org) string) []render.Node {
	var nodes []render.Node
	for _, m := range all {
		o := topology.Org(strings.ToLower(strings.TrimSuffix(m.MSP, suffix)))
		for i, at := range m.Addresses {
			n := render.Node{Name: name(o), Org: o, MSP: m.MSP, Address: at, TLSRoots: l.Stack.TLSRoots(m.MSP)}
			if i > 0 {
				n.Name += fmt.Sprintf("-%d", i+1)
			}
			nodes = append(nodes, n)
		}
	}
	return nodes
}

// learn writes down who is on the channel. Crash order: the roots are there before the configuration names them.
func (l *Launcher) learn(c channelconfig.Config) error {
	members, err := c.Members()
	if err != nil {
		return err
	}
	orderers, err := c.Orderers()
	if err != nil {
		return err
	}
	for _, m := range append(members, orderers...) {
		if _, err := replace(l.Stack.TLSRoots(m.MSP), []byte(m.TLSRoots), 0o600); err != nil {
			return err
		}
	}
	data, err := c.JSON()
	if err != nil {
		return err
	}
	_, err = replace(l.Stack.ChannelConfig(), data, 0o600)
	return err
}

// followChannel learns from the own peer who is on the channel, and renders the connection profiles by it: what reads them starts
// after it.
func (l *Launcher) followChannel(ctx context.Context, _ func(string)) (string, error) {
	if len(l.Stack.Nodes()) == 0 {
		return "none", nil
	}
	speaker := l.speaker()
	desk, done, err := l.desk(speaker)
	if err != nil {
		return "", err
	}
	defer done()
	var c channelconfig.Config
	err = l.eager(ctx, topology.PeerProcess(speaker), func() (err error) {
		c, err = desk.Configuration(ctx)
		return err
	})
	if err != nil {
		return "", err
	}
	if err := l.learn(c); err != nil {
		return "", err
	}
	if _, err := l.writeFiles(ctx, nil); err != nil {
		return "", err
	}
	known, err := l.known()
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d peers, %d orderers", len(known.Peers), len(known.Orderers)), nil
}
