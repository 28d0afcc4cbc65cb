package evidence

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/internal/trackerchain"
)

// sequences checks, per tracker, that its signed messages form one chain without holes, from a message before the shipment
// (or the tracker's first ever) to one after it (or the tracker's last promise). A hole is a missing message; a chain that
// holds but pauses is silence: the two are never mixed.
func (v *verifier) sequences() {
	if v.in.Kind == OneMessage {
		v.trackerFacts()
		return
	}
	v.outside()
	for _, id := range sorted(v.trackers) {
		v.sequence(id, v.trackers[id])
	}
	v.trackerFacts()
}

// outside adds the messages that lie around the shipment.
func (v *verifier) outside() {
	for i, cose := range v.in.Manifest.Outside {
		where := func() string { return fmt.Sprintf("message %d from outside the logs", i) }
		m, err := telemetry.DecodeCOSE(cose)
		if err != nil {
			v.book.fail(MsgCanon, where(), "a message in its one valid form", "%v", err)
			continue
		}
		tr := v.trackers[m.Tracker]
		if tr == nil {
			v.book.fail(Unbound, where(), "a tracker that was assigned to the shipment", "%s", m.Tracker)
			continue
		}
		k, ok := v.authentic(where, tr, m)
		if !ok {
			continue
		}
		s := sentOf(m, k)
		s.outside = true
		tr.sent = append(tr.sent, s)
	}
}

// sequence judges one tracker.
func (v *verifier) sequence(id string, tr *tracker) {
	if len(tr.record.Keys) == 0 {
		if v.policy.Unsigned != "accept" {
			v.book.unknown(NoMessage, "tracker "+id, "a tracker that signs", "one that cannot, so nothing shows what it sent")
		}
		return
	}
	list := tr.sent
	if len(list) == 0 {
		v.book.unknown(NoMessage, "tracker "+id, "at least one message of an assigned tracker", "none")
		return
	}
	// Of the same message twice, the one from the logs comes first.
	slices.SortStableFunc(list, func(a, b sent) int {
		return cmp.Or(trackerchain.Compare(&a.Link, &b.Link), fromLogs(a)-fromLogs(b))
	})
	list = v.distinct(id, list)
	tr.sent = list
	v.start(id, tr, &list[0])
	chain := trackerchain.NewChain(len(list), func(i int) *trackerchain.Link { return &list[i].Link })
	var lost uint64
	for i := 1; i < len(list); i++ {
		lost += v.step(id, tr, i, chain)
	}
	if lost > v.policy.MaxGap {
		v.book.fail(GapLimit, "tracker "+id, fmt.Sprintf("at most %d messages declared lost", v.policy.MaxGap), "%d", lost)
	}
	v.missing(id, tr, list)
	v.tail(id, tr, list)
}

func fromLogs(s sent) int {
	if s.outside {
		return 1
	}
	return 0
}

func spot(id string, s *sent) string {
	return fmt.Sprintf("tracker %s, boot %d, seq %d", id, s.Boot, s.Seq)
}

// distinct takes repeated messages out.
func (v *verifier) distinct(id string, list []sent) []sent {
	out := list[:1]
	for i := 1; i < len(list); i++ {
		if list[i].Hash == out[len(out)-1].Hash {
			if list[i].outside {
				continue // a batch that belongs to two shipments stands in both of their logs
			}
			v.book.warn(Duplicate, spot(id, &list[i]), "each message once", "it twice")
			continue
		}
		out = append(out, list[i])
	}
	return out
}

// start: the tracker's first message ever has no message before it; any other must be shown one from outside, from before its first
// assignment.
func (v *verifier) start(id string, tr *tracker, s *sent) {
	if s.outside && s.TimeMS <= tr.windows[0].fromMS+v.policy.ClockMS || s.Boot == 1 && s.Seq == 0 && s.Prev == (Hash{}) {
		return
	}
	v.book.unknown(StartOpen, spot(id, s), "the message before it", "none")
}

// step judges message i against the one before it and returns how many messages between them were declared lost.
func (v *verifier) step(id string, tr *tracker, i int, chain *trackerchain.Chain) (lost uint64) {
	list := tr.sent
	a, b := &list[i-1], &list[i]
	step := chain.Step(i)
	if step.Word == telemetry.Fork {
		// Different messages in the same place stay evidence of a cloned or rolled back key.
		v.book.fail(Fork, spot(id, b), fmt.Sprintf("one message, %x", a.Hash[:8]), "another one, %x", b.Hash[:8])
		return 0
	}
	if b.key < a.key {
		v.book.fail(KeyWindow, spot(id, b), fmt.Sprintf("key %d or a newer one, as the message before it", a.key), "key %d", b.key)
	}
	if a.outside && b.outside && b.Prev != a.Hash && !tr.overlaps(a.TimeMS, b.TimeMS, v.policy.ClockMS) {
		return 0 // what happened between two of its assignments is not the shipment's
	}
	between := func() string { return trackerchain.Between(&a.Link, &b.Link) }
	switch step.Word {
	case telemetry.ChainBreak:
		v.book.fail(ChainBreak, spot(id, b), fmt.Sprintf("the link %x to the message before it", a.Hash[:8]), "a link to %x", b.Prev[:8])
		return step.Lost
	case telemetry.BootRegress:
		later := &list[step.Next]
		v.book.fail(BootRegress, spot(id, b), fmt.Sprintf("the link %x to the message before it", a.Hash[:8]), "a link to boot %d, seq %d, which comes later", later.Boot, later.Seq)
		return step.Lost
	case telemetry.SeqGap:
		v.book.fail(SeqGap, spot(id, b), between(), "they are missing")
		return step.Lost
	case telemetry.GapDeclared:
		v.book.warn(GapDeclared, spot(id, b), between(), "the tracker declared them lost")
		return step.Lost
	case telemetry.Reboot:
		v.book.warn(Reboot, spot(id, b), fmt.Sprintf("boot %d", a.Boot), "a restart")
	}
	v.times(id, a, b)
	return step.Lost
}

// times looks at the pause between two linked messages.
func (v *verifier) times(id string, a, b *sent) {
	if a.undated || b.undated {
		return // told already; such a time shows neither
	}
	if b.TimeMS < a.TimeMS-v.policy.ClockMS && b.kind != telemetry.Clock {
		v.book.warn(ClockStep, spot(id, b), fmt.Sprintf("a time after %d", a.TimeMS), "%d", b.TimeMS)
	}
	if limit := a.dueMS + v.policy.SilenceS*1000; a.dueMS != 0 && b.TimeMS > limit {
		v.book.warn(Silence, spot(id, b), fmt.Sprintf("a message by %d, as promised", a.dueMS), "%d", b.TimeMS)
	}
}

// missing: a message from outside whose time lies well within an assignment belongs in a log.
func (v *verifier) missing(id string, tr *tracker, list []sent) {
	for i := range list {
		s := &list[i]
		switch {
		case !s.outside || !tr.expects(s.TimeMS, v.policy.ClockMS):
		case i > 0 && list[i-1].undated || i+1 < len(list) && list[i+1].undated:
			// Nothing tells when it was received, and the clock of the one beside it was wrong.
			v.book.unknown(StartOpen, spot(id, s), "a message from before or after the shipment", "one whose clock may have been wrong, as that of the message beside it was")
		default:
			v.book.fail(SeqGap, spot(id, s), "a message of that time in the shipment's log", "it is outside")
		}
	}
}

// tail: after the last message of the logs there must be one from outside, from after the last assignment, or the tracker's own end,
// or its promise not to send before the assignment ended.
func (v *verifier) tail(id string, tr *tracker, list []sent) {
	last := &list[len(list)-1]
	end := tr.windows[len(tr.windows)-1].endMS
	// A batch that was signed after the end can be in the logs, for readings from before it.
	after := end != 0 && (last.outside && last.TimeMS >= end-v.policy.ClockMS || last.TimeMS >= end)
	if !slices.ContainsFunc(list, func(s sent) bool { return !s.outside }) {
		// Only messages from outside. That they follow each other was checked: the tracker sent nothing in between, if they
		// lie around the assignment.
		if list[0].TimeMS > tr.windows[0].fromMS+v.policy.ClockMS || !after {
			v.book.unknown(NoMessage, "tracker "+id, "at least one message of an assigned tracker", "none in the logs")
		}
		return
	}
	switch {
	case after:
	case last.kind == telemetry.End:
	case end == 0:
		v.book.unknown(TailOpen, spot(id, last), "the end of the assignment or a message after it", "complete up to here only")
	case last.dueMS != 0 && last.dueMS+v.policy.SilenceS*1000 >= end:
	default:
		v.book.unknown(TailOpen, spot(id, last), fmt.Sprintf("a later message, or no promise of one before the assignment's end, %d", end), "complete up to here only")
	}
}

func (v *verifier) trackerFacts() {
	for _, id := range sorted(v.trackers) {
		tr := v.trackers[id]
		seen := tr.plain
		for i := range tr.sent {
			if s := &tr.sent[i]; !s.outside {
				seen.add(s.TimeMS, s.undated)
			}
		}
		v.report.Facts.Trackers = append(v.report.Facts.Trackers, TrackerFact{ID: id, Owner: tr.record.Owner, Keys: len(tr.record.Keys), Trust: tr.record.Trust(),
			Messages: seen.messages, FirstMS: seen.firstMS, LastMS: seen.lastMS})
	}
}

// sighting is how many messages came, and between which times.
type sighting struct {
	messages        int
	firstMS, lastMS int64
}

func (s *sighting) add(ms int64, undated bool) {
	if s.messages++; undated {
		return
	}
	if s.firstMS == 0 || ms < s.firstMS {
		s.firstMS = ms
	}
	s.lastMS = max(s.lastMS, ms)
}
