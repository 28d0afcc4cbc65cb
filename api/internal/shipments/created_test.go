package shipments

import (
	"reflect"
	"testing"

	"github.com/trackseal/trackseal/internal/ledger"
)

// TestCreatedAsComparesAllThatWasAsked: a create that is sent again is answered by the shipment that is there only when every
// member of the request is the same. A member that is added to CreateArgs must be compared, or be excepted here with a reason.
func TestCreatedAsComparesAllThatWasAsked(t *testing.T) {
	args := ledger.CreateArgs{ID: "s1", Parties: ledger.Parties{ledger.Carrier: {"AMSP"}, ledger.Consignee: {"BMSP"}}, RuleSet: "r@1", RuleSetHash: "aa",
		Details: "dd", CarriedFrom: []string{"s0"}, DeliverByMS: 7, Release: &ledger.ReleaseRule{ConfirmedBy: 2}}
	record := ledger.Shipment{ID: "s1", Creator: "AMSP", Parties: args.Parties, Custodian: "AMSP", RuleSet: "r@1", RuleSetHash: "aa", Details: "ee",
		CarriedFrom: []ledger.CarriedFrom{{Shipment: "s0"}}, DeliverByMS: 7, Release: &ledger.ReleaseRule{ConfirmedBy: 2}}
	if !createdAs(record, args, "AMSP") {
		t.Fatal("the same request is not recognised")
	}
	excepted := map[string]string{
		"ID":      "the record was found by it",
		"Details": "each attempt has its own salt; what they say is compared where they are kept",
		"Carried": "the API leaves it to the ledger, which derives it from CarriedFrom",
	}
	for i := range reflect.TypeFor[ledger.CreateArgs]().NumField() {
		name := reflect.TypeFor[ledger.CreateArgs]().Field(i).Name
		other := args
		field := reflect.ValueOf(&other).Elem().Field(i)
		if excepted[name] != "" {
			continue
		}
		if field.IsZero() {
			t.Errorf("%s is not set in this test: set it in both the request and the record", name)
		}
		field.SetZero()
		if createdAs(record, other, "AMSP") {
			t.Errorf("a request with another %s is taken for the one that created the shipment", name)
		}
	}
	if createdAs(record, args, "BMSP") {
		t.Error("another organisation's shipment is taken for the caller's own")
	}
	moved := record
	moved.Custodian, moved.Handovers = "CMSP", 1
	if !createdAs(moved, args, "AMSP") {
		t.Error("a shipment that was handed over since is not recognised")
	}
}
