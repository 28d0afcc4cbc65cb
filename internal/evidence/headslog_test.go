package evidence_test

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/evidence/evidencetest"
	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
	"github.com/trackseal/trackseal/internal/ledger"
)

// anchors is a trip with n anchors, with a configuration change on the way.
func anchors(consensus string, n int) *evidencetest.Trip {
	t := evidencetest.NewTrip(evidencetest.New(consensus))
	for i := range n {
		t.C.NowMS += 10_000
		t.Anchor(false)
		if i == 1 {
			t.C.Configure()
		}
	}
	return t
}

func proveHeads(t *testing.T, bundle []byte, policy *evidence.Policy, nonce []byte) *evidence.HeadsProof {
	t.Helper()
	p, err := evidence.VerifyHeadsLog(bytes.NewReader(bundle), policy, evidence.Options{Nonce: nonce})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestHeadsLog(t *testing.T) {
	for _, consensus := range []string{fabricproof.BFT, fabricproof.Raft} {
		trip := anchors(consensus, 6)
		p := proveHeads(t, trip.HeadsLog(1, 5, []byte("mine")), trip.C.Policy(), []byte("mine"))
		if !p.Report.Passed || !p.Final || p.Broken || p.Fault() != nil || p.Report.Exit() != evidence.ExitPass {
			t.Fatalf("%s: %+v", consensus, p.Report.Findings)
		}
		if v := p.Report.Verdicts; v.Authentic != evidence.Unknown || v.Complete != evidence.Unknown {
			t.Errorf("%s: anchors say nothing of messages: %+v", consensus, v)
		}
		for i, a := range p.Anchors {
			if h, ok := trip.Head(i + 1); !ok || a.Head != h || p.Heads != h.Heads {
				t.Errorf("%s: anchor %d is %+v", consensus, i+1, a)
			}
		}
	}
}

// Each lie about a heads log has its code; none passes.
func TestHeadsLogAttacks(t *testing.T) {
	nonce := []byte("mine")
	bundle := func(t *evidencetest.Trip, change func(*evidence.Manifest)) []byte {
		m := t.HeadsManifest(0, t.Newest(), nonce, nil)
		if change != nil {
			change(m)
		}
		return evidencetest.EncodeHeadsLog(m)
	}
	cases := []struct {
		name   string
		before func(*evidencetest.Trip) // falsifies the anchors made from here on
		change func(*evidence.Manifest)
		code   evidence.Code
		broken bool
	}{
		{name: "replayed answers", change: func(m *evidence.Manifest) {}, code: evidence.Stale},
		{name: "forged answer", change: func(m *evidence.Manifest) { m.Attestations[1].Signature[10] ^= 1 }, code: fabricproof.Attest},
		{name: "too few answers", change: func(m *evidence.Manifest) { m.Attestations = m.Attestations[:2] }, code: evidence.NotFinal},
		{name: "an anchor left out", change: func(m *evidence.Manifest) {
			m.Instances[0].Anchors = slices.Delete(m.Instances[0].Anchors, 1, 2)
			m.Blocks = slices.Delete(m.Blocks, 1, 2)
		}, code: evidence.BundleFormat},
		{name: "a proof that is not the transaction's", change: func(m *evidence.Manifest) { m.Instances[0].Anchors[1].Consistency = make([]evidence.Hash, 1) }, code: evidence.BundleFormat},
		{name: "endorsers accepted a rewritten log", before: func(t *evidencetest.Trip) {
			t.OnExtend = func(a *ledger.ExtendArgs, h *ledger.Head) {
				a.NewRoot = strings.Repeat("ab", 32)
				h.Root = a.NewRoot
			}
		}, code: evidence.HeadsFork, broken: true},
		{name: "endorsers accepted a forged proof", before: func(t *evidencetest.Trip) {
			t.OnExtend = func(a *ledger.ExtendArgs, _ *ledger.Head) { a.Proof = []string{strings.Repeat("ab", 32)} }
		}, code: evidence.HeadsFork, broken: true},
		{name: "endorsers accepted a number twice", before: func(t *evidencetest.Trip) {
			t.OnExtend = func(_ *ledger.ExtendArgs, h *ledger.Head) { h.N = 2 }
		}, code: evidence.HeadsFork, broken: true},
		{name: "endorsers accepted another past", before: func(t *evidencetest.Trip) {
			t.OnExtend = func(_ *ledger.ExtendArgs, h *ledger.Head) { h.PrevRoot = strings.Repeat("ab", 32) }
		}, code: evidence.HeadsFork, broken: true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			trip := anchors(fabricproof.BFT, 3)
			if c.before != nil {
				c.before(trip)
			}
			trip.Anchor(false)
			ask := nonce
			if c.code == evidence.Stale {
				ask = []byte("another")
			}
			p := proveHeads(t, bundle(trip, c.change), trip.C.Policy(), ask)
			if p.Report.Passed || p.Broken != c.broken {
				t.Fatalf("passed %t, broken %t: %v", p.Report.Passed, p.Broken, p.Report.Findings)
			}
			if !slices.ContainsFunc(p.Report.Findings, func(f evidence.Finding) bool { return f.Code == c.code }) {
				t.Errorf("no %s in %v", c.code, p.Report.Findings)
			}
			if c.broken && !p.Final {
				t.Error("the broken step is final, which is what makes it a proof")
			}
		})
	}
}

func TestHeadsLogMutation(t *testing.T) {
	trip := anchors(fabricproof.BFT, 3)
	nonce := []byte("mine")
	bundle, policy := trip.HeadsLog(0, 2, nonce), trip.C.Policy()
	r := rand.New(rand.NewPCG(1, 2))
	for range 600 {
		at, bit := r.IntN(len(bundle)), byte(1)<<r.IntN(8)
		bundle[at] ^= bit
		if p, err := evidence.VerifyHeadsLog(bytes.NewReader(bundle), policy, evidence.Options{Nonce: nonce}); err == nil && p.Report.Passed {
			t.Errorf("byte %d changed by %d, and it passes", at, bit)
		}
		bundle[at] ^= bit
	}
}

// told makes the next anchor of a fork differ.
func told(t *evidencetest.Trip, story uint64) {
	t.OnHead = func(h *anchor.HeadLeaf) { h.Size += story }
	t.Anchor(false)
}

func TestFork(t *testing.T) {
	trip := anchors(fabricproof.BFT, 3)
	other := trip.Fork()
	told(trip, 1)
	told(other, 2)
	short := trip.Fork()
	rewritten := trip.Fork()
	rewritten.OnExtend = func(a *ledger.ExtendArgs, h *ledger.Head) {
		a.NewRoot = strings.Repeat("ab", 32)
		h.Root = a.NewRoot
	}
	rewritten.Anchor(false)
	told(trip, 1)
	policy := trip.C.Policy()
	bundle := func(t *evidencetest.Trip, first int) []byte { return t.HeadsLog(first, t.Newest(), []byte("any")) }
	few := evidencetest.EncodeHeadsLog(other.HeadsManifest(3, 3, []byte("any"), other.C.Orgs[:2]))
	cases := []struct {
		name   string
		a, b   []byte
		proven bool
		how    string
	}{
		{"two stories", bundle(trip, 2), bundle(other, 2), true, "two blocks"},
		{"the same story", bundle(trip, 2), bundle(trip, 3), false, "do not contradict"},
		{"a shorter story", bundle(trip, 2), bundle(short, 1), false, "do not contradict"},
		{"one side is not final", bundle(trip, 2), few, false, "side 2 does not hold"},
		{"one side is nothing", bundle(trip, 2), []byte("x"), false, "side 2 does not hold"},
		{"one side breaks with its own past", bundle(rewritten, 2), bundle(trip, 2), true, "E_HEADS_FORK"},
	}
	for _, c := range cases {
		var file bytes.Buffer
		if err := evidence.WriteFork(&file, c.a, c.b); err != nil {
			t.Fatal(err)
		}
		raw := file.Bytes()
		r, err := evidence.VerifyFork(bytes.NewReader(raw), policy)
		if err != nil || r.Proven != c.proven || !strings.Contains(r.Contradiction, c.how) {
			t.Errorf("%s: %+v, %v", c.name, r, err)
		}
		for _, bad := range [][]byte{nil, raw[:len(raw)-1], append(slices.Clone(raw), 0), {0x83, 2, 0x40, 0x40}} {
			if r, err := evidence.VerifyFork(bytes.NewReader(bad), policy); err != nil || r.Proven || !strings.Contains(r.Contradiction, "not a fork file") {
				t.Errorf("%s: %d bytes: %+v, %v", c.name, len(bad), r, err)
			}
		}
	}
}

// Colluding orderers could put both stories into one block number or into different ones: each way the anchors tell.
func TestContradiction(t *testing.T) {
	trip := anchors(fabricproof.BFT, 3)
	proof := func(change func(*evidence.ProvenAnchor)) *evidence.HeadsProof {
		p := proveHeads(t, trip.HeadsLog(1, 1, []byte("any")), trip.C.Policy(), nil)
		if change != nil {
			change(&p.Anchors[0])
		}
		return p
	}
	cases := []struct {
		change func(*evidence.ProvenAnchor)
		how    string
	}{
		{func(a *evidence.ProvenAnchor) { a.At.Block += 9; a.Root = "other" }, "two roots of size"},
		{func(a *evidence.ProvenAnchor) { a.At.Block += 9 }, "two anchors 1"},
		{func(a *evidence.ProvenAnchor) { a.Tx = "other" }, "two anchors 1"},
		{func(a *evidence.ProvenAnchor) { a.At.Block += 9; a.N += 5 }, "goes back"},
		{func(a *evidence.ProvenAnchor) { a.At.Block += 9; a.N = 0; a.Size += 5 }, "goes back"},
		{func(a *evidence.ProvenAnchor) { a.At.Block += 9; a.N++; a.Size += 5 }, "do not follow"},
		{func(a *evidence.ProvenAnchor) { a.At.Block += 9; a.N += 7; a.Size += 5 }, ""},
		{func(a *evidence.ProvenAnchor) { a.At.Block += 9; a.Heads = "another log"; a.Root = "other" }, ""},
	}
	for i, c := range cases {
		for _, sides := range [][2]*evidence.HeadsProof{{proof(nil), proof(c.change)}, {proof(c.change), proof(nil)}} {
			_, how, proven := evidence.Contradiction(sides[0], sides[1])
			if proven != (c.how != "") || !strings.Contains(how, c.how) {
				t.Errorf("case %d: %t, %s", i, proven, how)
			}
		}
	}
}

func TestVerifyHeadsLogKinds(t *testing.T) {
	trip := evidencetest.Standard(fabricproof.BFT, 4)
	if _, err := evidence.VerifyHeadsLog(bytes.NewReader(trip.Proof(0)), trip.C.Policy(), evidence.Options{}); err == nil {
		t.Error("a proof of a message was taken for anchors")
	}
	p := proveHeads(t, []byte("nothing"), trip.C.Policy(), nil)
	if p.Report.Passed || p.Fault() == nil || p.Final || p.Broken {
		t.Errorf("got %+v, want it not passed, with a fault, neither final nor broken", p)
	}
}
