package evidence_test

import (
	"bytes"
	"encoding/hex"
	"slices"

	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/evidence/evidencetest"
	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
	"github.com/trackseal/trackseal/internal/ledger"
)

// headAttacks: heads and anchors.
var headAttacks = []attack{
	{name: "another root anchored than the leaves give", code: evidence.ShipPrefix, during: func(t *evidencetest.Trip) {
		t.OnHead = func(h *anchor.HeadLeaf) { h.Root[0] ^= 1; t.OnHead = nil }
		t.Drive(6, 2)
	}},
	{name: "another final root anchored than the leaves give", code: evidence.ShipRoot, during: func(t *evidencetest.Trip) {
		t.Drive(6, 2)
		t.OnHead = func(h *anchor.HeadLeaf) { h.Root[0] ^= 1 }
	}},
	{name: "head of another log", code: evidence.HeadInclusion, during: func(t *evidencetest.Trip) {
		t.Drive(4, 2)
		t.OnHead = func(h *anchor.HeadLeaf) { h.Log[0] ^= 1 }
	}},
	{name: "head with a sibling (two histories)", code: evidence.HeadInclusion, during: func(t *evidencetest.Trip) {
		t.Drive(4, 2)
		t.OnHead = func(h *anchor.HeadLeaf) { first := uint64(1); h.Prev = &first }
	}},
	{name: "log that shrinks", code: evidence.HeadInclusion, during: func(t *evidencetest.Trip) {
		t.Drive(4, 2)
		t.OnHead = func(h *anchor.HeadLeaf) { h.Size = 2 }
	}, after: func(t *evidencetest.Trip) { t.Leaves = t.Leaves[:2] }},
	{name: "leaves of a later life in the log of an earlier one", code: evidence.MsgHash, during: func(t *evidencetest.Trip) {
		earlier(t)
		t.Ingest += ".life-2"
		t.Drive(4, 2)
	}},
	{name: "log of a later life in the heads log of an earlier one", code: evidence.HeadInclusion, during: func(t *evidencetest.Trip) {
		life := t.Ingest
		t.Ingest += ".life-2"
		earlier(t)
		t.Drive(4, 5)
		t.Ingest = life
	}},
	{name: "head not in the heads log", code: evidence.HeadInclusion, after: func(t *evidencetest.Trip) { t.Manifest.Logs[0].Heads[1].Path[0][0] ^= 1 }},
	{name: "rewritten heads log", code: evidence.HeadsFork, during: func(t *evidencetest.Trip) {
		t.Drive(4, 2)
		t.OnExtend = func(a *ledger.ExtendArgs, h *ledger.Head) {
			a.NewRoot = hex.EncodeToString(make([]byte, 32))
			h.Root = a.NewRoot
		}
	}},
	{name: "anchor record that was not asked for", code: evidence.AnchorValue, during: func(t *evidencetest.Trip) {
		t.OnExtend = func(_ *ledger.ExtendArgs, h *ledger.Head) { h.Size++ }
		t.Drive(4, 2)
	}},
	{name: "anchor of another instance", code: evidence.AnchorValue, during: func(t *evidencetest.Trip) {
		t.OnExtend = func(a *ledger.ExtendArgs, h *ledger.Head) { h.Ingest = "ingest-other" }
		t.Drive(4, 2)
	}},
	{name: "anchor left out of the chain", code: evidence.HeadsFork, during: func(t *evidencetest.Trip) {
		n := 0
		t.OnExtend = func(_ *ledger.ExtendArgs, h *ledger.Head) {
			if n++; n == 3 {
				h.PrevRoot = hex.EncodeToString(make([]byte, 32))
			}
		}
		t.Drive(6, 2)
	}},
}

// recordAttacks: the shipment's record.
var recordAttacks = []attack{
	{name: "second creation", code: evidence.Open, setup: on(ledger.ShipmentCreate, func(_ *evidencetest.Consortium, tx *evidencetest.Tx) {
		tx.Reads[0].Version = &fabricproof.Version{Block: 1}
	})},
	{name: "creation left out", code: evidence.Open, after: func(t *evidencetest.Trip) {
		t.Manifest.Records = t.Manifest.Records[1:]
		t.Manifest.Blocks = t.Manifest.Blocks[1:]
	}},
	{name: "change of the record left out", code: evidence.RecordChain, after: func(t *evidencetest.Trip) { drop(t, len(t.Manifest.Records)-2) }},
	{name: "no closing record", code: evidence.NotClosed, status: evidence.Unknown, after: func(t *evidencetest.Trip) {
		m := &t.Manifest
		m.Outside = m.Outside[:2] // while the assignment is open, a later message belongs into the log
		block := m.Records[len(m.Records)-1].Block
		drop(t, len(m.Records)-1)
		m.Attestations = slices.DeleteFunc(m.Attestations, func(a evidence.Attestation) bool { return a.Block == block })
		for _, o := range t.C.Orgs {
			m.Attestations = append(m.Attestations, t.Attest(o, m.Records[len(m.Records)-1].Block))
		}
	}},
	{name: "closing record with another root", code: evidence.CloseDiffers, during: func(t *evidencetest.Trip) {
		t.Drive(4, 2)
		t.OnClose = func(c *ledger.Close) { c.Heads[0].Root = hex.EncodeToString(make([]byte, 32)) }
	}},
	{name: "closing record with a log that is not given", code: evidence.CloseDiffers, during: func(t *evidencetest.Trip) {
		t.Drive(4, 2)
		t.OnClose = func(c *ledger.Close) {
			c.Heads = append(c.Heads, ledger.LogHead{Log: hex.EncodeToString(make([]byte, 32)), Size: 1, Root: c.Heads[0].Root})
		}
	}},
	{name: "second closing", code: evidence.CloseDiffers, setup: on(ledger.ShipmentClose, func(_ *evidencetest.Consortium, tx *evidencetest.Tx) {
		for i := range tx.Reads {
			if tx.Reads[i].Key == ledger.CloseKey("SHIP-1") {
				tx.Reads[i].Version = &fabricproof.Version{Block: 1}
			}
		}
	})},
}

// finalityAttacks: what is shown as final is not.
var finalityAttacks = []attack{
	{name: "newest anchor without answers", code: evidence.NotFinal, status: evidence.Unknown, after: func(t *evidencetest.Trip) {
		m := &t.Manifest
		m.Attestations = m.Attestations[len(m.Attestations)/2:]
	}},
	{name: "answers of too few organisations", code: evidence.NotFinal, status: evidence.Unknown, after: func(t *evidencetest.Trip) {
		m := &t.Manifest
		// Consignee and auditor say nothing of the closing block, which the carrier and the shipper endorsed.
		m.Attestations = m.Attestations[:len(m.Attestations)-2]
	}},
	{name: "loser of a read conflict shown as final", code: evidence.TxInvalid, setup: on(ledger.ShipmentClose, func(_ *evidencetest.Consortium, tx *evidencetest.Tx) { tx.Code = 11 })},
	{name: "filter flipped by one peer", code: evidence.SplitView, during: func(t *evidencetest.Trip) {
		t.Drive(4, 2)
		t.OnAnswer = func(o *evidencetest.Org, _ uint64, b *evidencetest.Answered) {
			if o.Name == "consignee" {
				b.Filter[0] = 11
			}
		}
	}},
	{name: "old answers", code: evidence.Stale, after: func(t *evidencetest.Trip) { t.Nonce = []byte("the auditor's own nonce") }},
	{name: "answer signed by a client", code: fabricproof.Identity, after: func(t *evidencetest.Trip) {
		o := *t.C.Org("auditor")
		o.Peer = o.Client
		t.Manifest.Attestations[0] = t.Attest(&o, t.Manifest.Attestations[0].Block)
	}},
	{name: "answer with another signature", code: fabricproof.Attest, after: func(t *evidencetest.Trip) {
		t.Manifest.Attestations[0].Signature = t.Manifest.Attestations[1].Signature
	}},
	{name: "answer to another question", code: fabricproof.ProposalHash, after: func(t *evidencetest.Trip) {
		t.Manifest.Attestations[0].Proposal = bytes.Replace(t.Manifest.Attestations[0].Proposal, []byte("any"), []byte("ant"), 1)
	}},
	{name: "loser of a read conflict shown as an anchor", code: evidence.TxInvalid, setup: func(c *evidencetest.Consortium) {
		n := 0
		onAnchor(func(_ *evidencetest.Consortium, tx *evidencetest.Tx) {
			if n++; n == 4 { // the last one, whose block peers answer about
				tx.Code = 11
			}
		})(c)
	}},
	{name: "loser of a read conflict, hidden by one peer", code: evidence.SplitView, setup: loser, during: hidden},
	{name: "loser of a read conflict, and only the peer that hides it answers", code: evidence.NotFinal, status: evidence.Unknown, setup: loser, during: hidden, after: func(t *evidencetest.Trip) {
		m := &t.Manifest
		closing := m.Records[len(m.Records)-1].Block
		carriers := 0
		m.Attestations = slices.DeleteFunc(m.Attestations, func(a evidence.Attestation) bool {
			if a.Block != closing {
				return false
			}
			carriers++
			return carriers > 1 // the carrier's is the first
		})
	}},
	{name: "duplicate shown in the place of the transaction", code: evidence.TxInvalid, after: func(t *evidencetest.Trip) { duplicate(t, true) }},
	{name: "duplicate shown in the place of the transaction, without answers", code: evidence.NotFinal, status: evidence.Unknown, after: func(t *evidencetest.Trip) { duplicate(t, false) }},
	{name: "another block shown by one peer", code: evidence.SplitView, after: func(t *evidencetest.Trip) {
		a := &t.Manifest.Attestations[1]
		o := t.C.Orgs[1]
		*a = answer(t.C.Answer(o, a.Block, t.Nonce, func(b *fabricproof.Block) { b.Previous = make([]byte, 32) }), t.C.Blocks[a.Block])
	}},
	{name: "answer without validity codes", code: fabricproof.Attest, during: func(t *evidencetest.Trip) {
		t.Drive(4, 2)
		t.OnAnswer = func(_ *evidencetest.Org, _ uint64, b *evidencetest.Answered) { b.Filter = b.Filter[:0] }
	}},
	{name: "one peer answers twice", code: evidence.BundleFormat, after: func(t *evidencetest.Trip) {
		m := &t.Manifest
		m.Attestations[1] = t.Attest(t.C.Orgs[0], m.Attestations[0].Block)
	}},
	{name: "answer signed in its other form (high s)", code: fabricproof.Attest, after: func(t *evidencetest.Trip) {
		a := &t.Manifest.Attestations[0]
		a.Signature = evidencetest.HighS(t.C.Orgs[0].Peer, a.Signature)
	}},
}

// loser makes the closing transaction lose against another one; hidden lets the carrier's peer say that it is valid.
var loser = on(ledger.ShipmentClose, func(_ *evidencetest.Consortium, tx *evidencetest.Tx) { tx.Code = 11 })

func hidden(t *evidencetest.Trip) {
	t.Drive(4, 2)
	t.OnAnswer = func(o *evidencetest.Org, _ uint64, b *evidencetest.Answered) {
		if o.Name == "carrier" {
			clear(b.Filter)
		}
	}
}

func answer(a fabricproof.Attestation, b *fabricproof.Block) evidence.Attestation {
	out, err := evidence.NewAttestation(a, b)
	if err != nil {
		panic(err)
	}
	return out
}

// duplicate replaces the closing transaction by a second copy of it that was ordered later.
func duplicate(t *evidencetest.Trip, answered bool) {
	m := &t.Manifest
	p := &m.Records[len(m.Records)-1]
	first := p.Block
	b := t.C.Repeat(*p)
	m.Records = slices.Clone(m.Records)
	m.Records[len(m.Records)-1] = evidence.Position{Block: b.Number}
	m.Blocks[len(m.Blocks)-1] = *b
	m.Attestations = slices.DeleteFunc(m.Attestations, func(a evidence.Attestation) bool { return a.Block == first })
	if answered {
		for _, o := range t.C.Orgs {
			m.Attestations = append(m.Attestations, t.Attest(o, b.Number))
		}
	}
}
