package launcher

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"

	"golang.org/x/sync/errgroup"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/network/internal/fabriccli"
	"github.com/trackseal/trackseal/network/internal/steps"
	"github.com/trackseal/trackseal/network/internal/topology"
)

// announceMembers has each member of the folder tell the ledger where its nodes are reached. It does nothing where that is as it was told last.
func (l *Launcher) announceMembers(ctx context.Context) (changed int, err error) {
	g, ctx := errgroup.WithContext(ctx)
	told := make([]bool, len(l.Stack.Nodes()))
	for i, o := range l.Stack.Nodes() {
		g.Go(func() error {
			var err error
			if told[i], err = l.announce(ctx, o); err != nil {
				return fmt.Errorf("endpoints of %s: %w", o, err)
			}
			return nil
		})
	}
	err = g.Wait()
	for _, is := range told {
		if is {
			changed++
		}
	}
	return changed, err
}

// announce tells the ledger where a member's nodes are reached, by its own operator identity. The mark is written after the effect: when a
// crash came between, the ledger writes nothing the second time.
func (l *Launcher) announce(ctx context.Context, o topology.Org) (told bool, err error) {
	args, err := l.endpoints(o)
	if err != nil {
		return false, err
	}
	arg, err := ledger.Encode(args)
	if err != nil {
		return false, err
	}
	call, err := json.Marshal(map[string][]string{"Args": {ledger.MemberAnnounce.Name(), string(arg)}})
	if err != nil {
		return false, err
	}
	sum := sha256.Sum256(arg)
	err = l.announcedMark(o).Once(hex.EncodeToString(sum[:]), func() error {
		told = true
		as := l.admin(o)
		as.MSPDir = l.Stack.UserMSPDir(o, topology.OperatorUser)
		return l.order(ctx, o, func(orderer fabriccli.Orderer) error {
			_, err := l.fabric(ctx, as.Invoke(orderer, topology.Channel, topology.Chaincode, string(call), l.endorsers()))
			return err
		})
	})
	return told, err
}

func (l *Launcher) announcedMark(o topology.Org) steps.Mark {
	return l.nodeMark(topology.PeerProcess(o), "announced")
}

// endpoints of a member, as this folder runs them.
func (l *Launcher) endpoints(o topology.Org) (ledger.AnnounceArgs, error) {
	args := ledger.AnnounceArgs{API: l.Stack.URL(topology.APIProcess(o))}
	if l.Stack.Member(o).Ingest {
		args.Ingest = []ledger.IngestEndpoint{{ID: topology.IngestID(o), URL: l.Stack.URL(topology.IngestProcess(o))}}
		args.MQTT = l.Stack.MQTTURL(o)
	}
	if l.Stack.TLS {
		roots, err := os.ReadFile(l.Stack.Authority())
		if err != nil {
			return args, err
		}
		args.CA = string(roots)
	}
	return args, args.Validate()
}
