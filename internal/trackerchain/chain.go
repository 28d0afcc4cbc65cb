package trackerchain

import (
	"bytes"
	"cmp"
	"fmt"

	"github.com/trackseal/trackseal/internal/telemetry"
)

// Link is a signed message's place in its tracker's chain.
type Link struct {
	Boot, Seq  uint64
	Hash, Prev telemetry.Hash
	TimeMS     int64                // signed
	Gap        *telemetry.GapDetail // what it declares lost
}

// LinkOf reads a message.
func LinkOf(m *telemetry.Message) Link {
	return Link{m.Boot, m.Seq, m.COSEHash, m.Prev, m.TimeMS, m.Gap}
}

// Compare orders links by boot and sequence number; arrival has no part in it.
func Compare(a, b *Link) int {
	return cmp.Or(cmp.Compare(a.Boot, b.Boot), cmp.Compare(a.Seq, b.Seq), bytes.Compare(a.Hash[:], b.Hash[:]))
}

func samePlace(a, b *Link) bool { return a.Boot == b.Boot && a.Seq == b.Seq }

// Chain judges the messages of one tracker that are there, all of them.
type Chain struct {
	n    int
	link func(i int) *Link
	lost []telemetry.GapDetail
	at   map[telemetry.Hash]int // made when somebody asks for it
}

// NewChain takes n links in the order of Compare.
func NewChain(n int, link func(i int) *Link) *Chain {
	c := &Chain{n: n, link: link}
	for i := range n {
		if g := link(i).Gap; g != nil {
			c.lost = append(c.lost, *g)
		}
	}
	return c
}

// Step is what a message is to the one before it.
type Step struct {
	// Word is empty when the message follows, or duplicate, fork, seq_gap, gap_declared, chain_break, boot_regress or reboot.
	Word telemetry.Reason
	Lost uint64 // messages between the two that the tracker declared lost
	Next int    // boot_regress: the later message that it names as the one before it
}

// Step judges message i, from 1 on.
//
// Within a boot the numbers tell what is missing. How many messages a boot had, only the chain tells: a later boot follows when its
// first message names the last one before it. Links decide nothing else: where a number is missing, a link over it does not make it good.
func (c *Chain) Step(i int) Step {
	a, b := c.link(i-1), c.link(i)
	if samePlace(a, b) {
		if a.Hash == b.Hash {
			return Step{Word: telemetry.Duplicate}
		}
		return Step{Word: telemetry.Fork}
	}
	linked := b.Prev == a.Hash
	for j := i - 2; !linked && j >= 0 && samePlace(c.link(j), a); j-- { // of a fork, either may be the one that goes on
		linked = b.Prev == c.link(j).Hash
	}
	switch {
	case b.Boot == a.Boot && b.Seq == a.Seq+1:
		if !linked {
			return c.unlinked(b, i, telemetry.ChainBreak, 0)
		}
		return Step{}
	case b.Boot == a.Boot:
		if !c.declared(a.Boot, a.Seq+1, b.Seq-1) {
			return Step{Word: telemetry.SeqGap}
		}
		return Step{Word: telemetry.GapDeclared, Lost: b.Seq - 1 - a.Seq}
	case b.Seq > 0 && !c.declared(b.Boot, 0, b.Seq-1):
		return Step{Word: telemetry.SeqGap}
	case !linked && !c.declared(a.Boot, a.Seq+1, a.Seq+1):
		if b.Prev == (telemetry.Hash{}) {
			return Step{Word: telemetry.ChainBreak, Lost: b.Seq}
		}
		return c.unlinked(b, i, telemetry.SeqGap, b.Seq)
	}
	return Step{Word: telemetry.Reboot, Lost: b.Seq}
}

// unlinked tells a message that names a later one (the tracker's counters went back) from one whose predecessor is not there.
func (c *Chain) unlinked(b *Link, i int, word telemetry.Reason, lost uint64) Step {
	if c.at == nil {
		c.at = make(map[telemetry.Hash]int, c.n)
		for j := range c.n {
			c.at[c.link(j).Hash] = j
		}
	}
	if j, ok := c.at[b.Prev]; ok && j > i {
		return Step{Word: telemetry.BootRegress, Lost: lost, Next: j}
	}
	return Step{Word: word, Lost: lost}
}

// declared reports whether every place of a boot from ... to was declared lost.
func (c *Chain) declared(boot, from, to uint64) bool {
	for from <= to {
		next := from
		for _, g := range c.lost {
			if g.Holds(boot, next) {
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

// Between names the messages that lie between two, in words.
func Between(a, b *Link) string {
	switch {
	case a.Boot == b.Boot:
		return fmt.Sprintf("messages of boot %d from seq %d to %d", a.Boot, a.Seq+1, b.Seq-1)
	case b.Seq == 0:
		return fmt.Sprintf("messages at the end of boot %d, after seq %d,", a.Boot, a.Seq)
	}
	return fmt.Sprintf("messages after boot %d seq %d and before boot %d seq %d", a.Boot, a.Seq, b.Boot, b.Seq)
}
