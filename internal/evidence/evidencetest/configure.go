package evidencetest

import (
	"bytes"
	"slices"

	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
	"github.com/trackseal/trackseal/internal/ledger"
)

// Update is what the members agree on of a configuration, before they sign it.
type Update struct {
	Channel string
	Version uint64 // of who is a member
	Members []*Org
	Defines []*Org // whose definition is new or another
	Admins  []*ID  // who sign
	// Envelope is the signed update; nil: made of the above.
	Envelope []byte
}

// Configure appends a configuration block. Block 0 carries no signatures.
func (c *Consortium) Configure() *fabricproof.Block {
	value := func(version uint64, b []byte) []byte { return Msg{}.Uint(1, version).Bytes(2, b).Text(3, "Admins") }
	u := c.update()
	application, orderer := Msg{}.Uint(1, c.version), Msg{}
	mapping := Msg{}
	for i, o := range c.Orgs {
		if !o.left {
			application = application.Entry(2, o.MSP, Msg{}.Entry(3, "MSP", value(o.version, o.definition)).Text(5, "Admins"))
		}
		if o.Joined() {
			continue
		}
		orderer = orderer.Entry(2, o.OrdererMSP, Msg{}.Entry(3, "MSP", value(0, msp(o.OrdererCA, c.revoked(o.OrdererMSP)...))).Text(5, "Admins"))
		mapping = mapping.Sub(1, Msg{}.Uint(1, uint64(i+1)).Text(2, "127.0.0.1").Uint(3, 7050).Text(4, o.OrdererMSP).Bytes(5, o.Orderer.PEM))
	}
	orderer = orderer.Entry(3, "ConsensusType", value(0, Msg{}.Text(1, c.Consensus)))
	if c.Consensus == fabricproof.BFT {
		orderer = orderer.Entry(3, "Orderers", value(0, mapping))
	}
	group := Msg{}.Entry(2, "Application", application).Entry(2, "Orderer", orderer).
		Entry(3, "HashingAlgorithm", value(0, Msg{}.Text(1, "SHA256"))).
		Entry(3, "BlockDataHashingStructure", value(0, Msg{}.Uint(1, 0xffffffff)))
	config := Msg{}.Sub(1, Msg{}.Uint(1, c.sequence).Sub(2, group))
	header := Msg{}.Bytes(1, Msg{}.Uint(1, 1).Text(4, ledger.Channel)).Bytes(2, Msg{}.Bytes(2, nonce()))
	if c.sequence > 0 {
		config = config.Bytes(2, u.Envelope)
	}
	envelope := Msg{}.Bytes(1, Msg{}.Sub(1, header).Bytes(2, config))
	if c.sequence > 0 {
		envelope = envelope.Bytes(2, []byte("signature of the orderer that wrapped it"))
	}
	c.sequence++
	b := c.seal([][]byte{envelope}, true)
	c.Configs = append(c.Configs, b)
	return b
}

// Redefine gives an organisation another authority, as a definition of it would.
func (o *Org) Redefine(a *Authority) { o.CA, o.definition = a, msp(a) }

func (c *Consortium) revoked(msp string) [][]byte {
	if l := c.Revoked[msp]; l != nil {
		return [][]byte{l}
	}
	return nil
}

// update brings versions and definitions to the next configuration, and lets the members sign it: as many as it needs, and who is defined anew.
func (c *Consortium) update() *Update {
	u := &Update{Channel: ledger.Channel, Members: c.Members()}
	for _, o := range u.Members {
		definition := msp(o.CA, c.revoked(o.MSP)...)
		if was := slices.Contains(c.before, o); !was || !bytes.Equal(o.definition, definition) {
			if o.version++; !was {
				o.version = 0
			}
			u.Defines = append(u.Defines, o)
			if was {
				u.Admins = append(u.Admins, o.Admin)
			}
		}
		o.definition = definition
	}
	for _, o := range c.before[:len(c.before)/2+min(1, len(c.before))] {
		if !slices.Contains(u.Admins, o.Admin) {
			u.Admins = append(u.Admins, o.Admin)
		}
	}
	if c.before != nil && !slices.Equal(c.before, u.Members) {
		c.version++
	}
	u.Version, c.before = c.version, u.Members
	if c.OnUpdate != nil {
		c.OnUpdate(u)
	}
	if u.Envelope == nil {
		u.Envelope = u.Sign()
	}
	return u
}

// Sign makes the signed update.
func (u *Update) Sign() []byte {
	application := Msg{}.Uint(1, u.Version)
	for _, o := range u.Members {
		member := Msg{}
		if slices.Contains(u.Defines, o) {
			member = member.Entry(3, "MSP", Msg{}.Uint(1, o.version).Bytes(2, o.definition))
		}
		application = application.Entry(2, o.MSP, member)
	}
	raw := Msg{}.Text(1, u.Channel).Sub(2, nil).Sub(3, Msg{}.Entry(2, "Application", application))
	update := Msg{}.Bytes(1, raw)
	for _, a := range u.Admins {
		header := Msg{}.Bytes(1, a.Serialized()).Bytes(2, nonce())
		update = update.Sub(2, Msg{}.Bytes(1, header).Bytes(2, a.Sign(header, raw)))
	}
	head := Msg{}.Bytes(1, Msg{}.Uint(1, 2).Text(4, u.Channel)).Bytes(2, Msg{}.Bytes(2, nonce()))
	return Msg{}.Bytes(1, Msg{}.Sub(1, head).Bytes(2, update)).Bytes(2, []byte("signature of who sent it"))
}
