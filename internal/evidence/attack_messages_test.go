package evidence_test

import (
	"bytes"
	"slices"

	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/evidence/evidencetest"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/internal/trackerchain"
)

// operatorAttacks: the operator edits, drops, invents.
var operatorAttacks = []attack{
	{name: "edited reading", code: evidence.Pack, after: func(t *evidencetest.Trip) {
		t.Leaves[3].Pack = clone(t.Leaves[3].Pack)
		t.Leaves[3].Pack[len(t.Leaves[3].Pack)-1] ^= 1
	}},
	{name: "edited signed part", code: evidence.MsgHash, after: func(t *evidencetest.Trip) {
		t.Leaves[3].COSE = clone(t.Leaves[3].COSE)
		t.Leaves[3].COSE[len(t.Leaves[3].COSE)-1] ^= 1
	}},
	{name: "another message under the same leaf", code: evidence.MsgHash, after: func(t *evidencetest.Trip) {
		t.Leaves[3].COSE, t.Leaves[3].Pack = t.Leaves[5].COSE, t.Leaves[5].Pack
	}},
	{name: "rewritten leaf", code: evidence.ShipPrefix, after: func(t *evidencetest.Trip) {
		l, err := telemetry.DecodeLeaf(t.Leaves[2].Entry)
		if err != nil {
			panic(err)
		}
		l.ReceivedMS++
		t.Leaves[2].Entry = l.Encode()
	}},
	{name: "reordered leaves", code: evidence.ShipPrefix, after: func(t *evidencetest.Trip) { t.Leaves[1], t.Leaves[2] = t.Leaves[2], t.Leaves[1] }},
	{name: "one leaf taken out", code: evidence.ShipPrefix, after: func(t *evidencetest.Trip) { t.Leaves = append(slices.Delete(t.Leaves, 4, 5), t.Leaves[0]) }},
	{name: "interior message never logged", code: evidence.SeqGap, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		t.Trackers[0].Message(t.C.NowMS, nil)
		t.Drive(2, 2)
	}},
	{name: "tail never logged, later message known", code: evidence.SeqGap, during: func(t *evidencetest.Trip) {
		t.Drive(4, 2)
		t.Trackers[1].Message(t.C.NowMS, nil)
	}},
	{name: "tail never logged, nothing known after", code: evidence.TailOpen, status: evidence.Unknown, during: func(t *evidencetest.Trip) {
		t.Drive(4, 2)
		t.C.NowMS += 3_600_000
	}, after: func(t *evidencetest.Trip) { t.Manifest.Outside = t.Manifest.Outside[:2] }},
	{name: "head never logged", code: evidence.SeqGap, during: func(t *evidencetest.Trip) {
		t.Trackers[0].Message(t.C.NowMS, nil)
		t.Drive(4, 2)
	}},
	{name: "all of the second window withheld", code: evidence.TailOpen, status: evidence.Unknown, during: twoWindows(true, false), after: between},
	{name: "all of the first window withheld", code: evidence.StartOpen, status: evidence.Unknown, during: twoWindows(false, true), after: between},
	{name: "log that ends as soon as its window began", code: evidence.TailOpen, status: evidence.Unknown, during: func(t *evidencetest.Trip) {
		off := t.Trackers[0]
		t.Log(off.Message(t.C.NowMS, nil))
		t.C.NowMS += 2000
		cose, _ := evidencetest.Split(off.Message(t.C.NowMS, nil)) // as near to the beginning as clocks may be apart
		t.Outside = append(t.Outside, cose)
		for range 6 {
			off.Message(t.C.NowMS, nil)
			t.Log(t.Trackers[1].Message(t.C.NowMS, nil))
			t.C.NowMS += t.StepMS
		}
	}, after: func(t *evidencetest.Trip) {
		t.Manifest.Outside = append(t.Manifest.Outside[:3:3], t.Manifest.Outside[4])
	}},
	{name: "message before the first withheld", code: evidence.StartOpen, status: evidence.Unknown, after: func(t *evidencetest.Trip) {
		t.Manifest.Outside = t.Manifest.Outside[1:]
	}},
	{name: "whole tracker dropped", code: evidence.SeqGap, during: func(t *evidencetest.Trip) {
		for range 4 {
			t.Log(t.Trackers[0].Message(t.C.NowMS, nil))
			t.Trackers[1].Message(t.C.NowMS, nil)
			t.C.NowMS += t.StepMS
		}
		// The dropped tracker's messages around the shipment do not follow each other.
	}},
	{name: "whole tracker dropped, nothing known of it", code: evidence.NoMessage, status: evidence.Unknown, during: func(t *evidencetest.Trip) {
		for range 4 {
			t.Log(t.Trackers[0].Message(t.C.NowMS, nil))
			t.Trackers[1].Message(t.C.NowMS, nil)
			t.C.NowMS += t.StepMS
		}
	}, after: func(t *evidencetest.Trip) {
		t.Manifest.Outside = [][]byte{t.Manifest.Outside[0], t.Manifest.Outside[2]}
	}},
	{name: "message moved out of the shipment's log", code: evidence.SeqGap, during: func(t *evidencetest.Trip) {
		t.Drive(4, 2)
		cose, _ := evidencetest.Split(t.Trackers[0].Message(t.C.NowMS, nil))
		t.C.NowMS += 10 * t.StepMS
		t.Outside = append(t.Outside, cose)
	}},
	{name: "fabricated message under a key of the operator", code: evidence.KeyUnknown, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		forger := *t.Trackers[0]
		forger.Signer = evidencetest.NewTracker("x", telemetry.Ed25519).Signer
		t.Log(forger.Message(t.C.NowMS, nil))
	}},
	{name: "signature of another message", code: evidence.MsgSig, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		cose, pack := evidencetest.Split(t.Trackers[0].Message(t.C.NowMS, nil))
		cose[len(cose)-1] ^= 1
		t.LogLeaf(telemetry.LeafSigned, cose, pack, nil)
	}},
	{name: "signature in its other form (high s)", code: evidence.MsgSig, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		cose, pack := evidencetest.Split(t.Trackers[1].Message(t.C.NowMS, nil))
		evidencetest.HighSRaw(cose[len(cose)-64:])
		t.LogLeaf(telemetry.LeafSigned, cose, pack, nil)
	}},
	{name: "message in another encoding", code: evidence.MsgCanon, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		cose, pack := evidencetest.Split(t.Trackers[0].Message(t.C.NowMS, nil))
		t.LogLeaf(telemetry.LeafSigned, append(cose, 0), pack, nil)
	}},
	{name: "algorithm chosen by the message", code: evidence.Alg, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		cose, pack := evidencetest.Split(t.Trackers[0].Message(t.C.NowMS, nil))
		i := bytes.Index(cose, []byte{0xa3, 0x01, 0x32}) // {1: -19
		cose[i+2] = 0x28                                 // -9
		t.LogLeaf(telemetry.LeafSigned, cose, pack, nil)
	}},
	{name: "backdated message with a later beacon", code: evidence.SlowClock, status: evidence.Unknown, policy: requireCompliant, during: func(t *evidencetest.Trip) {
		t.Drive(4, 2)
		t.Log(t.Trackers[0].Message(t.C.NowMS-2*t.StepMS, nil))
	}},
	{name: "receipt set back, so that a breach counts as undated", code: evidence.BeforeBeacon, during: func(t *evidencetest.Trip) {
		t.Drive(4, 2)
		raw := t.Trackers[0].Message(t.C.NowMS, nil)
		t.C.NowMS -= 3 * t.StepMS
		t.Log(raw)
		t.C.NowMS += 3 * t.StepMS
	}},
	{name: "arrival after the anchor", code: evidence.Future, during: func(t *evidencetest.Trip) {
		t.Drive(1, 2)
		t.C.NowMS += 100_000
		t.Log(t.Trackers[0].Message(t.C.NowMS, nil))
		t.C.NowMS -= 100_000
		t.Anchor(false)
		t.C.NowMS += 100_000
	}},
	{name: "message of another trip replayed", code: evidence.Unbound, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		t.Trackers[0].Beacon = nil
		t.Log(t.Trackers[0].Message(t.C.NowMS-3_600_000, nil))
	}},
	{name: "message of a tracker that was not assigned", code: evidence.Unbound, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		t.Log(evidencetest.NewTracker("stranger", telemetry.Ed25519).Message(t.C.NowMS, nil))
	}},
	{name: "message withheld as a whole", code: evidence.Withheld, status: evidence.Unknown, after: func(t *evidencetest.Trip) { t.Leaves[3].COSE, t.Leaves[3].Pack = nil, nil }},
	{name: "message that is not signed", code: evidence.Unsigned, status: evidence.Unknown, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		t.Plain("T-PLAIN")
		t.LogPlain("T-PLAIN", `{"temperature":4}`)
	}},
	{name: "edited unsigned message", code: evidence.MsgHash, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		t.Plain("T-PLAIN")
		t.LogPlain("T-PLAIN", `{"temperature":4}`)
	}, after: func(t *evidencetest.Trip) {
		t.Leaves[len(t.Leaves)-1].Plain = telemetry.PlainEnvelope("T-PLAIN", []byte(`{"temperature":9}`))
	}},
	{name: "unsigned message of a tracker that was not assigned", code: evidence.Unbound, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		t.LogPlain("T-PLAIN", `{"temperature":4}`)
	}},
	{name: "unsigned message in the name of a tracker that signs", code: evidence.MsgSig, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		t.LogPlain("T-ED", `{"temperature":4}`)
	}},
	{name: "Ed25519 signature in its other form (s + group order)", code: evidence.MsgSig, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		cose, pack := evidencetest.Split(t.Trackers[0].Message(t.C.NowMS, nil))
		evidencetest.AddOrder(cose[len(cose)-64:])
		t.LogLeaf(telemetry.LeafSigned, cose, pack, nil)
	}},
}

// trackerAttacks: the tracker is cloned, rolled back, stolen, lossy.
var trackerAttacks = []attack{
	{name: "forked tracker", code: evidence.Fork, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		twin := *t.Trackers[0]
		t.Log(twin.Message(t.C.NowMS+1, nil))
		t.Drive(2, 2)
	}},
	{name: "broken link", code: evidence.ChainBreak, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		t.Trackers[0].Prev[0] ^= 1
		t.Drive(2, 2)
	}},
	{name: "counters went back", code: evidence.BootRegress, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		tr := t.Trackers[0]
		tr.Boot, tr.Seq = 3, 0
		t.Drive(2, 2)
		tr.Boot, tr.Seq = 2, 0
		t.Log(tr.Message(t.C.NowMS, nil))
		tr.Boot, tr.Seq = 3, 2
	}},
	{name: "boot starts in the middle", code: evidence.SeqGap, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		t.Trackers[0].Boot, t.Trackers[0].Seq = 2, 1
		t.Drive(2, 2)
	}},
	{name: "messages before a restart missing", code: evidence.SeqGap, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		t.Trackers[0].Message(t.C.NowMS, nil)
		t.Trackers[0].Boot, t.Trackers[0].Seq = 2, 0
		t.Drive(2, 2)
	}},
	{name: "more declared losses than accepted", code: evidence.GapLimit, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		tr := t.Trackers[0]
		from := tr.Seq
		for range 11 {
			tr.Message(t.C.NowMS, nil)
		}
		t.Log(tr.Message(t.C.NowMS, func(c *telemetry.Claims) {
			c.Kind, c.Gap = telemetry.Gap, &telemetry.GapDetail{Boot: 1, FromSeq: from, ToSeq: from + 10}
		}))
	}},
	{name: "old key after a rotation", code: evidence.KeyWindow, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		old := t.Trackers[0].Signer
		t.Rotate(t.Trackers[0], telemetry.Ed25519)
		t.Drive(2, 2)
		t.Trackers[0].Signer = old
		t.Drive(1, 1)
	}},
	{name: "old key long after a rotation, before the new one speaks", code: evidence.KeyWindow, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		oldKeyAfterRotation(t, trackerchain.ToleranceMS+1)
		t.Drive(2, 2)
	}},
	{name: "key used before it was enrolled", code: evidence.KeyWindow, during: func(t *evidencetest.Trip) {
		const early = trackerchain.ToleranceMS + 60_000
		t.Drive(14, 2)
		tr := t.Trackers[0]
		tr.Beacon = nil
		next := *tr
		signer := tr.Signer
		t.Rotate(tr, telemetry.Ed25519)
		next.Signer, tr.Signer = tr.Signer, signer
		t.C.NowMS -= early
		t.Log(next.Message(t.C.NowMS, nil))
		t.C.NowMS += early
		tr.Signer, tr.Seq, tr.Prev = next.Signer, next.Seq, next.Prev
	}},
	{name: "message after revocation", code: evidence.KeyRevoked, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		t.Revoke(t.Trackers[0])
		t.C.NowMS += 60_000
		t.Drive(2, 2)
	}},
	{name: "stolen key after a rotation, as an earlier message that comes late", code: evidence.Fork, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		thief := *t.Trackers[0]
		t.Log(t.Trackers[0].Message(t.C.NowMS, nil))
		t.Rotate(t.Trackers[0], telemetry.Ed25519)
		t.Drive(2, 2)
		thief.Beacon = nil
		t.Log(thief.Message(t.C.NowMS-4*t.StepMS, nil)) // its place is taken by a message of the same key
		t.Drive(2, 2)
	}},
}

// twoWindows takes the first tracker off and puts it on again, with one message between, and logs the messages of one window only.
func twoWindows(first, second bool) func(*evidencetest.Trip) {
	return func(t *evidencetest.Trip) {
		off := t.Trackers[0]
		window := func(logged bool) {
			for range 6 {
				if raw := off.Message(t.C.NowMS, nil); logged {
					t.Log(raw)
				}
				t.Log(t.Trackers[1].Message(t.C.NowMS, nil))
				t.C.NowMS += t.StepMS
			}
		}
		window(first)
		t.Unassign(off)
		t.C.NowMS += t.StepMS
		cose, _ := evidencetest.Split(off.Message(t.C.NowMS, nil))
		t.Outside = append(t.Outside, cose)
		t.C.NowMS += t.StepMS
		t.Assign(off)
		window(second)
	}
}

// between leaves of the first tracker's messages from outside those that follow what is logged: the one between its windows, and the
// one after them when the second is logged.
func between(t *evidencetest.Trip) {
	first := slices.ContainsFunc(t.Leaves[:2], func(l evidence.Leaf) bool {
		m, err := telemetry.DecodeCOSE(l.COSE)
		return err == nil && m.Tracker == t.Trackers[0].ID
	})
	o := t.Manifest.Outside // before: both; between: the first's; after: both
	if first {
		t.Manifest.Outside = [][]byte{o[0], o[1], o[2], o[4]}
	} else {
		t.Manifest.Outside = [][]byte{o[1], o[2], o[3], o[4]}
	}
}
