package channelconfig

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/trackseal/trackseal/internal/ledger"
)

type policy struct {
	ModPolicy string `json:"mod_policy"`
	Policy    struct {
		Type  int             `json:"type"`
		Value json.RawMessage `json:"value"`
	} `json:"policy"`
	Version string `json:"version"`
}

// Kinds of policies.
const (
	signaturePolicy = 1
	implicitPolicy  = 3
)

type signatureRule struct {
	Identities []principal `json:"identities"`
	Rule       struct {
		NOutOf outOf `json:"n_out_of"`
	} `json:"rule"`
	Version int `json:"version"`
}

type outOf struct {
	N     int        `json:"n"`
	Rules []signedBy `json:"rules"`
}

type signedBy struct {
	SignedBy int `json:"signed_by"`
}

// principal is who may sign: a role of an organisation, or one identity.
type principal struct {
	Principal      json.RawMessage `json:"principal"`
	Classification string          `json:"principal_classification"`
}

type role struct {
	MSP  string `json:"msp_identifier"`
	Role string `json:"role"`
}

type identity struct {
	Cert string `json:"id_bytes"` // base64
	MSP  string `json:"mspid"`
}

func roleOf(msp, name string) (principal, error) {
	p, err := raw(role{msp, name})
	return principal{p, "ROLE"}, err
}

// nOutOf is the policy that n of the principals sign.
func nOutOf(n int, of []principal) (p policy, err error) {
	r := signatureRule{Identities: of}
	r.Rule.NOutOf.N = n
	for i := range of {
		r.Rule.NOutOf.Rules = append(r.Rule.NOutOf.Rules, signedBy{i})
	}
	p.ModPolicy, p.Version, p.Policy.Type = admins, "0", signaturePolicy
	p.Policy.Value, err = raw(r)
	return p, err
}

// setRule gives a group's policy another rule. Its version stays: Fabric raises it with the update.
func (g *group) setRule(name string, p policy) {
	if old := g.Policies[name]; old != nil {
		p.ModPolicy, p.Version = old.ModPolicy, old.Version
	}
	g.Policies[name] = &p
}

// followMembers rewrites the policies that name members: who endorses a transaction, and who agrees on the chaincode.
func (c Config) followMembers() error {
	nodes, err := c.nodes()
	if err != nil {
		return err
	}
	var peers []principal
	for _, msp := range nodes {
		p, err := roleOf(msp, "PEER")
		if err != nil {
			return err
		}
		peers = append(peers, p)
	}
	for name, n := range map[string]int{endorsement: ledger.EndorsersNeeded(len(nodes)), lifecycle: ledger.Majority(len(nodes))} {
		p, err := nOutOf(n, peers)
		if err != nil {
			return err
		}
		c.Channel.Groups[application].setRule(name, p)
	}
	return nil
}

// Endorsement says who must endorse a transaction, for people.
func (c Config) Endorsement() string { return c.Channel.Groups[application].says(endorsement) }

// NamesMembers tells whether the channel's policy names who endorses. One that was founded before members could join has another.
func (c Config) NamesMembers() bool {
	p := c.Channel.Groups[application].Policies[endorsement]
	return p != nil && p.Policy.Type == signaturePolicy
}

// Endorsers is of how many members a transaction needs endorsements.
func (c Config) Endorsers() int {
	var r signatureRule
	p := c.Channel.Groups[application].Policies[endorsement]
	if p == nil || p.Policy.Type != signaturePolicy || json.Unmarshal(p.Policy.Value, &r) != nil {
		return 1
	}
	return max(1, r.Rule.NOutOf.N)
}

// Lifecycle says who must agree on a definition of the chaincode, for people.
func (c Config) Lifecycle() string { return c.Channel.Groups[application].says(lifecycle) }

// BlockQuorum says who must sign a block, for people.
func (c Config) BlockQuorum() string { return c.Channel.Groups[orderer].says(blockQuorum) }

func (g *group) says(name string) string {
	p := g.Policies[name]
	if p == nil {
		return "nobody"
	}
	switch p.Policy.Type {
	case implicitPolicy:
		var m struct {
			Rule string `json:"rule"`
			Sub  string `json:"sub_policy"`
		}
		if json.Unmarshal(p.Policy.Value, &m) == nil {
			return m.Rule + " " + m.Sub
		}
	case signaturePolicy:
		var r signatureRule
		if json.Unmarshal(p.Policy.Value, &r) == nil {
			var who []string
			for _, p := range r.Identities {
				var named struct {
					role
					identity
				}
				_ = json.Unmarshal(p.Principal, &named) // what is neither stays unnamed
				who = append(who, named.role.MSP+named.identity.MSP)
			}
			return fmt.Sprintf("%d of %s", r.Rule.NOutOf.N, strings.Join(who, ", "))
		}
	}
	return fmt.Sprintf("policy of type %d", p.Policy.Type)
}
