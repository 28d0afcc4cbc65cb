package evidencetest

import (
	"slices"

	"github.com/trackseal/trackseal/internal/canon"
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
		entry := must(telemetry.DecodeLeaf(l.Entry))
		raw := l.Plain
		if l.COSE != nil {
			raw = canon.MustMarshalCBOR([][]byte{l.COSE, l.Pack})
		}
		o, err := telemetry.Open(entry.Kind, raw, entry.ReceivedMS)
		if err != nil {
			continue
		}
		for _, a := range o.Aside(entry.ReceivedMS) {
			all = append(all, compliance.Reading{Tracker: o.Tracker, Aside: &a})
		}
		for _, r := range o.Readings {
			if r.Counts(entry.ReceivedMS) {
				all = append(all, compliance.Reading{Tracker: o.Tracker, Point: detect.NewPoint(r.TimeMS, o.Hash, r.Said())})
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
