package trackerchain

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/trackseal/trackseal/internal/telemetry"
)

// Progress is how far a tracker's chain is held without a hole, and what lies beyond the first hole.
//
// Everything before (boot, next) is in the journal or was declared lost by the tracker itself; that is what the
// application ack says. Within a boot the sequence number tells what is missing. How many messages an earlier boot had,
// only the chain tells: a later boot is entered when its first message names the last held hash as its predecessor, or
// names none.
type Progress struct {
	boot, next uint64                // boot 0: nothing held
	last       telemetry.Hash        // hash of the message before (boot, next); zero when it was declared lost
	maxBoot    uint64                // highest boot seen
	high       uint64                // highest seq seen in maxBoot, plus one
	bootMS     int64                 // signed time of the first message seen of maxBoot
	gaps       []telemetry.GapDetail // declared lost and not reached yet
	starts     []start               // first messages of later boots, not reached yet
}

type start struct {
	boot uint64
	prev telemetry.Hash
}

// Bounds on what a tracker can make us remember. Beyond them the oldest is forgotten; the ack then waits for a new gap
// message.
const (
	maxGaps   = 64
	maxStarts = 16
)

// ahead reports whether the message lies beyond everything seen, so that nobody can have sent it before.
func (p *Progress) ahead(boot, seq uint64) bool {
	return boot > p.maxBoot || boot == p.maxBoot && seq >= p.high
}

// Behind reports whether a place lies before the position: everything up to it is held or was declared lost.
func (p *Progress) Behind(boot, seq uint64) bool {
	return boot < p.boot || boot == p.boot && seq < p.next
}

// Held returns the hash of a message that is held at a place.
type Held func(boot, seq uint64) (hash telemetry.Hash, found bool, err error)

// Recognise tells a message that is new (empty) from a duplicate of one that is held and from a fork: other bytes in its place.
func (p *Progress) Recognise(l *Link, held Held) (telemetry.Reason, error) {
	if p.ahead(l.Boot, l.Seq) {
		return "", nil
	}
	switch hash, found, err := held(l.Boot, l.Seq); {
	case err != nil || !found:
		return "", err
	case hash == l.Hash:
		return telemetry.Duplicate, nil
	}
	return telemetry.Fork, nil
}

// Place takes a new message and moves the position; held must know it already. The words say how it looks at this moment: what
// seems to be missing may only be late.
func (p *Progress) Place(l *Link, held Held) (words []telemetry.Reason, err error) {
	known := p.maxBoot > 0
	switch {
	case l.Boot > p.maxBoot:
		open, err := p.endsOpen(l, held)
		if err != nil {
			return nil, err
		}
		if l.Seq > 0 || open {
			words = append(words, telemetry.SeqGap)
		}
		p.maxBoot, p.high, p.bootMS = l.Boot, l.Seq+1, l.TimeMS
	case l.Boot == p.maxBoot && l.Seq >= p.high:
		if l.Seq > p.high {
			words = append(words, telemetry.SeqGap)
		}
		p.high = l.Seq + 1
	case l.Boot == p.maxBoot:
		words = append(words, telemetry.Reordered)
	case l.TimeMS > p.bootMS:
		// An older boot speaks after a newer one began: a copied tracker, or one that lost its counter.
		words = append(words, telemetry.BootRegress)
	default:
		words = append(words, telemetry.Reordered)
	}
	broken, err := p.breaksChain(l, known, held)
	if err != nil {
		return nil, err
	}
	if broken {
		words = append(words, telemetry.ChainBreak)
	}
	if l.Seq == 0 && l.Boot > p.boot {
		p.starts = bounded(append(p.starts, start{l.Boot, l.Prev}), maxStarts)
	}
	if g := l.Gap; g != nil && g.FromSeq <= g.ToSeq && (g.Boot > p.boot || g.Boot == p.boot && g.ToSeq >= p.next) {
		p.gaps = bounded(append(p.gaps, *g), maxGaps)
	}
	if l.Boot == p.boot && l.Seq == p.next {
		p.last, p.next = l.Hash, p.next+1
	}
	return words, p.advance(held)
}

// bounded forgets the oldest.
func bounded[T any](list []T, most int) []T { return list[max(0, len(list)-most):] }

// endsOpen reports whether a new boot names another message as the one before it than the last one seen of the boot before.
func (p *Progress) endsOpen(l *Link, held Held) (bool, error) {
	lost := p.boot == p.maxBoot && p.next > p.high || l.Gap != nil && l.Gap.Holds(p.maxBoot, p.high)
	for _, g := range p.gaps {
		lost = lost || g.Holds(p.maxBoot, p.high)
	}
	if p.maxBoot == 0 || lost || l.Prev == (telemetry.Hash{}) {
		return false, nil
	}
	last, found, err := held(p.maxBoot, p.high-1)
	return found && last != l.Prev, err
}

// breaksChain compares the predecessor that a message names with the one that is held. A predecessor that is missing says
// nothing: it may still come.
func (p *Progress) breaksChain(l *Link, known bool, held Held) (bool, error) {
	if l.Seq == 0 {
		return known && l.Prev == telemetry.Hash{}, nil
	}
	if l.Boot == p.boot && l.Seq == p.next {
		return p.last != telemetry.Hash{} && p.last != l.Prev, nil
	}
	before, found, err := held(l.Boot, l.Seq-1)
	return found && before != l.Prev, err
}

// advance moves over everything that is held or declared lost.
func (p *Progress) advance(held Held) error {
	for {
		if p.skipGap() {
			continue
		}
		// In order and nothing beyond: the usual case costs no look-up.
		if p.boot > 0 && !(p.boot == p.maxBoot && p.next >= p.high) {
			hash, found, err := held(p.boot, p.next)
			if err != nil {
				return err
			}
			if found {
				p.last, p.next = hash, p.next+1
				continue
			}
		}
		if !p.enterBoot() && !p.enterGap() {
			p.forget()
			return nil
		}
	}
}

func (p *Progress) skipGap() bool {
	return p.pass(slices.IndexFunc(p.gaps, func(g telemetry.GapDetail) bool { return g.Holds(p.boot, p.next) }))
}

// pass goes on behind a gap; -1 is none.
func (p *Progress) pass(i int) bool {
	if i < 0 {
		return false
	}
	p.boot, p.next, p.last = p.gaps[i].Boot, p.gaps[i].ToSeq+1, telemetry.Hash{}
	p.gaps = append(p.gaps[:i:i], p.gaps[i+1:]...)
	return true
}

// enterBoot goes on to the lowest later boot whose first message continues what is held. After messages that were declared
// lost, no hash tells whether there is a boot in between: only the very next one is entered. A tracker that skips numbers then
// waits for its acks until it gives its oldest messages up, which is the safe side. That the boot ended with what was lost is
// taken from the order of arrival: a tracker sends its oldest message first, and MQTT keeps its messages in order.
func (p *Progress) enterBoot() bool {
	best := -1
	for i, s := range p.starts {
		lost := p.last == telemetry.Hash{}
		continues := s.prev == telemetry.Hash{} || p.boot > 0 && (!lost && s.prev == p.last || lost && s.boot == p.boot+1)
		if s.boot > p.boot && continues && (best < 0 || s.boot < p.starts[best].boot) {
			best = i
		}
	}
	if best < 0 {
		return false
	}
	p.boot, p.next = p.starts[best].boot, 0
	return true
}

// forget drops what the position has passed.
func (p *Progress) forget() {
	p.starts = slices.DeleteFunc(p.starts, func(s start) bool { return s.boot <= p.boot })
	p.gaps = slices.DeleteFunc(p.gaps, func(g telemetry.GapDetail) bool { return g.Boot < p.boot || g.Boot == p.boot && g.ToSeq < p.next })
}

// enterGap goes on to a later boot whose beginning the tracker has declared lost. Trackers give up their oldest messages
// first: when the beginning of a boot is lost, so is every older message that is not held here.
func (p *Progress) enterGap() bool {
	best := -1
	for i, g := range p.gaps {
		if g.Boot > p.boot && g.FromSeq == 0 && (best < 0 || g.Boot < p.gaps[best].Boot) {
			best = i
		}
	}
	return p.pass(best)
}

// Ack is the newest message of the part without a hole; ok is false when there is none.
func (p *Progress) Ack() (boot, seq uint64, ok bool) {
	if p.boot == 0 || p.next == 0 {
		return 0, 0, false
	}
	return p.boot, p.next - 1, true
}

// Append encodes p, for a journal.
func (p *Progress) Append(b []byte) []byte {
	b = append(b, 1) // version
	for _, v := range []uint64{p.boot, p.next, p.maxBoot, p.high, uint64(p.bootMS), uint64(len(p.gaps)), uint64(len(p.starts))} {
		b = binary.AppendUvarint(b, v)
	}
	b = append(b, p.last[:]...)
	for _, g := range p.gaps {
		b = binary.AppendUvarint(binary.AppendUvarint(binary.AppendUvarint(b, g.Boot), g.FromSeq), g.ToSeq)
	}
	for _, s := range p.starts {
		b = append(binary.AppendUvarint(b, s.boot), s.prev[:]...)
	}
	return b
}

var errDamaged = errors.New("a tracker's progress is damaged")

// DecodeProgress reads what Append wrote.
func DecodeProgress(b []byte) (*Progress, error) {
	if len(b) == 0 || b[0] != 1 {
		return nil, errDamaged
	}
	b = b[1:]
	ok := true
	num := func() uint64 {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			ok, b = false, nil
			return 0
		}
		b = b[n:]
		return v
	}
	hash := func(h *telemetry.Hash) {
		if len(b) < 32 {
			ok, b = false, nil
			return
		}
		b = b[copy(h[:], b):]
	}
	p := &Progress{boot: num(), next: num(), maxBoot: num(), high: num(), bootMS: int64(num())}
	gaps, starts := num(), num()
	hash(&p.last)
	for i := uint64(0); i < gaps && ok; i++ {
		p.gaps = append(p.gaps, telemetry.GapDetail{Boot: num(), FromSeq: num(), ToSeq: num()})
	}
	for i := uint64(0); i < starts && ok; i++ {
		s := start{boot: num()}
		hash(&s.prev)
		p.starts = append(p.starts, s)
	}
	if !ok || len(b) != 0 {
		return nil, errDamaged
	}
	return p, nil
}
