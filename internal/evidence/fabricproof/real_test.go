package fabricproof_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
	"github.com/trackseal/trackseal/internal/ledger"
)

// vector was written by a Fabric 3.1.1 network (see the stack test of internal/fabric).
type vector struct {
	Genesis, Block []byte
	Answer         fabricproof.Attestation
	Tx             uint64
}

func TestRealNetwork(t *testing.T) {
	raw, err := os.ReadFile("testdata/fabric-3.1.1-bft.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vector
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	genesis, err := fabricproof.DecodeBlock(v.Genesis)
	if err != nil {
		t.Fatal(err)
	}
	config, err := fabricproof.DecodeConfig(genesis)
	if err != nil {
		t.Fatal(err)
	}
	roots := map[string][]fabricproof.Hash{}
	for _, side := range []map[string]*fabricproof.MSP{config.Application, config.Orderers} {
		for id, m := range side {
			roots[id] = m.RootHashes
		}
	}
	chain, err := fabricproof.NewChain(ledger.Channel, fabricproof.OrdererRule{Consensus: fabricproof.BFT, Organisations: 3}, fabricproof.Trust{Roots: roots}, 0, genesis.Hash(), genesis)
	if err != nil {
		t.Fatal(err)
	}
	block, err := fabricproof.DecodeBlock(v.Block)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := chain.CheckBlock(block)
	if err != nil || len(signed.Signers) != 3 {
		t.Fatal(signed, err)
	}
	rule := fabricproof.EndorserRule{Of: []string{"CarrierMSP", "ShipperMSP", "ConsigneeMSP", "AuditorMSP"}, AtLeast: 2}
	tx, err := chain.Transaction(block, v.Tx, ledger.Chaincode, rule)
	if err != nil || len(tx.Endorsers) < 2 || string(tx.Args[0]) != ledger.ShipmentCreate.Name() {
		t.Fatal(tx, err)
	}
	at, err := chain.Attestation(v.Answer, block.Number)
	if err != nil || at.TxID != tx.ID || at.Block.Hash() != block.Hash() || at.Block.Filter[v.Tx] != 0 {
		t.Fatal(at, err)
	}
}
