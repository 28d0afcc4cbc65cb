package evidence_test

import (
	"slices"
	"testing"

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
func on(fn ledger.Function, change func(c *evidencetest.Consortium, tx *evidencetest.Tx)) func(*evidencetest.Consortium) {
	return func(c *evidencetest.Consortium) {
		c.OnTx = func(tx *evidencetest.Tx) {
			if string(tx.Args[0]) == fn.Name() {
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

// attacks by what they attack; docs/threat-model.md names each.
var attacks = slices.Concat(operatorAttacks, trackerAttacks, headAttacks, recordAttacks, finalityAttacks, blockAttacks, transactionAttacks, fileAttacks, ruleAttacks, timeAttacks, memberAttacks, updateAttacks, operatorsAttacks, profileAttacks)

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
