// Package journal is ingest's memory across crashes: a Pebble database whose synced batches hold, together, messages, their
// leaf entries, the logs' new state, the trackers' positions and the keys that recognise duplicates. What is not yet in
// InfluxDB stands in a queue, in the order in which it was accepted.
package journal

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Faults are the failure switches of tests: called before and after each commit with its name. An error from Before means
// not applied, from After applied but reported as failed. They may end the process.
type Faults interface {
	Before(commit string) error
	After(commit string) error
}

// Options of Open.
type Options struct {
	// MaxBytes bounds the queue; beyond it Room is false and nothing more may be accepted. 0 = 4 GiB.
	MaxBytes int64
	// MinFree is the free disk space below which Room is false; 0 = 256 MiB. Half of it must be free to write at all.
	MinFree int64
	// QuarantineBytes and QuarantineRecords bound what was refused and is not in InfluxDB yet; beyond them the oldest go. 0 = 64 MiB,
	// 100,000. What comes at once counts a moment later.
	QuarantineBytes   int64
	QuarantineRecords int
	Log               *slog.Logger
	Faults            Faults
}

// DB is safe for concurrent use, except that only one goroutine may add to the queue.
type DB struct {
	opts   Options
	dir    string
	pebble *pebble.DB
	closed chan struct{}

	head    atomic.Uint64 // number of the oldest queued record
	next    atomic.Uint64 // number of the next one
	bytes   atomic.Int64  // queued
	free    atomic.Int64  // disk space
	blocked atomic.Bool   // the disk is full and a write waits
	checks  sync.WaitGroup

	quarantine quarantine
}

// Open opens or creates the journal in dir. Another process that has it open is an error.
func Open(dir string, opts Options) (*DB, error) {
	if opts.MaxBytes == 0 {
		opts.MaxBytes = 4 << 30
	}
	if opts.MinFree == 0 {
		opts.MinFree = 256 << 20
	}
	opts.QuarantineBytes = cmp.Or(opts.QuarantineBytes, 64<<20)
	opts.QuarantineRecords = cmp.Or(opts.QuarantineRecords, 100_000)
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	db := &DB{opts: opts, dir: dir, closed: make(chan struct{})}
	cache := pebble.NewCache(32 << 20)
	defer cache.Unref()
	po := &pebble.Options{
		// A full disk makes the write wait until there is room again, instead of ending the process.
		FS:                          vfs.OnDiskFull(vfs.Default, db.waitForSpace),
		Cache:                       cache,
		MemTableSize:                16 << 20,
		MemTableStopWritesThreshold: 4,
		L0CompactionThreshold:       8,
		L0StopWritesThreshold:       24,
		MaxOpenFiles:                512,
		Logger:                      pebbleLog{opts.Log},
		FormatMajorVersion:          pebble.FormatNewest,
	}
	// A message that is not a duplicate asks for a key that does not exist: without filters that reads every level.
	for i := range po.Levels {
		po.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	var err error
	if db.pebble, err = pebble.Open(dir, po); err != nil {
		return nil, fmt.Errorf("journal %s: %w (is another ingest running on it?)", dir, err)
	}
	if err := db.recover(); err != nil {
		return nil, errors.Join(err, db.pebble.Close())
	}
	db.measure()
	db.checks.Go(db.watchSpace)
	return db, nil
}

// Close releases the directory.
func (db *DB) Close() error {
	close(db.closed)
	db.checks.Wait()
	return db.pebble.Close()
}

// Checkpoint copies the journal as it is now to a folder that does not exist yet, while it goes on: files that never change again
// are linked. The copy is a journal.
func (db *DB) Checkpoint(to string) error {
	if err := db.pebble.Checkpoint(to, pebble.WithFlushedWAL()); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

// recover finds the ends of the queue and what it holds, and brings the quarantine within its bounds.
func (db *DB) recover() error {
	if err := db.findQueue(); err != nil {
		return err
	}
	return db.recoverQuarantine()
}

func (db *DB) findQueue() error {
	if v, err := db.Get(metaKey("stored")); err != nil {
		return err
	} else if len(v) == 8 {
		db.head.Store(binary.BigEndian.Uint64(v))
	}
	db.next.Store(db.head.Load())
	return db.Scan([]byte{prefixQueue}, func(key, value []byte) error {
		n := binary.BigEndian.Uint64(key[1:])
		// The removal is not synced: what was stored already may be there again, and stays out of sight.
		if n < db.head.Load() {
			return nil
		}
		db.next.Store(n + 1)
		db.bytes.Add(int64(len(value)))
		return nil
	})
}

// Get returns a value, nil when the key is not there.
func (db *DB) Get(key []byte) ([]byte, error) {
	v, closer, err := db.pebble.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	defer closer.Close()
	return append(make([]byte, 0, len(v)), v...), nil
}

// Has reports whether a key is there.
func (db *DB) Has(key []byte) (bool, error) {
	_, closer, err := db.pebble.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("journal: %w", err)
	}
	return true, closer.Close()
}

// Scan calls fn for the keys with a prefix, in order. Key and value are valid until fn returns.
func (db *DB) Scan(prefix []byte, fn func(key, value []byte) error) error {
	return db.scan(prefix, upper(prefix), fn)
}

// Entry is a key and its value.
type Entry struct{ Key, Value []byte }

// Page reads at most n entries whose keys have a prefix, from a key on.
func (db *DB) Page(prefix, from []byte, n int) (entries []Entry, err error) {
	err = db.scan(from, upper(prefix), func(key, value []byte) error {
		if len(entries) == n {
			return errStop
		}
		entries = append(entries, Entry{bytes.Clone(key), bytes.Clone(value)})
		return nil
	})
	if errors.Is(err, errStop) {
		err = nil
	}
	return entries, err
}

func (db *DB) scan(from, to []byte, fn func(key, value []byte) error) (err error) {
	it, err := db.pebble.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: to})
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for ok := it.First(); ok; ok = it.Next() {
		v, err := it.ValueAndErr()
		if err != nil {
			return fmt.Errorf("journal: %w", err)
		}
		if err := fn(it.Key(), v); err != nil {
			return err
		}
	}
	return it.Error()
}

func upper(prefix []byte) []byte {
	u := append([]byte(nil), prefix...)
	for i := len(u) - 1; i >= 0; i-- {
		if u[i]++; u[i] != 0 {
			return u[:i+1]
		}
	}
	return nil
}

// Batch is a set of changes that become durable together or not at all.
type Batch struct {
	db      *DB
	b       *pebble.Batch
	queued  uint64
	bytes   int64
	refused []int64 // sizes of what goes to the quarantine
	scratch []byte
}

// Begin starts a batch. End it with Commit or Drop.
func (db *DB) Begin() *Batch { return &Batch{db: db, b: db.pebble.NewBatch()} }

// Set writes a key.
func (b *Batch) Set(key, value []byte) {
	if err := b.b.Set(key, value, nil); err != nil { // only a closed batch fails
		panic(err)
	}
}

// Delete removes a key.
func (b *Batch) Delete(key []byte) {
	if err := b.b.Delete(key, nil); err != nil {
		panic(err)
	}
}

// DeleteAll removes all keys with a prefix.
func (b *Batch) DeleteAll(prefix []byte) {
	if err := b.b.DeleteRange(prefix, upper(prefix), nil); err != nil {
		panic(err)
	}
}

// Enqueue appends a record to the queue; it gets its number with the commit.
func (b *Batch) Enqueue(kind RecordKind, body func(dst []byte) []byte) {
	b.scratch = append(b.scratch[:0], byte(kind))
	b.scratch = body(b.scratch)
	key := queueKey(b.db.next.Load() + b.queued)
	b.Set(key[:], b.scratch)
	b.queued++
	b.bytes += int64(len(b.scratch))
}

// Empty reports whether there is nothing to commit.
func (b *Batch) Empty() bool { return b.b.Empty() }

// Commit makes the batch durable: when it returns nil, the changes survive a crash of the process and of the machine. name
// is what Faults see.
func (b *Batch) Commit(name string) error {
	if f := b.db.opts.Faults; f != nil {
		if err := f.Before(name); err != nil {
			b.Drop()
			return err
		}
	}
	if err := b.b.Commit(pebble.Sync); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	b.db.next.Add(b.queued)
	b.db.bytes.Add(b.bytes)
	if len(b.refused) > 0 {
		if err := b.db.quarantined(b.refused); err != nil {
			b.db.opts.Log.Error("quarantine is beyond its bounds", "err", err) // the batch is durable all the same
		}
	}
	if f := b.db.opts.Faults; f != nil {
		return f.After(name)
	}
	return nil
}

// Drop forgets the batch.
func (b *Batch) Drop() { _ = b.b.Close() }

// pebbleLog keeps Pebble's chatter at debug level. Fatalf is called when a commit fails and nothing can be saved by going
// on: the process ends, and the journal is recovered by the next start.
type pebbleLog struct{ log *slog.Logger }

func (l pebbleLog) Infof(format string, args ...any)  { l.log.Debug(fmt.Sprintf(format, args...)) }
func (l pebbleLog) Errorf(format string, args ...any) { l.log.Warn(fmt.Sprintf(format, args...)) }
func (l pebbleLog) Fatalf(format string, args ...any) {
	l.log.Error("journal cannot be written, stopping", "err", fmt.Sprintf(format, args...))
	os.Exit(3)
}

// Metrics of the journal.
type Metrics struct {
	QueueBytes, MaxBytes, FreeBytes int64
	Queue                           uint64 // records
	// Of what was refused: what waits for InfluxDB, its bytes, and how many had to go since the start.
	Quarantine, QuarantineBytes int64
	QuarantineDropped           uint64
}

// Metrics returns the present values.
func (db *DB) Metrics() Metrics {
	next := db.next.Load()
	q := &db.quarantine
	q.mu.Lock()
	defer q.mu.Unlock()
	return Metrics{
		QueueBytes: db.bytes.Load(), MaxBytes: db.opts.MaxBytes, FreeBytes: db.free.Load(), Queue: next - min(next, db.head.Load()),
		Quarantine: int64(len(q.sizes)), QuarantineBytes: q.bytes, QuarantineDropped: q.dropped,
	}
}

// Ready says why nothing can be accepted, or nil.
func (db *DB) Ready(context.Context) error {
	m := db.Metrics()
	switch {
	case db.blocked.Load():
		return errors.New("disk is full: free space and ingest goes on by itself")
	case m.QueueBytes >= m.MaxBytes:
		return fmt.Errorf("journal is full: %d MiB wait for InfluxDB", m.QueueBytes>>20)
	case m.FreeBytes < db.opts.MinFree:
		return fmt.Errorf("disk is almost full: %d MiB free, %d MiB needed", m.FreeBytes>>20, db.opts.MinFree>>20)
	}
	return nil
}

// Room reports whether more may be accepted.
func (db *DB) Room() bool { return db.Ready(context.Background()) == nil }

const spaceEvery = time.Second

func (db *DB) watchSpace() {
	tick := time.NewTicker(spaceEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			db.measure()
		case <-db.closed:
			return
		}
	}
}

func (db *DB) measure() {
	if u, err := vfs.Default.GetDiskUsage(db.dir); err == nil {
		db.free.Store(int64(min(u.AvailBytes, 1<<62)))
	}
}

// waitForSpace is called by the file system layer on ENOSPC; the write is tried once more when it returns.
func (db *DB) waitForSpace() {
	db.blocked.Store(true)
	defer db.blocked.Store(false)
	db.opts.Log.Error("disk is full, waiting for space", "dir", db.dir)
	for {
		select {
		case <-db.closed:
			return
		case <-time.After(spaceEvery):
		}
		if db.measure(); db.free.Load() > db.opts.MinFree/2 {
			return
		}
	}
}

// JSON encodes a value that is kept under a key of its own: a plain record, so it cannot fail.
func JSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}
