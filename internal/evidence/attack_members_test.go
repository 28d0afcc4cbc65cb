package evidence_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/evidence/evidencetest"
	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// accepting is the policy of an auditor who takes the channel's word for who its members are.
func accepting(p *evidence.Policy) {
	p.Joined = "accept"
	p.Endorsers.Of, p.Attesters.Of = nil, nil
}

// cold is an organisation that comes later.
func cold() *evidencetest.Org { return evidencetest.NewOrg("cold", "ColdMSP") }

// endorsedBy lets an organisation endorse every anchor from now on, beside the operator.
func endorsedBy(t *evidencetest.Trip, o *evidencetest.Org) {
	on(ledger.AnchorExtend, func(_ *evidencetest.Consortium, tx *evidencetest.Tx) {
		if tx.Endorsers[0] != o.Peer {
			tx.Endorsers[1] = o.Peer
		}
	})(t.C)
}

// carrierEvicted goes on as if nothing had happened.
func carrierEvicted(t *evidencetest.Trip) {
	t.Drive(2, 2)
	t.C.End(t.C.Org("carrier"))
	t.Drive(2, 2)
}

// memberAttacks: who is one of the channel's organisations, and when.
var memberAttacks = []attack{
	{name: "evicted organisation goes on anchoring", code: fabricproof.Identity, during: carrierEvicted},
	{name: "evicted organisation revived by a stale configuration", code: fabricproof.ConfigStale, during: carrierEvicted, after: func(t *evidencetest.Trip) {
		t.Manifest.Configs = t.Manifest.Configs[:1]
	}},
	{name: "evicted organisation revived, its eviction left out between two configurations", code: fabricproof.ConfigLink, policy: accepting, during: func(t *evidencetest.Trip) {
		carrierEvicted(t)
		t.C.Join(cold())
		t.Drive(2, 2)
	}, after: func(t *evidencetest.Trip) {
		t.Manifest.Configs = slices.Delete(t.Manifest.Configs, 1, 2)
	}},
	{name: "evicted organisation goes on endorsing", code: fabricproof.Identity, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		t.C.End(t.C.Org("auditor"))
		endorsedBy(t, t.C.Org("auditor"))
		t.Drive(2, 2)
	}},
	{name: "evicted organisation goes on answering", code: fabricproof.Identity, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		t.C.End(t.C.Org("auditor"))
		t.Drive(2, 2)
		t.Attesters = t.C.Orgs
	}},
	{name: "organisation endorses before it joins", code: fabricproof.Identity, policy: accepting, during: func(t *evidencetest.Trip) {
		c := cold()
		endorsedBy(t, c)
		t.Drive(2, 2)
		t.C.OnTx = nil
		t.C.Join(c)
		t.Drive(2, 2)
	}},
	{name: "organisation that joined, and the policy refuses it", code: fabricproof.MSPRoot, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		t.C.Join(cold())
		t.Drive(2, 2)
	}},
	{name: "organisation that joined, hidden from a policy that refuses it", code: fabricproof.ConfigStale, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		t.C.Join(cold())
		t.Drive(2, 2)
	}, after: func(t *evidencetest.Trip) { t.Manifest.Configs = t.Manifest.Configs[:1] }},
	{name: "organisation of the pinned configuration that the policy does not name", code: fabricproof.MSPRoot, policy: func(p *evidence.Policy) {
		accepting(p)
		delete(p.Roots, "AuditorMSP")
	}},
	{name: "another root of an organisation that the policy names", code: fabricproof.MSPRoot, policy: accepting, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		t.C.End(t.C.Org("auditor"))
		t.C.Join(evidencetest.NewOrg("auditor", "AuditorMSP"))
		t.Drive(2, 2)
	}},
	{name: "orderers of an organisation that joined", code: fabricproof.MSPRoot, policy: func(p *evidence.Policy) {
		accepting(p)
		delete(p.Roots, "ColdMSP")
		delete(p.Roots, "coldOrdererMSP")
	}, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		c := cold()
		c.Order()
		t.C.Join(c)
		t.Drive(2, 2)
	}},
	{name: "configuration that admits an organisation, forged by one organisation's orderer", code: fabricproof.ConfigSig, policy: accepting, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		t.C.OnBlock = func(p *evidencetest.BlockParts) {
			if p.Config {
				p.Signers = t.C.Orgs[:1]
			}
		}
		t.C.Join(cold())
		t.Drive(2, 2)
	}},
	{name: "endorsed by organisations that joined, where the policy names others", code: fabricproof.EndorsePolicy, policy: func(p *evidence.Policy) { p.Joined = "accept" },
		during: func(t *evidencetest.Trip) {
			t.Drive(2, 2)
			endorsedBy(t, t.C.Join(cold()))
			t.Drive(2, 2)
		}},
	{name: "answers of organisations that came later only", code: evidence.NotFinal, status: evidence.Unknown, policy: accepting, after: func(t *evidencetest.Trip) {
		for _, name := range []string{"one", "two", "three"} {
			t.Attesters = append(t.Attesters, t.C.Join(evidencetest.NewOrg(name, name+"MSP")))
		}
		t.Collect()
	}},
}

// updateAttacks: a quorum of orderers makes members as it likes, and the members did not agree.
var updateAttacks = []attack{
	{name: "member made up by the orderers, whom half of the members know", code: fabricproof.ConfigSig, policy: accepting,
		during: joins(func(t *evidencetest.Trip, u *evidencetest.Update) { u.Admins = u.Admins[:2] })},
	{name: "one administrator's signature twice", code: fabricproof.ConfigSig, policy: accepting,
		during: joins(func(t *evidencetest.Trip, u *evidencetest.Update) { u.Admins[2] = u.Admins[1] })},
	{name: "members' clients sign instead of their administrators", code: fabricproof.ConfigSig, policy: accepting,
		during: joins(func(t *evidencetest.Trip, u *evidencetest.Update) {
			for i, o := range t.C.Orgs[:3] {
				u.Admins[i] = o.Client
			}
		})},
	{name: "newcomer's own administrator among those who agree", code: fabricproof.ConfigSig, policy: accepting,
		during: joins(func(t *evidencetest.Trip, u *evidencetest.Update) { u.Admins[2] = t.C.Org("cold").Admin })},
	{name: "another newcomer than the members agreed on", code: fabricproof.ConfigSig, policy: accepting,
		during: joins(func(t *evidencetest.Trip, u *evidencetest.Update) {
			other := *t.C.Org("cold")
			other.Redefine(evidencetest.NewAuthority("ColdMSP"))
			u.Members[4], u.Defines = &other, []*evidencetest.Org{&other}
		})},
	{name: "newcomer beside the one that the members agreed on", code: fabricproof.ConfigSig, policy: accepting, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		t.C.OnUpdate = func(u *evidencetest.Update) { u.Members = u.Members[:5] }
		t.C.Orgs = append(t.C.Orgs, evidencetest.NewOrg("warm", "WarmMSP"))
		t.C.Join(cold())
		t.Drive(2, 2)
	}},
	{name: "members' agreement of another channel", code: fabricproof.ConfigSig, policy: accepting,
		during: joins(func(_ *evidencetest.Trip, u *evidencetest.Update) { u.Channel = "other" })},
	{name: "newcomer without any agreement", code: fabricproof.ConfigSig, policy: accepting,
		during: joins(func(_ *evidencetest.Trip, u *evidencetest.Update) { u.Envelope = []byte{} })},
	{name: "agreement of another time used again, after the eviction", code: fabricproof.ConfigSig, policy: accepting, during: func(t *evidencetest.Trip) {
		var first []byte
		t.C.OnUpdate = func(u *evidencetest.Update) {
			if u.Envelope = first; first == nil {
				u.Envelope = u.Sign()
				first = u.Envelope
			}
		}
		c := t.C.Join(cold())
		t.Drive(2, 2)
		t.C.OnUpdate = nil
		t.C.End(c)
		t.C.OnUpdate = func(u *evidencetest.Update) { u.Envelope = first }
		t.C.Back(c)
		t.Drive(2, 2)
	}},
	{name: "eviction that half of the members agree on", code: fabricproof.ConfigSig, policy: accepting, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		t.C.OnUpdate = func(u *evidencetest.Update) { u.Admins = u.Admins[:2] }
		t.C.End(t.C.Org("auditor"))
		t.Drive(2, 2)
	}},
	{name: "keys of an organisation that joined, exchanged by the others", code: fabricproof.ConfigSig, policy: accepting, during: func(t *evidencetest.Trip) {
		c := t.C.Join(cold())
		t.Drive(2, 2)
		c.CA = evidencetest.NewAuthority("ColdMSP")
		t.C.OnUpdate = func(u *evidencetest.Update) { u.Admins = u.Admins[1:] } // all but its own
		t.C.Configure()
		t.Drive(2, 2)
	}},
}

// joins lets an organisation join by an update that change falsifies.
func joins(change func(*evidencetest.Trip, *evidencetest.Update)) func(*evidencetest.Trip) {
	return func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		t.C.OnUpdate = func(u *evidencetest.Update) { change(t, u) }
		t.C.Join(cold())
		t.C.OnUpdate = nil
		t.Drive(2, 2)
	}
}

// operatorsAttacks: a shipment that more than one operator records.
var operatorsAttacks = []attack{
	{name: "tracker's chain forked between two operators", code: evidence.Fork, policy: accepting, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		twin := *t.Trackers[0]
		t.Log(t.Trackers[0].Message(t.C.NowMS, nil))
		t.ServedBy(t.C.Join(cold()), "cold.ingest-1")
		t.Log(twin.Message(t.C.NowMS+1, nil))
		t.Drive(2, 2)
	}},
	{name: "messages lost between two operators", code: evidence.SeqGap, policy: accepting, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		t.Trackers[0].Message(t.C.NowMS, nil)
		t.ServedBy(t.C.Join(cold()), "cold.ingest-1")
		t.Drive(2, 2)
	}},
	{name: "log of the second operator left out", code: evidence.CloseDiffers, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		t.ServedBy(t.C.Org("shipper"), "shipper.ingest-1")
		t.Drive(2, 2)
	}, after: func(t *evidencetest.Trip) {
		t.Instances = t.Instances[:1]
		t.Collect()
	}},
	{name: "leaves of one operator in the log of another", code: evidence.MsgHash, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		t.Ingest = "shipper.ingest-1"
		t.Log(t.Trackers[0].Message(t.C.NowMS, nil))
		t.Ingest = "ingest-carrier"
		t.Drive(2, 2)
	}},
	{name: "anchors of an instance by another organisation than its operator", code: evidence.HeadsFork, policy: accepting, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		t.Operator = t.C.Join(cold())
		t.Drive(2, 2)
	}},
	{name: "anchor in another operator's name", code: evidence.AnchorValue, policy: accepting, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		t.ServedBy(t.C.Join(cold()), "cold.ingest-1")
		t.OnExtend = func(_ *ledger.ExtendArgs, h *ledger.Head) { h.Owner = "CarrierMSP" }
		t.Drive(2, 2)
	}},
}

// Who is refused is named, with where they came from.
func TestRefusalNamesWhoJoined(t *testing.T) {
	for _, a := range memberAttacks {
		if a.code != fabricproof.MSPRoot || a.policy != nil {
			continue
		}
		f := a.run(t).Findings[0]
		if !strings.Contains(f.Found, "ColdMSP") || !strings.Contains(f.Where, "configuration block") {
			t.Errorf("got %s, want ColdMSP and the block of its configuration", f)
		}
	}
}

// Organisations come and go while the goods are on their way; each counts as long as it is one of the channel.
func TestMembersComeAndGo(t *testing.T) {
	cases := map[string]struct {
		during func(*evidencetest.Trip)
		policy func(*evidence.Policy)
		joined bool
	}{
		"one joins, and records, endorses, submits and answers": {policy: accepting, joined: true, during: func(t *evidencetest.Trip) {
			t.Drive(2, 2)
			c := t.C.Join(cold())
			t.ServedBy(c, "cold.ingest-1")
			t.Drive(4, 2)
			t.ServedBy(t.C.Org("shipper"), "shipper.ingest-1")
			endorsedBy(t, c)
			t.Drive(2, 2)
		}},
		"one joins whose root the policy pins": {during: func(t *evidencetest.Trip) {
			t.Drive(2, 2)
			t.C.Join(cold())
			t.Drive(2, 2)
		}},
		"one of the first leaves": {during: func(t *evidencetest.Trip) {
			t.Drive(2, 2)
			t.C.End(t.C.Org("auditor"))
			t.Drive(2, 2)
		}},
		"one leaves that recorded": {policy: accepting, joined: true, during: func(t *evidencetest.Trip) {
			c := t.C.Join(cold())
			t.ServedBy(c, "cold.ingest-1")
			t.Drive(4, 2)
			t.Anchor(true)
			t.C.End(c)
			t.ServedBy(t.C.Org("carrier"), "carrier.ingest-2")
			t.Drive(2, 2)
		}},
		"one that joined renews its definition": {policy: accepting, joined: true, during: func(t *evidencetest.Trip) {
			c := t.C.Join(cold())
			t.Drive(2, 2)
			t.C.Revoked[c.MSP] = c.CA.CRL(c.CA.Issue("lost", "client"))
			t.C.Configure()
			t.Drive(2, 2)
		}},
		"one leaves and comes back": {policy: accepting, joined: true, during: func(t *evidencetest.Trip) {
			c := t.C.Join(cold())
			t.Drive(2, 2)
			t.C.End(c)
			t.Drive(2, 2)
			t.C.Back(c)
			endorsedBy(t, c)
			t.Drive(2, 2)
		}},
		"two of the first record": {during: func(t *evidencetest.Trip) {
			t.Drive(3, 1)
			t.ServedBy(t.C.Org("consignee"), "consignee.ingest-1")
			t.Drive(3, 1)
		}},
	}
	for _, consensus := range []string{fabricproof.BFT, fabricproof.Raft} {
		for name, tc := range cases {
			t.Run(consensus+"/"+name, func(t *testing.T) {
				t.Parallel()
				net := evidencetest.New(consensus)
				trip := evidencetest.NewTrip(net, evidencetest.NewTracker("T-ED", telemetry.Ed25519), evidencetest.NewTracker("T-EC", telemetry.ESP256))
				tc.during(trip)
				trip.Finish()
				policy := net.Policy()
				if tc.policy != nil {
					tc.policy(policy)
				}
				if name == "one joins whose root the policy pins" {
					policy.Roots["ColdMSP"] = []string{net.Org("cold").RootHash()}
				}
				if err := policy.Validate(); err != nil {
					t.Fatal(err)
				}
				r := check(t, trip.Bundle(), policy, trip.Nonce)
				passes(t, r)
				warned := false
				for _, f := range r.Findings {
					warned = warned || f.Code == evidence.JoinedOK && strings.Contains(f.Found, "ColdMSP")
					if f.Severity == "warn" && f.Code != evidence.JoinedOK && f.Code != evidence.NewLife {
						t.Errorf("unexpected %s", f)
					}
				}
				if warned != tc.joined {
					t.Errorf("%s of ColdMSP: %t, want %t: %v", evidence.JoinedOK, warned, tc.joined, r.Findings)
				}
			})
		}
	}
}

// A policy says of whom it asks something, or that it takes the channel's word.
func TestPolicyOfThoseWhoJoined(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*evidence.Policy)
		want   string // "" = valid
	}{
		"nobody named, refused":          {func(p *evidence.Policy) { p.Endorsers.Of = nil }, "endorsers.of must name organisations"},
		"nobody named, accepted":         {accepting, ""},
		"named, accepted":                {func(p *evidence.Policy) { p.Joined = "accept" }, ""},
		"more than there are":            {func(p *evidence.Policy) { p.Joined = "accept"; p.Attesters.AtLeast = 5 }, "attesters.at_least must be 1 to 4"},
		"none of nobody":                 {func(p *evidence.Policy) { accepting(p); p.Attesters.AtLeast = 0 }, "attesters.at_least must be 1 or more"},
		"another word":                   {func(p *evidence.Policy) { p.Joined = "yes" }, `joined must be "refuse" or "accept"`},
		"one whose root is not pinned":   {func(p *evidence.Policy) { p.Joined = "accept"; p.Endorsers.Of = []string{"ColdMSP", "AuditorMSP"} }, `endorsers.of: "ColdMSP" has no entry in roots`},
		"refused, by the word":           {func(p *evidence.Policy) { p.Joined = "refuse" }, ""},
		"more than there are, of nobody": {func(p *evidence.Policy) { accepting(p); p.Attesters.AtLeast = 50 }, ""},
	} {
		p := evidencetest.New(fabricproof.BFT).Policy()
		tc.change(p)
		err := p.Validate()
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
}
