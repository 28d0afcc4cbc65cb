package sequence

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/trackseal/trackseal/ingest/internal/journal"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// position is how far a tracker's chain is held without a hole, and what lies beyond the first hole.
//
// Everything before (boot, next) is in the journal or was declared lost by the tracker itself; that is what the
// application ack says. Within a boot the sequence number tells what is missing. How many messages an earlier boot had,
// only the chain tells: a later boot is entered when its first message names the last held hash as its predecessor, or
// names none.
type position struct {
	boot, next uint64   // boot 0: nothing held
	last       [32]byte // hash of the message before (boot, next); zero when it was declared lost
	maxBoot    uint64   // highest boot seen
	high       uint64   // highest seq seen in maxBoot, plus one
	bootMS     int64    // signed time of the first message seen of maxBoot
	gaps       []gap    // declared lost and not reached yet
	starts     []start  // first messages of later boots, not reached yet
}

type gap struct{ boot, from, to uint64 }

type start struct {
	boot uint64
	prev [32]byte
}

// Bounds on what a tracker can make us remember. Beyond them the oldest is forgotten; the ack then waits for a new gap
// message.
const (
	maxGaps   = 64
	maxStarts = 16
)

// claims are the facts of a signed message that place it.
type claims struct {
	boot, seq uint64
	prev      [32]byte
	timeMS    int64
	gap       *telemetry.GapDetail
}

// ahead reports whether the message lies beyond everything seen, so that nobody can have sent it before.
func (p *position) ahead(boot, seq uint64) bool {
	return boot > p.maxBoot || boot == p.maxBoot && seq >= p.high
}

// lookup returns the hash of a held message.
type lookup func(boot, seq uint64) (hash [32]byte, found bool, err error)

// place takes a message that is not held yet, returns its flags and moves the position. held must know it already.
func (p *position) place(c claims, hash [32]byte, held lookup) (journal.Flags, error) {
	var flags journal.Flags
	known := p.maxBoot > 0
	switch {
	case c.boot > p.maxBoot:
		if c.seq > 0 {
			flags |= flagSeqGap
		}
		p.maxBoot, p.high, p.bootMS = c.boot, c.seq+1, c.timeMS
	case c.boot == p.maxBoot && c.seq >= p.high:
		if c.seq > p.high {
			flags |= flagSeqGap
		}
		p.high = c.seq + 1
	case c.boot == p.maxBoot:
		flags |= flagReordered
	case c.timeMS > p.bootMS:
		// An older boot speaks after a newer one began: a copied tracker, or one that lost its counter.
		flags |= flagBootRegress
	default:
		flags |= flagReordered
	}
	broken, err := p.breaksChain(c, known, held)
	if err != nil {
		return 0, err
	}
	if broken {
		flags |= flagChainBreak
	}
	if c.seq == 0 && c.boot > p.boot {
		p.starts = append(p.starts, start{c.boot, c.prev})
		if len(p.starts) > maxStarts {
			p.starts = p.starts[1:]
		}
	}
	if g := c.gap; g != nil && g.FromSeq <= g.ToSeq && (g.Boot > p.boot || g.Boot == p.boot && g.ToSeq >= p.next) {
		p.gaps = append(p.gaps, gap{g.Boot, g.FromSeq, g.ToSeq})
		if len(p.gaps) > maxGaps {
			p.gaps = p.gaps[1:]
		}
	}
	if c.boot == p.boot && c.seq == p.next {
		p.last, p.next = hash, p.next+1
	}
	return flags, p.advance(held)
}

// breaksChain compares the predecessor that a message names with the one that is held. A predecessor that is missing says
// nothing: it may still come.
func (p *position) breaksChain(c claims, known bool, held lookup) (bool, error) {
	if c.seq == 0 {
		return known && c.prev == [32]byte{}, nil
	}
	if c.boot == p.boot && c.seq == p.next {
		return p.last != [32]byte{} && p.last != c.prev, nil
	}
	before, found, err := held(c.boot, c.seq-1)
	return found && before != c.prev, err
}

// advance moves over everything that is held or declared lost.
func (p *position) advance(held lookup) error {
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

func (p *position) skipGap() bool {
	for i, g := range p.gaps {
		if g.boot == p.boot && g.from <= p.next && g.to >= p.next {
			p.boot, p.next, p.last = g.boot, g.to+1, [32]byte{}
			p.gaps = append(p.gaps[:i:i], p.gaps[i+1:]...)
			return true
		}
	}
	return false
}

// enterBoot goes on to the lowest later boot whose first message continues what is held. After messages that were declared
// lost, no hash tells whether there is a boot in between: only the very next one is entered. A tracker that skips numbers then
// waits for its acks until it gives its oldest messages up, which is the safe side. That the boot ended with what was lost is
// taken from the order of arrival: a tracker sends its oldest message first, and MQTT keeps its messages in order.
func (p *position) enterBoot() bool {
	best := -1
	for i, s := range p.starts {
		lost := p.last == [32]byte{}
		continues := s.prev == [32]byte{} || p.boot > 0 && (!lost && s.prev == p.last || lost && s.boot == p.boot+1)
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
func (p *position) forget() {
	p.starts = slices.DeleteFunc(p.starts, func(s start) bool { return s.boot <= p.boot })
	p.gaps = slices.DeleteFunc(p.gaps, func(g gap) bool { return g.boot < p.boot || g.boot == p.boot && g.to < p.next })
}

// enterGap goes on to a later boot whose beginning the tracker has declared lost. Trackers give up their oldest messages
// first: when the beginning of a boot is lost, so is every older message that is not held here.
func (p *position) enterGap() bool {
	best := -1
	for i, g := range p.gaps {
		if g.boot > p.boot && g.from == 0 && (best < 0 || g.boot < p.gaps[best].boot) {
			best = i
		}
	}
	if best < 0 {
		return false
	}
	g := p.gaps[best]
	p.boot, p.next, p.last = g.boot, g.to+1, [32]byte{}
	p.gaps = append(p.gaps[:best:best], p.gaps[best+1:]...)
	return true
}

// ack is the newest message of the part without a hole; ok is false when there is none.
func (p *position) ack() (boot, seq uint64, ok bool) {
	if p.boot == 0 || p.next == 0 {
		return 0, 0, false
	}
	return p.boot, p.next - 1, true
}

func (p *position) append(b []byte) []byte {
	b = append(b, 1) // version
	for _, v := range []uint64{p.boot, p.next, p.maxBoot, p.high, uint64(p.bootMS), uint64(len(p.gaps)), uint64(len(p.starts))} {
		b = binary.AppendUvarint(b, v)
	}
	b = append(b, p.last[:]...)
	for _, g := range p.gaps {
		b = binary.AppendUvarint(binary.AppendUvarint(binary.AppendUvarint(b, g.boot), g.from), g.to)
	}
	for _, s := range p.starts {
		b = append(binary.AppendUvarint(b, s.boot), s.prev[:]...)
	}
	return b
}

var errState = errors.New("journal: state is damaged")

func decodePosition(b []byte) (*position, error) {
	if len(b) == 0 || b[0] != 1 {
		return nil, errState
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
	hash := func(h *[32]byte) {
		if len(b) < 32 {
			ok, b = false, nil
			return
		}
		b = b[copy(h[:], b):]
	}
	p := &position{boot: num(), next: num(), maxBoot: num(), high: num(), bootMS: int64(num())}
	gaps, starts := num(), num()
	hash(&p.last)
	for i := uint64(0); i < gaps && ok; i++ {
		p.gaps = append(p.gaps, gap{num(), num(), num()})
	}
	for i := uint64(0); i < starts && ok; i++ {
		s := start{boot: num()}
		hash(&s.prev)
		p.starts = append(p.starts, s)
	}
	if !ok || len(b) != 0 {
		return nil, errState
	}
	return p, nil
}
