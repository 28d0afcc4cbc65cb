package launcher

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
	"github.com/trackseal/trackseal/internal/ledger"
)

// Policy writes the policy file that an auditor of this development stack would write: it pins the channel's first block,
// which this machine made, and the organisations' roots in it. A real auditor gets these from the organisations themselves.
func (l *Launcher) Policy() error {
	raw, err := os.ReadFile(l.Stack.ChannelBlock())
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s holds no stack: run `network up` first", l.Stack.Dir)
	}
	if err != nil {
		return err
	}
	p, err := developmentPolicy(raw)
	if err != nil {
		return fmt.Errorf("%s: %w", l.Stack.ChannelBlock(), err)
	}
	enc := json.NewEncoder(l.Out)
	enc.SetIndent("", "  ")
	return enc.Encode(p)
}

func developmentPolicy(genesis []byte) (*evidence.Policy, error) {
	block, err := fabricproof.DecodeBlock(genesis)
	if err != nil {
		return nil, err
	}
	config, err := fabricproof.DecodeConfig(block)
	if err != nil {
		return nil, err
	}
	pin := block.Hash()
	p := &evidence.Policy{
		Version: 1, Channel: config.Channel, Chaincode: ledger.Chaincode,
		Config: evidence.PinnedConfig{Block: block.Number, Hash: hex.EncodeToString(pin[:])},
		Roots:  map[string][]string{}, Orderers: evidence.OrdererRule{Consensus: "bft", Organisations: 3},
		Definitions: []evidence.Position{}, ClockMS: 120_000, SilenceS: 600, MaxGap: 100, Unsigned: "refuse",
		Require: []string{string(evidence.Authentic), string(evidence.Anchored), string(evidence.Final), string(evidence.Complete)},
	}
	if config.Consensus == fabricproof.Raft {
		p.Orderers.Consensus = "raft"
	}
	for _, side := range []map[string]*fabricproof.MSP{config.Application, config.Orderers} {
		for id, msp := range side {
			for _, root := range msp.RootHashes {
				p.Roots[id] = append(p.Roots[id], hex.EncodeToString(root[:]))
			}
		}
	}
	for id := range config.Application {
		p.Endorsers.Of = append(p.Endorsers.Of, id)
	}
	slices.Sort(p.Endorsers.Of)
	p.Attesters.Of = p.Endorsers.Of
	// An organisation besides the submitter endorses; one more than half of all hold it as valid.
	p.Endorsers.AtLeast = min(2, len(p.Endorsers.Of))
	p.Attesters.AtLeast = len(p.Attesters.Of)/2 + 1
	p.Orderers.Organisations = min(3, len(config.Orderers))
	return p, p.Validate()
}
