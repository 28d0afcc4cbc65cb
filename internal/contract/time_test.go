package contract

import (
	"slices"
	"testing"

	"github.com/trackseal/trackseal/internal/ledger"
)

// The clocks of organisations differ. What a transaction writes into a shipment's record is never before what stands there, and
// a record's times come in the order of its transactions.
func TestTheTimesOfARecordNeverRunBackwards(t *testing.T) {
	w := newWorld(t)
	w.enrol(carrierOp, "carrier.T-1")
	behind := func(ms int64, act func() ledger.Shipment) ledger.Shipment {
		t.Helper()
		w.ms -= ms + 1000 // submit adds a second
		s := act()
		w.ms += ms + 1000
		return s
	}
	created := w.create(carrierOp, "carrier.S-1")
	if created.LastMS != created.CreatedMS || created.LastMS != w.ms {
		t.Fatalf("last_ms %d of a shipment created at %d, want the same", created.LastMS, created.CreatedMS)
	}
	s := w.assign(carrierOp, "carrier.S-1", "carrier.T-1")
	ahead := s.LastMS
	s = behind(30_000, func() ledger.Shipment { return w.handOver(carrierOp, consigneeOp, "carrier.S-1") })
	h := query[ledger.Page[ledger.Handover]](w, consigneeOp, ledger.ShipmentHandover, ledger.ListArgs{ID: "carrier.S-1"}).Items[0]
	if h.ProposeMS != ahead || h.AnswerMS != ahead || s.LastMS != ahead {
		t.Fatalf("proposed %d, answered %d, last %d; want all %d, which stood there before", h.ProposeMS, h.AnswerMS, s.LastMS, ahead)
	}
	s = behind(30_000, func() ledger.Shipment {
		return must[ledger.Shipment](w, consigneeOp, ledger.ShipmentDeliver, ledger.EventShipment, ledger.IDArgs{ID: "carrier.S-1"})
	})
	if s.DeliveredMS != ahead {
		t.Fatalf("delivered %d, want %d", s.DeliveredMS, ahead)
	}
	w.ms -= 30_000
	c := must[ledger.Close](w, carrierOp, ledger.ShipmentClose, ledger.EventClosed, ledger.IDArgs{ID: "carrier.S-1"})
	s = query[ledger.Shipment](w, carrierOp, ledger.ShipmentGet, ledger.IDArgs{ID: "carrier.S-1"})
	got := []int64{s.CreatedMS, s.Assignments[0].FromMS, s.DeliveredMS, s.Assignments[0].ToMS, c.TimeMS, s.ClosedMS, s.LastMS}
	if !slices.IsSorted(got) || c.TimeMS != ahead {
		t.Fatalf("times %v in the order in which they were written, want none before the last, and the close at %d", got, ahead)
	}
}

func TestTheBeat(t *testing.T) {
	w := emptyWorld(t)
	w.refused(ledger.NotFound, carrierOp, ledger.BeatGet, ledger.NoArgs{})
	w.refused(ledger.Forbidden, who{carrier, ""}, ledger.BeatRenew, ledger.NoArgs{})
	w.refused(ledger.NoBeat, carrierOp, ledger.TrackerEnrol, edDevice("carrier.T-1").enrolArgs("carrier.T-1", carrier))
	w.still = true
	first := must[ledger.Beat](w, shipperOp, ledger.BeatRenew, ledger.EventBeat, ledger.NoArgs{})
	if first.TimeMS != w.ms || first.By != shipper || first.Tx == "" {
		t.Fatalf("got %+v, want the time %d and who renewed it", first, w.ms)
	}
	w.refused(ledger.Conflict, carrierIn, ledger.BeatRenew, ledger.NoArgs{})
	w.ms = first.TimeMS - 60_000
	w.refused(ledger.Conflict, carrierIn, ledger.BeatRenew, ledger.NoArgs{}) // never backwards
	w.ms = first.TimeMS + ledger.BeatLeastMS - 1000
	second := must[ledger.Beat](w, carrierIn, ledger.BeatRenew, ledger.EventBeat, ledger.NoArgs{})
	if got := query[ledger.Beat](w, auditorOp, ledger.BeatGet, ledger.NoArgs{}); got != second || second.By != carrier {
		t.Fatalf("got %+v, want %+v by the carrier", got, second)
	}
}

// Each transaction whose time becomes part of a record reads the beat, and is refused far from it, before it as after.
func TestEveryTimedTransactionReadsTheBeat(t *testing.T) {
	untimed := map[string]bool{}
	for _, fn := range []ledger.Function{ledger.MemberFound, ledger.BeatRenew, ledger.TrackerCalibrate, ledger.RuleSetPublish, ledger.ProfilePublish, ledger.AnchorExtend, ledger.AnchorRetire, ledger.ShipmentSeal,
		ledger.ComplianceOpen, ledger.ComplianceClose, ledger.ComplianceRevise, ledger.ComplianceBreach, ledger.PartitionClaim,
		// Their order decides, and each reads what the one before it wrote.
		ledger.MemberPropose, ledger.MemberCast, ledger.MemberExecute, ledger.MemberWithdraw, ledger.MemberLeave, ledger.MemberAnnounce} {
		untimed[fn.Name()] = true
	}
	w := emptyWorld(t)
	for _, j := range journey(t) {
		if !untimed[j.fn.Name()] {
			was, n := w.ms, w.n
			w.still = true
			for _, way := range []int64{-1, 1} {
				// A second is what endorse and submit add.
				w.beat()
				w.ms = was + way*ledger.BeatMaxAgeMS - 1000
				h, err := w.endorse(j.by, j.fn, j.arg)
				if ledger.CodeOf(err) == ledger.NoBeat {
					t.Errorf("%s at %d ms from the beat: %v, want it to be taken", j.fn, way*ledger.BeatMaxAgeMS, err)
				}
				if _, ok := h.read[ledger.BeatKey()]; !ok {
					t.Errorf("%s does not read the beat: held back it would live for ever", j.fn)
				}
				w.ms += way
				w.refused(ledger.NoBeat, j.by, j.fn, j.arg)
				w.ms = was
			}
			w.n, w.still = n, false
		}
		if _, e := w.submit(j.by, j.fn, j.arg, nil); e != nil {
			t.Fatalf("%s: %v", j.fn, e)
		}
	}
}

// held is a transaction that its client had endorsed and keeps.
type held struct {
	Answer
	read map[string][]byte
}

// reading notes what a call reads.
type reading struct {
	Map
	read map[string][]byte
}

func (r reading) Get(key string) ([]byte, error) {
	r.read[key] = r.Map[key]
	return r.Map[key], nil
}

// endorse runs a transaction a second later and commits nothing.
func (w *world) endorse(by who, fn ledger.Function, arg any) (held, error) {
	b, err := ledger.Encode(arg)
	if err != nil {
		w.t.Fatal(err)
	}
	at := w.call(by)
	at.TimeMS += 1000
	h := held{read: map[string][]byte{}}
	h.Answer, err = Run(reading{w.state, h.read}, at, fn.Name(), b)
	return h, err
}

// order commits a held transaction as peers do: only when nothing that it read has changed.
func (w *world) order(h held) bool {
	for key, value := range h.read {
		if string(w.state[key]) != string(value) {
			return false
		}
	}
	w.state.Commit(h.Answer)
	return true
}

// Attack 1a: a carrier ends the assignment before the excursion and begins another after it. Both its acts, and every other way
// to write a window, leave what the tracker reported in the record.
func TestAttackWindowCutOut(t *testing.T) {
	w := newWorld(t)
	w.enrol(carrierOp, "carrier.T-1")
	w.create(carrierOp, "carrier.S-1")
	began := w.assign(carrierOp, "carrier.S-1", "carrier.T-1").Assignments[0].FromMS
	w.ms += 60_000
	hot := w.ms
	w.ms += 60_000
	w.refused(ledger.Invalid, carrierOp, ledger.ShipmentUnassign, `{"shipment":"carrier.S-1","tracker":"carrier.T-1","to_ms":1700000060000}`)
	// Not by a recorded window beside the live one, nor after it, nor by a live one that is to be ended in the past.
	cut := ledger.AssignArgs{Shipment: "carrier.S-1", Tracker: "carrier.T-1", FromMS: began, ToMS: hot - 1}
	w.refused(ledger.Conflict, carrierOp, ledger.ShipmentAssign, cut)
	s := must[ledger.Shipment](w, carrierOp, ledger.ShipmentUnassign, ledger.EventShipment, ledger.UnassignArgs{Shipment: "carrier.S-1", Tracker: "carrier.T-1"})
	if a := s.Assignments[0]; a.FromMS != began || a.ToMS != w.ms {
		t.Fatalf("the window is %d to %d, want %d to %d, which holds the excursion", a.FromMS, a.ToMS, began, w.ms)
	}
	w.refused(ledger.Conflict, carrierOp, ledger.ShipmentAssign, cut)
	after := ledger.AssignArgs{Shipment: "carrier.S-1", Tracker: "carrier.T-1", FromMS: w.ms + 1000, ToMS: w.ms + 2000}
	w.ms += 10_000
	w.refused(ledger.Conflict, carrierOp, ledger.ShipmentAssign, after)

	// A recorded trip is one window, once, and nothing beside it.
	w.enrol(carrierOp, "carrier.T-2")
	w.create(carrierOp, "carrier.S-2")
	window := ledger.AssignArgs{Shipment: "carrier.S-2", Tracker: "carrier.T-2", FromMS: t0 - 86_400_000, ToMS: t0 - 3_600_000}
	s = must[ledger.Shipment](w, carrierOp, ledger.ShipmentAssign, ledger.EventShipment, window)
	if a := s.Assignments[0]; !a.Recorded() || a.FromMS != window.FromMS || a.ToMS != window.ToMS || s.State != ledger.InTransit || s.LastMS != w.ms {
		t.Fatalf("got %+v in %+v, want the whole window, recorded at %d", a, s, w.ms)
	}
	tr := query[ledger.Tracker](w, carrierOp, ledger.TrackerGet, ledger.IDArgs{ID: "carrier.T-2"})
	if tr.Assigned != "" || tr.FreeFromMS != window.ToMS {
		t.Fatalf("got %+v, want a tracker that is free from the window's end on", tr)
	}
	w.refused(ledger.NotFound, carrierOp, ledger.ShipmentUnassign, ledger.UnassignArgs{Shipment: "carrier.S-2", Tracker: "carrier.T-2"})
	w.refused(ledger.Conflict, carrierOp, ledger.ShipmentAssign, ledger.AssignArgs{Shipment: "carrier.S-2", Tracker: "carrier.T-2"})
	w.refused(ledger.Conflict, carrierOp, ledger.ShipmentAssign, ledger.AssignArgs{Shipment: "carrier.S-2", Tracker: "carrier.T-2", FromMS: window.ToMS, ToMS: window.ToMS + 1})
	w.create(carrierOp, "carrier.S-3")
	w.refused(ledger.Conflict, carrierOp, ledger.ShipmentAssign, ledger.AssignArgs{Shipment: "carrier.S-3", Tracker: "carrier.T-2", FromMS: window.FromMS, ToMS: window.ToMS})

	// It has ended.
	w.enrol(carrierOp, "carrier.T-3")
	for _, a := range []ledger.AssignArgs{{FromMS: w.ms, ToMS: w.ms + 60_000}, {ToMS: t0}, {FromMS: t0, ToMS: t0}, {FromMS: t0, ToMS: t0 - 1}} {
		a.Shipment, a.Tracker = "carrier.S-3", "carrier.T-3"
		w.refused(ledger.Invalid, carrierOp, ledger.ShipmentAssign, a)
	}
}

// Attack 1b: a carrier takes the warm one of two trackers out of the trip, from before the excursion on.
func TestAttackTrackerCutAway(t *testing.T) {
	w := newWorld(t)
	for _, id := range []string{"carrier.T-warm", "carrier.T-cold"} {
		w.enrol(carrierOp, id)
	}
	w.create(carrierOp, "carrier.S-1")
	w.assign(carrierOp, "carrier.S-1", "carrier.T-warm")
	w.assign(carrierOp, "carrier.S-1", "carrier.T-cold")
	w.ms += 600_000
	w.refused(ledger.Invalid, carrierOp, ledger.ShipmentUnassign, `{"shipment":"carrier.S-1","tracker":"carrier.T-warm","to_ms":1700000005000}`)
	s := must[ledger.Shipment](w, carrierOp, ledger.ShipmentUnassign, ledger.EventShipment, ledger.UnassignArgs{Shipment: "carrier.S-1", Tracker: "carrier.T-warm"})
	if a := s.Assignments[0]; a.ToMS != w.ms {
		t.Fatalf("the warm tracker's window ends at %d, want now, %d", a.ToMS, w.ms)
	}
}

// Attack 1c: a consignee has its delivery endorsed, waits for what happens to the goods, and sends it when they are spoilt. Nothing
// in the shipment's own record changes meanwhile.
func TestAttackHeldBackDelivery(t *testing.T) {
	w := newWorld(t)
	w.enrol(carrierOp, "carrier.T-1")
	w.create(carrierOp, "carrier.S-1")
	w.assign(carrierOp, "carrier.S-1", "carrier.T-1")
	w.handOver(carrierOp, consigneeOp, "carrier.S-1")
	endorse := func() held {
		t.Helper()
		h, err := w.endorse(consigneeOp, ledger.ShipmentDeliver, ledger.StatedArgs{ID: "carrier.S-1"})
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	h := endorse()
	w.still = true
	w.ms += ledger.BeatEveryMS
	must[ledger.Verdict](w, carrierIn, ledger.ComplianceRevise, ledger.EventVerdict, verdict(1))
	must[ledger.Beat](w, auditorOp, ledger.BeatRenew, ledger.EventBeat, ledger.NoArgs{})
	if w.order(h) {
		t.Fatal("a delivery that was held back over a renewal of the beat is valid")
	}
	if s := query[ledger.Shipment](w, consigneeOp, ledger.ShipmentGet, ledger.IDArgs{ID: "carrier.S-1"}); s.DeliveredMS != 0 {
		t.Fatalf("delivered at %d, want not at all", s.DeliveredMS)
	}
	// One that is sent at once holds.
	if !w.order(endorse()) {
		t.Fatal("an honest delivery died")
	}
	if s := query[ledger.Shipment](w, consigneeOp, ledger.ShipmentGet, ledger.IDArgs{ID: "carrier.S-1"}); s.DeliveredMS == 0 {
		t.Fatal("not delivered")
	}
}

// Attack 1d: a consignee accepts with a time 14 minutes ahead, so that the damage of those minutes becomes the carrier's, and
// delivers with the true time.
func TestAttackAcceptAhead(t *testing.T) {
	w := newWorld(t)
	w.create(carrierOp, "carrier.S-1")
	must[ledger.Shipment](w, carrierOp, ledger.ShipmentPropose, ledger.EventShipment, ledger.ProposeArgs{ID: "carrier.S-1", To: consignee})
	w.still = true
	now := w.ms
	for _, off := range []int64{14 * 60_000, -14 * 60_000} {
		w.ms = now + off
		w.refused(ledger.NoBeat, consigneeOp, ledger.ShipmentAccept, ledger.StatedArgs{ID: "carrier.S-1"})
	}
	// What the beat allows ahead is kept by all later times.
	w.ms = now + ledger.SkewMS
	must[ledger.Shipment](w, consigneeOp, ledger.ShipmentAccept, ledger.EventShipment, ledger.StatedArgs{ID: "carrier.S-1"})
	accepted := w.ms
	w.ms = now
	s := must[ledger.Shipment](w, consigneeOp, ledger.ShipmentDeliver, ledger.EventShipment, ledger.StatedArgs{ID: "carrier.S-1"})
	if s.DeliveredMS != accepted {
		t.Fatalf("delivered at %d, want %d: not before it was accepted", s.DeliveredMS, accepted)
	}
}

// A stated time counts when both sides of a handover state it, lies in the time of the one who hands over, and takes nothing from
// the ledger's own times.
func TestStatedTimes(t *testing.T) {
	w := newWorld(t)
	propose := func(to who, ms int64) ledger.ProposeArgs {
		return ledger.ProposeArgs{ID: "shipper.S-1", To: to.msp, StatedMS: ms}
	}
	created := w.create(shipperOp, "shipper.S-1").CreatedMS
	w.ms += 3_600_000
	w.refused(ledger.Invalid, shipperOp, ledger.ShipmentPropose, propose(carrierOp, created-1))
	w.refused(ledger.Invalid, shipperOp, ledger.ShipmentPropose, propose(carrierOp, w.ms+60_000))
	loaded := created + 600_000
	must[ledger.Shipment](w, shipperOp, ledger.ShipmentPropose, ledger.EventShipment, propose(carrierOp, loaded))
	w.refused(ledger.Invalid, carrierOp, ledger.ShipmentAccept, ledger.StatedArgs{ID: "shipper.S-1", StatedMS: loaded + 1})
	must[ledger.Shipment](w, carrierOp, ledger.ShipmentAccept, ledger.EventShipment, ledger.StatedArgs{ID: "shipper.S-1", StatedMS: loaded})
	taken := w.ms

	// Whoever accepts without a word agrees to the goods, not to the time.
	w.refused(ledger.Invalid, carrierOp, ledger.ShipmentPropose, propose(consigneeOp, loaded-1))
	must[ledger.Shipment](w, carrierOp, ledger.ShipmentPropose, ledger.EventShipment, propose(consigneeOp, loaded))
	must[ledger.Shipment](w, consigneeOp, ledger.ShipmentAccept, ledger.EventShipment, ledger.StatedArgs{ID: "shipper.S-1"})
	w.refused(ledger.Invalid, consigneeOp, ledger.ShipmentDeliver, ledger.StatedArgs{ID: "shipper.S-1", StatedMS: loaded})
	back := w.ms - 1000
	// The last handover's own time bounds the next where nothing was agreed.
	w.refused(ledger.Invalid, consigneeOp, ledger.ShipmentPropose, propose(carrierOp, loaded))
	must[ledger.Shipment](w, consigneeOp, ledger.ShipmentPropose, ledger.EventShipment, propose(carrierOp, back))
	must[ledger.Shipment](w, carrierOp, ledger.ShipmentReject, ledger.EventShipment, ledger.RejectArgs{ID: "shipper.S-1", Details: hexHash("not ours")})
	must[ledger.Shipment](w, consigneeOp, ledger.ShipmentPropose, ledger.EventShipment, ledger.ProposeArgs{ID: "shipper.S-1", To: carrier})
	w.refused(ledger.Invalid, carrierOp, ledger.ShipmentAccept, ledger.StatedArgs{ID: "shipper.S-1", StatedMS: back})
	must[ledger.Shipment](w, carrierOp, ledger.ShipmentAccept, ledger.EventShipment, ledger.StatedArgs{ID: "shipper.S-1"})

	arrived := w.ms
	w.ms += 3_600_000
	must[ledger.Shipment](w, carrierOp, ledger.ShipmentPropose, ledger.EventShipment, propose(consigneeOp, arrived))
	must[ledger.Shipment](w, consigneeOp, ledger.ShipmentAccept, ledger.EventShipment, ledger.StatedArgs{ID: "shipper.S-1", StatedMS: arrived})
	w.refused(ledger.Invalid, consigneeOp, ledger.ShipmentDeliver, ledger.StatedArgs{ID: "shipper.S-1", StatedMS: arrived + 1})
	s := must[ledger.Shipment](w, consigneeOp, ledger.ShipmentDeliver, ledger.EventShipment, ledger.StatedArgs{ID: "shipper.S-1", StatedMS: arrived})
	if s.StatedDeliveryMS != arrived || s.DeliveredMS != w.ms {
		t.Fatalf("delivered %d, stated %d; want the ledger's time %d and %d beside it", s.DeliveredMS, s.StatedDeliveryMS, w.ms, arrived)
	}
	hs := query[ledger.Page[ledger.Handover]](w, shipperOp, ledger.ShipmentHandover, ledger.ListArgs{ID: "shipper.S-1"}).Items
	for n, want := range []struct{ stated, agreed int64 }{{loaded, loaded}, {loaded, 0}, {back, 0}, {0, 0}, {arrived, arrived}} {
		if h := hs[n]; h.StatedMS != want.stated || h.AgreedMS != want.agreed {
			t.Errorf("handover %d: stated %d, agreed %d; want %+v", n, h.StatedMS, h.AgreedMS, want)
		}
	}
	if hs[0].AnswerMS != taken {
		t.Errorf("answered at %d, want the ledger's own time, %d", hs[0].AnswerMS, taken)
	}
}

// An anchor does not read the beat: held back, it says of its leaves only what was so when it was endorsed, and it dies by the next one
// of its heads log.
func TestAttackHeldBackAnchor(t *testing.T) {
	w := newWorld(t)
	h := newHeads("carrier.ingest-1")
	h.grow(9)
	w.extend(h, 0, 3)
	kept, err := w.endorse(carrierIn, ledger.AnchorExtend, h.args(t, 3, 5, w.ms))
	if err != nil {
		t.Fatal(err)
	}
	w.ms += 600_000
	later := w.extend(h, 3, 9)
	if w.order(kept) {
		t.Error("an anchor that was held back over the next one is valid")
	}
	if got := query[ledger.Head](w, carrierOp, ledger.AnchorHead, ledger.IDArgs{ID: h.id()}); got != later {
		t.Errorf("the head is %+v, want %+v", got, later)
	}
}
