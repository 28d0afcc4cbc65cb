package render

import (
	"slices"

	"github.com/trackseal/trackseal/network/internal/topology"
)

// Channel is who has nodes on the channel, in this folder and elsewhere. The zero one has nobody.
type Channel struct {
	Peers    []Node
	Orderers []Node
}

// Node of a member.
type Node struct {
	Name     string // as profiles and logs call it: peer-carrier
	Org      topology.Org
	MSP      string
	Address  string // host:port
	TLSRoots string // path of a PEM file
}

// Founded is the channel of a folder's founders, as it is before anybody joins or leaves.
func Founded(s topology.Stack) Channel {
	var c Channel
	for _, o := range s.Founders() {
		peer, orderer := topology.PeerProcess(o), topology.OrdererProcess(o)
		c.Peers = append(c.Peers, Node{peer, o, o.MSP(), s.Addr(peer), s.TLSCACert(o)})
		c.Orderers = append(c.Orderers, Node{orderer, o, o.OrdererMSP(), s.Addr(orderer), s.OrdererTLSCACert(o)})
	}
	return c
}

func (c Channel) has(o topology.Org) bool {
	return slices.ContainsFunc(c.Peers, func(n Node) bool { return n.Org == o })
}

// ownFirst puts an organisation's own nodes before the others': its clients ask them first.
func (c Channel) ownFirst(o topology.Org) Channel {
	first := func(nodes []Node) []Node {
		nodes = slices.Clone(nodes)
		slices.SortStableFunc(nodes, func(a, b Node) int { return order(a, o) - order(b, o) })
		return nodes
	}
	return Channel{first(c.Peers), first(c.Orderers)}
}

func order(n Node, own topology.Org) int {
	if n.Org == own {
		return 0
	}
	return 1
}
