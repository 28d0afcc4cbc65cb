package evidence_test

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/evidence/evidencetest"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/merkle"
	"github.com/trackseal/trackseal/internal/telemetry"
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

// fromBeginning makes the closing record's verdict one of the first leaves, as an earlier revision was.
func fromBeginning(t *evidencetest.Trip, c *ledger.Close, leaves int, result string) {
	var tree merkle.Log
	last := int64(0)
	for _, l := range t.Leaves[:leaves] {
		tree.Append(merkle.LeafHash(l.Entry), nil)
		if m, err := telemetry.DecodeCOSE(l.COSE); err == nil {
			last = max(last, m.TimeMS)
		}
	}
	root := tree.Root()
	o := &c.Compliance.Opinions[0]
	o.Logs[0].Size, o.Logs[0].Root = tree.Size(), hex.EncodeToString(root[:])
	o.Result, o.ToMS = result, last
}

// alsoSays adds another party's opinion, of the same logs.
func alsoSays(c *ledger.Close, msp, result string) {
	o := c.Compliance.Opinions[0]
	o.By, o.Result = msp, result
	c.Compliance.Opinions = append(c.Compliance.Opinions, o)
}

// disclosed gives other details than the shipment's.
func disclosed(d ledger.Details) func(*evidencetest.Trip) {
	return func(t *evidencetest.Trip) {
		raw, _, err := d.Seal([ledger.SaltSize]byte{1, 2, 3})
		if err != nil {
			panic(err)
		}
		t.Manifest.Details = [][]byte{raw}
	}
}

var ruleAttacks = []attack{
	{name: "details exchanged", code: evidence.DetailsDiffer, after: disclosed(ledger.Details{Description: "vaccines, 2 pallets", Origin: "Basel", Destination: "Bergen"})},
	{name: "details of goods that had none", code: evidence.DetailsDiffer, setup: written(ledger.ShipmentCreate, func(_ *evidencetest.Tx, s *ledger.Shipment) { s.Details = "" })},
	{name: "record that names what are no details", code: evidence.DetailsDiffer, setup: written(ledger.ShipmentCreate, func(_ *evidencetest.Tx, s *ledger.Shipment) {
		sum := sha256.Sum256([]byte("vaccines"))
		s.Details = hex.EncodeToString(sum[:])
	}), after: func(t *evidencetest.Trip) { t.Manifest.Details = [][]byte{[]byte("vaccines")} }},
	{name: "warm goods shown as a good trip", code: evidence.RulesBroken, during: warm, policy: requireCompliant},
	{name: "ledger told that warm goods were fine", code: evidence.Claim, during: func(t *evidencetest.Trip) {
		warm(t)
		t.OnClose = func(c *ledger.Close) { c.Compliance.Opinions[0].Result = compliance.Compliant }
	}, policy: requireCompliant},
	{name: "ledger told that good goods were warm", code: evidence.Claim, during: func(t *evidencetest.Trip) {
		t.Drive(4, 2)
		t.OnClose = func(c *ledger.Close) { c.Compliance.Opinions[0].Result = compliance.NonCompliant }
	}, policy: requireCompliant},
	{name: "all parties told the ledger that good goods were warm", code: evidence.Claim, during: func(t *evidencetest.Trip) {
		t.Drive(4, 2)
		t.OnClose = func(c *ledger.Close) {
			c.Compliance.Opinions[0].Result = compliance.NonCompliant
			alsoSays(c, "ShipperMSP", compliance.NonCompliant)
		}
	}, policy: requireCompliant},
	{name: "ledger told by one of two parties that warm goods were fine", code: evidence.RulesBroken, during: func(t *evidencetest.Trip) {
		warm(t)
		t.OnClose = func(c *ledger.Close) { alsoSays(c, "ShipperMSP", compliance.Compliant) }
	}, policy: requireCompliant},
	{name: "ledger told that the beginning was warm", code: evidence.Claim, during: func(t *evidencetest.Trip) {
		warm(t)
		t.OnClose = func(c *ledger.Close) { fromBeginning(t, c, 8, compliance.NonCompliant) }
	}, policy: requireCompliant},
	{name: "verdict from another history of the log", code: evidence.Claim, during: func(t *evidencetest.Trip) {
		warm(t)
		t.OnClose = func(c *ledger.Close) {
			fromBeginning(t, c, 8, compliance.Compliant)
			c.Compliance.Opinions[0].Logs[0].Root = strings.Repeat("0", 64)
		}
	}, policy: requireCompliant},
	{name: "verdict from leaves that do not exist", code: evidence.Claim, during: func(t *evidencetest.Trip) {
		t.Drive(4, 2)
		t.OnClose = func(c *ledger.Close) { c.Compliance.Opinions[0].Logs[0].Size += 1000 }
	}, policy: requireCompliant},
	{name: "verdict from a log of another shipment", code: evidence.Claim, during: func(t *evidencetest.Trip) {
		t.Drive(4, 2)
		t.OnClose = func(c *ledger.Close) { c.Compliance.Opinions[0].Logs[0].Log = strings.Repeat("ab", 32) }
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
