package adversary

import (
	"errors"
	"os"
	"slices"
	"testing"

	"github.com/trackseal/trackseal/internal/contract"
	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/testkit"
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

// weakness is a check that is switched off.
type weakness struct {
	name  string
	roles []string // who finds it out first
	// rare ones take hundreds of trips to be found out: only with TRACKSEAL_LONG.
	rare    bool
	rules   testkit.Rules // nil: the contract
	answers func(*evidence.Report) *evidence.Report
}

func lacks(codes ...evidence.Code) func(*evidence.Report) *evidence.Report {
	return func(r *evidence.Report) *evidence.Report { return without(r, codes...) }
}

var weaknesses = []weakness{
	{name: "missing messages", roles: []string{operator}, answers: lacks(evidence.SeqGap, evidence.ChainBreak)},
	{name: "the first message", roles: []string{operator}, answers: lacks(evidence.StartOpen, evidence.NoMessage, evidence.SeqGap)},
	{name: "the last message", roles: []string{operator}, answers: lacks(evidence.TailOpen, evidence.NoMessage)},
	{name: "keys", roles: []string{operator}, answers: lacks(evidence.KeyUnknown, evidence.MsgSig, evidence.Unbound)},
	{name: "readings that were signed", roles: []string{operator}, answers: lacks(evidence.Pack)},
	{name: "messages that were logged", roles: []string{operator}, rare: true, answers: lacks(evidence.MsgHash)},
	{name: "withheld messages", roles: []string{operator}, answers: lacks(evidence.Withheld)},
	{name: "withheld readings", roles: []string{operator}, answers: lacks(evidence.ReadingsWithheld)},
	{name: "the closing record", roles: []string{carrier}, answers: lacks(evidence.NotClosed, evidence.TailOpen)},
	{name: "the other answers", roles: []string{operator}, answers: compliantAlone},
	{name: "broken rules", roles: []string{carrier}, answers: lacks(evidence.RulesBroken)},
	{name: "readings outside of the windows", roles: []string{carrier}, answers: lacks(evidence.StrayBreach)},
	{name: "windows stated afterwards", roles: []string{carrier}, rare: true, answers: lacks(evidence.RecordedTrip)},
	{name: "the beat, and the times in the records", roles: []string{consignee}, rules: noBeat, answers: lacks(evidence.RecordTime, evidence.StrayBreach)},
}

// The suite finds out a verifier and a contract that lack a check.
func TestTheSuiteBites(t *testing.T) {
	for _, w := range weaknesses {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			trips := uint64(300)
			if os.Getenv("TRACKSEAL_LONG") != "" {
				trips = 3000
			} else if w.rare {
				return
			}
			pace, rules := inMemory, w.rules
			if pace.roles = w.roles; rules == nil {
				rules = contract.Run
			}
			errFound := errors.New("found out")
			for seed := range trips {
				trip := memoryTrip(newPlan(seed, pace), rules)
				err := trip.play(t.Context())
				if err == nil {
					err = trip.answers(t.Context(), 3, func(a answer) error {
						if err := trip.laws(a.raw, w.answers(a.Report)); err != nil {
							t.Logf("seed %d: %v", seed, err)
							return errFound
						}
						return nil
					})
				}
				switch {
				case errors.Is(err, errFound):
					return
				case err != nil:
					t.Fatal(err)
				}
			}
			t.Errorf("%d trips did not find out that nobody looks at %s", trips, w.name)
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
