// Package account compares what trackers know of their messages with what the system says it holds.
package account

import (
	"encoding/hex"
	"fmt"
	"sort"

	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/tracker-sim/internal/rest"
)

// Book is one side: every message that was signed, and which were acknowledged. Not safe for concurrent use.
type Book struct {
	sheets map[string]map[uint64]*sheet // by tracker and boot
}

// sheet is one boot of one tracker; seq indexes its entries.
type sheet struct {
	hashes []telemetry.Hash
	known  []bool
	acked  []bool
	seen   []uint8 // how often the system showed it, saturating
	logged []bool
	// byHash finds plain messages (boot 0), whose sequence the API does not show.
	byHash map[string]uint64
}

// NewBook returns an empty book.
func NewBook() *Book { return &Book{sheets: make(map[string]map[uint64]*sheet)} }

func (b *Book) sheet(tracker string, boot uint64) *sheet {
	boots := b.sheets[tracker]
	if boots == nil {
		boots = make(map[uint64]*sheet)
		b.sheets[tracker] = boots
	}
	s := boots[boot]
	if s == nil {
		s = &sheet{}
		boots[boot] = s
	}
	return s
}

func (s *sheet) grow(seq uint64) {
	for uint64(len(s.hashes)) <= seq {
		s.hashes = append(s.hashes, telemetry.Hash{})
		s.known = append(s.known, false)
		s.acked = append(s.acked, false)
		s.seen = append(s.seen, 0)
		s.logged = append(s.logged, false)
	}
}

// Sent enters a message that was signed and may have reached the broker.
func (b *Book) Sent(tracker string, p telemetry.Position, hash telemetry.Hash) {
	s := b.sheet(tracker, p.Boot)
	s.grow(p.Seq)
	s.hashes[p.Seq], s.known[p.Seq] = hash, true
	if p.Boot == 0 {
		if s.byHash == nil {
			s.byHash = make(map[string]uint64)
		}
		s.byHash[hex.EncodeToString(hash[:])] = p.Seq
	}
}

// Acked enters an acknowledgement by ingest. A message that was not entered as sent is entered.
func (b *Book) Acked(tracker string, p telemetry.Position, hash telemetry.Hash) {
	b.Sent(tracker, p, hash)
	b.sheet(tracker, p.Boot).acked[p.Seq] = true
}

// Report is the verdict over one set of messages.
type Report struct {
	Sent     int `json:"sent"`     // signed and queued
	Acked    int `json:"acked"`    // acknowledged by ingest
	Stored   int `json:"stored"`   // shown by the API, with the right bytes
	Logged   int `json:"logged"`   // of those, with a leaf
	Anchored int `json:"anchored"` // of those, below an accepted anchor
	Lost     int `json:"lost"`     // acknowledged, but not stored
	Unlogged int `json:"unlogged"` // acknowledged and stored, but without a leaf
	Doubled  int `json:"doubled"`  // stored more than once
	Phantom  int `json:"phantom"`  // stored, but never sent like this
	Earlier  int `json:"earlier"`  // of boots before those of the book: other runs
	// LeafErrors counts holes in logs, and leaves that are shown for two messages.
	LeafErrors int `json:"leaf_errors"`
	// Flags counts the reason codes that stored messages carry.
	Flags map[string]int `json:"flags"`
	// Findings name the first few of what is wrong.
	Findings []string `json:"findings,omitempty"`
}

// OK reports whether every acknowledged message is stored and logged exactly once, and nothing else is.
func (r Report) OK() bool {
	return r.Lost == 0 && r.Doubled == 0 && r.Phantom == 0 && r.Unlogged == 0 && r.LeafErrors == 0
}

// maxFindings bounds the list of a report.
const maxFindings = 20

func (r *Report) find(format string, args ...any) {
	if len(r.Findings) < maxFindings {
		r.Findings = append(r.Findings, fmt.Sprintf(format, args...))
	}
}

// Check starts a comparison; feed it every message that the system shows, then ask for the report.
func (b *Book) Check() *Check {
	for _, boots := range b.sheets {
		for _, s := range boots {
			clear(s.seen)
			clear(s.logged)
		}
	}
	return &Check{book: b, leaves: make(map[string]*leaves), report: Report{Flags: make(map[string]int)}}
}

// CheckShared is Check for messages picked out of logs that others write to as well: a leaf between ours may be theirs, so
// holes prove nothing.
func (b *Book) CheckShared() *Check {
	c := b.Check()
	c.shared = true
	return c
}

// Check is one comparison under way.
type Check struct {
	book   *Book
	shared bool
	leaves map[string]*leaves
	report Report
}

// leaves of one log: n distinct ones up to max leave no hole when n = max+1.
type leaves struct {
	n, max uint64
	seen   map[uint64]bool
}

// Message takes one message that the system shows.
func (c *Check) Message(m rest.Message) {
	r := &c.report
	l := c.leaves[m.Log]
	if l == nil {
		l = &leaves{seen: make(map[uint64]bool)}
		c.leaves[m.Log] = l
	}
	if !l.seen[m.Leaf] {
		l.seen[m.Leaf] = true
		l.n++
		l.max = max(l.max, m.Leaf)
	} else {
		r.LeafErrors++
		r.find("log %.16s: leaf %d is shown twice", m.Log, m.Leaf)
	}
	boots, ours := c.book.sheets[m.Tracker]
	if !ours {
		r.Phantom++
		r.find("tracker %s is not one of ours, message %d/%d", m.Tracker, m.Boot, m.Seq)
		return
	}
	s := boots[m.Boot]
	if m.Trust == rest.Unsigned && s != nil {
		seq, known := s.byHash[m.Hash]
		if !known {
			// Nothing orders plain messages: it may be of another run.
			r.Earlier++
			return
		}
		m.Seq = seq
	}
	if s == nil {
		if m.Boot < oldest(boots) {
			r.Earlier++
			return
		}
		r.Phantom++
		r.find("tracker %s: boot %d was never started", m.Tracker, m.Boot)
		return
	}
	if m.Seq >= uint64(len(s.hashes)) || !s.known[m.Seq] || hex.EncodeToString(s.hashes[m.Seq][:]) != m.Hash {
		r.Phantom++
		r.find("tracker %s message %d/%d: hash %.16s… was never sent", m.Tracker, m.Boot, m.Seq, m.Hash)
		return
	}
	if s.seen[m.Seq]++; s.seen[m.Seq] > 1 {
		r.Doubled++
		s.seen[m.Seq] = 2
		r.find("tracker %s message %d/%d is stored again at leaf %d", m.Tracker, m.Boot, m.Seq, m.Leaf)
		return
	}
	r.Stored++
	if rest.IsLogged(m.Status) {
		r.Logged++
		s.logged[m.Seq] = true
	}
	if rest.IsAnchored(m.Status) {
		r.Anchored++
	}
	for _, f := range m.Flags {
		r.Flags[f]++
	}
}

func oldest(boots map[uint64]*sheet) uint64 {
	least := ^uint64(0)
	for boot := range boots {
		least = min(least, boot)
	}
	return least
}

// Report ends the comparison.
func (c *Check) Report() Report {
	r := c.report
	trackers := make([]string, 0, len(c.book.sheets))
	for t := range c.book.sheets {
		trackers = append(trackers, t)
	}
	sort.Strings(trackers)
	for _, t := range trackers {
		for boot, s := range c.book.sheets[t] {
			for seq := range s.hashes {
				if !s.known[seq] {
					continue
				}
				r.Sent++
				if !s.acked[seq] {
					continue
				}
				r.Acked++
				switch {
				case s.seen[seq] == 0:
					r.Lost++
					r.find("tracker %s message %d/%d was acknowledged and is not stored", t, boot, seq)
				case !s.logged[seq]:
					r.Unlogged++
				}
			}
		}
	}
	for log, l := range c.leaves {
		if missing := l.max + 1 - l.n; missing > 0 && !c.shared {
			r.LeafErrors += int(missing)
			r.find("log %.16s: %d leaves below %d are missing", log, missing, l.max)
		}
	}
	return r
}
