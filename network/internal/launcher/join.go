package launcher

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/network/internal/fabriccli"
	"github.com/trackseal/trackseal/network/internal/membership"
	"github.com/trackseal/trackseal/network/internal/steps"
	"github.com/trackseal/trackseal/network/internal/topology"
	"golang.org/x/sync/errgroup"
)

// ErrNotJoined: the folder's members are on no channel.
var ErrNotJoined = errors.New("its members have not joined a channel: `network member join INVITATION` does it")

// Join makes the folder's member a member of the channel that an invitation names, and everything of it run. It is `up` with an
// invitation: what came so far is kept, so it can be repeated.
func (l *Launcher) Join(ctx context.Context, file string, otherChaincode bool, opt UpOptions) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	i, err := membership.ReadInvitation(data)
	if err != nil {
		return Misuse{fmt.Errorf("%s: %w", file, err)}
	}
	o := topology.Org(i.Member)
	switch {
	case l.broken != nil:
		return l.broken
	case len(l.Stack.Founders()) > 0:
		return misuse("%s has members that founded a channel, or none at all: `network member init` makes one, in a folder of its own", l.Stack.Dir)
	case l.Stack.Member(o).Name != o:
		return misuse("%s invites %s, whose keys are not in %s", file, i.Member, l.Stack.Dir)
	case i.Channel != topology.Channel || i.Chaincode != topology.Chaincode:
		return misuse("%s invites to channel %s with chaincode %s: this program knows %s with %s", file, i.Channel, i.Chaincode, topology.Channel, topology.Chaincode)
	}
	if old, err := l.invitation(); err == nil && old.Genesis != i.Genesis {
		return fmt.Errorf("%s joined another channel: use another --dir", l.Stack.Dir)
	}
	if err := l.write(l.Stack.Invitation(), data); err != nil {
		return err
	}
	if l.Stack.Member(o).Kind == topology.Client {
		fmt.Fprintf(l.Out, "%s is a client member: nothing runs here. Its identities, in %s, are good at the members' peers\n", o, l.Stack.PeerOrgDir(o))
		return nil
	}
	l.others = otherChaincode
	return l.Up(ctx, opt)
}

func (l *Launcher) invitation() (membership.Invitation, error) {
	data, err := os.ReadFile(l.Stack.Invitation())
	if errors.Is(err, os.ErrNotExist) {
		return membership.Invitation{}, fmt.Errorf("%s: %w", l.Stack.Dir, ErrNotJoined)
	}
	if err != nil {
		return membership.Invitation{}, err
	}
	return membership.ReadInvitation(data)
}

// reachChannel fetches the channel's first block from an orderer of the invitation, once, and checks that it is the one that the
// members meant. Crash order: the newest configuration, by which others are found, is there before the first block.
func (l *Launcher) reachChannel(ctx context.Context, note func(string)) (string, error) {
	if _, err := os.Stat(l.Stack.ChannelBlock()); err == nil {
		return "kept", nil
	}
	i, err := l.invitation()
	if err != nil {
		return "", err
	}
	desk, done, err := l.desk(topology.Org(i.Member))
	if err != nil {
		return "", err
	}
	defer done()
	note("fetching the channel's first block")
	var problems []error
	for _, o := range i.Orderers {
		root := l.Stack.TLSRoots(o.MSP)
		if _, err := replace(root, []byte(o.TLSRoots), 0o600); err != nil {
			return "", err
		}
		for _, at := range o.Addresses {
			orderer := fabriccli.Orderer{Address: at, CAFile: root}
			c, err := desk.Configuration(ctx, orderer)
			if err == nil {
				err = l.learn(c)
			}
			if err == nil {
				err = steps.Make(l.Stack.ChannelBlock(), func(tmp string) error { return l.fetchGenesis(ctx, desk, orderer, i.Genesis, tmp) })
			}
			if err == nil {
				return "reached at " + at, nil
			}
			if ctx.Err() != nil {
				return "", ctx.Err()
			}
			problems = append(problems, fmt.Errorf("%s: %w", at, err))
		}
	}
	return "", errors.Join(problems...)
}

func (l *Launcher) fetchGenesis(ctx context.Context, desk membership.Desk, from fabriccli.Orderer, want, to string) error {
	if _, err := l.fabric(ctx, desk.Admin.Fetch(topology.Channel, "0", to, from)); err != nil {
		return err
	}
	block, err := os.ReadFile(to)
	if err != nil {
		return err
	}
	got, err := membership.GenesisHash(block)
	if err == nil && got != want {
		err = fmt.Errorf("the channel's first block is %s, and the invitation says %s: it is another channel", got, want)
	}
	return err
}

var height = regexp.MustCompile(`"height":(\d+)`)

// catchUp waits until a peer that has joined later has the blocks that the orderers had when it began: only then it knows the
// chaincode, and sees its own transactions.
func (l *Launcher) catchUp(ctx context.Context, note func(string)) (string, error) {
	o := l.speaker()
	dir, err := os.MkdirTemp(l.Stack.RunDir(), "newest-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "block")
	err = l.order(ctx, o, func(orderer fabriccli.Orderer) error {
		_, err := l.fabric(ctx, l.admin(o).Fetch(topology.Channel, "newest", file, orderer))
		return err
	})
	if err != nil {
		return "", err
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	newest, err := fabricproof.DecodeBlock(data)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d blocks", newest.Number+1), l.awaitHeight(ctx, o, newest.Number+1, note)
}

// awaitHeight gives up when the peer has got no block for long.
func (l *Launcher) awaitHeight(ctx context.Context, o topology.Org, want uint64, note func(string)) error {
	const patience = 2 * time.Minute
	var last uint64
	since := time.Now()
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		var has uint64
		out, err := l.fabric(ctx, l.admin(o).Height(topology.Channel))
		if m := height.FindSubmatch(out); err == nil && m != nil {
			has, _ = strconv.ParseUint(string(m[1]), 10, 64) // digits
		}
		note(fmt.Sprintf("the peer has %d of %d blocks", has, want))
		if has >= want {
			return nil
		}
		if has > last {
			last, since = has, time.Now()
		} else if time.Since(since) > patience {
			return fmt.Errorf("%s has %d of %d blocks and gets no more: see %s", topology.PeerProcess(o), has, want, l.Stack.Log(topology.PeerProcess(o)))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// announce tells the ledger where the folder's members are reached, when it does not say so yet.
func (l *Launcher) announce(program string) func(context.Context, func(string)) (string, error) {
	return func(ctx context.Context, _ func(string)) (string, error) {
		if _, ok := l.chaincodeProgram(program); !ok {
			return "left out: there is no chaincode program", nil
		}
		var announced counter
		g, gctx := errgroup.WithContext(ctx)
		for _, o := range l.onChannel() {
			g.Go(func() error {
				did, err := l.announceOne(gctx, o)
				if err != nil {
					return fmt.Errorf("%s: %w", o, err)
				}
				if did {
					announced.n.Add(1)
				}
				return nil
			})
		}
		if err := g.Wait(); err != nil {
			return "", err
		}
		if announced.n.Load() == 0 {
			return "kept", nil
		}
		return fmt.Sprintf("%d announced", announced.n.Load()), nil
	}
}

func (l *Launcher) announceOne(ctx context.Context, o topology.Org) (did bool, err error) {
	want, err := l.endpoints(o)
	if err != nil {
		return false, err
	}
	key, err := ledger.Encode(want)
	if err != nil {
		return false, err
	}
	err = l.nodeMark(topology.PeerProcess(o), "announced").Once(string(key), func() error {
		desk, done, err := l.desk(o)
		if err != nil {
			return err
		}
		defer done()
		did, err = desk.Announce(ctx, want)
		return err
	})
	return did, err
}

// endpoints of a member of the folder.
func (l *Launcher) endpoints(o topology.Org) (ledger.AnnounceArgs, error) {
	e := ledger.AnnounceArgs{API: l.Stack.URL(topology.APIProcess(o))}
	if l.Stack.Member(o).Ingest {
		e.Ingest = []ledger.IngestEndpoint{{ID: topology.IngestID(o), URL: l.Stack.URL(topology.IngestProcess(o))}}
		e.MQTT = l.Stack.MQTTURL(o)
	}
	if !l.Stack.TLS {
		return e, nil
	}
	ca, err := os.ReadFile(l.Stack.Authority())
	e.CA = string(ca)
	return e, err
}
