package testkit

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"testing"
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
	var listed []string
	for m, err := range ledger.MemberList.Each(s.t.Context(), carrier, "") {
		if err != nil {
			s.t.Fatal(err)
		}
		if m.InForce() {
			listed = append(listed, m.Name)
		}
	}
	for _, f := range Founders {
		if !slices.Contains(listed, f.Name) {
			s.t.Errorf("listed %q, want the founder %s among them", listed, f.Name)
		}
	}
	if !slices.IsSorted(listed) {
		s.t.Errorf("listed %q, want them by name", listed)
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

// governance: the founders admit an organisation and evict it again, so that as many vote afterwards as before.
func (s *ledgerSuite) governance() {
	carrier, shipper, consignee, auditor := s.clients["carrier"], s.clients["shipper"], s.clients["consignee"], s.clients["auditor"]
	name := "x" + s.run
	admit := ledger.ProposeMemberArgs{
		ID: s.id("admit"), Act: ledger.Admit, Member: &ledger.Founder{Name: name, MSP: name + "MSP", DisplayName: "Joins " + s.run, Kind: ledger.ClientMember},
		Request: suiteRuleHash, Update: []byte{0, 1, 0xff}, Signature: []byte("carrier's"),
	}
	byID := ledger.IDArgs{ID: admit.ID}
	s.refused(s.ingest, ledger.MemberPropose, admit, ledger.Forbidden)
	s.refused(shipper, ledger.MemberPropose, admit, ledger.Invalid) // under the carrier's name
	p, result := do[ledger.MemberProposal](s, carrier, ledger.MemberPropose, admit)
	if p.State != ledger.ProposalOpen || p.Tx != result.TxID || len(p.Votes) != 1 || string(p.Update) != string(admit.Update) {
		s.t.Fatalf("proposed %+v", p)
	}
	s.refused(carrier, ledger.MemberPropose, admit, ledger.Exists)
	s.refused(shipper, ledger.MemberWithdraw, byID, ledger.Forbidden)
	do[ledger.MemberProposal](s, carrier, ledger.MemberCast, ledger.VoteArgs{ID: admit.ID, Yes: true}) // one organisation, one vote
	do[ledger.MemberProposal](s, shipper, ledger.MemberCast, ledger.VoteArgs{ID: admit.ID, Yes: true, Signature: []byte("shipper's")})
	s.refused(carrier, ledger.MemberExecute, byID, ledger.BadState) // 2 of 4
	do[ledger.MemberProposal](s, auditor, ledger.MemberCast, ledger.VoteArgs{ID: admit.ID, Yes: true})
	p, result = do[ledger.MemberProposal](s, consignee, ledger.MemberExecute, byID)
	if p.State != ledger.ProposalExecuted || len(p.Votes) != 3 || p.EndedTx != result.TxID {
		s.t.Fatalf("executed %+v", p)
	}
	m := ask[ledger.Member](s, auditor, ledger.MemberGet, ledger.NameArgs{Name: name})
	if !m.InForce() || m.HasPeer() || m.Tx != result.TxID {
		s.t.Fatalf("the member is %+v", m)
	}
	listed, err := ledger.MemberProposals.All(s.t.Context(), auditor, "", 10_000)
	if err != nil || !slices.ContainsFunc(listed, func(l ledger.MemberProposal) bool { return l.ID == p.ID && l.State == p.State && len(l.Votes) == 3 }) {
		s.t.Fatalf("listed %+v, %v; want %s among them, executed", listed, err, p.ID)
	}

	evict := ledger.ProposeMemberArgs{ID: s.id("evict"), Act: ledger.Evict, Name: name}
	do[ledger.MemberProposal](s, carrier, ledger.MemberPropose, evict)
	for _, c := range []LedgerClient{shipper, auditor} { // 3 of 5
		do[ledger.MemberProposal](s, c, ledger.MemberCast, ledger.VoteArgs{ID: evict.ID, Yes: true})
	}
	do[ledger.MemberProposal](s, shipper, ledger.MemberExecute, ledger.IDArgs{ID: evict.ID})
	if m = ask[ledger.Member](s, carrier, ledger.MemberGet, ledger.NameArgs{Name: name}); m.InForce() || m.Ended.Why != ledger.Evicted {
		s.t.Fatalf("evicted: %+v", m)
	}
	args := ledger.CreateArgs{ID: s.id("gone"), Parties: ledger.Parties{ledger.Carrier: {carrier.MSP()}, ledger.Consignee: {m.MSP}}, RuleSet: "general-2-8@1", RuleSetHash: suiteRuleHash}
	s.refused(carrier, ledger.ShipmentCreate, args, ledger.Invalid)

	withdrawn := ledger.ProposeMemberArgs{ID: s.id("withdrawn"), Act: ledger.Evict, Name: "shipper"}
	do[ledger.MemberProposal](s, auditor, ledger.MemberPropose, ledger.ProposeMemberArgs{ID: s.idOf("auditor", "withdrawn"), Act: ledger.Evict, Name: "shipper"})
	s.refused(auditor, ledger.MemberPropose, withdrawn, ledger.Invalid)
	do[ledger.MemberProposal](s, auditor, ledger.MemberWithdraw, ledger.IDArgs{ID: s.idOf("auditor", "withdrawn")})
	s.refused(shipper, ledger.MemberCast, ledger.VoteArgs{ID: s.idOf("auditor", "withdrawn")}, ledger.BadState)
}

// serving is who serves which of the carrier's partitions.
func (s *ledgerSuite) serving() ledger.Serving {
	s.t.Helper()
	serving, err := ledger.ServingOf(s.t.Context(), s.ingest, s.ingest.MSP())
	if err != nil {
		s.t.Fatal(err)
	}
	return serving
}

// partitions: on a network whose ingest runs, it keeps its own. Only where nobody serves them the suite does.
func (s *ledgerSuite) partitions() {
	a := ledger.ClaimArgs{Ingest: s.id("claims"), Ranges: []ledger.Range{{From: 0, To: ledger.MaxPartition}}, Epoch: s.serving().Epoch}
	s.refused(s.ingest, ledger.PartitionClaim, ledger.ClaimArgs{Ingest: a.Ingest, Ranges: a.Ranges, Epoch: a.Epoch + 1}, ledger.Conflict)
	s.refused(s.ingest, ledger.PartitionClaim, ledger.ClaimArgs{Ingest: s.idOf("shipper", "claims"), Ranges: a.Ranges, Epoch: a.Epoch}, ledger.Invalid)
	if len(s.serving().Ranges) == 0 {
		got, result := do[ledger.Serving](s, s.ingest, ledger.PartitionClaim, a)
		if got.Epoch != a.Epoch+1 || got.Tx != result.TxID || len(got.Of(a.Ingest)) != 1 {
			s.t.Fatalf("claimed %+v", got)
		}
		other := a
		other.Ingest, other.Epoch = s.id("others"), got.Epoch
		s.refused(s.ingest, ledger.PartitionClaim, other, ledger.Conflict)
		other.Take = true
		if got, _ = do[ledger.Serving](s, s.ingest, ledger.PartitionClaim, other); len(got.Of(a.Ingest)) != 0 || len(got.Of(other.Ingest)) != 1 {
			s.t.Fatalf("taken over %+v", got)
		}
		do[ledger.Serving](s, s.ingest, ledger.PartitionClaim, ledger.ClaimArgs{Ingest: other.Ingest, Epoch: got.Epoch})
		return
	}
	s.refused(s.ingest, ledger.PartitionClaim, a, ledger.Conflict)
}

// Admit has the founders make an organisation a member of a fake ledger, by their votes.
func (l *Ledger) Admit(t testing.TB, m ledger.Founder) {
	t.Helper()
	request := sha256.Sum256([]byte(m.Name))
	l.decide(t, ledger.ProposeMemberArgs{ID: Founders[0].Name + ".admit-" + m.Name, Act: ledger.Admit, Member: &m, Request: hex.EncodeToString(request[:])})
}

// Evict has the other founders end a membership.
func (l *Ledger) Evict(t testing.TB, name string) {
	t.Helper()
	l.decide(t, ledger.ProposeMemberArgs{ID: Founders[0].Name + ".evict-" + name, Act: ledger.Evict, Name: name})
}

// Accept has the founders accept a maker of trackers with its root certificate (DER).
func (l *Ledger) Accept(t testing.TB, maker string, certificate []byte) {
	t.Helper()
	l.decide(t, ledger.ProposeMemberArgs{ID: Founders[0].Name + ".accept-" + maker, Act: ledger.AcceptMaker, Name: maker, Certificate: certificate})
}

// decide has the founders agree to a proposal of the first of them.
func (l *Ledger) decide(t testing.TB, p ledger.ProposeMemberArgs) {
	t.Helper()
	submit := func(by string, fn ledger.Function, arg any) {
		t.Helper()
		if _, err := l.AsRole(by, contract.Operator).Submit(t.Context(), fn.Name(), arg); err != nil {
			t.Fatalf("%s by %s: %v", fn.Name(), by, err)
		}
	}
	submit(Founders[0].MSP, ledger.MemberPropose, p)
	for _, f := range Founders[1:] {
		if f.Name != p.Name {
			submit(f.MSP, ledger.MemberCast, ledger.VoteArgs{ID: p.ID, Yes: true})
		}
	}
	submit(Founders[0].MSP, ledger.MemberExecute, ledger.IDArgs{ID: p.ID})
}
