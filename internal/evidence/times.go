package evidence

import (
	"fmt"
	"slices"
	"strings"

	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/compliance/detect"
	"github.com/trackseal/trackseal/internal/compliance/journey"
	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
	"github.com/trackseal/trackseal/internal/ledger"
)

// Fabric signs no time: that of a transaction is its client's word. What is judged of a shipment lies between times that
// transactions wrote, so whoever could move them could cut a breach away. The order of the chain bounds them: a shipment's times
// never go back, a window ends when its end is recorded, and no record is older than an anchor before it or younger than one
// behind it.

// change is a transaction that wrote the shipment's record, and what it wrote.
type change struct {
	tx    *fabricproof.Transaction
	state ledger.Shipment
}

// recordTimes checks the times in the shipment's records.
func (v *verifier) recordTimes() {
	var last, delivered int64
	for i := range v.changes {
		c := &v.changes[i]
		last = v.recordTime(c, last)
		for _, t := range v.statedBy(c, delivered, last) {
			if t.ms != t.want {
				v.book.fail(RecordTime, placeOf(c.tx), fmt.Sprintf("%s at the time of its transaction, %d", t.what, t.want), "%d", t.ms)
			}
		}
		delivered = c.state.DeliveredMS
		v.againstAnchors(c.tx, last)
	}
}

// recordTime is a change's time, as the record has it: that of its transaction, but never before that of the change before it. A
// clock that is behind another's does not make time go back. An assignment is not before the end of the tracker's last one either,
// which another shipment's record has: that can lift it, as far as clocks are apart.
func (v *verifier) recordTime(c *change, last int64) int64 {
	want, most := max(last, c.tx.TimeMS), int64(0)
	if slices.ContainsFunc(c.state.Assignments, func(a ledger.Assignment) bool { return a.AssignTx == c.tx.ID }) {
		most = v.policy.ClockMS
	}
	if have := c.state.LastMS; have < want || have > want+most {
		v.book.fail(RecordTime, placeOf(c.tx), fmt.Sprintf("the record's newest time to be that of its transaction or of the change before it, %d", want), "%d", have)
		return want
	}
	return c.state.LastMS
}

type recordTime struct {
	what     string
	ms, want int64
}

// statedBy are the times that a change wrote into the record, and what the chaincode writes there.
func (v *verifier) statedBy(c *change, delivered, now int64) []recordTime {
	s, tx := &c.state, c.tx.ID
	var out []recordTime
	if s.CreateTx == tx {
		out = append(out, recordTime{"creation", s.CreatedMS, now})
	}
	for _, a := range s.Assignments {
		switch {
		case a.UnassignTx != tx:
		case a.Recorded():
			out = append(out, recordTime{"end of the recorded window of " + a.Tracker, a.ToMS, min(a.ToMS, now+v.policy.ClockMS)})
		default:
			out = append(out, recordTime{"end of the window of " + a.Tracker, a.ToMS, max(now, a.FromMS)})
		}
	}
	if s.DeliveredMS != delivered {
		out = append(out, recordTime{"delivery", s.DeliveredMS, now})
	}
	if s.State == ledger.Closed {
		out = append(out, recordTime{"closing", s.ClosedMS, now})
	}
	if p := s.Pending; p != nil && p.ProposeTx == tx {
		out = append(out, recordTime{"offer of custody", p.ProposeMS, now})
	}
	for _, d := range s.Declined {
		if d.Tx == tx {
			out = append(out, recordTime{"word of " + d.Member + " that it is no party", d.TimeMS, now})
		}
	}
	for _, h := range v.judging.handovers {
		if h.AnswerTx == tx {
			out = append(out, recordTime{"answer to the offer of custody", h.AnswerMS, now})
		}
	}
	return out
}

// againstAnchors compares a record's time with those of the anchors around it in the chain. An endorsed transaction can be held
// back, and an endorser can be asked early: both show here, whoever gains by it.
func (v *verifier) againstAnchors(t *fabricproof.Transaction, ms int64) {
	for _, list := range v.anchors {
		for _, a := range list {
			switch {
			case before(Position(a.tx.Position), Position(t.Position)) && a.tx.TimeMS > ms+v.policy.ClockMS:
				v.book.fail(RecordTime, placeOf(t), fmt.Sprintf("a time after that of the anchor before it in the chain, %d", a.tx.TimeMS), "%d", ms)
				return
			case before(Position(t.Position), Position(a.tx.Position)) && a.tx.TimeMS < ms-v.policy.ClockMS:
				v.book.fail(RecordTime, placeOf(t), fmt.Sprintf("a time before that of the anchor behind it in the chain, %d", a.tx.TimeMS), "%d", ms)
				return
			}
		}
	}
}

// recordedWindows tells which windows were stated when they were over, or had long begun, by whoever assigned the tracker: a logger that
// was read out later. The windows are then the word of a party that could know what the tracker had measured, and the policy says whether it counts.
func (v *verifier) recordedWindows() {
	for _, c := range v.changes {
		for _, a := range c.state.Assignments {
			if a.AssignTx != c.tx.ID || !a.Recorded() && a.FromMS >= c.state.LastMS-v.policy.ClockMS {
				continue
			}
			where := "tracker " + a.Tracker
			const expected = "a window that was open while the tracker reported"
			found := fmt.Sprintf("one from %d on that %s stated at %d", a.FromMS, a.By, c.state.LastMS)
			if v.policy.Recorded == "accept" {
				v.book.warn(RecordedWindow, where, expected, "%s", found)
			} else {
				v.book.unknown(RecordedTrip, where, expected, "%s", found)
			}
		}
	}
}

// stated tells that both sides of a handover stated another time than the ledger's, and what the other time would give.
func (v *verifier) stated(most int64, result, other compliance.Result) {
	counts, beside := "the stated times", "the ledger's"
	if most > v.policy.StatedMaxS*1000 {
		counts, beside = beside, counts
	}
	v.book.warn(StatedTime, "handover or delivery", "a time at which the ledger heard of it", "one that both sides stated, up to %d s before; %s count: %s; by %s: %s",
		(most+999)/1000, counts, result.Verdict, beside, other.Verdict)
}

// strays looks at the readings in the shipment's log that lie outside of all windows of their trackers. The rules do not see them, so
// whoever set the windows could have meant to leave them out: they are judged as if each tracker's windows were one, as far as clocks are
// apart, and the end of the journey lies behind what was anchored before the delivery. Earlier and later ones are of times when the tracker was not
// the shipment's, and so are those behind its end that came in one message with others and were anchored after the tracker was taken off.
func (v *verifier) strays(rules *compliance.RuleSet, j detect.Journey, verdict string) error {
	if v.judging.strays == 0 {
		return nil
	}
	const where, expected = "readings", "only readings of a time when their tracker was assigned"
	found := fmt.Sprintf("%d of other times", v.judging.strays)
	j = journey.Wide(j, v.policy.ClockMS)
	later := v.judging.lastMS > 0 && j.EndMS == v.shipment.DeliveredMS // not where both sides stated an earlier time
	if later {
		j.EndMS = max(j.EndMS, v.judging.lastMS+1)
	}
	all := v.judging.readings
	if later || len(v.judging.elsewhere) > 0 {
		all = slices.DeleteFunc(slices.Clone(all), func(r compliance.Reading) bool {
			at := reading{r.Point.Message, r.Point.MS}
			// One tracker's fast clock does not make what another one measured after the delivery the shipment's.
			return v.judging.elsewhere[at] || later && at.ms >= v.shipment.DeliveredMS && !v.judging.late[at]
		})
	}
	wide, err := compliance.Judge(*rules, j, all, 0)
	if err != nil {
		return fmt.Errorf("judge by %s: %w", v.shipment.RuleSet, err)
	}
	if wide.Verdict == compliance.NonCompliant && verdict != compliance.NonCompliant {
		v.book.unknown(StrayBreach, where, expected, "%s, and with them: %s", found, strings.Join(wide.Reasons, "; "))
	} else {
		v.book.warn(StrayReading, where, expected, "%s; they change no rule's result", found)
	}
	return nil
}

// breaches compares with what the peers themselves verified: no judgement of a time in which they saw a rule broken can leave that out.
func (v *verifier) breaches(result *compliance.Result) {
	if v.closing == nil || v.closing.Compliance == nil {
		return
	}
	for _, b := range v.closing.Compliance.Breaches {
		has := func(r compliance.RuleResult) bool { return r.ID == b.Rule && r.Excursions > 0 }
		if b.FirstMS < result.ToMS && !slices.ContainsFunc(result.Rules, has) {
			v.book.fail(BreachMissing, "rule "+b.Rule, fmt.Sprintf("its breach at %d, which the peers verified", b.FirstMS), "none")
		}
	}
}
