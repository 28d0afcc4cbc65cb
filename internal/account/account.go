// Package account compares what trackers know of their messages with what the system says it holds.
package account

import (
	"context"
	"encoding/hex"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/trackseal/trackseal/internal/client"
	"github.com/trackseal/trackseal/internal/service"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// Book is one side: every message that was signed, and which were acknowledged. Not safe for concurrent use.
type Book struct {
	messages map[telemetry.Hash]*entry
	boots    map[string]uint64 // the first boot of each tracker
}

type entry struct {
	tracker      string
	pos          telemetry.Position
	acked        bool
	seen, logged bool // what the system showed
}

// NewBook returns an empty book.
func NewBook() *Book {
	return &Book{messages: make(map[telemetry.Hash]*entry), boots: make(map[string]uint64)}
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
	if first, known := b.boots[tracker]; !known || p.Boot < first {
		b.boots[tracker] = p.Boot
	}
	e := b.messages[hash]
	if e == nil {
		e = &entry{tracker: tracker, pos: p}
		b.messages[hash] = e
	}
	return e
}

// Message is one that was signed.
type Message struct {
	Tracker string
	telemetry.Position
	Hash  telemetry.Hash
	Acked bool // by ingest
}

// Messages are all that the book has, in no order.
func (b *Book) Messages() iter.Seq[Message] {
	return func(yield func(Message) bool) {
		for hash, e := range b.messages {
			if !yield(Message{e.tracker, e.pos, hash, e.acked}) {
				return
			}
		}
	}
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
	for _, e := range b.messages {
		e.seen, e.logged = false, false
	}
	return &Check{book: b, shared: shared, leaves: make(map[string]map[int64]bool), report: Report{Flags: make(map[string]int)}}
}

// Check is one comparison under way.
type Check struct {
	book   *Book
	shared bool
	leaves map[string]map[int64]bool // that were shown, by log
	report Report
}

// Message takes one message that the system shows.
func (c *Check) Message(m client.Message) {
	r := &c.report
	if c.leaves[m.Log] == nil {
		c.leaves[m.Log] = make(map[int64]bool)
	}
	if c.leaves[m.Log][m.Leaf] {
		r.LeafErrors++
		r.find("log %.16s: leaf %d is shown twice", m.Log, m.Leaf)
	}
	c.leaves[m.Log][m.Leaf] = true
	first, ours := c.book.boots[m.Tracker]
	if !ours {
		r.Phantom++
		r.find("tracker %s is not one of ours, message %d/%d", m.Tracker, m.Boot, m.Seq)
		return
	}
	var hash telemetry.Hash
	raw, err := hex.DecodeString(m.Hash)
	if err == nil && len(raw) == len(hash) {
		hash = telemetry.Hash(raw)
	}
	e := c.book.messages[hash]
	unsigned := m.Trust == "unsigned" // such a tracker has no boots, and the API does not show its sequence
	pos := telemetry.Position{Boot: uint64(m.Boot), Seq: uint64(m.Seq)}
	switch {
	case e == nil && unsigned || pos.Boot < first:
		r.Earlier++ // nothing orders plain messages: one that is not known may be of another run
		return
	case e == nil || e.tracker != m.Tracker || e.pos != pos && !unsigned:
		r.Phantom++
		r.find("tracker %s message %d/%d: hash %.16s… was never sent", m.Tracker, m.Boot, m.Seq, m.Hash)
		return
	case e.seen:
		r.Doubled++
		r.find("tracker %s message %d/%d is stored again at leaf %d", m.Tracker, e.pos.Boot, e.pos.Seq, m.Leaf)
		return
	}
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
	r.Sent = len(c.book.messages)
	var lost []string
	for _, e := range c.book.messages {
		switch {
		case !e.acked:
			continue
		case !e.seen:
			lost = append(lost, fmt.Sprintf("tracker %s message %d/%d was acknowledged and is not stored", e.tracker, e.pos.Boot, e.pos.Seq))
		case !e.logged:
			r.Unlogged++
		}
		r.Acked++
	}
	r.Lost = len(lost)
	slices.Sort(lost)
	r.Findings = append(r.Findings, lost[:min(len(lost), maxFindings-len(r.Findings))]...)
	for log, seen := range c.leaves {
		newest := slices.Max(slices.Collect(maps.Keys(seen)))
		if missing := int(newest) + 1 - len(seen); missing > 0 && !c.shared {
			r.LeafErrors += missing
			r.find("log %.16s: %d leaves below %d are missing", log, missing, newest)
		}
	}
	return r
}

// Settle checks the book against what the system shows again and again until done, or until the bound is over. What is stored
// twice or was never sent stays wrong, so that ends it at once.
func (b *Book) Settle(
	ctx context.Context, bound time.Duration, shared bool, shown iter.Seq2[client.Message, error], done func(Report) bool,
) (Report, error) {
	deadline := time.Now().Add(bound)
	for {
		r, err := b.compare(shared, shown)
		over := time.Now().After(deadline) || ctx.Err() != nil
		if over || err == nil && (done(r) || r.Doubled > 0 || r.Phantom > 0) {
			return r, err
		}
		if !service.Pause(ctx, time.Second) {
			return r, ctx.Err()
		}
	}
}

func (b *Book) compare(shared bool, shown iter.Seq2[client.Message, error]) (Report, error) {
	check := b.Check(shared)
	for m, err := range shown {
		if err != nil {
			return check.Report(), err
		}
		check.Message(m)
	}
	return check.Report(), nil
}
