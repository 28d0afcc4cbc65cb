package evidencetest

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
	"github.com/trackseal/trackseal/internal/ledger"
)

// Org is one organisation with everything that it runs. One that joined runs no orderer.
type Org struct {
	Name, MSP, OrdererMSP string
	CA, OrdererCA         *Authority
	Peer, Orderer, Client *ID
	Admin                 *ID
	left                  bool
	definition            []byte // in the newest configuration
	version               uint64 // of it
}

// Joined reports whether it is none of the four that made the channel.
func (o *Org) Joined() bool { return o.Orderer == nil }

// Consortium is a channel that four organisations made.
type Consortium struct {
	Consensus string // fabricproof.BFT | fabricproof.Raft
	Orgs      []*Org
	Genesis   *fabricproof.Block
	Configs   []*fabricproof.Block // Genesis first
	Blocks    map[uint64]*fabricproof.Block
	Filters   map[uint64][]byte
	NowMS     int64
	// Revoked are revocation lists that the next configuration brings in: MSP id -> PEM.
	Revoked map[string][]byte

	sequence uint64
	version  uint64 // of who is a member
	before   []*Org // members of the newest configuration
	next     uint64
	previous []byte
	state    map[string]entry
	pending  [][]byte
	codes    []byte

	// OnTx and OnBlock falsify what is made next.
	OnTx    func(*Tx)
	OnBlock func(*BlockParts)
	// OnUpdate falsifies what the members sign of the next configuration; the first has none.
	OnUpdate func(*Update)
}

type entry struct {
	value   []byte
	version fabricproof.Version
}

// New makes a consortium whose channel is ready.
func New(consensus string) *Consortium {
	c := &Consortium{
		Consensus: consensus, Blocks: map[uint64]*fabricproof.Block{}, Filters: map[uint64][]byte{}, NowMS: Epoch.UnixMilli(),
		state: map[string]entry{}, Revoked: map[string][]byte{},
	}
	for _, o := range []struct{ name, msp string }{
		{"carrier", "CarrierMSP"}, {"shipper", "ShipperMSP"}, {"consignee", "ConsigneeMSP"}, {"auditor", "AuditorMSP"},
	} {
		org := NewOrg(o.name, o.msp)
		org.Order()
		c.Orgs = append(c.Orgs, org)
	}
	c.Configure()
	c.Genesis = c.Configs[0]
	// The chaincode's definition stands in block 1 in every consortium.
	c.put(lifecycleKey, []byte("1"))
	c.pending, c.codes = [][]byte{Msg{}.Bytes(1, []byte("definition")).Bytes(2, []byte("x"))}, []byte{0}
	c.Cut()
	return c
}

const lifecycleKey = "_lifecycle\x00namespaces/fields/" + ledger.Chaincode + "/Sequence"

// Org returns an organisation by name.
func (c *Consortium) Org(name string) *Org {
	for _, o := range c.Orgs {
		if o.Name == name {
			return o
		}
	}
	panic("no organisation " + name)
}

// NewOrg makes an organisation's keys.
func NewOrg(name, msp string) *Org {
	o := &Org{Name: name, MSP: msp, CA: NewAuthority(msp)}
	o.Peer, o.Client, o.Admin = o.CA.Issue("peer."+name, "peer"), o.CA.Issue("api."+name, "client"), o.CA.Issue("admin."+name, "admin")
	return o
}

// Order gives the organisation an orderer.
func (o *Org) Order() {
	o.OrdererMSP = o.Name + "OrdererMSP"
	o.OrdererCA = NewAuthority(o.OrdererMSP)
	o.Orderer = o.OrdererCA.Issue("orderer."+o.Name, "orderer")
}

// RootHash is the hash of the organisation's root certificate, as policies pin it.
func (o *Org) RootHash() string {
	sum := sha256.Sum256(o.CA.Cert.Raw)
	return hex.EncodeToString(sum[:])
}

// Join takes an organisation into the channel by a configuration block.
func (c *Consortium) Join(o *Org) *Org {
	c.Orgs = append(c.Orgs, o)
	c.Configure()
	return o
}

// End takes an organisation out of the channel by a configuration block. Its orderer, if it has one, goes on.
func (c *Consortium) End(o *Org) {
	o.left = true
	c.Configure()
}

// Back takes an organisation in again that has left.
func (c *Consortium) Back(o *Org) {
	o.left = false
	c.Configure()
}

// Members are the channel's organisations now.
func (c *Consortium) Members() []*Org {
	return slices.DeleteFunc(slices.Clone(c.Orgs), func(o *Org) bool { return o.left })
}

func nonce() []byte {
	b := make([]byte, 24)
	rand.Read(b)
	return b
}

// BlockParts is a block before it is signed.
type BlockParts struct {
	Block      *fabricproof.Block
	LastConfig uint64
	Signers    []*Org
	Value      []byte // nil: made from LastConfig
	Config     bool
	Sign       func(o *Org, signature []byte) []byte // nil: as it is
}

// seal makes the next block from envelopes.
func (c *Consortium) seal(envelopes [][]byte, config bool) *fabricproof.Block {
	sum := sha256.New()
	for _, e := range envelopes {
		sum.Write(e)
	}
	b := &fabricproof.Block{Header: fabricproof.Header{Number: c.next, Previous: c.previous, DataHash: sum.Sum(nil)}, Envelopes: envelopes}
	parts := &BlockParts{Block: b, Signers: c.Orgs[:3], Config: config}
	if n := len(c.Configs); n > 0 {
		parts.LastConfig = c.Configs[n-1].Number
	}
	if config {
		parts.LastConfig = b.Number
	}
	if c.OnBlock != nil {
		c.OnBlock(parts)
	}
	if b.Number > 0 {
		c.SignBlock(parts)
	}
	hash := b.Hash()
	c.previous = hash[:]
	c.Blocks[b.Number] = b
	c.next++
	return b
}

// SignBlock replaces a block's signatures.
func (c *Consortium) SignBlock(p *BlockParts) {
	value := p.Value
	if value == nil {
		value = OrdererValue(p.LastConfig)
	}
	sign := func(o *Org, head []byte) []byte {
		s := o.Orderer.Sign(value, head, p.Block.Header.Bytes())
		if p.Sign != nil {
			s = p.Sign(o, s)
		}
		return s
	}
	p.Block.Signatures = nil
	set := Msg{}.Bytes(1, value)
	for _, o := range p.Signers {
		if c.Consensus == fabricproof.BFT {
			head := Msg{}.Uint(1, uint64(c.index(o)+1)).Bytes(2, nonce())
			set = set.Sub(2, Msg{}.Bytes(2, sign(o, head)).Bytes(3, head))
			continue
		}
		// Each Raft orderer signs its own copy of the block.
		head := Msg{}.Bytes(1, o.Orderer.Serialized()).Bytes(2, nonce())
		p.Block.Signatures = append(p.Block.Signatures,
			Msg{}.Bytes(1, value).Sub(2, Msg{}.Bytes(1, head).Bytes(2, sign(o, head))))
	}
	if c.Consensus == fabricproof.BFT {
		p.Block.Signatures = [][]byte{set}
	}
}

// OrdererValue is the signed OrdererBlockMetadata.
func OrdererValue(lastConfig uint64) []byte {
	return Msg{}.Sub(1, Msg{}.Uint(1, lastConfig)).Bytes(2, []byte("consenter metadata"))
}

func (c *Consortium) index(o *Org) int {
	for i := range c.Orgs {
		if c.Orgs[i] == o {
			return i
		}
	}
	panic("not of this consortium")
}

// Policy is what an auditor of this consortium would write who knows the four that made it, and refuses who joined.
func (c *Consortium) Policy() *evidence.Policy {
	hash := c.Genesis.Hash()
	p := &evidence.Policy{
		Version: 1, Channel: ledger.Channel, Chaincode: ledger.Chaincode,
		Config:    evidence.PinnedConfig{Block: 0, Hash: hex.EncodeToString(hash[:])},
		Roots:     map[string][]string{},
		Orderers:  evidence.OrdererRule{Consensus: "bft", Organisations: 3},
		Endorsers: evidence.Rule{AtLeast: 2}, Attesters: evidence.Rule{AtLeast: 3},
		Definitions: []evidence.Position{{Block: 1, Tx: 0}},
		ClockMS:     5000, SilenceS: 120, MaxGap: 10, Unsigned: "refuse",
		Require: []string{"authentic", "anchored", "final", "complete"},
	}
	if c.Consensus == fabricproof.Raft {
		p.Orderers = evidence.OrdererRule{Consensus: "raft", Organisations: 3}
	}
	for _, o := range c.Orgs {
		if o.Joined() {
			continue
		}
		for _, a := range []*Authority{o.CA, o.OrdererCA} {
			sum := sha256.Sum256(a.Cert.Raw)
			p.Roots[a.MSP] = []string{hex.EncodeToString(sum[:])}
		}
		p.Endorsers.Of = append(p.Endorsers.Of, o.MSP)
		p.Attesters.Of = append(p.Attesters.Of, o.MSP)
	}
	if err := p.Validate(); err != nil {
		panic(err)
	}
	return p
}
