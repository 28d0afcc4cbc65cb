package evidence_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"testing"

	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/evidence/evidencetest"
	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// attack is one way to cheat: what it changes at each stage of a trip, and the code that must catch it.
type attack struct {
	name      string
	consensus string // "" = BFT
	setup     func(*evidencetest.Consortium)
	during    func(*evidencetest.Trip) // instead of an honest drive
	after     func(*evidencetest.Trip) // on the finished manifest and leaves
	policy    func(*evidence.Policy)
	code      evidence.Code
	status    evidence.Status // of the code's verdict
	bundle    func([]byte) []byte
}

func (a attack) run(t *testing.T) *evidence.Report {
	t.Helper()
	consensus := a.consensus
	if consensus == "" {
		consensus = fabricproof.BFT
	}
	c := evidencetest.New(consensus)
	if a.setup != nil {
		a.setup(c)
	}
	trip := evidencetest.NewTrip(c, evidencetest.NewTracker("T-ED", telemetry.Ed25519), evidencetest.NewTracker("T-EC", telemetry.ESP256))
	if a.during != nil {
		a.during(trip)
	} else {
		trip.Drive(6, 2)
	}
	trip.Finish()
	if a.after != nil {
		a.after(trip)
	}
	policy := c.Policy()
	if a.policy != nil {
		a.policy(policy)
		if err := policy.Validate(); err != nil {
			t.Fatal(err)
		}
	}
	bundle := trip.Bundle()
	if a.bundle != nil {
		bundle = a.bundle(bundle)
	}
	return check(t, bundle, policy, trip.Nonce)
}

// on falsifies every transaction of one function.
func on(fn string, change func(c *evidencetest.Consortium, tx *evidencetest.Tx)) func(*evidencetest.Consortium) {
	return func(c *evidencetest.Consortium) {
		c.OnTx = func(tx *evidencetest.Tx) {
			if string(tx.Args[0]) == fn {
				change(c, tx)
			}
		}
	}
}

func onAnchor(change func(c *evidencetest.Consortium, tx *evidencetest.Tx)) func(*evidencetest.Consortium) {
	return on(ledger.AnchorExtend, change)
}

// onBlock falsifies one block of transactions late in the trip.
func onBlock(change func(c *evidencetest.Consortium, p *evidencetest.BlockParts)) func(*evidencetest.Consortium) {
	return func(c *evidencetest.Consortium) {
		c.OnBlock = func(p *evidencetest.BlockParts) {
			if p.Block.Number == 8 && !p.Config {
				change(c, p)
			}
		}
	}
}

// last is the newest block in the bundle.
func last(t *evidencetest.Trip) *fabricproof.Block {
	return &t.Manifest.Blocks[len(t.Manifest.Blocks)-1]
}

func clone(l []byte) []byte { return append([]byte{}, l...) }

var attacks = []attack{
	// The operator edits, drops, invents.
	{name: "edited reading", code: evidence.Pack, after: func(t *evidencetest.Trip) {
		t.Leaves[3].Pack = clone(t.Leaves[3].Pack)
		t.Leaves[3].Pack[len(t.Leaves[3].Pack)-1] ^= 1
	}},
	{name: "edited signed part", code: evidence.MsgHash, after: func(t *evidencetest.Trip) {
		t.Leaves[3].COSE = clone(t.Leaves[3].COSE)
		t.Leaves[3].COSE[len(t.Leaves[3].COSE)-1] ^= 1
	}},
	{name: "another message under the same leaf", code: evidence.MsgHash, after: func(t *evidencetest.Trip) {
		t.Leaves[3].COSE, t.Leaves[3].Pack = t.Leaves[5].COSE, t.Leaves[5].Pack
	}},
	{name: "rewritten leaf", code: evidence.ShipPrefix, after: func(t *evidencetest.Trip) {
		l, err := telemetry.DecodeLeaf(t.Leaves[2].Entry)
		if err != nil {
			panic(err)
		}
		l.ReceivedMS++
		t.Leaves[2].Entry = l.Encode()
	}},
	{name: "reordered leaves", code: evidence.ShipPrefix, after: func(t *evidencetest.Trip) { t.Leaves[1], t.Leaves[2] = t.Leaves[2], t.Leaves[1] }},
	{name: "one leaf taken out", code: evidence.ShipPrefix, after: func(t *evidencetest.Trip) { t.Leaves = append(slices.Delete(t.Leaves, 4, 5), t.Leaves[0]) }},
	{name: "interior message never logged", code: evidence.SeqGap, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		t.Trackers[0].Message(t.C.NowMS, nil)
		t.Drive(2, 2)
	}},
	{name: "tail never logged, later message known", code: evidence.SeqGap, during: func(t *evidencetest.Trip) {
		t.Drive(4, 2)
		t.Trackers[1].Message(t.C.NowMS, nil)
	}},
	{name: "tail never logged, nothing known after", code: evidence.TailOpen, status: evidence.Unknown, during: func(t *evidencetest.Trip) {
		t.Drive(4, 2)
		t.C.NowMS += 3_600_000
	}, after: func(t *evidencetest.Trip) { t.Manifest.Outside = t.Manifest.Outside[:2] }},
	{name: "head never logged", code: evidence.SeqGap, during: func(t *evidencetest.Trip) {
		t.Trackers[0].Message(t.C.NowMS, nil)
		t.Drive(4, 2)
	}},
	{name: "message before the first withheld", code: evidence.StartOpen, status: evidence.Unknown, after: func(t *evidencetest.Trip) {
		t.Manifest.Outside = t.Manifest.Outside[1:]
	}},
	{name: "whole tracker dropped", code: evidence.SeqGap, during: func(t *evidencetest.Trip) {
		for range 4 {
			t.Log(t.Trackers[0].Message(t.C.NowMS, nil))
			t.Trackers[1].Message(t.C.NowMS, nil)
			t.C.NowMS += t.StepMS
		}
		// The dropped tracker's messages around the shipment do not follow each other.
	}},
	{name: "whole tracker dropped, nothing known of it", code: evidence.NoMessage, status: evidence.Unknown, during: func(t *evidencetest.Trip) {
		for range 4 {
			t.Log(t.Trackers[0].Message(t.C.NowMS, nil))
			t.Trackers[1].Message(t.C.NowMS, nil)
			t.C.NowMS += t.StepMS
		}
	}, after: func(t *evidencetest.Trip) {
		t.Manifest.Outside = [][]byte{t.Manifest.Outside[0], t.Manifest.Outside[2]}
	}},
	{name: "message moved out of the shipment's log", code: evidence.SeqGap, during: func(t *evidencetest.Trip) {
		t.Drive(4, 2)
		cose, _ := evidencetest.Split(t.Trackers[0].Message(t.C.NowMS, nil))
		t.C.NowMS += 10 * t.StepMS
		t.Outside = append(t.Outside, cose)
	}},
	{name: "fabricated message under a key of the operator", code: evidence.KeyUnknown, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		forger := *t.Trackers[0]
		forger.Signer = evidencetest.NewTracker("x", telemetry.Ed25519).Signer
		t.Log(forger.Message(t.C.NowMS, nil))
	}},
	{name: "signature of another message", code: evidence.MsgSig, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		cose, pack := evidencetest.Split(t.Trackers[0].Message(t.C.NowMS, nil))
		cose[len(cose)-1] ^= 1
		t.LogLeaf(telemetry.LeafSigned, cose, pack, nil)
	}},
	{name: "signature in its other form (high s)", code: evidence.MsgSig, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		cose, pack := evidencetest.Split(t.Trackers[1].Message(t.C.NowMS, nil))
		evidencetest.HighSRaw(cose[len(cose)-64:])
		t.LogLeaf(telemetry.LeafSigned, cose, pack, nil)
	}},
	{name: "message in another encoding", code: evidence.MsgCanon, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		cose, pack := evidencetest.Split(t.Trackers[0].Message(t.C.NowMS, nil))
		t.LogLeaf(telemetry.LeafSigned, append(cose, 0), pack, nil)
	}},
	{name: "algorithm chosen by the message", code: evidence.Alg, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		cose, pack := evidencetest.Split(t.Trackers[0].Message(t.C.NowMS, nil))
		i := bytes.Index(cose, []byte{0xa3, 0x01, 0x32}) // {1: -19
		cose[i+2] = 0x28                                 // -9
		t.LogLeaf(telemetry.LeafSigned, cose, pack, nil)
	}},
	{name: "backdated message with a later beacon", code: evidence.BeforeBeacon, during: func(t *evidencetest.Trip) {
		t.Drive(4, 2)
		t.Log(t.Trackers[0].Message(t.C.NowMS-2*t.StepMS, nil))
	}},
	{name: "message signed after its arrival", code: evidence.Future, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		t.Log(t.Trackers[0].Message(t.C.NowMS+30_000, nil))
	}},
	{name: "arrival after the anchor", code: evidence.Future, during: func(t *evidencetest.Trip) {
		t.Drive(1, 2)
		t.C.NowMS += 100_000
		t.Log(t.Trackers[0].Message(t.C.NowMS, nil))
		t.C.NowMS -= 100_000
		t.Anchor(false)
		t.C.NowMS += 100_000
	}},
	{name: "message of another trip replayed", code: evidence.Unbound, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		t.Trackers[0].Beacon = nil
		t.Log(t.Trackers[0].Message(t.C.NowMS-3_600_000, nil))
	}},
	{name: "message of a tracker that was not assigned", code: evidence.Unbound, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		t.Log(evidencetest.NewTracker("stranger", telemetry.Ed25519).Message(t.C.NowMS, nil))
	}},
	{name: "message withheld as a whole", code: evidence.Withheld, status: evidence.Unknown, after: func(t *evidencetest.Trip) { t.Leaves[3].COSE, t.Leaves[3].Pack = nil, nil }},
	{name: "message that is not signed", code: evidence.Unsigned, status: evidence.Unknown, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		t.LogLeaf(telemetry.LeafUnsigned, nil, nil, []byte(`{"temperature":4}`))
	}},
	{name: "edited unsigned message", code: evidence.MsgHash, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		t.LogLeaf(telemetry.LeafUnsigned, nil, nil, []byte(`{"temperature":4}`))
	}, after: func(t *evidencetest.Trip) { t.Leaves[len(t.Leaves)-1].Plain = []byte(`{"temperature":9}`) }},

	// The tracker, cloned, rolled back, lossy.
	{name: "forked tracker", code: evidence.DevFork, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		twin := *t.Trackers[0]
		t.Log(twin.Message(t.C.NowMS+1, nil))
		t.Drive(2, 2)
	}},
	{name: "broken link", code: evidence.Chain, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		t.Trackers[0].Prev[0] ^= 1
		t.Drive(2, 2)
	}},
	{name: "counters went back", code: evidence.BootRegress, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		tr := t.Trackers[0]
		tr.Boot, tr.Seq = 3, 0
		t.Drive(2, 2)
		tr.Boot, tr.Seq = 2, 0
		t.Log(tr.Message(t.C.NowMS, nil))
		tr.Boot, tr.Seq = 3, 2
	}},
	{name: "boot starts in the middle", code: evidence.SeqGap, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		t.Trackers[0].Boot, t.Trackers[0].Seq = 2, 1
		t.Drive(2, 2)
	}},
	{name: "messages before a restart missing", code: evidence.SeqGap, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		t.Trackers[0].Message(t.C.NowMS, nil)
		t.Trackers[0].Boot, t.Trackers[0].Seq = 2, 0
		t.Drive(2, 2)
	}},
	{name: "more declared losses than accepted", code: evidence.GapLimit, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		tr := t.Trackers[0]
		from := tr.Seq
		for range 11 {
			tr.Message(t.C.NowMS, nil)
		}
		t.Log(tr.Message(t.C.NowMS, func(c *telemetry.Claims) {
			c.Kind, c.Gap = telemetry.Gap, &telemetry.GapDetail{Boot: 1, FromSeq: from, ToSeq: from + 10}
		}))
	}},
	{name: "old key after a rotation", code: evidence.KeyWindow, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		old := t.Trackers[0].Signer
		t.Rotate(t.Trackers[0], telemetry.Ed25519)
		t.Drive(2, 2)
		t.Trackers[0].Signer = old
		t.Drive(1, 1)
	}},
	{name: "key used before it was enrolled", code: evidence.KeyWindow, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		t.C.NowMS -= 60_000
		tr := t.Trackers[0]
		tr.Beacon = nil
		next := *tr
		t.C.NowMS += 60_000
		signer := tr.Signer
		t.Rotate(tr, telemetry.Ed25519)
		next.Signer, tr.Signer = tr.Signer, signer
		t.C.NowMS -= 60_000
		t.Log(next.Message(t.C.NowMS, nil))
		t.C.NowMS += 60_000
		tr.Signer, tr.Seq, tr.Prev = next.Signer, next.Seq, next.Prev
	}},
	{name: "message after revocation", code: evidence.KeyRevoked, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		t.Revoke(t.Trackers[0])
		t.C.NowMS += 60_000
		t.Drive(2, 2)
	}},

	// Heads and anchors.
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

	// The shipment's record.
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

	// Finality.
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

	// Blocks and configurations.
	{name: "another consortium", code: fabricproof.Pin, policy: func(p *evidence.Policy) {
		h := sha256.Sum256([]byte("other"))
		p.Config.Hash = hex.EncodeToString(h[:])
	}},
	{name: "root that is not pinned", code: fabricproof.MSPRoot, policy: func(p *evidence.Policy) { p.Roots["AuditorMSP"][0] = p.Config.Hash }},
	{name: "another channel", code: fabricproof.Channel, policy: func(p *evidence.Policy) { p.Channel = "other" }},
	{name: "transaction of another channel", code: fabricproof.Channel, setup: onAnchor(func(_ *evidencetest.Consortium, tx *evidencetest.Tx) { tx.Channel = "other" })},
	{name: "two orderers of four", code: fabricproof.BlockQuorum, setup: onBlock(func(c *evidencetest.Consortium, p *evidencetest.BlockParts) { p.Signers = c.Orgs[:2] })},
	{name: "one orderer three times", code: fabricproof.BlockQuorum, setup: onBlock(func(c *evidencetest.Consortium, p *evidencetest.BlockParts) {
		p.Signers = []*evidencetest.Org{c.Orgs[0], c.Orgs[0], c.Orgs[0]}
	})},
	{name: "block forged by one Raft orderer", consensus: fabricproof.Raft, code: fabricproof.BlockQuorum, setup: onBlock(func(c *evidencetest.Consortium, p *evidencetest.BlockParts) { p.Signers = c.Orgs[:1] })},
	{name: "block of one consensus under the rule of the other", code: fabricproof.BlockQuorum, policy: func(p *evidence.Policy) { p.Orderers.Consensus = "raft" }},
	{name: "wrong orderer signature", code: fabricproof.BlockQuorum, after: func(t *evidencetest.Trip) {
		b := last(t)
		b.Signatures[0] = clone(b.Signatures[0])
		i := bytes.LastIndex(b.Signatures[0], []byte{0x02, 0x20}) // an integer of 32 bytes inside a signature
		if i < 0 {
			i = bytes.LastIndex(b.Signatures[0], []byte{0x02, 0x21}) + 1
		}
		b.Signatures[0][i+20] ^= 1
	}},
	{name: "signed bytes shifted into the header", code: fabricproof.SigFormat, after: func(t *evidencetest.Trip) {
		b := last(t)
		b.Signatures = [][]byte{evidencetest.Shift(b.Signatures[0], false)}
	}},
	{name: "signed bytes shifted into the header, value emptied", code: fabricproof.SigFormat, after: func(t *evidencetest.Trip) {
		b := last(t)
		b.Signatures = [][]byte{evidencetest.Shift(b.Signatures[0], true)}
	}},
	{name: "unknown field in the signatures", code: fabricproof.SigFormat, after: func(t *evidencetest.Trip) {
		b := last(t)
		b.Signatures[0] = evidencetest.Msg(clone(b.Signatures[0])).Uint(9, 1)
	}},
	{name: "duplicate field in the signatures", code: fabricproof.SigFormat, after: func(t *evidencetest.Trip) {
		b := last(t)
		b.Signatures[0] = append([]byte(evidencetest.Msg{}.Bytes(1, evidencetest.OrdererValue(0))), b.Signatures[0]...)
	}},
	{name: "cross-linked block: envelopes cut elsewhere", code: fabricproof.TxMalformed, during: func(t *evidencetest.Trip) { t.Strangers = 1; t.Drive(4, 2) }, after: func(t *evidencetest.Trip) {
		b := last(t)
		// The concatenation, and so the data hash, stays the same.
		b.Envelopes = [][]byte{append(clone(b.Envelopes[0]), b.Envelopes[1][:10]...), b.Envelopes[1][10:]}
	}},
	{name: "cross-linked block: envelopes joined", code: fabricproof.TxMalformed, during: func(t *evidencetest.Trip) { t.Strangers = 1; t.Drive(4, 2) }, after: func(t *evidencetest.Trip) {
		b := last(t)
		b.Envelopes = [][]byte{append(clone(b.Envelopes[0]), b.Envelopes[1]...)}
	}},
	{name: "stranger's envelope exchanged", code: fabricproof.DataHash, during: func(t *evidencetest.Trip) { t.Strangers = 2; t.Drive(4, 2) }, after: func(t *evidencetest.Trip) {
		b := last(t)
		b.Envelopes = slices.Clone(b.Envelopes)
		b.Envelopes[0] = b.Envelopes[1]
	}},
	{name: "stale configuration", code: fabricproof.ConfigStale, during: func(t *evidencetest.Trip) { t.Drive(2, 2); t.C.Configure(); t.Drive(2, 2) }, after: func(t *evidencetest.Trip) {
		t.Manifest.Configs = t.Manifest.Configs[:1]
	}},
	{name: "block names an older configuration", code: fabricproof.ConfigStale, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		t.C.Configure()
		t.C.OnBlock = func(p *evidencetest.BlockParts) { p.LastConfig = 0 }
		t.Drive(2, 2)
	}},
	{name: "configuration left out of the chain", code: fabricproof.ConfigLink, during: func(t *evidencetest.Trip) { t.Drive(2, 2); t.C.Configure(); t.C.Configure(); t.Drive(2, 2) }, after: func(t *evidencetest.Trip) {
		t.Manifest.Configs = slices.Delete(t.Manifest.Configs, 1, 2)
	}},
	{name: "configuration that too few signed", code: fabricproof.ConfigSig, during: func(t *evidencetest.Trip) {
		t.C.OnBlock = func(p *evidencetest.BlockParts) {
			if p.Config {
				p.Signers = t.C.Orgs[:2]
			}
		}
		t.C.Configure()
		t.Drive(4, 2)
	}},
	{name: "revoked orderer", code: fabricproof.Identity, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		o := t.C.Orgs[0]
		t.C.Revoked[o.OrdererMSP] = o.OrdererCA.CRL(o.Orderer)
		t.C.Configure()
		t.Drive(2, 2)
	}},
	{name: "neighbouring blocks that are not linked", code: fabricproof.HeaderChain, setup: onBlock(func(_ *evidencetest.Consortium, p *evidencetest.BlockParts) {
		p.Block.Previous = make([]byte, 32)
	})},

	// Transactions.
	{name: "creator's signature by another", code: fabricproof.CreatorSig, setup: onAnchor(func(c *evidencetest.Consortium, tx *evidencetest.Tx) { tx.SignWith = c.Org("auditor").Client })},
	{name: "creator of no organisation", code: fabricproof.Identity, setup: onAnchor(func(c *evidencetest.Consortium, tx *evidencetest.Tx) {
		stranger := evidencetest.NewAuthority("CarrierMSP").Issue("stranger", "client")
		stranger.MSP = "CarrierMSP"
		tx.SwapCreator(stranger)
	})},
	{name: "transaction id of another", code: fabricproof.TxID, setup: onAnchor(func(_ *evidencetest.Consortium, tx *evidencetest.Tx) {
		tx.TxIDIs = hex.EncodeToString(make([]byte, 32))
	})},
	{name: "endorsed another proposal", code: fabricproof.ProposalHash, setup: onAnchor(func(_ *evidencetest.Consortium, tx *evidencetest.Tx) { tx.Hash = make([]byte, 32) })},
	{name: "action under another header", code: fabricproof.TxMalformed, setup: onAnchor(func(_ *evidencetest.Consortium, tx *evidencetest.Tx) { tx.Header = []byte("other") })},
	{name: "answered by another chaincode", code: fabricproof.Chaincode, setup: onAnchor(func(_ *evidencetest.Consortium, tx *evidencetest.Tx) { tx.Answered = "other" })},
	{name: "called another chaincode", code: fabricproof.Chaincode, setup: onAnchor(func(_ *evidencetest.Consortium, tx *evidencetest.Tx) { tx.Called = "other" })},
	{name: "refused by the chaincode", code: fabricproof.Chaincode, setup: onAnchor(func(_ *evidencetest.Consortium, tx *evidencetest.Tx) { tx.Status = 500 })},
	{name: "written outside its namespace", code: fabricproof.RWSet, setup: onAnchor(func(_ *evidencetest.Consortium, tx *evidencetest.Tx) {
		tx.Namespaces = evidencetest.Msg{}.Sub(2, evidencetest.Msg{}.Text(1, "other").Bytes(2, evidencetest.Msg{}.Sub(3, evidencetest.Msg{}.Text(1, "k"))))
	})},
	{name: "duplicate namespace", code: fabricproof.RWSet, setup: onAnchor(func(_ *evidencetest.Consortium, tx *evidencetest.Tx) {
		tx.Namespaces = evidencetest.Msg{}.Sub(2, evidencetest.Msg{}.Text(1, ledger.Chaincode))
	})},
	{name: "unknown field in the answer", code: fabricproof.TxMalformed, setup: onAnchor(func(_ *evidencetest.Consortium, tx *evidencetest.Tx) { tx.Extra = evidencetest.Msg{}.Uint(7, 1) })},
	{name: "field twice in the answer", code: fabricproof.TxMalformed, setup: onAnchor(func(_ *evidencetest.Consortium, tx *evidencetest.Tx) {
		tx.Extra = evidencetest.Msg{}.Bytes(2, []byte("x"))
	})},
	{name: "endorsement by one organisation", code: fabricproof.EndorsePolicy, setup: onAnchor(func(_ *evidencetest.Consortium, tx *evidencetest.Tx) { tx.Endorsers = tx.Endorsers[:1] })},
	{name: "one endorser twice", code: fabricproof.EndorsePolicy, setup: onAnchor(func(_ *evidencetest.Consortium, tx *evidencetest.Tx) { tx.Endorsers[1] = tx.Endorsers[0] })},
	{name: "endorsement by a client", code: fabricproof.Identity, setup: onAnchor(func(c *evidencetest.Consortium, tx *evidencetest.Tx) { tx.Endorsers[1] = c.Org("shipper").Client })},
	{name: "endorsement by an orderer", code: fabricproof.Identity, setup: onAnchor(func(c *evidencetest.Consortium, tx *evidencetest.Tx) { tx.Endorsers[1] = c.Org("shipper").Orderer })},
	{name: "endorser with two roles", code: fabricproof.Identity, setup: onAnchor(func(c *evidencetest.Consortium, tx *evidencetest.Tx) {
		tx.Endorsers[1] = c.Org("shipper").CA.Issue("both", "peer", "client")
	})},
	{name: "wrong endorsement", code: fabricproof.EndorseSig, setup: onAnchor(func(c *evidencetest.Consortium, tx *evidencetest.Tx) {
		tx.Endorse = func(i int, s []byte) []byte { return c.Org("auditor").Peer.Sign([]byte("other")) }
	})},
	{name: "endorsement in its other form (high s)", code: fabricproof.EndorseSig, setup: onAnchor(func(_ *evidencetest.Consortium, tx *evidencetest.Tx) {
		tx.Endorse = func(i int, s []byte) []byte { return evidencetest.HighS(tx.Endorsers[i], s) }
	})},
	{name: "replaced chaincode", code: fabricproof.CCDefinition, policy: func(p *evidence.Policy) { p.Definitions = []evidence.Position{{Block: 1, Tx: 1}} }},
	{name: "named as writer without having written", code: fabricproof.RWSet, setup: on(ledger.ShipmentClose, func(c *evidencetest.Consortium, tx *evidencetest.Tx) {
		for i := range tx.Reads {
			if tx.Reads[i].Key == ledger.TrackerKeyOf("T-ED") {
				tx.Reads[i].Version = &fabricproof.Version{Block: 2}
			}
		}
	})},

	// The file itself.
	{name: "bytes after the end", code: evidence.BundleFormat, bundle: func(b []byte) []byte { return append(b, 0) }},
	{name: "cut off", code: evidence.BundleFormat, bundle: func(b []byte) []byte { return b[:len(b)-1] }},
	{name: "empty", code: evidence.BundleFormat, bundle: func([]byte) []byte { return nil }},
	{name: "another version", code: evidence.BundleFormat, bundle: func(b []byte) []byte { b[2] = 2; return b }},
	{name: "length that the file does not have", code: evidence.BundleFormat, bundle: func(b []byte) []byte {
		return append(clone(b[:5]), 0x7b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
	}},
	{name: "block that nothing uses", code: evidence.BundleFormat, after: func(t *evidencetest.Trip) {
		t.Manifest.Blocks = append([]fabricproof.Block{*t.C.Blocks[1]}, t.Manifest.Blocks...)
	}},
}

// drop takes record i out, with its block.
func drop(t *evidencetest.Trip, i int) {
	m := &t.Manifest
	block := m.Records[i].Block
	m.Records = slices.Delete(slices.Clone(m.Records), i, i+1)
	m.Blocks = slices.DeleteFunc(slices.Clone(m.Blocks), func(b fabricproof.Block) bool { return b.Number == block })
}

func TestAttacks(t *testing.T) {
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			r := a.run(t)
			want := a.status
			if want == "" {
				want = evidence.Fail
			}
			found := false
			for _, f := range r.Findings {
				if f.Code == a.code {
					found = true
					if f.Where == "" || f.Expected == "" || f.Found == "" {
						t.Errorf("finding without place, expectation or result: %+v", f)
					}
					if got := r.Verdicts.Of(f.Verdict); got != want {
						t.Errorf("%s is %s, want %s", f.Verdict, got, want)
					}
				}
			}
			if !found || r.Exit() == evidence.ExitPass {
				t.Errorf("want %s, exit %d", a.code, r.Exit())
				for _, f := range r.Findings {
					t.Log(f)
				}
			}
			// Warnings apart, nothing but the attack is reported, so the code is exact.
			for _, f := range r.Findings {
				if f.Severity == "fail" && f.Code != a.code {
					t.Logf("also: %s", f)
				}
			}
		})
	}
}
