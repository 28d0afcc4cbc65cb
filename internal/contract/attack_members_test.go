package contract

import (
	"testing"

	"github.com/trackseal/trackseal/internal/ledger"
)

// One member with all its keys, operator's and ingest's, cannot admit or evict anybody, nor end or move what is another's.
func TestAttackGovernance(t *testing.T) {
	evil, evilIn := carrierOp, carrierIn
	for _, tc := range []struct {
		name string
		try  func(w *world)
	}{
		{"votes twice", func(w *world) {
			must[ledger.MemberProposal](w, evil, ledger.MemberPropose, ledger.EventProposal, admitArgs("carrier.x", "fifth"))
			for _, v := range []ledger.VoteArgs{{ID: "carrier.x", Yes: true, Signature: []byte("1")}, {ID: "carrier.x"}, {ID: "carrier.x", Yes: true, Signature: []byte("2")}} {
				p := must[ledger.MemberProposal](w, evil, ledger.MemberCast, ledger.EventProposal, v)
				if len(p.Votes) != 1 {
					w.t.Errorf("%d votes of one organisation", len(p.Votes))
				}
			}
			w.refused(ledger.BadState, evil, ledger.MemberExecute, ledger.IDArgs{ID: "carrier.x"})
		}},
		{"votes with its ingest's key as well", func(w *world) {
			must[ledger.MemberProposal](w, evil, ledger.MemberPropose, ledger.EventProposal, admitArgs("carrier.x", "fifth"))
			w.refused(ledger.Forbidden, evilIn, ledger.MemberCast, ledger.VoteArgs{ID: "carrier.x", Yes: true})
		}},
		{"votes as another", func(w *world) {
			must[ledger.MemberProposal](w, evil, ledger.MemberPropose, ledger.EventProposal, admitArgs("carrier.x", "fifth"))
			w.refused(ledger.Invalid, evil, ledger.MemberCast, `{"id":"carrier.x","yes":true,"by":"ShipperMSP"}`)
		}},
		{"brings votes along", func(w *world) {
			w.refused(ledger.Invalid, evil, ledger.MemberPropose, `{"id":"carrier.x","act":"evict","name":"shipper","votes":[{"by":"AuditorMSP","yes":true}]}`)
		}},
		{"proposes under another's name", func(w *world) {
			w.refused(ledger.Invalid, evil, ledger.MemberPropose, evictArgs("auditor.x", "shipper"))
		}},
		{"executes what half of them want", func(w *world) {
			must[ledger.MemberProposal](w, evil, ledger.MemberPropose, ledger.EventProposal, evictArgs("carrier.x", "shipper"))
			w.vote("carrier.x", auditorOp)
			w.refused(ledger.BadState, evil, ledger.MemberExecute, ledger.IDArgs{ID: "carrier.x"})
		}},
		{"makes a proposal anew after the others agreed to it", func(w *world) {
			must[ledger.MemberProposal](w, evil, ledger.MemberPropose, ledger.EventProposal, admitArgs("carrier.x", "fifth"))
			w.vote("carrier.x", auditorOp, shipperOp)
			w.refused(ledger.Exists, evil, ledger.MemberPropose, admitArgs("carrier.x", "friend"))
			must[ledger.MemberProposal](w, evil, ledger.MemberWithdraw, ledger.EventProposal, ledger.IDArgs{ID: "carrier.x"})
			w.refused(ledger.Exists, evil, ledger.MemberPropose, admitArgs("carrier.x", "friend"))
			w.refused(ledger.BadState, evil, ledger.MemberExecute, ledger.IDArgs{ID: "carrier.x"})
		}},
		{"gives an organisation two memberships", func(w *world) {
			a := admitArgs("carrier.x", "again")
			a.Member.MSP = carrier
			w.refused(ledger.Exists, evil, ledger.MemberPropose, a)
		}},
		{"founds again", func(w *world) { w.refused(ledger.Exists, evil, ledger.MemberFound, founders) }},
		{"lets an organisation in that nobody admitted", func(w *world) {
			w.refused(ledger.Forbidden, fifthOp, ledger.MemberAnnounce, ledger.AnnounceArgs{API: "https://a"})
			w.refused(ledger.Forbidden, fifthOp, ledger.MemberCast, ledger.VoteArgs{ID: "carrier.x"})
		}},
		{"announces another's instance as its own", func(w *world) {
			w.refused(ledger.Invalid, evil, ledger.MemberAnnounce, announceArgs("shipper"))
		}},
		{"comes back after it was evicted", func(w *world) {
			h := newHeads("carrier.ingest-1")
			h.grow(4)
			must[ledger.Head](w, evilIn, ledger.AnchorExtend, ledger.EventAnchor, h.args(w.t, 0, 2, w.ms))
			w.create(evil, "carrier.S-1")
			must[ledger.MemberProposal](w, shipperOp, ledger.MemberPropose, ledger.EventProposal, evictArgs("shipper.x", "carrier"))
			w.vote("shipper.x", auditorOp, consigneeOp)
			must[ledger.MemberProposal](w, auditorOp, ledger.MemberExecute, ledger.EventProposal, ledger.IDArgs{ID: "shipper.x"})
			w.refused(ledger.Forbidden, evilIn, ledger.AnchorExtend, h.args(w.t, 2, 4, w.ms))
			w.refused(ledger.Forbidden, evil, ledger.ShipmentGet, ledger.IDArgs{ID: "carrier.S-1"})
			w.refused(ledger.Forbidden, evilIn, ledger.TrackerList, ledger.ListArgs{})
			w.refused(ledger.Forbidden, evil, ledger.MemberPropose, admitArgs("carrier.y", "fifth"))
			w.refused(ledger.Forbidden, evilIn, ledger.BeatRenew, ledger.NoArgs{})
		}},
	} {
		t.Run(tc.name, func(t *testing.T) { tc.try(newWorld(t)) })
	}
}

// What was endorsed while somebody was a member reads what its end writes: held back over it, it is invalid.
func TestAttackHeldBackOverAnEviction(t *testing.T) {
	w := newWorld(t)
	w.enrol(carrierOp, "carrier.T-1")
	for _, x := range []struct {
		by  who
		fn  ledger.Function
		arg any
	}{
		{shipperOp, ledger.MemberAnnounce, ledger.AnnounceArgs{API: "https://shipper.test"}},
		{shipperOp, ledger.RuleSetPublish, ledger.PublishArgs{Rules: ruleSet("shipper.vaccine", 1)}},
		{shipperOp, ledger.ShipmentCreate, createArgs("shipper.S-1")},
	} {
		h, err := w.endorse(x.by, x.fn, x.arg)
		if err != nil || len(h.Writes) == 0 {
			t.Fatalf("%s: %d writes, %v", x.fn, len(h.Writes), err)
		}
		if _, ok := h.read[ledger.EndedKey(shipper)]; !ok {
			t.Errorf("%s does not read whether its sender is a member", x.fn)
		}
	}
	w.evict("shipper", auditorOp, consigneeOp)
	if w.state[ledger.EndedKey(shipper)] == nil {
		t.Error("the eviction left no end to be read")
	}
}

// Partitions and epochs are one operator's own, and no epoch comes back.
func TestAttackPartitions(t *testing.T) {
	w := newWorld(t)
	w.admit()
	fifthIn := who{fifth, Ingest}
	whole := ledger.Range{From: 0, To: ledger.MaxPartition}
	w.claim(claimArgs("carrier.ingest-1", 0, whole))
	w.refused(ledger.Invalid, fifthIn, ledger.PartitionClaim, ledger.ClaimArgs{Ingest: "carrier.ingest-1", Ranges: []ledger.Range{whole}, Epoch: 1, Take: true})
	// Its own record is all that it has, and is no part of another operator's.
	must[ledger.Serving](w, fifthIn, ledger.PartitionClaim, ledger.EventServing, claimArgs("fifth.ingest-1", 0, whole))
	if s := query[ledger.Serving](w, fifthIn, ledger.PartitionGet, ledger.MSPArgs{MSP: carrier}); s.Epoch != 1 || len(s.Of("carrier.ingest-1")) != 1 {
		t.Errorf("the carrier's partitions are %+v, want them untouched", s)
	}
	w.refused(ledger.Conflict, carrierIn, ledger.PartitionClaim, claimArgs("carrier.ingest-2", 0, ledger.Range{From: 1, To: 1}))
	w.refused(ledger.Invalid, carrierIn, ledger.PartitionClaim, `{"ingest":"carrier.ingest-2","ranges":[],"epoch":-1}`)
	w.refused(ledger.Conflict, carrierIn, ledger.PartitionClaim, ledger.ClaimArgs{Ingest: "carrier.ingest-2", Ranges: []ledger.Range{whole}, Epoch: 0, Take: true})
}
