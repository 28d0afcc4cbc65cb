package adversary

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/trackseal/trackseal/internal/contract"
	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/ledger"
)

// without is the answer of a verifier that lacks the checks with these codes.
func without(r *evidence.Report, codes ...evidence.Code) *evidence.Report {
	out := *r
	if r.Bundle == "" {
		return &out // it did not come to the end
	}
	out.Findings = slices.DeleteFunc(slices.Clone(r.Findings), func(f evidence.Finding) bool { return slices.Contains(codes, f.Code) })
	out.Verdicts = evidence.Verdicts{Authentic: evidence.Pass, Anchored: evidence.Pass, Final: evidence.Pass, Complete: evidence.Pass, Compliant: evidence.Pass}
	at := map[evidence.Question]*evidence.Status{evidence.Authentic: &out.Verdicts.Authentic, evidence.Anchored: &out.Verdicts.Anchored, evidence.Final: &out.Verdicts.Final,
		evidence.Complete: &out.Verdicts.Complete, evidence.Compliant: &out.Verdicts.Compliant}
	for _, f := range out.Findings {
		if s := at[f.Verdict]; f.Severity != "warn" && *s != evidence.Fail {
			*s = evidence.Status(f.Severity)
		}
	}
	if v := &out.Verdicts; v.Compliant == evidence.Pass && *v != (evidence.Verdicts{Authentic: evidence.Pass, Anchored: evidence.Pass, Final: evidence.Pass, Complete: evidence.Pass, Compliant: evidence.Pass}) {
		v.Compliant = evidence.Unknown
	}
	return &out
}

// The suite finds out a verifier that lacks any of these checks, and a ledger whose contract does.
func TestTheSuiteBites(t *testing.T) {
	type weak = func(*evidence.Report) *evidence.Report
	lacks := func(codes ...evidence.Code) weak {
		return func(r *evidence.Report) *evidence.Report { return without(r, codes...) }
	}
	for name, c := range map[string]struct {
		rules func(contract.State, contract.Call, string, []byte) (contract.Answer, error)
		roles []string
		weak  map[string]weak
	}{
		"verifier": {contract.Run, []string{operator, collusion, carrier}, map[string]weak{
			"missing messages":    lacks(evidence.SeqGap, evidence.ChainBreak),
			"start":               lacks(evidence.StartOpen, evidence.NoMessage, evidence.SeqGap),
			"tail":                lacks(evidence.TailOpen, evidence.NoMessage),
			"keys":                lacks(evidence.KeyUnknown, evidence.MsgSig, evidence.Unbound),
			"readings":            lacks(evidence.Pack),
			"messages":            lacks(evidence.MsgHash),
			"withheld":            lacks(evidence.Withheld),
			"withheld readings":   lacks(evidence.ReadingsWithheld),
			"closing":             lacks(evidence.NotClosed, evidence.TailOpen),
			"rest of the answers": func(r *evidence.Report) *evidence.Report { return compliantAlone(r) },
			"stray readings":      lacks(evidence.StrayBreach),
			"broken rules":        lacks(evidence.RulesBroken),
			"windows read out":    lacks(evidence.RecordedTrip),
		}},
		"contract without the beat, verifier without times": {noBeat, []string{collusion, consignee, carrier}, map[string]weak{
			"times": lacks(evidence.RecordTime, evidence.StrayBreach),
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			open := maps.Clone(c.weak)
			pace := inMemory
			pace.roles = c.roles
			seed := uint64(1)
			for ; seed < 2000 && len(open) > 0; seed++ {
				trip := memoryTrip(newPlan(seed, pace), c.rules)
				if err := trip.play(context.Background()); err != nil {
					t.Fatal(err)
				}
				if err := trip.answers(context.Background(), 2, func(a answer) error {
					if err := trip.laws(a.raw, a.Report); err != nil && name == "verifier" {
						return tell(trip.plan, trip, fmt.Errorf("%s: %w\n%+v %v", a.what, err, a.Verdicts, a.Findings))
					}
					for name, weak := range open {
						if err := trip.laws(a.raw, weak(a.Report)); err != nil {
							t.Logf("%s: found by seed %d: %v", name, seed, err)
							delete(open, name)
						}
					}
					return nil
				}); err != nil {
					t.Fatal(err)
				}
			}
			for name := range open {
				t.Errorf("%s: not found by %d trips", name, seed)
			}
		})
	}
}

// compliantAlone answers the last question without looking at the others.
func compliantAlone(r *evidence.Report) *evidence.Report {
	out := *r
	if r.Bundle != "" && !slices.ContainsFunc(r.Findings, func(f evidence.Finding) bool { return f.Verdict == evidence.Compliant && f.Severity != "warn" }) {
		out.Verdicts.Compliant = evidence.Pass
	}
	return &out
}

// noBeat runs the contract as if the beat were always of the transaction's own time, and nobody read it.
func noBeat(s contract.State, c contract.Call, fn string, arg []byte) (contract.Answer, error) {
	if fn == ledger.BeatRenew.Name() {
		return contract.Run(s, c, fn, arg)
	}
	return contract.Run(beatless{s, c.TimeMS}, c, fn, arg)
}

type beatless struct {
	contract.State
	ms int64
}

func (b beatless) Get(key string) ([]byte, error) {
	if key == ledger.BeatKey() {
		return ledger.Encode(ledger.Beat{TimeMS: b.ms, By: "AuditorMSP", Tx: "none"})
	}
	return b.State.Get(key)
}
