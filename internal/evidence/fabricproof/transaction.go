package fabricproof

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
)

// EndorserRule is the auditor's own demand on who endorsed; the ledger's policy is not consulted.
type EndorserRule struct {
	Of      []string // MSP ids that count; empty = any application organisation of the configuration in force
	AtLeast int      // how many different ones must have endorsed
}

func (r EndorserRule) among() string {
	if len(r.Of) == 0 {
		return "the organisations of the channel"
	}
	return fmt.Sprint(r.Of)
}

// Version is the position of the transaction that last wrote a key.
type Version struct{ Block, Tx uint64 }

// Read is one key of the read set; Version nil means that the endorsers found no value.
type Read struct {
	Namespace, Key string
	Version        *Version
}

// Write is one key of the write set.
type Write struct {
	Namespace, Key string
	Delete         bool
	Value          []byte
}

// Transaction is a chaincode transaction whose signatures, hashes and names were checked. Whether it is valid on the ledger
// is another question.
type Transaction struct {
	Position  Version
	ID        string
	TimeMS    int64 // the client's clock
	Creator   *Signer
	Args      [][]byte // function name first
	Endorsers []*Signer
	Reads     []Read
	Writes    []Write
	Payload   []byte // the chaincode's answer
}

// Write returns the value written to a key of the namespace, nil when there is none.
func (t *Transaction) Write(namespace, key string) []byte {
	for _, w := range t.Writes {
		if w.Namespace == namespace && w.Key == key && !w.Delete {
			return w.Value
		}
	}
	return nil
}

// Read returns the read of a key.
func (t *Transaction) Read(namespace, key string) (Read, bool) {
	for _, r := range t.Reads {
		if r.Namespace == namespace && r.Key == key {
			return r, true
		}
	}
	return Read{}, false
}

// proposed is what client and endorsers signed of a transaction, before its answer.
type proposed struct {
	header    channelHeader
	signature signatureHeader
	chaincode string
	args      [][]byte
	hash      Hash
}

// decodeProposal checks what a proposal and a transaction have in common.
func decodeProposal(channel string, channelHeader, signatureHeader, chaincodePayload []byte) (*proposed, error) {
	p := new(proposed)
	var err error
	if p.header, err = decodeChannelHeader(channelHeader); err != nil {
		return nil, as(TxMalformed, err)
	}
	if p.signature, err = decodeSignatureHeader(signatureHeader); err != nil {
		return nil, as(TxMalformed, err)
	}
	switch {
	case p.header.kind != typeEndorser || p.header.epoch != 0:
		return nil, fault(TxMalformed, "an endorser transaction of epoch 0", "type %d, epoch %d", p.header.kind, p.header.epoch)
	case p.header.channel != channel:
		return nil, fault(Channel, channel, "%s", p.header.channel)
	case p.signature.creator == nil || p.signature.nonce == nil:
		return nil, fault(TxMalformed, "creator and nonce", "one is missing")
	}
	id := sha256.Sum256(slices.Concat(p.signature.nonce, p.signature.creator))
	if want := hex.EncodeToString(id[:]); p.header.txID != want {
		return nil, fault(TxID, want, "%s", p.header.txID)
	}
	extension, err := decodeExtension(p.header.extension)
	if err != nil {
		return nil, as(TxMalformed, err)
	}
	if p.chaincode, p.args, err = decodeInvocation(chaincodePayload); err != nil {
		return nil, as(TxMalformed, err)
	}
	if extension != p.chaincode {
		return nil, fault(Chaincode, "chaincode "+p.chaincode+" in the header", "%s", extension)
	}
	p.hash = sha256.Sum256(slices.Concat(channelHeader, signatureHeader, chaincodePayload))
	return p, nil
}

func decodeExtension(b []byte) (name string, err error) {
	err = message(b, "header extension", sub(2, chaincodeID(&name)))
	return name, err
}

func chaincodeID(name *string) func([]byte) error {
	return func(b []byte) error {
		var path, version string
		return message(b, "chaincode id", textOf(1, &path), textOf(2, name), textOf(3, &version))
	}
}

func decodeInvocation(b []byte) (name string, args [][]byte, err error) {
	var input []byte
	if err := message(b, "proposal payload", bytesOf(1, &input)); err != nil {
		return "", nil, err
	}
	err = message(input, "invocation", sub(1, func(b []byte) error {
		var kind uint32
		var timeout uint32
		return message(b, "chaincode spec", intOf(1, &kind), sub(2, chaincodeID(&name)),
			sub(3, func(b []byte) error {
				var init bool
				return message(b, "chaincode input", list(1, &args), boolOf(3, &init))
			}), intOf(4, &timeout))
	}))
	if err == nil && len(args) == 0 {
		err = errors.New("chaincode input: no arguments")
	}
	return name, args, err
}

// answered is what endorsers signed as the outcome.
type answered struct {
	proposalHash []byte
	results      []byte
	events       []byte
	status       uint32
	payload      []byte
	chaincode    string
}

func decodeAnswer(prp []byte) (*answered, error) {
	a := new(answered)
	var extension []byte
	if err := message(prp, "proposal response", bytesOf(1, &a.proposalHash), bytesOf(2, &extension)); err != nil {
		return nil, err
	}
	var text string
	err := message(extension, "chaincode action", bytesOf(1, &a.results), bytesOf(2, &a.events),
		sub(3, func(b []byte) error {
			return message(b, "response", intOf(1, &a.status), textOf(2, &text), bytesOf(3, &a.payload))
		}),
		sub(4, chaincodeID(&a.chaincode)))
	return a, err
}

// Transaction checks transaction index of a block that CheckBlock accepted.
func (c *Chain) Transaction(b *Block, index uint64, chaincode string, rule EndorserRule) (*Transaction, error) {
	t, err := c.transaction(b, index, chaincode, rule)
	return t, At(err, "block %d, transaction %d", b.Number, index)
}

func (c *Chain) transaction(b *Block, index uint64, chaincode string, rule EndorserRule) (*Transaction, error) {
	cfg := c.At(b.Number)
	if cfg == nil || index >= uint64(len(b.Envelopes)) {
		return nil, fault(TxMalformed, fmt.Sprintf("one of %d transactions", len(b.Envelopes)), "%d", index)
	}
	env, err := decodeEnvelope(b.Envelopes[index])
	if err != nil {
		return nil, as(TxMalformed, err)
	}
	pay, err := decodePayload(env.payload)
	if err != nil {
		return nil, as(TxMalformed, err)
	}
	action, err := decodeAction(pay.data)
	if err != nil {
		return nil, as(TxMalformed, err)
	}
	p, err := decodeProposal(c.Channel, pay.channelHeader, pay.signatureHeader, action.proposal)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(action.header, pay.signatureHeader) {
		return nil, fault(TxMalformed, "the signature header again in the action", "another one")
	}
	creator, err := cfg.member(cfg.Application, p.signature.creator)
	if err != nil {
		return nil, At(err, "creator")
	}
	if err := creator.verify(env.payload, env.signature); err != nil {
		return nil, fault(CreatorSig, "the signature of "+creator.Cert.Subject.CommonName, "it %v", err)
	}
	if err := creator.ValidAt(p.header.timeMS); err != nil {
		return nil, At(err, "creator")
	}
	answer, err := decodeAnswer(action.prp)
	if err != nil {
		return nil, as(TxMalformed, err)
	}
	switch {
	case !bytes.Equal(answer.proposalHash, p.hash[:]):
		return nil, fault(ProposalHash, hex.EncodeToString(p.hash[:]), "%x", answer.proposalHash)
	case p.chaincode != chaincode || answer.chaincode != chaincode:
		return nil, fault(Chaincode, chaincode, "%s called, %s answered", p.chaincode, answer.chaincode)
	case answer.status != 200:
		return nil, fault(Chaincode, "status 200", "%d", answer.status)
	}
	if err := checkEvent(answer.events, chaincode, p.header.txID); err != nil {
		return nil, err
	}
	t := &Transaction{Position: Version{b.Number, index}, ID: p.header.txID, TimeMS: p.header.timeMS, Creator: creator, Args: p.args, Payload: answer.payload}
	if t.Reads, t.Writes, err = decodeRWSet(answer.results, chaincode); err != nil {
		return nil, as(RWSet, err)
	}
	t.Endorsers, err = cfg.endorsers(action, rule, t.TimeMS)
	return t, err
}

type action struct {
	header, proposal, prp []byte
	endorsements          []endorsement
}

type endorsement struct{ endorser, signature []byte }

func decodeAction(b []byte) (*action, error) {
	a := new(action)
	var inner []byte
	count := 0
	err := message(b, "transaction", each(1, func(b []byte) error {
		count++
		return message(b, "action", bytesOf(1, &a.header), bytesOf(2, &inner))
	}))
	if err != nil {
		return nil, err
	}
	if count != 1 {
		return nil, fmt.Errorf("transaction: %d actions, must be one", count)
	}
	err = message(inner, "action payload", bytesOf(1, &a.proposal), sub(2, func(b []byte) error {
		return message(b, "endorsed action", bytesOf(1, &a.prp), each(2, func(b []byte) error {
			var e endorsement
			if err := message(b, "endorsement", bytesOf(1, &e.endorser), bytesOf(2, &e.signature)); err != nil {
				return err
			}
			a.endorsements = append(a.endorsements, e)
			return nil
		}))
	}))
	return a, err
}

// endorsers verifies every endorsement and applies the auditor's rule. An identity counts once.
func (c *Config) endorsers(a *action, rule EndorserRule, timeMS int64) ([]*Signer, error) {
	var out []*Signer
	seen := map[Hash]bool{}
	organisations := map[string]bool{}
	for i, e := range a.endorsements {
		s, err := c.peer(e, a.prp, EndorseSig, timeMS)
		if err != nil {
			return nil, At(err, "endorsement %d", i)
		}
		if seen[s.ID] {
			return nil, fault(EndorsePolicy, "each endorser once", "%q of %s twice", s.Cert.Subject.CommonName, s.MSP)
		}
		seen[s.ID] = true
		out = append(out, s)
		if len(rule.Of) == 0 || slices.Contains(rule.Of, s.MSP) {
			organisations[s.MSP] = true
		}
	}
	if len(organisations) < rule.AtLeast {
		return nil, fault(EndorsePolicy, fmt.Sprintf("peers of %d of %s", rule.AtLeast, rule.among()), "of %d", len(organisations))
	}
	return out, nil
}

// peer checks a peer's signature over an answer.
func (c *Config) peer(e endorsement, prp []byte, code Code, timeMS int64) (*Signer, error) {
	s, err := c.member(c.Application, e.endorser)
	if err != nil {
		return nil, err
	}
	if s.Role != Peer {
		return nil, fault(Identity, "the role peer", "%q of %s is %s", s.Cert.Subject.CommonName, s.MSP, s.Role)
	}
	if err := s.verify(slices.Concat(prp, e.endorser), e.signature); err != nil {
		return nil, fault(code, "the signature of "+s.Cert.Subject.CommonName, "it %v", err)
	}
	return s, s.ValidAt(timeMS)
}

func checkEvent(b []byte, chaincode, txID string) error {
	if len(b) == 0 {
		return nil
	}
	var name, id, event string
	var data []byte
	if err := message(b, "event", textOf(1, &name), textOf(2, &id), textOf(3, &event), bytesOf(4, &data)); err != nil {
		return as(TxMalformed, err)
	}
	if name != chaincode || id != txID {
		return fault(Chaincode, "an event of "+chaincode+" in this transaction", "of %s in %s", name, id)
	}
	return nil
}
