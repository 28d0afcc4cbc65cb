package evidence_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/evidence/evidencetest"
	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// What a node prints on the first day is good for what comes later: members that join, record and leave.
func TestPolicyOfAChannel(t *testing.T) {
	net := evidencetest.New(fabricproof.BFT)
	policy, err := evidence.PolicyOf([]fabricproof.Block{*net.Genesis}, ledger.Chaincode)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(policy)
	if err != nil || strings.Contains(string(raw), "null") {
		t.Fatalf("printed as %s, %v; want lists", raw, err)
	}
	if policy, err = evidence.ParsePolicy(raw); err != nil {
		t.Fatal(err)
	}
	trip := evidencetest.NewTrip(net, evidencetest.NewTracker("T-1", telemetry.Ed25519))
	trip.Drive(2, 2)
	trip.ServedBy(net.Join(cold()), "cold.ingest-1")
	trip.Drive(2, 2)
	net.End(net.Org("auditor"))
	trip.Finish()
	passes(t, check(t, trip.Bundle(), policy, trip.Nonce))

	// From all configurations: the number that must hold a transaction as valid is one that the fewest members could reach.
	var all []fabricproof.Block
	for _, b := range net.Configs {
		all = append(all, *b)
	}
	for _, gone := range []string{"shipper", "consignee"} {
		net.End(net.Org(gone))
		all = append(all, *net.Configs[len(net.Configs)-1])
	}
	if policy, err = evidence.PolicyOf(all, ledger.Chaincode); err != nil || policy.Attesters.AtLeast != 2 || policy.Endorsers.AtLeast != 2 || len(policy.Roots["ColdMSP"]) != 1 {
		t.Errorf("%+v, %v; want 2 attesters, 2 endorsers and the root of ColdMSP", policy, err)
	}
}
