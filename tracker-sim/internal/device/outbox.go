package device

import (
	"sort"

	"github.com/trackseal/trackseal/internal/telemetry"
)

// outbox is the buffer of messages that ingest has not acknowledged, oldest first. When it is full the oldest are given
// up and remembered as lost until a gap message has declared them. It holds no lock and does no I/O.
type outbox struct {
	limit  int
	queue  []Message
	cursor int // queue[:cursor] were published since the last rewind
	lost   []Range
	gaps   int // gap messages in queue
}

func newOutbox(limit int, queue []Message, lost []Range) outbox {
	o := outbox{limit: limit, queue: queue, lost: lost}
	o.gaps = countGaps(queue)
	return o
}

func countGaps(queue []Message) (n int) {
	for _, m := range queue {
		if m.Gap != nil {
			n++
		}
	}
	return n
}

// add appends a message and returns the messages given up for it.
func (o *outbox) add(m Message) (dropped []Message) {
	o.queue = append(o.queue, m)
	o.gaps += countGaps(o.queue[len(o.queue)-1:])
	for len(o.queue) > o.limit {
		dropped = append(dropped, o.giveUp())
	}
	return dropped
}

// giveUp drops the oldest message, but none that starts a boot as long as there is another: it carries the link to the boot
// before, without which nobody can tell where that boot ended.
func (o *outbox) giveUp() Message {
	i := o.starts()
	if i == len(o.queue) {
		i = 0
	}
	m := o.queue[i]
	copy(o.queue[1:i+1], o.queue[:i])
	o.queue[0] = m
	o.cut(1)
	o.lose(Range{m.Pos.Boot, m.Pos.Seq, m.Pos.Seq})
	if m.Gap != nil {
		o.lose(*m.Gap) // the declaration is lost with its message
	}
	return m
}

// starts is how many messages at the head of the queue start a boot.
func (o *outbox) starts() int { return leadingStarts(o.queue) }

func leadingStarts(queue []Message) int {
	for i, m := range queue {
		if m.Pos.Seq != 0 || m.Pos.Boot == 0 {
			return i
		}
	}
	return len(queue)
}

// ack removes all messages up to and including p and returns them.
func (o *outbox) ack(p telemetry.Position) []Message {
	n := sort.Search(len(o.queue), func(i int) bool { return p.Less(o.queue[i].Pos) })
	acked := append([]Message(nil), o.queue[:n]...)
	o.cut(n)
	return acked
}

// ackOne removes the message at exactly p. Plain messages are acknowledged one by one.
func (o *outbox) ackOne(p telemetry.Position) []Message {
	for i, m := range o.queue {
		if m.Pos == p {
			o.queue = append(o.queue[:i:i], o.queue[i+1:]...)
			if o.cursor > i {
				o.cursor--
			}
			return []Message{m}
		}
	}
	return nil
}

// cut removes the n oldest. The rest moves to a new array, so that the old one can be freed.
func (o *outbox) cut(n int) {
	if n == 0 {
		return
	}
	o.gaps -= countGaps(o.queue[:n])
	if n*2 >= len(o.queue) {
		o.queue = append(make([]Message, 0, len(o.queue)-n), o.queue[n:]...)
	} else {
		clear(o.queue[:n])
		o.queue = o.queue[n:]
	}
	o.cursor = max(0, o.cursor-n)
}

// next is the oldest message that was not published since the last rewind.
func (o *outbox) next() (Message, bool) {
	if o.cursor >= len(o.queue) {
		return Message{}, false
	}
	return o.queue[o.cursor], true
}

// sent moves past m. The queue may have been trimmed while m was on its way, so the position decides.
func (o *outbox) sent(m Message) {
	if o.cursor < len(o.queue) && o.queue[o.cursor].Pos == m.Pos {
		o.cursor++
	}
}

// rewind makes everything unacknowledged be published again.
func (o *outbox) rewind() { o.cursor = 0 }

// unconfirmed says how many published messages wait for their acknowledgement.
func (o *outbox) unconfirmed() int { return o.cursor }

// lose adds a range to those to be declared; touching ranges become one.
func (o *outbox) lose(r Range) {
	all := append(o.lost, r)
	sort.Slice(all, func(i, j int) bool {
		if all[i].Boot != all[j].Boot {
			return all[i].Boot < all[j].Boot
		}
		return all[i].From < all[j].From
	})
	o.lost = all[:1]
	for _, next := range all[1:] {
		last := &o.lost[len(o.lost)-1]
		if next.Boot == last.Boot && next.From <= last.To+1 {
			last.To = max(last.To, next.To)
		} else {
			o.lost = append(o.lost, next)
		}
	}
}
