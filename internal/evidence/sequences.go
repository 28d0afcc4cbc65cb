package evidence

import (
	"fmt"
	"sort"

	"github.com/trackseal/trackseal/internal/telemetry"
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
	names := make([]string, 0, len(v.trackers))
	for id := range v.trackers {
		names = append(names, id)
	}
	sort.Strings(names)
	for _, id := range names {
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
		s := sentOf(m, k, 0, 0)
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
	sort.SliceStable(list, func(i, j int) bool {
		a, b := &list[i], &list[j]
		return a.boot < b.boot || a.boot == b.boot && a.seq < b.seq
	})
	list = v.forks(id, list)
	tr.sent = list
	v.start(id, &list[0])
	gaps := declared(list)
	var lost uint64
	for i := 1; i < len(list); i++ {
		lost += v.step(id, tr, i, gaps)
	}
	if lost > v.policy.MaxGap {
		v.book.fail(GapLimit, "tracker "+id, fmt.Sprintf("at most %d messages declared lost", v.policy.MaxGap), "%d", lost)
	}
	v.missing(id, tr, list)
	v.tail(id, tr, list)
}

func spot(id string, s *sent) string {
	return fmt.Sprintf("tracker %s, boot %d, seq %d", id, s.boot, s.seq)
}

// forks takes repeated messages out. Different ones in the same place stay evidence of a cloned or rolled back key.
func (v *verifier) forks(id string, list []sent) []sent {
	out := list[:1]
	for i := 1; i < len(list); i++ {
		a, b := &out[len(out)-1], &list[i]
		switch {
		case a.boot != b.boot || a.seq != b.seq:
			out = append(out, *b)
		case a.hash != b.hash:
			v.book.fail(DevFork, spot(id, b), fmt.Sprintf("one message, %x", a.hash[:8]), "another one, %x", b.hash[:8])
		default:
			v.book.warn(Repeated, spot(id, b), "each message once", "it twice")
			if !b.outside {
				*a = *b
			}
		}
	}
	return out
}

// start: the tracker's first message ever has no message before it; any other must be shown one from outside.
func (v *verifier) start(id string, s *sent) {
	if s.outside || s.boot == 1 && s.seq == 0 && s.prev == (Hash{}) {
		return
	}
	v.book.unknown(StartOpen, spot(id, s), "the message before it", "none")
}

// declared collects what the tracker said that it lost.
func declared(list []sent) []telemetry.GapDetail {
	var out []telemetry.GapDetail
	for i := range list {
		if list[i].gap != nil {
			out = append(out, *list[i].gap)
		}
	}
	return out
}

// covered reports whether every position of a boot from ... to was declared lost.
func covered(gaps []telemetry.GapDetail, boot, from, to uint64) bool {
	for from <= to {
		next := from
		for _, g := range gaps {
			if g.Boot == boot && g.FromSeq <= next && g.ToSeq >= next {
				next = g.ToSeq + 1
			}
		}
		if next == from {
			return false
		}
		from = next
	}
	return true
}

// step judges message i against the one before it and returns how many messages between them were declared lost.
func (v *verifier) step(id string, tr *tracker, i int, gaps []telemetry.GapDetail) (lost uint64) {
	list := tr.sent
	a, b := &list[i-1], &list[i]
	if b.key < a.key {
		v.book.fail(KeyWindow, spot(id, b), fmt.Sprintf("key %d or a newer one, as the message before it", a.key), "key %d", b.key)
	}
	linked := b.prev == a.hash
	switch {
	case a.outside && b.outside && !linked && !tr.overlaps(a.timeMS, b.timeMS, v.policy.ClockMS):
		return 0 // what happened between two of its assignments is not the shipment's
	case b.boot == a.boot && b.seq == a.seq+1:
		if !linked {
			v.unlinked(id, list, i, Chain, fmt.Sprintf("the link %x to the message before it", a.hash[:8]))
			return 0
		}
	case b.boot == a.boot:
		from, to := a.seq+1, b.seq-1
		if !covered(gaps, a.boot, from, to) {
			v.book.fail(SeqGap, spot(id, b), fmt.Sprintf("the messages from seq %d to %d before it", from, to), "they are missing")
			return 0
		}
		v.book.warn(GapDeclared, spot(id, b), fmt.Sprintf("the messages from seq %d to %d before it", from, to), "the tracker declared them lost")
		return to - from + 1
	default:
		if b.seq > 0 && !covered(gaps, b.boot, 0, b.seq-1) {
			v.book.fail(SeqGap, spot(id, b), fmt.Sprintf("the messages of boot %d from seq 0 before it", b.boot), "they are missing")
			return 0
		}
		lost = b.seq
		if !linked && !covered(gaps, a.boot, a.seq+1, a.seq+1) {
			v.unlinked(id, list, i, SeqGap, fmt.Sprintf("the link %x to the last message of boot %d", a.hash[:8], a.boot))
			return lost
		}
		v.book.warn(Reboot, spot(id, b), fmt.Sprintf("boot %d", a.boot), "a restart")
	}
	v.times(id, a, b)
	return lost
}

// unlinked tells a message that links to a later one (the tracker's counters went back) from one whose predecessor is not
// there.
func (v *verifier) unlinked(id string, list []sent, i int, code Code, expected string) {
	b := &list[i]
	if v.book.count[BootRegress] < perCode { // the search is linear: it must not be made for every message
		for j := i + 1; j < len(list); j++ {
			if list[j].hash == b.prev {
				v.book.fail(BootRegress, spot(id, b), expected, "a link to boot %d, seq %d, which comes later", list[j].boot, list[j].seq)
				return
			}
		}
	}
	v.book.fail(code, spot(id, b), expected, "a link to %x", b.prev[:8])
}

// times looks at the pause between two linked messages.
func (v *verifier) times(id string, a, b *sent) {
	if b.timeMS < a.timeMS-v.policy.ClockMS && b.kind != telemetry.Clock {
		v.book.warn(ClockStep, spot(id, b), fmt.Sprintf("a time after %d", a.timeMS), "%d", b.timeMS)
	}
	if limit := a.dueMS + v.policy.SilenceS*1000; a.dueMS != 0 && b.timeMS > limit {
		v.book.warn(Silence, spot(id, b), fmt.Sprintf("a message by %d, as promised", a.dueMS), "%d", b.timeMS)
	}
}

// missing: a message from outside whose time lies well within an assignment belongs in a log.
func (v *verifier) missing(id string, tr *tracker, list []sent) {
	for i := range list {
		if s := &list[i]; s.outside && tr.expects(s.timeMS, v.policy.ClockMS) {
			v.book.fail(SeqGap, spot(id, s), "a message of that time in the shipment's log", "it is outside")
		}
	}
}

// tail: after the last message of the logs there must be a later one from outside, or the tracker's own end, or its promise
// not to send before its assignment ended.
func (v *verifier) tail(id string, tr *tracker, list []sent) {
	last := &list[len(list)-1]
	if last.outside {
		for i := len(list) - 2; i >= 0; i-- {
			if !list[i].outside {
				return
			}
		}
		// Only messages from outside. That they follow each other was checked: the tracker sent nothing in between, if they
		// lie around the assignment.
		end := tr.windows[len(tr.windows)-1].endMS
		if list[0].timeMS > tr.windows[0].fromMS+v.policy.ClockMS || end == 0 || last.timeMS < end-v.policy.ClockMS {
			v.book.unknown(NoMessage, "tracker "+id, "at least one message of an assigned tracker", "none in the logs")
		}
		return
	}
	end := tr.windows[len(tr.windows)-1].endMS
	switch {
	case last.kind == telemetry.End:
	case end == 0:
		v.book.unknown(TailOpen, spot(id, last), "the end of the assignment or a message after it", "complete up to here only")
	case last.dueMS != 0 && last.dueMS+v.policy.SilenceS*1000 >= end:
	default:
		v.book.unknown(TailOpen, spot(id, last), fmt.Sprintf("a later message, or no promise of one before the assignment's end, %d", end), "complete up to here only")
	}
}

func (v *verifier) trackerFacts() {
	names := make([]string, 0, len(v.trackers))
	for id := range v.trackers {
		names = append(names, id)
	}
	sort.Strings(names)
	for _, id := range names {
		tr := v.trackers[id]
		f := TrackerFact{ID: id, Owner: tr.record.Owner, Keys: len(tr.record.Keys)}
		for i := range tr.sent {
			s := &tr.sent[i]
			if s.outside {
				continue
			}
			f.Messages++
			if f.FirstMS == 0 || s.timeMS < f.FirstMS {
				f.FirstMS = s.timeMS
			}
			f.LastMS = max(f.LastMS, s.timeMS)
		}
		v.report.Facts.Trackers = append(v.report.Facts.Trackers, f)
	}
}
