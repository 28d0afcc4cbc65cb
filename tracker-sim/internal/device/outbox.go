package device

import (
	"cmp"
	"crypto/sha256"
	"slices"
	"sort"

	"github.com/trackseal/trackseal/internal/telemetry"
)

// outbox is the buffer of messages that ingest has not acknowledged, oldest first. When it is full the oldest are given
// up and remembered as lost until a gap message has declared them. It holds no lock and does no I/O.
type outbox struct {
	limit  int
	queue  []Message
	cursor int // queue[:cursor] were published and wait for their acknowledgement; 0 has all of it published again
	lost   []Range
	gaps   int // gap messages in queue
}

func newOutbox(limit int, queue []Message, lost []Range) outbox {
	return outbox{limit: limit, queue: queue, lost: lost, gaps: countGaps(queue)}
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
	return o.remove(max(0, slices.IndexFunc(o.queue, Message.mayGo)))
}

// mayGo reports whether a message starts no boot.
func (m Message) mayGo() bool { return m.Pos.Seq != 0 || m.Pos.Boot == 0 }

// refused drops the message of this SHA-256 that ingest will never take, if it is here and starts no boot.
func (o *outbox) refused(hash [32]byte) (m Message, ok bool) {
	i := slices.IndexFunc(o.queue, func(m Message) bool { return sha256.Sum256(m.Raw) == hash })
	if i < 0 || !o.queue[i].mayGo() {
		return Message{}, false
	}
	return o.remove(i), true
}

// remove takes a message out and remembers that it is lost.
func (o *outbox) remove(i int) Message {
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

// ack removes all messages up to and including p and returns them.
func (o *outbox) ack(p telemetry.Position) []Message {
	n := sort.Search(len(o.queue), func(i int) bool { return p.Less(o.queue[i].Pos) })
	acked := append([]Message(nil), o.queue[:n]...)
	o.cut(n)
	return acked
}

// ackOne removes the message at exactly p. Plain messages are acknowledged one by one.
func (o *outbox) ackOne(p telemetry.Position) []Message {
	i := slices.IndexFunc(o.queue, func(m Message) bool { return m.Pos == p })
	if i < 0 {
		return nil
	}
	acked := []Message{o.queue[i]}
	o.queue = slices.Delete(o.queue, i, i+1)
	if o.cursor > i {
		o.cursor--
	}
	return acked
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

// next is the oldest message that is to be published.
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

// lose adds a range to those to be declared; touching ranges become one.
func (o *outbox) lose(r Range) {
	all := append(o.lost, r)
	slices.SortFunc(all, func(a, b Range) int { return cmp.Or(cmp.Compare(a.Boot, b.Boot), cmp.Compare(a.From, b.From)) })
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
