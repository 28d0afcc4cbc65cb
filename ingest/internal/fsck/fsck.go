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
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/stored/audit"
	"github.com/trackseal/trackseal/internal/telemetry"
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
	Unproven int // what cannot be told
	Repaired int // points
	audit.Summary
}

// settle is how old an anchor must be for all that it covers to be in a store that is written to.
const settle = 60 * time.Second

// Run checks, repairs when it is asked to, and checks again. Its error is that something could not be asked.
func Run(ctx context.Context, cfg Config) (r Result, err error) {
	c := &check{Config: cfg}
	if cfg.StoreOnly {
		return c.rounds(ctx, 1)
	}
	var failed error // elsewhere than in the journal
	torn, err := journal.Torn(cfg.Dir)
	if err != nil {
		return r, err
	}
	for _, name := range torn {
		c.say(audit.Finding{What: audit.Unproven, Subject: "journal", Detail: name + " ends in a record that is not whole, which is passed over. A crash leaves such an end; if there was none, what was acknowledged last is gone"})
	}
	defer func() { r.Unproven = len(torn) }()
	err = journal.Read(cfg.Dir, func(db *journal.DB) error {
		life, err := db.Life()
		if err != nil {
			return err
		}
		c.db = db
		if c.state, err = sequence.Check(db, sequence.Config{Channel: cfg.Channel, Ingest: ledger.LifeID(cfg.ID, life)}, c.journalSays); err != nil {
			return err
		}
		r, failed = c.rounds(ctx, life)
		return nil
	})
	switch {
	case failed != nil:
		return r, failed
	case errors.Is(err, journal.ErrDamaged):
		c.journalSays(Table, "", err.Error()+": `ingest recover` goes on without it")
		if c.state == nil { // what is stored can be looked at all the same
			c.db = nil
			return c.rounds(ctx, 1)
		}
		r.Findings = c.found
		return r, nil
	}
	return r, err
}

type check struct {
	Config
	db      *journal.DB
	state   *sequence.State // nil without the journal
	agrees  bool            // the journal goes with the ledger
	lives   []*life
	sources map[string]*source // evidence by log

	// The life that is looked at.
	*life
	fits bool // it is the journal's, which agrees

	found   int // findings of this round, and of the journal
	journal int // findings of the journal
	todo    *todo
	heads   map[uint64]bool   // to mend
	gone    []stored.Place    // heads that must go
	entries map[uint64][]byte // of heads, as they follow from the journal and the leaves
	mended  int
}

// life of the instance: a heads log, and logs of its own.
type life struct {
	id      string
	anchors *anchors
}

// turn goes to one of them.
func (c *check) turn(l *life) {
	c.life = l
	c.fits = c.agrees && l == c.lives[len(c.lives)-1]
}

// begun finds the lives that there are: those up to the journal's, and any later one of which the ledger has an anchor.
func (c *check) begun(ctx context.Context, least int) error {
	for n := 1; n <= ledger.MaxLives; n++ {
		id := ledger.LifeID(c.ID, n)
		heads := anchor.HeadsID(c.Channel, id)
		l := &life{id, &anchors{ledger: c.Ledger, heads: audit.Text(heads)}}
		head, err := l.anchors.newest(ctx)
		if err != nil {
			return err
		}
		if n > least && head.Size == 0 {
			return nil
		}
		c.lives = append(c.lives, l)
	}
	return nil
}

// agree compares journal and ledger. Nothing is repaired from a journal that does not agree.
func (c *check) agree(ctx context.Context, life int) error {
	if c.state == nil {
		return nil
	}
	if len(c.lives) > life {
		c.journalSays(Journal, "", fmt.Sprintf("the ledger knows of life %d of this instance, the journal is of life %d: it is an old copy", len(c.lives), life))
		return nil
	}
	c.turn(c.lives[life-1])
	head, err := c.anchors.newest(ctx)
	if err != nil {
		return err
	}
	if !c.state.Sound {
		return nil
	}
	place, err := c.state.PlaceOf(head.Size, head.Root)
	switch {
	case err != nil:
		c.journalSays(Journal, "heads log", err.Error())
	case place == sequence.Older:
		return fmt.Errorf("the peer is behind: it answers a head of size %d, and the journal knows of newer ones", head.Size)
	case place == sequence.Foreign:
		c.journalSays(Journal, "", fmt.Sprintf("the ledger's newest anchor has size %d, the journal's %d: it is an old copy, or another ingest has this id; put the newest journal back, or run `ingest recover`", head.Size, c.state.Last.Size))
	default:
		c.agrees = true
		return c.nodes(ctx)
	}
	return nil
}

func (c *check) journalSays(what, of, detail string) {
	c.journal++
	c.say(audit.Finding{What: what, Subject: of, Detail: detail})
}

func (c *check) say(f audit.Finding) {
	if f.What != audit.Unproven {
		c.found++
	}
	c.Say(f)
}

// rounds looks once, and when something was repaired once more.
func (c *check) rounds(ctx context.Context, life int) (r Result, err error) {
	c.lives = nil
	if err := c.begun(ctx, life); err != nil {
		return r, err
	}
	if err := c.agree(ctx, life); err != nil {
		return r, err
	}
	if err := c.evidence(ctx); err != nil {
		return r, err
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
			c.agrees = false
			c.journalSays(Journal, "heads log", fmt.Sprintf("its first %d leaves do not have the root of the ledger's anchor", size))
			return nil
		}
	}
	return nil
}

// round looks at each life once.
func (c *check) round(ctx context.Context, repair bool) (all audit.Summary, err error) {
	for _, l := range c.lives {
		c.turn(l)
		s, err := c.one(ctx, repair)
		if err != nil {
			return all, err
		}
		all.Heads, all.Logs, all.Messages, all.Beyond = all.Heads+s.Heads, all.Logs+s.Logs, all.Messages+s.Messages, all.Beyond+s.Beyond
	}
	if c.fits {
		err = c.seen(ctx)
	}
	return all, err
}

func (c *check) one(ctx context.Context, repair bool) (audit.Summary, error) {
	c.heads, c.gone, c.todo, c.entries = map[uint64]bool{}, nil, &todo{}, map[uint64][]byte{}
	j := audit.Job{Store: c.Store, Heads: c.anchors.heads, Ingest: c.id, Earlier: ledger.Lives(c.id), Anchors: c.anchors, All: true, Live: c.state == nil, Say: func(f audit.Finding) { c.note(f); c.say(f) }}
	if j.Live {
		c.anchors.before = c.Now().Add(-settle).UnixMilli()
	}
	if c.fits {
		j.Queued, j.Tail, j.State, j.Sizes = c.state.Heads, c.tail, c.logAt, c.headSize
		for id, l := range c.state.Logs {
			if l.Ingest == c.id {
				j.Known = append(j.Known, hex.EncodeToString(id[:]))
			}
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
	if err == nil && repair {
		err = c.mendHeads(ctx)
	}
	return s, err
}

func (c *check) whose(log string) (of audit.Log, ok bool) {
	l, ok := c.at(log)
	switch {
	case !ok || l.Ingest != c.id:
		return of, false
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
	ok = ok && l.Ingest == c.id
	return anchor.HeadLeaf{Size: l.Size, Root: l.Root}, ok
}

// headSize is where the journal's newest head of a log was made.
func (c *check) headSize(log string) []uint64 {
	l, _ := c.at(log)
	return []uint64{l.HeadSize}
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
	var held map[telemetry.Position]bool
	var failed error
	err := c.db.Scan(journal.SeenPrefix, func(key, _ []byte) error {
		of, boot, seq, ok := journal.RepeatPlace(key)
		if !ok {
			return nil
		}
		if held == nil || of != tracker {
			tracker, held = of, maps.Clone(c.state.Places[of])
			if held == nil {
				held = map[telemetry.Position]bool{}
			}
			if failed = c.Store.Places(ctx, of, func(boot, seq uint64) { held[telemetry.Position{Boot: boot, Seq: seq}] = true }); failed != nil {
				return failed
			}
		}
		if !held[telemetry.Position{Boot: boot, Seq: seq}] {
			c.say(audit.Finding{What: Message, Tracker: tracker, Detail: fmt.Sprintf("boot %d, seq %d was acknowledged and is neither in the store nor on its way", boot, seq)})
		}
		return nil
	})
	if failed == nil && err != nil {
		return nil // a table that cannot be read is a finding already
	}
	return failed
}
