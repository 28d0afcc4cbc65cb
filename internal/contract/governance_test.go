package contract

import (
	"encoding/pem"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/trackseal/trackseal/internal/ledger"
)

const fifth = "FifthMSP"

var fifthOp = who{fifth, Operator}

func admitArgs(id, name string) ledger.ProposeMemberArgs {
	return ledger.ProposeMemberArgs{
		ID: id, Act: ledger.Admit, Member: &ledger.Founder{Name: name, MSP: strings.ToUpper(name[:1]) + name[1:] + "MSP", DisplayName: name, Operator: true},
		Request: hexHash(name), Update: []byte("channel update"), Signature: []byte("signature"),
	}
}

func evictArgs(id, name string) ledger.ProposeMemberArgs {
	return ledger.ProposeMemberArgs{ID: id, Act: ledger.Evict, Name: name}
}

func announceArgs(name string) ledger.AnnounceArgs {
	return ledger.AnnounceArgs{
		API: "https://10.0.0.5:8080", MQTT: "ssl://10.0.0.5:8883", CA: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("root")})),
		Ingest: []ledger.IngestEndpoint{{ID: name + ".ingest-1", URL: "https://10.0.0.5:8090"}},
	}
}

// vote has members say yes.
func (w *world) vote(id string, by ...who) {
	w.t.Helper()
	for _, b := range by {
		must[ledger.MemberProposal](w, b, ledger.MemberCast, ledger.EventProposal, ledger.VoteArgs{ID: id, Yes: true})
	}
}

// evict ends a membership by the votes of the carrier and others.
func (w *world) evict(name string, by ...who) {
	w.t.Helper()
	id := "carrier.evict-" + name
	must[ledger.MemberProposal](w, carrierOp, ledger.MemberPropose, ledger.EventProposal, evictArgs(id, name))
	w.vote(id, by...)
	must[ledger.MemberProposal](w, carrierOp, ledger.MemberExecute, ledger.EventProposal, ledger.IDArgs{ID: id})
}

// admit makes the fifth a member.
func (w *world) admit() {
	w.t.Helper()
	must[ledger.MemberProposal](w, carrierOp, ledger.MemberPropose, ledger.EventProposal, admitArgs("carrier.admit-fifth", "fifth"))
	w.vote("carrier.admit-fifth", shipperOp, consigneeOp)
	must[ledger.MemberProposal](w, shipperOp, ledger.MemberExecute, ledger.EventProposal, ledger.IDArgs{ID: "carrier.admit-fifth"})
}

func TestAMajorityAdmits(t *testing.T) {
	w := newWorld(t)
	id := ledger.IDArgs{ID: "carrier.admit-1"}
	a := admitArgs(id.ID, "fifth")
	p := must[ledger.MemberProposal](w, carrierOp, ledger.MemberPropose, ledger.EventProposal, a)
	if p.State != ledger.ProposalOpen || p.By != carrier || len(p.Votes) != 1 || !p.Votes[0].Yes || p.Votes[0].By != carrier || string(p.Votes[0].Signature) != "signature" || string(p.Update) != "channel update" {
		t.Fatalf("proposed %+v, want it open with the carrier's yes", p)
	}
	w.refused(ledger.Exists, carrierOp, ledger.MemberPropose, a)
	w.refused(ledger.BadState, carrierOp, ledger.MemberExecute, id) // 1 of 4
	w.vote(id.ID, auditorOp)
	w.refused(ledger.BadState, carrierOp, ledger.MemberExecute, id) // 2 of 4 are not more than half
	w.refused(ledger.Forbidden, fifthOp, ledger.TrackerEnrol, edDevice("fifth.T-1").enrolArgs("fifth.T-1", fifth))
	w.vote(id.ID, shipperOp)
	// A vote can be changed until the execution, and the last one counts.
	must[ledger.MemberProposal](w, auditorOp, ledger.MemberCast, ledger.EventProposal, ledger.VoteArgs{ID: id.ID})
	w.refused(ledger.BadState, carrierOp, ledger.MemberExecute, id)
	w.vote(id.ID, auditorOp)
	if again, e := w.submit(auditorOp, ledger.MemberCast, ledger.VoteArgs{ID: id.ID, Yes: true}, nil); e != nil || len(again.Writes) > 0 {
		t.Errorf("the same vote again: %d writes, %v; want none", len(again.Writes), e)
	}
	done := must[ledger.MemberProposal](w, consigneeOp, ledger.MemberExecute, ledger.EventProposal, id)
	if done.State != ledger.ProposalExecuted || done.EndedTx == "" || len(done.Votes) != 3 {
		t.Errorf("executed %+v, want the state and three votes", done)
	}
	if again, e := w.submit(carrierOp, ledger.MemberExecute, id, nil); e != nil || len(again.Writes) > 0 {
		t.Errorf("executed again: %d writes, %v; want none", len(again.Writes), e)
	}
	w.refused(ledger.BadState, carrierOp, ledger.MemberWithdraw, id)
	w.refused(ledger.BadState, carrierOp, ledger.MemberCast, ledger.VoteArgs{ID: id.ID})
	m := query[ledger.Member](w, auditorOp, ledger.MemberGet, ledger.NameArgs{Name: "fifth"})
	want := ledger.Member{Name: "fifth", MSP: fifth, DisplayName: "fifth", Operator: true, Kind: ledger.NodeMember, JoinedMS: done.EndedMS, Tx: done.EndedTx}
	if m != want {
		t.Errorf("the member is %+v, want %+v", m, want)
	}
	// It is one like the others: it makes, takes part, is an operator and votes.
	w.enrol(fifthOp, "fifth.T-1")
	args := createArgs("carrier.S-1")
	args.Parties[ledger.Carrier] = []string{carrier, fifth}
	must[ledger.Shipment](w, carrierOp, ledger.ShipmentCreate, ledger.EventShipment, args)
	h := newHeads("fifth.ingest-1")
	h.grow(3)
	must[ledger.Head](w, who{fifth, Ingest}, ledger.AnchorExtend, ledger.EventAnchor, h.args(t, 0, 3, w.ms))
	must[ledger.MemberProposal](w, fifthOp, ledger.MemberPropose, ledger.EventProposal, evictArgs("fifth.evict", "auditor"))
	w.refused(ledger.Exists, carrierOp, ledger.MemberPropose, admitArgs("carrier.again", "fifth"))
	listed := query[ledger.Page[ledger.MemberProposal]](w, auditorOp, ledger.MemberProposals, ledger.ListArgs{})
	if len(listed.Items) != 2 || !reflect.DeepEqual(listed.Items[0], done) {
		t.Errorf("listed %+v, want %+v first", listed.Items, done)
	}
}

func TestEvictedMembersAreOut(t *testing.T) {
	w := newWorld(t)
	w.admit()
	in := who{fifth, Ingest}
	h := newHeads("fifth.ingest-1")
	h.grow(3)
	args := createArgs("fifth.S-1")
	args.Parties[ledger.Carrier] = []string{carrier, fifth}
	must[ledger.Shipment](w, fifthOp, ledger.ShipmentCreate, ledger.EventShipment, args)
	must[ledger.Head](w, in, ledger.AnchorExtend, ledger.EventAnchor, h.args(t, 0, 3, w.ms))
	must[ledger.Serving](w, in, ledger.PartitionClaim, ledger.EventServing, claimArgs("fifth.ingest-1", 0, ledger.Range{To: 255}))
	w.enrol(fifthOp, "fifth.T-1")
	must[ledger.Shipment](w, fifthOp, ledger.ShipmentAssign, ledger.EventShipment, ledger.AssignArgs{Shipment: "fifth.S-1", Tracker: "fifth.T-1"})
	must[ledger.Shipment](w, fifthOp, ledger.ShipmentPropose, ledger.EventShipment, ledger.ProposeArgs{ID: "fifth.S-1", To: consignee})
	must[ledger.Shipment](w, consigneeOp, ledger.ShipmentAccept, ledger.EventShipment, ledger.IDArgs{ID: "fifth.S-1"})

	// Its own vote counts as any other's: 3 of 5.
	id := ledger.IDArgs{ID: "carrier.evict-fifth"}
	must[ledger.MemberProposal](w, carrierOp, ledger.MemberPropose, ledger.EventProposal, evictArgs(id.ID, "fifth"))
	w.vote(id.ID, shipperOp)
	w.refused(ledger.BadState, carrierOp, ledger.MemberExecute, id)
	w.vote(id.ID, auditorOp)
	// What it had endorsed before the end reads the key that the end writes.
	held, err := w.run(fifthOp, ledger.TrackerCalibrate, ledger.CalibrateArgs{ID: "fifth.T-1", Ref: "c", Hash: hexHash("c"), ValidFromMS: 1, ValidToMS: 2})
	if err != nil || len(held.Writes) == 0 {
		t.Fatalf("before the end: %v", err)
	}
	must[ledger.MemberProposal](w, carrierOp, ledger.MemberExecute, ledger.EventProposal, id)

	m := query[ledger.Member](w, fifthOp, ledger.MemberGet, ledger.NameArgs{Name: "fifth"})
	if m.InForce() || m.Ended.Why != ledger.Evicted || m.Ended.Tx == "" {
		t.Errorf("the member is %+v, want it evicted", m)
	}
	query[ledger.Page[ledger.Member]](w, fifthOp, ledger.MemberList, ledger.ListArgs{})
	query[ledger.Page[ledger.MemberProposal]](w, fifthOp, ledger.MemberProposals, ledger.ListArgs{})
	for _, fn := range Names() {
		for _, role := range []string{Operator, Ingest, ""} {
			_, err := Run(w.state, w.call(who{fifth, role}), fn, []byte(`{}`))
			open := fn == ledger.MemberGet.Name() || fn == ledger.MemberList.Name() || fn == ledger.MemberProposals.Name()
			if (ledger.CodeOf(err) == ledger.Forbidden) == open {
				t.Errorf("%s as %q: %v; want it refused unless it tells of members only", fn, role, err)
			}
		}
	}
	// Nobody waits for its seals, and nobody can name it again.
	must[ledger.Shipment](w, consigneeOp, ledger.ShipmentDeliver, ledger.EventShipment, ledger.IDArgs{ID: "fifth.S-1"})
	must[ledger.Close](w, consigneeOp, ledger.ShipmentClose, ledger.EventClosed, ledger.IDArgs{ID: "fifth.S-1"})
	args.ID = "carrier.S-2"
	w.refused(ledger.Invalid, carrierOp, ledger.ShipmentCreate, args)
	w.refused(ledger.Invalid, carrierOp, ledger.TrackerEnrol, served("carrier.T-9", fifth))
	w.refused(ledger.Exists, carrierOp, ledger.MemberPropose, admitArgs("carrier.admit-again", "fifth"))
}

// An end changes who is asked: votes of those who went do not count, and fewer are needed.
func TestTheElectorateIsWhoIsThere(t *testing.T) {
	w := newWorld(t)
	w.admit()
	id := ledger.IDArgs{ID: "carrier.evict"}
	must[ledger.MemberProposal](w, carrierOp, ledger.MemberPropose, ledger.EventProposal, evictArgs(id.ID, "shipper"))
	w.vote(id.ID, fifthOp, auditorOp)
	must[ledger.Member](w, fifthOp, ledger.MemberLeave, ledger.EventMember, ledger.NoArgs{})
	w.refused(ledger.BadState, carrierOp, ledger.MemberExecute, id) // 2 of 4
	must[ledger.Member](w, consigneeOp, ledger.MemberLeave, ledger.EventMember, ledger.NoArgs{})
	must[ledger.MemberProposal](w, carrierOp, ledger.MemberExecute, ledger.EventProposal, id) // 2 of 3
}

func TestLeaving(t *testing.T) {
	w := newWorld(t)
	h := newHeads("carrier.ingest-1")
	h.grow(3)
	must[ledger.Head](w, carrierIn, ledger.AnchorExtend, ledger.EventAnchor, h.args(t, 0, 3, w.ms))
	w.refused(ledger.BadState, carrierOp, ledger.MemberLeave, ledger.NoArgs{})
	must[ledger.Head](w, carrierOp, ledger.AnchorRetire, ledger.EventAnchor, ledger.RetireArgs{Ingest: "carrier.ingest-1"})
	w.refused(ledger.Forbidden, carrierIn, ledger.MemberLeave, ledger.NoArgs{})
	w.create(carrierOp, "carrier.S-1")
	m := must[ledger.Member](w, carrierOp, ledger.MemberLeave, ledger.EventMember, ledger.NoArgs{})
	if m.InForce() || m.Ended.Why != ledger.Left || m.Ended.TimeMS != w.ms {
		t.Errorf("left %+v", m)
	}
	w.refused(ledger.Forbidden, carrierOp, ledger.MemberLeave, ledger.NoArgs{})
	w.refused(ledger.Forbidden, carrierOp, ledger.ShipmentGet, ledger.IDArgs{ID: "carrier.S-1"})
	// The others agree to take it off the channel, which changes nothing of how it ended.
	id := ledger.IDArgs{ID: "shipper.evict-carrier"}
	must[ledger.MemberProposal](w, shipperOp, ledger.MemberPropose, ledger.EventProposal, evictArgs(id.ID, "carrier"))
	w.vote(id.ID, auditorOp)
	must[ledger.MemberProposal](w, auditorOp, ledger.MemberExecute, ledger.EventProposal, id)
	if got := query[ledger.Member](w, auditorOp, ledger.MemberGet, ledger.NameArgs{Name: "carrier"}); !reflect.DeepEqual(got, m) {
		t.Errorf("off the channel: got %+v, want %+v", got, m)
	}
	for _, by := range []who{shipperOp, consigneeOp} {
		must[ledger.Member](w, by, ledger.MemberLeave, ledger.EventMember, ledger.NoArgs{})
	}
	w.refused(ledger.BadState, auditorOp, ledger.MemberLeave, ledger.NoArgs{}) // the last
}

func TestGoodsAreNotHandedToWhoIsGone(t *testing.T) {
	w := newWorld(t)
	w.create(carrierOp, "carrier.S-1")
	must[ledger.Member](w, shipperOp, ledger.MemberLeave, ledger.EventMember, ledger.NoArgs{})
	w.refused(ledger.BadState, carrierOp, ledger.ShipmentPropose, ledger.ProposeArgs{ID: "carrier.S-1", To: shipper})
}

func TestProposalsLapse(t *testing.T) {
	w := newWorld(t)
	id := ledger.IDArgs{ID: "carrier.admit-1"}
	must[ledger.MemberProposal](w, carrierOp, ledger.MemberPropose, ledger.EventProposal, admitArgs(id.ID, "fifth"))
	w.vote(id.ID, shipperOp)
	w.ms += ledger.ProposalLivesMS - 10_000
	w.vote(id.ID, auditorOp)
	w.ms += 20_000
	for _, fn := range []ledger.Function{ledger.MemberExecute, ledger.MemberWithdraw} {
		w.refused(ledger.BadState, carrierOp, fn, id)
	}
	w.refused(ledger.BadState, consigneeOp, ledger.MemberCast, ledger.VoteArgs{ID: id.ID, Yes: true})
	if got := query[ledger.Page[ledger.MemberProposal]](w, auditorOp, ledger.MemberProposals, ledger.ListArgs{}).Items; len(got) != 1 || got[0].State != ledger.ProposalLapsed {
		t.Errorf("listed %+v, want it lapsed", got)
	}
}

func TestGovernanceRefusals(t *testing.T) {
	bad := func(change func(*ledger.ProposeMemberArgs)) ledger.ProposeMemberArgs {
		a := admitArgs("carrier.x", "fifth")
		change(&a)
		return a
	}
	one := ledger.IDArgs{ID: "carrier.admit-1"}
	yes := ledger.VoteArgs{ID: one.ID, Yes: true}
	for _, tc := range []struct {
		name string
		by   who
		fn   ledger.Function
		arg  any
		code ledger.Code
	}{
		{"propose as ingest", carrierIn, ledger.MemberPropose, admitArgs("carrier.x", "sixth"), ledger.Forbidden},
		{"propose as nobody", who{"EvilMSP", Operator}, ledger.MemberPropose, admitArgs("evil.x", "sixth"), ledger.Forbidden},
		{"propose under another's id", carrierOp, ledger.MemberPropose, admitArgs("shipper.x", "sixth"), ledger.Invalid},
		{"admit a member", carrierOp, ledger.MemberPropose, admitArgs("carrier.x", "shipper"), ledger.Exists},
		{"admit a member's MSP", carrierOp, ledger.MemberPropose, bad(func(a *ledger.ProposeMemberArgs) { a.Member.MSP = shipper }), ledger.Exists},
		{"admit nobody", carrierOp, ledger.MemberPropose, bad(func(a *ledger.ProposeMemberArgs) { a.Member = nil }), ledger.Invalid},
		{"admit without a request", carrierOp, ledger.MemberPropose, bad(func(a *ledger.ProposeMemberArgs) { a.Request = "" }), ledger.Invalid},
		{"admit and evict", carrierOp, ledger.MemberPropose, bad(func(a *ledger.ProposeMemberArgs) { a.Name = "shipper" }), ledger.Invalid},
		{"another act", carrierOp, ledger.MemberPropose, bad(func(a *ledger.ProposeMemberArgs) { a.Act = "promote" }), ledger.Invalid},
		{"large update", carrierOp, ledger.MemberPropose, bad(func(a *ledger.ProposeMemberArgs) { a.Update = make([]byte, ledger.MaxUpdate+1) }), ledger.Invalid},
		{"large signature", carrierOp, ledger.MemberPropose, bad(func(a *ledger.ProposeMemberArgs) { a.Signature = make([]byte, ledger.MaxSignature+1) }), ledger.Invalid},
		{"evict nobody", carrierOp, ledger.MemberPropose, evictArgs("carrier.x", "nobody"), ledger.NotFound},
		{"evict oneself", carrierOp, ledger.MemberPropose, evictArgs("carrier.x", "carrier"), ledger.Invalid},
		{"evict by request", carrierOp, ledger.MemberPropose, ledger.ProposeMemberArgs{ID: "carrier.x", Act: ledger.Evict, Name: "shipper", Request: hexHash("r")}, ledger.Invalid},
		{"vote as ingest", shipperIn, ledger.MemberCast, yes, ledger.Forbidden},
		{"vote as nobody", fifthOp, ledger.MemberCast, yes, ledger.Forbidden},
		{"vote as another by an argument", shipperOp, ledger.MemberCast, `{"id":"carrier.admit-1","yes":true,"by":"AuditorMSP"}`, ledger.Invalid},
		{"vote on nothing", shipperOp, ledger.MemberCast, ledger.VoteArgs{ID: "carrier.none", Yes: true}, ledger.NotFound},
		{"execute as nobody", fifthOp, ledger.MemberExecute, one, ledger.Forbidden},
		{"execute without a majority", carrierOp, ledger.MemberExecute, one, ledger.BadState},
		{"withdraw another's", shipperOp, ledger.MemberWithdraw, one, ledger.Forbidden},
		{"leave as nobody", fifthOp, ledger.MemberLeave, ledger.NoArgs{}, ledger.Forbidden},
		{"announce as nobody", fifthOp, ledger.MemberAnnounce, announceArgs("fifth"), ledger.Forbidden},
		{"announce as ingest", carrierIn, ledger.MemberAnnounce, announceArgs("carrier"), ledger.Forbidden},
		{"announce another's instance", carrierOp, ledger.MemberAnnounce, announceArgs("shipper"), ledger.Invalid},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t)
			must[ledger.MemberProposal](w, carrierOp, ledger.MemberPropose, ledger.EventProposal, admitArgs(one.ID, "fifth"))
			w.refused(tc.code, tc.by, tc.fn, tc.arg)
		})
	}
}

func TestAnnouncing(t *testing.T) {
	w := newWorld(t)
	a := announceArgs("shipper")
	m := must[ledger.Member](w, shipperOp, ledger.MemberAnnounce, ledger.EventMember, a)
	want := ledger.Endpoints{API: a.API, Ingest: a.Ingest, MQTT: a.MQTT, CA: a.CA, TimeMS: w.ms, Tx: fmt.Sprintf("tx%04d", w.n)}
	if m.Endpoints == nil || !reflect.DeepEqual(*m.Endpoints, want) || m.Name != "shipper" {
		t.Errorf("announced %+v, want %+v", m.Endpoints, want)
	}
	if got := query[ledger.Member](w, carrierOp, ledger.MemberGet, ledger.NameArgs{Name: "shipper"}); !reflect.DeepEqual(got, m) {
		t.Errorf("read %+v, want %+v", got, m)
	}
	if again, e := w.submit(shipperOp, ledger.MemberAnnounce, a, nil); e != nil || len(again.Writes) > 0 {
		t.Errorf("announced again: %d writes, %v; want none", len(again.Writes), e)
	}
	must[ledger.Member](w, shipperOp, ledger.MemberAnnounce, ledger.EventMember, ledger.AnnounceArgs{})
	for name, spoil := range map[string]func(*ledger.AnnounceArgs){
		"no scheme":      func(a *ledger.AnnounceArgs) { a.API = "10.0.0.5:8080" },
		"another scheme": func(a *ledger.AnnounceArgs) { a.API = "file:///etc" },
		"credentials":    func(a *ledger.AnnounceArgs) { a.API = "https://a:b@host" },
		"query":          func(a *ledger.AnnounceArgs) { a.API = "https://host/?x=1" },
		"long":           func(a *ledger.AnnounceArgs) { a.API = "https://" + strings.Repeat("a", 300) },
		"MQTT over HTTP": func(a *ledger.AnnounceArgs) { a.MQTT = "https://host" },
		"a life":         func(a *ledger.AnnounceArgs) { a.Ingest[0].ID = "shipper.ingest-1.life-2" },
		"no PEM":         func(a *ledger.AnnounceArgs) { a.CA = "root" },
		"a key":          func(a *ledger.AnnounceArgs) { a.CA = string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY"})) },
		"large roots":    func(a *ledger.AnnounceArgs) { a.CA = strings.Repeat(a.CA, 400) },
		"twice":          func(a *ledger.AnnounceArgs) { a.Ingest = append(a.Ingest, a.Ingest[0]) },
	} {
		t.Run(name, func(t *testing.T) {
			a := announceArgs("shipper")
			spoil(&a)
			w.t = t
			w.refused(ledger.Invalid, shipperOp, ledger.MemberAnnounce, a)
		})
	}
}
