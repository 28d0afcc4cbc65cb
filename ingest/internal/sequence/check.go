package sequence

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"github.com/trackseal/trackseal/ingest/internal/journal"
	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/merkle"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/internal/trackerchain"
)

// State is what a journal says that there is. It is read once, and never written.
type State struct {
	Logs map[[32]byte]LogAt
	// The heads log.
	HeadsSize uint64
	Last      Anchored
	Pending   *Pending
	Sound     bool // its nodes have the roots that it names
	// What waits for InfluxDB, in its order.
	Heads   []stored.Head
	Waiting map[[32]byte][]uint64                  // messages: log -> numbers of records
	Aside   map[[32]byte][][]byte                  // messages that InfluxDB refused
	Places  map[string]map[telemetry.Position]bool // signed messages of both: tracker -> places

	db  *journal.DB
	seq *Sequencer // as far as the heads log goes
}

// PlaceOf is that of a Sequencer.
func (s *State) PlaceOf(size uint64, root string) (Place, error) { return s.seq.PlaceOf(size, root) }

// LogAt is where a log stands.
type LogAt struct {
	Kind, Subject string
	Ingest        string // the life of the instance that wrote it
	Size          uint64
	Root          merkle.Hash
	// Of its newest leaf of the heads log: its number plus one (0 = none), and what it says beside the root.
	Head     uint64
	HeadSize uint64
	Prev     *uint64
	Closed   bool
}

// Newest is a log's newest leaf of the heads log, when the log's root at that size is as given.
func (s *State) Newest(id [32]byte, root merkle.Hash) (index uint64, entry []byte, ok bool) {
	l := s.Logs[id]
	if l.Head == 0 {
		return 0, nil, false
	}
	entry = anchor.HeadLeaf{Log: id, Size: l.HeadSize, Root: root, Prev: l.Prev, Closed: l.Closed}.Encode()
	hash, err := s.Node(0, l.Head-1)
	return l.Head - 1, entry, err == nil && hash == merkle.LeafHash(entry)
}

// Node of the heads log.
func (s *State) Node(level uint, index uint64) (merkle.Hash, error) {
	return nodes{s.db, nil}.Node(level, index)
}

// Check reads all that a journal holds and says what cannot be: what does not decode, and states that contradict one another. Its error is
// that the journal cannot be read at all.
func Check(db *journal.DB, cfg Config, say func(what, of, detail string)) (*State, error) {
	c := &check{db: db, cfg: cfg, say: say, s: &State{Logs: map[[32]byte]LogAt{}, Waiting: map[[32]byte][]uint64{}, Aside: map[[32]byte][][]byte{}, Places: map[string]map[telemetry.Position]bool{}, db: db}}
	for _, kind := range journal.Kinds {
		if err := db.Scan(kind.Prefix, c.each(kind)); err != nil {
			say("table", kind.Name, err.Error())
		}
	}
	c.heads()
	for id, l := range c.logs {
		c.log(id, l)
	}
	return c.s, nil
}

type check struct {
	db    *journal.DB
	cfg   Config
	say   func(what, of, detail string)
	s     *State
	logs  map[[32]byte]*logState
	ends  map[[32]byte]uint64 // of what is queued of a log
	queue uint64              // number expected next
}

func (c *check) each(kind journal.Kind) func(key, value []byte) error {
	c.logs, c.ends = orMap(c.logs), orMap(c.ends)
	sayf := func(of, format string, args ...any) { c.say("journal", of, fmt.Sprintf(format, args...)) }
	switch string(kind.Prefix) {
	case string(journal.LogPrefix):
		return func(key, value []byte) error {
			if len(key) != 33 {
				sayf("logs", "key %x is no log's", key)
				return nil
			}
			l, err := decodeLog([32]byte(key[1:]), value)
			if err != nil {
				sayf(hex.EncodeToString(key[1:]), "the log's state does not decode: %v", err)
				return nil
			}
			c.logs[l.id] = l
			return nil
		}
	case string(journal.PositionPrefix):
		return func(key, value []byte) error {
			if _, err := trackerchain.DecodeProgress(value); err != nil {
				sayf(string(key[1:]), "the tracker's position does not decode: %v", err)
			}
			return nil
		}
	case string(journal.CounterPrefix):
		return func(key, value []byte) error {
			if _, err := decodeCounter(value); err != nil {
				sayf(string(key[1:]), "the tracker's counter does not decode: %v", err)
			}
			return nil
		}
	case string(journal.SeenPrefix):
		return func(key, value []byte) error {
			if tracker, _, _, ok := journal.RepeatPlace(key); !ok || len(value) != 34 {
				sayf(tracker, "what recognises a message that is sent again does not decode")
			}
			return nil
		}
	case string(journal.AsidePrefix):
		return func(_, value []byte) error {
			if len(value) == 0 || journal.RecordKind(value[0]) != journal.MessageRecord {
				return nil
			}
			body := append([]byte(nil), value[1:]...)
			m, err := journal.DecodeMessage(body)
			if err != nil {
				sayf("records kept aside", "%v", err)
				return nil
			}
			c.s.Aside[m.Log] = append(c.s.Aside[m.Log], body)
			c.place(&m)
			return nil
		}
	case "q":
		c.queue = c.db.QueueHead()
		return func(key, value []byte) error {
			if n := binary.BigEndian.Uint64(key[1:]); n >= c.db.QueueHead() {
				c.queued(n, value)
			}
			return nil
		}
	}
	return func([]byte, []byte) error { return nil } // reading it was the check
}

func orMap[V any](m map[[32]byte]V) map[[32]byte]V {
	if m == nil {
		m = map[[32]byte]V{}
	}
	return m
}

func (c *check) place(m *journal.Message) {
	if !m.Signed {
		return
	}
	if c.s.Places[m.Tracker] == nil {
		c.s.Places[m.Tracker] = map[telemetry.Position]bool{}
	}
	c.s.Places[m.Tracker][telemetry.Position{Boot: m.Boot, Seq: m.Seq}] = true
}

// queued checks one record: numbers without a hole, and the leaves of each log too.
func (c *check) queued(n uint64, value []byte) {
	of := fmt.Sprintf("queue record %d", n)
	if n != c.queue {
		c.say("queue", of, fmt.Sprintf("records %d to %d before it are missing", c.queue, n-1))
	}
	c.queue = n + 1
	if len(value) == 0 {
		c.say("queue", of, "it is empty")
		return
	}
	switch journal.RecordKind(value[0]) {
	case journal.MessageRecord:
		m, err := journal.DecodeMessage(value[1:])
		if err != nil {
			c.say("queue", of, err.Error())
			return
		}
		if end, begun := c.ends[m.Log]; begun && m.Leaf != end {
			c.say("queue", of, fmt.Sprintf("log %x goes on with leaf %d instead of %d", m.Log, m.Leaf, end))
		}
		c.ends[m.Log] = m.Leaf + 1
		c.s.Waiting[m.Log] = append(c.s.Waiting[m.Log], n)
		c.place(&m)
	case journal.HeadRecord:
		h, err := journal.DecodeHead(append([]byte(nil), value[1:]...))
		if err != nil {
			c.say("queue", of, err.Error())
			return
		}
		c.s.Heads = append(c.s.Heads, stored.Head(h))
	default:
		c.say("queue", of, fmt.Sprintf("it is of the unknown kind %d", value[0]))
	}
}

// heads rebuilds the heads log from its leaves' hashes, and compares its nodes and the roots that are named.
func (c *check) heads() {
	of := "heads log"
	s := &Sequencer{cfg: c.cfg, db: c.db}
	c.s.seq = s
	if err := s.loadHeads(); err != nil {
		c.say("journal", of, err.Error())
		return
	}
	c.s.HeadsSize, c.s.Last, c.s.Pending = s.heads.log.Size(), s.heads.last, s.pending
	read, sound := nodes{c.db, nil}, true
	fault := func(format string, args ...any) {
		sound = false
		c.say("journal", of, fmt.Sprintf(format, args...))
	}
	var t merkle.Log
	for i := range c.s.HeadsSize {
		leaf, err := read.Node(0, i)
		if err != nil {
			fault("%v", err)
			return
		}
		t.Append(leaf, func(level uint, index uint64, h merkle.Hash) {
			if got, err := read.Node(level, index); err != nil || got != h {
				fault("node %d at level %d is not the one that its leaves give", index, level)
			}
		})
		if size := t.Size(); size == c.s.Last.Size && hexRoot(&t) != c.s.Last.Root {
			fault("its first %d leaves do not have the root of the newest anchor that it knows", size)
		}
		if entry, err := c.db.Get(journal.HeadKey(i)); err == nil && entry != nil && merkle.LeafHash(entry) != leaf {
			fault("leaf %d is not the one whose hash it has", i)
		}
	}
	if hexRoot(&t) != hexRoot(&s.heads.log) {
		fault("its %d leaves do not have its root", c.s.HeadsSize)
	}
	if p := c.s.Pending; p != nil && (p.NewSize != t.Size() || p.NewRoot != hexRoot(&t)) {
		fault("the pending anchor is of size %d, and it has %d leaves or another root", p.NewSize, t.Size())
	}
	c.s.Sound = sound
}

// log compares a log's state with its id, with what is queued of it, and with its leaf in the heads log.
func (c *check) log(id [32]byte, l *logState) {
	of := l.Subject
	say := func(format string, args ...any) { c.say("journal", of, fmt.Sprintf(format, args...)) }
	ingest := cmp.Or(l.Ingest, c.cfg.Ingest)
	c.s.Logs[id] = LogAt{Kind: l.Kind, Subject: l.Subject, Ingest: ingest, Size: l.log.Size(), Root: l.log.Root(), Head: l.Head, HeadSize: l.Headed, Prev: l.HeadPrev, Closed: l.HeadedClosed}
	if want := anchor.LogID(c.cfg.Channel, l.Kind, l.Subject, l.OpenTx, ingest); want != id {
		say("log %x is kept as that of %s %s, whose id is %x", id, l.Kind, l.Subject, want)
	}
	if l.Anchored > l.Headed || l.Headed > l.log.Size() {
		say("log %x has %d leaves, %d of them in a head and %d anchored", id, l.log.Size(), l.Headed, l.Anchored)
	}
	if end, queued := c.ends[id]; queued && end != l.log.Size() {
		say("log %x has %d leaves, and its queue ends at %d", id, l.log.Size(), end)
	}
	if l.Head == 0 || l.Ingest != "" || l.Headed != l.log.Size() {
		return
	}
	if index, _, ok := c.s.Newest(id, l.log.Root()); !ok {
		say("log %x does not have the state that leaf %d of the heads log is the hash of", id, index)
	}
}
