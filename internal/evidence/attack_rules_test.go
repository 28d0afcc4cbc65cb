package evidence_test

import (
	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/evidence/evidencetest"
	"github.com/trackseal/trackseal/internal/ledger"
)

// requireCompliant is the policy of an auditor who asks for all five.
func requireCompliant(p *evidence.Policy) { p.Require = append(p.Require, string(evidence.Compliant)) }

// warm lets the goods lie at 12 °C for longer than the rules allow.
func warm(t *evidencetest.Trip) {
	t.Drive(4, 4)
	t.Trackers[0].Temperature = func(int64) float64 { return 12 }
	t.Drive(40, 20)
	t.Trackers[0].Temperature = nil
	t.Drive(4, 4)
}

var ruleAttacks = []attack{
	{name: "warm goods shown as a good trip", code: evidence.RulesBroken, during: warm, policy: requireCompliant},
	{name: "ledger told that warm goods were fine", code: evidence.Claim, during: func(t *evidencetest.Trip) {
		warm(t)
		t.OnClose = func(c *ledger.Close) { c.Standing.Result = compliance.Compliant }
	}, policy: requireCompliant},
	{name: "ledger told that good goods were warm", code: evidence.Claim, during: func(t *evidencetest.Trip) {
		t.Drive(4, 2)
		t.OnClose = func(c *ledger.Close) { c.Standing.Result = compliance.NonCompliant }
	}, policy: requireCompliant},
	{name: "hours without a reading shown as a good trip", code: evidence.NotConclusive, status: evidence.Unknown, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		t.C.NowMS += 2 * 3_600_000
		t.Drive(2, 2)
	}, policy: requireCompliant},
	{name: "readings of the warm hour withheld", code: evidence.ReadingsWithheld, status: evidence.Unknown, during: warm, after: func(t *evidencetest.Trip) {
		for i := 8; i < 88; i++ {
			t.Leaves[i].Pack = nil
		}
	}, policy: requireCompliant},
	{name: "milder rules in the place of the pinned ones", code: evidence.Rules, during: warm, after: func(t *evidencetest.Trip) {
		milder, _ := compliance.Lookup("dry-goods@1")
		t.Manifest.RuleSet = milder.Canonical()
	}},
}
