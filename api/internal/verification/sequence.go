package verification

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/trackseal/trackseal/internal/telemetry"
)

// link is one signed message in its tracker's chain.
type link struct {
	log        string
	leaf       uint64
	at         telemetry.Position
	timeMS     int64
	prev, hash telemetry.Hash
	gap        *telemetry.GapDetail
}

func (c *course) chain(leaf uint64, m *telemetry.Message) {
	c.chains[m.Tracker] = append(c.chains[m.Tracker], link{c.log.ID, leaf, m.Position(), m.TimeMS, m.Prev, m.COSEHash, m.Gap})
}

// sequences looks at each tracker's messages in the order in which it signed them, over all logs of the shipment. What a
// tracker sent before, after or between its assignments stands in its own log and is not missing here.
func (r *run) sequences() {
	for _, tracker := range sorted(r.chains) {
		links := r.chains[tracker]
		slices.SortFunc(links, func(a, b link) int {
			switch {
			case a.at.Less(b.at):
				return -1
			case b.at.Less(a.at):
				return 1
			}
			return strings.Compare(a.log, b.log)
		})
		for i := 1; i < len(links); i++ {
			r.step(tracker, links[i-1], links[i], links)
		}
	}
}

func (r *run) step(tracker string, a, b link, all []link) {
	say := func(format string, args ...any) {
		r.found.add(Finding{Log: b.log, Leaf: b.leaf, Tracker: tracker, Message: hex.EncodeToString(b.hash[:]), Check: Sequence, Detail: fmt.Sprintf(format, args...)})
	}
	switch {
	case a.at == b.at && a.hash == b.hash:
		say("the message of boot %d, seq %d is logged twice", b.at.Boot, b.at.Seq)
	case a.at == b.at:
		say("two different messages are signed as boot %d, seq %d: two devices have this key, or one signed twice", b.at.Boot, b.at.Seq)
	case b.prev == a.hash:
		// Linked by hash: nothing can be missing, whatever the numbers are.
	case r.elsewhere(tracker, a.timeMS, b.timeMS):
		// The tracker was not assigned to this shipment in between.
	case a.at.Boot == b.at.Boot && b.at.Seq == a.at.Seq+1:
		say("boot %d, seq %d follows seq %d by number but not by hash: one of them was exchanged", b.at.Boot, b.at.Seq, a.at.Seq)
	case declared(all, a.at, b.at):
		say("%s: lost before they were sent, as the tracker declares", missingText(a.at, b.at))
	default:
		say("%s", missingText(a.at, b.at))
	}
}

func missingText(a, b telemetry.Position) string {
	if a.Boot == b.Boot {
		return fmt.Sprintf("messages of boot %d from seq %d to %d are missing", a.Boot, a.Seq+1, b.Seq-1)
	}
	if b.Boot > a.Boot && b.Seq == 0 {
		return fmt.Sprintf("messages at the end of boot %d, after seq %d, are missing", a.Boot, a.Seq)
	}
	return fmt.Sprintf("messages after boot %d seq %d and before boot %d seq %d are missing", a.Boot, a.Seq, b.Boot, b.Seq)
}

// declared reports whether a gap message of the tracker covers what lies between two positions of one boot.
func declared(all []link, a, b telemetry.Position) bool {
	for _, l := range all {
		if g := l.gap; g != nil && g.Boot == a.Boot && a.Boot == b.Boot && g.FromSeq <= a.Seq+1 && g.ToSeq+1 >= b.Seq {
			return true
		}
	}
	return false
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

func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
