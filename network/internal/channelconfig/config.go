// Package channelconfig reads and edits a channel's configuration: who its members are, where their nodes are, who must sign
// what. Pure: it works on the JSON that Fabric's own configtxlator writes and reads, so that we encode no configuration ourselves.
package channelconfig

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
)

// Config is a channel's configuration. A change gives a new one.
type Config struct {
	Channel  *group `json:"channel_group"`
	Sequence string `json:"sequence"`
}

type group struct {
	Groups    map[string]*group  `json:"groups"`
	ModPolicy string             `json:"mod_policy"`
	Policies  map[string]*policy `json:"policies"`
	Values    map[string]*value  `json:"values"`
	Version   string             `json:"version"`
}

type value struct {
	ModPolicy string          `json:"mod_policy"`
	Value     json.RawMessage `json:"value"`
	Version   string          `json:"version"`
}

// Names of groups and values, which Fabric gives.
const (
	application  = "Application"
	orderer      = "Orderer"
	mspValue     = "MSP"
	anchorPeers  = "AnchorPeers"
	endpoints    = "Endpoints"
	consensus    = "ConsensusType"
	consenters   = "Orderers"
	endorsement  = "Endorsement"
	lifecycle    = "LifecycleEndorsement"
	blockQuorum  = "BlockValidation"
	admins       = "Admins"
	bftConsensus = "BFT"
)

// FromBlock reads the JSON of a common.Block that holds a configuration.
func FromBlock(block []byte) (Config, error) {
	var b struct {
		Data struct {
			Data []struct {
				Payload struct {
					Data struct {
						Config *Config `json:"config"`
					} `json:"data"`
				} `json:"payload"`
			} `json:"data"`
		} `json:"data"`
	}
	if err := json.Unmarshal(block, &b); err != nil {
		return Config{}, fmt.Errorf("configuration block: %w", err)
	}
	if len(b.Data.Data) != 1 || b.Data.Data[0].Payload.Data.Config == nil {
		return Config{}, errors.New("the block holds no configuration")
	}
	c := *b.Data.Data[0].Payload.Data.Config
	return c, c.check()
}

// Parse reads the JSON of a common.Config.
func Parse(data []byte) (Config, error) {
	var c Config
	if err := json.Unmarshal(data, &c); err != nil {
		return c, fmt.Errorf("configuration: %w", err)
	}
	return c, c.check()
}

// JSON of a common.Config.
func (c Config) JSON() ([]byte, error) { return json.Marshal(c) }

func (c Config) check() error {
	if c.Channel == nil || c.Channel.Groups[application] == nil || c.Channel.Groups[orderer] == nil {
		return errors.New("it is not the configuration of a channel with members and orderers")
	}
	for _, part := range []string{application, orderer} {
		c.Channel.Groups[part].fill()
		for name, g := range c.Channel.Groups[part].Groups {
			if g == nil || g.Values[mspValue] == nil {
				return fmt.Errorf("%s %s has no definition", part, name)
			}
		}
	}
	return nil
}

// fill makes the maps that an edit writes to.
func (g *group) fill() {
	if g.Groups == nil {
		g.Groups = map[string]*group{}
	}
	if g.Policies == nil {
		g.Policies = map[string]*policy{}
	}
	if g.Values == nil {
		g.Values = map[string]*value{}
	}
}

// clone, so that an edit leaves the old configuration alone.
func (c Config) clone() (Config, error) {
	data, err := c.JSON()
	if err != nil {
		return Config{}, err
	}
	return Parse(data)
}

func (c Config) members() map[string]*group  { return c.Channel.Groups[application].Groups }
func (c Config) orderers() map[string]*group { return c.Channel.Groups[orderer].Groups }

// Organisation is a member's, or an orderer's, part of the configuration.
type Organisation struct {
	MSP       string
	Roots     string   // certificates of its authorities, PEM
	TLSRoots  string   // those that its nodes' TLS certificates are of, PEM
	Addresses []string // host:port of its nodes: peers of a member, none of a client member; orderers
}

// Has tells whether an organisation is a member of the channel.
func (c Config) Has(msp string) bool { return c.members()[msp] != nil }

// Members in the order of their MSP ids.
func (c Config) Members() ([]Organisation, error) {
	return organisations(c.members(), func(g *group) ([]string, error) {
		v := g.Values[anchorPeers]
		if v == nil {
			return nil, nil
		}
		var peers struct {
			Anchors []anchor `json:"anchor_peers"`
		}
		err := json.Unmarshal(v.Value, &peers)
		var all []string
		for _, p := range peers.Anchors {
			all = append(all, net.JoinHostPort(p.Host, strconv.Itoa(p.Port)))
		}
		return all, err
	})
}

// Orderers in the order of their MSP ids.
func (c Config) Orderers() ([]Organisation, error) {
	return organisations(c.orderers(), func(g *group) ([]string, error) {
		v := g.Values[endpoints]
		if v == nil {
			return nil, nil
		}
		var e struct {
			Addresses []string `json:"addresses"`
		}
		return e.Addresses, json.Unmarshal(v.Value, &e)
	})
}

type anchor struct {
	Host string `json:"host"`
	Port int    `json:"port"`
}

func organisations(groups map[string]*group, addresses func(*group) ([]string, error)) ([]Organisation, error) {
	var all []Organisation
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		g := groups[name]
		var m struct {
			Config struct {
				Roots    [][]byte `json:"root_certs"`
				TLSRoots [][]byte `json:"tls_root_certs"`
			} `json:"config"`
		}
		if err := json.Unmarshal(g.Values[mspValue].Value, &m); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		at, err := addresses(g)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, Organisation{MSP: name, Roots: pemOf(m.Config.Roots), TLSRoots: pemOf(m.Config.TLSRoots), Addresses: at})
	}
	return all, nil
}

// pemOf puts certificates behind each other.
func pemOf(certs [][]byte) string {
	var b strings.Builder
	for _, c := range certs {
		b.Write(c)
		if len(c) > 0 && c[len(c)-1] != '\n' {
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// nodes are the MSP ids of the members that run a peer, sorted: only they endorse.
func (c Config) nodes() ([]string, error) {
	all, err := c.Members()
	if err != nil {
		return nil, err
	}
	var nodes []string
	for _, m := range all {
		if len(m.Addresses) > 0 {
			nodes = append(nodes, m.MSP)
		}
	}
	return nodes, nil
}

func raw(v any) (json.RawMessage, error) { return json.Marshal(v) }
