package fabricproof

import (
	"fmt"
	"math"
	"sort"
)

// Chain is the channel's configurations from the auditor's pin on. Everything else is checked under one of them.
type Chain struct {
	Channel string
	Rule    OrdererRule
	trust   Trust
	configs []*Config // ascending block number
	headers map[uint64]Header
}

// Trust is whose certificates the auditor takes for an organisation's.
type Trust struct {
	// Roots are those that she pins: MSP id -> SHA-256 of root certificates. An organisation that it names has no others.
	Roots map[string][]Hash
	// Joined accepts application organisations that Roots does not name and that a configuration after the pinned one brings in, with the
	// roots that it gives them. Orderers' organisations always have to be pinned.
	Joined bool
}

// NewChain starts from the configuration block that the auditor pinned by number and header hash. That block needs no
// signatures: the pin stands for them.
func NewChain(channel string, rule OrdererRule, trust Trust, number uint64, pin Hash, first *Block) (*Chain, error) {
	if first.Number != number || first.Hash() != pin {
		return nil, At(fault(Pin, fmt.Sprintf("block %d with header hash %x, as the policy pins", number, pin), "block %d, %x", first.Number, first.Hash()),
			"configuration block %d", first.Number)
	}
	c := &Chain{Channel: channel, Rule: rule, trust: trust, headers: map[uint64]Header{}}
	return c, At(c.enter(first), "configuration block %d", first.Number)
}

// Add appends the next configuration block, signed under the one before it.
func (c *Chain) Add(b *Block) error {
	last := c.configs[len(c.configs)-1]
	check := func() error {
		if b.Number <= last.Block {
			return fault(ConfigLink, fmt.Sprintf("a block after %d", last.Block), "block %d", b.Number)
		}
		signed, err := last.CheckSignatures(b, c.Rule)
		if f, ok := err.(*Fault); ok && f.Code != SigFormat {
			g := *f
			g.Code, g.Expected = ConfigSig, "under the configuration before: "+f.Expected
			return &g
		}
		if err != nil {
			return err
		}
		// A configuration block names itself, or, written by older orderers, the one before it.
		if signed.LastConfig != b.Number && signed.LastConfig != last.Block {
			return fault(ConfigStale, fmt.Sprintf("last configuration %d or %d", b.Number, last.Block), "%d", signed.LastConfig)
		}
		return c.enter(b)
	}
	return At(check(), "configuration block %d", b.Number)
}

func (c *Chain) enter(b *Block) error {
	cfg, err := DecodeConfig(b)
	if err != nil {
		return err
	}
	if cfg.Channel != c.Channel {
		return fault(Channel, c.Channel, "%s", cfg.Channel)
	}
	if n := len(c.configs); n > 0 && cfg.Sequence != c.configs[n-1].Sequence+1 {
		return fault(ConfigLink, fmt.Sprintf("configuration sequence %d", c.configs[n-1].Sequence+1), "%d", cfg.Sequence)
	}
	trust := c.trust
	trust.Joined = trust.Joined && len(c.configs) > 0 // nobody has joined before the pinned configuration
	if err := cfg.checkRoots(trust); err != nil {
		return err
	}
	if trust.Joined {
		if err := cfg.checkUpdate(c.Newest(), trust.Roots); err != nil {
			return err
		}
	}
	if err := c.link(b.Header); err != nil {
		return err
	}
	c.configs = append(c.configs, cfg)
	return nil
}

// At is the configuration in force for a block: the newest one below it.
func (c *Chain) At(number uint64) *Config {
	i := sort.Search(len(c.configs), func(i int) bool { return c.configs[i].Block >= number })
	if i == 0 {
		return nil
	}
	return c.configs[i-1]
}

// Newest is the last configuration of the chain.
func (c *Chain) Newest() *Config { return c.configs[len(c.configs)-1] }

// CheckBlock verifies a block of transactions: data, signatures, configuration, and its link to neighbours seen before.
func (c *Chain) CheckBlock(b *Block) (*BlockSigners, error) {
	var signed *BlockSigners
	check := func() error {
		cfg := c.At(b.Number)
		if cfg == nil {
			return fault(ConfigStale, "a configuration from before the block", "none")
		}
		if err := b.CheckData(); err != nil {
			return err
		}
		var err error
		if signed, err = cfg.CheckSignatures(b, c.Rule); err != nil {
			return err
		}
		if signed.LastConfig != cfg.Block {
			return fault(ConfigStale, fmt.Sprintf("last configuration %d, the newest one given below this block", cfg.Block), "%d", signed.LastConfig)
		}
		return c.link(b.Header)
	}
	err := At(check(), "block %d", b.Number)
	return signed, err
}

// link compares a header with those of its neighbours, where they are known.
func (c *Chain) link(h Header) error {
	if old, ok := c.headers[h.Number]; ok {
		if old.Hash() != h.Hash() {
			return fault(HeaderChain, fmt.Sprintf("one block %d, with header hash %x", h.Number, old.Hash()), "%x", h.Hash())
		}
		return nil
	}
	if before, ok := c.headers[h.Number-1]; ok && h.Number > 0 {
		if want := before.Hash(); string(h.Previous) != string(want[:]) {
			return fault(HeaderChain, fmt.Sprintf("previous hash %x", want), "%x", h.Previous)
		}
	}
	if h.Number < math.MaxUint64 {
		if after, ok := c.headers[h.Number+1]; ok {
			if have := h.Hash(); string(after.Previous) != string(have[:]) {
				return fault(HeaderChain, fmt.Sprintf("header hash %x, which block %d names", after.Previous, after.Number), "%x", have)
			}
		}
	}
	c.headers[h.Number] = h
	return nil
}
