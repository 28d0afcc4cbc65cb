package evidencetest

import (
	"slices"

	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/compliance/detect"
	"github.com/trackseal/trackseal/internal/compliance/journey"
	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// RuleSet is the rule set of every trip.
const RuleSet = "general-2-8@1"

var rules, _ = compliance.Lookup(RuleSet)

func ruleHash() string { return rules.Hash() }

// complianceState is what an honest ingest instance has told the ledger by the closing.
func (t *Trip) complianceState(s *ledger.Shipment, logs []ledger.LogHead) *ledger.ComplianceState {
	var all []compliance.Reading
	for _, l := range t.leaves() {
		m, err := telemetry.DecodeCOSE(l.COSE)
		if err != nil {
			continue
		}
		entry := must(telemetry.DecodeLeaf(l.Entry))
		readings := telemetry.DecodePack(l.Pack, m.Tracker, m.TimeMS)
		for _, a := range telemetry.AsideOf(readings, entry.ReceivedMS) {
			all = append(all, compliance.Reading{Tracker: m.Tracker, Aside: &a})
		}
		for _, r := range readings {
			if r.Counts(entry.ReceivedMS) {
				all = append(all, compliance.Reading{Tracker: m.Tracker, Point: detect.NewPoint(r.TimeMS, m.COSEHash, r.Said())})
			}
		}
	}
	r := must(compliance.Judge(rules, journey.Of(*s, nil, nil), all, 0))
	opinion := ledger.Opinion{By: "CarrierMSP", Revision: 1, Result: r.Verdict, ToMS: r.ToMS, Logs: slices.Clone(logs), Budget: []ledger.BudgetLine{}}
	return &ledger.ComplianceState{Opinions: []ledger.Opinion{opinion}, Total: len(r.Excursions)}
}

// leaves of all logs.
func (t *Trip) leaves() []evidence.Leaf {
	var all []evidence.Leaf
	for _, i := range t.Instances {
		all = append(all, i.Leaves...)
	}
	return all
}
