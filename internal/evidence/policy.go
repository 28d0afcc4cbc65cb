package evidence

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
	"github.com/trackseal/trackseal/internal/ledger"
)

// Policy is the auditor's file: what she trusts and what she asks for. It never comes from the bundle or from the server
// that made it.
type Policy struct {
	Version   int    `json:"version"` // 1
	Channel   string `json:"channel"`
	Chaincode string `json:"chaincode"`
	// Config pins the configuration block from which the evidence must start, by number and header hash.
	Config PinnedConfig `json:"config"`
	// Roots are the root certificates of every organisation that the pinned configuration has, and of any other that the auditor knows:
	// MSP id -> SHA-256 of the certificates (DER), hex.
	Roots map[string][]string `json:"roots"`
	// Joined says whether an application organisation counts that Roots does not name and that joined after the pinned configuration, as
	// long as it is one of the channel: "refuse" or "accept". Absent means refuse.
	Joined    string      `json:"joined,omitempty"`
	Orderers  OrdererRule `json:"orderers"`
	Endorsers Rule        `json:"endorsers"` // of every transaction
	Attesters Rule        `json:"attesters"` // whose peers must hold a transaction as valid
	// Definitions are the positions on the ledger of the chaincode definitions that the auditor accepts; empty accepts
	// any and says so in a warning.
	Definitions []Position `json:"definitions"`
	// ClockMS is how far clocks may be apart.
	ClockMS int64 `json:"clock_ms"`
	// SilenceS is how far beyond its promise a tracker may be silent.
	SilenceS int64 `json:"silence_s"`
	// MaxGap is how many messages a tracker may have declared lost.
	MaxGap uint64 `json:"max_gap"`
	// Unsigned says whether trackers that cannot sign are accepted: "refuse" or "accept".
	Unsigned string `json:"unsigned"`
	// Recorded says whether windows count that were stated when they were over, for a logger that was read out later: "refuse" or
	// "accept". Absent means refuse.
	Recorded string `json:"recorded,omitempty"`
	// StatedMaxS is how long before the ledger's time a handover or delivery may have happened that both sides state; 0 = stated times
	// do not count.
	StatedMaxS int64 `json:"stated_max_s,omitempty"`
	// Require lists the questions that must pass.
	Require []string `json:"require"`

	pin   fabricproof.Hash
	roots map[string][]fabricproof.Hash
	hash  [32]byte
}

// PinnedConfig names a configuration block.
type PinnedConfig struct {
	Block uint64 `json:"block"`
	Hash  string `json:"hash"` // SHA-256 of the block's header, hex
}

// OrdererRule says how blocks must be signed.
type OrdererRule struct {
	Consensus     string `json:"consensus"`     // "bft" | "raft"
	Organisations int    `json:"organisations"` // whose orderers must have signed a block
}

// Rule asks for a number of organisations out of a list, or, without one, out of the channel's at that block.
type Rule struct {
	Of      []string `json:"of"` // MSP ids; empty only when those that joined are accepted
	AtLeast int      `json:"at_least"`
}

// Position of a transaction on the ledger.
type Position struct {
	Block uint64 `json:"block"`
	Tx    uint64 `json:"tx"`
}

// ParsePolicy reads a policy file strictly. Its error names every problem.
func ParsePolicy(data []byte) (*Policy, error) {
	p := new(Policy)
	if err := ledger.Decode(data, p); err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	p.hash = sha256.Sum256(data)
	return p, p.Validate()
}

// Validate checks the policy and makes it ready for use.
func (p *Policy) Validate() error {
	var problems []error
	bad := func(ok bool, format string, args ...any) {
		if !ok {
			problems = append(problems, fmt.Errorf("policy: "+format, args...))
		}
	}
	bad(p.Version == 1, "version must be 1, not %d", p.Version)
	bad(p.Channel != "", "channel is missing")
	bad(p.Chaincode != "", "chaincode is missing")
	pin, err := hash32(p.Config.Hash)
	bad(err == nil, "config.hash must be the SHA-256 of a block header in hex")
	p.pin = pin
	bad(len(p.Roots) > 0, "roots must name the organisations' root certificates")
	p.roots = make(map[string][]fabricproof.Hash, len(p.Roots))
	for id, list := range p.Roots {
		for _, s := range list {
			h, err := hash32(s)
			bad(err == nil, "roots.%s: %q is not a SHA-256 in hex", id, s)
			p.roots[id] = append(p.roots[id], h)
		}
	}
	_, ok := consensus[p.Orderers.Consensus]
	bad(ok, `orderers.consensus must be "bft" or "raft"`)
	bad(p.Orderers.Organisations >= 1, "orderers.organisations must be at least 1")
	bad(p.Orderers.Consensus != "raft" || p.Orderers.Organisations >= 2,
		"orderers.organisations must be at least 2 for raft: a single orderer's organisation could forge its block")
	rule := func(name string, r Rule) {
		seen := map[string]bool{}
		for _, id := range r.Of {
			bad(len(p.Roots[id]) > 0, "%s.of: %q has no entry in roots", name, id)
			bad(!seen[id], "%s.of: %q is repeated", name, id)
			seen[id] = true
		}
		if p.Joined == "accept" && len(r.Of) == 0 {
			bad(r.AtLeast >= 1, "%s.at_least must be 1 or more", name)
			return
		}
		bad(len(r.Of) > 0, `%s.of must name organisations, unless joined is "accept"`, name)
		bad(r.AtLeast >= 1 && r.AtLeast <= len(r.Of), "%s.at_least must be 1 to %d", name, len(r.Of))
	}
	bad(p.Joined == "" || p.Joined == "refuse" || p.Joined == "accept", `joined must be "refuse" or "accept"`)
	rule("endorsers", p.Endorsers)
	rule("attesters", p.Attesters)
	bad(p.ClockMS >= 0 && p.ClockMS <= 86_400_000, "clock_ms must be 0 to 86400000")
	bad(p.SilenceS >= 0 && p.SilenceS <= 31_622_400, "silence_s must be 0 to 31622400")
	bad(p.Unsigned == "refuse" || p.Unsigned == "accept", `unsigned must be "refuse" or "accept"`)
	bad(p.StatedMaxS >= 0 && p.StatedMaxS <= 31_622_400, "stated_max_s must be 0 to 31622400")
	bad(p.Recorded == "" || p.Recorded == "refuse" || p.Recorded == "accept", `recorded must be "refuse" or "accept"`)
	bad(len(p.Require) > 0, "require must list at least one of %v", Questions)
	seen := map[string]bool{}
	for _, q := range p.Require {
		bad(new(Verdicts).at(Question(q)) != nil, "require: %q is not one of %v", q, Questions)
		bad(!seen[q], "require: %q is repeated", q)
		seen[q] = true
	}
	return errors.Join(problems...)
}

var consensus = map[string]string{"bft": fabricproof.BFT, "raft": fabricproof.Raft}

func (p *Policy) ordererRule() fabricproof.OrdererRule {
	return fabricproof.OrdererRule{Consensus: consensus[p.Orderers.Consensus], Organisations: p.Orderers.Organisations}
}

func hash32(s string) (h [32]byte, err error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != 32 || hex.EncodeToString(b) != s {
		return h, errors.New("not 32 bytes in lower-case hex")
	}
	return [32]byte(b), nil
}
