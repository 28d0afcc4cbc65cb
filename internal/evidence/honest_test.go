package evidence_test

import (
	"slices"
	"testing"

	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/evidence/evidencetest"
	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// earlier has the trip's log be that of the instance's life now, whichever life anchors it.
func earlier(t *evidencetest.Trip) {
	log := anchor.LogID(ledger.Channel, anchor.Shipment, t.Shipment, t.CreateTx, t.Ingest)
	t.OnHead = func(h *anchor.HeadLeaf) { h.Log = log }
}

// What happens to honest shipments must not look like an attack.
func TestHonestTrips(t *testing.T) {
	cases := []struct {
		name   string
		during func(*evidencetest.Trip)
		after  func(*evidencetest.Trip)
		policy func(*evidence.Policy)
		warns  evidence.Code // "" = none
	}{
		{name: "radio outage and backfill", during: func(t *evidencetest.Trip) {
			t.Drive(2, 2)
			var held [][]byte
			for range 5 {
				held = append(held, t.Trackers[0].Message(t.C.NowMS, nil))
				t.Log(t.Trackers[1].Message(t.C.NowMS, nil))
				t.C.NowMS += t.StepMS
			}
			t.Anchor(false)
			slices.Reverse(held) // and out of order
			for _, raw := range held {
				t.Log(raw)
			}
			t.Drive(2, 2)
		}},
		{name: "a clock that falls back to 1980", warns: evidence.Undated, during: func(t *evidencetest.Trip) {
			t.Drive(4, 2)
			t.Log(t.Trackers[0].Message(315_964_812_000, nil))
			t.C.NowMS += 5000
			t.Drive(2, 2)
		}},
		{name: "a clock that is three minutes fast for a message", warns: evidence.Undated, during: func(t *evidencetest.Trip) {
			t.Drive(4, 2)
			t.Log(t.Trackers[0].Message(t.C.NowMS+180_000, nil))
			t.C.NowMS += 5000
			t.Drive(2, 2)
		}},
		{name: "a clock that is a little fast", during: func(t *evidencetest.Trip) {
			t.Drive(4, 2)
			t.Log(t.Trackers[0].Message(t.C.NowMS+4000, nil))
			t.C.NowMS += 5000
			t.Drive(2, 2)
		}},
		{name: "an ingest instance in its second life", warns: evidence.NewLife, during: func(t *evidencetest.Trip) {
			t.Ingest += ".life-2"
			t.Drive(4, 2)
		}},
		{name: "a log of an earlier life, which ends in the heads log of the second", warns: evidence.NewLife, during: func(t *evidencetest.Trip) {
			earlier(t)
			t.Drive(4, 5)
			t.Ingest += ".life-2"
		}},
		{name: "details kept to themselves", after: func(t *evidencetest.Trip) { t.Manifest.Details = nil }},
		{name: "key rotation, to another algorithm", during: func(t *evidencetest.Trip) {
			t.Drive(2, 2)
			late := t.Trackers[0].Message(t.C.NowMS, nil)
			t.Rotate(t.Trackers[0], telemetry.ESP256)
			t.Drive(2, 2)
			t.Log(late) // signed with the old key before the rotation, arrives after it
		}},
		{name: "the ledger's verdict is an earlier one, of its own leaves", warns: evidence.OldClaim, during: func(t *evidencetest.Trip) {
			t.Drive(8, 4)
			t.OnClose = func(c *ledger.Close) { fromBeginning(t, c, 8, compliance.Compliant) }
		}},
		{name: "one party's opinion is false, the other's right", warns: evidence.FalseOpinion, during: func(t *evidencetest.Trip) {
			t.Drive(8, 4)
			t.OnClose = func(c *ledger.Close) { alsoSays(c, "ShipperMSP", compliance.NonCompliant) }
		}},
		{name: "configuration changed twice on the way", during: func(t *evidencetest.Trip) {
			t.Drive(2, 2)
			t.C.Configure()
			t.C.Configure()
			t.Drive(2, 2)
		}},
		{name: "restart", warns: evidence.Reboot, during: func(t *evidencetest.Trip) {
			t.Drive(2, 2)
			tr := t.Trackers[0]
			tr.Boot, tr.Seq = tr.Boot+1, 0
			t.Log(tr.Message(t.C.NowMS, func(c *telemetry.Claims) { c.Kind = telemetry.Boot }))
			t.Drive(2, 2)
		}},
		{name: "declared loss within the limit", warns: evidence.GapDeclared, during: func(t *evidencetest.Trip) {
			t.Drive(2, 2)
			tr := t.Trackers[0]
			from := tr.Seq
			for range 10 {
				tr.Message(t.C.NowMS, nil)
			}
			t.Log(tr.Message(t.C.NowMS, func(c *telemetry.Claims) {
				c.Kind, c.Gap = telemetry.Gap, &telemetry.GapDetail{Boot: 1, FromSeq: from, ToSeq: from + 9}
			}))
			t.Drive(2, 2)
		}},
		{name: "declared sleep", during: func(t *evidencetest.Trip) {
			t.Drive(2, 2)
			until := t.C.NowMS + 7_200_000
			for _, tr := range t.Trackers {
				t.Log(tr.Message(t.C.NowMS, func(c *telemetry.Claims) {
					c.Kind, c.NextDueS, c.Sleep = telemetry.Sleep, 0, &telemetry.SleepDetail{UntilMS: until}
				}))
			}
			t.C.NowMS = until
			t.Drive(2, 2)
		}},
		{name: "silence beyond the promise", warns: evidence.Silence, during: func(t *evidencetest.Trip) {
			t.Drive(2, 2)
			t.C.NowMS += 7_200_000
			t.Drive(2, 2)
		}},
		{name: "clock set back and said so", during: func(t *evidencetest.Trip) {
			t.Drive(2, 2)
			tr := t.Trackers[0]
			tr.Beacon = nil
			t.Log(tr.Message(t.C.NowMS-20_000, func(c *telemetry.Claims) {
				c.Kind, c.Clock = telemetry.Clock, &telemetry.ClockDetail{OldMS: t.C.NowMS, NewMS: t.C.NowMS - 20_000}
			}))
			t.Drive(2, 2)
		}},
		{name: "clock set back in silence", warns: evidence.ClockStep, during: func(t *evidencetest.Trip) {
			t.Drive(2, 2)
			t.Trackers[0].Beacon = nil
			t.Log(t.Trackers[0].Message(t.C.NowMS-80_000, nil))
			t.Drive(2, 2)
		}},
		{name: "no message after the last, but its promise reaches the end", after: func(t *evidencetest.Trip) {
			t.Manifest.Outside = t.Manifest.Outside[:2]
		}},
		{name: "tracker said that it ends", during: func(t *evidencetest.Trip) {
			t.Drive(4, 2)
			for _, tr := range t.Trackers {
				t.Log(tr.Message(t.C.NowMS, func(c *telemetry.Claims) { c.Kind, c.NextDueS = telemetry.End, 0 }))
			}
			t.C.NowMS += 7_200_000
		}, after: func(t *evidencetest.Trip) { t.Manifest.Outside = t.Manifest.Outside[:2] }},
		{name: "all readings withheld", warns: evidence.PackWithheld, after: func(t *evidencetest.Trip) {
			for i := range t.Leaves {
				t.Leaves[i].Pack = nil
			}
		}},
		{name: "readings with a location withheld", warns: evidence.PackWithheld, after: func(t *evidencetest.Trip) {
			for i := range t.Leaves {
				if i%2 == 0 {
					t.Leaves[i].Pack = nil
				}
			}
		}},
		{name: "unsigned messages that the policy accepts", warns: evidence.UnsignedOK, policy: func(p *evidence.Policy) { p.Unsigned = "accept" },
			during: func(t *evidencetest.Trip) {
				t.Drive(2, 2)
				t.Plain("T-PLAIN-1")
				t.Plain("T-PLAIN-2")
				t.LogPlain("T-PLAIN-1", `{"temperature":4}`)
				t.LogPlain("T-PLAIN-2", `{"temperature":5}`)
				t.Drive(2, 2)
			}},
		{name: "revoked after its last message", during: func(t *evidencetest.Trip) {
			t.Drive(4, 2)
			t.C.NowMS += t.StepMS
			t.Revoke(t.Trackers[0])
		}, after: func(t *evidencetest.Trip) {
			t.Manifest.Outside = t.Manifest.Outside[:2]
		}},
		{name: "blocks shared with strangers", during: func(t *evidencetest.Trip) { t.Strangers = 3; t.Drive(4, 2) }},
		{name: "the same message logged twice", warns: evidence.Duplicate, during: func(t *evidencetest.Trip) {
			t.Drive(2, 2)
			raw := t.Trackers[0].Message(t.C.NowMS, nil)
			t.Log(raw)
			t.Log(raw)
			t.Drive(2, 2)
		}},
		{name: "the receiver's clock set back", warns: evidence.ReceivedOrder, during: func(t *evidencetest.Trip) {
			t.Drive(2, 2)
			t.C.NowMS += 20_000
			t.Log(t.Trackers[0].Message(t.C.NowMS, nil))
			t.C.NowMS -= 12_000
			t.Log(t.Trackers[1].Message(t.C.NowMS, nil))
			t.C.NowMS += t.StepMS
			t.Drive(2, 2)
		}},
		{name: "a tracker taken off and put on again", during: func(t *evidencetest.Trip) {
			t.Drive(2, 2)
			tr := t.Trackers[0]
			t.Unassign(tr)
			t.C.NowMS += t.StepMS
			for range 3 {
				cose, _ := evidencetest.Split(tr.Message(t.C.NowMS, nil))
				t.Outside = append(t.Outside, cose)
				t.Log(t.Trackers[1].Message(t.C.NowMS, nil))
				t.C.NowMS += t.StepMS
			}
			t.Assign(tr)
			t.Drive(2, 2)
		}},
		{name: "any chaincode definition", warns: evidence.NoDefinition, policy: func(p *evidence.Policy) { p.Definitions = nil }},
	}
	for _, consensus := range []string{fabricproof.BFT, fabricproof.Raft} {
		for _, c := range cases {
			t.Run(consensus+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				net := evidencetest.New(consensus)
				trip := evidencetest.NewTrip(net, evidencetest.NewTracker("T-ED", telemetry.Ed25519), evidencetest.NewTracker("T-EC", telemetry.ESP256))
				if c.during == nil {
					trip.Drive(4, 2)
				} else {
					c.during(trip)
				}
				trip.Finish()
				if c.after != nil {
					c.after(trip)
				}
				policy := net.Policy()
				if c.policy != nil {
					c.policy(policy)
				}
				r := check(t, trip.Bundle(), policy, trip.Nonce)
				passes(t, r)
				warned := false
				for _, f := range r.Findings {
					warned = warned || f.Code == c.warns
					if f.Severity == "warn" && f.Code != c.warns {
						t.Errorf("unexpected %s", f)
					}
				}
				if c.warns != "" && !warned {
					t.Errorf("no %s in %v", c.warns, r.Findings)
				}
			})
		}
	}
}

func TestWithoutANonceAnswersMayBeOld(t *testing.T) {
	trip := evidencetest.Standard(fabricproof.BFT, 2)
	r := check(t, trip.Bundle(), trip.C.Policy(), nil)
	passes(t, r)
	if !slices.ContainsFunc(r.Findings, func(f evidence.Finding) bool { return f.Code == evidence.NoNonce }) {
		t.Errorf("no %s in %v", evidence.NoNonce, r.Findings)
	}
}

func TestSelectiveProof(t *testing.T) {
	trip := evidencetest.Standard(fabricproof.BFT, 4)
	for _, leaf := range []uint64{0, 3, 7} {
		r := check(t, trip.Proof(leaf), trip.C.Policy(), trip.Nonce)
		passes(t, r)
		want := evidence.Verdicts{Authentic: "pass", Anchored: "pass", Final: "pass", Complete: "unknown", Compliant: "unknown"}
		if r.Verdicts != want || r.Kind != evidence.OneMessage || r.Facts.Messages != 1 {
			t.Errorf("leaf %d: %+v", leaf, r)
		}
	}
	trip.Leaves[3].Pack = nil
	passes(t, check(t, trip.Proof(3), trip.C.Policy(), trip.Nonce))
	trip.Leaves[3], trip.Leaves[4] = trip.Leaves[4], trip.Leaves[3]
	if r := check(t, trip.Proof(3), trip.C.Policy(), trip.Nonce); r.Verdicts.Anchored != evidence.Fail || r.Findings[0].Code != evidence.LeafInclusion {
		t.Errorf("got %+v, want anchored to fail by %s first", r, evidence.LeafInclusion)
	}
}

// Anchors may be sampled: a proof from one to the next stands for those left out.
func TestSampledAnchors(t *testing.T) {
	c := evidencetest.New(fabricproof.BFT)
	trip := evidencetest.NewTrip(c, evidencetest.NewTracker("T-1", telemetry.Ed25519))
	trip.Drive(12, 1)
	trip.Finish()
	trip.Sample(4)
	if n := len(trip.Manifest.Instances[0].Anchors); n > 5 {
		t.Fatalf("%d anchors left", n)
	}
	passes(t, check(t, trip.Bundle(), c.Policy(), trip.Nonce))
}
