package fabric

import (
	"crypto/rand"
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
	"github.com/trackseal/trackseal/internal/ledger"
)

// The verifier's decoder is stricter than Fabric: here it meets what a real network writes.
func TestStackAnswersVerifyOffline(t *testing.T) {
	s := realStack(t)
	c := s.open(t, "carrier", "api")
	ctx := t.Context()
	id := "carrier.ev-" + rand.Text()[:10]
	rules, _ := compliance.Lookup("general-2-8@1")
	res, err := c.Submit(ctx, ledger.ShipmentCreate.Name(), ledger.CreateArgs{ID: id, RuleSet: rules.Ref(), RuleSetHash: rules.Hash(),
		Parties: ledger.Parties{ledger.Carrier: {"CarrierMSP"}, ledger.Shipper: {"ShipperMSP"}, ledger.Consignee: {"ConsigneeMSP"}}})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := c.BlockByTx(ctx, res.TxID)
	if err != nil {
		t.Fatal(err)
	}
	block, err := fabricproof.DecodeBlock(raw)
	if err != nil {
		t.Fatal(err)
	}
	genesisRaw, err := c.BlockByNumber(ctx, 0)
	if err != nil {
		t.Fatal(err)
	}
	genesis, err := fabricproof.DecodeBlock(genesisRaw)
	if err != nil {
		t.Fatal(err)
	}
	config, err := fabricproof.DecodeConfig(genesis)
	if err != nil {
		t.Fatal(err)
	}
	roots := map[string][]fabricproof.Hash{}
	for _, side := range []map[string]*fabricproof.MSP{config.Application, config.Orderers} {
		for msp, m := range side {
			roots[msp] = m.RootHashes
		}
	}
	rule := fabricproof.OrdererRule{Consensus: config.Consensus, Organisations: 3}
	chain, err := fabricproof.NewChain(ledger.Channel, rule, fabricproof.Trust{Roots: roots, Joined: true}, 0, genesis.Hash(), genesis)
	if err != nil {
		t.Fatal(err)
	}
	// The channel's configuration may have been changed by other tests: from the newest one back, then forwards.
	decoded := func(n uint64) *fabricproof.Block {
		raw, err := c.BlockByNumber(ctx, n)
		if err != nil {
			t.Fatal(err)
		}
		b, err := fabricproof.DecodeBlock(raw)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	var configs []*fabricproof.Block
	for before := block; ; {
		n, err := before.LastConfig()
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			break
		}
		configs = append(configs, decoded(n))
		if n == 1 {
			break
		}
		before = decoded(n - 1) // names the configuration before
	}
	for _, next := range slices.Backward(configs) {
		if err := chain.Add(next); err != nil {
			t.Fatal(err)
		}
	}
	if config.Consensus == fabricproof.Raft {
		block.Signatures = nil
		for _, org := range c.OrdererOrganisations() {
			raw, err := c.OrdererBlock(ctx, org, block.Number)
			if err != nil {
				t.Fatal(err)
			}
			copy, err := fabricproof.DecodeBlock(raw)
			if err != nil {
				t.Fatal(err)
			}
			block.Signatures = append(block.Signatures, copy.Signatures...)
		}
	}
	signed, err := chain.CheckBlock(block)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d orderers signed block %d", len(signed.Signers), block.Number)
	var tx *fabricproof.Transaction
	for i := range block.Envelopes {
		x, err := chain.Transaction(block, uint64(i), ledger.Chaincode, fabricproof.EndorserRule{Of: []string{"CarrierMSP", "ShipperMSP", "ConsigneeMSP", "AuditorMSP"}, AtLeast: 2})
		if err != nil {
			t.Fatal(err)
		}
		if x.ID == res.TxID {
			tx = x
		}
	}
	if tx == nil || tx.Write(ledger.Chaincode, ledger.ShipmentKey(id)) == nil {
		t.Fatalf("the transaction is not in its block: %+v", tx)
	}
	if _, ok := tx.Definition(ledger.Chaincode); !ok {
		t.Errorf("the chaincode definition is not in the read set: %+v", tx.Reads)
	}
	nonce := []byte("auditor's nonce")
	for _, org := range c.PeerOrganisations() {
		a, err := c.SignedBlockByTx(ctx, org, res.TxID, nonce)
		if err != nil {
			t.Fatal(err)
		}
		proof := fabricproof.Attestation{ChannelHeader: a.ChannelHeader, SignatureHeader: a.SignatureHeader, Proposal: a.Proposal, Response: a.Response, Endorser: a.Endorser, Signature: a.Signature}
		at, err := chain.Attestation(proof, block.Number)
		if err != nil {
			t.Fatal(err)
		}
		if string(at.Nonce) != string(nonce) || at.TxID != res.TxID || at.Block.Hash() != block.Hash() || at.Block.Filter[tx.Position.Tx] != 0 {
			t.Errorf("%s: %+v", org, at)
		}
		// Writes a vector for internal/evidence/oracle.
		if out := os.Getenv("TRACKSEAL_CAPTURE"); out != "" {
			data, err := json.Marshal(map[string]any{"genesis": genesisRaw, "block": raw, "answer": proof, "tx": tx.Position.Tx})
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(out, data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}
