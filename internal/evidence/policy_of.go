package evidence

import (
	"encoding/hex"
	"errors"
	"math"
	"slices"

	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
)

// PolicyOf is the policy of somebody who believes a channel's configurations as a node shows them, oldest first: it pins the first one and
// the roots that all of them name, and takes the channel's word for who joins or has left. A real auditor gets these from the organisations
// themselves.
func PolicyOf(configs []fabricproof.Block, chaincode string) (*Policy, error) {
	if len(configs) == 0 {
		return nil, errors.New("no configuration")
	}
	pin := configs[0].Hash()
	p := &Policy{
		Version: 1, Chaincode: chaincode, Config: PinnedConfig{Block: configs[0].Number, Hash: hex.EncodeToString(pin[:])}, Roots: map[string][]string{},
		Definitions: []Position{}, ClockMS: 120_000, SilenceS: 600, MaxGap: 100, Unsigned: "refuse", Joined: "accept",
		Require: []string{string(Authentic), string(Anchored), string(Final), string(Complete)},
	}
	fewest := math.MaxInt
	for i := range configs {
		config, err := fabricproof.DecodeConfig(&configs[i])
		if err != nil {
			return nil, err
		}
		p.Channel, p.Orderers.Consensus = config.Channel, "bft"
		if config.Consensus == fabricproof.Raft {
			p.Orderers.Consensus = "raft"
		}
		p.Orderers.Organisations = min(3, len(config.Orderers))
		for _, side := range []map[string]*fabricproof.MSP{config.Application, config.Orderers} {
			for id, msp := range side {
				for _, root := range msp.RootHashes {
					if text := hex.EncodeToString(root[:]); !slices.Contains(p.Roots[id], text) {
						p.Roots[id] = append(p.Roots[id], text)
					}
				}
			}
		}
		fewest = min(fewest, len(config.Application))
	}
	// An organisation besides the submitter endorses; one more than half of all, when they were fewest, hold it as valid.
	p.Endorsers = Rule{Of: []string{}, AtLeast: min(2, fewest)}
	p.Attesters = Rule{Of: []string{}, AtLeast: fewest/2 + 1}
	return p, p.Validate()
}
