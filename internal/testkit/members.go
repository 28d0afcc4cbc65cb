package testkit

import (
	"time"

	"github.com/trackseal/trackseal/internal/contract"
	"github.com/trackseal/trackseal/internal/ledger"
)

// Founders are the first members of the tests' ledgers, the same as those of the development stack.
var Founders = []ledger.Founder{
	{Name: "auditor", MSP: "AuditorMSP", DisplayName: "Auditor"},
	{Name: "carrier", MSP: "CarrierMSP", DisplayName: "Carrier", Operator: true},
	{Name: "consignee", MSP: "ConsigneeMSP", DisplayName: "Consignee"},
	{Name: "shipper", MSP: "ShipperMSP", DisplayName: "Shipper"},
}

// MSPOf is the MSP id of a founder, "" when there is none of that name.
func MSPOf(name string) string {
	for _, f := range Founders {
		if f.Name == name {
			return f.MSP
		}
	}
	return ""
}

// founded is the state of a network that has its first members and nothing else.
func founded() contract.Map {
	arg, err := ledger.Encode(ledger.FoundArgs{Members: Founders})
	if err != nil {
		panic(err)
	}
	state := contract.Map{}
	answer, err := contract.Run(state, contract.Call{Channel: ledger.Channel, Tx: "founding", TimeMS: 1, MSP: Founders[0].MSP, Role: contract.Operator}, ledger.MemberFound.Name(), arg)
	if err != nil {
		panic(err)
	}
	state.Commit(answer)
	return state
}

func (s *ledgerSuite) members() {
	carrier := s.clients["carrier"]
	s.refused(carrier, ledger.MemberFound, ledger.FoundArgs{Members: Founders}, ledger.Exists)
	for _, f := range Founders {
		got := ask[ledger.Member](s, s.clients["auditor"], ledger.MemberGet, ledger.NameArgs{Name: f.Name})
		if got.MSP != f.MSP || got.DisplayName != f.DisplayName || got.Operator != f.Operator || got.JoinedMS == 0 || got.Tx == "" {
			s.t.Errorf("got %+v, want %+v with the transaction and time of the founding", got, f)
		}
	}
	s.askRefused(carrier, ledger.MemberGet, ledger.NameArgs{Name: "nobody"}, ledger.NotFound)
	page := ask[ledger.Page[ledger.Member]](s, carrier, ledger.MemberList, ledger.ListArgs{})
	if len(page.Items) != len(Founders) || page.Items[0].Name != Founders[0].Name {
		s.t.Errorf("listed %+v, want the %d founders by name", page.Items, len(Founders))
	}
	args := ledger.CreateArgs{ID: s.id("stranger"), Parties: ledger.Parties{ledger.Carrier: {"CarrierMSP"}, ledger.Consignee: {"StrangerMSP"}}, RuleSet: "general-2-8@1", RuleSetHash: suiteRuleHash}
	s.refused(carrier, ledger.ShipmentCreate, args, ledger.Invalid)
}

// beat: somebody keeps it going, and it is not renewed twice at once.
func (s *ledgerSuite) beat() {
	if _, _, err := ledger.BeatRenew.Do(s.t.Context(), s.ingest, ledger.NoArgs{}); err != nil && ledger.CodeOf(err) != ledger.Conflict {
		s.t.Fatalf("renewed by an ingest: %v, want it to be taken, or refused because it is young", err)
	}
	b := ask[ledger.Beat](s, s.clients["auditor"], ledger.BeatGet, ledger.NoArgs{})
	if age := time.Since(time.UnixMilli(b.TimeMS)); age > ledger.BeatMaxAgeMS*time.Millisecond || b.By == "" || b.Tx == "" {
		s.t.Errorf("the beat is %+v, %s old; want one of this time, with who renewed it", b, age)
	}
	s.refused(s.clients["carrier"], ledger.BeatRenew, ledger.NoArgs{}, ledger.Conflict)
}

// decline: who was named and does not take part sees the shipment no more.
func (s *ledgerSuite) decline() {
	carrier, auditor := s.clients["carrier"], s.clients["auditor"]
	id := s.id("declined")
	do[ledger.Shipment](s, carrier, ledger.ShipmentCreate, ledger.CreateArgs{
		ID: id, Parties: ledger.Parties{ledger.Carrier: {carrier.MSP()}, ledger.Consignee: {"ConsigneeMSP"}, ledger.Auditor: {auditor.MSP()}},
		RuleSet: "general-2-8@1", RuleSetHash: suiteRuleHash,
	})
	no := ledger.IDArgs{ID: id}
	s.refused(carrier, ledger.ShipmentDecline, no, ledger.BadState)
	if got, _ := do[ledger.Shipment](s, auditor, ledger.ShipmentDecline, no); got.IsParty(auditor.MSP()) || !got.HasDeclined(auditor.MSP()) {
		s.t.Errorf("after the auditor declined: %+v", got)
	}
	s.askRefused(auditor, ledger.ShipmentGet, ledger.IDArgs{ID: id}, ledger.NotFound)
	for listed, err := range ledger.ShipmentList.Each(s.t.Context(), auditor, "") {
		if err != nil || listed.ID == id {
			s.t.Fatalf("the auditor's listing: %+v, %v; want all but %s", listed, err, id)
		}
	}
	s.refused(auditor, ledger.ShipmentDecline, no, ledger.NotFound)
}

// twoCarriers share a trip: each binds its own trackers and hands the goods on.
func (s *ledgerSuite) twoCarriers() {
	first, second, consignee := s.clients["carrier"], s.clients["auditor"], s.clients["consignee"]
	id := s.id("relay")
	byID := ledger.IDArgs{ID: id}
	do[ledger.Shipment](s, first, ledger.ShipmentCreate, ledger.CreateArgs{
		ID: id, Parties: ledger.Parties{ledger.Carrier: {second.MSP(), first.MSP()}, ledger.Consignee: {consignee.MSP()}},
		RuleSet: "general-2-8@1", RuleSetHash: suiteRuleHash,
	})
	trackers := map[LedgerClient]string{first: s.id("relay-1"), second: s.idOf("auditor", "relay-2")}
	for _, c := range []LedgerClient{first, second} {
		do[ledger.Tracker](s, c, ledger.TrackerEnrol, newDevice(s).enrol(trackers[c], c))
	}
	do[ledger.Shipment](s, first, ledger.ShipmentAssign, ledger.AssignArgs{Shipment: id, Tracker: trackers[first]})
	s.refused(first, ledger.ShipmentAssign, ledger.AssignArgs{Shipment: id, Tracker: trackers[second]}, ledger.NotFound)
	for _, hand := range [][2]LedgerClient{{first, second}, {second, consignee}} {
		from, to := hand[0], hand[1]
		do[ledger.Shipment](s, from, ledger.ShipmentPropose, ledger.ProposeArgs{ID: id, To: to.MSP()})
		do[ledger.Shipment](s, to, ledger.ShipmentAccept, byID)
		if tracker := trackers[to]; tracker != "" {
			do[ledger.Shipment](s, to, ledger.ShipmentAssign, ledger.AssignArgs{Shipment: id, Tracker: tracker})
		}
	}
	do[ledger.Shipment](s, consignee, ledger.ShipmentDeliver, byID)
	s.sealRest(id)
	do[ledger.Close](s, second, ledger.ShipmentClose, byID)
	got := ask[ledger.Shipment](s, first, ledger.ShipmentGet, byID)
	if got.State != ledger.Closed || len(got.Assignments) != 2 || got.Assignments[0].By != first.MSP() || got.Assignments[1].By != second.MSP() {
		s.t.Errorf("at the end %+v, want it closed, with one assignment by each carrier", got)
	}
}
