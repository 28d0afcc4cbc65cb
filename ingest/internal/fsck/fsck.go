// Package fsck compares what an ingest instance has, in its journal and in its store, with what the ledger has anchored, names what differs,
// and mends it from what is intact: messages from the journal's queue or a party's evidence, readings from messages, heads from the journal.
package fsck

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/trackseal/trackseal/ingest/internal/journal"
	"github.com/trackseal/trackseal/ingest/internal/sequence"
	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/stored/audit"
)

// What the journal adds to the words of package audit.
const (
	Table   = "table"   // Pebble cannot read a part of the journal
	Journal = "journal" // its states contradict one another, or the ledger
	Queue   = "queue"   // what waits for InfluxDB has holes
	Message = "message" // the journal acknowledged it, and it is in no store
)

// Store is InfluxDB.
type Store interface {
	audit.Whole
	NewBatch() stored.Batch
	Places(ctx context.Context, tracker string, fn func(boot, seq uint64)) error
	Delete(ctx context.Context, points []stored.Place) error
}

// Ledger has the anchors.
type Ledger interface {
	Evaluate(ctx context.Context, fn string, arg any) ([]byte, error)
	TxStatus(ctx context.Context, txID string) (found bool, code int32, block uint64, err error)
}

// Config of one run.
type Config struct {
	ID      string // of the instance
	Channel string
	Dir     string // the journal's
	Store   Store
	Ledger  Ledger
	// StoreOnly leaves the journal alone, so that ingest may run meanwhile.
	StoreOnly bool
	Repair    bool
	From      []string // evidence bundles to repair from
	Now       func() time.Time
	Say       func(audit.Finding)
	Did       func(what string) // a line about what was done, or is about to be
}

// Result of a run.
type Result struct {
	Findings int // that are left
	Repaired int // points
	audit.Summary
}

// settle is how old an anchor must be for all that it covers to be in a store that is written to.
const settle = 60 * time.Second

// Run checks, repairs when it is asked to, and checks again. Its error is that something could not be asked.
func Run(ctx context.Context, cfg Config) (Result, error) {
	c := &check{Config: cfg, anchors: &anchors{ledger: cfg.Ledger, heads: headsID(cfg.Channel, cfg.ID)}}
	if cfg.StoreOnly {
		return c.rounds(ctx)
	}
	var r Result
	var stored error
	err := journal.Read(cfg.Dir, func(db *journal.DB) (err error) {
		c.db = db
		if c.state, err = sequence.Check(db, sequence.Config{Channel: cfg.Channel, Ingest: cfg.ID}, c.journalSays); err != nil {
			return err
		}
		r, stored = c.rounds(ctx)
		return nil
	})
	switch {
	case stored != nil:
		return r, stored
	case errors.Is(err, journal.ErrDamaged):
		c.say(audit.Finding{What: Table, Detail: err.Error() + ": `ingest recover` goes on without it"})
		if c.state == nil { // what is stored can be looked at all the same
			c.db = nil
			return c.rounds(ctx)
		}
		r.Findings = c.found
		return r, nil
	}
	return r, err
}

func headsID(channel, ingest string) string {
	id := anchor.HeadsID(channel, ingest)
	return hex.EncodeToString(id[:])
}

type check struct {
	Config
	db      *journal.DB
	state   *sequence.State // nil without the journal
	fits    bool            // the journal goes with the ledger
	anchors *anchors
	sources map[string]*source // evidence by log

	found   int // findings of this round, and of the journal
	journal int // findings of the journal
	todo    *todo
	heads   map[uint64]bool // to mend
	gone    []stored.Place  // heads that must go
	mended  int
}

func (c *check) journalSays(what, of, detail string) {
	c.journal++
	c.say(audit.Finding{What: what, Subject: of, Detail: detail})
}

func (c *check) say(f audit.Finding) {
	c.found++
	c.Say(f)
}

// rounds looks once, and when something was repaired once more.
func (c *check) rounds(ctx context.Context) (r Result, err error) {
	if c.sources, err = c.evidence(ctx); err != nil {
		return r, err
	}
	head, err := c.anchors.newest(ctx)
	if err != nil {
		return r, err
	}
	if c.state != nil {
		c.fits = c.state.Sound
		if err := c.state.Fits(head); err != nil {
			c.fits = false
			c.journalSays(Journal, "", err.Error()+": it is an old copy, or another ingest has this id. Nothing is repaired from it; `ingest recover` goes on in a new life")
		} else if c.state.Sound {
			if err := c.nodes(ctx); err != nil {
				return r, err
			}
		}
	}
	r.Summary, err = c.round(ctx, c.Repair)
	for again := 1; err == nil && c.Repair && c.mended > r.Repaired; again++ {
		c.Did(fmt.Sprintf("%d points written or taken away; looking again", c.mended-r.Repaired))
		r.Repaired, c.found = c.mended, c.journal
		r.Summary, err = c.round(ctx, again < maxRepairs)
	}
	r.Findings, r.Repaired = c.found, c.mended
	return r, err
}

// maxRepairs in one run: what was mended may show what it had hidden.
const maxRepairs = 3

// nodes compares the journal's heads log with every anchor that the ledger has of it.
func (c *check) nodes(ctx context.Context) error {
	if err := c.anchors.load(ctx); err != nil {
		return err
	}
	for _, size := range slices.Sorted(maps.Keys(c.anchors.all)) {
		root, err := c.rootAt(size)
		if err != nil || root != c.anchors.all[size].Root {
			c.fits = false
			c.journalSays(Journal, "heads log", fmt.Sprintf("its first %d leaves do not have the root of the ledger's anchor", size))
			return nil
		}
	}
	return nil
}

func (c *check) round(ctx context.Context, repair bool) (audit.Summary, error) {
	c.heads, c.gone, c.todo = map[uint64]bool{}, nil, &todo{}
	live := c.state == nil
	j := audit.Job{Store: c.Store, Heads: c.anchors.heads, Ingest: c.ID, Anchors: c.anchors, All: true, Live: live, Say: func(f audit.Finding) { c.note(f); c.say(f) }}
	if live {
		c.anchors.before = c.Now().Add(-settle).UnixMilli()
	}
	if c.fits {
		j.Queued, j.Tail, j.State = c.state.Heads, c.tail, c.logAt
		for id := range c.state.Logs {
			j.Known = append(j.Known, hex.EncodeToString(id[:]))
		}
		slices.Sort(j.Known)
	}
	if c.state != nil {
		j.Whose = c.whose
	}
	if repair {
		j.Done = c.mendLog
	}
	s, err := j.Run(ctx)
	if err != nil {
		return s, err
	}
	if c.fits {
		if err := c.seen(ctx); err != nil {
			return s, err
		}
	}
	if repair {
		return s, c.mendHeads(ctx)
	}
	return s, nil
}

func (c *check) whose(log string) (of audit.Log, ok bool) {
	l, ok := c.at(log)
	switch {
	case !ok:
	case l.Kind == anchor.Shipment:
		of.Shipment = l.Subject
	default:
		of.Tracker = l.Subject
	}
	return of, ok
}

func (c *check) at(log string) (sequence.LogAt, bool) {
	id, err := hex.DecodeString(log)
	if err != nil || len(id) != 32 {
		return sequence.LogAt{}, false
	}
	l, ok := c.state.Logs[[32]byte(id)]
	return l, ok
}

// logAt is a log's state as the journal has it, which its last batch left.
func (c *check) logAt(log string) (leaf anchor.HeadLeaf, ok bool) {
	l, ok := c.at(log)
	return anchor.HeadLeaf{Size: l.Size, Root: l.Root}, ok
}

// tail goes on behind what is stored of a log with what waits for the store.
func (c *check) tail(_ context.Context, w *audit.Walk) error {
	return c.waiting(w.Log.ID, func(m *journal.Message) {
		if m.Leaf < w.Next {
			return // stored, and not forgotten yet
		}
		w.Missing(w.Next, m.Leaf)
		w.Extend(m.Entry)
	})
}

func (c *check) waiting(log string, fn func(*journal.Message)) error {
	id, err := hex.DecodeString(log)
	if err != nil || len(id) != 32 || c.state == nil {
		return nil
	}
	for _, n := range c.state.Waiting[[32]byte(id)] {
		body, err := c.db.Record(n)
		if err != nil || len(body) == 0 {
			return errors.Join(err, fmt.Errorf("queue record %d is gone", n))
		}
		m, err := journal.DecodeMessage(body[1:])
		if err != nil {
			return err
		}
		fn(&m)
	}
	return nil
}

// seen looks in the store for every signed message that the journal recognises as held.
func (c *check) seen(ctx context.Context) error {
	var tracker string
	var held map[sequence.Place]bool
	var failed error
	err := c.db.Scan(journal.SeenPrefix, func(key, _ []byte) error {
		of, boot, seq, ok := journal.RepeatPlace(key)
		if !ok {
			return nil
		}
		if held == nil || of != tracker {
			tracker, held = of, maps.Clone(c.state.Places[of])
			if held == nil {
				held = map[sequence.Place]bool{}
			}
			if failed = c.Store.Places(ctx, of, func(boot, seq uint64) { held[sequence.Place{Boot: boot, Seq: seq}] = true }); failed != nil {
				return failed
			}
		}
		if !held[sequence.Place{Boot: boot, Seq: seq}] {
			c.say(audit.Finding{What: Message, Tracker: tracker, Detail: fmt.Sprintf("boot %d, seq %d was acknowledged and is neither in the store nor on its way", boot, seq)})
		}
		return nil
	})
	if failed == nil && err != nil {
		return nil // a table that cannot be read is a finding already
	}
	return failed
}
