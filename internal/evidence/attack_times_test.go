package evidence_test

import (
	"testing"

	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/evidence/evidencetest"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// written changes the shipment's record that transactions of one function write.
func written(fn ledger.Function, change func(tx *evidencetest.Tx, s *ledger.Shipment)) func(*evidencetest.Consortium) {
	return on(fn, func(_ *evidencetest.Consortium, tx *evidencetest.Tx) {
		for i, w := range tx.Writes {
			var s ledger.Shipment
			if ledger.Decode(w.Value, &s) != nil || w.Key != ledger.ShipmentKey(s.ID) {
				continue
			}
			change(tx, &s)
			b, err := ledger.Encode(s)
			if err != nil {
				panic(err)
			}
			tx.Writes[i].Value = b
		}
	})
}

const minute = 60_000

// delivered makes the delivery one of another time, as its client said.
func delivered(ms int64) func(*evidencetest.Consortium) {
	return written(ledger.ShipmentDeliver, func(tx *evidencetest.Tx, s *ledger.Shipment) {
		tx.TimeMS += ms
		s.LastMS, s.DeliveredMS = tx.TimeMS, tx.TimeMS
	})
}

// offTheGoods leaves the first tracker unassigned for some minutes, and warm: what it measured then goes out afterwards.
func offTheGoods(celsius float64) func(*evidencetest.Trip) {
	return func(t *evidencetest.Trip) {
		off := t.Trackers[0]
		t.Drive(4, 2)
		t.Unassign(off)
		for range 20 {
			t.Log(t.Trackers[1].Message(t.C.NowMS, nil))
			off.Buffered = append(off.Buffered, evidencetest.Reading(t.C.NowMS, celsius))
			t.C.NowMS += minute
		}
		t.Assign(off)
		t.C.NowMS += minute
		t.Drive(4, 2)
	}
}

// readOutLater states both trackers' windows after they were over, and brings their messages in then.
var readOutLater = attack{
	setup: written(ledger.ShipmentAssign, func(tx *evidencetest.Tx, s *ledger.Shipment) {
		a := &s.Assignments[len(s.Assignments)-1]
		a.FromMS, a.ToMS, a.UnassignTx = tx.TimeMS-180*minute, tx.TimeMS-30*minute, tx.ID
	}),
	during: func(t *evidencetest.Trip) {
		for _, tr := range t.Trackers { // nothing was heard of them before
			tr.Seq, tr.Prev = 0, telemetry.Hash{}
		}
		t.Outside = nil
		from := t.C.NowMS - 179*minute
		for i := range int64(140) {
			for _, tr := range t.Trackers {
				t.Log(tr.Message(from+i*minute, nil))
			}
		}
	},
}

// lateDelivery has the delivery recorded an hour after it happened; the goods lie warm in the hour between. Both sides stated the time.
func lateDelivery(t *evidencetest.Trip) {
	t.Drive(6, 2)
	t.StatedDeliveryMS = t.C.NowMS
	for _, tr := range t.Trackers {
		tr.Temperature = func(int64) float64 { return 31 }
	}
	t.Drive(60, 20)
}

var timeAttacks = []attack{
	{name: "delivery endorsed before the damage and held back", code: evidence.RecordTime, setup: delivered(-30 * minute), during: warm, policy: requireCompliant},
	{name: "delivery dated before an earlier change of the record", code: evidence.RecordTime, setup: delivered(-6 * minute), policy: requireCompliant,
		during: func(t *evidencetest.Trip) { t.Drive(2, 2) }},
	{name: "delivery at another time than its transaction", code: evidence.RecordTime, during: warm, policy: requireCompliant,
		setup: written(ledger.ShipmentDeliver, func(tx *evidencetest.Tx, s *ledger.Shipment) { s.DeliveredMS = tx.TimeMS - 30*minute })},
	{name: "change of the record dated ahead", code: evidence.RecordTime, setup: written(ledger.ShipmentUnassign, func(tx *evidencetest.Tx, s *ledger.Shipment) {
		tx.TimeMS += 14 * minute
		s.Assignments[0].ToMS, s.LastMS = tx.TimeMS, tx.TimeMS
	}), during: func(t *evidencetest.Trip) {
		t.Drive(4, 2)
		t.Unassign(t.Trackers[0])
		for range 4 {
			t.Log(t.Trackers[1].Message(t.C.NowMS, nil))
			t.C.NowMS += minute
			t.Anchor(false)
		}
	}},
	{name: "window that ends before the warm time which was reported", code: evidence.RecordTime, setup: written(ledger.ShipmentUnassign, func(tx *evidencetest.Tx, s *ledger.Shipment) {
		s.Assignments[0].ToMS = tx.TimeMS - 10*minute
	}), during: func(t *evidencetest.Trip) {
		t.Drive(4, 2)
		t.Trackers[0].Temperature = func(int64) float64 { return 31 }
		t.Drive(8, 4)
		t.Unassign(t.Trackers[0])
	}, policy: requireCompliant},
	{name: "warm readings between two windows", code: evidence.StrayBreach, status: evidence.Unknown, during: offTheGoods(31), policy: requireCompliant},
	{name: "warm reading between two windows that clocks could explain", code: evidence.StrayBreach, status: evidence.Unknown, during: func(t *evidencetest.Trip) {
		t.Drive(4, 2)
		at := t.C.NowMS
		t.Unassign(t.Trackers[0])
		t.Trackers[0].Buffered = []telemetry.Reading{evidencetest.Reading(at, 31)}
		t.C.NowMS += 3000
		t.Assign(t.Trackers[0])
		t.C.NowMS += 1000
		t.Drive(4, 2)
	}, policy: requireCompliant},
	{name: "delivery dated before a warm reading, as far as clocks may be apart", code: evidence.StrayBreach, status: evidence.Unknown, setup: delivered(-3000), during: func(t *evidencetest.Trip) {
		t.Drive(6, 2)
		t.Log(t.Trackers[0].Message(t.C.NowMS, nil))
		t.Trackers[1].Temperature = func(int64) float64 { return 31 }
		t.Log(t.Trackers[1].Message(t.C.NowMS, nil))
	}, policy: requireCompliant},
	{name: "window dated to end before the warm reading of a batch that was anchored", code: evidence.StrayBreach, status: evidence.Unknown, setup: written(ledger.ShipmentUnassign, func(tx *evidencetest.Tx, s *ledger.Shipment) {
		tx.TimeMS -= 3000
		s.Assignments[0].ToMS, s.LastMS = tx.TimeMS, tx.TimeMS
	}), during: func(t *evidencetest.Trip) {
		off := t.Trackers[0]
		t.Drive(4, 2)
		off.Buffered = append(off.Buffered, evidencetest.Reading(t.C.NowMS-5000, 4.5))
		off.Temperature = func(int64) float64 { return 31 }
		t.Log(off.Message(t.C.NowMS, nil))
		t.Log(t.Trackers[1].Message(t.C.NowMS, nil))
		t.Anchor(false)
		t.Unassign(off)
		t.C.NowMS += 3000
		for range 4 {
			t.Log(t.Trackers[1].Message(t.C.NowMS, nil))
			t.C.NowMS += minute
		}
		t.Anchor(false)
	}, policy: requireCompliant},
	{name: "breach that the peers verified and the readings lack", code: evidence.BreachMissing, during: func(t *evidencetest.Trip) {
		t.Drive(6, 2)
		t.OnClose = func(c *ledger.Close) {
			c.Compliance.Breaches = []ledger.RuleBreach{{Rule: "hot", FirstMS: c.TimeMS - 5*minute}}
		}
	}, policy: requireCompliant},
	{name: "stated delivery further back than the policy lets it", code: evidence.RulesBroken, during: lateDelivery, policy: func(p *evidence.Policy) {
		requireCompliant(p)
		p.StatedMaxS = 1800
	}},
	{name: "windows whose beginning was stated afterwards", code: evidence.RecordedTrip, status: evidence.Unknown, setup: written(ledger.ShipmentAssign, func(tx *evidencetest.Tx, s *ledger.Shipment) {
		s.Assignments[len(s.Assignments)-1].FromMS = tx.TimeMS - 180*minute
	}), during: func(t *evidencetest.Trip) {
		readOutLater.during(t)
		t.C.NowMS += minute
		t.Drive(4, 2)
	}, policy: requireCompliant},
	{name: "windows stated after they were over", code: evidence.RecordedTrip, status: evidence.Unknown, setup: readOutLater.setup, during: readOutLater.during, policy: requireCompliant},
}

// What looks like these attacks and is none passes, visibly.
func TestHonestTimes(t *testing.T) {
	compliant := func(p *evidence.Policy) { requireCompliant(p); p.Recorded = "accept" }
	for name, tc := range map[string]struct {
		attack
		warning evidence.Code
	}{
		"a logger read out later, accepted by the policy": {attack{setup: readOutLater.setup, during: readOutLater.during, policy: compliant}, evidence.RecordedWindow},
		"a delivery recorded an hour late": {attack{during: lateDelivery, policy: func(p *evidence.Policy) {
			requireCompliant(p)
			p.StatedMaxS = 7200
		}}, evidence.StatedTime},
		"good readings between two windows": {attack{during: offTheGoods(5), policy: compliant}, evidence.StrayReading},
		"clocks within the tolerance":       {attack{setup: delivered(-4000), policy: compliant}, evidence.NoDefinition},
		"a verified breach after the journey": {attack{during: func(t *evidencetest.Trip) {
			t.Drive(6, 2)
			t.OnClose = func(c *ledger.Close) { c.Compliance.Breaches = []ledger.RuleBreach{{Rule: "hot", FirstMS: c.TimeMS}} }
		}, policy: compliant}, evidence.NoDefinition},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := tc.run(t)
			warned := tc.warning == evidence.NoDefinition // asks for no warning
			for _, f := range r.Findings {
				warned = warned || f.Code == tc.warning && f.Severity == "warn"
				if f.Severity != "warn" {
					t.Errorf("%s", f)
				}
			}
			if !warned || r.Exit() != evidence.ExitPass {
				t.Errorf("exit %d, warned of %s: %t; want a pass with it", r.Exit(), tc.warning, warned)
			}
		})
	}
}
