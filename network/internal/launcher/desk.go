package launcher

import (
	"context"
	"os"

	"github.com/trackseal/trackseal/network/internal/fabriccli"
	"github.com/trackseal/trackseal/network/internal/membership"
	"github.com/trackseal/trackseal/network/internal/topology"
)

// desk is where a member of the folder decides about others; done forgets its files.
func (l *Launcher) desk(o topology.Org) (d membership.Desk, done func(), err error) {
	if err := mkdir(l.Stack.RunDir()); err != nil {
		return d, nil, err
	}
	dir, err := os.MkdirTemp(l.Stack.RunDir(), "desk-")
	if err != nil {
		return d, nil, err
	}
	operator := l.admin(o)
	operator.MSPDir = l.Stack.UserMSPDir(o, topology.OperatorUser)
	d = membership.Desk{
		Name: string(o), MSP: o.MSP(), Admin: l.admin(o), Operator: operator, Channel: topology.Channel, Chaincode: topology.Chaincode, Dir: dir,
		Run: l.fabric,
		Order: func(ctx context.Context, call func(fabriccli.Orderer) error) error {
			return l.order(ctx, o, call)
		},
	}
	if l.Stack.Member(o).Orderer {
		orderer := l.admin(o)
		orderer.MSP, orderer.MSPDir = o.OrdererMSP(), l.Stack.OrdererAdminMSPDir(o)
		d.Orderer = &orderer
	}
	return d, func() { _ = os.RemoveAll(dir) }, nil // one that stays is a small folder
}
