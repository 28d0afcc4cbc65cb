package channelconfig

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
)

// Why a configuration cannot be changed as asked.
var (
	ErrMember    = errors.New("it is a member of the channel already")
	ErrNoMember  = errors.New("it is no member of the channel")
	ErrOrderers  = errors.New("too few orderers would be left")
	ErrLastNodes = errors.New("no member with a peer would be left")
)

// MinOrderers is what a member is not evicted below: of three, one may fail under Raft, and none under BFT.
const MinOrderers = 3

type mspConfig struct {
	Admins       [][]byte `json:"admins"`
	Crypto       crypto   `json:"crypto_config"`
	NodeOUs      nodeOUs  `json:"fabric_node_ous"`
	Intermediate [][]byte `json:"intermediate_certs"`
	Name         string   `json:"name"`
	Units        []string `json:"organizational_unit_identifiers"`
	Revoked      [][]byte `json:"revocation_list"`
	Roots        [][]byte `json:"root_certs"`
	Signing      any      `json:"signing_identity"`
	TLSInter     [][]byte `json:"tls_intermediate_certs"`
	TLSRoots     [][]byte `json:"tls_root_certs"`
}

type crypto struct {
	IdentityHash  string `json:"identity_identifier_hash_function"`
	SignatureHash string `json:"signature_hash_family"`
}

type nodeOUs struct {
	Admin   unit `json:"admin_ou_identifier"`
	Client  unit `json:"client_ou_identifier"`
	Enable  bool `json:"enable"`
	Orderer unit `json:"orderer_ou_identifier"`
	Peer    unit `json:"peer_ou_identifier"`
}

type unit struct {
	Certificate []byte `json:"certificate"`
	Name        string `json:"organizational_unit_identifier"`
}

// Admit adds a member. One with addresses of peers endorses from now on: how many must is ledger.EndorsersNeeded.
func (c Config) Admit(o Organisation) (Config, error) {
	if _, known := c.members()[o.MSP]; known {
		return c, fmt.Errorf("%s: %w", o.MSP, ErrMember)
	}
	if _, known := c.orderers()[o.MSP]; known {
		return c, fmt.Errorf("%s: %w", o.MSP, ErrMember)
	}
	next, err := c.clone()
	if err != nil {
		return c, err
	}
	g, err := memberGroup(o)
	if err != nil {
		return c, err
	}
	next.members()[o.MSP] = g
	return next, next.followMembers()
}

// Follow rewrites the policies that name members, as Admit and Evict do: in a channel that was founded when others were.
func (c Config) Follow() (Config, error) {
	next, err := c.clone()
	if err != nil {
		return c, err
	}
	return next, next.followMembers()
}

// memberGroup is what the founders' groups are made of, too.
func memberGroup(o Organisation) (*group, error) {
	root := []byte(o.Roots)
	ou := func(name string) unit { return unit{root, name} }
	definition := struct {
		Config mspConfig `json:"config"`
		Type   int       `json:"type"`
	}{Config: mspConfig{
		Admins: [][]byte{}, Intermediate: [][]byte{}, Units: []string{}, Revoked: [][]byte{}, TLSInter: [][]byte{},
		Crypto:  crypto{"SHA256", "SHA2"},
		NodeOUs: nodeOUs{Admin: ou("admin"), Client: ou("client"), Enable: true, Orderer: ou("orderer"), Peer: ou("peer")},
		Name:    o.MSP, Roots: [][]byte{root}, TLSRoots: [][]byte{[]byte(o.TLSRoots)},
	}}
	g := &group{Groups: map[string]*group{}, ModPolicy: admins, Policies: map[string]*policy{}, Values: map[string]*value{}, Version: "0"}
	if err := g.setValue(mspValue, definition); err != nil {
		return nil, err
	}
	for name, roles := range map[string][]string{
		"Readers": {"ADMIN", "PEER", "CLIENT"}, "Writers": {"ADMIN", "CLIENT"}, admins: {"ADMIN"}, endorsement: {"PEER"},
	} {
		var of []principal
		for _, r := range roles {
			p, err := roleOf(o.MSP, r)
			if err != nil {
				return nil, err
			}
			of = append(of, p)
		}
		p, err := nOutOf(1, of)
		if err != nil {
			return nil, err
		}
		g.setRule(name, p)
	}
	if len(o.Addresses) == 0 {
		return g, nil
	}
	var peers struct {
		Anchors []anchor `json:"anchor_peers"`
	}
	for _, at := range o.Addresses {
		host, port, err := net.SplitHostPort(at)
		if err != nil {
			return nil, fmt.Errorf("peer of %s: %w", o.MSP, err)
		}
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || host == "" || n == 0 {
			return nil, fmt.Errorf("peer of %s: %q must be host:port", o.MSP, at)
		}
		peers.Anchors = append(peers.Anchors, anchor{host, int(n)})
	}
	return g, g.setValue(anchorPeers, peers)
}

func (g *group) setValue(name string, v any) error {
	data, err := raw(v)
	if err != nil {
		return err
	}
	next := &value{ModPolicy: admins, Value: data, Version: "0"}
	if old := g.Values[name]; old != nil {
		next.ModPolicy, next.Version = old.ModPolicy, old.Version
	}
	g.Values[name] = next
	return nil
}

// Evict takes a member away, and its orderer organisation where it has one, with its place among the orderers.
func (c Config) Evict(msp, ordererMSP string) (Config, error) {
	if _, known := c.members()[msp]; !known {
		return c, fmt.Errorf("%s: %w", msp, ErrNoMember)
	}
	next, err := c.clone()
	if err != nil {
		return c, err
	}
	delete(next.members(), msp)
	nodes, err := next.nodes()
	if err != nil {
		return c, err
	}
	if len(nodes) == 0 {
		return c, ErrLastNodes
	}
	if _, orders := c.orderers()[ordererMSP]; orders {
		if err := next.dropOrderer(ordererMSP); err != nil {
			return c, err
		}
	}
	return next, next.followMembers()
}

// dropOrderer removes an organisation's orderers. Consenters go one at a time: Fabric refuses more in one update.
func (c Config) dropOrderer(msp string) error {
	all, err := c.Orderers()
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(o Organisation) bool { return o.MSP == msp })
	addresses := all[i].Addresses
	delete(c.orderers(), msp)
	var left, gone int
	if c.consensusType() == bftConsensus {
		left, gone, err = c.dropBFT(msp)
	} else {
		left, gone, err = c.dropRaft(addresses)
	}
	switch {
	case err != nil:
		return err
	case gone > 1:
		return fmt.Errorf("%s has %d orderers: take all but one of them off the channel first", msp, gone)
	case left < MinOrderers:
		return fmt.Errorf("%w: %d, and %d must stay", ErrOrderers, left, MinOrderers)
	}
	return nil
}

func (c Config) consensusType() string {
	var t struct {
		Type string `json:"type"`
	}
	if v := c.Channel.Groups[orderer].Values[consensus]; v != nil {
		_ = json.Unmarshal(v.Value, &t) // unreadable: of no type that we know
	}
	return t.Type
}

type consenter struct {
	ClientCert string `json:"client_tls_cert"`
	Host       string `json:"host"`
	ID         int    `json:"id,omitempty"`
	Identity   string `json:"identity,omitempty"`
	MSP        string `json:"msp_id,omitempty"`
	Port       int    `json:"port"`
	ServerCert string `json:"server_tls_cert"`
}

// dropBFT also rewrites who signs a block, which Fabric wants to be a quorum of just these consenters.
func (c Config) dropBFT(msp string) (left, gone int, err error) {
	g := c.Channel.Groups[orderer]
	var m struct {
		Mapping []consenter `json:"consenter_mapping"`
	}
	if v := g.Values[consenters]; v == nil {
		return 0, 0, errors.New("the configuration names no consenters")
	} else if err := json.Unmarshal(v.Value, &m); err != nil {
		return 0, 0, err
	}
	before := len(m.Mapping)
	m.Mapping = slices.DeleteFunc(m.Mapping, func(c consenter) bool { return c.MSP == msp })
	if err := g.setValue(consenters, m); err != nil {
		return 0, 0, err
	}
	var of []principal
	for _, c := range m.Mapping {
		p, err := raw(identity{Cert: c.Identity, MSP: c.MSP})
		if err != nil {
			return 0, 0, err
		}
		of = append(of, principal{p, "IDENTITY"})
	}
	p, err := nOutOf(quorum(len(m.Mapping)), of)
	g.setRule(blockQuorum, p)
	return len(m.Mapping), before - len(m.Mapping), err
}

// quorum of n BFT orderers, (n-1)/3 of which may be faulty: any two share an honest one.
func quorum(n int) int {
	f := (n - 1) / 3
	return (n + f + 2) / 2
}

func (c Config) dropRaft(addresses []string) (left, gone int, err error) {
	g := c.Channel.Groups[orderer]
	v := g.Values[consensus]
	if v == nil {
		return 0, 0, errors.New("the configuration names no consenters")
	}
	var t map[string]any
	if err := json.Unmarshal(v.Value, &t); err != nil {
		return 0, 0, err
	}
	metadata, _ := t["metadata"].(map[string]any)
	all, _ := metadata["consenters"].([]any)
	var stay []any
	for _, one := range all {
		c, _ := one.(map[string]any)
		host, _ := c["host"].(string)
		port, _ := c["port"].(float64)
		if !slices.Contains(addresses, net.JoinHostPort(host, strconv.Itoa(int(port)))) {
			stay = append(stay, one)
		}
	}
	if metadata == nil {
		return 0, 0, errors.New("the configuration names no consenters")
	}
	metadata["consenters"] = stay
	return len(stay), len(all) - len(stay), g.setValue(consensus, t)
}

// Equal tells whether two updates, the JSON of common.ConfigUpdate each as configtxlator writes it, say the same. Their own bytes need not
// be equal: Fabric writes maps in any order there, and in that of their keys in JSON.
func Equal(a, b []byte) bool {
	var x, y bytes.Buffer
	return json.Compact(&x, a) == nil && json.Compact(&y, b) == nil && bytes.Equal(x.Bytes(), y.Bytes())
}
