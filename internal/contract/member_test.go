package contract

import (
	"fmt"
	"strings"
	"testing"

	"github.com/trackseal/trackseal/internal/ledger"
)

// founders are the members of a world.
var founders = ledger.FoundArgs{Members: []ledger.Founder{
	{Name: "auditor", MSP: auditor, DisplayName: "Auditor"}, {Name: "carrier", MSP: carrier, DisplayName: "Carrier", Operator: true},
	{Name: "consignee", MSP: consignee, DisplayName: "Consignee"}, {Name: "shipper", MSP: shipper, DisplayName: "Shipper"},
}}

func TestTheNetworkIsFoundedOnce(t *testing.T) {
	w := emptyWorld(t)
	w.beat()
	w.refused(ledger.Forbidden, carrierOp, ledger.ShipmentCreate, createArgs("carrier.S-1")) // nobody is a member yet
	f := must[ledger.Founding](w, shipperOp, ledger.MemberFound, ledger.EventFounded, founders)
	if f.By != shipper || len(f.Members) != len(founders.Members) || f.Tx == "" || f.TimeMS != w.ms {
		t.Errorf("founded %+v, want %d members by %s at %d", f, len(founders.Members), shipper, w.ms)
	}
	for _, by := range []who{shipperOp, carrierOp} {
		w.refused(ledger.Exists, by, ledger.MemberFound, founders)
	}
	want := ledger.Member{Name: "carrier", MSP: carrier, DisplayName: "Carrier", Operator: true, Kind: ledger.NodeMember, JoinedMS: f.TimeMS, Tx: f.Tx}
	if got := query[ledger.Member](w, who{"StrangerMSP", ""}, ledger.MemberGet, ledger.NameArgs{Name: "carrier"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	w.refused(ledger.NotFound, carrierOp, ledger.MemberGet, ledger.NameArgs{Name: "CarrierMSP"})
	page := query[ledger.Page[ledger.Member]](w, carrierOp, ledger.MemberList, ledger.ListArgs{Limit: 3})
	rest := query[ledger.Page[ledger.Member]](w, carrierOp, ledger.MemberList, ledger.ListArgs{Bookmark: page.Bookmark})
	if got, want := fmt.Sprint(append(page.Items, rest.Items...)), fmt.Sprint(f.Members); got != want {
		t.Errorf("listed %s, want %s", got, want)
	}
	w.create(carrierOp, "carrier.S-1")
}

func TestFoundingRefusals(t *testing.T) {
	of := func(m ...ledger.Founder) ledger.FoundArgs { return ledger.FoundArgs{Members: m} }
	a, b := ledger.Founder{Name: "a", MSP: carrier, DisplayName: "A"}, ledger.Founder{Name: "b", MSP: shipper, DisplayName: "B"}
	var many []ledger.Founder
	for i := range ledger.MaxMembers + 1 {
		many = append(many, ledger.Founder{Name: fmt.Sprintf("m%03d", i), MSP: fmt.Sprintf("M%d", i), DisplayName: "M"})
	}
	for _, tc := range []struct {
		name string
		by   who
		arg  any
		code ledger.Code
	}{
		{"no role", who{carrier, ""}, founders, ledger.Forbidden},
		{"ingest", carrierIn, founders, ledger.Forbidden},
		{"founder that is not among them", who{"EvilMSP", Operator}, founders, ledger.Forbidden},
		{"nobody", carrierOp, of(), ledger.Invalid},
		{"too many", who{"M0", Operator}, of(many...), ledger.Invalid},
		{"unsorted", carrierOp, of(b, a), ledger.Invalid},
		{"name twice", carrierOp, of(a, ledger.Founder{Name: "a", MSP: shipper, DisplayName: "A"}), ledger.Invalid},
		{"MSP twice", carrierOp, of(a, ledger.Founder{Name: "b", MSP: carrier, DisplayName: "B"}), ledger.Invalid},
		{"name with a space", carrierOp, of(ledger.Founder{Name: "a b", MSP: carrier, DisplayName: "A"}), ledger.Invalid},
		{"name with a dot", carrierOp, of(ledger.Founder{Name: "a.b", MSP: carrier, DisplayName: "A"}), ledger.Invalid},
		{"long name", carrierOp, of(ledger.Founder{Name: strings.Repeat("a", 25), MSP: carrier, DisplayName: "A"}), ledger.Invalid},
		{"no MSP", carrierOp, of(a, ledger.Founder{Name: "b", DisplayName: "B"}), ledger.Invalid},
		{"unknown kind", carrierOp, of(ledger.Founder{Name: "a", MSP: carrier, DisplayName: "A", Kind: "cloud"}), ledger.Invalid},
		{"client member with ingest", carrierOp, of(ledger.Founder{Name: "a", MSP: carrier, DisplayName: "A", Kind: ledger.ClientMember, Operator: true}), ledger.Invalid},
		{"no display name", carrierOp, of(ledger.Founder{Name: "a", MSP: carrier}), ledger.Invalid},
	} {
		t.Run(tc.name, func(t *testing.T) {
			emptyWorld(t).refused(tc.code, tc.by, ledger.MemberFound, tc.arg)
		})
	}
}
