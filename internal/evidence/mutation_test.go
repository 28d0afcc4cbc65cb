package evidence_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"testing"

	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/evidence/evidencetest"
	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
)

// Every byte of a bundle belongs to a claim: no bundle that differs in one byte from a valid one passes.
func TestMutationsNeverPass(t *testing.T) {
	for _, consensus := range []string{fabricproof.BFT, fabricproof.Raft} {
		for _, kind := range []string{evidence.WholeShipment, evidence.OneMessage} {
			t.Run(consensus+"/"+kind, func(t *testing.T) {
				trip := evidencetest.Standard(consensus, 2)
				valid := trip.Bundle()
				if kind == evidence.OneMessage {
					valid = trip.Proof(2)
				}
				policy := trip.C.Policy()
				passes(t, check(t, valid, policy, trip.Nonce))
				n := 600
				if kind == evidence.OneMessage {
					n = 150
				}
				if os.Getenv("TRACKSEAL_LONG") != "" {
					n *= 10
				}
				mutate(t, valid, policy, trip.Nonce, n)
			})
		}
	}
}

// seed makes a failure repeatable, as far as the bundle's fresh keys allow: the place and the bit are what matters.
const seed = 20261122

func mutate(t *testing.T, valid []byte, policy *evidence.Policy, nonce []byte, n int) {
	var wg sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(seed, uint64(w)))
			b := bytes.Clone(valid)
			for range n / workers {
				at, flip := rng.IntN(len(b)), byte(1+rng.IntN(255))
				b[at] ^= flip
				r, err := evidence.Verify(bytes.NewReader(b), policy, evidence.Options{Nonce: nonce, Codec: codecOf})
				if err != nil {
					t.Errorf("byte %d ^ %#x: %v", at, flip, err)
				} else if r.Exit() == evidence.ExitPass {
					t.Errorf("byte %d of %d ^ %#x passes", at, len(b), flip)
				}
				b[at] ^= flip
			}
		})
	}
	wg.Wait()
}
