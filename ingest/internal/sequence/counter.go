package sequence

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/trackseal/trackseal/ingest/internal/journal"
	"github.com/trackseal/trackseal/ingest/internal/message"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// lastCount is where the counter of a tracker stands that does not sign. It has no chain: what its counter says is a hint, and moves nothing
// but flags.
type lastCount struct {
	last   uint64
	timeMS int64 // of the message that had it
}

func (c lastCount) encode() []byte {
	return binary.AppendVarint(binary.AppendUvarint(nil, c.last), c.timeMS)
}

func decodeCounter(b []byte) (c lastCount, err error) {
	last, n := binary.Uvarint(b)
	if n <= 0 {
		return c, errState
	}
	ms, m := binary.Varint(b[n:])
	if m <= 0 || n+m != len(b) {
		return c, errState
	}
	return lastCount{last, ms}, nil
}

const (
	// nearZero: a counter that begins again has been seen by then, although some messages were lost.
	nearZero = 16
	// fewBack: by so little a counter is smaller when two messages overtook each other on their way.
	fewBack = 8
	// farAhead: a counter that comes near zero only by counting so far on began again rather than lost so many.
	farAhead = 1024
)

// after says what a counter's next value tells, and where it stands then. timed: the message says itself when it was sent.
func (c lastCount) after(next uint64, bits int, timeMS int64, timed bool) (now lastCount, words []telemetry.Reason) {
	round := ^uint64(0) // 2^bits - 1
	if bits > 0 && bits < 64 {
		round = 1<<bits - 1
	}
	if next > round { // not what the profile promises: it is compared as it stands
		round = ^uint64(0)
	}
	ahead, back := (next-c.last)&round, (c.last-next)&round
	now = lastCount{next, timeMS}
	switch {
	case ahead == 1:
		return now, nil
	case ahead == 0, ahead > round/2 && back <= fewBack && !(timed && timeMS > c.timeMS):
		return c, []telemetry.Reason{telemetry.Reordered}
	case next <= nearZero && (ahead > round/2 || ahead > farAhead):
		return now, []telemetry.Reason{telemetry.Reboot}
	case ahead <= round/2:
		return now, []telemetry.Reason{telemetry.SeqGap}
	case timed && timeMS > c.timeMS: // smaller, and sent later
		return now, []telemetry.Reason{telemetry.Reboot}
	}
	return c, []telemetry.Reason{telemetry.Reordered}
}

// count compares a new message's counter with the one before.
func (s *Sequencer) count(it *message.Item) (flags journal.Flags, err error) {
	if it.Counter == nil {
		return 0, nil
	}
	c, found, err := s.counter(it.Tracker)
	if err != nil {
		return 0, err
	}
	now, words := lastCount{*it.Counter, it.TimeMS}, []telemetry.Reason(nil)
	if found {
		now, words = c.after(*it.Counter, it.Bits, it.TimeMS, it.TimeMS != it.ReceivedMS)
	}
	s.counters.Put(it.Tracker, now)
	s.counted[it.Tracker] = now
	for _, w := range words {
		flags |= journal.Flag(w)
	}
	return flags, nil
}

func (s *Sequencer) counter(tracker string) (c lastCount, found bool, err error) {
	if c, found = s.counters.Get(tracker); found {
		return c, true, nil
	}
	b, err := s.db.Get(journal.CounterKey(tracker))
	if b == nil || err != nil {
		return c, false, err
	}
	c, err = decodeCounter(b)
	return c, err == nil, err
}

// recogniseID goes by the id that a message has on its sender's platform: a second gateway that heard the same frame, or a webhook that is sent
// again, differs in its bytes.
func (s *Sequencer) recogniseID(batch *journal.Batch, it *message.Item) (duplicate bool, err error) {
	key := fork{it.Tracker, sha256.Sum256([]byte(it.MessageID))}
	at := journal.NamedKey(nil, it.Tracker, key.hash)
	if duplicate = s.freshNamed[key]; !duplicate {
		if duplicate, err = s.db.Has(at); err != nil {
			return false, err
		}
	}
	if !duplicate {
		s.freshNamed[key] = true
		batch.Set(at, encodeMS(it.ReceivedMS))
	}
	return duplicate, nil
}
