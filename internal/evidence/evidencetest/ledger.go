package evidencetest

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"sort"

	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
	"github.com/trackseal/trackseal/internal/ledger"
)

// Tx is a transaction before it is signed.
type Tx struct {
	ID         string
	TimeMS     int64
	Channel    string
	Chaincode  string // in the header
	Called     string // in the invocation
	Answered   string // in the answer
	Creator    *ID
	Endorsers  []*ID
	Args       [][]byte
	Reads      []fabricproof.Read
	Writes     []fabricproof.Write
	Status     uint64
	Extra      []byte // appended to the proposal response, which endorsers sign
	Code       byte   // validation code that peers will give
	Hash       []byte // proposal hash, nil = the right one
	TxIDIs     string // transaction id, "" = the right one
	Header     []byte // header of the action, nil = the signature header
	Endorse    func(i int, signature []byte) []byte
	SignWith   *ID                           // nil = Creator
	Sign       func(signature []byte) []byte // of the creator, nil = as it is
	nonce      []byte
	Namespaces []byte // extra namespaces of the read-write set
}

// Sim is a running transaction: it reads and writes the state as the chaincode would.
type Sim struct {
	*Tx
	c *Consortium
}

// Get reads a key.
func (s *Sim) Get(key string) []byte {
	for _, r := range s.Reads {
		if r.Key == key && r.Namespace == ledger.Chaincode {
			return s.c.state[key].value
		}
	}
	e, ok := s.c.state[key]
	r := fabricproof.Read{Namespace: ledger.Chaincode, Key: key}
	if ok {
		v := e.version
		r.Version = &v
	}
	s.Reads = append(s.Reads, r)
	return e.value
}

// Put writes a record as the chaincode does.
func (s *Sim) Put(key string, record any) {
	value := must(ledger.Encode(record))
	for i := range s.Writes {
		if s.Writes[i].Key == key {
			s.Writes[i].Value = value
			return
		}
	}
	s.Writes = append(s.Writes, fabricproof.Write{Namespace: ledger.Chaincode, Key: key, Value: value})
}

// State is a committed value.
func (c *Consortium) State(key string) []byte { return c.state[key].value }

// Committed is the whole committed state.
func (s *Sim) Committed() map[string][]byte {
	out := make(map[string][]byte, len(s.c.state))
	for key, e := range s.c.state {
		out[key] = e.value
	}
	return out
}

// Submit runs a transaction as a client of an organisation; it waits in the next block until Cut.
func (c *Consortium) Submit(org *Org, fn ledger.Function, arg any, run func(*Sim)) (evidence.Position, string) {
	tx, _ := c.Endorse(org, c.NowMS, fn, arg, func(s *Sim) error { run(s); return nil })
	return c.Order(tx), tx.ID
}

// Endorse runs a transaction as a client of an organisation, at the time that this client says, and orders nothing. The error is run's.
func (c *Consortium) Endorse(org *Org, timeMS int64, fn ledger.Function, arg any, run func(*Sim) error) (*Tx, error) {
	creator, n := org.Client, nonce()
	id := sha256.Sum256(append(append([]byte{}, n...), creator.Serialized()...))
	tx := &Tx{
		ID: hex.EncodeToString(id[:]), TimeMS: timeMS, Channel: ledger.Channel, Chaincode: ledger.Chaincode, Called: ledger.Chaincode,
		Answered: ledger.Chaincode, Creator: creator, Endorsers: []*ID{org.Peer, c.other(org).Peer},
		Args: [][]byte{[]byte(fn.Name()), must(ledger.Encode(arg))}, Status: 200, nonce: n,
	}
	if err := run(&Sim{Tx: tx, c: c}); err != nil {
		return nil, err
	}
	if c.OnTx != nil {
		c.OnTx(tx)
	}
	return tx, nil
}

// Order puts an endorsed transaction into the next block. It takes effect unless its code is another than 0.
func (c *Consortium) Order(tx *Tx) evidence.Position {
	p := evidence.Position{Block: c.next, Tx: uint64(len(c.pending))}
	c.pending = append(c.pending, c.envelope(tx))
	c.codes = append(c.codes, tx.Code)
	if tx.Code == 0 {
		for _, x := range tx.Writes {
			c.state[x.Key] = entry{x.Value, fabricproof.Version(p)}
		}
	}
	return p
}

// Stale reports whether something that an endorsed transaction read has changed since. Peers give such a one the code of a read conflict, 11.
func (c *Consortium) Stale(tx *Tx) bool {
	return slices.ContainsFunc(tx.Reads, func(r fabricproof.Read) bool {
		now, ok := c.state[r.Key]
		return r.Namespace == ledger.Chaincode && (ok != (r.Version != nil) || ok && now.version != *r.Version)
	})
}

// Repeat orders a transaction once more, in a block of its own. Peers give the copy the code of a duplicate.
func (c *Consortium) Repeat(p evidence.Position) *fabricproof.Block {
	c.pending, c.codes = [][]byte{c.Blocks[p.Block].Envelopes[p.Tx]}, []byte{9}
	return c.Cut()
}

// other is the next of the channel's organisations.
func (c *Consortium) other(org *Org) *Org {
	for i := range c.Orgs {
		if o := c.Orgs[(c.index(org)+1+i)%len(c.Orgs)]; !o.left {
			return o
		}
	}
	panic("no organisation is left")
}

func (c *Consortium) put(key string, value []byte) {
	c.state[key] = entry{value, fabricproof.Version{Block: c.next, Tx: uint64(len(c.pending))}}
}

// Cut orders what waits into a block.
func (c *Consortium) Cut() *fabricproof.Block {
	codes := c.codes
	envelopes := c.pending
	c.pending, c.codes = nil, nil
	b := c.seal(envelopes, false)
	c.Filters[b.Number] = codes
	return b
}

func chaincodeID(name string) []byte { return Msg{}.Text(2, name) }

func timestamp(ms int64) []byte {
	return Msg{}.Uint(1, uint64(ms/1000)).Uint(2, uint64(ms%1000)*1_000_000)
}

func channelHeader(ms int64, channel, id, chaincode string) []byte {
	return Msg{}.Uint(1, 3).Sub(3, timestamp(ms)).Text(4, channel).Text(5, id).Bytes(7, Msg{}.Sub(2, chaincodeID(chaincode)))
}

func invocation(chaincode string, args [][]byte) []byte {
	input := Msg{}
	for _, a := range args {
		input = input.Sub(1, a)
	}
	return Msg{}.Bytes(1, Msg{}.Sub(1, Msg{}.Uint(1, 1).Sub(2, chaincodeID(chaincode)).Sub(3, input)))
}

// envelope signs a transaction.
func (c *Consortium) envelope(tx *Tx) []byte {
	id := tx.ID
	if tx.TxIDIs != "" {
		id = tx.TxIDIs
	}
	head := channelHeader(tx.TimeMS, tx.Channel, id, tx.Chaincode)
	sig := []byte(Msg{}.Bytes(1, tx.Creator.Serialized()).Bytes(2, tx.nonce))
	call := invocation(tx.Called, tx.Args)
	hash := tx.Hash
	if hash == nil {
		sum := sha256.Sum256(append(append(append([]byte{}, head...), sig...), call...))
		hash = sum[:]
	}
	event := Msg{}.Text(1, tx.Answered).Text(2, id).Text(3, "event").Bytes(4, []byte("{}"))
	actionBytes := Msg{}.Bytes(1, c.rwset(tx)).Bytes(2, event).
		Sub(3, Msg{}.Uint(1, tx.Status).Bytes(3, []byte("{}"))).Sub(4, Msg{}.Text(2, tx.Answered).Text(3, "1.0"))
	prp := append([]byte(Msg{}.Bytes(1, hash).Bytes(2, actionBytes)), tx.Extra...)
	endorsed := Msg{}.Bytes(1, prp)
	for i, e := range tx.Endorsers {
		s := e.Sign(prp, e.Serialized())
		if tx.Endorse != nil {
			s = tx.Endorse(i, s)
		}
		endorsed = endorsed.Sub(2, Msg{}.Bytes(1, e.Serialized()).Bytes(2, s))
	}
	header := tx.Header
	if header == nil {
		header = sig
	}
	data := Msg{}.Sub(1, Msg{}.Bytes(1, header).Bytes(2, Msg{}.Bytes(1, call).Sub(2, endorsed)))
	payload := Msg{}.Sub(1, Msg{}.Bytes(1, head).Bytes(2, sig)).Bytes(2, data)
	signer := tx.SignWith
	if signer == nil {
		signer = tx.Creator
	}
	signature := signer.Sign(payload)
	if tx.Sign != nil {
		signature = tx.Sign(signature)
	}
	return Msg{}.Bytes(1, payload).Bytes(2, signature)
}

func (c *Consortium) rwset(tx *Tx) []byte {
	version := func(v *fabricproof.Version) []byte { return Msg{}.Uint(1, v.Block).Uint(2, v.Tx) }
	definition := c.state[lifecycleKey].version
	lifecycle := Msg{}.Sub(1, Msg{}.Text(1, "namespaces/fields/"+ledger.Chaincode+"/Sequence").Sub(2, version(&definition)))
	sort.Slice(tx.Reads, func(i, j int) bool { return tx.Reads[i].Key < tx.Reads[j].Key })
	sort.Slice(tx.Writes, func(i, j int) bool { return tx.Writes[i].Key < tx.Writes[j].Key })
	own := Msg{}
	for _, r := range tx.Reads {
		m := Msg{}.Text(1, r.Key)
		if r.Version != nil {
			m = m.Sub(2, version(r.Version))
		}
		own = own.Sub(1, m)
	}
	for _, w := range tx.Writes {
		own = own.Sub(3, Msg{}.Text(1, w.Key).Bytes(3, w.Value))
	}
	m := Msg{}.Sub(2, Msg{}.Text(1, "_lifecycle").Bytes(2, lifecycle)).Sub(2, Msg{}.Text(1, ledger.Chaincode).Bytes(2, own))
	return append(m, tx.Namespaces...)
}

// Answer is a peer's signed answer to qscc GetBlockByTxID about a block; change, if not nil, falsifies the block that it
// shows.
func (c *Consortium) Answer(org *Org, block uint64, nonceArg []byte, change func(*fabricproof.Block)) fabricproof.Attestation {
	b := *c.Blocks[block]
	b.Filter = append([]byte{}, c.Filters[block]...)
	if change != nil {
		change(&b)
	}
	n := nonce()
	asker := org.Client
	id := sha256.Sum256(append(append([]byte{}, n...), asker.Serialized()...))
	txid := hex.EncodeToString(id[:])
	a := fabricproof.Attestation{
		ChannelHeader:   channelHeader(c.NowMS, ledger.Channel, txid, "qscc"),
		SignatureHeader: Msg{}.Bytes(1, asker.Serialized()).Bytes(2, n),
		Proposal:        invocation("qscc", [][]byte{[]byte("GetBlockByTxID"), []byte(ledger.Channel), []byte("any"), nonceArg}),
		Endorser:        org.Peer.Serialized(),
	}
	hash := sha256.Sum256(append(append(append([]byte{}, a.ChannelHeader...), a.SignatureHeader...), a.Proposal...))
	action := Msg{}.Sub(3, Msg{}.Uint(1, 200).Bytes(3, EncodeBlock(&b))).Sub(4, chaincodeID("qscc"))
	a.Response = Msg{}.Bytes(1, hash[:]).Bytes(2, action)
	a.Signature = org.Peer.Sign(a.Response, a.Endorser)
	return a
}

// EncodeBlock is a block as a peer serialises it.
func EncodeBlock(b *fabricproof.Block) []byte {
	head := Msg{}.Uint(1, b.Number).Bytes(2, b.Previous).Bytes(3, b.DataHash)
	data := Msg{}
	for _, e := range b.Envelopes {
		data = data.Sub(1, e)
	}
	return Msg{}.Sub(1, head).Sub(2, data).Sub(3, Msg{}.Sub(1, b.Signatures[0]).Sub(1, nil).Sub(1, b.Filter).Sub(1, nil).Sub(1, []byte("commit hash")))
}

// SwapCreator gives a transaction another creator, with the transaction id that goes with it.
func (t *Tx) SwapCreator(id *ID) {
	t.Creator = id
	h := sha256.Sum256(append(append([]byte{}, t.nonce...), id.Serialized()...))
	t.ID = hex.EncodeToString(h[:])
}
