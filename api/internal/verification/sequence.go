package verification

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/internal/trackerchain"
)

// link is one signed message in its tracker's chain.
type link struct {
	trackerchain.Link
	log  string
	leaf uint64
}

func (c *walk) chain(leaf uint64, m *telemetry.Message) {
	c.chains[m.Tracker] = append(c.chains[m.Tracker], link{trackerchain.LinkOf(m), c.log.ID, leaf})
}

// sequences looks at each tracker's messages in the order in which it signed them, over all logs of the shipment. What a
// tracker sent before, after or between its assignments stands in its own log and is not missing here.
func (r *run) sequences() {
	for _, tracker := range slices.Sorted(maps.Keys(r.chains)) {
		links := r.chains[tracker]
		slices.SortFunc(links, func(a, b link) int {
			return cmp.Or(trackerchain.Compare(&a.Link, &b.Link), strings.Compare(a.log, b.log), cmp.Compare(a.leaf, b.leaf))
		})
		chain := trackerchain.NewChain(len(links), func(i int) *trackerchain.Link { return &links[i].Link })
		for i := 1; i < len(links); i++ {
			r.step(tracker, &links[i-1], &links[i], chain.Step(i))
		}
	}
}

func (r *run) step(tracker string, a, b *link, step trackerchain.Step) {
	say := func(format string, args ...any) {
		r.found.add(Finding{Log: b.log, Leaf: b.leaf, Tracker: tracker, Message: hex.EncodeToString(b.Hash[:]), Check: Sequence,
			Detail: string(step.Word) + ": " + fmt.Sprintf(format, args...)})
	}
	switch step.Word {
	case "", telemetry.Reboot:
		return
	case telemetry.Duplicate:
		say("the message of boot %d, seq %d is logged twice", b.Boot, b.Seq)
		return
	case telemetry.Fork:
		say("two different messages are signed as boot %d, seq %d: two devices have this key, or one signed twice", b.Boot, b.Seq)
		return
	}
	if r.elsewhere(tracker, a.TimeMS, b.TimeMS) {
		return // The tracker was not assigned to this shipment in between.
	}
	switch step.Word {
	case telemetry.ChainBreak:
		say("boot %d, seq %d follows seq %d by number but not by hash: one of them was exchanged", b.Boot, b.Seq, a.Seq)
	case telemetry.BootRegress:
		say("boot %d, seq %d names a later message as the one before it: the tracker's counters went back", b.Boot, b.Seq)
	case telemetry.GapDeclared:
		say("%s are missing: lost before they were sent, as the tracker declares", trackerchain.Between(&a.Link, &b.Link))
	default:
		say("%s are missing", trackerchain.Between(&a.Link, &b.Link))
	}
}

// elsewhere reports whether an assignment of the tracker to this shipment ended, and another began, between two times.
func (r *run) elsewhere(tracker string, fromMS, toMS int64) bool {
	for _, a := range r.Shipment.Assignments {
		if a.Tracker == tracker && a.ToMS != 0 && a.ToMS >= fromMS && a.ToMS <= toMS {
			return true
		}
	}
	return false
}
