package sequence

import (
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/trackseal/trackseal/ingest/internal/journal"
	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/merkle"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/internal/trackerchain"
)

// Rebuild makes a journal again from what is stored: the state of each log, the positions of trackers, and what recognises repeated messages.
// A message is placed by the same code that places live ones. Not safe for concurrent use.
type Rebuild struct {
	db    *journal.DB
	cfg   Config
	logs  map[[32]byte]*logState
	batch *journal.Batch
	n     int
	// counters of trackers that do not sign, by their newest messages. The ids that senders gave their messages are not made again: one
	// that is sent once more with other bytes gets one more leaf.
	counters map[string]lastCount
}

// NewRebuild begins in an empty journal.
func NewRebuild(db *journal.DB, cfg Config) *Rebuild {
	return &Rebuild{db: db, cfg: cfg, logs: map[[32]byte]*logState{}, batch: db.Begin(), counters: map[string]lastCount{}}
}

// rebuildBatch is how many messages go into one batch.
const rebuildBatch = 2000

// Log begins a log, which a life of the instance wrote; nothing of it is there yet. The present life's go on.
func (r *Rebuild) Log(kind, subject, openTx, life string) (id [32]byte) {
	id = anchor.LogID(r.cfg.Channel, kind, subject, openTx, life)
	if r.logs[id] == nil {
		l := &logState{id: id, logMeta: logMeta{Kind: kind, Subject: subject, OpenTx: openTx}}
		if life != r.cfg.Ingest {
			l.Ingest = life
		}
		r.logs[id] = l
	}
	return id
}

// Size and Root of a log so far.
func (r *Rebuild) Size(id [32]byte) uint64 { return r.logs[id].log.Size() }
func (r *Rebuild) Root(id [32]byte) string { return hexRoot(&r.logs[id].log) }

// Anchored notes how much of a log earlier anchors cover, and whether it has ended.
func (r *Rebuild) Anchored(id [32]byte, size uint64, sealed bool) {
	l := r.logs[id]
	l.Anchored, l.Sealed = min(size, l.log.Size()), sealed
	if sealed && l.Kind == anchor.Shipment {
		r.Sealed(l.Subject)
	}
}

// Sealed has the shipment's logs be ended here.
func (r *Rebuild) Sealed(shipment string) { r.batch.Set(journal.SealedKey(shipment), nil) }

// Add appends the next leaf to a log, with all that makes its message known.
func (r *Rebuild) Add(id [32]byte, m *journal.Message) error {
	l := r.logs[id]
	if m.Leaf != l.log.Size() {
		return fmt.Errorf("leaf %d of log %x after %d", m.Leaf, id[:4], l.log.Size())
	}
	l.log.Append(merkle.LeafHash(m.Entry), nil)
	return r.know(m)
}

// Queue is Add of a message that is not in InfluxDB: it gets there as those do that come.
func (r *Rebuild) Queue(id [32]byte, m *journal.Message) error {
	if err := r.Add(id, m); err != nil {
		return err
	}
	r.batch.Enqueue(journal.MessageRecord, m.Append)
	return r.written()
}

// Again gives a message whose place is lost another one: at the end of the present life's log of the subject, or of its tracker when the
// subject's has ended.
func (r *Rebuild) Again(kind, subject, openTx string, m *journal.Message) error {
	leaf, err := telemetry.DecodeLeaf(m.Entry)
	if err != nil {
		return err
	}
	leaf.Ingest = r.cfg.Ingest
	id := r.Log(kind, subject, openTx, r.cfg.Ingest)
	next := *m
	next.Log, next.Leaf, next.Entry, next.Shipment = id, r.Size(id), leaf.Encode(), ""
	if kind == anchor.Shipment {
		next.Shipment = subject
	}
	return r.Queue(id, &next)
}

// Head queues a head that may not be in InfluxDB yet.
func (r *Rebuild) Head(h *journal.Head) error {
	r.batch.Enqueue(journal.HeadRecord, h.Append)
	return r.written()
}

// know writes what recognises the message, and keeps for Positions what its tracker said of its place.
func (r *Rebuild) know(m *journal.Message) error {
	leaf, err := telemetry.DecodeLeaf(m.Entry)
	if err != nil {
		return err
	}
	switch {
	case !m.Signed:
		r.batch.Set(journal.PlainKey(nil, m.Tracker, leaf.Hash), encodeMS(m.ReceivedMS))
		r.count(leaf.Kind, m)
	case m.Flags&flagFork != 0:
		r.batch.Set(journal.ForkKey(nil, m.Tracker, m.Boot, m.Seq, leaf.Hash), appendDay(nil, m.ReceivedMS))
	default:
		o, err := telemetry.Open(leaf.Kind, m.Raw, m.ReceivedMS)
		if err != nil || o.Signed == nil {
			return fmt.Errorf("message %d/%d of %s as it is stored: %w", m.Boot, m.Seq, m.Tracker, errors.Join(err, errState))
		}
		r.batch.Set(journal.SeenKey(nil, m.Tracker, m.Boot, m.Seq), appendDay(leaf.Hash[:], m.ReceivedMS))
		r.batch.Set(journal.LinkKey(m.Tracker, m.Boot, m.Seq), appendLink(nil, o.Signed))
	}
	return r.written()
}

// count keeps the counter of the newest message that a profile read. What cannot be opened has none: its flag is a hint, no more.
func (r *Rebuild) count(kind uint8, m *journal.Message) {
	if last, ok := r.counters[m.Tracker]; ok && last.timeMS > m.TimeMS {
		return
	}
	o, err := telemetry.Open(kind, m.Raw, m.ReceivedMS)
	if err == nil && o.Seq != nil && o.Envelope != nil && o.Envelope.Profile != (telemetry.Hash{}) {
		r.counters[m.Tracker] = lastCount{*o.Seq, m.TimeMS}
	}
}

// written keeps batches small: nobody reads the journal before all is there.
func (r *Rebuild) written() error {
	if r.n++; r.n%rebuildBatch != 0 {
		return nil
	}
	return r.flush()
}

func (r *Rebuild) flush() error {
	if r.batch.Empty() {
		return nil
	}
	err := r.batch.Commit("rebuild")
	r.batch = r.db.Begin()
	return err
}

// Finish writes logs and positions, the life, and what is left to do: then the journal is whole.
func (r *Rebuild) Finish(life int, left []byte) error {
	for id, l := range r.logs {
		if l.log.Size() == 0 {
			continue
		}
		r.batch.Set(journal.LogKey(id), l.encode())
		r.batch.Set(journal.SubjectKey(l.Kind, l.Subject, id), nil)
		if err := r.written(); err != nil {
			return err
		}
	}
	if err := r.flush(); err != nil {
		return err
	}
	for tracker, c := range r.counters {
		r.batch.Set(journal.CounterKey(tracker), c.encode())
		if err := r.written(); err != nil {
			return err
		}
	}
	if err := r.positions(); err != nil {
		return err
	}
	r.batch.SetLife(life)
	r.batch.SetUnfinished(left)
	return r.flush()
}

// positions places the messages of each tracker in the order in which the tracker sent them.
func (r *Rebuild) positions() error {
	var tracker string
	var p *trackerchain.Progress
	put := func() {
		if p != nil {
			r.batch.Set(journal.PositionKey(tracker), p.Append(nil))
		}
	}
	held := func(boot, seq uint64) (hash telemetry.Hash, found bool, err error) {
		v, err := r.db.Get(journal.SeenKey(nil, tracker, boot, seq))
		if err != nil || len(v) < 32 {
			return hash, false, err
		}
		return [32]byte(v[:32]), true, nil
	}
	err := r.db.Scan(journal.LinkPrefix, func(key, value []byte) error {
		name, boot, seq, _ := journal.RepeatPlace(key)
		if name != tracker {
			put()
			tracker, p = name, &trackerchain.Progress{}
		}
		l, err := decodeLink(value)
		if err != nil {
			return err
		}
		l.Boot, l.Seq = boot, seq
		hash, _, err := held(boot, seq)
		if err != nil {
			return err
		}
		l.Hash = hash
		_, err = p.Place(&l, held)
		return err
	})
	if err != nil {
		return err
	}
	put()
	r.batch.DeleteAll(journal.LinkPrefix)
	return r.flush()
}

var errLink = errors.New("journal: link is damaged")

// HexLog is a log's id as stores have it.
func HexLog(id [32]byte) string { return hex.EncodeToString(id[:]) }
