// Package oracle compares fabricproof with Fabric's own code. Its rule: whatever fabricproof accepts, Fabric accepts too, and
// reads the same. The other direction does not hold, on purpose.
package oracle

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/hyperledger/fabric-lib-go/bccsp/sw"
	"github.com/hyperledger/fabric-lib-go/common/flogging"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/hyperledger/fabric/common/configtx"
	"github.com/hyperledger/fabric/common/deliverclient"
	"github.com/hyperledger/fabric/common/policies"
	"github.com/hyperledger/fabric/core/ledger/kvledger/txmgmt/rwsetutil"
	"github.com/hyperledger/fabric/protoutil"
	"google.golang.org/protobuf/proto"

	"github.com/trackseal/trackseal/internal/evidence/evidencetest"
	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
	"github.com/trackseal/trackseal/internal/ledger"
)

type vector struct {
	Genesis, Block []byte
	Answer         fabricproof.Attestation
	Tx             uint64
}

func load(t testing.TB) (v vector) {
	raw, err := os.ReadFile("../fabricproof/testdata/fabric-3.1.1-bft.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// ours is the chain that trusts the vector's first block.
func ours(t testing.TB, v vector) *fabricproof.Chain {
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
	return chain
}

// theirs is Fabric's own verifier of delivered blocks, standing before the vector's block.
func theirs(t testing.TB, v vector) *deliverclient.BlockVerificationAssistant {
	genesis, block := new(common.Block), new(common.Block)
	if err := proto.Unmarshal(v.Genesis, genesis); err != nil {
		t.Fatal(err)
	}
	if err := proto.Unmarshal(v.Block, block); err != nil {
		t.Fatal(err)
	}
	envelope, err := protoutil.ExtractEnvelope(genesis, 0)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := protoutil.UnmarshalPayload(envelope.Payload)
	if err != nil {
		t.Fatal(err)
	}
	config, err := configtx.UnmarshalConfigEnvelope(payload.Data)
	if err != nil {
		t.Fatal(err)
	}
	provider, err := sw.NewDefaultSecurityLevelWithKeystore(sw.NewDummyKeyStore())
	if err != nil {
		t.Fatal(err)
	}
	a, err := deliverclient.NewBlockVerificationAssistantFromConfig(config.Config, block.Header.Number-1, block.Header.PreviousHash, ledger.Channel, provider, flogging.MustGetLogger("oracle"))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestRealBlock(t *testing.T) {
	v := load(t)
	chain, fabric := ours(t, v), theirs(t, v)
	b, err := fabricproof.DecodeBlock(v.Block)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := chain.CheckBlock(b); err != nil {
		t.Fatal(err)
	}
	block := new(common.Block)
	if err := proto.Unmarshal(v.Block, block); err != nil {
		t.Fatal(err)
	}
	if err := fabric.VerifyBlock(block); err != nil {
		t.Fatal(err)
	}
	hash := b.Hash()
	if !bytes.Equal(hash[:], protoutil.BlockHeaderHash(block.Header)) || !bytes.Equal(b.DataHash, protoutil.ComputeBlockDataHash(block.Data)) {
		t.Error("hashes differ")
	}
	compareTransaction(t, chain, b, v.Tx)
}

// compareTransaction reads a transaction with both.
func compareTransaction(t *testing.T, chain *fabricproof.Chain, b *fabricproof.Block, index uint64) {
	t.Helper()
	tx, err := chain.Transaction(b, index, ledger.Chaincode, fabricproof.EndorserRule{Of: []string{"CarrierMSP", "ShipperMSP", "ConsigneeMSP", "AuditorMSP"}, AtLeast: 2})
	if err != nil {
		t.Fatal(err)
	}
	env, err := protoutil.GetEnvelopeFromBlock(b.Envelopes[index])
	if err != nil {
		t.Fatal(err)
	}
	payload, err := protoutil.UnmarshalPayload(env.Payload)
	if err != nil {
		t.Fatal(err)
	}
	head, err := protoutil.UnmarshalChannelHeader(payload.Header.ChannelHeader)
	if err != nil {
		t.Fatal(err)
	}
	sig, err := protoutil.UnmarshalSignatureHeader(payload.Header.SignatureHeader)
	if err != nil {
		t.Fatal(err)
	}
	if id := protoutil.ComputeTxID(sig.Nonce, sig.Creator); id != tx.ID || head.TxId != id {
		t.Errorf("transaction id %s, ours %s", id, tx.ID)
	}
	if ms := head.Timestamp.AsTime().UnixMilli(); ms != tx.TimeMS {
		t.Errorf("time %d, ours %d", ms, tx.TimeMS)
	}
	action, err := protoutil.GetActionFromEnvelope(b.Envelopes[index])
	if err != nil {
		t.Fatal(err)
	}
	sets := &rwsetutil.TxRwSet{}
	if err := sets.FromProtoBytes(action.Results); err != nil {
		t.Fatal(err)
	}
	reads, writes := 0, 0
	for _, ns := range sets.NsRwSets {
		reads, writes = reads+len(ns.KvRwSet.Reads), writes+len(ns.KvRwSet.Writes)
		for _, r := range ns.KvRwSet.Reads {
			have, ok := tx.Read(ns.NameSpace, r.Key)
			if !ok || (have.Version == nil) != (r.Version == nil) || r.Version != nil && (have.Version.Block != r.Version.BlockNum || have.Version.Tx != r.Version.TxNum) {
				t.Errorf("read of %q: %v, ours %v", r.Key, r.Version, have.Version)
			}
		}
		for _, w := range ns.KvRwSet.Writes {
			if !bytes.Equal(tx.Write(ns.NameSpace, w.Key), w.Value) {
				t.Errorf("write of %q differs", w.Key)
			}
		}
	}
	if reads != len(tx.Reads) || writes != len(tx.Writes) {
		t.Errorf("%d reads and %d writes, ours %d and %d", reads, writes, len(tx.Reads), len(tx.Writes))
	}
	full, err := protoutil.UnmarshalTransaction(payload.Data)
	if err != nil {
		t.Fatal(err)
	}
	cap, err := protoutil.UnmarshalChaincodeActionPayload(full.Actions[0].Payload)
	if err != nil {
		t.Fatal(err)
	}
	want, err := protoutil.GetProposalHash2(payload.Header, cap.ChaincodeProposalPayload)
	if err != nil {
		t.Fatal(err)
	}
	prp := new(peer.ProposalResponsePayload)
	if err := proto.Unmarshal(cap.Action.ProposalResponsePayload, prp); err != nil || !bytes.Equal(prp.ProposalHash, want) {
		t.Errorf("proposal hash %s, %v", hex.EncodeToString(want), err)
	}
}

// A block that was changed in one byte: what we still accept, Fabric accepts.
func TestChangedBlocks(t *testing.T) {
	v := load(t)
	rng := rand.New(rand.NewPCG(3, 1))
	accepted := 0
	for range 3000 {
		data := bytes.Clone(v.Block)
		at, flip := rng.IntN(len(data)), byte(1+rng.IntN(255))
		data[at] ^= flip
		b, err := fabricproof.DecodeBlock(data)
		if err != nil {
			continue
		}
		if _, err := ours(t, v).CheckBlock(b); err != nil {
			continue
		}
		accepted++ // a byte of what no orderer signs: the validity filter, the commit hash
		block := new(common.Block)
		if err := proto.Unmarshal(data, block); err != nil {
			t.Fatalf("byte %d ^ %#x: we accept what Fabric cannot read: %v", at, flip, err)
		}
		if err := theirs(t, v).VerifyBlock(block); err != nil { // a new one each time: it moves on to the next block
			t.Errorf("byte %d ^ %#x: we accept what Fabric refuses: %v", at, flip, err)
		}
	}
	t.Logf("%d changed blocks accepted by both", accepted)
}

// The synthetic consortium of the other tests must be Fabric's as well: every message that it encodes is read by Fabric's
// types and encodes to the same bytes again.
func TestSyntheticConsortium(t *testing.T) {
	for _, consensus := range []string{fabricproof.BFT, fabricproof.Raft} {
		trip := evidencetest.Standard(consensus, 4)
		for n, b := range trip.C.Blocks {
			if n < 2 {
				continue
			}
			withFilter := *b
			withFilter.Filter = trip.C.Filters[n]
			block := new(common.Block)
			if err := proto.Unmarshal(evidencetest.EncodeBlock(&withFilter), block); err != nil {
				t.Fatal(err)
			}
			hash := b.Hash()
			if !bytes.Equal(hash[:], protoutil.BlockHeaderHash(block.Header)) {
				t.Errorf("block %d: header hash differs", n)
			}
			data, err := protoutil.BlockDataHash(block.Data)
			if err != nil || !bytes.Equal(data, b.DataHash) {
				t.Errorf("block %d: data hash: %v", n, err)
			}
			for i := range b.Envelopes {
				action, err := protoutil.GetActionFromEnvelope(b.Envelopes[i])
				if err != nil {
					t.Fatalf("block %d: %v", n, err)
				}
				sets := &rwsetutil.TxRwSet{}
				if err := sets.FromProtoBytes(action.Results); err != nil {
					t.Errorf("block %d: %v", n, err)
				}
			}
		}
	}
}

func TestQuorum(t *testing.T) {
	for n := 1; n <= 200; n++ {
		if want := policies.ComputeBFTQuorum(n, (n-1)/3); fabricproof.Quorum(n) != want {
			t.Errorf("quorum of %d is %d, ours %d", n, want, fabricproof.Quorum(n))
		}
	}
}

// FuzzAcceptance: bytes that the strict decoder takes as a block are canonical for Fabric's types too.
func FuzzAcceptance(f *testing.F) {
	v := load(f)
	f.Add(v.Block)
	f.Add(v.Genesis)
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := fabricproof.DecodeBlock(data)
		if err != nil {
			return
		}
		block := new(common.Block)
		if err := proto.Unmarshal(data, block); err != nil {
			t.Fatalf("accepted what Fabric cannot read: %v", err)
		}
		again, err := proto.MarshalOptions{Deterministic: true}.Marshal(block)
		if err != nil || !bytes.Equal(again, data) {
			t.Errorf("accepted a form that Fabric would not write: %x, %x", data, again)
		}
		if b.CheckData() == nil && b.Number > 0 {
			if sum, err := protoutil.BlockDataHash(block.Data); err != nil || !bytes.Equal(sum, b.DataHash) {
				t.Errorf("data hash: %v", err)
			}
		}
		if _, err := b.LastConfig(); err == nil {
			md := new(common.Metadata)
			if err := proto.Unmarshal(b.Signatures[0], md); err != nil {
				t.Errorf("signatures: %v", err)
			}
		}
		for i := range b.Envelopes {
			p, err := b.Peek(i, ledger.Chaincode)
			if err != nil || len(p.Reads) == 0 {
				continue
			}
			action, err := protoutil.GetActionFromEnvelope(b.Envelopes[i])
			if err != nil {
				t.Fatalf("accepted a transaction that Fabric cannot read: %v", err)
			}
			sets := &rwsetutil.TxRwSet{}
			if err := sets.FromProtoBytes(action.Results); err != nil {
				t.Errorf("read-write set: %v", err)
			}
		}
	})
}
