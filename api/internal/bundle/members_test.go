package bundle_test

import (
	"context"
	"slices"
	"testing"

	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/evidence/evidencetest"
	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/stored/outside"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// accepting is the policy of an auditor who takes the channel's word for who its members are.
func accepting(p *evidence.Policy) {
	p.Joined = "accept"
	p.Endorsers.Of, p.Attesters.Of = nil, nil
}

// cold is an organisation that comes later.
func cold() *evidencetest.Org { return evidencetest.NewOrg("cold", "ColdMSP") }

// Two operators record one shipment, the second of which joined while it was on its way.
func TestLogsOfSeveralOperators(t *testing.T) {
	for _, consensus := range []string{fabricproof.BFT, fabricproof.Raft} {
		t.Run(consensus, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, consensus, true, func(trip *evidencetest.Trip) {
				trip.Drive(4, 2)
				trip.ServedBy(trip.C.Join(cold()), "cold.ingest-1")
				trip.Drive(4, 2)
			})
			w.policy = accepting
			r := w.judge()
			want(t, r, evidence.ExitPass)
			if len(r.Facts.Logs) != 2 || len(r.Facts.Attested) != 5 || r.Facts.Messages != 16 {
				t.Errorf("facts %+v, want two logs, five answers, 16 messages", r.Facts)
			}
			b, err := w.source.Collect(t.Context(), w.request)
			if err != nil {
				t.Fatal(err)
			}
			own, err := b.Verify(t.Context())
			if err != nil || own.Exit() != evidence.ExitPass {
				t.Errorf("the node's own verification: exit %d, %v, %v", own.Exit(), own.Findings, err)
			}
		})
	}
}

// Who joins after a shipment is over has its peer asked as well. Its answer is of no use to an auditor who knows the members of that time.
func TestAnswersOfWhoJoinedLaterStayOut(t *testing.T) {
	w := newWorld(t, fabricproof.BFT, true, nil)
	w.trip.C.Join(cold())
	r := w.judge()
	want(t, r, evidence.ExitPass)
	if slices.Contains(r.Facts.Attested, "ColdMSP") || len(r.Facts.Attested) != 4 {
		t.Errorf("answers of %v, want those of the first four", r.Facts.Attested)
	}
}

// A member that has left is not asked, and the evidence of what it took part in stands.
func TestEvidenceAfterAMemberLeft(t *testing.T) {
	w := newWorld(t, fabricproof.BFT, true, nil)
	w.trip.C.End(w.trip.C.Org("auditor"))
	r := w.judge()
	want(t, r, evidence.ExitPass)
	if slices.Contains(r.Facts.Attested, "AuditorMSP") {
		t.Errorf("answers of %v, want none of AuditorMSP", r.Facts.Attested)
	}
}

// A tracker that moves to another operator right before its assignment has its last message in its own log at the first one, who holds no log of
// the shipment and is not asked. The owner's copy has it.
func TestNeighbourAtTheOperatorBefore(t *testing.T) {
	for name, tc := range map[string]struct {
		asked, gone bool // of the operator, from the store
		exit        int
		codes       []evidence.Code
	}{
		"in the store":                    {false, false, evidence.ExitPass, nil},
		"nowhere":                         {false, true, evidence.ExitUnknown, []evidence.Code{evidence.StartOpen}},
		"asked for":                       {true, true, evidence.ExitPass, nil},
		"asked for, and in the store too": {true, false, evidence.ExitPass, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, fabricproof.BFT, true, nil)
			if tc.gone {
				w.store.Stored = slices.DeleteFunc(w.store.Stored, w.isNeighbour)
			}
			w.source.Outside = func(context.Context, string, []outside.Log) ([][]byte, error) {
				if tc.asked {
					return slices.Clone(w.trip.Outside), nil
				}
				return nil, nil
			}
			want(t, w.judge(), tc.exit, tc.codes...)
		})
	}
}

// What is older than the message before is no neighbour: in a store that lacks that one, it would look like a gap.
func TestOlderMessageIsNoNeighbour(t *testing.T) {
	w := newWorld(t, fabricproof.BFT, true, nil)
	w.store.Stored = slices.DeleteFunc(w.store.Stored, w.isNeighbour)
	old := evidencetest.NewTracker("T-ED", telemetry.Ed25519)
	old.Signer = w.trip.Trackers[0].Signer
	cose, _ := evidencetest.Split(old.Message(w.trip.C.NowMS-86_400_000, nil)) // seq 0, where 2 is the one before the first
	w.putOutside(w.log(anchor.Tracker, "T-ED", record[ledger.Tracker](w, ledger.TrackerKeyOf("T-ED")).EnrolTx), cose)
	w.source.Outside = func(context.Context, string, []outside.Log) ([][]byte, error) { return nil, nil }
	want(t, w.judge(), evidence.ExitUnknown, evidence.StartOpen)
}
