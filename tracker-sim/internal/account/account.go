// Package account compares what trackers know of their messages with what the system says it holds.
package account

import (
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/trackseal/trackseal/internal/client"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/tracker-sim/internal/device"
)

// Book is one side: every message that was signed, and which were acknowledged. Not safe for concurrent use.
type Book struct {
	boots map[string]map[uint64][]entry // by tracker and boot; seq indexes the entries
	// plain finds messages of trackers that cannot sign (boot 0), whose sequence the API does not show.
	plain map[telemetry.Hash]uint64
}

type entry struct {
	hash         telemetry.Hash
	known, acked bool
	seen, logged bool // what the system showed
}

// NewBook returns an empty book.
func NewBook() *Book {
	return &Book{boots: make(map[string]map[uint64][]entry), plain: make(map[telemetry.Hash]uint64)}
}

// Sent enters a message that was signed and may have reached the broker.
func (b *Book) Sent(tracker string, p telemetry.Position, hash telemetry.Hash) {
	b.enter(tracker, p, hash)
}

// Acked enters an acknowledgement by ingest. A message that was not entered as sent is entered.
func (b *Book) Acked(tracker string, p telemetry.Position, hash telemetry.Hash) {
	b.enter(tracker, p, hash).acked = true
}

func (b *Book) enter(tracker string, p telemetry.Position, hash telemetry.Hash) *entry {
	boots := b.boots[tracker]
	if boots == nil {
		boots = make(map[uint64][]entry)
		b.boots[tracker] = boots
	}
	for uint64(len(boots[p.Boot])) <= p.Seq {
		boots[p.Boot] = append(boots[p.Boot], entry{})
	}
	if p.Boot == 0 {
		b.plain[hash] = p.Seq
	}
	e := &boots[p.Boot][p.Seq]
	e.hash, e.known = hash, true
	return e
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

// Check starts a comparison; feed it every message that the system shows, then ask for the report. With shared, the messages
// are picked out of logs that others write to as well: a leaf between ours may be theirs, so holes prove nothing.
func (b *Book) Check(shared bool) *Check {
	for _, boots := range b.boots {
		for _, entries := range boots {
			for i := range entries {
				entries[i].seen, entries[i].logged = false, false
			}
		}
	}
	return &Check{book: b, shared: shared, leaves: make(map[string]*leaves), report: Report{Flags: make(map[string]int)}}
}

// Check is one comparison under way.
type Check struct {
	book   *Book
	shared bool
	leaves map[string]*leaves
	report Report
}

// leaves of one log: as many distinct ones as the newest's number plus one leave no hole.
type leaves struct {
	newest int64
	seen   map[int64]bool
}

// Message takes one message that the system shows.
func (c *Check) Message(m client.Message) {
	r := &c.report
	l := c.leaves[m.Log]
	if l == nil {
		l = &leaves{seen: make(map[int64]bool)}
		c.leaves[m.Log] = l
	}
	if l.seen[m.Leaf] {
		r.LeafErrors++
		r.find("log %.16s: leaf %d is shown twice", m.Log, m.Leaf)
	}
	l.seen[m.Leaf], l.newest = true, max(l.newest, m.Leaf)
	boots, ours := c.book.boots[m.Tracker]
	if !ours {
		r.Phantom++
		r.find("tracker %s is not one of ours, message %d/%d", m.Tracker, m.Boot, m.Seq)
		return
	}
	var hash telemetry.Hash
	raw, err := hex.DecodeString(m.Hash)
	copy(hash[:], raw)
	entries, seq := boots[uint64(m.Boot)], uint64(m.Seq)
	if m.Trust == "unsigned" && entries != nil {
		var known bool
		if seq, known = c.book.plain[hash]; !known {
			r.Earlier++ // nothing orders plain messages: it may be of another run
			return
		}
	}
	switch {
	case entries == nil && uint64(m.Boot) < slices.Min(slices.Collect(maps.Keys(boots))):
		r.Earlier++
		return
	case entries == nil:
		r.Phantom++
		r.find("tracker %s: boot %d was never started", m.Tracker, m.Boot)
		return
	case err != nil || len(raw) != len(hash) || seq >= uint64(len(entries)) || !entries[seq].known || entries[seq].hash != hash:
		r.Phantom++
		r.find("tracker %s message %d/%d: hash %.16s… was never sent", m.Tracker, m.Boot, seq, m.Hash)
		return
	case entries[seq].seen:
		r.Doubled++
		r.find("tracker %s message %d/%d is stored again at leaf %d", m.Tracker, m.Boot, seq, m.Leaf)
		return
	}
	e := &entries[seq]
	e.seen = true
	r.Stored++
	if e.logged = m.Status == "logged" || m.Status == "anchored"; e.logged {
		r.Logged++
	}
	if m.Status == "anchored" {
		r.Anchored++
	}
	for _, f := range m.Flags {
		r.Flags[f]++
	}
}

// Report ends the comparison.
func (c *Check) Report() Report {
	r := c.report
	for _, tracker := range slices.Sorted(maps.Keys(c.book.boots)) {
		for boot, entries := range c.book.boots[tracker] {
			for seq, e := range entries {
				if e.known {
					r.Sent++
				}
				switch {
				case !e.acked:
					continue
				case !e.seen:
					r.Lost++
					r.find("tracker %s message %d/%d was acknowledged and is not stored", tracker, boot, seq)
				case !e.logged:
					r.Unlogged++
				}
				r.Acked++
			}
		}
	}
	for log, l := range c.leaves {
		if missing := int(l.newest) + 1 - len(l.seen); missing > 0 && !c.shared {
			r.LeafErrors += missing
			r.find("log %.16s: %d leaves below %d are missing", log, missing, l.newest)
		}
	}
	return r
}

// Settle compares again and again until done, or until the bound is over. What is stored twice or was never sent stays wrong, so
// that ends it at once.
func Settle(ctx context.Context, bound time.Duration, compare func() (Report, error), done func(Report) bool) (Report, error) {
	deadline := time.Now().Add(bound)
	for {
		r, err := compare()
		over := time.Now().After(deadline) || ctx.Err() != nil
		if over || err == nil && (done(r) || r.Doubled > 0 || r.Phantom > 0) {
			return r, err
		}
		if !device.Pause(ctx, time.Second) {
			return r, ctx.Err()
		}
	}
}
