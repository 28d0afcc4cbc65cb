package ledger

import (
	"fmt"
	"slices"
	"testing"
)

func TestParties(t *testing.T) {
	s := Shipment{Custodian: "HolderMSP", Parties: Parties{Carrier: {"AMSP", "CMSP"}, Consignee: {"BMSP", "CMSP"}}}
	if got, want := s.Parties.MSPs(), []string{"AMSP", "BMSP", "CMSP"}; !slices.Equal(got, want) {
		t.Errorf("all parties are %v, want %v", got, want)
	}
	for _, tc := range []struct {
		msp                               string
		carrier, consignee, party, handle bool
	}{
		{"AMSP", true, false, true, true},
		{"BMSP", false, true, true, false},
		{"CMSP", true, true, true, true},
		{"HolderMSP", false, false, false, true},
		{"amsp", false, false, false, false},
		{"", false, false, false, false},
	} {
		got := fmt.Sprint(s.Has(Carrier, tc.msp), s.Has(Consignee, tc.msp), s.IsParty(tc.msp), s.Handles(tc.msp))
		if want := fmt.Sprint(tc.carrier, tc.consignee, tc.party, tc.handle); got != want {
			t.Errorf("%q is carrier, consignee, party, handles: %s, want %s", tc.msp, got, want)
		}
	}
}
func TestPartiesAreBounded(t *testing.T) {
	p := Parties{Carrier: {}, Consignee: {"BMSP"}}
	for n := range MaxPartiesOfRole + 2 {
		want := Invalid
		if n >= 1 && n <= MaxPartiesOfRole {
			want = ""
		}
		if got := CodeOf(p.validate()); got != want {
			t.Errorf("%d carriers: code %q, want %q", n, got, want)
		}
		p[Carrier] = append(p[Carrier], fmt.Sprintf("M%d", n))
	}
}
