package sequence

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/trackseal/trackseal/ingest/internal/journal"
	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/merkle"
)

// headsLog is the instance's tree of log heads.
type headsLog struct {
	log merkle.Log
	// Last is the newest anchor that is valid on the ledger.
	last Anchored
}

// Anchored is an anchor that is valid on the ledger.
type Anchored struct {
	Size   uint64 `json:"size"`
	Root   string `json:"root"`
	Tx     string `json:"tx"`
	Block  uint64 `json:"block"`
	TimeMS int64  `json:"time_ms"`
	N      uint64 `json:"n"` // of the heads log's anchors
}

// Pending is an anchor that is prepared: its heads are in the heads log and in the journal, and whether the ledger has it
// is not known. It is submitted until the answer is known; no other is prepared before.
type Pending struct {
	OldSize uint64        `json:"old_size"`
	NewSize uint64        `json:"new_size"`
	OldRoot string        `json:"old_root"`
	NewRoot string        `json:"new_root"`
	Proof   []string      `json:"proof"`
	Heads   []PendingHead `json:"heads"`
	// WaitingMS is when the oldest leaf under it was received; 0 when it only ends logs.
	WaitingMS int64 `json:"waiting_ms,omitempty"`
}

// PendingHead is one new leaf of the heads log.
type PendingHead struct {
	Index  uint64  `json:"index"`
	Log    string  `json:"log"`
	Size   uint64  `json:"size"`
	Root   string  `json:"root"`
	Prev   *uint64 `json:"prev,omitempty"`
	Closed bool    `json:"closed,omitempty"`
}

const (
	metaHeads   = "heads"
	metaPending = "pending"
	metaLast    = "anchored"
)

// maxHeads bounds one anchor's journal batch; more wait for the next anchor.
const maxHeads = 20_000

func (s *Sequencer) loadHeads() error {
	s.heads, s.pending = headsLog{}, nil
	b, err := s.db.Get(journal.MetaKey(metaHeads))
	if err != nil {
		return err
	}
	if b != nil {
		if err := s.heads.log.UnmarshalBinary(b); err != nil {
			return fmt.Errorf("heads log: %w", err)
		}
	}
	err = errors.Join(s.loadJSON(metaPending, &s.pending), s.loadJSON(metaLast, &s.heads.last))
	s.waiting.Store(s.oldestWaiting())
	s.setLast(s.heads.last)
	return err
}

func (s *Sequencer) setLast(a Anchored) {
	s.heads.last = a
	s.last.Store(&a)
}

func (s *Sequencer) loadJSON(name string, to any) error {
	b, err := s.db.Get(journal.MetaKey(name))
	if b == nil || err != nil {
		return err
	}
	if err := json.Unmarshal(b, to); err != nil {
		return fmt.Errorf("journal: %s: %w", name, err)
	}
	return nil
}

// HeadsID is the heads log's id in hex.
func (s *Sequencer) HeadsID() string { return s.headsID }

// Last is the newest valid anchor; Size 0 when there is none.
func (s *Sequencer) Last() Anchored { return *s.last.Load() }

// PrepareAnchor returns the anchor to submit: the one that is pending, else a new one over all logs that grew or were
// sealed, else nil.
//
// Crash order: the new leaves, their nodes, each log's newest head and the pending anchor are one synced batch, before
// anything is sent. A crash before it leaves the logs dirty; after it, the same pending anchor is found again. So a head is
// never skipped and never anchored under two indexes.
func (s *Sequencer) PrepareAnchor() (*Pending, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pending != nil || len(s.dirty) == 0 {
		return s.pending, nil
	}
	p := &Pending{OldSize: s.heads.log.Size(), OldRoot: hexRoot(&s.heads.log)}
	logs := make([]*logState, 0, len(s.dirty))
	for _, l := range s.dirty {
		logs = append(logs, l)
	}
	// One order, whatever the map says: tests and audits see the same heads log for the same messages.
	slices.SortFunc(logs, func(a, b *logState) int { return slices.Compare(a.id[:], b.id[:]) })
	logs = logs[:min(len(logs), maxHeads)]

	batch := s.db.Begin()
	heads := s.heads.log.Clone()
	fresh := map[string]merkle.Hash{}
	changed := make([]*logState, len(logs))
	for i, l := range logs {
		leaf := anchor.HeadLeaf{Log: l.id, Size: l.log.Size(), Root: l.log.Root(), Closed: l.Sealed}
		if l.Head > 0 {
			prev := l.Head - 1
			leaf.Prev = &prev
		}
		entry, index := leaf.Encode(), heads.Size()
		heads.Append(merkle.LeafHash(entry), func(level uint, index uint64, h merkle.Hash) {
			key := journal.HeadNodeKey(level, index)
			fresh[string(key)] = h
			batch.Set(key, h[:])
		})
		batch.Set(journal.HeadKey(index), entry)
		p.Heads = append(p.Heads, PendingHead{Index: index, Log: hex.EncodeToString(l.id[:]), Size: leaf.Size, Root: hex.EncodeToString(leaf.Root[:]), Prev: leaf.Prev, Closed: leaf.Closed})
		next := *l
		p.WaitingMS = earlier(p.WaitingMS, l.WaitingMS)
		next.Headed, next.HeadedClosed, next.Head, next.HeadPrev, next.WaitingMS = leaf.Size, leaf.Closed, index+1, leaf.Prev, 0
		changed[i] = &next
		batch.Set(journal.LogKey(l.id), next.encode())
	}
	p.NewSize, p.NewRoot = heads.Size(), hexRoot(heads)
	proof, err := merkle.Consistency(nodes{s.db, fresh}, p.OldSize, p.NewSize)
	if err != nil {
		batch.Drop()
		return nil, err
	}
	p.Proof = hexHashes(proof)
	state, _ := heads.MarshalBinary() // cannot fail
	batch.Set(journal.MetaKey(metaHeads), state)
	batch.Set(journal.MetaKey(metaPending), journal.JSON(p))
	if err := batch.Commit("anchor-prepared"); err != nil {
		return nil, joinReset(err, s.reset())
	}
	s.heads.log, s.pending = *heads, p
	for i, l := range logs {
		l.logMeta = changed[i].logMeta
		if !l.dirty() {
			delete(s.dirty, l.id)
		}
	}
	s.growth.Store(s.countGrowth())
	return p, nil
}

// countGrowth counts leaves that no prepared anchor covers.
func (s *Sequencer) countGrowth() (n uint64) {
	for _, l := range s.dirty {
		n += l.log.Size() - l.Headed
	}
	return n
}

// CompleteAnchor records that the pending anchor is valid on the ledger: the heads go to InfluxDB through the queue, and
// the next anchor may be prepared. Calling it again for an anchor that is complete changes nothing.
//
// Crash order: one synced batch. Before it, the anchor is pending, its leaves' bytes are there, and the ledger answers that it
// has it already. After it, the queue has the bytes, and InfluxDB when the queue has let go of them.
func (s *Sequencer) CompleteAnchor(p *Pending, a Anchored) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pending == nil || s.pending.NewSize != p.NewSize {
		return nil
	}
	defer s.turn()
	batch := s.db.Begin()
	read := nodes{s.db, map[string]merkle.Hash{}}
	var leaves uint64
	changed := map[*logState]logMeta{}
	for _, h := range p.Heads {
		entry, err := s.db.Get(journal.HeadKey(h.Index))
		if err != nil {
			batch.Drop()
			return err
		}
		proof, err := merkle.Inclusion(read, h.Index, p.NewSize)
		if err != nil {
			batch.Drop()
			return err
		}
		point := journal.Head{
			Heads: s.headsID, Log: h.Log, Index: h.Index, Size: h.Size, Root: h.Root, Prev: -1, Closed: h.Closed, Entry: entry,
			HeadsSize: p.NewSize, HeadsRoot: p.NewRoot, Tx: a.Tx, Block: a.Block, Proof: proof, TimeMS: a.TimeMS,
		}
		if h.Prev != nil {
			point.Prev = int64(*h.Prev)
		}
		batch.Enqueue(journal.HeadRecord, point.Append)
		batch.Delete(journal.HeadKey(h.Index)) // the queued head has its bytes from here on
		id, err := hex.DecodeString(h.Log)
		if err != nil || len(id) != 32 {
			batch.Drop()
			return errState
		}
		l, err := s.log([32]byte(id))
		if err != nil || l == nil {
			batch.Drop()
			return errors.Join(errState, err)
		}
		meta := l.logMeta
		leaves += h.Size - meta.Anchored
		meta.Anchored, meta.AnchoredClosed = h.Size, meta.AnchoredClosed || h.Closed
		changed[l] = meta
		next := *l
		next.logMeta = meta
		batch.Set(journal.LogKey(l.id), next.encode())
	}
	batch.Set(journal.MetaKey(metaLast), journal.JSON(a))
	batch.Delete(journal.MetaKey(metaPending))
	if err := batch.Commit("anchored"); err != nil {
		return joinReset(err, s.reset())
	}
	for l, meta := range changed {
		l.logMeta = meta
	}
	s.setLast(a)
	s.pending = nil
	s.anchored.Add(leaves)
	s.unanchored.Add(-leaves)
	s.waiting.Store(s.oldestWaiting())
	return nil
}

// HeadsConsistency proves over the heads log.
func (s *Sequencer) HeadsConsistency(first, second uint64) ([]string, error) {
	if err := s.checkHeadsSize(second); err != nil {
		return nil, err
	}
	proof, err := merkle.Consistency(nodes{s.db, nil}, first, second)
	return hexHashes(proof), err
}

// ErrSize: the heads log is not that long.
var ErrSize = errors.New("heads log is smaller")

func (s *Sequencer) checkHeadsSize(size uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if size > s.heads.log.Size() {
		return fmt.Errorf("%w: %d leaves, not %d", ErrSize, s.heads.log.Size(), size)
	}
	return nil
}

// nodes reads the heads log's nodes; fresh holds those of the batch under way and what was read already.
type nodes struct {
	db    *journal.DB
	fresh map[string]merkle.Hash
}

func (n nodes) Node(level uint, index uint64) (merkle.Hash, error) {
	key := journal.HeadNodeKey(level, index)
	if h, ok := n.fresh[string(key)]; ok {
		return h, nil
	}
	b, err := n.db.Get(key)
	if err != nil {
		return merkle.Hash{}, err
	}
	if len(b) != 32 {
		return merkle.Hash{}, fmt.Errorf("heads log has no node %d at level %d", index, level)
	}
	if n.fresh != nil {
		n.fresh[string(key)] = merkle.Hash(b)
	}
	return merkle.Hash(b), nil
}

// Args is what the chaincode is asked. epoch is that of the operator's partitions.
func (p *Pending) Args(heads, ingest string, epoch uint64, nowMS int64) ledger.ExtendArgs {
	return ledger.ExtendArgs{Heads: heads, Ingest: ingest, OldSize: p.OldSize, NewSize: p.NewSize, NewRoot: p.NewRoot, Proof: p.Proof, TimeMS: nowMS, Epoch: epoch}
}

func hexRoot(l *merkle.Log) string {
	r := l.Root()
	return hex.EncodeToString(r[:])
}

func hexHashes(h []merkle.Hash) []string {
	out := make([]string, len(h))
	for i := range h {
		out[i] = hex.EncodeToString(h[i][:])
	}
	return out
}

func joinReset(err, reset error) error { return errors.Join(err, reset) }
