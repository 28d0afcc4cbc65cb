package adversary

import (
	"github.com/trackseal/trackseal/internal/ledger"
)

// truth is what really happened: the order in which the ledger took what it was told, by the trip's own clock, whatever the
// transactions say of their time.
type truth struct {
	windows   []window
	legs      []leg
	handovers []ledger.Handover // ended, as the ledger keeps them
	delivered int64             // when the ledger heard of it; 0 = not yet
	block     uint64            // that holds the delivery
	agreed    int64             // time that both sides of the newest accepted handover stated
	slackMS   int64             // how far a time that counts was moved, by a client's clock or by holding its transaction back
}

// window is a tracker's time with the goods: from when the ledger heard of its beginning to when it heard of its end.
type window struct {
	tracker      string
	heardMS      int64
	endedMS      int64 // 0 = open
	fromMS, toMS int64 // as the ledger has it
}

type leg struct {
	custodian string
	fromMS    int64
}

// Left over, by design (docs/threat-model.md): the beat and the peers' clocks bound what a client says of the time.
const datedMS = ledger.BeatMaxAgeMS + ledger.BeatEveryMS

// changed takes in what a transaction did, which was ordered now.
func (t *truth) changed(old, s *ledger.Shipment, now int64, block uint64, h held) {
	moved := min(max(now-h.timeMS, h.timeMS-now), datedMS)
	if old == nil {
		t.legs = append(t.legs, leg{s.Custodian, now})
		return
	}
	for i, a := range s.Assignments {
		switch {
		case i >= len(t.windows):
			w := window{tracker: a.Tracker, heardMS: now, fromMS: a.FromMS, toMS: a.ToMS}
			if a.ToMS != 0 {
				w.endedMS = now
			}
			t.windows = append(t.windows, w)
		case a.ToMS != t.windows[i].toMS:
			t.windows[i].toMS, t.windows[i].endedMS = a.ToMS, now
			t.slackMS = max(t.slackMS, moved)
		}
	}
	if s.Handovers > old.Handovers {
		ended := *old.Pending
		ended.State, ended.AnswerMS = ledger.Rejected, s.LastMS
		if s.Custodian != old.Custodian {
			ended.State = ledger.Accepted
			ended.AgreedMS = h.arg.(ledger.StatedArgs).StatedMS
			t.agreed = ended.AgreedMS
			t.legs = append(t.legs, leg{s.Custodian, now})
			t.slackMS = max(t.slackMS, moved)
		}
		t.handovers = append(t.handovers, ended)
	}
	if s.DeliveredMS != 0 && t.delivered == 0 {
		t.delivered, t.block = now, block
		t.slackMS = max(t.slackMS, moved)
	}
}

// inside reports whether a time lies in a tracker's time with the goods before their delivery, at least so far from its ends.
func (t *truth) inside(tracker string, ms, edge int64) bool {
	return (t.delivered == 0 || ms < t.delivered-edge) && t.assigned(tracker, ms, edge)
}

// assigned reports whether the ledger held a tracker to be with the goods at a time.
func (t *truth) assigned(tracker string, ms, edge int64) bool {
	for _, w := range t.windows {
		if w.tracker == tracker && ms > max(w.heardMS, w.fromMS)+edge && (w.endedMS == 0 || ms < w.endedMS-edge) {
			return true
		}
	}
	return false
}

// afterwards reports whether the record says that a tracker was with the goods at a time, which it was told well after.
func (t *truth) afterwards(ms, edge int64) (string, bool) {
	for _, w := range t.windows {
		if ms >= w.fromMS && (w.toMS == 0 || ms < w.toMS) && ms < w.heardMS-edge {
			return w.tracker, true
		}
	}
	return "", false
}

// custodians are those who may have held the goods at a time, as far as times may have been moved.
func (t *truth) custodians(ms, edge int64) []string {
	var out []string
	for i, l := range t.legs {
		if l.fromMS-edge <= ms && (i+1 == len(t.legs) || ms < t.legs[i+1].fromMS+edge) {
			out = append(out, l.custodian)
		}
	}
	return out
}
