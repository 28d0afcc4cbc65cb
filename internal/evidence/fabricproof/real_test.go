package fabricproof_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
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

// A fifth organisation joined a Fabric 3.1.1 network by `network member join` (TestStackMembers) and was evicted: the orderers signed the blocks, and the
// administrators of more than half of the members the updates in them.
func TestRealJoin(t *testing.T) {
	raw, err := os.ReadFile("testdata/fabric-3.1.1-join.json")
	if err != nil {
		t.Fatal(err)
	}
	var v struct{ Configs []fabricproof.Block }
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	genesis, joined := &v.Configs[0], &v.Configs[1]
	before, err := fabricproof.DecodeConfig(genesis)
	if err != nil {
		t.Fatal(err)
	}
	roots := map[string][]fabricproof.Hash{}
	for _, side := range []map[string]*fabricproof.MSP{before.Application, before.Orderers} {
		for id, m := range side {
			roots[id] = m.RootHashes
		}
	}
	rule := fabricproof.OrdererRule{Consensus: fabricproof.BFT, Organisations: 3}
	for accept, want := range map[bool]fabricproof.Code{true: "", false: fabricproof.MSPRoot} {
		chain, err := fabricproof.NewChain(ledger.Channel, rule, fabricproof.Trust{Roots: roots, Joined: accept}, 0, genesis.Hash(), genesis)
		if err != nil {
			t.Fatal(err)
		}
		err = chain.Add(joined)
		if got := codeOf(err); got != want {
			t.Errorf("accepting who joined: %t: %v, want %q", accept, err, want)
		}
		if accept && (len(chain.Newest().Joined) != 1 || len(chain.Newest().Application) != 5) {
			t.Errorf("%v joined, want one of five", chain.Newest().Joined)
		}
		if !accept {
			continue
		}
		if err := chain.Add(&v.Configs[2]); err != nil || len(chain.Newest().Joined) != 0 || len(chain.Newest().Application) != 4 {
			t.Errorf("after the eviction: %v, %v joined; want four that did not", err, chain.Newest().Joined)
		}
	}

	// Of three signatures that are needed, one that is not right is one too few.
	after, err := fabricproof.DecodeConfig(joined)
	if err != nil {
		t.Fatal(err)
	}
	if err := fabricproof.CheckUpdate(before, after); err != nil {
		t.Fatal(err)
	}
	for _, at := range []int{len(after.Update()) / 2, len(after.Update()) - 200} {
		bent := *joined
		bent.Envelopes = [][]byte{bytes.Clone(joined.Envelopes[0])}
		i := bytes.Index(bent.Envelopes[0], after.Update())
		bent.Envelopes[0][i+at] ^= 1
		sum := sha256.Sum256(bent.Envelopes[0])
		bent.DataHash = sum[:]
		forged, err := fabricproof.DecodeConfig(&bent)
		if err != nil {
			t.Fatal(err)
		}
		if err := fabricproof.CheckUpdate(before, forged); codeOf(err) != fabricproof.ConfigSig {
			t.Errorf("byte %d changed: %v, want %s", at, err, fabricproof.ConfigSig)
		}
	}
}

func codeOf(err error) fabricproof.Code {
	var f *fabricproof.Fault
	if errors.As(err, &f) {
		return f.Code
	}
	return ""
}
