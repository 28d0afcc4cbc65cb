package launcher

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/network/internal/fabriccli"
	"github.com/trackseal/trackseal/network/internal/topology"
)

// foundMembers tells the ledger who its first members are. The mark is written after the effect: when a crash came between, the
// ledger says that it is founded.
func (l *Launcher) foundMembers(program string) func(context.Context, func(string)) (string, error) {
	return func(ctx context.Context, _ func(string)) (string, error) {
		if _, ok := l.chaincodeProgram(program); !ok {
			return "left out: there is no chaincode program", nil
		}
		call, err := foundingCall()
		if err != nil {
			return "", err
		}
		state := "kept"
		err = l.nodeMark(topology.PeerProcess(topology.Operator), "founded").Once("1", func() error {
			state = "founded"
			as := l.admin(topology.Operator)
			as.MSPDir = l.Stack.UserMSPDir(topology.Operator, topology.OperatorUser)
			invoke := fabriccli.Invoke{Admin: as, Channel: topology.Channel, Chaincode: topology.Chaincode, Call: call, Endorsers: l.endorsers()}
			next := l.orderers(topology.Operator)
			return retry(ctx, 90*time.Second, worthRetrying, func() error {
				invoke.Orderer = next()
				_, err := l.fabric().Run(ctx, invoke)
				if fabriccli.Said(err, "["+string(ledger.Exists)+"]") {
					return nil
				}
				return err
			})
		})
		return state, err
	}
}

// foundingCall is the call of member:Found that names the stack's organisations.
func foundingCall() (string, error) {
	var args ledger.FoundArgs
	for _, o := range topology.Orgs {
		args.Members = append(args.Members, ledger.Founder{Name: string(o), MSP: o.MSP(), DisplayName: o.DisplayName()})
	}
	slices.SortFunc(args.Members, func(a, b ledger.Founder) int { return strings.Compare(a.Name, b.Name) })
	if err := args.Validate(); err != nil {
		return "", err
	}
	arg, err := ledger.Encode(args)
	if err != nil {
		return "", err
	}
	call, err := json.Marshal(map[string][]string{"Args": {ledger.MemberFound.Name(), string(arg)}})
	return string(call), err
}
