package evidence_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/evidence/evidencetest"
	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
	"github.com/trackseal/trackseal/internal/ledger"
)

// blockAttacks: blocks and configurations.
var blockAttacks = []attack{
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
	{name: "whole consortium substituted", code: fabricproof.Pin, policy: func(p *evidence.Policy) { *p = *evidencetest.New(fabricproof.BFT).Policy() }},
	{name: "signatures on the pinned configuration", code: fabricproof.SigFormat, after: func(t *evidencetest.Trip) { t.Manifest.Configs[0].Signatures = t.Manifest.Blocks[0].Signatures }},
	{name: "edited configuration", code: fabricproof.DataHash, during: func(t *evidencetest.Trip) { t.Drive(2, 2); t.C.Configure(); t.Drive(2, 2) }, after: func(t *evidencetest.Trip) {
		b := &t.Manifest.Configs[1]
		b.Envelopes = [][]byte{bytes.Replace(b.Envelopes[0], []byte("127.0.0.1"), []byte("127.0.0.9"), 1)}
	}},
	{name: "one Raft orderer three times", consensus: fabricproof.Raft, code: fabricproof.BlockQuorum, setup: onBlock(func(c *evidencetest.Consortium, p *evidencetest.BlockParts) {
		p.Signers = []*evidencetest.Org{c.Orgs[0], c.Orgs[0], c.Orgs[0]}
	})},
	{name: "block signed by Raft orderers of another consortium", consensus: fabricproof.Raft, code: fabricproof.Identity, setup: onBlock(func(_ *evidencetest.Consortium, p *evidencetest.BlockParts) {
		p.Signers = evidencetest.New(fabricproof.Raft).Orgs
	})},
	{name: "configuration signed by Raft orderers of another consortium", consensus: fabricproof.Raft, code: fabricproof.ConfigSig, during: func(t *evidencetest.Trip) {
		t.C.OnBlock = func(p *evidencetest.BlockParts) {
			if p.Config {
				p.Signers = evidencetest.New(fabricproof.Raft).Orgs
			}
		}
		t.C.Configure()
		t.Drive(4, 2)
	}},
	{name: "block signed by a peer instead of its orderer", consensus: fabricproof.Raft, code: fabricproof.Identity, setup: onBlock(func(c *evidencetest.Consortium, p *evidencetest.BlockParts) {
		o := *c.Orgs[0]
		o.Orderer = o.Peer
		p.Signers = []*evidencetest.Org{&o, c.Orgs[1], c.Orgs[2]}
	})},
	{name: "orderer's signature in its other form (high s)", code: fabricproof.BlockQuorum, setup: onBlock(func(_ *evidencetest.Consortium, p *evidencetest.BlockParts) {
		p.Sign = func(o *evidencetest.Org, s []byte) []byte { return evidencetest.HighS(o.Orderer, s) }
	})},
	{name: "signed bytes shifted into the header, Raft", consensus: fabricproof.Raft, code: fabricproof.SigFormat, after: func(t *evidencetest.Trip) {
		b := last(t)
		b.Signatures = slices.Clone(b.Signatures)
		b.Signatures[0] = evidencetest.Shift(b.Signatures[0], false)
	}},
	{name: "signed bytes shifted into the header, value emptied, Raft", consensus: fabricproof.Raft, code: fabricproof.SigFormat, after: func(t *evidencetest.Trip) {
		b := last(t)
		b.Signatures = slices.Clone(b.Signatures)
		b.Signatures[0] = evidencetest.Shift(b.Signatures[0], true)
	}},
	{name: "revoked endorser", code: fabricproof.Identity, during: revokedEndorser},
	{name: "revoked endorser, the configuration that revoked it left out", code: fabricproof.ConfigStale, during: revokedEndorser, after: func(t *evidencetest.Trip) {
		t.Manifest.Configs = t.Manifest.Configs[:1]
	}},
}

// transactionAttacks: single transactions.
var transactionAttacks = []attack{
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
	{name: "creator's signature in its other form (high s)", code: fabricproof.CreatorSig, setup: onAnchor(func(_ *evidencetest.Consortium, tx *evidencetest.Tx) {
		tx.Sign = func(s []byte) []byte { return evidencetest.HighS(tx.Creator, s) }
	})},
}

// fileAttacks: the file itself.
var fileAttacks = []attack{
	{name: "bytes after the end", code: evidence.BundleFormat, bundle: func(b []byte) []byte { return append(b, 0) }},
	{name: "cut off", code: evidence.BundleFormat, bundle: func(b []byte) []byte { return b[:len(b)-1] }},
	{name: "empty", code: evidence.BundleFormat, bundle: func([]byte) []byte { return nil }},
	{name: "another version", code: evidence.BundleFormat, bundle: func(b []byte) []byte { b[2] = 2; return b }},
	{name: "length that the file does not have", code: evidence.BundleFormat, bundle: func(b []byte) []byte {
		return append(clone(b[:5]), 0x7b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
	}},
	{name: "details given twice", code: evidence.BundleFormat, after: func(t *evidencetest.Trip) {
		t.Manifest.Details = append(t.Manifest.Details, t.Manifest.Details[0])
	}},
	{name: "block that nothing uses", code: evidence.BundleFormat, after: func(t *evidencetest.Trip) {
		t.Manifest.Blocks = append([]fabricproof.Block{*t.C.Blocks[1]}, t.Manifest.Blocks...)
	}},
}

// revokedEndorser: the shipper's peer, which endorses the carrier's anchors, is revoked on the way.
func revokedEndorser(t *evidencetest.Trip) {
	t.Drive(2, 2)
	o := t.C.Org("shipper")
	t.C.Revoked[o.MSP] = o.CA.CRL(o.Peer)
	t.C.Configure()
	t.Drive(2, 2)
}
