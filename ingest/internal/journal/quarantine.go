package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/cockroachdb/pebble/v2"
)

// quarantine is what was refused and is not in InfluxDB yet: a queue of its own, with bounds of its own, so that garbage takes
// no room from messages. When it is full the oldest go.
type quarantine struct {
	mu      sync.Mutex
	first   uint64  // number of the oldest
	sizes   []int64 // from the oldest on
	bytes   int64
	dropped uint64
}

func (q *quarantine) end() uint64 { return q.first + uint64(len(q.sizes)) }

// pop forgets the oldest.
func (q *quarantine) pop() {
	q.bytes -= q.sizes[0]
	q.first++
	q.sizes = q.sizes[1:]
}

func quarantineKey(n uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{prefixQuarantine}, n)
}

// Quarantine adds a refused message, as durable as the rest of the batch.
func (b *Batch) Quarantine(r *Rejected) {
	q := &b.db.quarantine
	q.mu.Lock()
	n := q.end() + uint64(len(b.refused)) // only the one who commits makes it grow
	q.mu.Unlock()
	b.scratch = r.Append(b.scratch[:0])
	b.Set(quarantineKey(n), b.scratch)
	b.refused = append(b.refused, int64(len(b.scratch)))
}

// quarantined counts what a batch added, and lets the oldest go. That is not synced: after a crash they are there again, and
// go again when the journal is opened.
func (db *DB) quarantined(sizes []int64) error {
	q := &db.quarantine
	q.mu.Lock()
	defer q.mu.Unlock()
	q.sizes = append(q.sizes, sizes...)
	for _, size := range sizes {
		q.bytes += size
	}
	from := q.first
	for len(q.sizes) > 0 && (q.bytes > db.opts.QuarantineBytes || len(q.sizes) > db.opts.QuarantineRecords) {
		q.pop()
		q.dropped++
	}
	return db.forgetQuarantined(from, q.first)
}

// Quarantined calls fn for what was refused, oldest first, until it returns false. The slices are valid until fn returns.
func (db *DB) Quarantined(fn func(n uint64, body []byte) (more bool)) error {
	db.quarantine.mu.Lock()
	from, to := db.quarantine.first, db.quarantine.end()
	db.quarantine.mu.Unlock()
	err := db.scan(quarantineKey(from), quarantineKey(to), func(key, value []byte) error {
		if !fn(binary.BigEndian.Uint64(key[1:]), value) {
			return errStop
		}
		return nil
	})
	if errors.Is(err, errStop) {
		return nil
	}
	return err
}

// Release forgets what was refused before number upTo: it is in InfluxDB. As with Trim, a crash only has it written again.
func (db *DB) Release(upTo uint64) error {
	q := &db.quarantine
	q.mu.Lock()
	defer q.mu.Unlock()
	from := q.first
	for q.first < upTo && len(q.sizes) > 0 {
		q.pop()
	}
	return db.forgetQuarantined(from, q.first)
}

func (db *DB) forgetQuarantined(from, to uint64) error {
	if from == to {
		return nil
	}
	if err := db.pebble.DeleteRange(quarantineKey(from), quarantineKey(to), pebble.NoSync); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

// recoverQuarantine finds what is there, and brings it within its bounds.
func (db *DB) recoverQuarantine() error {
	q := &db.quarantine
	err := db.Scan([]byte{prefixQuarantine}, func(key, value []byte) error {
		if len(q.sizes) == 0 {
			q.first = binary.BigEndian.Uint64(key[1:])
		}
		q.sizes = append(q.sizes, int64(len(value)))
		q.bytes += int64(len(value))
		return nil
	})
	if err != nil {
		return err
	}
	return db.quarantined(nil)
}
