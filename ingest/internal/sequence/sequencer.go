// Package sequence gives every accepted message its place: in its tracker's chain, in a log, and in the queue to InfluxDB.
// One synced batch of the journal makes all of it durable. It decides what is a duplicate, what is missing, and what an
// application ack may say.
package sequence

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/trackseal/trackseal/ingest/internal/journal"
	"github.com/trackseal/trackseal/ingest/internal/message"
	"github.com/trackseal/trackseal/ingest/internal/recent"
	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/merkle"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/internal/trackerchain"
)

var (
	flagLate       = journal.Flag(telemetry.Late)
	flagFork       = journal.Flag(telemetry.Fork)
	flagAfterClose = journal.Flag(telemetry.AfterClose)
	flagUnassigned = journal.Flag(telemetry.Unassigned)
)

// lateMS: a message signed longer ago than this when it is received is flagged late.
const lateMS = 15 * 60 * 1000

// Config names the logs.
type Config struct {
	Channel string
	Ingest  string
	// Keep is how many trackers and logs are in memory, in each of two generations; 0 = 16,384. The others are read from the journal
	// when they are needed.
	Keep int
}

// Ack is what may be told to a tracker after a commit.
type Ack struct {
	Tracker   string
	Boot, Seq uint64
	JSONSeq   *uint64
}

// Sequencer owns the state of trackers and logs. Safe for concurrent use; one Apply runs at a time.
type Sequencer struct {
	cfg     Config
	db      *journal.DB
	headsID string

	mu sync.Mutex
	// What was used last. Between two batches all of it is as the journal has it; within one nothing is forgotten.
	trackers *recent.Cache[string, *trackerchain.Progress]
	counters *recent.Cache[string, lastCount]
	logs     *recent.Cache[[32]byte, *logState]
	ids      *recent.Cache[string, [32]byte] // subject -> log id, so that it is hashed once
	sealed   *recent.Cache[string, bool]     // shipment -> whether its logs have ended here
	dirty    map[[32]byte]*logState          // the heads log does not know their present state
	heads    headsLog
	pending  *Pending

	// The batch under way.
	fresh      map[seen][32]byte
	freshForks map[fork]bool
	freshPlain map[fork]int64
	freshNamed map[fork]bool
	touched    map[string]*trackerchain.Progress
	counted    map[string]lastCount
	leaves     uint64 // as many as messages, or more: one of several shipments has several
	grown      map[[32]byte]*logState
	keyBuf     []byte
	valueBuf   []byte

	logged, duplicates, rejected, anchored atomic.Uint64
	growth                                 atomic.Uint64 // leaves since the last prepared anchor
	unanchored                             atomic.Uint64 // leaves that no valid anchor covers
	waiting                                atomic.Int64  // receipt of the oldest of them, ms; 0 = none
	last                                   atomic.Pointer[Anchored]
}

type seen struct {
	tracker   string
	boot, seq uint64
}

type fork struct {
	tracker string
	hash    [32]byte
}

// Open recovers the state: it is what the last commit left.
func Open(db *journal.DB, cfg Config) (*Sequencer, error) {
	id := anchor.HeadsID(cfg.Channel, cfg.Ingest)
	s := &Sequencer{cfg: cfg, db: db, headsID: hex.EncodeToString(id[:])}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s, s.reset()
}

// reset forgets everything in memory and reads what has to be known from the start. It is the recovery after a crash and
// after a failed commit alike.
func (s *Sequencer) reset() error {
	keep := cmp.Or(s.cfg.Keep, 1<<14)
	s.trackers, s.logs = recent.New[string, *trackerchain.Progress](keep), recent.New[[32]byte, *logState](keep)
	s.counters = recent.New[string, lastCount](keep)
	s.ids, s.sealed = recent.New[string, [32]byte](keep), recent.New[string, bool](keep)
	s.dirty = map[[32]byte]*logState{}
	s.clearBatch()
	var growth, unanchored uint64
	if err := s.db.Scan(journal.LogPrefix, func(key, value []byte) error {
		l, err := decodeLog([32]byte(key[1:]), value)
		if err != nil {
			return fmt.Errorf("log %x: %w", key[1:], err)
		}
		unanchored += l.log.Size() - l.Anchored
		if l.dirty() {
			s.dirty[l.id] = l
			growth += l.log.Size() - l.Headed
		}
		return nil
	}); err != nil {
		return err
	}
	s.growth.Store(growth)
	s.unanchored.Store(unanchored)
	return s.loadHeads()
}

// turn lets go of what has not been used for long. Not within a batch: its positions and logs are in memory only.
func (s *Sequencer) turn() {
	s.trackers.Turn()
	s.counters.Turn()
	s.logs.Turn()
	s.ids.Turn()
	s.sealed.Turn()
}

func (s *Sequencer) clearBatch() {
	s.fresh, s.freshForks, s.freshPlain, s.freshNamed = map[seen][32]byte{}, map[fork]bool{}, map[fork]int64{}, map[fork]bool{}
	s.leaves, s.counted = 0, map[string]lastCount{}
	s.touched, s.grown = map[string]*trackerchain.Progress{}, map[[32]byte]*logState{}
}

// Apply places the items and makes them durable together. When it returns nil every item is either in the journal or a
// duplicate of one that is, and may be acknowledged; acks holds one entry per tracker. On an error nothing may be
// acknowledged, and the same items can be applied again: those that did get into the journal are then duplicates.
func (s *Sequencer) Apply(items []*message.Item) (acks []Ack, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() {
		s.clearBatch()
		if err != nil {
			// Memory may be ahead of the disk: go back to what the disk says.
			err = errors.Join(err, s.reset())
		}
		s.turn()
	}()
	batch := s.db.Begin()
	var logged, duplicates, rejected uint64
	for _, it := range items {
		if err := s.place(batch, it); err != nil {
			batch.Drop()
			return nil, err
		}
		switch it.Outcome {
		case message.Logged:
			logged++
		case message.Duplicate:
			duplicates++
		case message.Rejected:
			rejected++
		}
	}
	for tracker, p := range s.touched {
		s.keyBuf = p.Append(s.keyBuf[:0])
		batch.Set(journal.PositionKey(tracker), s.keyBuf)
	}
	for tracker, c := range s.counted {
		batch.Set(journal.CounterKey(tracker), c.encode())
	}
	for id, l := range s.grown {
		batch.Set(journal.LogKey(id), l.encode())
	}
	if batch.Empty() {
		batch.Drop()
	} else if err := batch.Commit("messages"); err != nil {
		return nil, err
	}
	for id, l := range s.grown {
		s.dirty[id] = l
		s.waiting.Store(earlier(s.waiting.Load(), l.WaitingMS))
	}
	s.growth.Add(s.leaves)
	s.unanchored.Add(s.leaves)
	s.logged.Add(logged)
	s.duplicates.Add(duplicates)
	s.rejected.Add(rejected)
	return s.acks(items), nil
}

// acks tells each tracker of the batch where it stands, duplicates included: their sender has not heard the last ack.
func (s *Sequencer) acks(items []*message.Item) []Ack {
	var acks []Ack
	done := map[string]bool{}
	for _, it := range items {
		switch {
		case it.Outcome == message.Rejected:
		case it.JSONSeq != nil:
			acks = append(acks, Ack{Tracker: it.Tracker, JSONSeq: it.JSONSeq})
		case it.Signed && !done[it.Tracker]:
			done[it.Tracker] = true
			if p, ok := s.trackers.Get(it.Tracker); ok {
				if boot, seq, ok := p.Ack(); ok {
					acks = append(acks, Ack{Tracker: it.Tracker, Boot: boot, Seq: seq})
				}
			}
		}
	}
	return acks
}

func (s *Sequencer) place(batch *journal.Batch, it *message.Item) error {
	if it.Reject != nil {
		it.Outcome = message.Rejected
		if it.Reject.Reason.Temporary() || it.Alike == 0 {
			return nil // its tracker sends it again, or there are enough like it: a flood must not be as costly as it wants to be
		}
		r := journal.Rejected{Reason: string(it.Reject.Reason), Tracker: it.Tracker, Topic: it.Topic, Detail: it.Reject.Detail, Count: it.Alike, Raw: it.Raw, Bytes: len(it.Raw), ReceivedMS: it.ReceivedMS}
		if it.Raw != nil {
			r.Hash = hex.EncodeToString(it.Hash[:])
		}
		batch.Quarantine(&r)
		return nil
	}
	flags, duplicate, err := s.recognise(batch, it)
	if err != nil {
		return err
	}
	if duplicate {
		it.Outcome = message.Duplicate
		return nil
	}
	it.Outcome = message.Logged
	flags |= it.Flags
	if it.ReceivedMS-it.TimeMS > lateMS {
		flags |= flagLate
	}
	own := len(it.Routes) == 0 // the tracker's own log takes what no shipment's does
	if own {
		flags |= flagUnassigned
	}
	for _, r := range it.Routes {
		sealed, err := s.isSealed(r.Shipment)
		if err != nil {
			return err
		}
		if sealed {
			own = true
			continue
		}
		if err := s.leaf(batch, it, flags, anchor.Shipment, r.Shipment, r.ShipmentTx); err != nil {
			return err
		}
	}
	if !own {
		return nil
	}
	if len(it.Routes) > 0 {
		flags |= flagAfterClose
	}
	return s.leaf(batch, it, flags, anchor.Tracker, it.Tracker, it.TrackerTx)
}

// leaf gives a message one in the log of a shipment or a tracker, which tx opened.
func (s *Sequencer) leaf(batch *journal.Batch, it *message.Item, flags journal.Flags, kind, subject, tx string) error {
	l, fresh, err := s.openLog(kind, subject, tx)
	if err != nil {
		return err
	}
	if fresh {
		batch.Set(journal.SubjectKey(kind, subject, l.id), nil)
	}
	leaf := telemetry.Leaf{Kind: telemetry.LeafUnsigned, Hash: it.Hash, ReceivedMS: it.ReceivedMS, Ingest: s.cfg.Ingest}
	if it.Signed {
		leaf.Kind = telemetry.LeafSigned
	}
	m := journal.Message{
		Log: l.id, Leaf: l.log.Size(), Entry: leaf.Encode(), Raw: it.Raw, Tracker: it.Tracker, Signed: it.Signed,
		Boot: it.Boot, Seq: it.Seq, Kind: uint8(it.Kind), TimeMS: it.TimeMS, ReceivedMS: it.ReceivedMS, Flags: flags, Readings: it.Readings,
	}
	if kind == anchor.Shipment {
		m.Shipment = subject
	}
	l.log.Append(merkle.LeafHash(m.Entry), nil)
	if l.WaitingMS == 0 {
		l.WaitingMS = it.ReceivedMS
	}
	s.grown[l.id] = l
	s.leaves++
	batch.Enqueue(journal.MessageRecord, m.Append)
	return nil
}

// recognise tells new messages from known ones and gives a new one its place in the tracker's chain.
func (s *Sequencer) recognise(batch *journal.Batch, it *message.Item) (flags journal.Flags, duplicate bool, err error) {
	if !it.Signed {
		if duplicate, err = s.recognisePlain(batch, it); duplicate || err != nil {
			return 0, duplicate, err
		}
		flags, err = s.count(it)
		return flags, false, err
	}
	p, err := s.position(it.Tracker)
	if err != nil {
		return 0, false, err
	}
	held := func(boot, seq uint64) (telemetry.Hash, bool, error) { return s.held(it.Tracker, boot, seq) }
	link := trackerchain.Link{Boot: it.Boot, Seq: it.Seq, Hash: it.Hash, Prev: it.Prev, TimeMS: it.TimeMS, Gap: it.Gap}
	switch word, err := p.Recognise(&link, held); {
	case err != nil || word == telemetry.Duplicate:
		return 0, true, err
	case word == telemetry.Fork:
		return s.fork(batch, it)
	}
	s.fresh[seen{it.Tracker, it.Boot, it.Seq}] = it.Hash
	s.keyBuf = journal.SeenKey(s.keyBuf, it.Tracker, it.Boot, it.Seq)
	s.valueBuf = appendDay(append(s.valueBuf[:0], it.Hash[:]...), it.ReceivedMS)
	batch.Set(s.keyBuf, s.valueBuf)
	s.touched[it.Tracker] = p
	words, err := p.Place(&link, held)
	for _, w := range words {
		flags |= journal.Flag(w)
	}
	return flags, false, err
}

// fork: authentic, but its place is taken by other bytes. It is logged once, as evidence, and moves nothing.
func (s *Sequencer) fork(batch *journal.Batch, it *message.Item) (journal.Flags, bool, error) {
	s.keyBuf = journal.ForkKey(s.keyBuf, it.Tracker, it.Boot, it.Seq, it.Hash)
	known := s.freshForks[fork{it.Tracker, it.Hash}]
	if !known {
		var err error
		if known, err = s.db.Has(s.keyBuf); err != nil {
			return 0, false, err
		}
	}
	if known {
		return 0, true, nil
	}
	s.freshForks[fork{it.Tracker, it.Hash}] = true
	batch.Set(s.keyBuf, appendDay(nil, it.ReceivedMS))
	return flagFork, false, nil
}

// repeatMS: the same bytes without a time and a seq within this span are one message that was delivered twice. A tracker
// that measures the same values again and sends neither is understood to do so less often.
const repeatMS = 10_000

// recognisePlain goes by the id that the sender's platform gave the message, whatever the bytes are then, and by the bytes. A broker hides
// from us whether a tracker sent a message again, so for messages that name no time the span between them has to decide.
func (s *Sequencer) recognisePlain(batch *journal.Batch, it *message.Item) (duplicate bool, err error) {
	if it.MessageID != "" {
		if duplicate, err = s.recogniseID(batch, it); duplicate || err != nil {
			return duplicate, err
		}
	}
	key := fork{it.Tracker, it.Hash}
	last, found := s.freshPlain[key]
	s.keyBuf = journal.PlainKey(s.keyBuf, it.Tracker, it.Hash)
	if !found {
		v, err := s.db.Get(s.keyBuf)
		if err != nil {
			return false, err
		}
		if found = v != nil; found {
			last = decodeMS(v)
		}
	}
	if found && it.MessageID == "" && (it.Timed || it.ReceivedMS-last < repeatMS) {
		it.Repeated = !it.Timed
		return true, nil
	}
	s.freshPlain[key] = it.ReceivedMS
	batch.Set(s.keyBuf, encodeMS(it.ReceivedMS))
	return false, nil
}

func (s *Sequencer) position(tracker string) (*trackerchain.Progress, error) {
	if p, ok := s.trackers.Get(tracker); ok {
		return p, nil
	}
	b, err := s.db.Get(journal.PositionKey(tracker))
	if err != nil {
		return nil, err
	}
	p := &trackerchain.Progress{}
	if b != nil {
		if p, err = trackerchain.DecodeProgress(b); err != nil {
			return nil, fmt.Errorf("tracker %s: %w", tracker, err)
		}
	}
	s.trackers.Put(tracker, p)
	return p, nil
}

func (s *Sequencer) held(tracker string, boot, seq uint64) (hash [32]byte, found bool, err error) {
	if hash, found = s.fresh[seen{tracker, boot, seq}]; found {
		return hash, true, nil
	}
	// Its own buffer: the caller may hold a key in keyBuf.
	v, err := s.db.Get(journal.SeenKey(nil, tracker, boot, seq))
	if err != nil || len(v) < 32 {
		return hash, false, err
	}
	return [32]byte(v[:32]), true, nil
}

// Counts since the start of the process.
type Counts struct{ Logged, Duplicates, Rejected, Anchored uint64 }

// Counts returns the counters.
func (s *Sequencer) Counts() Counts {
	return Counts{s.logged.Load(), s.duplicates.Load(), s.rejected.Load(), s.anchored.Load()}
}

// Growth is how many leaves no prepared anchor covers.
func (s *Sequencer) Growth() uint64 { return s.growth.Load() }

// Unanchored is how many leaves no anchor that is valid on the ledger covers.
func (s *Sequencer) Unanchored() uint64 { return s.unanchored.Load() }

// WaitingMS is when the oldest of these was received; 0 when there is none. Like the other counts it is told also while a commit waits for
// room on the disk.
func (s *Sequencer) WaitingMS() int64 { return s.waiting.Load() }

// oldestWaiting looks for it.
func (s *Sequencer) oldestWaiting() (oldest int64) {
	if s.pending != nil {
		oldest = s.pending.WaitingMS
	}
	for _, l := range s.dirty {
		oldest = earlier(oldest, l.WaitingMS)
	}
	return oldest
}

// earlier of two times, of which 0 is none.
func earlier(a, b int64) int64 {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}
