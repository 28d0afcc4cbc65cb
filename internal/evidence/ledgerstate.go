package evidence

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
)

// block is a block of the bundle whose signatures were checked.
type block struct {
	*fabricproof.Block
	signers []*fabricproof.Signer
	codes   map[string][]byte // validation codes by attesting MSP
}

// configs walks from the pinned configuration to the newest one.
func (v *verifier) configs() error {
	list := v.in.Manifest.Configs
	if len(list) == 0 {
		return stop(fabricproof.Pin, "configuration blocks", "the pinned one", "none")
	}
	p := v.policy
	chain, err := fabricproof.NewChain(p.Channel, p.ordererRule(), fabricproof.Trust{Roots: p.roots, Joined: p.Joined == "accept"}, p.Config.Block, p.pin, &list[0])
	if err != nil {
		return err
	}
	// The pin is the header's hash: the block's signatures prove nothing, and what proves nothing is not in a bundle.
	if len(list[0].Signatures) != 0 {
		return stop(fabricproof.SigFormat, "pinned configuration block", "no signatures", "%d", len(list[0].Signatures))
	}
	v.report.Facts.Configs = append(v.report.Facts.Configs, list[0].Number)
	for i := 1; i < len(list); i++ {
		if err := chain.Add(&list[i]); err != nil {
			return err
		}
		v.joined(chain.Newest())
		v.report.Facts.Configs = append(v.report.Facts.Configs, list[i].Number)
	}
	v.chain = chain
	v.report.Facts.Consensus = chain.Newest().Consensus
	return nil
}

// joined tells, once of each, which organisations count because the policy accepts those that joined.
func (v *verifier) joined(c *fabricproof.Config) {
	for _, id := range c.Joined {
		if !v.newcomers[id] {
			v.newcomers[id] = true
			v.book.warn(JoinedOK, fmt.Sprintf("configuration block %d", c.Block), "organisations whose roots the policy pins", "%s, which joined, with root %x", id, c.Application[id].RootHashes[0])
		}
	}
}

func (v *verifier) checkBlocks() error {
	list := v.in.Manifest.Blocks
	for i := range list {
		s, err := v.chain.CheckBlock(&list[i])
		if err != nil {
			return err
		}
		v.blocks[list[i].Number] = &block{Block: &list[i], signers: s.Signers, codes: map[string][]byte{}}
	}
	return nil
}

// transactions checks every transaction that the bundle refers to. Others in the same blocks are covered by the data hash
// but nothing is read of them.
func (v *verifier) transactions() error {
	used := map[uint64]bool{}
	add := func(p Position) error {
		if v.txs[p] != nil {
			return stop(BundleFormat, place(p), "each transaction once", "a second reference")
		}
		b := v.blocks[p.Block]
		if b == nil {
			return stop(BundleFormat, place(p), "the block in the bundle", "none")
		}
		used[p.Block] = true
		t, err := v.chain.Transaction(b.Block, p.Tx, v.policy.Chaincode, fabricproof.EndorserRule(v.policy.Endorsers))
		if err != nil {
			return err
		}
		v.txs[p] = t
		return v.definition(t)
	}
	for i, p := range v.in.Manifest.Records {
		if i > 0 && !before(v.in.Manifest.Records[i-1], p) {
			return stop(BundleFormat, place(p), "records in the order of the ledger", "another order")
		}
		if err := add(p); err != nil {
			return err
		}
	}
	for _, i := range v.in.Manifest.Instances {
		for k, a := range i.Anchors {
			if k > 0 && !before(i.Anchors[k-1].Position, a.Position) {
				return stop(BundleFormat, place(a.Position), "anchors in the order of the ledger", "another order")
			}
			if err := add(a.Position); err != nil {
				return err
			}
		}
	}
	for number := range v.blocks {
		if !used[number] {
			return stop(BundleFormat, fmt.Sprintf("block %d", number), "a block that is used", "one that is not")
		}
	}
	return nil
}

// definition compares the chaincode definition that the endorsers ran under with the policy's.
func (v *verifier) definition(t *fabricproof.Transaction) error {
	d, ok := t.Definition(v.policy.Chaincode)
	if len(v.policy.Definitions) == 0 {
		if v.book.count[NoDefinition] == 0 {
			v.book.warn(NoDefinition, "policy", "definitions of the chaincode that are accepted", "none listed, so any is")
		}
		return nil
	}
	if ok && slices.Contains(v.policy.Definitions, Position(d)) {
		return nil
	}
	found := "none"
	if ok {
		found = place(Position(d))
	}
	return stop(fabricproof.CCDefinition, placeOf(t), fmt.Sprintf("the chaincode definition of one of %v", v.policy.Definitions), "%s", found)
}

// attestations checks the peers' signed answers.
func (v *verifier) attestations() error {
	list := v.in.Manifest.Attestations
	orgs := map[string]bool{}
	for i := range list {
		b := v.blocks[list[i].Block]
		where := fmt.Sprintf("attestation %d for block %d", i, list[i].Block)
		if b == nil {
			return stop(BundleFormat, where, "the block in the bundle", "none")
		}
		a, err := v.chain.Attestation(list[i].whole(b.Block), list[i].Block)
		if err != nil {
			return err
		}
		id := a.Signer.MSP
		if have, want := a.Block.Hash(), b.Hash(); have != want {
			return stop(SplitView, where, fmt.Sprintf("header hash %x", want), "%x from %s", have, id)
		}
		for other, codes := range b.codes {
			if !bytes.Equal(codes, a.Block.Filter) {
				return stop(SplitView, where, fmt.Sprintf("validation codes %v as from %s", codes, other), "%v from %s", a.Block.Filter, id)
			}
		}
		if b.codes[id] != nil {
			return stop(BundleFormat, where, "one answer of each organisation", "a second one of %s", id)
		}
		if v.options.Nonce != nil && !bytes.Equal(a.Nonce, v.options.Nonce) {
			v.book.fail(Stale, where, fmt.Sprintf("the auditor's nonce %x", v.options.Nonce), "%x from %s", a.Nonce, id)
		}
		b.codes[id] = a.Block.Filter
		orgs[id] = true
	}
	if v.options.Nonce == nil {
		v.book.warn(NoNonce, "signed answers", "a nonce to compare with", "none given, so they may be old")
	}
	v.report.Facts.Attested = sorted(orgs)
	return nil
}

// finality finds, for each transaction, the organisations that are shown to hold it as valid: those whose peers said so,
// and those that endorsed, or hold as valid, a later transaction that read what it wrote. A peer reads only what valid
// transactions wrote, and a valid transaction read what was current. Presence in a block shows nothing.
func (v *verifier) finality() error {
	newestFirst := func(a, b Position) int { return cmp.Or(cmp.Compare(b.Block, a.Block), cmp.Compare(b.Tx, a.Tx)) }
	order := slices.SortedFunc(maps.Keys(v.txs), newestFirst) // readers before writers
	v.holds = make(map[Position]map[string]bool, len(order))
	for _, p := range order {
		v.holds[p] = map[string]bool{}
	}
	for _, p := range order {
		t := v.txs[p]
		for id, codes := range v.blocks[p.Block].codes {
			if codes[p.Tx] != 0 {
				return stop(TxInvalid, place(p), "validation code 0", "%d from %s", codes[p.Tx], id)
			}
			v.holds[p][id] = true
		}
		for _, r := range t.Reads {
			if r.Namespace != v.policy.Chaincode || r.Version == nil {
				continue
			}
			from := Position(*r.Version)
			writer := v.txs[from]
			if writer == nil {
				continue
			}
			if !before(from, p) {
				return stop(fabricproof.RWSet, place(p), "a read of an earlier transaction", "%q of %s", r.Key, place(from))
			}
			if !writes(writer, r.Namespace, r.Key) {
				return stop(fabricproof.RWSet, place(p), fmt.Sprintf("%s as the writer of %q", place(from), r.Key), "that it does not write it")
			}
			for _, e := range t.Endorsers {
				v.holds[from][e.MSP] = true
			}
			for id := range v.holds[p] {
				v.holds[from][id] = true
			}
		}
		if have := v.counted(p); have < v.policy.Attesters.AtLeast {
			among := fmt.Sprint(v.policy.Attesters.Of)
			if len(v.policy.Attesters.Of) == 0 {
				among = "the channel's organisations"
			}
			v.book.unknown(NotFinal, place(p), fmt.Sprintf("%d of %s that hold it as valid", v.policy.Attesters.AtLeast, among), "%d", have)
		}
	}
	return nil
}

// counted is how many organisations that count hold the transaction as valid. Where the policy names none, these are the channel's at that
// block: who came later is no witness of what was before it.
func (v *verifier) counted(p Position) int {
	n := 0
	for id := range v.holds[p] {
		if of := v.policy.Attesters.Of; slices.Contains(of, id) || len(of) == 0 && v.chain.At(p.Block).Application[id] != nil {
			n++
		}
	}
	return n
}

func writes(t *fabricproof.Transaction, namespace, key string) bool {
	return slices.ContainsFunc(t.Writes, func(w fabricproof.Write) bool { return w.Namespace == namespace && w.Key == key })
}

func before(a, b Position) bool { return a.Block < b.Block || a.Block == b.Block && a.Tx < b.Tx }

func place(p Position) string { return fmt.Sprintf("block %d, transaction %d", p.Block, p.Tx) }

func placeOf(t *fabricproof.Transaction) string { return place(Position(t.Position)) }
